"""What sources do to a home over several nights: due or not, the same or new, failing, coming back."""

from __future__ import annotations

import json
import shutil
import stat
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from flows import doctor, erasing
from flows.archive import read_delivered
from flows.check import dry_run
from flows.errors import UsageProblem
from flows.fetching import fetch, receipts, settings
from flows.fetching.receipts import Receipt
from flows.fetching.settings import Source
from flows.home import Home
from flows.night import receive
from flows.refresh import SAMPLE, Night, Request, Result, refresh
from flows.runs import Run
from sources.reading import read
from tests.flows.fetching.server import CSV, Answer, Server, Time, csv, reply, serving, silent, source
from tests.flows.harness import AS_OF, deliver, table, taking_in
from tests.sources.indico import server as indico
from tests.sources.unoda_treaty import replies

MORE = CSV + b"PER,Peru,Latin American and Caribbean,2025-01-02\n"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """Time of the test's own, in which every refresh asks."""
    own = Time()
    monkeypatch.setattr(fetch, "Network", own.network)
    return own


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with all required datasets, taken in by hand; tests change copies."""
    folder = tmp_path_factory.mktemp("template")
    assert refresh(Request(folder / "home", (deliver(folder / "inbox"),), AS_OF), taking_in).exit_code == 0
    return folder / "home"


@pytest.fixture
def place(template: Path, tmp_path: Path, time: Time) -> Path:
    return Path(shutil.copytree(template, tmp_path / "home", symlinks=True))


def configure(place: Path, **addresses: str) -> None:
    """Write ``sources.yml``: names of sources and their addresses, further settings after a line's end."""
    place.mkdir(exist_ok=True)
    text = "sources:\n"
    for name, address in addresses.items():
        lines = [*f"address: {address}".splitlines(), "kind: states", "ending: csv", "allow_private: true"]
        text += f"  {name}:\n" + "".join(f"    {line}\n" for line in lines)
    (place / "sources.yml").write_text(text, encoding="utf-8")


def receiving(home: Home, run: Run, to_judge: bool) -> None:
    """A night that ends when everything is archived."""
    receive(home, run)
    run.end("published", 0, "Archived.")


def night(place: Path, steps: Night = receiving, **asked: Any) -> tuple[Result, dict[str, Receipt]]:
    result = refresh(Request(place, as_of=AS_OF, **asked), steps)
    return result, {line["source"]: Receipt(**line) for line in result.record.get("sources", [])}


def paths(server: Server) -> list[str]:
    return [asked.path for asked in server.asked]


def test_what_comes_is_delivered_like_an_inbox_s_file(place: Path, server: Server) -> None:
    configure(place, register=server.on("/states", csv()))
    result, found = night(place, taking_in)
    assert result.exit_code == 0 and found["register"].outcome == "fetched"
    (line,) = [line for line in table(place, "files") if line["source"] == "register"]
    assert (line["file_name"], line["outcome"]) == ("states--register.csv", "loaded")
    assert line["file_sha256"] == found["register"].sha256
    assert Home(place).archived(line["file_sha256"]).read_bytes() == CSV
    assert {line["source"] for line in table(place, "files")} == {"inbox", "register"}
    assert receipts.waiting(Home(place)) == []
    written = json.loads((place / "runs" / result.record["run_id"] / "receipts.json").read_text())
    assert [Receipt(**line) for line in written] == [found["register"]]


def test_fetched_bytes_lie_in_the_restricted_part_alone(place: Path, server: Server) -> None:
    """A night that dies before it takes them in leaves them there, for their owner's eyes only."""
    configure(place, register=server.on("/states", csv(MORE)))

    def dies(home: Home, run: Run, to_judge: bool) -> None:
        raise RuntimeError("the night died")

    assert refresh(Request(place, as_of=AS_OF), dies).exit_code == 70
    holders = [path for path in place.rglob("*") if path.is_file() and b"PER,Peru" in path.read_bytes()]
    assert [path.name for path in holders] == ["states--register.csv"]
    restricted = place / "archive" / "restricted"
    assert restricted in holders[0].parents
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(restricted.stat().st_mode) == stat.S_IMODE(holders[0].parent.stat().st_mode) == 0o700


