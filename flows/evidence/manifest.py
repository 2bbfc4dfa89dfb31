"""The manifest: what a publication was made from, what it is, and which publication came before it.

It names every file of the publication but itself and SHA256SUMS; SHA256SUMS names every file but itself. A
publication's manifest names the manifest before it by its SHA-256, so that whoever holds one hash holds the
whole chain (docs/contract/outputs.md, A publication). ``flows/evidence/verify.py`` checks all of it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.errors import UsageProblem
from flows.evidence import verify as evidence_verify
from flows.files import json_bytes, sha256_of
from flows.home import Home, timestamp
from flows.program import git_state, lock_file_hash, tool_versions

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNING_KEY_VARIABLE = "SRAAP_SIGNING_KEY_FILE"


@dataclass(frozen=True)
class Output:
    """A file of a publication. ``rows`` and ``schema_sha256`` are those of a table; else ``None``."""

    path: str
    bytes: int
    sha256: str
    rows: int | None = None
    schema_sha256: str | None = None


@dataclass(frozen=True)
class Table:
    """A Parquet file of the publication: its columns with their DuckDB types in order, and its rows."""

    columns: tuple[tuple[str, str], ...]
    rows: int

    @property
    def schema_sha256(self) -> str:
        """SHA-256 over a line ``name type`` for each column, in order."""
        return hashlib.sha256("".join(f"{n} {k}\n" for n, k in self.columns).encode()).hexdigest()


def tables_of(folder: Path) -> dict[str, Table]:
    """The tables of a publication by path (``parquet/<table>.parquet``), and their CSV twins.

    Raises ``duckdb.Error`` for a Parquet file that can't be read.
    """
    import duckdb

    found: dict[str, Table] = {}
    with duckdb.connect(":memory:") as connection:
        for path in sorted(folder.rglob("*.parquet")):
            relation = connection.read_parquet(str(path))
            columns = tuple(
                (name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)
            )
            counted = connection.execute("select num_rows from parquet_file_metadata(?)", [str(path)])
            table = Table(columns, int(counted.fetchall()[0][0]))
            for name in (path, path.with_suffix(".csv"), path.parent.parent / "csv" / f"{path.stem}.csv"):
                if name.is_file():
                    found[name.relative_to(folder).as_posix()] = table
    return found


def describe(
    folder: Path, tables: Mapping[str, Table], known: Iterable[Output] = (), but: str | None = None
) -> dict[str, Output]:
    """Every regular file below ``folder`` by its path, sorted; those in ``known`` are not read again.

    ``but``: a folder that is still being written, and left out.
    """
    already = {output.path: output for output in known}
    found: dict[str, Output] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if but is not None and name.startswith(f"{but}/"):
            continue
        table = tables.get(name)
        found[name] = already.get(name) or Output(
            name,
            path.stat().st_size,
            sha256_of(path),
            table.rows if table else None,
            table.schema_sha256 if table else None,
        )
    return found


def configuration() -> dict[str, Any]:
    """What was set for this run, without secrets: of a key only where it comes from."""
    from flows.home import KEY_VARIABLE
    from sources.contract import datasets

    return {
        "time_zone": os.environ.get("SRAAP_TZ") or "Europe/Zurich",
        "key_of_people_from": "environment" if os.environ.get(KEY_VARIABLE) else "key file",
        "signed": bool(os.environ.get(SIGNING_KEY_VARIABLE)),
        "datasets": sorted(datasets()),
    }


def write(
    home: Home,
    folder: Path,
    publication_id: str,
    outputs: Iterable[Output],
    *,
    settings: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]],
    acceptances: Sequence[Mapping[str, Any]],
    withdrawals: Sequence[Mapping[str, Any]],
) -> None:
    """Write ``evidence/manifest.json``, its signature where a key is configured, and SHA256SUMS.

    ``settings``: as_of, batch, last_delivery_seq, plan_version, program_version. ``inputs``: the files that
    were received, as in ``audit.files``. Raises ``OSError``, and ``UsageProblem`` for a key that can't serve.
    """
    key = signing_key()
    listed = {output.path: output for output in outputs}
    manifest = {
        "publication_id": publication_id,
        "made_at": timestamp(),
        "home": home.kind,
        **settings,
        "previous": previous_of(home),
        "signing_key_fingerprint": None if key is None else fingerprint(key),
        "program": {**git_state(), "version": settings["program_version"]},
        "requirements_lock_sha256": lock_file_hash(),
        "tools": tool_versions(),
        "configuration": configuration(),
        "inputs": list(inputs),
        "acceptances": list(acceptances),
        "withdrawals": list(withdrawals),
        "outputs": [asdict(listed[path]) for path in sorted(listed)],
    }
    written = json_bytes(manifest)
    (folder / evidence_verify.MANIFEST).write_bytes(written)
    signature = None if key is None else base64.b64encode(key.sign(written)) + b"\n"
    if signature is not None:
        (folder / evidence_verify.SIGNATURE).write_bytes(signature)
    sums = evidence_verify.expected_sums(
        {path: output.sha256 for path, output in listed.items()},
        hashlib.sha256(written).hexdigest(),
        None if signature is None else hashlib.sha256(signature).hexdigest(),
    )
    (folder / evidence_verify.SUMS).write_bytes(sums)


def previous_of(home: Home) -> dict[str, str] | None:
    """The publication that stands now, by its id and the SHA-256 of its manifest; ``None`` for the first.

    Where the link ``published`` is lost, it is the newest that is there: the chain must not begin anew.
    """
    current = home.current_publication()
    if current is None:
        found = sorted(
            path.parent.parent for path in home.publications.glob(f"[!.]*/{evidence_verify.MANIFEST}")
        )
        if not found:
            return None
        current = found[-1]
    return {
        "publication_id": current.name,
        "manifest_sha256": sha256_of(current / evidence_verify.MANIFEST),
    }


def signing_key() -> Ed25519PrivateKey | None:
    """The Ed25519 key that the environment names; ``None`` where it names none. Raises ``UsageProblem``."""
    name = os.environ.get(SIGNING_KEY_VARIABLE)
    if not name:
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path = Path(name)
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise UsageProblem("others can read the signing key", where=name, next_step=f"chmod 600 {name}")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _bad_key(name) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _bad_key(name)
    return key


def _bad_key(name: str) -> UsageProblem:
    return UsageProblem(
        "the signing key can't be read, or is no Ed25519 key without a password",
        where=name,
        next_step="Make one with: openssl genpkey -algorithm ed25519 -out FILE; "
        f"or unset {SIGNING_KEY_VARIABLE}.",
    )


def fingerprint(key: Ed25519PrivateKey) -> str:
    """SHA-256 of the raw public key, in hexadecimal."""
    return hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()
