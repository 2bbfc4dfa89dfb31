"""The depositary's table: what its layouts and their mess become, and what is said of what is left over."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from sources.readers import Reading, ReadingContext, Unreadable, readers
from sources.untc_status.notes import numbered, withdrawal
from tests.sources.untc_status.pages import HEAD, REGISTERS, page, participants_2014, tabbed, written, xml

Layout = Callable[..., bytes]

RECEIVED = date(2026, 11, 24)
LAYOUTS = pytest.mark.parametrize(("layout", "ending"), [(xml, "xml"), (page, "html")], ids=["xml", "html"])

LEFT = (
    "On 27 June 2025, the Government of Estonia notified the Secretary-General of its decision to withdraw "
    "from the Convention, which took effect on 27 December 2025 in accordance with article 20 (3)."
)


def _read(folder: Path, content: bytes, ending: str) -> Reading:
    path = written(folder, content, ending)
    return readers()["untc_status"].read(path, ending, ReadingContext(RECEIVED, path.name))


def _rows(reading: Reading) -> pd.DataFrame:
    return pd.concat([table.frame for table in reading.tables], ignore_index=True)


def _codes(reading: Reading) -> list[str]:
    return [finding.code for finding in reading.findings]


def _register() -> pd.DataFrame:
    with (REGISTERS / "treaty_actions.csv").open(encoding="utf-8", newline="") as file:
        return pd.DataFrame(list(csv.DictReader(file))).set_index("action_id")


@LAYOUTS
def test_the_real_copy_of_2014_gives_the_registers_dates(layout: Layout, ending: str, tmp_path: Path) -> None:
    participants = participants_2014()
    mess = [
        [
            f"{name}<superscript>{n % 9 + 1}</superscript>" if n % 3 == 0 else f"{name} {n % 9 + 1}, 9",
            *map(tabbed, cells),
        ]
        for n, (name, *cells) in enumerate(participants)
    ]
    notes = {str(n): "With a declaration upon signature." for n in range(1, 10)}

    reading = _read(tmp_path, layout(mess, notes=notes), ending)

    rows = _rows(reading).set_index("action_id")
    register = _register().loc[rows.index]
    expected = sum(1 for row in participants for cell in row[1:] if cell)
    assert len(rows) == expected
    assert rows["iso3"].nunique() == len(participants)
    for column in ("iso3", "action", "deposited_on", "effective_on"):
        assert rows[column].to_dict() == register[column].to_dict()
    assert rows.loc["SSD-consent", "effective_on"] == "2011-07-09"
    assert _codes(reading) == ["UNTC-CORRECTED"]
    assert set(rows["received_on"]) == {"2026-11-24"}


@LAYOUTS
def test_every_row_knows_its_place(layout: Layout, ending: str, tmp_path: Path) -> None:
    reading = _read(tmp_path, layout(participants_2014()), ending)

    by_name = {table.name: table.frame for table in reading.tables}
    first = by_name["consent"].iloc[0]
    assert (first["action_id"], first["_row"], first["_place"]) == ("AFG-consent", 1, "row 1, consent")
    assert by_name["signature"].iloc[0]["_place"] == "row 2, signature"


@LAYOUTS
@pytest.mark.parametrize(
    ("written_as", "action", "day"),
    [
        ("11 Sep\t 2002 a", "accession", "2002-09-11"),
        ("30 Sep 1998 A", "acceptance", "1998-09-30"),
        ("25 Feb 1999 AA", "approval", "1999-02-25"),
        ("23 Oct 2006 d", "succession", "2006-10-23"),
        ("9 Jan\u00a02012", "ratification", "2012-01-09"),
        ("11 Sep 2002 a 7", "accession", "2002-09-11"),
        ("11 Sep 2002 a<superscript>7</superscript>", "accession", "2002-09-11"),
        ("11 Sep 2002 n", "n", "2002-09-11"),
        ("31 Feb 2002 a", "accession", "31 Feb 2002"),
        ("see note", "ratification", "see note"),
    ],
)
def test_a_cell_of_consent(  # noqa: PLR0917
    layout: Layout, ending: str, written_as: str, action: str, day: str, tmp_path: Path
) -> None:
    reading = _read(
        tmp_path, layout([["Chad", "6 Jul 1998", written_as]], notes={"7": "A declaration."}), ending
    )

    consent = _rows(reading).set_index("action_id").loc["TCD-consent"]
    assert (consent["action"], consent["deposited_on"]) == (action, day)
    said = {"n": ["UNTC-MODE"], "ratification": ["UNTC-CELL"] if day == "see note" else []}
    assert _codes(reading) == said.get(action, [])


@LAYOUTS
def test_columns_are_found_by_their_words(layout: Layout, ending: str, tmp_path: Path) -> None:
    head = (HEAD[0], "Provisional application", HEAD[2], HEAD[1], "Notification under article 9")
    rows = [["Chad", "1 Jan 1998", "6 May 1999", "6 Jul 1998", ""]]

    reading = _read(tmp_path, layout(rows, head=head), ending)

    found = _rows(reading).set_index("action_id")["deposited_on"].to_dict()
    assert found == {"TCD-signature": "1998-07-06", "TCD-consent": "1999-05-06"}
    assert _codes(reading) == ["UNTC-PROVISIONAL", "UNTC-COLUMN"]


def test_the_french_twin_is_the_same_table(tmp_path: Path) -> None:
    head = (
        "Participant",
        "Signature",
        "Ratification, Acceptation(A), Approbation(AA), Adhésion(a), Succession(d)",
    )
    title = (
        "Convention sur l'interdiction de l'emploi, du stockage, de la production et du transfert des mines "
        "antipersonnel et sur leur destruction"
    )
    rows = [["Tchad", "6 juil 1998", "6 mai 1999"], ["Côte d'Ivoire", "3 déc 1997", "30 juin 2000"]]

    reading = _read(tmp_path, xml(rows, head=head, title=title), "xml")

    found = _rows(reading).set_index("action_id")["deposited_on"].to_dict()
    assert found["TCD-signature"] == "1998-07-06"
    assert found["CIV-consent"] == "2000-06-30"


@LAYOUTS
@pytest.mark.parametrize(
    "row",
    [["Estonia 3", "", "[12 May\t 2004 a]"], ["[Estonia<superscript>3</superscript>]", "", "12 May 2004 a"]],
)
def test_a_withdrawal_has_its_days_from_the_note(
    layout: Layout, ending: str, row: list[str], tmp_path: Path
) -> None:
    reading = _read(
        tmp_path, layout([row], notes={"1": "Formerly a name.", "3": LEFT}, status=(0, 0)), ending
    )

    rows = _rows(reading).set_index("action_id")
    assert rows.loc["EST-consent", "deposited_on"] == "2004-05-12"
    left = rows.loc["EST-withdrawal"]
    assert (left["deposited_on"], left["effective_on"]) == ("2025-06-27", "2025-12-27")
    assert _codes(reading) == []


@LAYOUTS
def test_a_withdrawal_that_waits_for_its_day_is_one_before_the_brackets(
    layout: Layout, ending: str, tmp_path: Path
) -> None:
    note = (
        "On 20 August 2025 Poland deposited its notification of withdrawal. It shall take effect on 20 "
        "February 2026."
    )

    reading = _read(tmp_path, layout([["Poland 1", "4 Dec 1997", "27 Dec 2012"]], notes={"1": note}), ending)

    left = _rows(reading).set_index("action_id").loc["POL-withdrawal"]
    assert (left["deposited_on"], left["effective_on"]) == ("2025-08-20", "2026-02-20")


@LAYOUTS
def test_a_state_that_comes_back_has_a_second_consent(layout: Layout, ending: str, tmp_path: Path) -> None:
    rows = [["Estonia 1", "", "[12 May 2004 a] 3 Mar 2027 a"]]

    reading = _read(tmp_path, layout(rows, notes={"1": LEFT}, status=(0, 1)), ending)

    days = _rows(reading).set_index("action_id")[["deposited_on", "effective_on"]].T.to_dict("list")
    assert days["EST-consent"] == ["2004-05-12", "2004-11-01"]
    assert days["EST-consent-2"] == ["2027-03-03", "2027-09-01"]
    assert days["EST-withdrawal"] == ["2025-06-27", "2025-12-27"]
    assert _codes(reading) == []


@LAYOUTS
def test_a_state_that_stands_twice_is_one_record_said_twice(
    layout: Layout, ending: str, tmp_path: Path
) -> None:
    rows = [["Türkiye", "", "25 Sep 2003 a"], ["Turkey", "", "26 Sep 2003 a"], ["Chad", "6 Jul 1998", ""]]
    rows = [
        [name.replace("ü", "&uuml;"), *cells] if ending == "xml" else [name, *cells] for name, *cells in rows
    ]

    reading = _read(tmp_path, layout(rows), ending)

    assert sorted(_rows(reading)["action_id"]) == ["TCD-signature", "TUR-consent", "TUR-consent"]


@LAYOUTS
@pytest.mark.parametrize(
    ("notes", "days"),
    [
        ({}, ("", "")),
        ({"1": "With a declaration."}, ("", "")),
        ({"1": "The withdrawal took effect on 27 December 2025."}, ("", "2025-12-27")),
        ({"1": "On 27 June 2025 it notified its withdrawal."}, ("2025-06-27", "")),
        (
            {"1": "It withdrew its notification of withdrawal of 27 June 2025 on 1 July 2025."},
            ("", ""),
        ),
    ],
)
def test_half_a_withdrawal_is_said_and_nothing_is_derived(
    layout: Layout, ending: str, notes: dict[str, str], days: tuple[str, str], tmp_path: Path
) -> None:
    reading = _read(tmp_path, layout([["Estonia 1", "", "[12 May 2004 a]"]], notes=notes), ending)

    left = _rows(reading).set_index("action_id").loc["EST-withdrawal"]
    assert (left["deposited_on"], left["effective_on"]) == days
    assert "UNTC-WITHDRAWAL" in _codes(reading)


@pytest.mark.parametrize(
    ("note", "days"),
    [
        (LEFT, ("2025-06-27", "2025-12-27")),
        (
            "Le 27 juin 2025, le Gouvernement estonien a notifié au Secrétaire général son retrait de la "
            "Convention, avec effet au 27 décembre 2025.",
            ("2025-06-27", "2025-12-27"),
        ),
        (
            "The instrument of withdrawal was deposited on 10 July 2025 and becomes effective for Finland on "
            "10 January 2026.",
            ("2025-07-10", "2026-01-10"),
        ),
        ("On 3 May 2001 the Government withdrew the declaration made upon ratification.", None),
        ("Le 3 mai 2001, retrait de la déclaration faite lors de la ratification.", None),
        ("With effect from 6 March 1992, see note 1 under another name.", None),
    ],
)
def test_what_a_note_says_of_a_withdrawal(note: str, days: tuple[str, str] | None) -> None:
    found = withdrawal(note)

    assert (found and (found.deposited_on, found.effective_on)) == days


def test_notes_begin_with_their_numbers() -> None:
    blocks = [
        "1. First.",
        "<superscript>2</superscript>On 3 May",
        "27 June 2025 is a day, no note.",
        "",
        "(4) Last.",
    ]

    assert numbered(blocks) == {"1": "First.", "2": "On 3 May 27 June 2025 is a day, no note.", "4": "Last."}


@LAYOUTS
def test_the_totals_of_the_document_are_compared(layout: Layout, ending: str, tmp_path: Path) -> None:
    rows = [["Chad", "6 Jul 1998", "6 May 1999"], ["Marshall Islands", "4 Dec 1997", ""]]

    assert _codes(_read(tmp_path, layout(rows, status=(2, 1)), ending)) == []
    assert _codes(_read(tmp_path, layout(rows, status=(2, 2)), ending)) == ["UNTC-COUNT"]


@LAYOUTS
def test_a_row_of_another_width_is_not_guessed_at(layout: Layout, ending: str, tmp_path: Path) -> None:
    reading = _read(tmp_path, layout([["Chad", "6 Jul 1998", "6 May 1999"], ["Benin", "3 Dec 1997"]]), ending)

    assert set(_rows(reading)["iso3"]) == {"TCD"}
    (finding,) = reading.findings
    assert (finding.code, finding.severity, finding.place) == ("UNTC-ROW", "quarantine", "row 2")


@LAYOUTS
def test_a_participant_that_is_no_state_stays_as_it_stood(
    layout: Layout, ending: str, tmp_path: Path
) -> None:
    reading = _read(tmp_path, layout([["European Union", "", "6 May 1999"]]), ending)

    assert _rows(reading)["iso3"].tolist() == ["European Union"]


@pytest.mark.parametrize(
    ("content", "ending", "code"),
    [
        (
            b"<html><body>The site is under urgent maintenance and is currently unavailable</body></html>",
            "html",
            "UNTC-MAINTENANCE",
        ),
        (
            b"<html><body>The site is under urgent maintenance and is currently unavailable</body></html>",
            "xml",
            "UNTC-MAINTENANCE",
        ),
        (b"<html><body>Please log in</body></html>", "html", "UNTC-NO-TABLE"),
        (b"<MTDSG><Treaty/></MTDSG>", "xml", "UNTC-NO-TABLE"),
        (b"<MTDSG><Treaty>", "xml", "UNTC-XML"),
        (
            xml([["Chad", "", "6 May 1999"]], title="Treaty on the Prohibition of Nuclear Weapons"),
            "xml",
            "UNTC-OTHER-TREATY",
        ),
        (xml([["Chad", "6 May 1999"]], head=HEAD[:2]), "xml", "UNTC-LAYOUT"),
        (page([["Chad", "6 May 1999"]], head=HEAD[:2]), "html", "UNTC-LAYOUT"),
        (xml([]), "xml", "UNTC-LAYOUT"),
    ],
)
def test_what_is_not_the_table_is_refused(content: bytes, ending: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as refused:
        _read(tmp_path, content, ending)

    assert refused.value.problem.code == code


def test_an_external_entity_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    document = (
        xml([["Chad", "6 Jul 1998", "6 May 1999"]])
        .replace(
            b"<MTDSG>",
            f'<!DOCTYPE MTDSG [<!ENTITY e SYSTEM "{(tmp_path / "secret").as_uri()}">]><MTDSG>'.encode(),
        )
        .replace(b"6 Jul", b"&e;6 Jul")
    )

    reading = _read(tmp_path, document, "xml")

    assert "secret" not in _rows(reading).to_csv()


def test_a_correction_that_no_longer_fits_is_not_used(tmp_path: Path) -> None:
    reading = _read(tmp_path, xml([["South Sudan", "", "12 Dec 2011 d"]]), "xml")

    assert _rows(reading)["effective_on"].tolist() == ["2012-06-01"]
    assert _codes(reading) == ["UNTC-CORRECTION-STALE"]
