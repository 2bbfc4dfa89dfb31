"""Sources that repeat themselves or contradict each other: which row counts, and what is said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd
import pytest

from expectations.door import DeliveredTable, Verdict, judge
from sources.contract import datasets
from tests.expectations.harness import GOOD, context, row, table

DEPOSITARY, UNODA = "untc_status", "unoda_treaty"


@dataclass
class Home:
    """Several runs, one after the other: what each accepted is what the next one finds in the landing."""

    rows: dict[str, pd.DataFrame] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    waiting: list[DeliveredTable] = field(default_factory=list)
    seq: int = 1

    def run(
        self, *files: tuple[str, str, Iterable[dict[str, str]]], dataset: str = "treaty_actions"
    ) -> Verdict:
        """Judge files: (source, received_on, rows). What waited is judged again, as in a real run."""
        delivered = []
        for source, received_on, rows in files:
            one = table(dataset, [row(dataset, **{"received_on": received_on, **cells}) for cells in rows])
            sha256 = f"{len(self.sources):064x}"
            self.sources[sha256] = source
            delivered.append(DeliveredTable(one, sha256, f"{source}.json", self.seq, source=source))
            self.seq += len(one.frame)
        known = context(known_keys={"states": ["KHM"], "meetings": ["22MSP"]}, landed=self._landed)
        verdict = judge([*self.waiting, *delivered], known)
        self._keep(verdict, [*self.waiting, *delivered])
        return verdict

    def _landed(self, dataset: str) -> pd.DataFrame:
        names = [name for name, _ in datasets()[dataset].landing_columns]
        return self.rows.get(dataset, pd.DataFrame(columns=[*names, "_source"]))

    def _keep(self, verdict: Verdict, files: list[DeliveredTable]) -> None:
        for dataset, accepted in verdict.accepted.items():
            frame = accepted.to_pandas()
            frame["_source"] = frame["file_sha256"].map(self.sources)
            self.rows[dataset] = pd.concat([self._landed(dataset), frame], ignore_index=True)
        held = verdict.quarantined[verdict.quarantined["waiting"]]
        self.waiting = [
            DeliveredTable(
                one.table,
                one.file_sha256,
                one.file_name,
                one.first_seq,
                is_new=False,
                source=one.source,
                only_rows=frozenset(held.loc[held["file_sha256"] == one.file_sha256, "row_number"]),
            )
            for one in files
            if one.file_sha256 in set(held["file_sha256"])
        ]

    def counts(self) -> dict[str, object]:
        """The version of KHM-1 that counts: greatest received_on, then greatest delivery_seq."""
        mine = self.rows["treaty_actions"].query("action_id == 'KHM-1'")
        newest = mine.sort_values(["received_on", "delivery_seq"]).iloc[-1]
        return {"day": str(newest["deposited_on"]), "source": newest["_source"], "versions": len(mine)}


def _day(day: str) -> dict[str, str]:
    return {"deposited_on": day, "effective_on": "2000-01-01"}


def _balance(verdict: Verdict, place: int = -1) -> tuple[int, int, int]:
    line = verdict.balance[verdict.balance["dataset"].isin(["treaty_actions", "meeting_participants"])].iloc[
        place
    ]
    return int(line["rows_loaded"]), int(line["rows_duplicate"]), int(line["rows_waiting"])


def _told(verdict: Verdict, code: str) -> list[str]:
    results = verdict.results.query("check_code == @code and outcome == 'fail'")
    return results["sentence"].tolist()


def test_a_source_that_repeats_itself_makes_no_versions() -> None:
    home = Home()
    home.run((DEPOSITARY, "2026-01-10", [_day("1999-07-28"), {"action_id": "KHM-0"}]))

    again = home.run((DEPOSITARY, "2026-01-11", [_day("1999-07-29"), {"action_id": "KHM-0"}]))

    assert _balance(again) == (1, 1, 0)
    assert home.counts() == {"day": "1999-07-29", "source": DEPOSITARY, "versions": 2}
    assert home.waiting == []


@pytest.mark.parametrize("first", [DEPOSITARY, UNODA])
def test_in_one_run_precedence_decides_whatever_the_order(first: str) -> None:
    files = [
        (DEPOSITARY, "2026-01-10", [_day("1999-07-28")]),
        (UNODA, "2026-01-10", [_day("1999-07-26")]),
    ]
    home = Home()

    verdict = home.run(*sorted(files, key=lambda file: file[0] != first))

    assert home.counts() == {"day": "1999-07-28", "source": DEPOSITARY, "versions": 1}
    (held,) = verdict.quarantined.to_dict("records")
    assert (held["check_code"], held["waiting"], held["file_name"]) == ("TA-SOURCE-01", True, f"{UNODA}.json")
    assert "deposited_on is 1999-07-26 here and 1999-07-28 by untc_status" in held["sentence"]


def test_a_source_that_goes_after_is_held_until_both_agree() -> None:
    home = Home()
    home.run((DEPOSITARY, "2026-01-10", [_day("1999-07-28")]))

    held = home.run((UNODA, "2026-01-11", [_day("1999-07-26")]))
    assert _balance(held) == (0, 0, 1)
    assert home.counts()["day"] == "1999-07-28"

    agreed = home.run((DEPOSITARY, "2026-01-12", [_day("1999-07-26")]))
    assert agreed.quarantined.empty
    assert home.counts() == {"day": "1999-07-26", "source": DEPOSITARY, "versions": 3}


def test_a_source_that_goes_first_overrules_and_people_are_told() -> None:
    home = Home()
    home.run((UNODA, "2026-01-10", [_day("1999-07-26")]))

    verdict = home.run((DEPOSITARY, "2026-01-11", [_day("1999-07-28")]))

    assert home.counts() == {"day": "1999-07-28", "source": DEPOSITARY, "versions": 2}
    (sentence,) = _told(verdict, "TA-SOURCE-02")
    assert "row 2: deposited_on is 1999-07-28 here and 1999-07-26 by unoda_treaty" in sentence
    unchanged = home.run((UNODA, "2026-01-12", [_day("1999-07-26")]))
    assert _balance(unchanged) == (0, 1, 0)
    assert home.counts()["day"] == "1999-07-28"


def test_held_rows_do_not_pile_up() -> None:
    home = Home()
    home.run((DEPOSITARY, "2026-01-10", [_day("1999-07-28")]))
    home.run((UNODA, "2026-01-11", [_day("1999-07-26")]))

    same = home.run((UNODA, "2026-01-12", [_day("1999-07-26")]))
    assert len(same.quarantined) == 1

    other = home.run((UNODA, "2026-01-13", [_day("1999-07-25")]))
    assert [line["sentence"].count("1999-07-25") for line in other.quarantined.to_dict("records")] == [1]

    home.run((UNODA, "2026-01-14", [_day("1999-07-28")]))
    assert home.waiting == []
    assert home.counts()["day"] == "1999-07-28"


def test_a_row_that_says_less_takes_nothing_away() -> None:
    left = {"action_id": "KHM-1", "action": "withdrawal", "deposited_on": "2025-01-10"}
    home = Home()
    home.run((DEPOSITARY, "2026-01-10", [{**left, "effective_on": "2025-07-10"}]))

    verdict = home.run((UNODA, "2026-01-11", [{**left, "effective_on": ""}]))

    assert _balance(verdict) == (0, 1, 0)
    assert home.counts()["versions"] == 1


def test_a_canonical_delivery_is_never_held_and_stands_until_the_source_says_something_new() -> None:
    home = Home()
    home.run((DEPOSITARY, "2026-01-10", [_day("1999-07-28")]))

    corrected = home.run(("", "2026-01-11", [_day("1999-07-20")]))
    assert corrected.quarantined.empty
    assert not _told(corrected, "TA-SOURCE-02")
    again = home.run(("", "2026-01-11", [_day("1999-07-20")]))
    assert _balance(again) == (1, 0, 0)

    home.run((DEPOSITARY, "2026-01-12", [_day("1999-07-28")]))
    assert home.counts()["day"] == "1999-07-20"

    overruled = home.run((DEPOSITARY, "2026-01-13", [_day("1999-07-27")]))
    assert home.counts()["day"] == "1999-07-27"
    assert "1999-07-20 by an earlier delivery" in _told(overruled, "TA-SOURCE-02")[0]


def test_a_canonical_delivery_holds_no_source_back() -> None:
    home = Home()
    home.run(("", "2026-01-10", [_day("1999-07-20")]))

    home.run((UNODA, "2026-01-11", [_day("1999-07-26")]))

    assert home.counts() == {"day": "1999-07-26", "source": UNODA, "versions": 2}


def test_of_people_nothing_is_told_but_the_source() -> None:
    register = "meeting_participants"
    home = Home()
    home.run(("", "2026-01-10", [{}]), dataset=register)

    same = home.run(("indico", "2026-01-11", [{"gender": "male"}]), dataset=register)
    again = home.run(("indico", "2026-01-12", [{"gender": "male"}]), dataset=register)

    (sentence,) = _told(same, "MP-SOURCE-02")
    assert "an earlier delivery says something else" in sentence
    assert GOOD[register]["full_name"] not in sentence
    assert _balance(again) == (0, 1, 0)


def test_sources_without_precedence_hold_nothing_back() -> None:
    register = "meeting_participants"
    home = Home()
    home.run(("indico", "2026-01-10", [{}]), dataset=register)

    verdict = home.run(("indico_registrations", "2026-01-11", [{"attended": "no"}]), dataset=register)

    assert verdict.quarantined.empty
    assert _balance(verdict) == (1, 0, 0)
