"""The marts of the published publication in PostgreSQL, for tools that want a server.

Everything happens in one transaction: new tables in a schema aside, rows by COPY, comments, grants; then the
old tables are locked, the new ones take their place in the schema ``marts``, and the old ones go. Readers see
one publication or the other; a failure leaves what stood. Why it is done so is said in
docs/decisions/020-the-copy-in-postgresql.md; how people connect in docs/connect.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, LiteralString

import duckdb
import psycopg
from psycopg import sql

from flows.build import quoted
from flows.errors import Locked, ServerFailed, UsageProblem
from flows.home import Home

if TYPE_CHECKING:
    from psycopg import Connection

SCHEMA = "marts"
ASIDE = "sraap_loading"
READERS = "sraap_read"
MARK = "Made by sraap; replaced as a whole. Publication "
ADVISORY = 0x5241_4150
PATIENCE = 60.0
"""Seconds the swap waits, all in all, for transactions that read the old tables."""
LOCK_WAIT = "200ms"
"""How long the swap lets new readers wait at a time; less than PostgreSQL's deadlock_timeout of 1 s, so that
in a deadlock it is always the swap that gives way, never a reader."""
BLOCK = 1 << 20

TYPES = {
    "VARCHAR": "text",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double precision",
    "DATE": "date",
    "BOOLEAN": "boolean",
}


@dataclass(frozen=True)
class Column:
    """A column of a mart: DuckDB's type, and dbt's description."""

    name: str
    kind: str
    description: str | None


@dataclass(frozen=True)
class Table:
    """A mart as the publication holds it."""

    name: str
    description: str | None
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Copied:
    """What a copy did; ``replaced`` stood there before, ``views`` of others read the new one."""

    service: str
    publication_id: str
    replaced: str | None
    copied: bool
    tables: int
    rows: int
    views: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "views": list(self.views), "schema": SCHEMA, "role": READERS}

    @property
    def sentence(self) -> str:
        if not self.copied:
            return f"Publication {self.publication_id} is in {self.service} already; nothing was changed."
        before = f", in the place of {self.replaced}" if self.replaced else ""
        return (
            f"Publication {self.publication_id} is in {self.service}{before}: schema {SCHEMA}, "
            f"{self.tables} tables, {self.rows:,} rows. The role {READERS} may read it."
        )


def copy_to(home: Home, service: str, say: Callable[[str], None] = lambda _: None) -> Copied:
    """Copy all marts of the published publication to the database of a libpq service.

    ``say`` is told what is being done. Raises ``UsageProblem`` for a name that is no service and for a home
    without publication, ``Locked`` if another copy is under way, ``ServerFailed`` if the server refuses.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", service):
        raise UsageProblem(
            "that is not the name of a service",
            where="--to",
            next_step="Describe the server in ~/.pg_service.conf or the file of PGSERVICEFILE and give the "
            "name of its section; passwords belong into ~/.pgpass or the file of PGPASSFILE.",
        )
    folder = home.current_publication()
    if folder is None:
        raise UsageProblem(
            "nothing is published here yet",
            where=str(home.root),
            next_step="Make a publication with: sraap refresh, or give another home with --home.",
        )
    say(f"connecting to {service}")
    try:
        with psycopg.connect(f"service={service}", client_encoding="UTF8", connect_timeout=20) as connection:
            return _Copy(connection, service, folder, say).run()
    except psycopg.Error as error:
        raise _refused(error, service) from error


def _refused(error: psycopg.Error, service: str) -> ServerFailed:
    said = (error.diag.message_primary or str(error) or type(error).__name__).strip()
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        advice = (
            "The publishing role needs CREATE on the database, and CREATEROLE unless an administrator has "
            f"run: create role {READERS} nologin."
        )
    elif isinstance(error, psycopg.errors.DependentObjectsStillExist):
        said = error.diag.message_detail or said
        advice = (
            "Something of yours that is no plain view rests on these tables; drop it, copy, make it again."
        )
    elif isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        advice = (
            "Look at the service's section in ~/.pg_service.conf or the file of PGSERVICEFILE, at the "
            "password in ~/.pgpass or the file of PGPASSFILE, and whether the server runs."
        )
    else:
        advice = "Nothing was changed there. Mend what the server says and run the command again."
    return ServerFailed(said.replace("\n", " "), where=f"service {service}", next_step=advice)


