"""Which sources are asked, and how: ``sources.yml``, read strictly.

Whatever the file says that is not a setting, or not of its kind, ends the run before anything is asked, with
the line, the key and the mend. Secrets never stand in the file: it names the environment variable that holds
one, or whose twin ``<NAME>_FILE`` names a file that does. For people: docs/sources.md.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from flows.errors import SourceFailed, UsageProblem
from flows.home import Home
from flows.program import ROOT

if TYPE_CHECKING:
    from yaml import Node, SafeLoader

Value = TypeVar("Value")

VARIABLE = "SRAAP_SOURCES"
FILE_NAME = "sources.yml"
ENDINGS_OF_DATASETS = ("csv", "json", "jsonl", "parquet", "xlsx")
MEGABYTE = 1_000_000
LARGEST = 200
"""Megabytes: what one delivered file may have (docs/contract/inputs.md, Deliveries)."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*(?:-[a-z0-9_]+)*")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = ("authorization", "host", "content-length", "accept-encoding", "if-none-match", "if-modified-since")


@dataclass(frozen=True)
class Secret:
    """A secret by the name of the variable that holds it; the value is read when it is needed, never kept."""

    variable: str

    def read(self, source: str) -> str:
        """The value, from the variable or the file that ``<variable>_FILE`` names. Raises
        ``SourceFailed``."""
        value = os.environ.get(self.variable, "").strip()
        name = f"{self.variable}_FILE"
        if not value and (path := os.environ.get(name)):
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SourceFailed(
                    f"the file that {name} names can't be read ({type(error).__name__})",
                    where=source,
                    next_step=f"Let the user who runs sraap read it, or set {self.variable}.",
                ) from None
        if not value:
            raise SourceFailed(
                f"the credentials are missing: neither {self.variable} nor {name} is set",
                where=source,
                next_step=f"Set {self.variable} to the secret, or {name} to a file that holds it.",
            )
        if not (value.isascii() and value.isprintable()):
            raise SourceFailed(
                f"what {self.variable} holds can't be sent in a header: it has a line break or is not ASCII",
                where=source,
                next_step="Set it to the secret alone, on one line.",
            )
        return value


@dataclass(frozen=True)
class Credentials:
    """A bearer token, or user and password (basic)."""

    bearer: Secret | None = None
    user: Secret | None = None
    password: Secret | None = None

    def header(self, source: str) -> tuple[str, tuple[str, ...]]:
        """The value of ``Authorization``, and every text that must never be seen. Raises ``SourceFailed``."""
        if self.bearer is not None:
            token = self.bearer.read(source)
            return f"Bearer {token}", (token,)
        assert self.user is not None and self.password is not None
        user, password = self.user.read(source), self.password.read(source)
        both = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        return f"Basic {both}", (both, password)


