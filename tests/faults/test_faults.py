"""A short part of each kind of trial; ``make faults`` runs them at length (docs/reliability.md)."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows import faults
from flows.errors import StorageFailed
from flows.program import ROOT
from flows.refresh import Night
from flows.reproduce import reproduce
from flows.revisions import manifest_of
from flows.storage import failure
from tests.faults import disks, kills, readers, sequences
from tests.faults.homes import KEY, Bench, Harm, Reference, nothing_torn, outputs, settled, with_stored_build
from tests.faults.sequences import with_live_build
from tests.flows.harness import without_prefect


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests takes part; a run may set the key of its homes."""
    for name in ("SRAAP_TZ", "PREFECT_API_URL", "PREFECT_HOME", faults.POINT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SRAAP_PEOPLE_KEY", KEY)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench whose next run was made once, by dbt, and its build kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRAAP_PEOPLE_KEY", KEY)
        made = Bench(tmp_path_factory.mktemp("faults"))
        made.prepare()
        settled(made.run("next"))
        made.keep_build("next")
        yield made


@pytest.fixture(scope="module")
def expected(bench: Bench) -> Reference:
    bench.restore("next")
    settled(bench.run("next", with_stored_build(bench.build_of("next"))))
    return Reference(outputs(bench.home), 0.0)


@pytest.fixture
def night(bench: Bench) -> Night:
    return with_stored_build(bench.build_of("next"))


def test_points_are_passed_unless_the_environment_names_one() -> None:
    assert faults.ARMED is None
    for name in faults.POINTS:
        faults.point(name)


@pytest.mark.parametrize(
    ("point", "seed"), [("archive.before_rename", 0), ("site.before", 2), ("publish.after_rename", 2)]
)
def test_killed_run_does_no_harm(
    bench: Bench, expected: Reference, night: Night, point: str, seed: int
) -> None:
    kills.kill_at_point(bench, point, seed, {"next": expected}, program="tests.faults.plain", night=night)


def test_failing_calls_do_no_harm_and_are_said_as_such(
    bench: Bench, expected: Reference, night: Night
) -> None:
    last = disks.count_calls(bench, "next", night)
    failed = [
        disks.fail_call(bench, "next", number, code, expected=expected, night=night, lasting=lasting)
        for number, code, lasting in (
            (2, errno.EACCES, False),
            (last // 8, errno.EIO, False),
            (last // 2, errno.ENOSPC, True),
            (last - 10, errno.ENOSPC, False),
        )
    ]
    assert len(set(failed)) == 4


def test_disk_that_fills_up_does_no_harm(bench: Bench, expected: Reference, night: Night) -> None:
    small = bench.folder / "small"
    try:
        with disks.small_disk(small, 400):
            for name in ("prepared", "next", "build-next"):
                shutil.copytree(bench.folder / name, small / name, symlinks=True)
            said = disks.fill_disk(Bench(small), "publish", 200_000, expected, night)
    except PermissionError as error:
        pytest.skip(str(error))
    assert "No space left on device" in said


def test_readers_meet_no_error_and_one_publication_in_each_answer(bench: Bench, night: Night) -> None:
    read = readers.read_while_publishing(bench, [night], 2, ("duckdb", "parquet"))
    assert read.publications > 1


def test_drawn_publications_are_made_again_byte_for_byte(bench: Bench, tmp_path: Path) -> None:
    """A plan is loaded, a person erased, registers are emptied and publications pruned in between."""
    with sequences.without_dbt(bench.build_of("next")):
        assert sequences.remake_sequence(tmp_path, 0, 3, without_prefect) == 3


def test_a_publication_that_comes_out_otherwise_would_be_noticed(bench: Bench) -> None:
    """Rows of a batch that came later would be among those of the publication made again."""
    bench.restore("next")
    settled(bench.run("next", with_live_build(bench.build_of("next"))))
    first = min(bench.home.publications.glob("[!.]*"))
    manifest = {**manifest_of(bench.home, first.name), "batch": 2}
    with sequences.without_dbt(bench.build_of("next")), pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.reproduce.manifest_of", lambda home, publication: manifest)
        made = reproduce(bench.home, first.name)
    assert "csv/indicator_values.csv" in made.different


def test_run_without_room_does_not_begin(bench: Bench, night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.restore("next")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=3_000_000))
    result = bench.run("next", night)
    assert isinstance(result.error, StorageFailed)
    assert result.exit_code == 5
    assert "3.0 MB are free, a run needs about" in result.error.what
    assert not list(bench.home.deliveries.glob(f"{result.record['run_id']}*"))
    assert "received" not in result.record


def test_errors_of_another_kind_are_no_disks_errors(bench: Bench) -> None:
    assert failure(bench.home, ValueError("No space left on device")) is None
    assert failure(bench.home, FileNotFoundError(errno.ENOENT, "No such file or directory")) is None


def test_name_of_a_delivered_file_is_not_in_the_error(bench: Bench) -> None:
    error = OSError(errno.EIO, "Input/output error")
    error.filename = "/mnt/share/Orsolya Testwright.csv"
    told = failure(bench.home, error)
    assert told is not None
    assert told.where == "/mnt/share"


def test_torn_publication_would_be_noticed(bench: Bench) -> None:
    bench.restore("next")
    published = bench.home.current_publication()
    assert published is not None
    nothing_torn(bench.home)
    with (published / "csv" / "indicator_values.csv").open("ab") as handle:
        handle.write(b"\n")
    with pytest.raises(Harm, match="torn"):
        nothing_torn(bench.home)


def test_failing_disk_counts_calls_below_its_folder_alone(tmp_path: Path) -> None:
    with disks.FailingDisk(tmp_path / "elsewhere", 1).mounted() as disk:
        (tmp_path / "here").write_bytes(b"whole")
    assert disk.calls == 0
    with (
        disks.FailingDisk(tmp_path, 2, errno.ENOSPC).mounted() as disk,
        pytest.raises(OSError, match="space"),
    ):
        (tmp_path / "here").write_bytes(b"torn")
    assert disk.failed == "write /here"


def test_every_named_point_stands_in_the_program() -> None:
    layers = {
        "dbt.seed",
        "dbt.staging",
        "dbt.intermediate",
        "dbt.marts",
        "dbt.test",
    }  # named by what dbt runs
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "flows").rglob("*.py"))
    passed = {name for name in faults.POINTS if f'faults.point("{name}"' in text or name == "dbt.build"}
    assert passed | layers == set(faults.POINTS)
    assert len(faults.POINTS) >= 25
