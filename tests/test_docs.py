"""What the documentation says to type works, and its reference pages are what the program goes by."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import reference
from flows.configuration import SETTINGS
from flows.program import ROOT
from tests.conftest import Sample

DOCS = (ROOT / "README.md", *sorted(p for p in (ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")

RUN_ELSEWHERE = {
    # command line (a pattern) -> test or script that runs it
    r"make (refresh|test)": ".ci/run",
    r"make reference": "tests/test_docs.py",
    r"make indico": "tests/indico/__main__.py",
    r"make (setup-)?spark|\.venv/spark/bin/sraap|export SRAAP_SPARK_": "tests/spark/test_on_spark.py",
    r"make superset": "flows/superset/acceptance.py",
    r"sraap publish": "tests/flows/test_serving.py",
    r"(\.venv/bin/)?prefect |export PREFECT_API_URL": "tests/flows/test_schedule.py",
    r"(\.venv/bin/)?sraap serve": "tests/flows/test_schedule.py",
}
"""Commands that need a machine of their own, a server or minutes, and where they are run instead."""


def blocks(path: Path) -> Iterator[tuple[str, str, str]]:
    """Language, file name and text of each code block."""
    yield from BLOCK.findall(path.read_text(encoding="utf-8"))


def commands(text: str) -> Iterator[tuple[str, int]]:
    """Each command of a block, and the exit code that its comment promises."""
    for line in text.splitlines():
        command, _, comment = line.partition(" #")
        if command.strip() and not command.startswith("#"):
            promised = re.search(r"exit code (\d+)", comment)
            yield command.strip(), int(promised[1]) if promised else 0


def elsewhere(command: str) -> str | None:
    return next((where for pattern, where in RUN_ELSEWHERE.items() if re.match(pattern, command)), None)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a documented command in a folder, as if the environment lay in its ``.venv``."""
    words = shlex.split(command)
    assert words[0] in (".venv/bin/sraap", "sraap"), f"no test knows how to run: {command}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SRAAP_", "PREFECT_"))}
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *words[1:]],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), "BROWSER": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_tutorial_works_from_top_to_bottom(sample: Sample, tmp_path: Path) -> None:
    """It begins with ``make refresh``; what that leaves is the sample home of all tests."""
    shutil.copytree(sample.untouched, tmp_path / "data", symlinks=True)
    said: dict[str, list[str]] = {}
    for language, name, text in blocks(ROOT / "docs" / "tutorial.md"):
        if language == "csv":
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
            continue
        for command, exit_code in commands(text):
            if elsewhere(command):
                continue
            done = run(command, tmp_path)
            assert done.returncode == exit_code, (command, done.stdout, done.stderr)
            said.setdefault(command, []).append(done.stdout)
    readme = [text for language, _, text in blocks(ROOT / "README.md") if language == "sh"]
    (first,) = (text for text in readme if text.startswith(".venv/bin/sraap open"))
    for command, exit_code in commands(first):
        assert run(command, tmp_path).returncode == exit_code, command
    answers = said[".venv/bin/sraap explain 1.1 --year 2025 --state KHM --home mine"]
    assert ["1 of the 1 (100%)" in text for text in answers] == [True, False, True]
    assert "page 4" in answers[0]
    assert "The plan was withdrawn." in answers[1]
    assert "'oui' is not among the words" in said[".venv/bin/sraap check my-delivery --home mine"][0]


@pytest.mark.parametrize("path", [p for p in DOCS if p.name != "tutorial.md"], ids=lambda p: p.name)
def test_every_other_command_exists_or_is_run_elsewhere(path: Path) -> None:
    for language, _, text in blocks(path):
        if language != "sh":
            continue
        for command, _ in commands(text):
            where = elsewhere(command)
            if where is not None:
                assert (ROOT / where).exists(), where
                continue
            words = shlex.split(command)[1:]
            name = " ".join(words[: 2 if words[0] == "plan" else 1])
            done = run(f"sraap {name} --help", ROOT)
            assert done.returncode == 0, command
            for option in (word for word in shlex.split(command) if word.startswith("--")):
                assert option in done.stdout, command


@pytest.mark.parametrize("path", DOCS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


def test_reference_is_what_the_program_goes_by() -> None:
    pages = reference.pages()
    kept = {p.name: p.read_text(encoding="utf-8") for p in reference.FOLDER.glob("*.md")}
    assert set(kept) == set(pages)
    for name, text in pages.items():
        assert kept[name] == text, f"docs/reference/{name} is not up to date: make reference"


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="make works with the environment in .venv")
def test_dbt_s_own_documentation_is_one_page_that_describes_every_mart() -> None:
    done = subprocess.run(["make", "docs"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (ROOT / "build" / "dbt-docs" / "static_index.html").read_text(encoding="utf-8")
    marts = [path.stem for path in (ROOT / "dbt_project" / "models" / "marts").rglob("*.sql")]
    assert len(marts) > 50
    assert [name for name in marts if f"model.sraap.{name}" not in page] == []
    assert all(f"exposure.sraap.{name}" in page for name in ("site", "workbook"))


def test_every_setting_that_is_read_is_in_the_reference() -> None:
    # told by one of our processes to another, or by prefect.yaml
    inner = {"SRAAP_BUILD_DB", "SRAAP_BUILD_STORAGE", "SRAAP_PROJECT"}
    named = {setting.name for setting in SETTINGS}
    read = set()
    for folder in ("flows", "sources", "expectations"):
        for path in (ROOT / folder).rglob("*.py"):
            read |= set(re.findall(r'"(SRAAP_[A-Z_]+[A-Z])"', path.read_text(encoding="utf-8")))
    read = {name for name in read if not name.startswith("SRAAP_FAULT")}
    read = {name.removesuffix("_FILE") if name.removesuffix("_FILE") in named else name for name in read}
    assert read - inner <= named
