"""Check a publication and the publications before it, byte for byte.

This file needs nothing but Python 3.9 or later and its standard library: every publication carries a copy of
it as ``evidence/verify.py``, so that whoever doubts a figure need not trust, or install, the program that
made it. ``sraap verify`` runs the same code.

What is checked (docs/contract/outputs.md, A publication): ``evidence/manifest.json`` names every file but
itself and SHA256SUMS; SHA256SUMS names every file but itself, in one fixed form; and each manifest names the
manifest of the publication before it by its SHA-256. So a change of one bit anywhere is found, unless the
newest manifest is altered together with everything that names it; against that, keep the anchor (the id of
the newest publication and the SHA-256 of its manifest) somewhere else, or sign.

Usage: python verify.py [PUBLICATION] [--chain] [--public-key FILE] [--against ID:SHA256] [--json]
Exit code: 0 whole, 2 altered, 5 wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import os
import stat
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MANIFEST = "evidence/manifest.json"
SUMS = "evidence/SHA256SUMS"
SIGNATURE = "evidence/manifest.sig"
PRUNED = "pruned.json"

WHOLE, ALTERED, USAGE = 0, 2, 5
CHUNK = 1 << 20


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was written.

    ``kind``: altered, missing, unlisted, chain (a publication is not the one that is named), signature.
    ``path``: the file, from the publication's folder; empty where the publication itself is meant.
    """

    kind: str
    publication: str
    path: str
    sentence: str

    def line(self) -> str:
        place = self.publication + ("/" + self.path if self.path else "")
        return f"{self.kind:<10} {printable(place)}  {self.sentence}"


@dataclass
class Report:
    """What was checked and what was found. ``notes`` say what could not be checked, or is worth knowing."""

    head: str
    head_manifest_sha256: str | None = None
    publications: list[str] = field(default_factory=list)
    files: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    fingerprint: str | None = None

    @property
    def whole(self) -> bool:
        return not self.findings

    @property
    def exit_code(self) -> int:
        return WHOLE if self.whole else ALTERED

    @property
    def anchor(self) -> str:
        """What to keep elsewhere: the newest publication and the SHA-256 of its manifest."""
        return f"{self.head}:{self.head_manifest_sha256}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "whole": self.whole,
            "head": {
                "publication_id": self.head,
                "manifest_sha256": self.head_manifest_sha256,
                "signing_key_fingerprint": self.fingerprint,
            },
            "publications": self.publications,
            "files": self.files,
            "findings": [asdict(finding) for finding in self.findings],
            "notes": self.notes,
        }


@dataclass
class Manifest:
    """A manifest as it lies on disk: its SHA-256, what it says, and what SHA256SUMS beside it says.

    Each is ``None`` where it can't be read; ``sums``: path -> SHA-256.
    """

    sha256: str | None
    content: dict[str, Any] | None
    problem: str = ""
    sums: dict[str, str] | None = None
    pruned: bool = False

    @property
    def sound(self) -> bool:
        """Whether the SHA256SUMS beside it names it as it is; of a pruned publication none is kept."""
        if self.content is None:
            return False
        return self.pruned if self.sums is None else self.sums.get(MANIFEST) == self.sha256

    @property
    def signed(self) -> bool:
        return self.text("signing_key_fingerprint") is not None

    def text(self, name: str) -> str | None:
        value = (self.content or {}).get(name)
        return value if isinstance(value, str) else None

    def outputs(self) -> dict[str, str]:
        """Path -> SHA-256 of every file that the manifest covers."""
        return {entry["path"]: entry["sha256"] for entry in (self.content or {}).get("outputs", [])}

    def previous(self) -> tuple[str, str] | None:
        """Id and manifest hash of the publication before."""
        before = (self.content or {}).get("previous")
        return None if before is None else (before["publication_id"], before["manifest_sha256"])


