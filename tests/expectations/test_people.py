"""Names and addresses of persons never pass the door."""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
import weakref

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from expectations import people, values
from expectations.door import Verdict
from tests.expectations.harness import GOOD, context, judged, row, table

CANARIES = ["Zélindra Quombatt", "Oriol van der Fexx", "Муся Птицына", "测试人"]
ADDRESS = "zelindra.q@canary.example"


def _everything(verdict: Verdict) -> str:
    """All that a verdict holds, apart from the names for the restricted index."""
    return "\n".join(
        [
            repr(verdict),
            *(str(t.to_pylist()) for t in verdict.accepted.values()),
            *(frame.to_csv() for frame in (verdict.quarantined, verdict.balance, verdict.results)),
            json.dumps(verdict.validations, ensure_ascii=False),
            *map(repr, verdict.problems),
        ]
    )


def _plain(text: str) -> str:
    return people.normalise(text)


def _register() -> list[dict[str, str]]:
    """Canaries in good rows and bad ones, in the right columns and in wrong ones."""
    rows = [
        row(
            "meeting_participants",
            registration_id=f"REG-{i}",
            full_name=name,
            email=ADDRESS,
            source_ref=f"list of {name}",
        )
        for i, name in enumerate(CANARIES)
    ]
    wrong = [
        "registration_id",
        "meeting_id",
        "delegation_kind",
        "iso3",
        "gender",
        "is_mine_victim",
        "attended",
    ]
    rows += [
        {**rows[0], "registration_id": f"REG-W{i}", column: CANARIES[0]} for i, column in enumerate(wrong)
    ]
    rows += [
        {**rows[0], "registration_id": f"REG-D{i}", column: ADDRESS}
        for i, column in enumerate(["received_on"])
    ]
    rows += [
        {
            **rows[0],
            "registration_id": CANARIES[1],
            "record_status": "retracted",
            "full_name": CANARIES[1],
        }
    ]
    return rows


def test_no_canary_is_anywhere_in_the_verdict() -> None:
    extra = f"{CANARIES[0]}'s column"
    register = table(
        "meeting_participants",
        [{**r, extra: CANARIES[1]} for r in _register()] + [{"_cells": 3}],
        header=[extra],
    )
    answers = [
        row(
            "article7_answers", evidence=f"As {CANARIES[0].upper()} said to {ADDRESS}.", location=CANARIES[2]
        ),
        row("article7_answers", indicator_id="45.1", evidence="Quombatt, Zélindra; 说测试人好"),
        row("article7_answers", indicator_id=CANARIES[0], answer=CANARIES[1], plan_version=ADDRESS),
        row("article7_answers", report_id=ADDRESS, received_on=CANARIES[3]),
    ]
    others = [
        table(
            "meetings",
            [row("meetings", meeting_id=CANARIES[0]), row("meetings", meeting_id="IM", title=CANARIES[1])],
        ),
        table(
            "states",
            [
                row("states", iso3=CANARIES[0], name=CANARIES[1]),
                row("states", source_ref=ADDRESS),
                row("states", iso3="FRA", name=CANARIES[2]),
            ],
        ),
    ]
    verdict = judged(register, table("article7_answers", answers, header=[CANARIES[3]]), *others)
    told = _plain(_everything(verdict))
    for canary in [*CANARIES, "Quombatt", "Птицына", ADDRESS, "canary.example"]:
        assert _plain(canary) not in told
    assert verdict.restricted_files == {f"{place:064x}" for place in range(4)}
    assert set(verdict.people_names.to_pylist()) == {_plain(name) for name in CANARIES}
    assert "Zelindra" not in repr(verdict)


def test_part_of_a_text_that_names_a_person_is_taken_out_and_the_rest_stays() -> None:
    verdict = judged(
        table("meeting_participants", [row("meeting_participants", full_name="Zélindra Quombatt")]),
        table(
            "article7_answers",
            [
                row(
                    "article7_answers",
                    evidence="Rapport élaboré par ZELINDRA  QUOMBATT (p. 3), voir a@b.example",
                )
            ],
        ),
    )
    assert verdict.accepted["article7_answers"].column("evidence").to_pylist() == [
        "Rapport élaboré par [name removed] (p. 3), voir [name removed]"
    ]


def test_files_without_a_person_are_not_restricted() -> None:
    tables = [table(name, [row(name)]) for name in GOOD if name != "meeting_participants"]
    assert judged(*tables).restricted_files == frozenset()


def test_names_of_earlier_registers_are_taken_out_as_well() -> None:
    given = table("article7_answers", [row("article7_answers", evidence="by Oriol van der Fexx")])
    for names in (["oriol van der fexx"], pa.array(["oriol van der fexx"])):
        verdict = judged(given, people_names=names)
        assert verdict.accepted["article7_answers"].column("evidence").to_pylist() == ["by [name removed]"]


def test_an_id_that_names_a_person_is_quarantined_without_its_value() -> None:
    verdict = judged(
        table("meeting_participants", [row("meeting_participants", full_name="Zélindra Quombatt")]),
        table("contributions", [row("contributions", contribution_id="zelindra-quombatt-2025")]),
    )
    (line,) = verdict.quarantined.to_dict("records")
    assert line["check_code"] == "CO-CONTRIBUTION_ID-04" and pd.isna(line["value"])