def tables_of(warehouse: duckdb.DuckDBPyConnection) -> list[Table]:
    """The marts of an open warehouse with their columns in order. Raises ``duckdb.Error``."""
    comments = dict(
        warehouse.execute(
            "select table_name, comment from duckdb_tables() where schema_name = 'marts'"
        ).fetchall()
    )
    columns: dict[str, list[Column]] = {name: [] for name in sorted(comments)}
    for table, name, kind, comment in warehouse.execute(
        "select table_name, column_name, data_type, comment from duckdb_columns() "
        "where schema_name = 'marts' order by table_name, column_index"
    ).fetchall():
        columns[table].append(Column(name, kind, comment))
    return [Table(name, comments[name], tuple(found)) for name, found in columns.items()]


class _Copy:
    """One copy in one transaction; the connection commits when its block ends without an error."""

    def __init__(
        self, connection: Connection, service: str, folder: Path, say: Callable[[str], None]
    ) -> None:
        self.connection = connection
        self.service = service
        self.folder = folder
        self.say = say

    def run(self) -> Copied:
        self._do("set local search_path = ''")
        self._do("set local datestyle = 'ISO'")
        if not self._one("select pg_catalog.pg_try_advisory_xact_lock(%s)", [ADVISORY]):
            raise Locked(
                "another copy to this database is under way",
                where=f"service {self.service}",
                next_step="Wait until it has ended, then run the command again.",
            )
        standing = self._standing()
        if standing == self.folder.name:
            return Copied(self.service, self.folder.name, standing, False, 0, 0, ())
        with (
            duckdb.connect(str(self.folder / "warehouse.duckdb"), read_only=True) as warehouse,
            TemporaryDirectory() as spool,
        ):
            tables = tables_of(warehouse)
            self._do("create schema {}", ASIDE)
            rows = sum(self._load(warehouse, table, Path(spool) / "rows") for table in tables)
        self.say("comments and grants")
        for table in tables:
            self._describe(table)
        self._grant()
        views = self._swap([table.name for table in tables])
        self._comment("schema {}", MARK + self.folder.name, SCHEMA)
        self.connection.commit()
        return Copied(self.service, self.folder.name, standing, True, len(tables), rows, tuple(views))

    def _standing(self) -> str | None:
        """The publication in the schema. Raises ``UsageProblem`` if the schema is somebody else's."""
        mark = self._one(
            "select pg_catalog.obj_description(oid, 'pg_namespace') from pg_catalog.pg_namespace "
            "where nspname = %s",
            [SCHEMA],
        )
        if mark and str(mark).startswith(MARK):
            return str(mark).removeprefix(MARK)
        if self._relations("true"):
            raise UsageProblem(
                f"the schema {SCHEMA} there holds tables that sraap did not make",
                where=f"service {self.service}",
                next_step="Give the copy a database of its own, or rename that schema.",
            )
        return None

    def _relations(self, condition: LiteralString) -> list[str]:
        query: LiteralString = (
            "select c.relname from pg_catalog.pg_class as c "
            "join pg_catalog.pg_namespace as n on n.oid = c.relnamespace "
            "where n.nspname = %s and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and "
        )
        found = self.connection.execute(query + condition + " order by 1", [SCHEMA]).fetchall()
        return [str(name) for (name,) in found]

    def _load(self, warehouse: duckdb.DuckDBPyConnection, table: Table, spool: Path) -> int:
        self.say(f"copying {table.name}")
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(_postgres_type(c.kind)))
            for c in table.columns
        ]
        self._do("create table {}.{} ({})", ASIDE, table.name, sql.SQL(", ").join(columns))
        selected = ", ".join(_as_copy_text(column) for column in table.columns)
        warehouse.execute(
            f'copy (select {selected} from marts."{table.name}") to {quoted(str(spool))} '
            "(format csv, header false, delimiter '\t', quote '', escape '', nullstr '\\N')"
        )
        # Frozen: a reader whose snapshot is older than this copy would otherwise find the new tables empty.
        statement = sql.SQL("copy {}.{} from stdin (format text, freeze true)").format(
            sql.Identifier(ASIDE), sql.Identifier(table.name)
        )
        with spool.open("rb") as source, self.connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                while block := source.read(BLOCK):
                    copy.write(block)
            return cursor.rowcount

    def _describe(self, table: Table) -> None:
        if table.description:
            self._comment("table {}.{}", table.description, ASIDE, table.name)
        for column in table.columns:
            if column.description:
                self._comment("column {}.{}.{}", column.description, ASIDE, table.name, column.name)
        self._do("analyze {}.{}", ASIDE, table.name)

    def _grant(self) -> None:
        if not self._one("select 1 from pg_catalog.pg_roles where rolname = %s", [READERS]):
            self._do("create role {} nologin", READERS)
        if not self._one("select 1 from pg_catalog.pg_namespace where nspname = %s", [SCHEMA]):
            self._do("create schema {}", SCHEMA)
        self._do("grant usage on schema {} to {}", SCHEMA, READERS)
        self._do("grant select on all tables in schema {} to {}", ASIDE, READERS)

    def _swap(self, new: Sequence[str]) -> list[str]:
        """Put the new tables in the old ones' place, and let views of others read them; gives the views."""
        own: LiteralString = (
            "c.relkind = 'r' "
            "and c.relowner = (select oid from pg_catalog.pg_roles where rolname = current_user)"
        )
        old = self._relations(own)
        views = self._views()
        self._lock([*((SCHEMA, name) for name in old), *((view[0], view[1]) for view in views)])
        for name in old:
            self._do("alter table {}.{} rename to {}", SCHEMA, name, f"old {name}"[:63])
        for name in new:
            self._do("alter table {}.{} set schema {}", ASIDE, name, SCHEMA)
        for schema, name, definition, options in views:
            # Replacing keeps the view's owner and grants; the names in its text are those of the new tables.
            given = sql.SQL(" with ({})").format(sql.SQL(options)) if options else sql.SQL("")
            body = sql.SQL(definition.rstrip().rstrip(";"))
            self._do("create or replace view {}.{}{} as {}", schema, name, given, body)
        for name in old:
            self._do("drop table {}.{}", SCHEMA, f"old {name}"[:63])
        self._do("drop schema {}", ASIDE)
        return [f"{schema}.{name}" for schema, name, _, _ in views]

    def _views(self) -> list[tuple[str, str, str, str | None]]:
        """Plain views that read the tables directly: schema, name, text with qualified names, options."""
        return self.connection.execute(
            """
            select distinct vn.nspname, v.relname, pg_catalog.pg_get_viewdef(v.oid),
                pg_catalog.array_to_string(v.reloptions, ', ')
            from pg_catalog.pg_depend as d
            join pg_catalog.pg_rewrite as r on r.oid = d.objid
            join pg_catalog.pg_class as v on v.oid = r.ev_class and v.relkind = 'v'
            join pg_catalog.pg_namespace as vn on vn.oid = v.relnamespace
            join pg_catalog.pg_class as t on t.oid = d.refobjid and t.relkind = 'r'
            join pg_catalog.pg_namespace as n on n.oid = t.relnamespace and n.nspname = %s
            where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            order by 1, 2
            """,
            [SCHEMA],
        ).fetchall()

    def _lock(self, relations: Sequence[tuple[str, str]]) -> None:
        """Hold all old tables at once, so that no transaction can read some of them and then the new ones."""
        if not relations:
            return
        names = sql.SQL(", ").join(sql.Identifier(schema, name) for schema, name in relations)
        until = time.monotonic() + PATIENCE
        self.say("waiting for readers")
        while True:
            try:
                with self.connection.transaction():
                    self._do("set local lock_timeout = {}", sql.Literal(LOCK_WAIT))
                    self._do("lock table {} in access exclusive mode", names)
                return
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                if time.monotonic() > until:
                    raise ServerFailed(
                        "a transaction there keeps reading the tables that stand; nothing was changed",
                        where=f"service {self.service}",
                        next_step="End it (pg_stat_activity shows it, 'idle in transaction'), then run "
                        "the command again.",
                    ) from error
                time.sleep(0.1)  # those who waited behind us read first

    def _comment(self, subject: LiteralString, text: str, *names: str) -> None:
        self._do("comment on " + subject + " is {}", *names, sql.Literal(text))

    def _do(self, statement: LiteralString, *parts: str | sql.Composable) -> None:
        given = [sql.Identifier(part) if isinstance(part, str) else part for part in parts]
        self.connection.execute(sql.SQL(statement).format(*given))

    def _one(self, statement: LiteralString, values: Sequence[Any]) -> Any:
        found = self.connection.execute(statement, values).fetchone()
        return found[0] if found else None


def _postgres_type(kind: str) -> LiteralString:
    """PostgreSQL's type for DuckDB's, of those that contracts allow (docs/contract/outputs.md)."""
    if kind in TYPES:
        return TYPES[kind]
    if re.fullmatch(r"DECIMAL\(\d+,\d+\)", kind):
        return kind.replace("DECIMAL", "numeric")
    raise ServerFailed(
        f"a column has the type {kind}, which the copy does not know", where="flows/serving.py"
    )


def _as_copy_text(column: Column) -> str:
    """A column as COPY's text format wants it: backslash, tab and line ends escaped, doubles in full."""
    name = f'"{column.name}"'
    if column.kind != "VARCHAR":
        return name
    for plain, escaped in (
        ("'\\'", "'\\\\'"),
        ("chr(9)", "'\\t'"),
        ("chr(10)", "'\\n'"),
        ("chr(13)", "'\\r'"),
    ):
        name = f"replace({name}, {plain}, {escaped})"
    return name
