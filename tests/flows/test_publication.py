"""What is written to a publication beside something else fails with it, and lets it fail."""

from __future__ import annotations

from threading import Event

import duckdb
import pytest

from flows.publication import _meanwhile


def test_what_fails_beside_is_raised() -> None:
    def work(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("select no_such_column")

    with (
        duckdb.connect() as connection,
        pytest.raises(duckdb.BinderException),
        _meanwhile(connection, work),
    ):
        connection.execute("select 1")


def test_what_goes_on_beside_a_failure_is_interrupted() -> None:
    began = Event()
    ended: list[type[Exception]] = []

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        began.set()
        try:
            connection.execute("select sum(hash(a.range) % 7) from range(10000000) as a, range(500)")
        except duckdb.Error as error:
            ended.append(type(error))

    with (
        duckdb.connect() as connection,
        pytest.raises(ZeroDivisionError),
        _meanwhile(connection, work),
    ):
        assert began.wait(60)
        raise ZeroDivisionError
    assert ended == [duckdb.InterruptException]
