"""A real Indico on this machine, for as long as it is needed: PostgreSQL and Redis of Debian, Indico of PyPI.

Everything listens on loopback, is protected by passwords made up for one run, lies in one temporary folder,
and ends with it. PostgreSQL refuses to be run by root, so root runs it as somebody else.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

INDICO = "indico>=3.3.14,<3.4"
"""What is installed; it pins what it needs by itself."""
VENV = Path(sys.prefix) / "indico"
PYTHONS = ("python3.12", "python3.13")
START_SECONDS = 120
EXTENSIONS = ("unaccent", "pg_trgm")


class Missing(Exception):
    """Something that this machine lacks, and how to install it."""


@dataclass(frozen=True)
class Programs:
    """Where the programs are: PostgreSQL's folder, Redis, Indico's folder."""

    postgres: Path
    redis: Path
    indico: Path

    @classmethod
    def found(cls) -> Programs:
        """Installs Indico where it is not yet installed. Raises ``Missing``."""
        lacking = []
        postgres = _postgres()
        if postgres is None:
            lacking.append(
                "PostgreSQL (initdb, postgres) and its contrib extensions: apt-get install postgresql"
            )
        redis = shutil.which("redis-server")
        if redis is None:
            lacking.append("Redis (redis-server): apt-get install redis-server")
        if os.geteuid() == 0 and _somebody_else() is None:
            lacking.append("a user for PostgreSQL, which refuses root: adduser --system postgres")
        if lacking or postgres is None or redis is None:
            raise Missing("This machine lacks:\n  " + "\n  ".join(lacking))
        return cls(postgres, Path(redis), _indico())


def _postgres() -> Path | None:
    """The folder of PostgreSQL's programs: that of the path, or the latest of Debian's."""
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[4]))
    found = [Path(on_path).resolve(), *debian[::-1]] if on_path else debian[::-1]
    return next((one.parent for one in found if (one.parent / "postgres").exists()), None)


def _somebody_else() -> str | None:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def _indico() -> Path:
    """The folder of Indico's programs, installed if it is not there. Raises ``Missing``."""
    uv = Path(sys.executable).parent / "uv"
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "VIRTUAL_ENV": str(VENV)}
    if not (VENV / "bin" / "python").exists():
        subprocess.run([uv, "venv", "--quiet", "--python", _python(), VENV], env=environment, check=True)
    installed = subprocess.run(
        [uv, "pip", "install", "--quiet", INDICO],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        raise Missing(
            f"Indico could not be installed into {VENV} from the package index that uv uses:\n"
            f"{installed.stderr.strip()}\nMend what it says and run it again."
        )
    return VENV / "bin"


def _python() -> str:
    """A Python that Indico runs on: the one we run on, one of the path, or one of pyenv. Raises ``Missing``.

    Indico 3.3 asks for 3.12.2 or later and less than 3.13; it runs on 3.13 too, which is taken where it is
    all there is.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [sys.executable, *filter(None, map(shutil.which, PYTHONS))]
    candidates += [str(path) for name in PYTHONS for path in sorted(pyenv.glob(f"*/bin/{name}"))]
    usable: dict[int, str] = {}
    for candidate in candidates:
        asked = subprocess.run(
            [candidate, "-c", "import sys; print(*sys.version_info[:3])"],
            capture_output=True,
            text=True,
            check=False,
        )
        version = tuple(map(int, asked.stdout.split())) if asked.returncode == 0 else ()
        if (3, 12, 2) <= version < (3, 14):
            usable.setdefault(version[1], candidate)
    if not usable:
        raise Missing(
            "This machine lacks:\n  Python 3.12.2 or later, or 3.13, on which Indico runs: apt-get install "
            "python3.13 python3.13-venv, or pyenv install 3.12"
        )
    return usable[min(usable)]


@dataclass(frozen=True)
class Indico:
    """A running Indico: its address, its programs' folder and what they need in their environment."""

    address: str
    programs: Path
    environment: dict[str, str]

    def run(self, *command: str | Path, given: str = "") -> str:
        """What one of Indico's programs says. Raises ``RuntimeError`` with its complaint."""
        done = subprocess.run(
            [self.programs / command[0], *command[1:]],
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return done.stdout


@contextmanager
def running(folder: Path, programs: Programs) -> Iterator[Indico]:
    """An empty Indico that answers, in a folder that others may enter."""
    with ExitStack() as stack:
        database = stack.enter_context(_database(folder / "postgres", programs.postgres))
        redis = stack.enter_context(_redis(folder / "redis", programs.redis))
        port = _free_port()
        address = f"http://127.0.0.1:{port}"
        config = _configured(folder / "indico", address, database, redis)
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "INDICO_CONFIG": str(config),
            # Its own way to take addresses of people who do not exist without asking the name servers.
            "PYTEST_CURRENT_TEST": "make indico",
        }
        indico = Indico(address, programs.indico, environment)
        indico.run("indico", "db", "prepare")
        command = ("run", "--host", "127.0.0.1", "--port", str(port), "--url", address, "--reloader", "none")
        log = folder / "indico" / "web.log"
        stack.enter_context(_process([programs.indico / "indico", *command], log, environment=environment))
        _wait(lambda: _answers(f"{address}/"), "Indico", log)
        yield indico


def _configured(folder: Path, address: str, database: str, redis: str) -> Path:
    for name in ("cache", "log", "tmp", "archive"):
        (folder / name).mkdir(parents=True)
    settings = {
        "SQLALCHEMY_DATABASE_URI": database,
        "SECRET_KEY": secrets.token_hex(32),
        "BASE_URL": address,
        "CELERY_BROKER": f"{redis}/0",
        "REDIS_CACHE_URL": f"{redis}/1",
        "CACHE_DIR": str(folder / "cache"),
        "LOG_DIR": str(folder / "log"),
        "TEMP_DIR": str(folder / "tmp"),
        "STORAGE_BACKENDS": {"default": f"fs:{folder / 'archive'}"},
        "ATTACHMENT_STORAGE": "default",
        "DEFAULT_TIMEZONE": "Europe/Zurich",
        "SUPPORT_EMAIL": "nobody@example.org",
        "NO_REPLY_EMAIL": "nobody@example.org",
        "SMTP_SERVER": ("127.0.0.1", 9),  # nothing listens: no mail is sent
        "SYSTEM_NOTICES_URL": None,
        "DISABLE_CELERY_CHECK": True,
    }
    path = folder / "indico.conf"
    path.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()), encoding="utf-8")
    return path


