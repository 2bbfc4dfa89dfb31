"""What a build on Spark is given and what comes back, without Spark: Parquet there, Parquet back."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import duckdb
import pytest

from flows import spark
from flows.cli import _exit_code
from flows.errors import Defect, ServerFailed, StorageFailed, UsageProblem
from flows.home import Home

MODELS = {"built": "success", "skipped": "skipped"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in (spark.TARGET_VARIABLE, spark.STORAGE_VARIABLE, spark.SCHEMA_VARIABLE, "JAVA_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home" / "build").mkdir(parents=True)
    return Home(tmp_path / "home")


@pytest.fixture
def warehouse(home: Home) -> Path:
    path = home.build / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema landing")
        connection.execute("create schema control")
        connection.execute("create view landing.states as select 'KHM' as iso3, 1::bigint as delivery_seq")
        connection.execute("create table control.run_settings (as_of date, batch bigint)")
    return path


def built_by_spark(home: Home) -> Path:
    """What dbt and Spark would leave: results of two marts, and the Parquet of one."""
    target = home.build / "spark" / "target"
    target.mkdir(parents=True)
    nodes = {
        f"model.sraap.{name}": {"resource_type": "model", "alias": name, "config": {"schema": "marts"}}
        for name in MODELS
    }
    nodes["model.sraap.inner"] = {
        "resource_type": "model",
        "alias": "inner",
        "config": {"schema": "staging"},
    }
    results = [{"unique_id": f"model.sraap.{name}", "status": status} for name, status in MODELS.items()]
    (target / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    (target / "run_results.json").write_text(json.dumps({"results": results}))
    place = spark.storage(home) / "marts" / "built"
    place.mkdir(parents=True)
    with duckdb.connect() as connection:
        for number in (1, 2):
            path = place / f"part-{number}.parquet"
            connection.execute(f"copy (select {number} as n, null::date as d) to '{path}'")
    return target


def test_input_is_parquet_with_the_types_of_the_database(home: Home, warehouse: Path) -> None:
    spark.give_input(home, warehouse)
    folder = spark.storage(home) / "input"
    with duckdb.connect() as connection:
        states = connection.read_parquet(str(folder / "landing" / "states" / "*.parquet"))
        settings = connection.read_parquet(str(folder / "control" / "run_settings" / "*.parquet"))
        assert (states.columns, [str(t) for t in states.types]) == (
            ["iso3", "delivery_seq"],
            ["VARCHAR", "BIGINT"],
        )
        assert states.fetchall() == [("KHM", 1)]
        assert [str(t) for t in settings.types] == ["DATE", "BIGINT"]
        assert settings.fetchall() == []


def test_marts_come_back_and_the_storage_is_emptied(home: Home, warehouse: Path) -> None:
    spark.give_input(home, warehouse)
    spark.take_back(home, warehouse, built_by_spark(home))
    with duckdb.connect(str(warehouse)) as connection:
        assert connection.execute("select * from marts.built order by n").fetchall() == [(1, None), (2, None)]
        marts = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'")
        assert marts.fetchall() == [("built",)]
    assert [path.name for path in spark.storage(home).iterdir()] == ["sraap.home"]


def test_a_mart_that_this_machine_does_not_see_is_said(home: Home, warehouse: Path) -> None:
    spark.give_input(home, warehouse)
    target = built_by_spark(home)
    spark.clear(home)
    with pytest.raises(Defect, match="built, but its Parquet is not in the storage"):
        spark.take_back(home, warehouse, target)


def test_tables_go_before_a_build_and_the_input_stays(home: Home, warehouse: Path) -> None:
    spark.give_input(home, warehouse)
    built_by_spark(home)
    spark.clear(home, keep_input=True)
    assert sorted(path.name for path in spark.storage(home).iterdir()) == ["input", "sraap.home"]


def test_a_folder_of_others_is_never_emptied(
    home: Home, warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(spark.STORAGE_VARIABLE, str(tmp_path / "shared"))
    monkeypatch.setenv(spark.SCHEMA_VARIABLE, "mine")
    kept = tmp_path / "shared" / "mine" / "letter.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("keep me")
    with pytest.raises(UsageProblem, match="not made by this program"):
        spark.give_input(home, warehouse)
    spark.clear(home)
    assert kept.read_text() == "keep me"
    kept.unlink()
    spark.give_input(home, warehouse)
    with pytest.raises(UsageProblem, match="another home"):
        spark.give_input(Home(tmp_path / "other"), warehouse)


def test_a_storage_that_can_not_be_made_is_said(
    home: Home, warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(spark.STORAGE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(StorageFailed, match="storage of Spark"):
        spark.give_input(home, warehouse)


def test_what_is_missing_is_named(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert spark.chosen(None) == "duckdb"
    monkeypatch.setenv(spark.TARGET_VARIABLE, "oracle")
    with pytest.raises(UsageProblem, match="no target 'oracle'"):
        spark.chosen(None)
    monkeypatch.setattr(spark, "_is_installed", lambda module: module != "pyspark")
    assert _exit_code(["refresh", "--home", str(home.root), "--target", "spark"]) == 5
    assert "make setup-spark" in capsys.readouterr().err
    assert not (home.root / "home.json").exists()
    assert spark.chosen("spark-thrift") == "spark-thrift"
    monkeypatch.setattr(spark, "_is_installed", lambda module: True)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UsageProblem, match="Java 17"):
        spark.chosen("spark")


def test_a_server_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        monkeypatch.setenv("SRAAP_SPARK_HOST", "127.0.0.1")
        monkeypatch.setenv("SRAAP_SPARK_PORT", str(taken.getsockname()[1]))
        spark.reach("spark")
        with pytest.raises(ServerFailed, match="can't be reached"):
            spark.reach("spark-thrift")
        taken.listen()
        spark.reach("spark-thrift")


def test_the_password_may_be_a_file(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("word\n")
    monkeypatch.setenv("SRAAP_SPARK_PASSWORD_FILE", str(tmp_path / "secret"))
    assert spark.environment(home, "spark-thrift")["DBT_ENV_SECRET_SPARK_PASSWORD"] == "word"
    assert spark.environment(home, "duckdb") == {}
    monkeypatch.setenv("SRAAP_SPARK_PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(UsageProblem, match="can't be read"):
        spark.environment(home, "spark-thrift")
