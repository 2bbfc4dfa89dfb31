"""Reads a reply of the UNODA treaties database.

The reply is one treaty with its actions. Which treaty it is stands in the reply: a short name that meant
another one would else fill the register with its parties. What the layout looks like is told in
``source.yml``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from sources.documents import Fields, load
from sources.readers import Finding, Reading, ReadingContext, ReadTable, Unreadable
from sources.treaty_status import is_mine_ban, treaty_actions
from sources.untc_status.notes import withdrawal

SOURCE_REF = "UNODA treaties database, treaties.unoda.org"

ACTIONS = {
    "signatory": "signature",
    "signature": "signature",
    "ratification": "ratification",
    "acceptance": "acceptance",
    "approval": "approval",
    "accession": "accession",
    "succession": "succession",
    "withdrawal": "withdrawal",
}
TYPES = {"SIG": "signature", "RAT": "ratification", "ACC": "accession", "SUC": "succession"}
KINDS = {"signature": "signature", "withdrawal": "withdrawal"}

_IGNORED = (
    *("id", "description", "is_protocol", "protocol_parent_id", "protocols_", "short_name", "treaty_text"),
    *("note", "is_amendment", "signature_location", "show_deposit_location", "show_signature_location"),
    *("show_signature_for_protocol", "adopted_date", "adopted_location", "open_for_signature_date"),
    *("entry_into_force_date", "entry_into_force_note", "search_keywords", "certified_copy_url"),
    *("depositaries_",),
)


def read(path: Path, ending: str, context: ReadingContext) -> Reading:
    """Rows of ``treaty_actions``, one for each state and act.

    Raises ``Unreadable`` for an interface's error, a reply without a treaty, and another treaty's.
    """
    treaty = _treaty(load(path))
    findings = _Findings()
    actions = [_action(action, findings) for action in treaty.each("actions_")]
    if not actions:
        raise Unreadable("UNODA-NO-ACTIONS", "The reply holds no action of the treaty. Ask again later.")
    lines = pd.DataFrame(actions).assign(_row=range(1, len(actions) + 1))
    lines["_place"] = "actions_[" + lines["_row"].astype("str") + "]"
    acts = _one_depositary(lines, findings)
    _compare_counts(treaty, acts, findings)
    treaty.ignore(*_IGNORED)
    findings.unknown(treaty.left)
    frame, corrected = treaty_actions(
        acts, received_on=context.received_on.isoformat(), source_ref=SOURCE_REF, letters="UNODA"
    )
    table = ReadTable("treaty_actions", "actions_", frame.reset_index(drop=True))
    return Reading((table,), (*findings.all, *corrected))


class _Findings:
    """What is said of a reply; each field that nobody knows is said once."""

    def __init__(self) -> None:
        self.all: list[Finding] = []
        self._known: set[str] = set()

    def say(self, code: str, sentence: str, place: str | None = None) -> None:
        self.all.append(Finding(f"UNODA-{code}", "warn", sentence, place))

    def unknown(self, names: list[str]) -> None:
        for name in names:
            if name not in self._known:
                self._known.add(name)
                self.say(
                    "FIELD",
                    f"The field {name[:80]} is not read. Look whether it says something new.",
                    name[:80],
                )


def _treaty(document: Any) -> Fields:
    reply = Fields(document)
    if reply.take("errors"):
        raise Unreadable(
            "UNODA-ERROR", "The interface answered with an error. Ask again, or check short_name."
        )
    treaty = reply.fields("data").fields("treaty_").fields("data")
    title = treaty.text("full_name") + " " + treaty.text("name")
    if not treaty.is_object or not title.strip():
        raise Unreadable("UNODA-NO-TREATY", "The reply holds no treaty with a title. Check short_name.")
    if not is_mine_ban(title):
        raise Unreadable(
            "UNODA-OTHER-TREATY",
            "The reply is about another treaty. Find the short name of the mine-ban Convention.",
        )
    return treaty


def _action(action: Fields, findings: _Findings) -> dict[str, str]:
    """State, kind, action, date and depositary of an action; what is not understood stays as it stood."""
    written, kind = action.text("action_type_"), action.text("type")
    by_word, by_type = ACTIONS.get(written.casefold()), TYPES.get(kind.upper())
    agree = by_word is None or by_type in {None, by_word, "ratification"}
    meant = (by_word or (by_type if not written else None)) if agree else None
    if meant is None:
        findings.say(
            "ACTION",
            f"The action is {written[:40] or 'without a name'} of type {kind[:40] or 'none'}, which is not "
            "known. Its row is in quarantine.",
        )
    state = action.fields("state")
    depositary = action.fields("depositary")
    country = state.fields("country_")
    names = country.fields("country_country_name")
    name = (
        state.text("name")
        or names.text("countryname_official_short_name")
        or country.text("country_persistent_name")
        or names.text("countryname_country_code_2")
    )
    told = {
        "state": name,
        "kind": KINDS.get(meant or "", "consent"),
        "action": meant or f"{written} {kind}".strip(),
        "deposited_on": action.text("date").removesuffix(" 00:00:00"),
        "effective_on": _effect_of_note(meant, action.text("note"), name, findings),
        "depositary": depositary.text("short_name"),
    }
    action.ignore("id", "objections_")
    state.ignore("country_id")
    country.ignore("country_persistent_name", "country_country_groups")
    names.ignore("countryname_official_short_name", "countryname_official_long_name")
    names.ignore("countryname_country_code_2", "countryname_country_code_3")
    depositary.ignore("id", "name", "url_name")
    for fields in (action, state, depositary, country, names):
        findings.unknown(fields.left)
    return told


def _effect_of_note(meant: str | None, note: str, state: str, findings: _Findings) -> str:
    """The day on which a withdrawal takes effect, which only its note can tell; empty for other acts.

    A note of another act that tells of a withdrawal is said, for nothing is concluded from it.
    """
    told = withdrawal(note)
    if meant == "withdrawal":
        if told is None or not told.effective_on:
            findings.say(
                "WITHDRAWAL",
                f"The withdrawal of {state[:40]} does not tell from when it has effect. Unless the day "
                "stands in sources/treaty_actions/corrections.csv, or is delivered, it changes nothing.",
            )
        return told.effective_on if told else ""
    if told is not None:
        findings.say(
            "NOTE",
            f"The note of an act of {state[:40]} tells of a withdrawal. Nothing was concluded from it; read "
            "it, and deliver the row if there is one.",
        )
    return ""


def _one_depositary(lines: pd.DataFrame, findings: _Findings) -> pd.DataFrame:
    """Without the later deposits of one act with other depositaries; each is said."""
    in_time = lines.sort_values(["deposited_on", "_row"], kind="stable")
    same = in_time.duplicated(["state", "kind", "action"], keep="first")
    first = in_time.groupby(["state", "kind", "action"])["depositary"].transform("first")
    elsewhere = (same & (in_time["depositary"] != first)).reindex(lines.index)
    for place in lines.loc[elsewhere, "_place"]:
        findings.say(
            "DEPOSITARY", "The same act with another depositary, later. The first one counts.", place
        )
    return lines[~elsewhere].reset_index(drop=True)


def _compare_counts(treaty: Fields, acts: pd.DataFrame, findings: _Findings) -> None:
    """The reply's own totals against its actions."""
    said = (treaty.text("count_sig_states"), treaty.text("count_states_parties"))
    states = acts.groupby("kind")["state"].agg(set)
    empty: set[str] = set()
    parties = states.get("consent", empty) - states.get("withdrawal", empty)
    found = (str(len(states.get("signature", empty))), str(len(parties)))
    if any(said) and said != found:
        findings.say(
            "COUNT",
            f"The reply counts {said[0] or '?'} signatories and {said[1] or '?'} parties; its actions give "
            f"{found[0]} and {found[1]}.",
        )