@contextmanager
def _database(folder: Path, programs: Path) -> Iterator[str]:
    """The address of an empty database with the extensions that Indico wants."""
    folder.mkdir()
    password, port = secrets.token_hex(16), _free_port()
    secret = folder / "password"
    secret.write_text(password, encoding="utf-8")
    user = _somebody_else() if os.geteuid() == 0 else None
    if user:
        for path in (folder, secret):
            shutil.chown(path, user)
    subprocess.run(
        [
            *(programs / "initdb", "--pgdata", folder / "data", "--username", "indico"),
            *("--auth", "scram-sha-256", "--pwfile", secret, "--encoding", "UTF8", "--locale", "C.UTF-8"),
        ],
        cwd=folder,
        user=user,
        extra_groups=[] if user else None,
        check=True,
        capture_output=True,
    )
    serve: list[str | Path] = [programs / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder]
    serve += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    address = f"postgresql://indico:{password}@127.0.0.1:{port}"
    log = folder.parent / "postgres.log"
    with _process(serve, log, user=user, folder=folder):
        _wait(lambda: _connects(f"{address}/postgres"), "PostgreSQL", log)
        with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
            connection.execute("create database indico")
        with psycopg.connect(f"{address}/indico", autocommit=True) as connection:
            for name in EXTENSIONS:
                connection.execute(sql.SQL("create extension {}").format(sql.Identifier(name)))
        yield f"{address}/indico"


@contextmanager
def _redis(folder: Path, program: Path) -> Iterator[str]:
    folder.mkdir()
    password, port = secrets.token_hex(16), _free_port()
    config = folder / "redis.conf"
    config.write_text(
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\ndir {folder}\n', encoding="utf-8"
    )
    log = folder / "log"
    with _process([program, config], log):
        _wait(lambda: _listens(port), "Redis", log)
        yield f"redis://:{password}@127.0.0.1:{port}"


@contextmanager
def _process(
    command: Sequence[str | Path],
    log: Path,
    *,
    environment: dict[str, str] | None = None,
    user: str | None = None,
    folder: Path | None = None,
) -> Iterator[None]:
    """A process that is asked to end, and after half a minute made to."""
    with log.open("wb") as words:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            user=user,
            extra_groups=[] if user else None,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _connects(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=30):
            return True
    except urllib.error.HTTPError:
        raise
    except OSError:
        return False


def _wait(ready: Callable[[], bool], name: str, log: Path) -> None:
    """Raises ``RuntimeError`` with the server's last words where it does not answer in time."""
    until = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > until:
            said = log.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise RuntimeError(f"{name} did not answer within {START_SECONDS} seconds:\n{said}")
        time.sleep(0.3)