@dataclass(frozen=True)
class Source:
    """One configured source.

    ``where``: file and line, for messages. ``collected``: the reader's folder asks by itself, in several
    requests (``sources/<kind>/collect.py``). ``max_bytes``, ``max_unpacked_bytes``: before and after
    decompression. ``warn_hours``, ``error_hours``: age of the last good copy beyond which people are told.
    """

    name: str
    kind: str
    address: str
    ending: str
    where: str
    collected: bool = False
    method: str = "GET"
    body: Any = None
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    credentials: Credentials | None = None
    every_hours: float = 0
    warn_hours: float | None = None
    error_hours: float | None = None
    deadline_seconds: float = 60
    connect_seconds: float = 10
    read_seconds: float = 30
    attempts: int = 4
    max_bytes: int = LARGEST * MEGABYTE
    max_unpacked_bytes: int = LARGEST * MEGABYTE
    content_types: tuple[str, ...] = ()
    redirect_hosts: tuple[str, ...] = ()
    allow_private: bool = False
    ca_file: str | None = None
    proxy: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """The name under which its bytes are delivered."""
        return f"{self.kind}--{self.name}.{self.ending}"

    @property
    def shown_address(self) -> str:
        return shown_address(self.address)

    @property
    def fingerprint(self) -> str:
        """Hash of what is asked: another question makes what is known of earlier answers void."""
        headers = {name: value for name, value in self.headers.items() if isinstance(value, str)}
        asked = [self.kind, self.ending, self.address, self.method, self.body, headers]
        text = json.dumps([*asked, self.collected, self.settings], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def shown_address(address: str) -> str:
    """An address as it may be seen: without user, fragment, and the values of its query."""
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    names = "&".join(f"{pair.partition('=')[0]}=…" for pair in parts.query.split("&") if pair)
    return f"{parts.scheme}://{host}{port}{parts.path}" + (f"?{names}" if names else "")


def path_of(home: Home) -> Path:
    """The file that names the sources: ``SRAAP_SOURCES``, else ``sources.yml`` in the home."""
    return Path(os.environ.get(VARIABLE) or home.root / FILE_NAME)


def configured(home: Home) -> tuple[Source, ...]:
    """The configured sources in the file's order; none where there is no file.

    Raises ``UsageProblem`` for a file that can't be read, or that says what is no setting.
    """
    path = path_of(home)
    if not path.exists() and not os.environ.get(VARIABLE):
        return ()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise UsageProblem(
            f"the file of the sources can't be read ({reason})",
            where=str(path),
            next_step=f"Mend the file, or unset {VARIABLE}; docs/sources.example.yml shows one.",
        ) from None
    return parse(text, path)


def parse(text: str, path: Path) -> tuple[Source, ...]:
    """The sources that the text of a ``sources.yml`` names. ``path``: for messages. Raises
    ``UsageProblem``."""
    document = _Document.load(text, path)
    root = document.root
    if root is None:
        return ()
    if not isinstance(root, dict):
        raise document.problem((), "the file is no list of settings", "Begin it with the line: sources:")
    document.known((), root, ("sources",))
    sources = root.get("sources")
    if sources is None:
        return ()
    if not isinstance(sources, dict):
        raise document.problem(
            ("sources",), "sources holds no names", "Write a name below it, indented, then its settings."
        )
    return tuple(_source(document, str(name), given) for name, given in sources.items())


# --- the file as YAML, with its lines ---------------------------------------------------------------------

Key = tuple[str | int, ...]


@dataclass
class _Document:
    """The values of a YAML text, and the line on which each key stands."""

    path: Path
    root: Any = None
    lines: dict[Key, int] = field(default_factory=dict)

    @classmethod
    def load(cls, text: str, path: Path) -> _Document:
        import yaml

        document = cls(path)
        try:
            loader = yaml.SafeLoader(text)
            try:
                node = loader.get_single_node()
                document.root = None if node is None else document._value(loader, node, ())
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise UsageProblem(
                f"the file is no YAML: {error.problem}",
                where=f"{path}, line {line}",
                next_step="Mend that line; docs/sources.example.yml shows a file that is right.",
            ) from None
        except yaml.YAMLError:
            raise UsageProblem(
                "the file is no YAML: it holds a character that YAML forbids",
                where=str(path),
                next_step="Write it anew as plain text; docs/sources.example.yml shows a file that is right.",
            ) from None
        return document

    def _value(self, loader: SafeLoader, node: Node, key: Key) -> Any:
        import yaml

        self.lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(loader, item, (*key, place)) for place, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            return loader.construct_object(node)
        found: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = str(name_node.value)
            self.lines[(*key, name)] = name_node.start_mark.line + 1
            if name in found:
                raise self.problem(
                    (*key, name), f"{_said((*key, name))} stands there twice", "Leave one of them out."
                )
            found[name] = self._value(loader, value_node, (*key, name))
        return found

    def where(self, key: Key) -> str:
        while key and key not in self.lines:
            key = key[:-1]
        return f"{self.path}, line {self.lines.get(key, 1)}"

    def problem(self, key: Key, what: str, next_step: str) -> UsageProblem:
        return UsageProblem(what, where=self.where(key), next_step=next_step)

    def known(self, key: Key, given: Mapping[str, Any], names: tuple[str, ...]) -> None:
        """Raise ``UsageProblem`` for the first key that is not one of ``names``."""
        for name in given:
            if name not in names:
                near = difflib.get_close_matches(name, names, 1)
                advice = f"Did you mean {near[0]}? " if near else ""
                raise self.problem(
                    (*key, name),
                    f"{_said((*key, name))} is no setting",
                    f"{advice}Known are: {', '.join(names)}.",
                )


def _said(key: Key) -> str:
    """A key as people say it: ``depositary.address``."""
    return ".".join(str(part) for part in (key[1:] if key[:1] == ("sources",) else key))


# --- one source -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Given:
    """The settings of one source as they were given, and how to complain about them."""

    document: _Document
    key: Key
    values: Mapping[str, Any]

    def problem(self, name: str, what: str, next_step: str) -> UsageProblem:
        return self.document.problem((*self.key, name), f"{_said((*self.key, name))} {what}", next_step)

    def take(self, name: str, check: Callable[[Any], Value | None], what: str, default: Value) -> Value:
        """The value if it is right. ``check`` gives ``None`` for what it refuses; ``what`` says what is
        right."""
        if self.values.get(name) is None:
            return default
        value = check(self.values[name])
        if value is None:
            raise self.problem(name, f"is not {what}", f"Set it to {what}, or leave it out.")
        return value

    def number(self, name: str, default: float, *, above: float = 0, most: float = 1e6) -> float:
        def check(value: Any) -> float | None:
            right = isinstance(value, int | float) and not isinstance(value, bool) and above < value <= most
            return float(value) if right else None

        return self.take(name, check, f"a number above {above:g}, at most {most:g}", default)

    def text(self, name: str) -> str | None:
        def check(value: Any) -> str | None:
            return value.strip() if isinstance(value, str) and value.strip() else None

        return self.take(name, check, "a text", None)

    def texts(self, name: str) -> tuple[str, ...]:
        def check(value: Any) -> tuple[str, ...] | None:
            right = isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)
            return tuple(item.strip().casefold() for item in value) if right else None

        return self.take(name, check, "a list of texts, such as [a, b]", ())

    def mapping(self, name: str) -> dict[str, Any]:
        return self.take(
            name, lambda v: v if isinstance(v, dict) else None, "a list of names with values", {}
        )

    def below(self, name: str) -> _Given:
        return _Given(self.document, (*self.key, name), self.mapping(name))


