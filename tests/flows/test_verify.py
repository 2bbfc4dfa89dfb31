"""Whatever is altered in a chain of publications is found, and named."""

from __future__ import annotations

import ast
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from flows import pruning, publication
from flows.errors import UsageProblem
from flows.evidence import manifest as evidence_manifest
from flows.evidence import verify as evidence_verify
from flows.evidence.check import verify_home
from flows.evidence.verify import MANIFEST, SIGNATURE, SUMS, Report, read_anchor, sentences, verify
from flows.files import sha256_of
from flows.home import Home
from tests.flows.conftest import Refreshed, sraap
from tests.flows.harness import deliver, take_in

SETTINGS = {
    "as_of": "2026-06-01",
    "batch": 1,
    "last_delivery_seq": 7,
    "plan_version": "draft-2024-08-16",
    "program_version": "0.1.0",
}
IDS = ("20260601T000000.000Z", "20260602T000000.000Z", "20260603T000000.000Z")


def publish(home: Home, publication_id: str, seed: int) -> Path:
    """A small publication with files of several sizes and kinds, made by the code that makes real ones."""
    draw = random.Random(seed)
    folder = home.publications / f".{publication_id}.tmp"
    for part in ("csv", "parquet", "evidence/dbt/compiled"):
        (folder / part).mkdir(parents=True)
    (folder / "csv" / "values.csv").write_text(f"year,value\n2025,{seed}\n", encoding="utf-8")
    (folder / "csv" / "name with  blanks.csv").write_text("a\n1\n", encoding="utf-8")
    (folder / "parquet" / "values.bin").write_bytes(draw.randbytes(3000))
    (folder / "warehouse.duckdb").write_bytes(draw.randbytes(5000))
    (folder / "evidence" / "dbt" / "compiled" / "model.sql").write_text("select 1\n", encoding="utf-8")
    (folder / "evidence" / "validation.json").write_text("{}\n", encoding="utf-8")
    shutil.copyfile(str(evidence_verify.__file__), folder / "evidence" / "verify.py")
    outputs = evidence_manifest.describe(folder, {}).values()
    evidence_manifest.write(
        home,
        folder,
        publication_id,
        outputs,
        settings=SETTINGS,
        inputs=[{"file_sha256": "0" * 64, "file_name": "states.csv"}],
        acceptances=[],
        withdrawals=[],
    )
    return publication.put_in_place(home, folder, publication_id)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a chain of three publications, which no test changes."""
    home = Home(tmp_path_factory.mktemp("chain") / "home")
    home.create("sample")
    for seed, publication_id in enumerate(IDS):
        publish(home, publication_id, seed)
    return home


@pytest.fixture
def home(written: Home, tmp_path: Path) -> Home:
    """A copy of the chain to alter."""
    shutil.copytree(written.root, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


def named(report: Report) -> set[tuple[str, str]]:
    return {(finding.publication, finding.path) for finding in report.findings}


def files_of(home: Home) -> list[tuple[str, str]]:
    return [
        (name, path.relative_to(home.publications / name).as_posix())
        for name in IDS
        for path in sorted((home.publications / name).rglob("*"))
        if path.is_file()
    ]


def test_a_chain_as_it_was_written_is_whole(written: Home) -> None:
    report = verify_home(written.root)
    assert report.findings == []
    assert report.notes == []
    assert report.publications == list(reversed(IDS))
    assert report.files == len(files_of(written))
    assert report.exit_code == 0


def test_each_of_1000_random_bits_that_change_is_found_and_named(home: Home) -> None:
    draw = random.Random(20260601)
    files = files_of(home)
    for _ in range(1000):
        name, relative = draw.choice(files)
        path = home.publications / name / relative
        before = path.read_bytes()
        altered = bytearray(before)
        altered[draw.randrange(len(altered))] ^= 1 << draw.randrange(8)
        path.write_bytes(altered)
        report = verify_home(home.root)
        assert (name, relative) in named(report), (name, relative)
        if relative not in (MANIFEST, SUMS):
            assert len(report.findings) == 1, sentences(report)
        path.write_bytes(before)
    assert verify_home(home.root).whole


def test_each_deleted_or_truncated_file_is_named(home: Home) -> None:
    draw = random.Random(7)
    for name, relative in files_of(home):
        path = home.publications / name / relative
        before = path.read_bytes()
        for length in (0, draw.randrange(len(before)), len(before) - 1):
            path.write_bytes(before[:length])
            assert (name, relative) in named(verify_home(home.root)), (name, relative, length)
        path.unlink()
        assert (name, relative) in named(verify_home(home.root)), (name, relative)
        path.write_bytes(before)
    assert verify_home(home.root).whole


def _add_file(folder: Path) -> str:
    (folder / "csv" / "more.csv").write_text("a\n", encoding="utf-8")
    return "csv/more.csv"


def _add_folder(folder: Path) -> str:
    (folder / "site").mkdir()
    return "site"


def _add_link(folder: Path) -> str:
    (folder / "csv" / "more.csv").symlink_to("values.csv")
    return "csv/more.csv"


def _add_signature(folder: Path) -> str:
    (folder / SIGNATURE).write_text("AAAA\n", encoding="utf-8")
    return SIGNATURE


def _file_by_link(folder: Path) -> str:
    (folder / "csv" / "values.csv").rename(folder.parent.parent / "values.csv")
    (folder / "csv" / "values.csv").symlink_to(folder.parent.parent / "values.csv")
    return "csv/values.csv"


@pytest.mark.parametrize("add", [_add_file, _add_folder, _add_link, _add_signature, _file_by_link])
@pytest.mark.parametrize("name", IDS)
def test_what_nobody_published_is_named(home: Home, name: str, add: Callable[[Path], str]) -> None:
    added = add(home.publications / name)
    assert (name, added) in named(verify_home(home.root))


def test_two_publications_that_were_swapped_are_both_named(home: Home) -> None:
    first, second = (home.publications / name for name in IDS[:2])
    first.rename(home.publications / "aside")
    second.rename(first)
    (home.publications / "aside").rename(second)
    assert {(IDS[0], ""), (IDS[1], "")} <= named(verify_home(home.root))


@pytest.mark.parametrize("gone", range(3))
def test_a_publication_that_was_taken_away_is_named(home: Home, gone: int) -> None:
    shutil.rmtree(home.publications / IDS[gone])
    report = verify_home(home.root)
    assert (IDS[gone], "") in named(report)
    assert report.exit_code == 2


def test_a_publication_that_was_slipped_in_is_named(home: Home) -> None:
    shutil.copytree(home.publications / IDS[1], home.publications / "20260602T120000.000Z")
    (home.publications / "20260604T000000.000Z").mkdir()
    (home.publications / "notes.txt").write_text("x", encoding="utf-8")
    assert {
        ("20260602T120000.000Z", ""),
        ("20260604T000000.000Z", ""),
        ("notes.txt", ""),
    } <= named(verify_home(home.root))


def forge(folder: Path) -> None:
    """Alter a value and write manifest and SHA256SUMS anew, so that the publication agrees with itself."""
    (folder / "csv" / "values.csv").write_text("year,value\n2025,99\n", encoding="utf-8")
    manifest = json.loads((folder / MANIFEST).read_bytes())
    for output in manifest["outputs"]:
        output["sha256"] = sha256_of(folder / output["path"])
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    sums = evidence_verify.expected_sums(
        {output["path"]: output["sha256"] for output in manifest["outputs"]},
        sha256_of(folder / MANIFEST),
        None,
    )
    (folder / SUMS).write_bytes(sums)


def test_a_forged_publication_is_named_by_the_one_after_it(home: Home) -> None:
    forge(home.publications / IDS[1])
    assert (IDS[1], MANIFEST) in named(verify_home(home.root))


def test_a_forged_head_is_named_by_the_anchor_alone(home: Home, written: Home, tmp_path: Path) -> None:
    kept = tmp_path / "anchor.txt"
    kept.write_text(verify_home(written.root).anchor + "\n", encoding="utf-8")
    assert verify_home(home.root, against=str(kept)).whole
    forge(home.publications / IDS[2])
    assert verify_home(home.root).whole
    assert (IDS[2], MANIFEST) in named(verify_home(home.root, against=str(kept)))


def test_a_chain_cut_off_at_its_end_is_named_by_the_anchor(home: Home) -> None:
    anchor = verify_home(home.root).anchor
    shutil.rmtree(home.publications / IDS[2])
    home.published.unlink()
    home.published.symlink_to(Path("publications") / IDS[1])
    assert verify_home(home.root).whole
    assert (IDS[2], "") in named(verify_home(home.root, against=anchor))


def test_a_lost_link_does_not_begin_the_chain_anew(home: Home) -> None:
    home.published.unlink()
    publish(home, "20260604T000000.000Z", 4)
    report = verify_home(home.root)
    assert report.whole
    assert report.publications == ["20260604T000000.000Z", *reversed(IDS)]


def test_a_publication_whose_run_died_before_its_link_is_said_and_not_taken_for_altered(home: Home) -> None:
    home.published.unlink()
    home.published.symlink_to(Path("publications") / IDS[1])
    publish(home, "20260604T000000.000Z", 4)
    report = verify_home(home.root)
    assert report.whole
    assert report.publications == ["20260604T000000.000Z", IDS[1], IDS[0]]
    assert report.notes == [f"{IDS[2]} stands beside this chain and was not checked."]


def test_what_is_published_while_a_chain_is_checked_is_not_taken_for_altered(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = ["20260604T000000.000Z", "20260605T000000.000Z"]
    walk = evidence_verify._walk

    def walk_while_nights_pass(*given: Any, **asked: Any) -> list[str]:
        for seed, publication_id in enumerate(later, start=4):
            publish(home, publication_id, seed)
        return walk(*given, **asked)

    monkeypatch.setattr(evidence_verify, "_walk", walk_while_nights_pass)
    report = verify_home(home.root)
    assert report.findings == []
    assert report.publications == list(reversed(IDS))
    assert report.notes == [f"{name} stands beside this chain and was not checked." for name in later]


def test_an_earlier_anchor_stays_good(home: Home) -> None:
    anchor = verify_home(home.root, IDS[0]).anchor
    assert anchor.startswith(IDS[0])
    assert verify_home(home.root, against=anchor).whole
    assert not verify_home(home.root, against=f"{IDS[0]}:{'0' * 64}").whole


def test_an_earlier_publication_is_checked_with_those_before_it(home: Home) -> None:
    report = verify_home(home.root, IDS[1])
    assert report.whole
    assert report.publications == [IDS[1], IDS[0]]
    (home.publications / IDS[0] / "warehouse.duckdb").write_bytes(b"")
    assert named(verify_home(home.root, IDS[1])) == {(IDS[0], "warehouse.duckdb")}


# --- pruned publications ------------------------------------------------------------------------------------


def prune(folder: Path) -> None:
    """Prune one publication, whichever it is."""
    pruning._drop(folder, "a test")


def test_a_pruned_publication_keeps_the_chain(home: Home) -> None:
    pruning.prune(home, keep=1)
    report = verify_home(home.root)
    assert report.findings == []
    assert report.publications == list(reversed(IDS))
    assert len(report.notes) == 2


def test_a_publication_that_is_pruned_while_it_is_checked_is_not_taken_for_altered(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = evidence_verify.listing

    def listing_and_prune(folder: Path) -> Any:
        found = listing(folder)
        if folder.name != IDS[2]:
            prune(folder)
        return found

    monkeypatch.setattr(evidence_verify, "listing", listing_and_prune)
    report = verify_home(home.root)
    monkeypatch.undo()
    assert report == verify_home(home.root)
    assert report.findings == []
    assert len(report.notes) == 2


def test_a_manifest_that_is_all_that_was_kept_is_still_checked(home: Home) -> None:
    prune(home.publications / IDS[0])
    path = home.publications / IDS[0] / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"batch": 1', b'"batch": 2'))
    assert named(verify_home(home.root)) == {(IDS[0], MANIFEST)}


def test_what_lies_beside_a_kept_manifest_is_named(home: Home) -> None:
    prune(home.publications / IDS[0])
    (home.publications / IDS[0] / "more.csv").write_text("a\n", encoding="utf-8")
    assert named(verify_home(home.root)) == {(IDS[0], "more.csv")}


def test_a_head_that_claims_to_be_pruned_is_not_whole(home: Home) -> None:
    prune(home.publications / IDS[2])
    assert not verify_home(home.root).whole


# --- the file that travels along ----------------------------------------------------------------------------


def alone(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python without anything that was installed into it."""
    return subprocess.run(
        [sys.executable, "-I", "-S", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_verify_py_is_the_code_of_the_command(written: Home) -> None:
    shipped = written.publications / IDS[2] / "evidence" / "verify.py"
    assert shipped.read_bytes() == Path(str(evidence_verify.__file__)).read_bytes()


def test_verify_py_needs_the_standard_library_of_python_3_9_only() -> None:
    text = Path(str(evidence_verify.__file__)).read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in tree.body
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


def test_verify_py_names_what_was_altered(home: Home) -> None:
    script = home.publications / IDS[2] / "evidence" / "verify.py"
    whole = alone(script)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert "whole" in whole.stdout
    (home.publications / IDS[0] / "csv" / "values.csv").write_text("altered", encoding="utf-8")
    altered = alone(script, home.publications / IDS[1])
    assert altered.returncode == 2
    assert f"{IDS[0]}/csv/values.csv" in altered.stdout
    document = json.loads(alone(script, "--json").stdout)
    assert document["whole"] is False
    assert [finding["path"] for finding in document["findings"]] == ["csv/values.csv"]


def test_a_copy_under_another_name_is_no_finding_where_it_lies_alone(home: Home, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "publication (1)"
    shutil.copytree(home.current_publication() or home.root, copy)
    found = verify(copy)
    assert found.whole
    assert any("under another name" in note for note in found.notes)
    assert not verify(copy, chain=True).whole


@pytest.mark.parametrize(("output", "code"), [("/dev/full", 5), ("/dev/null", 0)])
def test_verify_py_says_how_it_ended_where_its_report_can_not_be_written(
    output: str, code: int, home: Home, tmp_path: Path
) -> None:
    script = (home.current_publication() or home.root) / "evidence" / "verify.py"
    with open(output, "wb") as stream:  # noqa: PTH123 - a device
        done = subprocess.run([sys.executable, script], stdout=stream, stderr=subprocess.PIPE, check=False)
    assert done.returncode == code
    assert b"Exception" not in done.stderr


def test_a_publication_that_was_sent_alone_is_checked_without_its_chain(home: Home, tmp_path: Path) -> None:
    sent = shutil.copytree(home.publications / IDS[2], tmp_path / "mail" / IDS[2])
    done = alone(sent / "evidence" / "verify.py")
    assert done.returncode == 0
    assert "not checked" in done.stdout
    assert alone(sent / "evidence" / "verify.py", "--chain").returncode == 2


@pytest.mark.parametrize("wrong", [["nowhere"], ["--against", "x"], ["--unknown"]])
def test_verify_py_says_wrong_usage(home: Home, wrong: list[str]) -> None:
    assert alone(home.publications / IDS[2] / "evidence" / "verify.py", *wrong).returncode == 5


def test_a_name_can_not_write_a_line_of_its_own(home: Home) -> None:
    (home.publications / IDS[2] / "x\nwhole: 9 files\x1b[2J").write_text("", encoding="utf-8")
    lines = sentences(verify_home(home.root))
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_a_manifest_that_leads_outside_is_not_followed(home: Home) -> None:
    path = home.publications / IDS[2] / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"csv/values.csv"', b'"../../home.json"'))
    report = verify_home(home.root)
    assert (IDS[2], MANIFEST) in named(report)
    assert not any(".." in finding.path for finding in report.findings)


# --- signatures ---------------------------------------------------------------------------------------------


def key_files(folder: Path, name: str) -> tuple[Path, Path]:
    """A new key: PEM files of its private and its public part."""
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    private.chmod(0o600)
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_a_signed_head_vouches_for_the_chain(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = key_files(tmp_path, "ours")
    assert [f.kind for f in verify_home(home.root, public_key=public).findings] == ["signature"]
    monkeypatch.setenv("SRAAP_SIGNING_KEY_FILE", str(private))
    folder = publish(home, "20260604T000000.000Z", 9)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    assert str(private) not in (folder / MANIFEST).read_text(encoding="utf-8")
    report = verify_home(home.root, public_key=public)
    assert (report.findings, report.notes) == ([], [])
    assert report.fingerprint == manifest["signing_key_fingerprint"]
    _, others = key_files(tmp_path, "others")
    assert named(verify_home(home.root, public_key=others)) == {(folder.name, SIGNATURE)}
    forged = folder / SIGNATURE
    forged.write_bytes(b"A" + forged.read_bytes()[1:])
    found = verify_home(home.root, public_key=public).findings
    assert ("signature", SIGNATURE) in {(finding.kind, finding.path) for finding in found}
    forged.unlink()
    assert (folder.name, SIGNATURE) in named(verify_home(home.root))


def test_a_signature_that_could_not_be_checked_is_said(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = key_files(tmp_path, "ours")
    monkeypatch.setenv("SRAAP_SIGNING_KEY_FILE", str(private))
    folder = publish(home, "20260604T000000.000Z", 9)
    assert verify_home(home.root).notes == ["The signature was not checked: no public key was given."]
    done = alone(folder / "evidence" / "verify.py", "--public-key", public)
    assert done.returncode == 0
    assert "cryptography is not here" in done.stdout


def test_a_key_that_can_not_serve_is_refused(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = key_files(tmp_path, "ours")
    with pytest.raises(UsageProblem, match="public key"):
        verify_home(home.root, public_key=private)
    with pytest.raises(UsageProblem, match="public key"):
        verify_home(home.root, public_key=tmp_path / "nowhere")
    monkeypatch.setenv("SRAAP_SIGNING_KEY_FILE", str(public))
    public.chmod(0o600)
    with pytest.raises(UsageProblem, match="signing key"):
        evidence_manifest.signing_key()
    with pytest.raises(UsageProblem, match="signing key"):
        take_in(tmp_path / "new", deliver(tmp_path / "inbox"))
    private.chmod(0o644)
    monkeypatch.setenv("SRAAP_SIGNING_KEY_FILE", str(private))
    with pytest.raises(UsageProblem, match="others can read"):
        evidence_manifest.signing_key()


# --- the command --------------------------------------------------------------------------------------------


def test_the_command_verifies_a_real_publication(refreshed: Refreshed) -> None:
    done = sraap("verify", "--home", refreshed.home, "--json")
    assert done.returncode == 0, done.stdout
    document = json.loads(done.stdout)
    assert document["whole"] is True
    assert document["head"]["publication_id"] == refreshed.published.name
    anchor = sraap("verify", "--home", refreshed.home, "--anchor")
    assert read_anchor(anchor.stdout) == (
        refreshed.published.name,
        sha256_of(refreshed.published / MANIFEST),
    )
    assert alone(refreshed.published / "evidence" / "verify.py").returncode == 0


def test_every_file_of_a_real_publication_is_watched(refreshed: Refreshed, tmp_path: Path) -> None:
    folder = shutil.copytree(refreshed.published, tmp_path / refreshed.published.name)
    draw = random.Random(1)
    # SHA256SUMS stays: where it and the manifest are altered at once, nothing tells which hash is wrong
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    for path in paths:
        content = bytearray(path.read_bytes() or b"\0")
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
    expected = {path.relative_to(folder).as_posix() for path in paths}
    assert expected - {finding.path for finding in verify(folder).findings} == set()


def test_the_command_says_what_is_wrong(home: Home, tmp_path: Path) -> None:
    (home.publications / IDS[1] / "csv" / "values.csv").write_text("altered", encoding="utf-8")
    done = sraap("verify", "--home", home.root)
    assert done.returncode == 2
    assert f"{IDS[1]}/csv/values.csv" in done.stdout
    with pytest.raises(UsageProblem, match="no publication"):
        verify_home(home.root, "../elsewhere")
    with pytest.raises(UsageProblem, match="anchor"):
        verify_home(home.root, against="nothing")
    with pytest.raises(UsageProblem, match="nothing is published"):
        verify_home(tmp_path / "empty")