def test_what_a_night_that_died_had_fetched_is_taken_in_by_the_next(place: Path, server: Server) -> None:
    configure(place, register=server.on("/states", csv(MORE), reply(500)))

    def dies(home: Home, run: Run, to_judge: bool) -> None:
        raise RuntimeError("the night died")

    refresh(Request(place, as_of=AS_OF), dies)
    _, found = night(place, taking_in)
    assert found["register"].outcome == "failed"
    (line,) = [line for line in table(place, "files") if line["source"] == "register"]
    assert line["outcome"] == "loaded"


def test_an_unchanged_source_is_asked_conditionally(place: Path, server: Server) -> None:
    first = csv(ETag='"v1"', Last_Modified="Mon, 01 Jun 2026 00:00:00 GMT")
    configure(place, register=server.on("/states", first, reply(304, b"", None)))
    night(place)
    delivered = read_delivered(Home(place))
    _, found = night(place)
    assert found["register"].outcome == "not_modified" and found["register"].status == 304
    sent = [(asked.headers["If-None-Match"], asked.headers["If-Modified-Since"]) for asked in server.asked]
    assert sent == [(None, None), ('"v1"', "Mon, 01 Jun 2026 00:00:00 GMT")]
    assert read_delivered(Home(place)) == delivered


def test_the_same_bytes_are_nothing_new(place: Path, server: Server) -> None:
    configure(place, register=server.on("/states", csv()))
    night(place)
    _, found = night(place)
    assert (found["register"].outcome, found["register"].status) == ("not_modified", 200)
    assert receipts.waiting(Home(place)) == []
    assert len(read_delivered(Home(place)).entries) == 8


def test_a_source_is_asked_no_more_often_than_it_is_due(place: Path, server: Server, time: Time) -> None:
    configure(place, register=server.on("/states", csv()) + "\nevery_hours: 20")
    outcomes = []
    for hours in (0, 19.9, 0.2, 1):
        time.passed += hours * 3600
        outcomes.append(night(place)[1]["register"].outcome)
    assert outcomes == ["fetched", "not_due", "not_modified", "not_due"]
    assert len(server.asked) == 2
    assert night(place, full=True)[1]["register"].outcome == "not_modified"


def test_a_source_that_fails_keeps_its_last_good_copy_and_is_stale(
    place: Path, server: Server, time: Time
) -> None:
    answers = [csv(), *[reply(404)] * 2, csv(MORE)]
    configure(
        place, register=server.on("/a", *answers) + "\nevery_hours: 20", other=server.on("/b", csv(MORE))
    )
    night(place)
    time.passed += 24 * 3600
    result, found = night(place)
    assert result.exit_code == 0
    first = found["register"]
    assert (first.outcome, first.has_copy, first.is_missing) == ("failed", True, False)
    assert first.stale_since == receipts.moment(time.now())
    assert "register: nothing is at this address (status 404). Find where it moved" in first.sentence
    assert first.sentence.endswith(f"Its last good copy, of {receipts.moment(time.began)}, stays.")
    assert found["other"].outcome == "not_modified"
    assert [entry.source for entry in read_delivered(Home(place)).entries].count("register") == 1
    time.passed += 3600
    assert night(place)[1]["register"].stale_since == first.stale_since, "it is due again at once"
    back = night(place)[1]["register"]
    assert (back.outcome, back.stale_since) == ("fetched", None)


def test_a_source_that_wants_to_be_left_alone_is(place: Path, server: Server, time: Time) -> None:
    configure(place, register=server.on("/a", reply(429, Retry_After="7200"), csv()))
    first = night(place)[1]["register"]
    assert first.is_missing
    time.passed += 3600
    second = night(place, full=True)[1]["register"]
    assert (second.outcome, second.stale_since) == ("not_due", first.stale_since)
    assert "It is asked again after" in second.sentence and second.is_missing
    time.passed += 3601
    assert night(place)[1]["register"].outcome == "fetched"
    assert len(server.asked) == 2


def test_sources_that_bring_nothing_to_an_empty_home_end_the_run(
    tmp_path: Path, server: Server, time: Time
) -> None:
    configure(tmp_path / "new", register=server.on("/a", reply(404)))
    result, _ = night(tmp_path / "new")
    assert result.exit_code == 3 and result.record["state"] == "failed"
    assert result.error is not None
    assert result.error.where == "register" and "status 404" in result.error.next_step
    assert (tmp_path / "new" / "runs" / result.record["run_id"] / "receipts.json").exists()


