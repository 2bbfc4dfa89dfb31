"""From files of other systems to figures: depositary, UNODA, Indico beside canonical files, over two nights.

Every row still knows its file, table and place; where two sources disagree, precedence decides and the audit
says so; a table that is fetched again makes versions of what changed alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.check import check
from flows.explain import explain
from flows.refresh import Request, refresh
from sources.contract import SOURCES
from tests.flows.harness import deliver, without_prefect
from tests.sources.indico import server
from tests.sources.indico_registrations import exports
from tests.sources.unoda_treaty import replies
from tests.sources.untc_status import pages

TONGA = ["Tonga", "", "25 Jun\t 2025 a"]
MEETING = {
    "meeting_id": "IM2025",
    "title": "Intersessional meetings",
    "kind": "intersessional",
    "starts_on": "2025-06-17",
    "ends_on": "2025-06-20",
}


def first_delivery(folder: Path) -> Path:
    """Canonical files of some datasets, and the four sources for the rest."""
    inbox = deliver(folder, treaty_actions=[], meeting_participants=[], meetings=[MEETING])
    shutil.copy(SOURCES / "sample" / "registers" / "states.csv", inbox / "states.csv")
    (inbox / "untc_status.xml").write_bytes(pages.xml([*pages.participants_2014(), TONGA]))
    acts = [
        replies.action("Tonga", "Accession", "2025-06-26"),
        replies.action("Chad", "Ratification", "1999-05-06"),
    ]
    (inbox / "unoda_treaty.json").write_text(json.dumps(replies.reply(acts)), encoding="utf-8")
    document = {
        "settings": server.SETTINGS,
        "event": server.EVENT_REPLY,
        "forms": [{"form": server.FORM_REPLY, "registrations": server.REGISTRATIONS}],
    }
    (inbox / "indico--22MSP.json").write_text(json.dumps(document), encoding="utf-8")
    people = [
        exports.row(1, "Ndapewa Nangolo", country="Namibia", gender="Female"),
        exports.row(2, "Salma Wahbi", country="Egypt", gender="Female"),
    ]
    (inbox / "indico_registrations--IM2025.csv").write_bytes(exports.as_csv(people))
    return inbox


@dataclass(frozen=True)
class Home:
    """A home after two nights, and the delivery of the first."""

    path: Path
    inbox: Path

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of the published warehouse."""
        with duckdb.connect(str(self.path / "published" / "warehouse.duckdb"), read_only=True) as connection:
            found = connection.execute(query)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("sources")
    inbox = first_delivery(folder / "first")
    second = folder / "second"
    second.mkdir()
    changed = [
        row if row[0] != "Benin" else ["Benin", "3 Dec 1997", "26 Sep 1998"]
        for row in pages.participants_2014()
    ]
    (second / "untc_status.html").write_bytes(pages.page([*changed, TONGA]))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SRAAP_HOME", "SRAAP_TZ", "SRAAP_PEOPLE_KEY"):
            patch.delenv(name, raising=False)
        for delivery in (inbox, second):
            result = refresh(Request(home=folder / "home", inboxes=(delivery,)), without_prefect)
            assert result.record["state"] == "published", result.error
        yield Home(folder / "home", inbox)
    shutil.rmtree(folder)


def test_a_check_of_the_delivery_names_the_disagreement(home: Home, tmp_path: Path) -> None:
    report = check(tmp_path / "none", [home.inbox])

    assert report.exit_code == 1
    assert {line["check_code"] for line in report.quarantined} == {"TA-SOURCE-01"}
    codes = {line["check_code"] for line in report.warnings}
    assert {"UNTC-CORRECTED", "INDICO-FIELD", "INDICO-CHECKED-IN", "IREG-COLUMN"} <= codes
    assert not report.problems


def test_files_of_sources_load_and_those_of_people_are_masked(home: Home) -> None:
    files = {line["dataset"]: line for line in home.rows("select * from audit.files where batch = 1")}

    assert files["untc_status"]["outcome"] == "loaded"
    assert files["untc_status"]["file_name"] == "untc_status.xml"
    assert files["unoda_treaty"]["outcome"] == "partly_loaded"
    for source in ("indico", "indico_registrations"):
        assert (files[source]["outcome"], files[source]["restricted"]) == ("loaded", True)
        assert "22MSP" not in files[source]["file_name"]


def test_precedence_decides_and_the_audit_holds_both_days(home: Home) -> None:
    (held,) = home.rows("select * from audit.quarantined_rows where check_code = 'TA-SOURCE-01'")

    assert (held["sheet"], held["place"], held["waiting"]) == ("actions_", "actions_[1]", True)
    assert "deposited_on is 2025-06-26 here and 2025-06-25 by untc_status" in held["sentence"]


def test_a_table_that_comes_again_brings_what_changed_alone(home: Home) -> None:
    lines = home.rows("select * from audit.row_balance where file_name = 'untc_status.html' order by sheet")

    assert {
        line["sheet"]: (line["rows_loaded"], line["rows_read"] - line["rows_duplicate"]) for line in lines
    } == {
        "consent": (1, 1),
        "signature": (0, 0),
    }
    assert home.rows("select * from marts.indicator_revisions") == []


@pytest.mark.parametrize(
    ("indicator", "state", "file", "table", "place"),
    [
        ("10.2", "TON", "untc_status.xml", "consent", "row 163, consent"),
        # of a register only the file and the table are told: a row of it is a person
        ("10.4", "EGY", "indico_registrations--", "registrations", None),
    ],
)
def test_a_figure_leads_to_the_file_the_table_and_the_place(  # noqa: PLR0917
    home: Home, indicator: str, state: str, file: str, table: str, place: str | None
) -> None:
    found = explain(home.path, indicator, 2025, state)

    assert found["total"]["numerator"] == 1
    (observation,) = found["state"]["observations"]
    (source,) = [one for one in observation["sources"] if one["file_name"].startswith(file)]
    assert (source["role"], source["sheet"], source["place"]) == ("decides", table, place)
