"""The UNODA database's reply: actions become rows, and whatever is not known is said."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sources.readers import Reading, ReadingContext, Unreadable, readers
from sources.unoda_treaty.collect import collect
from tests.sources.unoda_treaty.replies import action, reply, written


def _read(folder: Path, document: Any) -> Reading:
    path = written(folder, document)
    return readers()["unoda_treaty"].read(path, "json", ReadingContext(date(2026, 11, 24), path.name))


def _rows(reading: Reading) -> pd.DataFrame:
    return reading.tables[0].frame.set_index("action_id")


def _codes(reading: Reading) -> list[str]:
    return [finding.code for finding in reading.findings]


def test_actions_become_rows(tmp_path: Path) -> None:
    document = reply(
        [
            action("Chad", "Signatory", "1998-07-06"),
            action("Chad", "Ratification", "1999-05-06"),
            action("Türkiye", "Accession", "2003-09-25"),
            action("Montenegro", "Succession", "2006-10-23"),
            action("Estonia", "Accession", "2004-05-12"),
            action("Estonia", "Withdrawal", "2025-06-27"),
            action("South Sudan", "Succession", "2011-11-11"),
        ]
    )

    reading = _read(tmp_path, document)

    rows = _rows(reading)
    assert rows[["iso3", "action", "deposited_on", "effective_on"]].T.to_dict("list") == {
        "TCD-signature": ["TCD", "signature", "1998-07-06", ""],
        "TCD-consent": ["TCD", "ratification", "1999-05-06", "1999-11-01"],
        "TUR-consent": ["TUR", "accession", "2003-09-25", "2004-03-01"],
        "MNE-consent": ["MNE", "succession", "2006-10-23", "2007-04-01"],
        "EST-consent": ["EST", "accession", "2004-05-12", "2004-11-01"],
        "EST-withdrawal": ["EST", "withdrawal", "2025-06-27", ""],
        "SSD-consent": ["SSD", "succession", "2011-11-11", "2011-07-09"],
    }
    assert rows.loc["TUR-consent", "_place"] == "actions_[3]"
    assert _codes(reading) == ["UNODA-WITHDRAWAL", "UNODA-CORRECTED"]


@pytest.mark.parametrize(
    ("written", "note", "effective_on", "code"),
    [
        ("Withdrawal", "The withdrawal takes effect on 27 December 2025.", "2025-12-27", None),
        ("Withdrawal", "Deposited with a letter.", "", "UNODA-WITHDRAWAL"),
        ("Withdrawal", None, "", "UNODA-WITHDRAWAL"),
        ("Accession", "On 27 June 2025 Estonia notified its withdrawal.", "2004-11-01", "UNODA-NOTE"),
        ("Accession", "It withdrew its declaration on 27 June 2025.", "2004-11-01", None),
    ],
)
def test_a_note_is_read_for_withdrawals(
    written: str, note: str | None, effective_on: str, code: str | None, tmp_path: Path
) -> None:
    day = "2025-06-27" if written == "Withdrawal" else "2004-05-12"

    reading = _read(tmp_path, reply([action("Estonia", written, day, note=note)]))

    assert _rows(reading)["effective_on"].tolist() == [effective_on]
    assert _codes(reading) == ([code] if code else [])


@pytest.mark.parametrize(
    ("one", "becomes"),
    [
        (action("Chad", "Acceptance", "1999-05-06", "RAT"), "acceptance"),
        (action("Chad", "", "1999-05-06", "ACC"), "accession"),
        (action("Chad", "Accession", "1999-05-06", "SUC"), "Accession SUC"),
        (action("Chad", "Provisional application", "1999-05-06", "PRO"), "Provisional application PRO"),
    ],
)
def test_type_and_word_are_read_together(one: dict[str, Any], becomes: str, tmp_path: Path) -> None:
    reading = _read(tmp_path, reply([one]))

    assert _rows(reading)["action"].tolist() == [becomes]
    assert _codes(reading) == (["UNODA-ACTION"] if " " in becomes else [])


def test_of_several_depositaries_the_first_deposit_counts(tmp_path: Path) -> None:
    document = reply(
        [
            action("Chad", "Ratification", "1999-05-09", depositary={"short_name": "London"}),
            action("Chad", "Ratification", "1999-05-06", depositary={"short_name": "Moscow"}),
        ]
    )

    reading = _read(tmp_path, document)

    assert _rows(reading)["deposited_on"].to_dict() == {"TCD-consent": "1999-05-06"}
    (finding,) = reading.findings
    assert (finding.code, finding.place) == ("UNODA-DEPOSITARY", "actions_[1]")


def test_an_act_twice_is_one_record_unless_somebody_left_in_between(tmp_path: Path) -> None:
    acts = [
        action("Chad", "Ratification", "1999-05-06"),
        action("Chad", "Ratification", "1999-05-09"),
        action("Estonia", "Accession", "2004-05-12"),
        action("Estonia", "Withdrawal", "2025-06-27"),
        action("Estonia", "Accession", "2027-03-03"),
        action("Estonia", "Accession", "2027-03-04"),
    ]

    rows = _read(tmp_path, reply(acts)).tables[0].frame

    assert sorted(rows["action_id"]) == [
        *("EST-consent", "EST-consent", "EST-consent-2", "EST-withdrawal"),
        *("TCD-consent", "TCD-consent"),
    ]


def test_what_nobody_knows_is_said_once(tmp_path: Path) -> None:
    actions = [action("Chad", "Signatory", "1998-07-06", suspended=True) for _ in range(2)]

    reading = _read(tmp_path, reply(actions, count_sig_states=1, count_states_parties=5, secret_annex="x"))

    assert sorted(_codes(reading)) == ["UNODA-COUNT", "UNODA-FIELD", "UNODA-FIELD"]


def test_a_date_with_a_time_is_no_date(tmp_path: Path) -> None:
    one = action("Chad", "Ratification", "1999-05-06") | {"date": "1999-05-06 22:00:00"}

    assert _rows(_read(tmp_path, reply([one])))["deposited_on"].tolist() == ["1999-05-06 22:00:00"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"errors": [{"message": "Bad"}], "data": None}, "UNODA-ERROR"),
        ({"data": {"treaty_": None}}, "UNODA-NO-TREATY"),
        ([], "UNODA-NO-TREATY"),
        (
            reply([], full_name="Treaty on the Prohibition of Nuclear Weapons", name="TPNW"),
            "UNODA-OTHER-TREATY",
        ),
        (reply([]), "UNODA-NO-ACTIONS"),
        ("{", "FILE-JSON"),
        ('{"data": NaN}', "FILE-JSON-NAN"),
        ('{"data": 1, "data": 2}', "FILE-JSON-DUPLICATE"),
        ("[" * 100_000, "FILE-JSON-NESTED"),
    ],
)
def test_what_is_no_such_reply_is_refused(document: Any, code: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as refused:
        _read(tmp_path, document)

    assert refused.value.problem.code == code


def test_the_query_asks_for_what_the_reader_reads() -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def get_json(path: str, **more: Any) -> str:
        asked.append((path, more))
        return "reply"

    assert collect(get_json, {}) == "reply"
    ((path, more),) = asked
    assert (path, more["method"]) == ("", "POST")
    assert more["body"]["variables"]["input"] == {"id": None, "short_name": "mine_ban", "type": "GET_TREATY"}
    for name in (
        "full_name",
        "actions_",
        "action_type_",
        "date",
        "type",
        "depositary",
        "count_states_parties",
    ):
        assert name in more["body"]["query"]
