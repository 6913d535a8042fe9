"""How central's database is opened: SQLite by path, PostgreSQL by URL; and what its errors say."""

import functools
import os
from collections.abc import Iterator
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


def lock_names(connection: Connection, names: set[str]) -> None:
    """Hold these names until the transaction ends; always in one order, so that no two wait for each other.

    SQLite has one writer at a time and needs nothing more.
    """
    if is_postgresql(connection):
        for name in sorted(names):
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))


def _make_private(path: str | None) -> None:
    """Travellers' names lie in this file and in what SQLite puts beside it: for its owner alone."""
    if path and path != ":memory:":
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _durable(connection: Any, _record: Any) -> None:
    """SQLite as on the box: what is committed survives a power cut."""
    connection.isolation_level = None  # `_begin` below begins; sqlite3 itself would begin too late
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA busy_timeout = 10000")


def _begin(connection: Connection) -> None:
    """A writer takes the lock before it reads: what it has read is then still so when it writes."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
