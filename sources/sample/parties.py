"""What the real registers say about a state on a day, as far as the generator needs it.

A generator that knows who was a party and who clears mined areas makes answers that look like
life. It is deliberately cruder than the pipeline's populations, and nothing else uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sources.sample import REGISTERS
from sources.sample.chance import Flags, Texts

Days = npt.NDArray[np.datetime64]

CONSENTS = ("ratification", "acceptance", "approval", "accession", "succession")
NEVER = np.datetime64("9999-12-31", "D")


def days(texts: pd.Series | Texts | list[str]) -> Days:
    """ISO dates as days; an empty text is ``NEVER``."""
    values = np.asarray(texts, dtype=object)
    return np.asarray(np.where(values == "", str(NEVER), values).astype("datetime64[D]"))


def texts(values: Days) -> Texts:
    """Days as ISO dates."""
    return np.asarray(np.datetime_as_string(values, unit="D")).astype(object)


def as_days(column: pd.Series) -> Days:
    """A column of dates as days."""
    return column.to_numpy().astype("datetime64[D]")


def later(values: Days, by: int | npt.NDArray[np.int64]) -> Days:
    """Days ``by`` so many days later (earlier, if negative)."""
    return np.asarray(values + np.asarray(by).astype("timedelta64[D]"))


def read(name: str) -> pd.DataFrame:
    """A register as text; ``NA`` stays the text it is."""
    return pd.read_csv(REGISTERS / f"{name}.csv", dtype=str, keep_default_na=False)


@dataclass(frozen=True)
class Parties:
    """The registers, indexed for questions about states on days."""

    iso3: Texts
    names: Texts
    joined: Days
    left: Days
    obligations: pd.DataFrame

    def position(self, iso3: Texts | pd.Series) -> npt.NDArray[np.int64]:
        """Position of each state in ``self.iso3`` (which is sorted)."""
        return np.searchsorted(self.iso3.astype(str), np.asarray(iso3).astype(str)).astype(np.int64)

    def are_parties(self, iso3: Texts, on: Days) -> Flags:
        """Whether each state was a State Party on its day."""
        place = self.position(iso3)
        return np.asarray((self.joined[place] <= on) & (on < self.left[place]))

    def parties_on(self, day: str) -> Texts:
        """The States Parties on a day, by ISO3."""
        on = np.full(len(self.iso3), np.datetime64(day, "D"))
        return np.asarray(self.iso3[self.are_parties(self.iso3, on)])

    def others_on(self, day: str) -> Texts:
        """The states not party on a day, by ISO3."""
        return np.setdiff1d(self.iso3, self.parties_on(day))

    def bound_by(self, kind: str, iso3: Texts, on: Days, overdue: bool = False) -> Flags:
        """Whether each state had an open obligation of that kind on its day (past its deadline, if asked)."""
        rows = self.obligations[self.obligations["kind"] == kind]
        found = np.zeros(len(iso3), dtype=bool)
        for state, starts, ends, deadline in zip(
            rows["iso3"], days(rows["starts_on"]), days(rows["ends_on"]), days(rows["deadline"]), strict=True
        ):
            is_open = (iso3 == state) & (starts <= on) & (on < ends)
            found |= is_open & (deadline < on) if overdue else is_open
        return found

    def completed(self, iso3: Texts, on: Days) -> Flags:
        """Whether each state had completed an Article 5 obligation by its day."""
        rows = self.obligations[
            (self.obligations["kind"] == "article_5") & (self.obligations["end_reason"] == "completed")
        ]
        found = np.zeros(len(iso3), dtype=bool)
        for state, ended in zip(rows["iso3"], days(rows["ends_on"]), strict=True):
            found |= (iso3 == state) & (ended <= on)
        return found

    def memberships(self, iso3: Texts, on: Days) -> dict[str, Flags]:
        """For each population of the ``reported`` indicators, whether each state was in it on its day."""
        party = self.are_parties(iso3, on)
        article3, article4, article5, victims = (
            party & self.bound_by(kind, iso3, on)
            for kind in ("article_3", "article_4", "article_5", "victim_assistance")
        )
        return {
            "states_parties": party,
            "states_not_party": ~party,
            "article3": article3,
            "article4": article4,
            "article4_overdue": party & self.bound_by("article_4", iso3, on, overdue=True),
            "article5": article5,
            "article5_completed": party & self.completed(iso3, on),
            "victim_assistance": victims,
            "affected": article5 | victims,
        }


def load() -> Parties:
    """The shipped registers."""
    states = read("states").sort_values("iso3", kind="stable")
    iso3 = states["iso3"].to_numpy(dtype=object)
    actions = read("treaty_actions")
    joined = np.full(len(iso3), NEVER)
    left = np.full(len(iso3), NEVER)
    keys = iso3.astype(str)
    consents = actions[actions["action"].isin(CONSENTS)]
    joined[np.searchsorted(keys, consents["iso3"].to_numpy(dtype=str))] = days(consents["effective_on"])
    withdrawals = actions[actions["action"] == "withdrawal"]
    left[np.searchsorted(keys, withdrawals["iso3"].to_numpy(dtype=str))] = days(withdrawals["effective_on"])
    return Parties(iso3, states["name"].to_numpy(dtype=object), joined, left, read("obligations"))
