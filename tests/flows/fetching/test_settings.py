"""The file that names the sources: what is right is taken, what is wrong is said with line and mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.errors import SourceFailed, UsageProblem
from flows.fetching import settings
from flows.fetching.settings import ENDINGS_OF_DATASETS, Secret, Source, parse
from flows.home import Home
from flows.program import ROOT

PATH = Path("/etc/sraap/sources.yml")
GOOD = "sources:\n  one:\n    kind: states\n    address: https://example.org/states.csv\n"


def only(text: str) -> Source:
    (found,) = parse(text, PATH)
    return found


def test_kind_and_address_are_enough() -> None:
    found = only(GOOD)
    assert found.file_name == "states--one.csv"
    assert (found.deadline_seconds, found.attempts, found.method, found.allow_private) == (
        60,
        4,
        "GET",
        False,
    )
    assert found.max_bytes == found.max_unpacked_bytes == 200_000_000
    assert found.where == "/etc/sraap/sources.yml, line 2"


def test_the_example_is_right_and_shows_every_setting() -> None:
    path = ROOT / "docs" / "sources.example.yml"
    text = path.read_text(encoding="utf-8")
    assert parse(text, path)
    shown = {line.strip(" #").partition(":")[0] for line in text.splitlines()}
    assert set(settings.SETTINGS) <= shown


def test_everything_is_taken() -> None:
    found = only(
        GOOD
        + """\
    ending: json
    method: POST
    body: {query: "{ a }"}
    headers: {X-Plain: text, X-Key: {variable: KEY}}
    credentials: {basic: {user: USER_OF_IT, password: PASSWORD_OF_IT}}
    every_hours: 12
    stale_after_hours: {warn: 24, error: 48.5}
    deadline_seconds: 20
    connect_seconds: 3
    read_seconds: 4
    attempts: 2
    max_megabytes: 5
    max_megabytes_unpacked: 50
    content_types: [Text/X-Ours]
    redirect_hosts: [Files.Example.org]
    allow_private: yes
    proxy: http://proxy.example.org:3128
    settings: {event: 7, form: [1, 2]}
