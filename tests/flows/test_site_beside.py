"""The site is written by a process of its own while other evidence is: what it writes, and what it says if it
can't."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from flows import evidence, site
from flows.errors import Defect, StorageFailed
from flows.evidence import manifest as evidence_manifest
from flows.home import Home
from flows.refresh import defect
from flows.runs import Run
from flows.site import about, beside, quality
from flows.storage import shown
from tests.conftest import Sample
from tests.faults import disks
from tests.flows.conftest import Refreshed

LATER = shutil.ignore_patterns(
    "site", *(Path(name).name for name in evidence.EXPORTS if "data_docs" not in name)
)
BEFORE = {"publication_id": "20261101T000000.000Z", "manifest_sha256": "ab" * 32}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create("sample")
    return made


@pytest.fixture
def run(home: Home) -> Iterator[Run]:
    """A run whose process is ended when the test is, as the refresh ends it."""
    begun = Run(home, {"run_id": "20261102T000000.000Z"})
    yield begun
    beside.end(begun)


def unfinished(sample: Sample, folder: Path) -> Path:
    """A copy of the publication as it is when its site is begun: no export is there yet."""
    shutil.copytree(sample.publication, folder, ignore=LATER)
    shutil.rmtree(folder / "evidence" / evidence.DOCS)
    return folder


def written(folder: Path) -> dict[str, bytes]:
    """Every file of a site."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted((folder / site.FOLDER).rglob("*"))
        if path.is_file()
    }


def begin_and_wait(writer: beside.Writer, folder: Path) -> None:
    writer.begin(folder, previous=BEFORE, is_sample=True, coming=evidence.EXPORTS)
    writer.wait()


def test_pages_are_those_that_are_written_when_everything_stands(
    sample: Sample, run: Run, tmp_path: Path
) -> None:
    folder = unfinished(sample, tmp_path / "unfinished")
    assert not any((folder / name).exists() for name in evidence.EXPORTS)
    begin_and_wait(beside.start(run), folder)
    whole = tmp_path / "whole"
    shutil.copytree(sample.publication, whole, ignore=shutil.ignore_patterns("site"))
    site.write(whole, previous=BEFORE, is_sample=True)
    assert written(folder) == written(whole)
    for page, name in (
        ("about.html", "exports/indicators.xlsx"),
        ("quality.html", "evidence/openlineage.json"),
    ):
        assert f'href="../{name}"' in (folder / "site" / page).read_text(encoding="utf-8")


def test_what_is_not_there_and_does_not_come_is_not_linked(sample: Sample, tmp_path: Path) -> None:
    folder = unfinished(sample, tmp_path / "unfinished")
    site.write(folder, previous=None, is_sample=True)
    assert "exports/indicators.xlsx" not in (folder / "site/about.html").read_text(encoding="utf-8")
    assert "evidence/openlineage.json" not in (folder / "site/quality.html").read_text(encoding="utf-8")


def test_exports_that_come_are_all_that_are_written_after_the_site_is_begun(refreshed: Refreshed) -> None:
    standing = (
        *("csv/", "parquet/", "site/", "warehouse.duckdb", "evidence/dbt/", "evidence/quarantined_rows."),
        *("evidence/validation.json", "evidence/manifest.json", "evidence/SHA256SUMS"),
    )
    of_data_docs = f"evidence/{evidence.DOCS}/validations/"
    found = {
        path.relative_to(refreshed.published).as_posix()
        for path in refreshed.published.rglob("*")
        if path.is_file()
    }
    assert {name for name in found if not name.startswith((*standing, of_data_docs))} == evidence.EXPORTS
    linked = {name for name, *_ in (*about._DOWNLOADS, *quality._EVIDENCE)}
    assert linked <= found


def test_a_site_that_is_still_being_written_is_not_hashed(tmp_path: Path) -> None:
    for name in ("site/index.html", "site/states/KEN.html", "site.txt", "csv/a.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("half")
    assert set(evidence_manifest.describe(tmp_path, {}, but="site")) == {"csv/a.csv", "site.txt"}
    assert len(evidence_manifest.describe(tmp_path, {})) == 4


def test_a_full_disk_is_said_as_such(sample: Sample, home: Home, run: Run, tmp_path: Path) -> None:
    whole = unfinished(sample, tmp_path / "whole")
    small = tmp_path / "small"
    try:
        with disks.small_disk(small, 1):
            for path in whole.iterdir():
                (small / path.name).symlink_to(path)
            with pytest.raises(OSError, match="No space left") as caught:
                begin_and_wait(beside.start(run), small)
            beside.end(run)
    except PermissionError as error:
        pytest.skip(str(error))
    assert caught.value.errno == errno.ENOSPC
    assert isinstance(shown(home, caught.value), StorageFailed)


def test_a_warehouse_that_lacks_a_table_is_said_in_duckdbs_words(
    sample: Sample, run: Run, tmp_path: Path
) -> None:
    folder = unfinished(sample, tmp_path / "unfinished")
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("drop table marts.indicator_values")
    with pytest.raises(duckdb.CatalogException, match="indicator_values"):
        begin_and_wait(beside.start(run), folder)


def test_words_that_nobody_foresaw_go_to_the_restricted_part_alone(
    sample: Sample, home: Home, run: Run, tmp_path: Path
) -> None:
    writer = beside.start(run)
    writer.begin(
        unfinished(sample, tmp_path / "unfinished"),
        previous={"secret": "Orsolya"},
        is_sample=True,
        coming=evidence.EXPORTS,
    )
    with pytest.raises(beside.Unwritten) as caught:
        writer.wait()
    told = defect(home, run.run_id, caught.value)
    assert told.exit_code == 70
    assert "UndefinedError" not in str(told)
    assert Path(told.where).parent == home.restricted / "defects"
    assert "UndefinedError" in Path(told.where).read_text(encoding="utf-8")
    assert (run.folder / "site.log").read_bytes() == b""


def test_a_process_that_ended_is_a_defect_that_names_its_log(run: Run, tmp_path: Path) -> None:
    writer = beside.start(run)
    writer._process.kill()
    writer._process.wait()
    with pytest.raises(Defect, match="ended by itself"):
        begin_and_wait(writer, tmp_path)


def test_a_run_has_one_process_and_ends_it(run: Run) -> None:
    writer = beside.of(run)
    assert beside.of(run) is writer
    beside.end(run)
    assert writer._process.poll() is not None
    beside.end(run)
    again = beside.of(run)
    assert again is not writer