def test_a_home_with_sources_is_real_and_never_loads_the_sample(
    tmp_path: Path, server: Server, time: Time
) -> None:
    configure(tmp_path / "new", register=server.on("/a", csv()))
    with pytest.raises(UsageProblem, match="sample is only ever loaded into a sample home"):
        refresh(Request(tmp_path / "new", (SAMPLE,), AS_OF), taking_in)
    result, _ = night(tmp_path / "new", taking_in)
    assert Home(tmp_path / "new").kind == "real"
    assert result.exit_code == 2, "one register is not enough to publish"
    assert paths(server) == ["/a"]


def test_a_wrong_file_asks_nobody(place: Path, server: Server) -> None:
    configure(place, register=server.on("/a", csv()))
    text = (place / "sources.yml").read_text(encoding="utf-8")
    (place / "sources.yml").write_text(text + "    evry_hours: 3\n", encoding="utf-8")
    with pytest.raises(UsageProblem, match="evry_hours is no setting"):
        night(place)
    assert not server.asked


def test_a_dry_run_fetches_nothing(place: Path, server: Server) -> None:
    configure(place, register=server.on("/a", csv(MORE)))
    assert dry_run(Request(place, as_of=AS_OF)).files == []
    assert not server.asked


def test_another_question_is_asked_afresh(place: Path, server: Server) -> None:
    configure(place, register=server.on("/a", csv(ETag='"v1"')))
    night(place)
    configure(place, register=server.on("/b", csv(MORE)))
    assert night(place)[1]["register"].outcome == "fetched"
    assert server.asked[-1].headers["If-None-Match"] is None


def test_a_source_that_goes_back_to_earlier_bytes_says_that_they_change_nothing(
    place: Path, server: Server
) -> None:
    configure(place, register=server.on("/a", csv(), csv(MORE), csv()))
    sentences = [night(place)[1]["register"].sentence for _ in range(3)]
    assert "are taken in as states--register.csv" in sentences[1]
    assert "the same as an earlier copy but not the last" in sentences[2]
    assert receipts.waiting(Home(place)) == []


def test_an_erasure_forgets_what_nobody_has_searched(tmp_path: Path, server: Server, time: Time) -> None:
    from tests.flows.test_people_kept import home_with_people

    place = home_with_people(tmp_path)
    home = Home(place)
    found = fetch.fetch(home, (source("register", server.on("/a", csv(ETag='"v1"'))),), defective=str)
    assert found[0].outcome == "fetched" and receipts.waiting(home)
    erasing.erase(home, erasing.Person("Quilla Canarybird", "Cambodia"))
    assert receipts.waiting(home) == []
    again = fetch.fetch(home, (source("register", server.at("/a")),), defective=str)
    assert again[0].outcome == "fetched"
    assert server.asked[-1].headers["If-None-Match"] is None


# --- what nobody configured takes no part -------------------------------------------------------------------