"""
    )
    assert found.headers == {"X-Plain": "text", "X-Key": Secret("KEY")}
    assert found.credentials is not None and found.credentials.password == Secret("PASSWORD_OF_IT")
    assert (found.every_hours, found.warn_hours, found.error_hours) == (12, 24, 48.5)
    assert (found.max_bytes, found.max_unpacked_bytes) == (5_000_000, 50_000_000)
    assert (found.content_types, found.redirect_hosts) == (("text/x-ours",), ("files.example.org",))
    assert found.settings == {"event": 7, "form": [1, 2]}
    assert found.file_name == "states--one.json"


@pytest.mark.parametrize("ending", ENDINGS_OF_DATASETS)
def test_the_ending_is_that_of_the_address_or_is_said(ending: str) -> None:
    assert only(GOOD.replace("states.csv", f"a/b.{ending}?x=.pdf")).ending == ending
    assert only(GOOD.replace("states.csv", "download") + f"    ending: {ending}\n").ending == ending


WRONG = {
    "an unknown setting": (GOOD + "    adress: x\n", 5, "one.adress is no setting", "Did you mean address?"),
    "an unknown section": ("source:\n  a: 1\n", 1, "source is no setting", "Did you mean sources?"),
    "a key twice": (GOOD + "    kind: meetings\n", 5, "one.kind stands there twice", "Leave one"),
    "a source twice": (GOOD + "  one:\n    kind: states\n", 5, "one stands there twice", "Leave one"),
    "no YAML": ("sources:\n  one: [\n", 3, "the file is no YAML", "Mend that line"),
    "a list": ("- a\n", 1, "the file is no list of settings", "sources:"),
    "sources as a list": ("sources:\n  - a\n", 1, "sources holds no names", "Write a name"),
    "a name with capitals": (GOOD.replace("one", "One"), 2, "'One' can't be the name", "Use small letters"),
    "a name with two hyphens": (
        GOOD.replace("one", "a--b"),
        2,
        "can't be the name of a source",
        "single hyphens",
    ),
    "a name that is a path": (
        GOOD.replace("one", "../x"),
        2,
        "can't be the name of a source",
        "small letters",
    ),
    "no settings": ("sources:\n  one:\n", 2, "one has no settings", "kind and address"),
    "no kind": (GOOD.replace("    kind: states\n", ""), 2, "one.kind is missing", "meeting_participants"),
    "an unknown kind": (
        GOOD.replace("states\n", "state\n"),
        3,
        "neither a dataset nor a reader",
        "Did you mean sta",
    ),
    "a kind that is a path": (
        GOOD.replace("kind: states", "kind: ../x"),
        3,
        "neither a dataset",
        "Known are",
    ),
    "no address": (GOOD.rpartition("    ")[0], 2, "one.address is missing", "Write the address"),
    "no whole address": (GOOD.replace("https://", ""), 4, "one.address is no address", "a whole one"),
    "an address of a file": (
        GOOD.replace("https://", "file:///"),
        4,
        "one.address is no address",
        "a whole one",
    ),
    "an address with a blank": (GOOD.replace("states.csv", "a b.csv"), 4, "is no address", "a whole one"),
    "an address with a port that is none": (GOOD.replace(".org", ".org:99999"), 4, "is no address", "whole"),
    "a user in the address": (
        GOOD.replace("https://", "https://a:b@"),
        4,
        "holds a user or password",
        "credentials",
    ),
    "an ending that is not read": (
        GOOD + "    ending: pdf\n",
        5,
        "one.ending can't be pdf",
        "This kind has: csv",
    ),
    "no ending": (GOOD.replace("states.csv", "x"), 2, "one.ending is missing", "this kind has: csv, json"),
    "another method": (GOOD + "    method: DELETE\n", 5, "one.method is not GET or POST", "leave it out"),
    "a body without POST": (GOOD + "    body: {a: 1}\n", 5, "one.body goes with method: POST", "Add method"),
    "a number for a body": (GOOD + "    method: POST\n    body: 5\n", 6, "neither a text nor values", "JSON"),
    "a date in a body": (
        GOOD + "    method: POST\n    body: {a: 2026-01-31}\n",
        6,
        "JSON has not",
        "in quotes",
    ),
    "a negative deadline": (
        GOOD + "    deadline_seconds: -1\n",
        5,
        "is not a number above 0",
        "at most 3600",
    ),
    "a text for a number": (
        GOOD + "    every_hours: daily\n",
        5,
        "one.every_hours is not a number",
        "Set it",
    ),
    "yes for a number": (GOOD + "    attempts: yes\n", 5, "one.attempts is not a number", "at most 10"),
    "more than a file may have": (GOOD + "    max_megabytes: 900\n", 5, "is not a number", "at most 200"),
    "limits the wrong way": (
        GOOD + "    stale_after_hours: {warn: 9, error: 5}\n",
        5,
        "needs warn and error, the first below the second",
        "Such as",
    ),
    "an unknown limit": (
        GOOD + "    stale_after_hours: {wran: 9}\n",
        5,
        "wran is no setting",
        "Did you mean warn",
    ),
    "a secret in the file": (
        GOOD + "    credentials: {bearer: abc.def-123}\n",
        5,
        "one.credentials.bearer is no name of an environment variable",
        "never the secret itself",
    ),
    "no credentials": (GOOD + "    credentials: {}\n", 5, "needs bearer or basic", "Such as"),
    "half a log-in": (
        GOOD + "    credentials: {basic: {user: U}}\n",
        5,
        "basic.password is no name",
        "variable",
    ),
    "a secret over http": (
        GOOD.replace("https", "http") + "    credentials: {bearer: TOKEN}\n",
        4,
        "anyone on the way could read the credentials",
        "Use https",
    ),
    "a secret header over http": (
        GOOD.replace("https", "http") + "    headers: {X-Key: {variable: K}}\n",
        4,
        "anyone on the way could read",
        "Use https",
    ),
    "Authorization by hand": (
        GOOD + "    headers: {Authorization: x}\n",
        5,
        "no header that may be set",
        "cred",
    ),
    "a header over two lines": (GOOD + '    headers: {X-A: "a\\r\\nb"}\n', 5, "X-A is no text", "quotes"),
    "a number as a header": (GOOD + "    headers: {X-A: 5}\n", 5, "one.headers.X-A is no text", "in quotes"),
    "types that are no list": (GOOD + "    content_types: text/csv\n", 5, "is not a list of texts", "[a, b]"),
    "no authority": (GOOD + "    ca_file: nowhere.pem\n", 5, "one.ca_file is no file", "PEM"),
    "a proxy with a password": (GOOD + "    proxy: http://a:b@p:1\n", 5, "holds a user or password", "proxy"),
    "settings as a text": (GOOD + "    settings: x\n", 5, "one.settings is not a list of names", "Set it"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_file_line_key_and_mend(name: str) -> None:
    text, line, what, mend = WRONG[name]
    with pytest.raises(UsageProblem) as caught:
        parse(text, PATH)
    assert what in caught.value.what
    assert mend in caught.value.next_step
    assert caught.value.where == f"{PATH}, line {line}"
    assert "abc.def-123" not in f"{caught.value.what}{caught.value.next_step}", "a secret was repeated"


def test_no_file_means_no_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(settings.VARIABLE, raising=False)
    home = Home(tmp_path)
    assert settings.configured(home) == ()
    (tmp_path / "sources.yml").write_text("# none yet\n", encoding="utf-8")
    assert settings.configured(home) == ()
    (tmp_path / "sources.yml").write_text(GOOD, encoding="utf-8")
    assert [one.name for one in settings.configured(home)] == ["one"]


def test_the_variable_names_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.yml").write_text(GOOD.replace("one", "two"), encoding="utf-8")
    monkeypatch.setenv(settings.VARIABLE, str(tmp_path / "other.yml"))
    assert [one.name for one in settings.configured(Home(tmp_path))] == ["two"]
    monkeypatch.setenv(settings.VARIABLE, str(tmp_path / "gone.yml"))
    with pytest.raises(UsageProblem, match="can't be read"):
        settings.configured(Home(tmp_path))


def test_a_secret_is_read_from_its_variable_or_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = Secret("SOME_TOKEN")
    with pytest.raises(SourceFailed, match="neither SOME_TOKEN nor SOME_TOKEN_FILE is set"):
        secret.read("one")
    (tmp_path / "token").write_text("from-file\n", encoding="utf-8")
    monkeypatch.setenv("SOME_TOKEN_FILE", str(tmp_path / "token"))
    assert secret.read("one") == "from-file"
    monkeypatch.setenv("SOME_TOKEN", "from-variable")
    assert secret.read("one") == "from-variable"
    monkeypatch.setenv("SOME_TOKEN", "two\nlines")
    with pytest.raises(SourceFailed) as caught:
        secret.read("one")
    assert "lines" not in caught.value.what + caught.value.next_step
    monkeypatch.delenv("SOME_TOKEN")
    monkeypatch.setenv("SOME_TOKEN_FILE", str(tmp_path / "gone"))
    with pytest.raises(SourceFailed, match="can't be read"):
        secret.read("one")


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    shown = settings.shown_address("https://u:p@example.org:8443/a/b?key=s3cret&page=2#frag")
    assert shown == "https://example.org:8443/a/b?key=…&page=…"


def test_another_question_has_another_fingerprint() -> None:
    one = only(GOOD)
    assert one.fingerprint == only(GOOD + "    every_hours: 3\n    attempts: 1\n").fingerprint
    assert one.fingerprint != only(GOOD.replace("states.csv", "other.csv")).fingerprint
    assert one.fingerprint != only(GOOD + "    ending: json\n").fingerprint
    assert one.fingerprint != only(GOOD + "    settings: {a: 1}\n").fingerprint
