"""Nights on configured sources, whole.

What sources bring is published, one that fails keeps its last good copy, and no secret is left anywhere. A
real ``sraap refresh`` asks a server on the loopback. Secrets of every kind go to it, and some of its answers
throw them back; afterwards everything that the runs left or said is searched, the restricted part as well.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.home import Home, today
from flows.refresh import Request, refresh
from tests.flows.conftest import sraap
from tests.flows.fetching.server import Asked, Server, csv, raw, reply, serving
from tests.flows.harness import ANSWERS, REQUIRED, without_prefect, write_csv
from tests.sources.untc_status import pages
from tests.test_canaries import contents

TOKEN, PASSWORD, KEY, IN_QUERY = (
    "tokencanary-7f3a",
    "passwordcanary-91bc",
    "keycanary-d04e",
    "querycanary-5a5a",
)
CANARY = b"canary-"
MORE_ANSWERS = [*ANSWERS, {"report_id": "R-KHM", "indicator_id": "1.2", "answer": "yes"}]
CHANGED = "article7_answers"
STATUS_OF = "treaty_actions"
STATUS = [["Cambodia", "3 Dec\t 1997", "28 Jul\t 1999"], ["Kenya 1", "5 Dec\t 1997", "23 Jan\t 2001"]]
DOWN = "meeting_participants"


def thrown_back(connection: socket.socket, asked: Asked) -> None:
    """A server that repeats the secrets it was sent, where people would see them."""
    token = asked.headers["Authorization"].removeprefix("Bearer ")
    reply(302, b"", Location=f"https://{token}.example.org/{IN_QUERY}")(connection, asked)


def content_of(folder: Path, dataset: str, rows: list[dict[str, str]]) -> bytes:
    return write_csv(folder / f"{dataset}.csv", rows).read_bytes()


def configuration(server: Server, *, first: bool) -> str:
    text = "sources:\n"
    for dataset in REQUIRED:
        query = f"?key={IN_QUERY}" if dataset == DOWN else ""
        kind, ending = ("untc_status", "xml") if dataset == STATUS_OF else (dataset, "csv")
        text += f"  {dataset.replace('_', '-')}:\n    kind: {kind}\n    ending: {ending}\n"
        text += f"    address: {server.at(f'/{dataset}{query}')}\n    attempts: 1\n    allow_private: true\n"
        text += "    credentials: {bearer: CANARY_TOKEN}\n    headers: {X-Key: {variable: CANARY_KEY}}\n"
        text += "    stale_after_hours: {warn: 24, error: 48}\n"
    common = (
        "\n    kind: contributions\n    allow_private: true\n    ending: csv\n    attempts: 1\n    address: "
    )
    if first:
        text += f"  thrown-back:{common}{server.at('/back')}\n    credentials: {{bearer: CANARY_TOKEN}}\n"
        text += f"  closed:{common}{server.at('/closed')}\n"
        text += "    credentials: {basic: {user: CANARY_USER, password: CANARY_PASSWORD}}\n"
        text += f"  broken:{common}{server.at(f'/broken?key={IN_QUERY}')}\n"
    return text


@dataclass(frozen=True)
class Nights:
    """A home after three nights; what each said; the server's log."""

    home: Path
    first: dict[str, Any]
    second: dict[str, Any]
    third: dict[str, Any]
    said: str
    asked: list[Asked]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    folder = tmp_path_factory.mktemp("sources")
    home, names = folder / "home", folder / "sources.yml"
    day = today().isoformat()  # rows of the depositary's table are known from the day it came
    secrets = {
        "CANARY_TOKEN": TOKEN,
        "CANARY_USER": "someone",
        "CANARY_PASSWORD": PASSWORD,
        "CANARY_KEY": KEY,
        "SRAAP_SOURCES": str(names),
    }
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        for dataset, rows in REQUIRED.items():
            answer = csv(content_of(folder, dataset, rows), ETag=f'"{dataset}"')
            if dataset == STATUS_OF:
                answer = reply(body=pages.xml(STATUS), Content_Type="text/xml", ETag='"status"')
            server.on(f"/{dataset}", answer, reply(304, b"", None))
        server.on("/back", thrown_back)
        server.on("/closed", reply(401))
        server.on("/broken", raw(f"HTTP/1.1 200 OK\r\nX: {KEY}\r\nTransfer-Encoding: {TOKEN}".encode()))
        names.write_text(configuration(server, first=True), encoding="utf-8")
        done = sraap("refresh", "--home", home, "--as-of", day, "--json", "--debug", **secrets)
        said = done.stdout + done.stderr
        assert done.returncode == 3, said[-3000:]
        first = json.loads(done.stdout)

        names.write_text(configuration(server, first=False), encoding="utf-8")
        server.on(
            f"/{CHANGED}", csv(content_of(folder, CHANGED, MORE_ANSWERS), ETag='"new"'), reply(304, b"", None)
        )
        server.on(f"/{DOWN}", reply(500))
        for name, value in secrets.items():
            patch.setenv(name, value)
        second = refresh(Request(home, as_of=day), without_prefect).record
        third = sraap("refresh", "--home", home, "--as-of", day, "--json", **secrets)
        for command in (["audit"], ["audit", "--json"], ["doctor"], ["refresh", "--as-of", day]):
            told = sraap(*command, "--home", home, **secrets)
            said += told.stdout + told.stderr
        said += third.stdout + third.stderr
        yield Nights(home, first, second, json.loads(third.stdout), said, list(server.asked))


