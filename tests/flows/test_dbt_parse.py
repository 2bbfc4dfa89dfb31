"""What dbt parsed of another program's project is not built upon."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows import dbt_parse


def test_what_dbt_parsed_of_another_project_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template, target = tmp_path / "prepared", tmp_path / "target"
    monkeypatch.setattr(dbt_parse, "template", lambda _target: template)
    monkeypatch.setattr(dbt_parse, "project_version", lambda: "this")
    target.mkdir()
    parsed = target / dbt_parse.NAME
    parsed.write_text("of an earlier program", encoding="ascii")
    template.write_text("also earlier", encoding="ascii")
    dbt_parse.supply(target)
    assert not parsed.exists()
    template.with_name("prepared.of").write_text("this", encoding="ascii")
    parsed.write_text("dbt parsed all of it", encoding="ascii")
    dbt_parse.supply(target)
    assert parsed.read_text("ascii") == "dbt parsed all of it"
    monkeypatch.setattr(dbt_parse, "project_version", lambda: "next")
    template.with_name("prepared.of").write_text("next", encoding="ascii")
    dbt_parse.supply(target)
    assert parsed.read_text("ascii") == "also earlier"