def test_a_state_whose_name_a_person_bears_keeps_it() -> None:
    verdict = judged(
        table("states", [row("states", iso3="TCD", name="Chad")]),
        table("meeting_participants", [row("meeting_participants", full_name="Chad")]),
    )
    assert verdict.accepted["states"].column("name").to_pylist() == ["Chad"]


def test_the_landing_keeps_of_a_source_ref_only_that_a_row_is_synthetic() -> None:
    rows = [
        row("meeting_participants", registration_id="R1", source_ref="synthetic sample"),
        row("meeting_participants", registration_id="R2", source_ref="synthetic sample of A. Person"),
    ]
    verdict = judged(table("meeting_participants", rows))
    assert verdict.accepted["meeting_participants"].column("source_ref").to_pylist() == [
        "synthetic sample",
        None,
    ]


def _keys(**changes: str) -> tuple[str | None, str | None]:
    verdict = judged(table("meeting_participants", [row("meeting_participants", **changes)]))
    (loaded,) = verdict.accepted["meeting_participants"].to_pylist()
    return loaded["person_key"], loaded["organization_key"]


def test_a_person_is_told_by_normalised_name_and_delegation() -> None:
    same = _keys(full_name="Zélindra  Quombatt", iso3="Cambodia")
    assert same == _keys(full_name=unicodedata.normalize("NFD", "zélindra\u00a0QUOMBATT"), iso3="khm")
    assert same[0] != _keys(full_name="Zélindra Quombatt", iso3="FRA")[0]
    assert same[0] != _keys(full_name="Zelindra Quombat", iso3="KHM")[0]
    assert same[1] is None


def test_a_state_s_delegation_has_no_organization_whatever_the_cell_says() -> None:
    assert _keys(organization="Ministry") == _keys()


def test_an_organization_is_one_whatever_its_kind_of_delegation_and_never_a_state() -> None:
    given = {"full_name": "Zélindra Quombatt", "iso3": ""}
    one = _keys(delegation_kind="other", organization="Élan  Réseau", **given)
    two = _keys(delegation_kind="survivor_organization", organization="elan reseau", **given)
    assert one == two and one[1] is not None
    state = _keys(delegation_kind="other", organization="state:KHM", **given)
    assert state[0] != _keys(full_name="Zélindra Quombatt")[0]


def test_the_keyed_hash_is_hmac_sha_256_and_depends_on_the_key() -> None:
    column = pd.Series(["a", None, "a"], dtype="str")
    hashed = people.keyed_hash(column, b"key")
    expected = hmac.new(b"key", b"a", hashlib.sha256).hexdigest()
    assert hashed[0] == hashed[2] == expected and pd.isna(hashed[1])
    assert people.keyed_hash(column, b"other")[0] != expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  ÉLAN\u2003Réseau ", "elan reseau"),
        ("Straße", "strasse"),
        ("ｆｕｌｌ", "full"),
        ("İnci", "inci"),
        ("a\tb\nc", "a b c"),
    ],
)
def test_normalised_as_semantics_says(text: str, expected: str) -> None:
    assert people.normalise(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Suharto spoke, Suhartono did not", "[name removed] spoke, Suhartono did not"),
        ("FEXX Oriol van der, and friends", "[name removed], and friends"),
        ("Oriol van Fexx", "Oriol van Fexx"),
        ("Oriol-van-der-Fexx.", "[name removed]."),
        ("代表测试人说", "代表[name removed]说"),
        ("unknown", "unknown"),
        ("(x.y@z.example)", "([name removed])"),
        ("no name here", "no name here"),
    ],
)
def test_whole_names_are_found_in_any_spelling(text: str, expected: str) -> None:
    names = ["Suharto", "Oriol van der Fexx", "测试人", "Unknown", "-"]
    finder = people.PersonFinder([people.normalise(name) for name in names])
    column = pd.Series([text, None], dtype="str")
    cleaned, hit = finder.without_persons(column)
    assert cleaned[0] == expected and pd.isna(cleaned[1])
    assert hit.tolist() == [expected != text, False]
    assert finder.found_in(column).tolist() == hit.tolist()


def test_a_door_that_breaks_on_a_register_says_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(rows: pd.DataFrame, *_: object) -> pd.DataFrame:
        raise ValueError(f"bad {rows['full_name'].iloc[0]}")

    monkeypatch.setattr(people, "person_keys", raises)
    with pytest.raises(RuntimeError, match="meeting_participants: ValueError at") as broken:
        judged(table("meeting_participants", [row("meeting_participants", full_name=CANARIES[0])]))
    assert CANARIES[0] not in str(broken.value)
    assert broken.value.__cause__ is None and broken.value.__context__ is None


def test_a_context_shows_no_key_and_no_name() -> None:
    shown = repr(context(people_names=["zelindra quombatt"], people_key=b"secret-key"))
    assert "secret" not in shown and "zelindra" not in shown


def test_what_was_found_in_texts_that_are_gone_is_not_said_of_others() -> None:
    """What was found is known by where the texts lie in memory, and others may come to lie there."""
    finder = people.PersonFinder(["ines example"])
    column = values.packed(pd.Series(["Ines Example", None], dtype="str"))
    gone = pd.Index(["nobody"])
    finder._looked_through[id(column.cat.categories)] = (weakref.ref(gone), np.array([False]))
    del gone
    assert finder.found_in(column).tolist() == [True, False]