def printable(text: str) -> str:
    """Text without control characters, so that a name can't write a line of its own."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file in hexadecimal. Raises ``OSError``."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a publication; never raises, ``problem`` says what is wrong with it."""
    path = folder / MANIFEST
    try:
        if path.is_symlink() or not path.is_file():
            return Manifest(None, None, "is not there")
        written = path.read_bytes()
    except OSError as error:
        return Manifest(None, None, f"can't be read ({error.strerror})")
    digest = hashlib.sha256(written).hexdigest()
    sums = _read_sums(folder)
    try:
        content = json.loads(written.decode("utf-8"))
        _demand_form(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Manifest(digest, None, "is not the JSON document that was written", sums)
    return Manifest(digest, content, "", sums, (folder / PRUNED).is_file())


def _read_sums(folder: Path) -> dict[str, str] | None:
    path = folder / SUMS
    try:
        if path.is_symlink():
            return None
        lines = path.read_bytes().decode("utf-8").split("\n")
    except (OSError, ValueError):
        return None
    return {line[66:]: line[:64] for line in lines if line[64:66] == "  "}


def _demand_form(content: Any) -> None:
    """Raises ``ValueError`` and others where what is needed here is not there."""
    if not _safe(content["publication_id"]):
        raise ValueError("publication_id")
    for entry in content["outputs"]:
        if not _safe(entry["path"]) or not _is_digest(entry["sha256"]):
            raise ValueError("outputs")
    before = content["previous"]
    if before is not None and not (
        _safe(before["publication_id"])
        and "/" not in before["publication_id"]
        and _is_digest(before["manifest_sha256"])
    ):
        raise ValueError("previous")


def _safe(path: str) -> bool:
    """Whether a path stays inside the publication."""
    parts = path.split("/")
    return bool(path) and "\0" not in path and not any(part in ("", ".", "..") for part in parts)


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


# --- one publication ----------------------------------------------------------------------------------------


def expected_sums(outputs: dict[str, str], manifest_sha256: str, signature_sha256: str | None) -> bytes:
    """The bytes of SHA256SUMS in their one form: a line a file, sorted by path, as ``sha256sum`` reads."""
    sums = dict(outputs)
    sums[MANIFEST] = manifest_sha256
    if signature_sha256 is not None:
        sums[SIGNATURE] = signature_sha256
    return "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)).encode("utf-8")


def listing(folder: Path) -> tuple[set[str], set[str], set[str]]:
    """What lies in a folder, as paths from it: regular files, folders, and anything else (links, pipes)."""
    files: set[str] = set()
    folders: set[str] = set()
    others: set[str] = set()
    for where, below, names in os.walk(str(folder)):
        for name in below + names:
            path = Path(where) / name
            mode = path.lstat().st_mode
            kind = files if stat.S_ISREG(mode) else folders if stat.S_ISDIR(mode) else others
            kind.add(path.relative_to(folder).as_posix())
    return files, folders, others


@dataclass
class _Check:
    """One publication under examination."""

    folder: Path
    manifest: Manifest
    witnesses: list[str]
    report: Report

    @property
    def name(self) -> str:
        return self.folder.name

    def find(self, kind: str, path: str, sentence: str) -> None:
        self.report.findings.append(Finding(kind, self.name, path, sentence))

    def run(self) -> None:
        """Check it; once more, with the manifest as it is then, if it was pruned meanwhile."""
        pruned = self._is_pruned()
        begun = len(self.report.findings), len(self.report.notes), self.report.files
        try:
            self._look(pruned)
        except FileNotFoundError:
            if self._is_pruned() == pruned:
                raise
        if self._is_pruned() == pruned:
            return
        del self.report.findings[begun[0] :], self.report.notes[begun[1] :]
        self.report.files = begun[2]
        self.manifest = read_manifest(self.folder)
        self._look(True)

    def _is_pruned(self) -> bool:
        return (self.folder / PRUNED).is_file()

    def _look(self, pruned: bool) -> None:
        files, folders, others = listing(self.folder)
        sums = self.manifest.sums
        trusted = self._judge_manifest(sums, pruned)
        hashes = {path: self._hash(path) for path in sorted(files - {SUMS, MANIFEST})}
        self.report.files += len(files)
        outputs = self.manifest.outputs()
        listed = outputs if self.manifest.content is not None else self._only_sums(sums)
        self._compare(listed, sums, hashes, trusted, pruned)
        known = set(listed) | {MANIFEST, SUMS} | ({PRUNED} if pruned else set())
        if self.manifest.signed:
            known.add(SIGNATURE)
            if SIGNATURE not in files and not pruned:
                self.find("missing", SIGNATURE, "The manifest says that it is signed.")
        self._unlisted(known, files, folders, others)
        if self.manifest.content is not None and (sums is not None or not pruned):
            self._judge_sums(outputs, hashes.get(SIGNATURE) if self.manifest.signed else None)
        if pruned:
            self.report.notes.append(
                f"{printable(self.name)}: pruned; only its manifest is kept, and was checked"
            )

    def _hash(self, path: str) -> str:
        try:
            return sha256_file(self.folder / path)
        except OSError as error:
            return f"unknown ({error.strerror})"

    def _only_sums(self, sums: dict[str, str] | None) -> dict[str, str]:
        """What to compare with where the manifest can't be read."""
        return {
            p: digest for p, digest in (sums or {}).items() if p not in (MANIFEST, SIGNATURE) and _safe(p)
        }

    def _judge_manifest(self, sums: dict[str, str] | None, pruned: bool) -> bool:
        """Whether the manifest is the one that was written, by all who name its SHA-256."""
        if self.manifest.sha256 is None:
            self.find("missing", MANIFEST, f"The manifest {self.manifest.problem}.")
            return False
        named = (sums or {}).get(MANIFEST)
        if any(witness != self.manifest.sha256 for witness in self.witnesses):
            self.find("altered", MANIFEST, "The publication after it, or the anchor, names another SHA-256.")
            return False
        if self.witnesses:
            return self._readable()
        if pruned:
            self.find("chain", "", "It is pruned, and no publication after it names its manifest.")
            return False
        if named is not None and named != self.manifest.sha256:
            self.find("altered", MANIFEST, "It and the line of SHA256SUMS that names it differ.")
            return False
        return self._readable()

    def _readable(self) -> bool:
        if self.manifest.content is None:
            self.find("altered", MANIFEST, f"It {self.manifest.problem}.")
            return False
        return True

    def _compare(
        self,
        listed: dict[str, str],
        sums: dict[str, str] | None,
        hashes: dict[str, str],
        trusted: bool,
        pruned: bool,
    ) -> None:
        for path, digest in sorted(listed.items()):
            found = hashes.get(path)
            if found is None:
                if not pruned:
                    self.find("missing", path, "It was published, and is no longer there.")
            elif found != digest and (trusted or (sums or {}).get(path) != found):
                self.find("altered", path, f"Its SHA-256 is {found}, not {digest}.")

    def _unlisted(self, known: set[str], files: set[str], folders: set[str], others: set[str]) -> None:
        above = {parent.as_posix() for path in known for parent in Path(path).parents}
        for path in sorted(files - known):
            self.find("unlisted", path, "Nobody published this file.")
        for path in sorted(folders - above):
            self.find("unlisted", path, "Nobody published this folder.")
        for path in sorted(others):
            self.find("unlisted", path, "It is a link or a special file; only regular files are published.")

    def _judge_sums(self, outputs: dict[str, str], signature: str | None) -> None:
        path = self.folder / SUMS
        try:
            written = None if path.is_symlink() else path.read_bytes()
        except OSError:
            written = None
        if written is None:
            self.find("missing", SUMS, "It is not there, or can't be read.")
            return
        expected = expected_sums(outputs, str(self.manifest.sha256), signature)
        if written == expected:
            return
        wanted = set(expected.split(b"\n"))
        odd = wanted.symmetric_difference(written.split(b"\n"))
        about = {line[66:].decode("utf-8", "replace") for line in odd}
        self.find("altered", SUMS, f"It and the manifest differ about {_some(about)}.")
        if SIGNATURE in about:
            self.find("altered", SIGNATURE, "It and the line of SHA256SUMS that names it differ.")


def _some(names: set[str]) -> str:
    shown = [printable(name) or "a line" for name in sorted(names)[:3]]
    return ", ".join(shown) + (" and others" if len(names) > 3 else "") if shown else "the form of its lines"


# --- the chain ----------------------------------------------------------------------------------------------


def verify(
    folder: Path,
    *,
    chain: bool = False,
    against: tuple[str, str] | None = None,
    public_key: Path | None = None,
) -> Report:
    """Check a publication and every publication before it that lies beside it.

    ``chain``: a publication before it that is not there is a finding; else it is one only where others lie
    beside. ``against``: id and manifest hash that were kept elsewhere. ``public_key``: PEM file of the
    Ed25519 key that signed. Raises ``OSError`` where a folder can't be read, ``ValueError`` for a key file
    that holds no Ed25519 key.
    """
    folder = Path(os.path.abspath(str(folder)))  # noqa: PTH100 - resolve() would follow the link `published`
    folder = folder.resolve() if folder.is_symlink() else folder
    manifests = {path.name: read_manifest(path) for path in _publications(folder.parent)}
    manifests.setdefault(folder.name, read_manifest(folder))
    head = manifests[folder.name]
    report = Report(folder.name, head.sha256, fingerprint=head.text("signing_key_fingerprint"))
    path = _walk(folder, manifests, report, insist=chain or len(manifests) > 1)
    for name in path:
        _Check(folder.parent / name, manifests[name], _witnesses(name, manifests, against), report).run()
        report.publications.append(name)
        _judge_name(name, manifests[name], report, alone=not chain and len(manifests) == 1)
    _judge_anchor(against, path, report)
    if chain:
        _judge_others(folder.parent, manifests, path, report)
    public = _load_key(public_key, head.signed, report)
    for name in path if public is not None else ():
        _judge_signature(folder.parent / name, manifests[name], public, name == folder.name, report)
    return report


def _publications(parent: Path) -> list[Path]:
    return [
        path
        for path in sorted(parent.iterdir())
        if not path.name.startswith(".") and not path.is_symlink() and (path / "evidence").is_dir()
    ]


def _walk(folder: Path, manifests: dict[str, Manifest], report: Report, insist: bool) -> list[str]:
    """Names of the publication and of those before it, newest first."""
    path = [folder.name]
    while (before := manifests[path[-1]].previous()) is not None:
        name = before[0]
        if name in path:
            report.findings.append(
                Finding("chain", path[-1], MANIFEST, "It names a later one as the one before.")
            )
            break
        if name not in manifests:
            sentence = f"The publication before {printable(path[-1])} is not here."
            if insist:
                report.findings.append(Finding("missing", name, "", sentence))
            else:
                report.notes.append(sentence + " So the chain was not checked.")
            break
        path.append(name)
    else:
        if manifests[path[-1]].content is None:
            report.notes.append(
                f"The chain was not checked beyond {printable(path[-1])}, whose manifest can't be read."
            )
    return path


def _witnesses(name: str, manifests: dict[str, Manifest], against: tuple[str, str] | None) -> list[str]:
    """What others say the SHA-256 of a manifest is; only those are asked whose own SHA-256 stands."""
    found = [against[1]] if against is not None and against[0] == name else []
    for manifest in manifests.values():
        before = manifest.previous()
        if before is not None and before[0] == name and manifest.sound:
            found.append(before[1])
    return found


def _judge_name(name: str, manifest: Manifest, report: Report, alone: bool) -> None:
    own = manifest.text("publication_id")
    if own is None or own == name:
        return
    if alone:  # a copy may have any name; among others a name says which it is
        report.notes.append(f"{printable(name)}: a copy of publication {printable(own)} under another name")
    else:
        sentence = f"Its manifest is that of {printable(own)}."
        report.findings.append(Finding("chain", name, "", sentence))


def _judge_others(parent: Path, manifests: dict[str, Manifest], path: list[str], report: Report) -> None:
    """What lies beside the chain: a publication that follows one of it, be it that it came while this was
    checked, or what nobody published."""
    newcomers = {p.name: read_manifest(p) for p in _publications(parent) if p.name not in manifests}
    manifests = {**manifests, **newcomers}
    for other in sorted(parent.iterdir()):
        if other.name in path or other.name.startswith("."):
            continue
        manifest = manifests.get(other.name, Manifest(None, None))
        before = manifest.previous()
        follows = before is not None and manifests.get(before[0], Manifest(None, None)).sha256 == before[1]
        if follows and manifest.sound and manifest.text("publication_id") == other.name:
            report.notes.append(f"{printable(other.name)} stands beside this chain and was not checked.")
        else:
            sentence = "It lies among the publications, and no publication checked leads to it."
            report.findings.append(Finding("unlisted", other.name, "", sentence))


def _judge_anchor(against: tuple[str, str] | None, path: list[str], report: Report) -> None:
    if against is not None and against[0] not in path:
        sentence = "The anchor names it, and it is not among the publications checked."
        report.findings.append(Finding("missing", against[0], "", sentence))


# --- the signature ------------------------------------------------------------------------------------------


def _load_key(path: Path | None, signed: bool, report: Report) -> Any:
    """The public key; ``None``, with a note, where the signature can't be checked.

    Raises ``OSError``, and ``ValueError`` for a file that holds no Ed25519 key.
    """
    if path is None:
        if signed:
            report.notes.append("The signature was not checked: no public key was given.")
        return None
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        report.notes.append("The signature was not checked: the Python package cryptography is not here.")
        return None
    public = load_pem_public_key(path.read_bytes())
    if not isinstance(public, Ed25519PublicKey):
        raise ValueError("not an Ed25519 public key")  # noqa: TRY004 - the file is wrong, not the caller
    return public


def _judge_signature(folder: Path, manifest: Manifest, public: Any, is_head: bool, report: Report) -> None:
    """An Ed25519 signature over the bytes of the manifest. The newest one vouches for all before it."""
    from cryptography.exceptions import InvalidSignature

    if not (folder / SIGNATURE).is_file():
        if is_head:
            report.findings.append(Finding("signature", folder.name, SIGNATURE, "It is not signed."))
        return
    fingerprint = hashlib.sha256(public.public_bytes_raw()).hexdigest()
    if not is_head and manifest.text("signing_key_fingerprint") != fingerprint:
        report.notes.append(f"{printable(folder.name)}: signed with another key, not checked")
        return
    try:
        signature = base64.b64decode((folder / SIGNATURE).read_bytes().strip(), validate=True)
        public.verify(signature, (folder / MANIFEST).read_bytes())
    except (InvalidSignature, binascii.Error, OSError):
        sentence = "The signature is not by this key over this manifest."
        report.findings.append(Finding("signature", folder.name, SIGNATURE, sentence))


# --- as a command -------------------------------------------------------------------------------------------


def read_anchor(text: str) -> tuple[str, str]:
    """Id and SHA-256 from ``ID:SHA256``, or from a file whose first line that is. Raises ``ValueError``."""
    if Path(text).is_file():
        text = Path(text).read_text(encoding="utf-8").split("\n", 1)[0]
    name, _, digest = text.strip().partition(":")
    if not name or not _is_digest(digest):
        raise ValueError("an anchor is ID:SHA256")
    return name, digest


def sentences(report: Report) -> list[str]:
    """The report for people, a line each."""
    lines = [finding.line() for finding in report.findings]
    lines += ["note       " + note for note in report.notes]
    publications = (
        "1 publication" if len(report.publications) == 1 else f"{len(report.publications)} publications"
    )
    checked = f"{report.files} files in {publications}"
    if report.whole:
        lines.append(f"whole: {checked}, from {printable(report.head)} back.")
    else:
        lines.append(f"ALTERED: {len(report.findings)} findings; {checked} checked.")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Entry of ``python verify.py``; returns the exit code."""
    here = Path(os.path.abspath(__file__)).parent.parent  # noqa: PTH100 - see verify()
    parser = argparse.ArgumentParser(description="Check every byte of a publication and of those before it.")
    parser.add_argument("publication", nargs="?", type=Path, default=here, help="its folder")
    parser.add_argument("--chain", action="store_true", help="all publications before it must be here")
    parser.add_argument("--against", help="anchor kept elsewhere: ID:SHA256, or a file that holds it")
    parser.add_argument("--public-key", type=Path, help="PEM file of the Ed25519 key that signed")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    try:
        asked = parser.parse_args(arguments)
    except SystemExit as end:
        return WHOLE if end.code == 0 else USAGE
    try:
        if not asked.publication.is_dir():
            raise ValueError(f"{asked.publication} is no folder")
        anchor = read_anchor(asked.against) if asked.against else None
        report = verify(asked.publication, chain=asked.chain, against=anchor, public_key=asked.public_key)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"verify: {error}\n")
        return USAGE
    lines = [json.dumps(report.as_dict(), indent=1)] if asked.json else sentences(report)
    try:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor may Python's farewell fail
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"verify: the report can't be written ({error.strerror})\n")
            return USAGE
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