def rows(home: Path, publication: str, query: str) -> list[tuple[Any, ...]]:
    path = home / "publications" / publication / "warehouse.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def of_second(nights: Nights, query: str) -> list[tuple[Any, ...]]:
    return rows(nights.home, nights.second["run_id"], query)


def test_what_sources_bring_is_published_though_others_fail(nights: Nights) -> None:
    assert nights.first["state"] == "published" and nights.first["exit_code"] == 3
    outcomes = {receipt["source"]: receipt["outcome"] for receipt in nights.first["sources"]}
    wanted = dict.fromkeys((dataset.replace("_", "-") for dataset in REQUIRED), "fetched")
    assert outcomes == {**wanted, "thrown-back": "failed", "closed": "failed", "broken": "failed"}
    assert Home(nights.home).kind == "real"
    publication = nights.first["run_id"]
    files = rows(nights.home, publication, "select source, dataset, outcome from audit.files")
    kinds = {dataset: dataset for dataset in REQUIRED} | {STATUS_OF: "untc_status"}
    assert set(files) == {(d.replace("_", "-"), kinds[d], "loaded") for d in REQUIRED}
    assert rows(nights.home, publication, "select outcome, exit_code from audit.runs") == [("published", 3)]


def test_receipts_and_evidence_name_the_source(nights: Nights) -> None:
    publication = nights.first["run_id"]
    fetched = rows(
        nights.home,
        publication,
        "select source, f.sha256, f.bytes from audit.fetches f join audit.files using (source) "
        "where f.sha256 = file_sha256 and f.bytes = audit.files.bytes and status = 200 and attempts = 1 "
        "and address not like '%canary%' and stale_since is null",
    )
    assert len(fetched) == len(REQUIRED)
    manifest = json.loads(
        (nights.home / "publications" / publication / "evidence" / "manifest.json").read_text(
            encoding="utf-8"
        )
    )
    assert {one["source"] for one in manifest["inputs"]} == {d.replace("_", "-") for d in REQUIRED}
    checks = rows(
        nights.home,
        publication,
        "select subject, outcome from audit.validation_results where check_code = 'SOURCE-FETCHED'",
    )
    assert {subject for subject, outcome in checks if outcome == "fail"} == {
        "thrown-back",
        "closed",
        "broken",
    }
    assert len(checks) == len(REQUIRED) + 3


def test_a_night_in_which_a_source_is_down_publishes_with_its_last_good_copy(nights: Nights) -> None:
    assert nights.second["state"] == "published" and nights.second["exit_code"] == 0
    outcomes = {receipt["source"]: receipt["outcome"] for receipt in nights.second["sources"]}
    assert outcomes["meeting-participants"] == "failed" and outcomes["article7-answers"] == "fetched"
    assert set(outcomes.values()) == {"failed", "fetched", "not_modified"}
    (counted,) = of_second(
        nights,
        "select denominator from marts.indicator_values "
        "where indicator_id = '3.4' and breakdown = 'total' and reporting_year = 2025",
    )
    assert counted == (1,), "the register of the first night still counts"
    answered = of_second(
        nights, "select 1 from marts.indicator_observations where indicator_id = '1.2' and reason = 'yes'"
    )
    assert len(answered) == 1, "what the other source brought counts as well"
    stale = of_second(
        nights,
        "select run_id, sentence from audit.fetches "
        "where source = 'meeting-participants' and stale_since is not null",
    )
    ((run_id, sentence),) = stale
    assert run_id == nights.second["run_id"] and "it is in trouble itself (status 500)" in sentence
    assert len(of_second(nights, "select distinct run_id from audit.fetches")) == 2


def test_a_night_with_nothing_new_ends_before_anything_slow_starts(nights: Nights) -> None:
    assert (nights.third["state"], nights.third["exit_code"]) == ("nothing_new", 0)
    assert [phase["name"] for phase in nights.third["phases"]] == ["fetch"]
    assert {receipt["outcome"] for receipt in nights.third["sources"]} == {"failed", "not_modified"}
    assert nights.third["publication_id"] == nights.second["run_id"]


def test_no_secret_is_left_or_said(nights: Nights) -> None:
    sent = " ".join(f"{asked.path} {asked.headers}" for asked in nights.asked)
    for secret in (TOKEN, KEY, IN_QUERY):
        assert secret in sent, "the test sends no secret"
    assert any(
        asked.headers["Authorization"].startswith("Basic ")
        for asked in nights.asked
        if asked.path == "/closed"
    )
    assert CANARY.decode() not in nights.said
    searched = 0
    for path in sorted(nights.home.rglob("*")):
        assert CANARY not in str(path).encode()
        if path.is_file():
            searched += 1
            for content in contents(path):
                assert CANARY not in content, path
                assert b"c29tZW9uZTpw" not in content, f"{path} holds user and password as they are sent"
    assert searched > 200