def test_neither_netrc_nor_proxies_of_the_environment_take_part(
    place: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password hidden\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    configure(place, register=server.on("/a", csv()))
    assert night(place)[1]["register"].outcome == "fetched"
    assert server.asked[0].headers["Authorization"] is None


def test_a_configured_proxy_is_used(place: Path, server: Server) -> None:
    """It may be anywhere; and it is not asked for an address that is not public."""
    server.on("http://data.example/states", csv())
    one = source("register", "http://data.example/states", f"proxy: {server.at('')}")
    home = Home(place)
    (found,) = fetch.fetch(home, (replace(one, allow_private=False),), defective=str)
    assert (found.outcome, paths(server)) == ("fetched", ["http://data.example/states"])
    inside = replace(one, name="inside", address="http://169.254.169.254/keys", allow_private=False)
    (refused,) = fetch.fetch(home, (inside,), defective=str)
    assert "not public" in refused.sentence and len(server.asked) == 1


# --- readers that ask by themselves -------------------------------------------------------------------------


@pytest.fixture
def collecting(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """A module ``collect`` in the folder of a kind, as a reader would bring it."""
    module = types.ModuleType("sources.states.collect")
    package = types.ModuleType("sources.states")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "sources.states", package)
    monkeypatch.setitem(sys.modules, "sources.states.collect", module)
    yield module


def collected(home: Home, one: Source, tmp_path: Path) -> Receipt:
    def defective(error: Exception) -> str:
        (tmp_path / "words").write_text(repr(error), encoding="utf-8")
        return "that file"

    one = replace(one, collected=True, ending="json")
    (found,) = fetch.fetch(home, (one,), defective=defective)
    return found


def as_json(document: Any) -> Answer:
    return reply(body=json.dumps(document).encode(), Content_Type="application/json")


def test_a_collector_asks_in_several_requests_and_gives_one_document(
    place: Path, server: Server, tmp_path: Path, collecting: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collect(get_json: Any, settings: dict[str, Any]) -> dict[str, Any]:
        forms = get_json("forms/", params={"event": settings["event"]})
        return {
            "event": settings["event"],
            "forms": [get_json(f"forms/{form['id']}") for form in forms],
            "more": get_json("/graphql", method="POST", body={"query": "{ a }"}),
        }

    collecting.collect = collect  # type: ignore[attr-defined]
    monkeypatch.setenv("TOKEN", "t0ken")
    server.on("/api/forms/", as_json([{"id": 1}, {"id": 2}]))
    server.on("/api/forms/1", reply(503), as_json({"id": 1}))
    server.on("/api/forms/2", as_json({"id": 2}))
    server.on("/graphql", as_json({"data": None}))
    one = source("api", server.at("/api/"), "settings: {event: 7}\ncredentials: {bearer: TOKEN}")
    home = Home(place)
    found = collected(home, one, tmp_path)
    assert (found.outcome, found.attempts) == ("fetched", 5)
    content = (receipts.inbox(home) / "states--api.json").read_bytes()
    wanted = {"event": 7, "forms": [{"id": 1}, {"id": 2}], "more": {"data": None}}
    assert json.loads(content) == wanted and found.bytes == len(content)
    assert server.asked[0].path == "/api/forms/?event=7"
    assert json.loads(server.asked[-1].body) == {"query": "{ a }"}
    assert {asked.headers["Authorization"] for asked in server.asked} == {"Bearer t0ken"}
    assert collected(home, one, tmp_path).outcome == "not_modified"


def test_a_collector_never_leaves_its_host(
    place: Path, server: Server, tmp_path: Path, collecting: types.ModuleType
) -> None:
    collecting.collect = lambda get_json, settings: get_json("https://other.example/x")  # type: ignore[attr-defined]
    found = collected(Home(place), source("api", server.at("/api/")), tmp_path)
    assert "the interface names an address on another host" in found.sentence and not server.asked


@pytest.mark.parametrize(
    "body", [b"[" * 100_000 + b"]", b'{"a": }', b'{"a": "\xff"}', b"{" + b'"a":1' + b"9" * 5000 + b"}"]
)
def test_a_reply_that_is_no_json_fails_its_source_alone(
    body: bytes, place: Path, server: Server, tmp_path: Path, collecting: types.ModuleType
) -> None:
    collecting.collect = lambda get_json, settings: get_json("x")  # type: ignore[attr-defined]
    server.on("/api/x", reply(body=body, Content_Type="application/json"))
    found = collected(Home(place), source("api", server.at("/api/")), tmp_path)
    assert (found.outcome, found.attempts) == ("failed", 1)
    assert "a reply of the interface is no JSON" in found.sentence


def test_what_a_collector_did_not_foresee_is_said_without_its_words(
    place: Path, server: Server, tmp_path: Path, collecting: types.ModuleType
) -> None:
    collecting.collect = lambda get_json, settings: {}[get_json("x")["name"]]  # type: ignore[attr-defined]
    server.on("/api/x", as_json({"name": "Quilla Canarybird"}))
    found = collected(Home(place), source("api", server.at("/api/")), tmp_path)
    assert "its replies are not what its collector knows (KeyError). that file says where" in found.sentence
    assert "Canarybird" not in found.sentence
    assert "Canarybird" in (tmp_path / "words").read_text(encoding="utf-8")


def test_the_deadline_is_one_for_all_requests_of_a_collector(
    place: Path, server: Server, tmp_path: Path, collecting: types.ModuleType, time: Time
) -> None:
    def collect(get_json: Any, settings: dict[str, Any]) -> list[Any]:
        found = []
        while True:
            time.passed += 9
            found.append(get_json("x"))

    collecting.collect = collect  # type: ignore[attr-defined]
    server.on("/api/x", as_json({}))
    found = collected(Home(place), source("api", server.at("/api/")), tmp_path)
    assert "not done within its deadline of 60 seconds" in found.sentence
    assert found.attempts <= 7


def test_the_collectors_of_readers_ask_through_it(
    place: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Indico and the UNODA database answer becomes files that their readers read."""
    monkeypatch.setenv("INDICO_TOKEN", indico.TOKEN)
    actions = [replies.action("Cambodia", "Ratification", "1999-07-28")]
    server.on("/", as_json(replies.reply(actions)))
    home = Home(place)
    with indico.serving() as address:
        meeting = source("meeting", address, "credentials: {bearer: INDICO_TOKEN}", "indico")
        unoda = source("unoda", server.at("/"), kind="unoda_treaty")
        assert meeting.collected and unoda.collected
        meeting = replace(meeting, settings=indico.SETTINGS)
        found = fetch.fetch(
            home, (meeting, unoda, replace(meeting, name="other", settings={})), defective=str
        )
    assert [receipt.outcome for receipt in found] == ["fetched", "fetched", "failed"]
    assert "its settings are wrong (ValueError)" in found[2].sentence
    rows: dict[tuple[str, str], int] = {}
    for path in receipts.inbox(home).iterdir():
        content = read(path, path.name, date(2026, 6, 1))
        assert content.problem is None
        rows |= {(path.name, table.dataset): len(table.frame) for table in content.tables}
    assert rows[("unoda_treaty--unoda.json", "treaty_actions")] == 1
    assert rows[("indico--meeting.json", "meetings")] == 1
    assert rows[("indico--meeting.json", "meeting_participants")] == len(indico.REGISTRATIONS)


# --- what is said of it -------------------------------------------------------------------------------------


def test_the_age_of_the_last_good_answer_is_a_check(place: Path, server: Server, time: Time) -> None:
    configure(
        place,
        fresh=server.on("/a", csv()) + "\nstale_after_hours: {warn: 24, error: 48}",
        unlimited=server.on("/b", csv(MORE)),
    )
    night(place)
    home = Home(place)

    def outcomes(hours: float) -> dict[str, str]:
        checks = receipts.freshness(home, settings.configured(home), "run", time.began + hours * 3600)
        assert {check["subject"] for check in checks} == {"fresh"}
        return {check["check_code"]: check["outcome"] for check in checks}

    assert outcomes(24) == {"SOURCE-WARN": "pass", "SOURCE-ERROR": "pass"}
    assert outcomes(24.1) == {"SOURCE-WARN": "fail", "SOURCE-ERROR": "pass"}
    assert outcomes(48.1) == {"SOURCE-WARN": "fail", "SOURCE-ERROR": "fail"}
    checks = receipts.freshness(home, settings.configured(home), "run", time.began + 50 * 3600)
    (sentence,) = receipts.stale_sentences(checks)
    assert "fresh last gave a good answer at" in sentence and "50.0 hours ago (limit 48)" in sentence


def test_the_doctor_says_whether_sources_are_there_and_fresh(place: Path, server: Server, time: Time) -> None:
    configure(
        place,
        good=server.on("/a", csv()) + "\nstale_after_hours: {warn: 24, error: 48}",
        moved=server.on("/b", reply(404)),
        closed=server.on("/c", reply(401)),
        silent=server.on("/d", silent) + "\nread_seconds: 0.1",
    )
    night(place)
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    moment = datetime.fromtimestamp(time.began + 30 * 3600, UTC)
    found = {finding.what: finding for finding in doctor.examine(Home(place), moment).findings}
    assert before == {path: path.stat().st_mtime_ns for path in place.rglob("*")}, (
        "the doctor changes nothing"
    )
    assert found["source good"].state == "well"
    assert "Reached (status 200). Its last good answer is 30.0 hours old." in found["source good"].sentence
    assert found["source moved"].state == "look" and "status 404" in found["source moved"].sentence
    assert "It is stale since" in found["source moved"].sentence
    assert "it refuses us (status 401)" in found["source closed"].sentence
    assert "Not reached: nothing came for 0.1 seconds" in found["source silent"].sentence
    assert found["sources' freshness"].state == "look"
    assert {asked.method for asked in server.asked[-4:]} == {"HEAD"}


def test_the_doctor_says_what_is_wrong_with_the_file(place: Path) -> None:
    (place / "sources.yml").write_text("sources: {a: {}}\n", encoding="utf-8")
    diagnosis = doctor.examine(Home(place))
    assert diagnosis.exit_code == 5
    assert any("a.kind is missing" in finding.sentence for finding in diagnosis.findings)


def test_nothing_is_imported_for_sources_where_there_are_none(tmp_path: Path) -> None:
    import subprocess

    code = "import sys, flows.refresh; print([m for m in ('requests', 'yaml', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
