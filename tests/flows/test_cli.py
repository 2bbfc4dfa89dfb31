"""What users meet at the command line: exit codes, one JSON document, errors without traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows import cli
from flows.check import check
from flows.program import ROOT
from tests.conftest import Sample
from tests.flows.harness import ANSWERS, deliver, snapshot


def run(*arguments: str | Path) -> int:
    """The exit code of a command, run in this process."""
    with pytest.raises(SystemExit) as caught:
        cli.main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["refresh", "--no-such-option"],
        ["refresh", "--as-of", "31.12.2025"],
        ["refresh", "--as-of", "2999-01-01"],
        ["refresh", "--accept", "X-1"],
        ["refresh", "--inbox", "no-such-folder"],
        ["explain", "7.1", "--year", "next"],
        ["explain", "7.1", "--year", "2025"],
        ["audit", "../../etc"],
        ["audit"],
        ["check", "no-such-folder"],
        ["withdraw", "abc", "--why", "x"],
    ],
)
def test_usage_errors_are_exit_5_with_a_next_step_and_no_traceback(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 5
    said = capsys.readouterr()
    assert said.out == ""
    assert "Error:" in said.err
    assert "next:" in said.err
    assert "Traceback" not in said.err
    assert not list(tmp_path.iterdir())


def test_error_with_json_is_one_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("audit", "--home", tmp_path, "--json") == 5
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["exit_code"] == 5
    assert document["error"]["next"]


def test_unforeseen_error_is_exit_70_and_shows_a_traceback_only_with_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("words of its own")

    monkeypatch.setattr("flows.audit.audit", breaks)
    assert run("audit", "--home", tmp_path) == 70
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert "words of its own" not in said.err
    assert run("audit", "--home", tmp_path, "--debug") == 70
    assert "Traceback" in capsys.readouterr().err


def test_interrupt_ends_without_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.audit.audit", interrupted)
    assert run("audit", "--home", tmp_path) == 130
    said = capsys.readouterr().err
    assert "interrupted" in said
    assert "Traceback" not in said


def test_help_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for command in sorted(cli.command().commands):
        assert run(command, "--help") == 0
        said = capsys.readouterr().out
        assert command in said
        assert not re.search(r"<(bool|str|int|path|list)", said), "types of Python mean nothing to people"


@pytest.mark.parametrize(
    ("shell", "typed", "offered"),
    [
        ("bash", {"COMP_WORDS": "sraap ref", "COMP_CWORD": "1"}, ["refresh"]),
        ("bash", {"COMP_WORDS": "sraap plan ", "COMP_CWORD": "2"}, ["load", "list"]),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "sraap refresh --in"}, ["--inbox"]),
        (
            "fish",
            {"_TYPER_COMPLETE_ARGS": "sraap ver", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
            ["verify"],
        ),
    ],
)
def test_shell_completes_commands_and_options(shell: str, typed: dict[str, str], offered: list[str]) -> None:
    program = Path(sys.executable).parent / "sraap"
    script = subprocess.run(
        [program], env={**os.environ, "_SRAAP_COMPLETE": f"source_{shell}"}, capture_output=True, check=True
    )
    assert f"_SRAAP_COMPLETE=complete_{shell}" in script.stdout.decode()
    asked = {**os.environ, **typed, "_SRAAP_COMPLETE": f"complete_{shell}"}
    done = subprocess.run([program], env=asked, capture_output=True, check=True, text=True)
    assert all(word in done.stdout for word in offered)
    assert "withdraw" not in done.stdout, "only what fits what was typed"
    assert done.stderr == ""


def test_open_prints_where_the_site_is(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("open", "--home", sample.home, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert Path(document["path"]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_check_says_what_would_happen_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = {**ANSWERS[0], "indicator_id": "1.2", "answer": "oui"}
    inbox = deliver(tmp_path / "inbox", article7_answers=[*ANSWERS, bad])
    before = snapshot(tmp_path)
    assert run("check", inbox, "--home", tmp_path / "home", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    (row,) = report["quarantined"]
    assert (row["file_name"], row["row_number"], row["column_name"], row["value"]) == (
        "article7_answers.csv",
        3,
        "answer",
        "oui",
    )
    assert row["sentence"]
    answers = next(f for f in report["files"] if f["dataset"] == "article7_answers")
    assert (answers["rows_read"], answers["rows_loaded"], answers["rows_quarantined"]) == (2, 1, 1)
    assert snapshot(tmp_path) == before


def test_check_is_clean_or_would_block(tmp_path: Path) -> None:
    assert check(tmp_path / "home", (deliver(tmp_path / "whole"),)).exit_code == 0
    lacking = check(tmp_path / "home", (deliver(tmp_path / "part", states=[]),))
    assert lacking.exit_code == 2
    assert lacking.problems


def test_dry_run_takes_nothing_in(tmp_path: Path) -> None:
    inbox = deliver(tmp_path / "inbox")
    before = snapshot(tmp_path)
    assert run("refresh", "--inbox", inbox, "--home", tmp_path / "home", "--dry-run") == 0
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("arguments", [[], ["plan"]])
def test_no_command_shows_the_help_and_no_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 5
    said = capsys.readouterr()
    assert "Usage: sraap" in said.out + said.err
    assert "Error" not in said.out + said.err


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_has_gone_changes_no_exit_code(options: list[str], tmp_path: Path) -> None:
    """``sraap check … | head`` still says that the delivery would block."""
    (tmp_path / "delivery").mkdir()
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "check", "delivery", "--home", "home", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 2
    assert "Broken" not in done.stderr
    assert "Error" not in done.stderr


def test_explain_keeps_apart_who_is_not_counted_and_who_is_not_shown(
    sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", "3.3", "--year", "2025", "--home", sample.home) == 0
    sides = re.split(r"\n(?=\w[^\n]*: \d+\n)", capsys.readouterr().out)
    hidden = [side for side in sides if "suppressed (" in side]
    assert hidden
    assert all(side.startswith("Not shown, for they are few people: ") for side in hidden)
    assert run("explain", "7.1", "--year", "2025", "--home", sample.home) == 0
    said = capsys.readouterr().out
    assert "Outside the denominator: " in said
    assert "pending (" not in said.partition("Outside the denominator")[0]


def test_an_unknown_indicator_is_answered_with_those_of_its_action(
    sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", "7.9", "--year", "2026", "--home", sample.home) == 5
    assert "It has: 7.1, 7.2, …" in capsys.readouterr().err
    assert run("explain", "77", "--year", "2026", "--home", sample.home) == 5
    assert "It has: 1.1, 1.2, 2.1, 3.1, " in capsys.readouterr().err