SETTINGS = (
    *(
        "kind",
        "address",
        "ending",
        "method",
        "body",
        "headers",
        "credentials",
        "every_hours",
        "stale_after_hours",
    ),
    *(
        "deadline_seconds",
        "connect_seconds",
        "read_seconds",
        "attempts",
        "max_megabytes",
        "max_megabytes_unpacked",
    ),
    *("content_types", "redirect_hosts", "allow_private", "ca_file", "proxy", "settings"),
)


def _source(document: _Document, name: str, values: Any) -> Source:
    key: Key = ("sources", name)
    if not _NAME.fullmatch(name) or len(name) > 40:
        raise document.problem(
            key,
            f"{name!r} can't be the name of a source",
            "Use small letters, digits, _ and single hyphens, at most 40; it becomes part of file names.",
        )
    if not isinstance(values, dict):
        raise document.problem(key, f"{name} has no settings", "Write at least kind and address below it.")
    document.known(key, values, SETTINGS)
    given = _Given(document, key, values)
    kind, endings, collects = _kind(given)
    private = given.take(
        "allow_private", lambda v: v if isinstance(v, bool) else None, "true or false", False
    )
    address = _address(given)
    ending = _ending(given, address, endings, collects)
    warn, error = _limits(given)
    credentials = _credentials(given)
    headers = _headers(given)
    has_secret = credentials is not None or any(isinstance(value, Secret) for value in headers.values())
    if address.startswith("http:") and has_secret and not private:
        raise given.problem(
            "address",
            "begins with http, so that anyone on the way could read the credentials",
            "Use https.",
        )
    return Source(
        name=name,
        kind=kind,
        address=address,
        ending=ending,
        where=document.where(key),
        collected=collects and ending == "json",
        method=given.take("method", lambda v: v if v in ("GET", "POST") else None, "GET or POST", "GET"),
        body=_body(given),
        headers=headers,
        credentials=credentials,
        every_hours=given.number("every_hours", 0),
        warn_hours=warn,
        error_hours=error,
        deadline_seconds=given.number("deadline_seconds", 60, most=3600),
        connect_seconds=given.number("connect_seconds", 10, most=3600),
        read_seconds=given.number("read_seconds", 30, most=3600),
        attempts=int(given.number("attempts", 4, most=10)) or 1,
        max_bytes=int(given.number("max_megabytes", LARGEST, most=LARGEST) * MEGABYTE),
        max_unpacked_bytes=int(given.number("max_megabytes_unpacked", LARGEST, most=LARGEST) * MEGABYTE),
        content_types=given.texts("content_types"),
        redirect_hosts=given.texts("redirect_hosts"),
        allow_private=private,
        ca_file=_ca_file(given),
        proxy=_proxy(given),
        settings=given.mapping("settings"),
    )


def _kind(given: _Given) -> tuple[str, tuple[str, ...], bool]:
    """Dataset or reader, the endings it reads, and whether it collects by itself."""
    import yaml

    kind = given.text("kind")
    known = sorted(path.parent.name for path in (ROOT / "sources").glob("*/source.yml"))
    if kind is None or kind not in known:
        near = difflib.get_close_matches(kind or "", known, 1)
        what = "is missing" if kind is None else f"is neither a dataset nor a reader: {kind}"
        advice = f"Did you mean {near[0]}? " if near else ""
        raise given.problem("kind", what, f"{advice}Known are: {', '.join(known)}.")
    folder = ROOT / "sources" / kind
    declared = yaml.safe_load((folder / "source.yml").read_text(encoding="utf-8"))
    if "dataset" in declared:
        return kind, ENDINGS_OF_DATASETS, False
    endings = tuple(str(ending).casefold() for ending in declared.get("endings") or ("xlsx",))
    return kind, endings, (folder / "collect.py").exists()


