"""A server that answers as Indico's check-in interface does, by its source (version of August 2026).

Invented people only. A registration holds what ``CheckinRegistrationSchema`` gives; the list of registrations
leaves out ``registration_data``; whoever has no token is refused.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "indp_invented"
EVENT, FORM = 1019, 7

EVENT_REPLY = {
    "id": EVENT,
    "title": "Twenty-Second Meeting of the States Parties",
    "description": "",
    "start_dt": "2025-11-30T23:00:00+00:00",
    "end_dt": "2025-12-05T17:00:00+00:00",
    "registration_tags": [],
}
FORM_REPLY = {
    "id": FORM,
    "event_id": EVENT,
    "title": "Registration",
    "introduction": "",
    "start_dt": "2025-09-01T08:00:00+00:00",
    "end_dt": None,
    "is_open": False,
    "registration_count": 6,
    "checked_in_count": 4,
}

TITLES = {"Mr": "t-mr", "Ms": "t-ms", "Dr": "t-dr"}
GENDERS = {"Woman": "g-f", "Man": "g-m", "Prefer not to say": "g-n"}
KINDS = {"State Party": "d-s", "NGO": "d-n", "Survivor organization": "d-o", "Media": "d-m"}


def _choice(captions: dict[str, str], chosen: str) -> dict[str, Any]:
    return {
        "input_type": "single_choice",
        "data": {captions.get(chosen, chosen): 1} if chosen else {},
        "default_value": {},
        "choices": [
            {
                "id": key,
                "caption": caption,
                "isEnabled": True,
                "placesLimit": 0,
                "maxExtraSlots": 0,
                "price": 0,
            }
            for caption, key in captions.items()
        ],
    }


def _text(value: str, kind: str = "text") -> dict[str, Any]:
    return {"input_type": kind, "data": value, "default_value": ""}


def registration(number: int, name: str, **said: Any) -> dict[str, Any]:
    """A registration with all details. ``said``: title, country, affiliation, gender, kind, survivor, state,
    checked_in."""
    first, _, last = name.partition(" ")
    personal = {
        "First Name": _text(first),
        "Last Name": _text(last),
        "Email Address": _text(f"person{number}@example.org", "email"),
        "Affiliation": _text(said.get("affiliation", "")),
        "Country": {
            **_text(said.get("country", ""), "country"),
            "choices": [{"caption": "Namibia", "countryKey": "NA"}, {"caption": "Chad", "countryKey": "TD"}],
        },
        "Title": _choice(TITLES, said.get("title", "")),
        "Picture": {"input_type": "picture", "data": None, "default_value": None},
    }
    own = {
        "Gender": _choice(GENDERS, said.get("gender", "")),
        "Delegation": _choice(KINDS, said.get("kind", "")),
        "I am a survivor": {
            "input_type": "bool",
            "data": said.get("survivor", False),
            "default_value": False,
        },
        "Dietary needs": _text("none"),
    }
    sections = [("Personal Data", personal, 0), ("Meeting", own, 20)]
    return {
        "id": number,
        "regform_id": FORM,
        "event_id": EVENT,
        "full_name": name,
        "email": f"person{number}@example.org",
        "state": said.get("state", "complete"),
        "checked_in": said.get("checked_in", False),
        "checked_in_dt": "2025-12-01T08:10:00+00:00" if said.get("checked_in") else None,
        "checkin_secret": f"00000000-0000-4000-8000-{number:012}",
        "is_paid": False,
        "price": 0.0,
        "payment_date": None,
        "currency": "CHF",
        "formatted_price": "",
        "tags": [],
        "occupied_slots": 1,
        "registration_date": "2025-10-01T09:00:00+00:00",
        "personal_data_picture": None,
        "registration_data": [
            {
                "id": place,
                "title": title,
                "description": "",
                "position": place,
                "fields": [
                    {"id": base + n, "title": name, "description": "", "position": n, **field}
                    for n, (name, field) in enumerate(fields.items(), start=1)
                ],
            }
            for place, (title, fields, base) in enumerate(sections, start=1)
        ],
    }


REGISTRATIONS = [
    registration(12, "Ndapewa Nangolo", country="NA", kind="State Party", gender="Woman", checked_in=True),
    registration(11, "Mahamat Idriss", country="TD", kind="State Party", title="Mr", checked_in=True),
    registration(
        13,
        "Ana Ferro",
        country="TD",
        kind="NGO",
        affiliation="Clear Ground",
        gender="Prefer not to say",
        title="Dr",
        checked_in=True,
    ),
    registration(
        14, "Ismail Rua", kind="Survivor organization", affiliation="Walk On", survivor=True, title="Ms"
    ),
    registration(15, "Otto Brandt", country="TD", kind="State Party", state="withdrawn", gender="Man"),
    registration(
        16, "Rosa Lind", country="TD", kind="State Party", state="rejected", gender="Woman", checked_in=True
    ),
]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the name is given by the library
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._reply(401, {"error": "invalid_token"})
            return
        base = f"/api/checkin/event/{EVENT}/"
        registrations = f"{base}forms/{FORM}/registrations/"
        replies: dict[str, Any] = {
            base: EVENT_REPLY,
            f"{base}forms/": [FORM_REPLY],
            f"{base}forms/{FORM}/": FORM_REPLY,
            registrations: [
                {name: value for name, value in one.items() if name != "registration_data"}
                for one in REGISTRATIONS
            ],
        } | {f"{registrations}{one['id']}": one for one in REGISTRATIONS}
        found = replies.get(self.path)
        self._reply(200 if found is not None else 404, found if found is not None else {"error": "not found"})

    def _reply(self, status: int, document: Any) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


@contextmanager
def serving() -> Iterator[str]:
    """The address of a running server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def getter(address: str, token: str = TOKEN) -> Any:
    """What a collector is handed: gives the reply for a path, with the token's authority."""

    def get_json(path: str) -> Any:
        request = urllib.request.Request(address + path, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    return get_json


SETTINGS = {
    "event_id": EVENT,
    "meeting_id": "22MSP",
    "kind": "meeting_of_states_parties",
    "fields": {
        "gender": "Gender",
        "delegation_kind": "Delegation",
        "is_mine_victim": "I am a survivor",
    },
}
"""Settings of the source as its owner writes them."""
