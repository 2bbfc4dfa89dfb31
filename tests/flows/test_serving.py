"""The copy in PostgreSQL on a real server, and the published file as analysts' tools open it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psycopg
import pytest
import sqlalchemy

from flows import serving
from flows.errors import Locked, ServerFailed, UsageProblem
from flows.home import Home
from tests import postgres
from tests.flows.conftest import Refreshed
from tests.flows.test_cli import run

ODD = ["", "\\N", "\\.", "a\tb", "line\nend\r\n", 'quo"ted, \\ and \\t', "អង្គរ", None]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server on a socket of its own; what libpq needs to reach it."""
    with postgres.running(tmp_path_factory.mktemp("pg") / "data") as address:
        yield address


@pytest.fixture
def database(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """An empty database that the service ``copy`` names; a connection to it."""
    monkeypatch.setenv("PGSERVICEFILE", str(postgres.empty_database(address, "copy", tmp_path)))
    with psycopg.connect("service=copy", autocommit=True) as connection:
        yield connection


def publish(root: Path, publication: str, **tables: str) -> Home:
    """A home whose published warehouse holds these marts: name and the query that makes it."""
    home = Home(root)
    folder = home.publications / publication
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts")
        for name, query in tables.items():
            connection.execute(f"create table marts.{name} as {query}")
            connection.execute(f"comment on table marts.{name} is 'One row per test, it''s said.'")
    home.published.unlink(missing_ok=True)
    home.published.symlink_to(folder)
    return home


def pair(number: int) -> dict[str, str]:
    return dict.fromkeys(("first", "second"), f"select {number}::bigint as publication, 'x' as said")


def test_every_mart_arrives_as_it_is(
    refreshed: Refreshed, database: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("publish", "--to", "copy", "--home", refreshed.home, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["publication_id"] == refreshed.published.name
    with duckdb.connect(str(refreshed.published / "warehouse.duckdb"), read_only=True) as warehouse:
        tables = serving.tables_of(warehouse)
        assert said["tables"] == len(tables) >= 58
        for table in tables:
            expected = warehouse.execute(f'select * from marts."{table.name}"').fetchall()
            assert database.execute(f'select * from marts."{table.name}"').fetchall() == expected, table.name
    described = database.execute(
        "select count(*), count(col_description(c.oid, a.attnum)), count(obj_description(c.oid)) "
        "from pg_attribute as a join pg_class as c on c.oid = a.attrelid "
        "where c.relnamespace = 'marts'::regnamespace and a.attnum > 0"
    ).fetchone()
    assert described is not None
    assert described[0] == described[1] == described[2] > 500
    assert run("publish", "--to", "copy", "--home", refreshed.home) == 0
    assert "already; nothing was changed" in capsys.readouterr().out


def test_values_keep_type_and_every_digit(tmp_path: Path, database: psycopg.Connection) -> None:
    texts = ", ".join("null" if text is None else "'" + text.replace("'", "''") + "'" for text in ODD)
    home = publish(
        tmp_path / "home",
        "P1",
        odd=f"select unnest([{texts}]) as said, generate_subscripts([{texts}], 1) as n",
        exact="select 0.1::double + 0.2::double as a, 1e-310::double as b, 'inf'::double as c, "
        "12345678901234.50::decimal(18,2) as d, "
        "date '0999-12-31' as e, true as f, 9007199254740993::bigint as g",
    )
    serving.copy_to(home, "copy")
    assert [row[0] for row in database.execute("select said from marts.odd order by n")] == ODD
    with duckdb.connect(str(home.published / "warehouse.duckdb"), read_only=True) as warehouse:
        expected = warehouse.execute("select * from marts.exact").fetchone()
    found = database.execute("select * from marts.exact").fetchone()
    assert found == expected
    assert expected is not None and expected[0] != 0.3 and math.isinf(expected[2])


def test_readers_see_one_publication_or_the_other(tmp_path: Path, database: psycopg.Connection) -> None:
    home = publish(tmp_path / "home", "P0", **pair(0))
    serving.copy_to(home, "copy")
    stop, seen = threading.Event(), set[int]()
    problems: list[Any] = []
    queries = (
        "select (select publication from marts.first), (select publication from marts.second)",
        "select s.publication, f.publication from marts.second as s cross join marts.first as f",
    )

    def read(number: int, level: psycopg.IsolationLevel) -> None:
        try:
            with psycopg.connect("service=copy") as connection:
                connection.isolation_level = level
                while not stop.is_set():
                    with connection.transaction():
                        connection.execute("select 1")  # takes the snapshot before any table is looked at
                        one = connection.execute(queries[number % 2]).fetchall()
                        again = connection.execute("select publication from marts.second").fetchall()
                    if len(one) != 1 or {one[0][0], one[0][1]} != {again[0][0]}:
                        problems.append((one, again))
                    seen.add(one[0][0])
        except Exception as error:
            problems.append(error)

    levels = (psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.REPEATABLE_READ)
    readers = [threading.Thread(target=read, args=(n, levels[n // 2])) for n in range(4)]
    for reader in readers:
        reader.start()
    for number in range(1, 9):
        serving.copy_to(publish(tmp_path / "home", f"P{number}", **pair(number)), "copy")
    stop.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert len(seen) > 1
    left = database.execute("select relname from pg_class where relname like 'old %'").fetchall()
    assert left == []
    assert database.execute("select 1 from pg_namespace where nspname = 'sraap_loading'").fetchall() == []


def test_views_of_others_read_the_new_publication(tmp_path: Path, database: psycopg.Connection) -> None:
    serving.copy_to(publish(tmp_path / "home", "P1", **pair(1)), "copy")
    database.execute("create schema own")
    database.execute(
        "create view own.direct with (security_barrier=true) as "
        "select * from marts.first where said like '%x%'"
    )
    database.execute("create view own.indirect as select publication + 100 as p from own.direct")
    copied = serving.copy_to(publish(tmp_path / "home", "P2", **pair(2)), "copy")
    assert copied.views == ("own.direct",)
    assert database.execute("select p from own.indirect").fetchall() == [(102,)]
    options = database.execute("select reloptions from pg_class where relname = 'direct'").fetchone()
    assert options == (["security_barrier=true"],)


def test_what_cannot_follow_stops_the_copy_and_leaves_what_stood(
    tmp_path: Path, database: psycopg.Connection
) -> None:
    serving.copy_to(publish(tmp_path / "home", "P1", **pair(1)), "copy")
    database.execute("create materialized view public.kept as select * from marts.first")
    with pytest.raises(ServerFailed) as caught:
        serving.copy_to(publish(tmp_path / "home", "P2", **pair(2)), "copy")
    assert "kept" in caught.value.what
    assert database.execute("select publication from marts.first").fetchall() == [(1,)]
    assert database.execute("select 1 from pg_namespace where nspname = 'sraap_loading'").fetchall() == []


def test_a_table_that_is_no_more_goes_too(tmp_path: Path, database: psycopg.Connection) -> None:
    serving.copy_to(publish(tmp_path / "home", "P1", **pair(1)), "copy")
    serving.copy_to(publish(tmp_path / "home", "P2", first=pair(2)["first"]), "copy")
    assert database.execute("select tablename from pg_tables where schemaname = 'marts'").fetchall() == [
        ("first",)
    ]


def test_a_transaction_that_never_ends_stops_the_copy(
    tmp_path: Path, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving.copy_to(publish(tmp_path / "home", "P1", **pair(1)), "copy")
    monkeypatch.setattr(serving, "PATIENCE", 0.0)
    with psycopg.connect("service=copy") as reader:
        reader.execute("select * from marts.first")
        with pytest.raises(ServerFailed, match="keeps reading"):
            serving.copy_to(publish(tmp_path / "home", "P2", **pair(2)), "copy")
        assert reader.execute("select publication from marts.second").fetchall() == [(1,)]


def test_two_copies_at_once(tmp_path: Path, database: psycopg.Connection) -> None:
    home = publish(tmp_path / "home", "P1", **pair(1))
    database.execute("select pg_advisory_lock(%s)", [serving.ADVISORY])
    with pytest.raises(Locked):
        serving.copy_to(home, "copy")


def test_marts_of_somebody_else_are_left_alone(tmp_path: Path, database: psycopg.Connection) -> None:
    database.execute("create schema marts")
    database.execute("create table marts.sales as select 1 as n")
    with pytest.raises(UsageProblem, match="did not make"):
        serving.copy_to(publish(tmp_path / "home", "P1", **pair(1)), "copy")
    assert database.execute("select n from marts.sales").fetchall() == [(1,)]


def test_the_reading_role_reads_and_writes_nothing(tmp_path: Path, database: psycopg.Connection) -> None:
    serving.copy_to(publish(tmp_path / "home", "P1", **pair(1)), "copy")
    database.execute("set role sraap_read")
    assert database.execute("select publication from marts.first").fetchall() == [(1,)]
    for statement in ("delete from marts.first", "create table marts.mine (n int)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.execute(statement)


@pytest.mark.parametrize("service", ["postgresql://me:secret@host/db", "host=x password=secret", "nowhere"])
def test_a_service_that_is_none_says_what_to_do(
    service: str, refreshed: Refreshed, database: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("publish", "--to", service, "--home", refreshed.home) == 5
    said = capsys.readouterr().err
    assert "PGSERVICEFILE" in said and "Traceback" not in said and "secret" not in said


# --- the file itself ----------------------------------------------------------------------------------------


def test_sqlalchemy_reflects_and_pandas_reads(refreshed: Refreshed) -> None:
    engine = sqlalchemy.create_engine(
        f"duckdb:///{refreshed.published / 'warehouse.duckdb'}", connect_args={"read_only": True}
    )
    names = sqlalchemy.inspect(engine).get_table_names(schema="marts")
    assert {"indicator_values", "action_45", "dim_state"} <= {name.split(".")[-1] for name in names}
    table = sqlalchemy.Table("indicator_values", sqlalchemy.MetaData(), schema="marts", autoload_with=engine)
    assert isinstance(table.c.value.type, sqlalchemy.Float)
    with engine.connect() as connection:
        frame = pd.read_sql(
            sqlalchemy.select(table.c.indicator_id).where(table.c.breakdown == "total"), connection
        )
    engine.dispose()
    assert frame["indicator_id"].nunique() == 87


def test_a_closed_connection_reads_no_other_file(refreshed: Refreshed) -> None:
    warehouse = str(refreshed.published / "warehouse.duckdb")
    settings: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "lock_configuration": "true",
    }
    with duckdb.connect(warehouse, read_only=True, config=settings) as connection:
        for statement in (
            "select * from read_csv('/etc/passwd')",
            "select * from read_text('/etc/passwd')",
            "attach '/etc/passwd' as other",
            "copy marts.dim_state to '/tmp/sraap-must-not-appear.csv'",
            "set enable_external_access = true",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement)
        assert connection.execute("select count(*) from marts.dim_indicator").fetchall() == [(87,)]
    with duckdb.connect(warehouse, read_only=True) as connection:
        assert connection.execute("select count(*) > 0 from read_text('/etc/passwd')").fetchall() == [(True,)]


def test_the_client_of_an_older_duckdb_reads_the_file(refreshed: Refreshed) -> None:
    """DuckDB 1.4.4, installed once beside the environment by uv; skipped where no registry can be reached."""
    place = Path(sys.prefix) / "share" / "sraap" / "duckdb-1.4.4"
    if not (place / "duckdb").is_dir():
        uv = Path(sys.executable).with_name("uv")
        asked = ["pip", "install", "--quiet", "--no-deps", "--target", str(place), "duckdb==1.4.4"]
        done = subprocess.run([uv, *asked], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip("DuckDB 1.4.4 can't be had from the package registry here")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import duckdb; assert duckdb.__version__ == '1.4.4'; "
        "c = duckdb.connect(sys.argv[2], read_only=True); "
        "found = c.execute(\"select table_name from duckdb_tables() where schema_name = 'marts'\")"
        ".fetchall(); read = [c.execute(f'select * from marts.\"{n}\"').fetchall() for (n,) in found]; "
        "print(len(read))"
    )
    warehouse = refreshed.published / "warehouse.duckdb"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, place, warehouse], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert int(done.stdout) >= 58
