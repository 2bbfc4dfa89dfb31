"""Replies of the UNODA treaties database, made of the actions that a test wants."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TITLE = (
    "Convention on the Prohibition of the Use, Stockpiling, Production and Transfer of Anti-Personnel Mines "
    "and on their Destruction"
)


def action(state: str, written: str, day: str, kind: str = "", **more: Any) -> dict[str, Any]:
    """One action as the interface gives it."""
    types = {"Signatory": "SIG", "Ratification": "RAT", "Accession": "ACC", "Succession": "SUC"}
    return {
        "id": "1",
        "date": f"{day} 00:00:00",
        "note": None,
        "type": kind or types.get(written, written[:3].upper()),
        "action_type_": written,
        "state": {"name": state, "__typename": "State_"},
        "depositary": {"short_name": "UNSG", "__typename": "Depositary_"},
        "__typename": "Action_",
        **more,
    }


def reply(actions: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A whole reply."""
    treaty = {
        "id": "17",
        "name": "Anti-Personnel Mines Convention",
        "short_name": "mine_ban",
        "full_name": TITLE,
        "depositaries_": [{"short_name": "UNSG"}],
        "actions_": list(actions),
        "__typename": "Treaty_",
        **more,
    }
    return {"data": {"treaty_": {"data": treaty, "__typename": "ReadResponse"}}}


def written(folder: Path, document: Any) -> Path:
    """A file with the document."""
    path = folder / "unoda_treaty.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path
