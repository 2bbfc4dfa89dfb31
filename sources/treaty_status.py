"""From what a status table says of each state to rows of ``treaty_actions``.

The depositary and the UNODA database show the same acts in different words. What both need stands here
once: ids by the scheme of the shipped register, entry into force by Article 17, and the reviewed corrections
that settle what the rule can't (``treaty_actions/corrections.csv``). Source: docs/contract/inputs.md
(treaty_actions).
"""

from __future__ import annotations

import csv
import re
from functools import cache

import pandas as pd

from sources.contract import SOURCES
from sources.convention import entry_into_force
from sources.names import Names
from sources.readers import Finding

CORRECTIONS = SOURCES / "treaty_actions" / "corrections.csv"

CONSENTS = ("ratification", "acceptance", "approval", "accession", "succession")

COLUMNS = (
    *("action_id", "iso3", "action", "deposited_on", "effective_on", "received_on", "source_ref"),
    *("_row", "_place"),
)


@cache
def corrections() -> tuple[dict[str, str], ...]:
    """The reviewed corrections: action_id, column, was (what a source gives), value, reason."""
    with CORRECTIONS.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def is_mine_ban(text: str) -> bool:
    """Whether a title, or the text of a page, is about the Convention on anti-personnel mines."""
    return (
        re.search(r"anti-?\s?personnel\s+(?:land)?mines|mines\s+anti-?\s?personnel", text, re.I) is not None
    )


def treaty_actions(
    acts: pd.DataFrame, *, received_on: str, source_ref: str, letters: str
) -> tuple[pd.DataFrame, list[Finding]]:
    """Rows of ``treaty_actions``, and what the corrections found.

    ``acts``: text columns state, kind (``signature``, ``consent``, ``withdrawal``), action, deposited_on and
    effective_on (``YYYY-MM-DD``, or what stood there), with ``_row`` and ``_place``. A state that can't be
    told, an unknown action and a date that is none stay as they stood, for the door to say so. ``letters``
    begin the codes of the findings.
    """
    codes = Names({}).resolve(acts["state"])
    known = acts["state"].map(codes)
    iso3 = known.where(known.notna(), acts["state"])
    deposited = pd.to_datetime(acts["deposited_on"], format="%Y-%m-%d", errors="coerce")
    later = _numbered_apart(acts.assign(iso3=iso3, day=deposited))
    given = entry_into_force(deposited).dt.strftime("%Y-%m-%d").fillna("")
    by_rule = acts["action"].isin(CONSENTS) & (acts["effective_on"] == "")
    frame = pd.DataFrame(
        {
            "action_id": iso3 + "-" + acts["kind"] + later,
            "iso3": iso3,
            "action": acts["action"],
            "deposited_on": acts["deposited_on"],
            "effective_on": acts["effective_on"].mask(by_rule, given),
            "received_on": received_on,
            "source_ref": source_ref,
            "_row": acts["_row"].astype("int64"),
            "_place": acts["_place"],
        }
    )
    return _corrected(frame, letters)


def _numbered_apart(acts: pd.DataFrame) -> pd.Series:
    """``-2`` for the consent after a withdrawal, which is another record, and so on; else nothing.

    Their order is that of their deposits. Where nobody left in between, a state that stands twice is one
    record said twice: both rows keep its id, and the door holds them if they differ.
    """
    in_time = acts.sort_values(["day", "_row"], kind="stable")
    number = in_time.groupby(["iso3", "kind"]).cumcount().add(1).reindex(acts.index)
    count = acts.groupby(["iso3", "kind"]).size().unstack(fill_value=0)
    count = count.reindex(columns=["consent", "withdrawal"], fill_value=0)
    most = pd.Series(1, index=acts.index)
    most = most.mask(acts["kind"] == "consent", acts["iso3"].map(count["withdrawal"]) + 1)
    most = most.mask(acts["kind"] == "withdrawal", acts["iso3"].map(count["consent"]))
    return ("-" + number.astype("str")).where((number > 1) & (number <= most), "")


def _corrected(frame: pd.DataFrame, letters: str) -> tuple[pd.DataFrame, list[Finding]]:
    """The rows with the reviewed corrections in them; each one that was used, or no longer fits, is said."""
    findings: list[Finding] = []
    for entry in corrections():
        hit = frame["action_id"] == entry["action_id"]
        column = entry["column"]
        if not hit.any() or (frame.loc[hit, column] == entry["value"]).all():
            continue
        place = str(frame.loc[hit, "_place"].iloc[0])
        subject = f"{column} of {entry['action_id']}"
        if not (frame.loc[hit, column] == entry["was"]).all():
            findings.append(
                Finding(
                    f"{letters}-CORRECTION-STALE",
                    "warn",
                    f"The correction of {subject} was made for {entry['was'] or 'an empty cell'}, and the "
                    "source says something else now. It was not used; review "
                    "sources/treaty_actions/corrections.csv.",
                    place,
                )
            )
            continue
        frame.loc[hit, column] = entry["value"]
        findings.append(
            Finding(
                f"{letters}-CORRECTED",
                "warn",
                f"{subject} is {entry['value']} by a reviewed correction, not {entry['was'] or 'empty'}: "
                f"{entry['reason']}.",
                place,
            )
        )
    return frame, findings
