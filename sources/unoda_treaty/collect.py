"""Asks the UNODA treaties database for the Convention's actions.

The reply is kept as it comes: it names the treaty and all that the reader needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

QUERY = """
query Treaty($input: TreatyRequestInput_) {
  treaty_(input: $input) {
    ... on ReadResponse {
      data {
        ... on Treaty_ {
          id
          name
          short_name
          full_name
          adopted_date
          entry_into_force_date
          count_sig_states
          count_states_parties
          depositaries_ { short_name }
          actions_ {
            id
            date
            note
            type
            action_type_
            state {
              name
              country_ {
                country_persistent_name
                country_country_name { countryname_official_short_name countryname_country_code_2 }
              }
            }
            depositary { short_name }
          }
        }
      }
    }
  }
}
""".strip()


def body(short_name: str) -> dict[str, Any]:
    """What is posted to the interface for a treaty."""
    return {
        "operationName": "Treaty",
        "variables": {"input": {"id": None, "short_name": short_name, "type": "GET_TREATY"}},
        "query": QUERY,
    }


def collect(get_json: Callable[..., Any], settings: Mapping[str, Any]) -> Any:
    """The interface's reply. ``settings``: ``short_name`` of the treaty, ``mine_ban`` if not given."""
    return get_json("", method="POST", body=body(str(settings.get("short_name", "mine_ban"))))
