"""Which program made a figure: versions and fingerprints of the code.

A publication is fixed by, among others, the program version (semantics.md, Re-making a publication). It is a
hash of what decides figures, so that it works with and without git and changes when, and only when, code
does.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DBT_PROJECT = ROOT / "dbt_project"
LOCK_FILE = ROOT / "requirements.lock"
PLAN_VERSION = "draft-2024-08-16"

TOOLS = (
    "prefect",
    "dbt-core",
    "dbt-duckdb",
    "duckdb",
    "great-expectations",
    "pandas",
    "pyarrow",
    "pycountry",
)

_RULE_FILES = (("sources", (".py", ".yml", ".csv")), ("expectations", (".py",)))
_PROGRAM_FILES = (
    *_RULE_FILES,
    ("flows", (".py", ".html", ".css", ".js")),
    ("dbt_project", (".sql", ".yml", ".csv", ".py")),
)
_NOT_PROGRAM = {"sample", "target", "logs", "dbt_packages", "__pycache__"}


def _hash_of(parts: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    digest = hashlib.sha256()
    for folder, endings in parts:
        found: list[str] = []
        for where, folders, names in os.walk(ROOT / folder):
            folders[:] = [name for name in folders if name not in _NOT_PROGRAM]
            found += [f"{where}/{name}" for name in names if name.endswith(endings)]
        for path in sorted(found):
            content = Path(path).read_bytes()
            digest.update(f"{path.removeprefix(str(ROOT))}\0{len(content)}\0".encode())
            digest.update(content)
    if LOCK_FILE.exists():
        digest.update(LOCK_FILE.read_bytes())
    return digest.hexdigest()


@cache
def program_version() -> str:
    """Version of the package and hash of the code, the dbt project and the lock file."""
    try:
        version = metadata.version("sraap")
    except metadata.PackageNotFoundError:
        version = "0"
    return f"{version}+{_hash_of(_PROGRAM_FILES)[:16]}"


@cache
def rules_fingerprint() -> str:
    """Hash of what decides whether a row passes: readers, aliases, declarations, suites, library versions."""
    return _hash_of(_RULE_FILES)[:32]


@cache
def figures_version() -> str:
    """Hash of the SQL and the seeds: what decides how figures are computed."""
    return _hash_of((("dbt_project", (".sql", ".csv")),))[:32]


@cache
def project_version() -> str:
    """Hash of all of the dbt project that dbt parses."""
    return _hash_of((("dbt_project", (".sql", ".yml", ".csv", ".py")),))[:32]


def lock_file_hash() -> str | None:
    """SHA-256 of requirements.lock; ``None`` where the program was installed without it."""
    return hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest() if LOCK_FILE.exists() else None


def tool_versions() -> dict[str, str]:
    """Version of Python and of each tool that takes part."""
    versions = {"python": platform.python_version()}
    for tool in TOOLS:
        try:
            versions[tool] = metadata.version(tool)
        except metadata.PackageNotFoundError:
            versions[tool] = "not installed"
    return versions


def git_state() -> dict[str, Any]:
    """Commit of the code and whether the tree was clean; both ``None`` outside a git checkout."""
    unknown: dict[str, Any] = {"commit": None, "clean": None}
    if not (ROOT / ".git").exists():
        return unknown
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return unknown
    return {"commit": commit, "clean": not changed}


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "--no-optional-locks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stdout.strip()
