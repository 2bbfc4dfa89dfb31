"""The process that is dbt: what it says of what went wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flows import build, dbt_parse
from flows.build import Dbt
from flows.errors import Defect
from flows.home import Home
from flows.program import DBT_PROJECT

PROJECT = "name: sraap\nversion: 1.0.0\nprofile: sraap\nmodel-paths: [models]\n"


@pytest.mark.parametrize("sql", ["select 1 as one from {{ ref('nowhere') }}", "select nowhere as one"])
def test_what_went_wrong_in_dbt_stands_in_the_log_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "models" / "broken.sql").write_text(sql, encoding="utf-8")
    (project / "dbt_project.yml").write_text(PROJECT, encoding="utf-8")
    shutil.copy(DBT_PROJECT / "profiles.yml", project)
    monkeypatch.setattr(build, "DBT_PROJECT", project)
    monkeypatch.setattr(dbt_parse, "supply", lambda *_: None)
    dbt = Dbt(Home(tmp_path / "home"), tmp_path / "dbt.log", folder=tmp_path / "made")
    try:
        if "ref" in sql:
            with pytest.raises(Defect, match="the dbt project can't be parsed"):
                dbt.parsed()
        else:
            dbt.build()
    finally:
        dbt.stop()
    log = (tmp_path / "dbt.log").read_text(encoding="utf-8")
    assert log.count("nowhere") in (1, 2)
    assert "broken" in log
    assert "Concurrency" not in log
    assert "\x1b" not in log
