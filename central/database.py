"""How central's database is opened: SQLite by path, PostgreSQL by URL; and what its errors say."""

import functools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

WRITES: Final = "borne_writes"
"""Execution option of a connection that is going to write."""


class StoreError(Exception):
    """The database does not take it; nothing was committed, and it may be tried again."""


def open_engine(database: str) -> Engine:
    """The database of this path or URL, durable, and readable by its owner alone.

    Raises:
        StoreError: it cannot be opened.
    """
    url = database if "://" in database else f"sqlite:///{database}"
    with translating():
        engine = sa.create_engine(url, pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _durable)
            sa.event.listen(engine, "begin", _begin)
            _make_private(engine.url.database)
    return engine


@contextmanager
def translating() -> Iterator[None]:
    """SQLAlchemy's errors as ours, which quote nothing of what was to be stored."""
    try:
        yield
    except ImportError as error:
        raise StoreError(f"The database's driver is not installed ({error.name}).") from error
    except OSError as error:
        raise StoreError(f"The database's file cannot be used ({error.strerror}).") from error
    except sa.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        # Its code and never its text, which may quote a traveller's data.
        code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
        raise StoreError(f"The database does not take it ({code or type(cause).__name__}).") from error


def is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def insert_once(connection: Connection, table: sa.Table, **values: Any) -> bool:
    """Insert a row unless its key is there already; whether it was inserted. Both databases know how."""
    # psycopg's cursor is closed before an INSERT's rowcount would be read, unless told.
    counted = connection.execution_options(preserve_rowcount=True)
    return counted.execute(_insert_once(table, is_postgresql(connection)), values).rowcount == 1


@functools.cache
def _insert_once(table: sa.Table, postgresql: bool) -> sa.Executable:
    """Made once a table: to build it anew costs as much as to run it."""
    if postgresql:
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]

    return insert(table).on_conflict_do_nothing()


def insert_many(
    connection: Connection, table: sa.Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows, and leave those as they are whose key is there already: one statement for all of them.

    The values go to the driver as they are: SQLAlchemy's work on each row costs more than SQLite's.
    """
    if rows:
        connection.exec_driver_sql(_insert_many(table, columns, is_postgresql(connection)), list(rows))


@functools.cache
def _insert_many(table: sa.Table, columns: tuple[str, ...], postgresql: bool) -> str:
    places = ", ".join(["%s" if postgresql else "?"] * len(columns))
    names = ", ".join(table.c[name].name for name in columns)
    # The names are those of our own tables; the values have places.
    return f"INSERT INTO {table.name} ({names}) VALUES ({places}) ON CONFLICT DO NOTHING"  # noqa: S608


def lock_names(connection: Connection, names: set[str]) -> None:
    """Hold these names until the transaction ends; always in one order, so that no two wait for each other.

    SQLite has one writer at a time and needs nothing more.
    """
    if names and is_postgresql(connection):
        connection.execute(_LOCK_NAMES, {"names": sorted(names)})


_LOCK_NAMES: Final = sa.text(
    "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(CAST(:names AS text[])) AS name"
)


def _make_private(path: str | None) -> None:
    """Travellers' names lie in this file and in what SQLite puts beside it: for its owner alone."""
    if path and path != ":memory:":
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _durable(connection: Any, _record: Any) -> None:
    """SQLite as on the box: what is committed survives a power cut."""
    connection.isolation_level = None  # `_begin` below begins; sqlite3 itself would begin too late
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # The log goes into the file every 32 MB and not every 4: the file is synced so much less often.
    connection.execute("PRAGMA wal_autocheckpoint = 8192")
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA busy_timeout = 10000")


def _begin(connection: Connection) -> None:
    """A writer takes the lock before it reads: what it has read is then still so when it writes."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