def _address(given: _Given) -> str:
    address = given.text("address")
    if address is None:
        raise given.problem(
            "address", "is missing", "Write the address to ask, such as https://example.org/states.csv."
        )
    parts = _parts(given, "address", address)
    if parts.username or parts.password:
        raise given.problem(
            "address", "holds a user or password", "Take them out; name them under credentials."
        )
    return address


def _parts(given: _Given, name: str, address: str) -> Any:
    """The parts of an http or https address. Raises ``UsageProblem``."""
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or any(c.isspace() or not c.isprintable() for c in address):
        raise given.problem(
            name, "is no address", "Write a whole one, such as https://example.org/states.csv."
        )
    return parts


def _ending(given: _Given, address: str, endings: tuple[str, ...], collects: bool) -> str:
    named = given.text("ending")
    if named is None:
        by_path = urlsplit(address).path.rpartition(".")[2].casefold()
        found = (
            "json"
            if collects
            else by_path
            if by_path in endings
            else endings[0]
            if len(endings) == 1
            else None
        )
        if found is None:
            raise given.problem(
                "ending", "is missing", f"Say what the file is; this kind has: {', '.join(endings)}."
            )
        return found
    if named.casefold().lstrip(".") not in endings:
        raise given.problem("ending", f"can't be {named}", f"This kind has: {', '.join(endings)}.")
    return named.casefold().lstrip(".")


def _body(given: _Given) -> Any:
    body = given.values.get("body")
    if body is None:
        return None
    if given.values.get("method") != "POST":
        raise given.problem("body", "goes with method: POST only", "Add method: POST, or leave the body out.")
    if not isinstance(body, dict | list | str):
        raise given.problem(
            "body", "is neither a text nor values", "Write values, which are sent as JSON, or a text."
        )
    try:
        json.dumps(body)
    except (TypeError, ValueError):
        raise given.problem(
            "body", "holds a value that JSON has not, such as a date", 'Put it in quotes: "2026-01-31".'
        ) from None
    return body


def _limits(given: _Given) -> tuple[float | None, float | None]:
    if given.values.get("stale_after_hours") is None:
        return None, None
    limits = given.below("stale_after_hours")
    given.document.known(limits.key, limits.values, ("warn", "error"))
    warn, error = limits.number("warn", 0), limits.number("error", 0)
    if not 0 < warn < error:
        raise given.problem(
            "stale_after_hours",
            "needs warn and error, the first below the second",
            "Such as {warn: 48, error: 168}.",
        )
    return warn, error


def _secret(given: _Given, name: str) -> Secret:
    variable = given.text(name)
    if variable is None or not _ENVIRONMENT.fullmatch(variable):
        raise given.problem(
            name,
            "is no name of an environment variable",
            "Write the name of the variable that holds the secret, never the secret itself.",
        )
    return Secret(variable)


def _credentials(given: _Given) -> Credentials | None:
    if given.values.get("credentials") is None:
        return None
    section = given.below("credentials")
    given.document.known(section.key, section.values, ("bearer", "basic"))
    if len(section.values) != 1:
        raise given.problem(
            "credentials", "needs bearer or basic, one of them", "Such as {bearer: MY_TOKEN}."
        )
    if "bearer" in section.values:
        return Credentials(bearer=_secret(section, "bearer"))
    basic = section.below("basic")
    given.document.known(basic.key, basic.values, ("user", "password"))
    return Credentials(user=_secret(basic, "user"), password=_secret(basic, "password"))


def _headers(given: _Given) -> dict[str, str | Secret]:
    section = given.below("headers")
    found: dict[str, str | Secret] = {}
    for name, value in section.values.items():
        if not _HEADER.fullmatch(name) or name.casefold() in _OURS:
            raise section.problem(
                name,
                "is no header that may be set here",
                "For Authorization use credentials; leave others out.",
            )
        if isinstance(value, dict):
            secret = section.below(name)
            given.document.known(secret.key, secret.values, ("variable",))
            found[name] = _secret(secret, "variable")
        elif isinstance(value, str) and value.isascii() and value.isprintable():
            found[name] = value
        else:
            raise section.problem(
                name, "is no text", "Put it in quotes; for a secret write {variable: NAME}."
            )
    return found


def _ca_file(given: _Given) -> str | None:
    name = given.text("ca_file")
    if name is None:
        return None
    path = (given.document.path.parent / name).absolute()
    if not path.is_file():
        raise given.problem(
            "ca_file", "is no file that is there", "Name a PEM file, as seen from this file's folder."
        )
    return str(path)


def _proxy(given: _Given) -> str | None:
    proxy = given.text("proxy")
    if proxy is not None and _parts(given, "proxy", proxy).username:
        raise given.problem("proxy", "holds a user or password", "Use a proxy that asks for none.")
    return proxy
