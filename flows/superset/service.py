"""Superset as a service on this machine: set up once in a folder, then started and stopped.

``build/superset/`` holds Superset's own database, its secret key and the password of ``admin``, made at the
first start; people's own charts in there survive, since an import overwrites only what ``assets/`` holds.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from flows.errors import Defect, UsageProblem

SETTINGS = Path(__file__).with_name("superset_config.py")
SECONDS_TO_START = 180
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Superset:
    """An installation: ``environment`` is its virtual environment, ``folder`` holds what it keeps."""

    environment: Path
    folder: Path

    @property
    def password(self) -> str:
        """The password of ``admin``."""
        return (self.folder / "admin.password").read_text(encoding="utf-8").strip()

    @property
    def log(self) -> Path:
        """What the service says."""
        return self.folder / "superset.log"

    def set_up(self) -> None:
        """Bring the database to this version, with its roles and ``admin``; what is there stays.

        Raises ``UsageProblem`` where Superset is not installed, ``Defect`` where it refuses.
        """
        if not (self.environment / "bin" / "superset").exists():
            raise UsageProblem(
                "Superset is not installed here", where=str(self.environment), next_step="make superset"
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("secret.key", "admin.password"):
            with contextlib.suppress(FileExistsError):
                handle = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(secrets.token_urlsafe(36) + "\n")
        self._run("db", "upgrade")
        names = ["--firstname", "Local", "--lastname", "Administrator", "--email", "admin@example.org"]
        self._run("fab", "create-admin", "--username", "admin", "--password", self.password, *names)
        self._run("init")

    @contextlib.contextmanager
    def running(self, port: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
        """Serve on loopback: its address and its process. Raises ``Defect`` where it does not come up."""
        address = f"http://{HOST}:{port}"
        options = ["--workers", "1", "--worker-class", "gthread", "--threads", "8", "--timeout", "120"]
        command = [self._program("gunicorn"), *options, "--bind", f"{HOST}:{port}"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*command, "superset.app:create_app()"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self._surroundings(),
                cwd=self.folder,
            )
        try:
            self._wait(process, address)
            yield address, process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _wait(self, process: subprocess.Popen[bytes], address: str) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        with requests.Session() as session:
            session.trust_env = False  # loopback goes through no proxy
            while process.poll() is None and time.monotonic() < deadline:
                with contextlib.suppress(requests.RequestException):
                    if session.get(f"{address}/health", timeout=5).ok:
                        return
                time.sleep(0.5)
        raise Defect("Superset did not start", where=address, next_step=f"See {self.log}.")

    def _program(self, name: str) -> str:
        return str(self.environment / "bin" / name)

    def _surroundings(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SUPERSET", "FLASK"))}
        return {
            **kept,
            "SUPERSET_HOME": str(self.folder.absolute()),
            "SUPERSET_CONFIG_PATH": str(SETTINGS),
            "FLASK_APP": "superset",
            "SCARF_ANALYTICS": "false",
            "DO_NOT_TRACK": "1",
        }

    def _run(self, *arguments: str) -> None:
        with self.log.open("ab") as log:
            done = subprocess.run(
                [self._program("superset"), *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self._surroundings(),
                cwd=self.folder,
                check=False,
            )
        if done.returncode:
            what = f"superset {' '.join(arguments[:2])} failed"
            raise Defect(what, where=str(self.folder), next_step=f"See {self.log}.")


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
