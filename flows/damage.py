"""What of a home is spoiled: asked before a publication is built upon, and when something failed that nobody
foresaw.

Disks rot and people mend files by hand. A run that stumbles over a torn file is no defect of the program, and
whoever reads the error must know which file to restore (docs/contract/outputs.md, exit codes). What is looked
at is what runs read again: the landing, the ledger, and publications, by their own manifests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from flows.errors import UsageProblem
from flows.evidence import verify
from flows.files import read_json
from flows.home import Home
from flows.ledger import INCREMENTS, SNAPSHOTS, Ledger

_RESTORE = "Restore it from a backup; sraap verify names everything that differs."


def check_head(home: Home) -> None:
    """Raise ``UsageProblem`` where the next publication could not be chained to the published one, nor say
    what changed since: its manifest is not the one that was written, or ``published`` is no link."""
    if home.published.exists() and not home.published.is_symlink():
        raise UsageProblem(
            "published is no link to a publication",
            where=str(home.published),
            next_step="Move it away and run this again; the link is made anew.",
        )
    current = home.current_publication()
    if current is None:
        return
    found = verify.read_manifest(current)
    named = (found.sums or {}).get(verify.MANIFEST, found.sha256)
    if found.content is None or named != found.sha256:
        raise UsageProblem(
            "the manifest of the published publication is not as it was written, "
            "and the next one has to name it",
            where=str(current / verify.MANIFEST),
            next_step="Restore it from a backup. Without one, move that publication's folder away and run "
            "this again: the next one then follows the publication before it.",
        )


def found(home: Home, words: Iterable[str] = ()) -> UsageProblem | None:
    """The first thing that is spoiled in a home, as an error to show; ``None`` where all is whole.

    ``words``: of the command, which may name publications besides the published one. Reads all of them and
    the whole landing.
    """
    if not home.exists:
        return None
    try:
        home.settings()
        ledger = Ledger.read(home)
    except UsageProblem as error:
        return error
    for path in _landing(ledger):
        if not _is_whole(path):
            return _spoiled("a file of the landing is missing or spoiled", path, "Restore it from a backup.")
    current = home.current_publication()
    named = {home.publications / word for word in words if word and not set("/\\") & set(word)}
    folders = {path for path in named if path.is_dir() and path.name not in (".", "..")}
    for folder in sorted(folders | ({current} if current else set())):
        if (problem := _of_publication(folder)) is not None:
            return problem
    return None


def _of_publication(folder: Path) -> UsageProblem | None:
    note = folder / verify.PRUNED
    if note.exists():
        try:
            read_json(note)["removed"]
        except (OSError, ValueError, KeyError, TypeError):
            return _spoiled("the note of what was pruned can't be read", note, _RESTORE)
        return None
    report = verify.verify(folder)
    for finding in report.findings:
        if finding.publication == folder.name and finding.kind in ("altered", "missing"):
            path = folder / finding.path
            return _spoiled("a publication is not as it was published", path, _RESTORE)
    return None


def _spoiled(what: str, path: Path, next_step: str) -> UsageProblem:
    return UsageProblem(what, where=str(path), next_step=next_step)


def _landing(ledger: Ledger) -> Iterator[Path]:
    """Every Parquet file of the landing that is read again."""
    for batch in ledger.batches:
        for dataset in batch.data:
            yield ledger.home.landing / dataset / f"{batch.name}.parquet"
        for table in (*SNAPSHOTS, *INCREMENTS) if batch is ledger.last else INCREMENTS:
            yield ledger.home.ledger / batch.name / f"{table}.parquet"


def _is_whole(path: Path) -> bool:
    """Whether a Parquet file can be read to its end."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group)
    except (OSError, pa.ArrowException):
        return False
    return True
