"""The journal's file: held by one process, opened, begun, or set aside when it is damaged."""

import contextlib
import datetime as dt
import errno
import fcntl
import os
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from appliance.records.envelope import GENESIS
from appliance.records.errors import JournalBusy, StorageBroken, StorageError, StorageFull

FORMAT: Final = 2
"""user_version of the database; 1 is migrated when it is opened."""
APPLICATION_ID: Final = 0x424F524A
"""BORJ: this file is a journal and not some other database."""
BUSY_SECONDS: Final = 5.0
_DAMAGE: Final = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_ERROR,  # a table or a column that is not there
}

_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    crossing TEXT NOT NULL UNIQUE,
    envelope BLOB NOT NULL,
    chain_hash BLOB NOT NULL,
    alert INTEGER NOT NULL DEFAULT 0,
    class TEXT NOT NULL DEFAULT 'facts',
    state INTEGER NOT NULL DEFAULT 0
);
"""
_SINCE_2: Final = """
CREATE TABLE marks (hour TEXT PRIMARY KEY, seq INTEGER NOT NULL, at TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX alerts ON records (seq) WHERE alert;
CREATE INDEX media ON records (seq) WHERE class = 'media' AND state = 0
"""
_NEW_VALUES: Final[dict[str, Any]] = {
    "base_seq": 0,  # the last that retention removed, and its chain hash
    "base_hash": GENESIS,
    "command_counter": 0,
    "resynced_at": "",  # words of central from before this order say nothing
    "gaps": "",
    "records_per_second": "",
    "last_stamp": "",
    "crossings": 0,  # movements recorded; one has several records
}
"""What format 2 adds to `meta`."""
_COLUMNS: Final = {
    "meta": "name, value",
    "records": "seq, crossing, envelope, chain_hash, alert, class, state",
    "marks": "hour, seq, at",
}


class _Damaged(Exception):
    """The database cannot be used as it is."""


class _NotText(sqlite3.DatabaseError):
    """A text whose bytes are none: damage that SQLite's own check passes over."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def as_text(data: bytes) -> str:
    """What SQLite calls text; damage when it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _NotText("a text in it is damaged") from None


def hold(path: Path) -> int:
    """Take the journal's lock; the descriptor is to be closed.

    Raises:
        JournalBusy: another process holds it.
        StorageError: the disk does not let us.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise translated(error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise JournalBusy(f"Another Borne process is using {path}; stop it first.") from None
    return lock


def open_database(
    path: Path, *, device: str, check: Callable[[sqlite3.Connection], None], begin: bool = True
) -> sqlite3.Connection:
    """The database of this box, a new one if need be; a damaged one is kept beside it.

    `check` raises `StorageBroken` or `KeyError` when what is in the database cannot be used.

    Raises:
        StorageError: the disk does not let us, the journal is another box's, or, when we may not `begin`
            one, the journal is damaged.
    """
    try:
        try:
            connection = _connect(path)
            _check_readable(connection, check)
        except _Damaged as error:
            if not begin:
                raise StorageBroken(
                    f"The journal {path} is damaged. A box that starts keeps it aside and begins a new one."
                ) from error
            set_aside(path)
            connection = _connect(path)
        _prepare(connection, device)
    except (sqlite3.Error, OSError) as error:
        raise translated(error) from error
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size and not (path.exists() and path.stat().st_size):
        # SQLite would take the empty file for a new database, and delete the log with what is in it.
        raise _Damaged
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.text_factory = as_text
    try:
        path.chmod(0o600)
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        healthy = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        usable = healthy == "ok" and (not tables or (application == APPLICATION_ID and 0 < version <= FORMAT))
        if usable:  # or it is somebody else's, and kept as it was found
            durable(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        if is_damage(error):
            raise _Damaged from error
        raise
    except (
        UnicodeDecodeError
    ) as error:  # SQLite quotes its damaged schema, and Python cannot read the quotation
        connection.close()
        raise _Damaged from error
    if not usable:
        connection.close()
        raise _Damaged
    return connection


def durable(connection: sqlite3.Connection) -> None:
    """What has returned is on disk (NORMAL loses committed rows), and what is deleted is overwritten."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")


def _check_readable(connection: sqlite3.Connection, check: Callable[[sqlite3.Connection], None]) -> None:
    """Its tables are there, and what is in them can be used, or the journal is of no use here."""
    try:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            _migrate(connection)
            for table, columns in _COLUMNS.items():
                connection.execute(f"SELECT {columns} FROM {table} LIMIT 0")  # noqa: S608 - our own words
            check(connection)
    except (sqlite3.DatabaseError, KeyError, StorageBroken, UnicodeDecodeError) as error:
        connection.close()
        if isinstance(error, sqlite3.DatabaseError) and not is_damage(error):
            raise
        raise _Damaged from error


def _prepare(connection: sqlite3.Connection, device: str) -> None:
    """A new database gets its tables and its epoch, in one transaction; an old one must be this box's."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        owner = read_meta(connection)["device"]
        if owner != device:
            connection.close()
            raise StorageBroken(f"This journal belongs to the box {owner}, and this box is {device}.")
        return
    now = dt.datetime.now(dt.UTC)
    values = {
        "device": device,
        "epoch": f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        "last_seq": 0,
        "last_hash": GENESIS,
        "acknowledged_seq": 0,
        "acknowledged_at": "",
        **_NEW_VALUES,
    }
    connection.execute("BEGIN IMMEDIATE")
    for statement in (_SCHEMA + _SINCE_2).split(";"):
        connection.execute(statement)
    connection.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")


def _migrate(connection: sqlite3.Connection) -> None:
    """From format 1, in one transaction: a cut in the middle leaves the old one, which is migrated again."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
        return
    meta = read_meta(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for column in ("alert INTEGER NOT NULL DEFAULT 0", "class TEXT NOT NULL DEFAULT 'facts'",
                       "state INTEGER NOT NULL DEFAULT 0"):  # fmt: skip
            connection.execute(f"ALTER TABLE records ADD COLUMN {column}")
        for statement in _SINCE_2.split(";"):
            connection.execute(statement)
        connection.executemany("INSERT INTO meta VALUES (?, ?)", _NEW_VALUES.items())
        connection.execute(
            "UPDATE meta SET value = (SELECT count(*) FROM records WHERE crossing NOT LIKE '%/%')"
            " WHERE name = 'crossings'"
        )
        if meta["acknowledged_seq"]:
            at = meta["acknowledged_at"]
            connection.execute("INSERT INTO marks VALUES (?, ?, ?)", (at[:13], meta["acknowledged_seq"], at))
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back by itself
            connection.execute("ROLLBACK")
        raise


def set_aside(path: Path, *, why: str = "corrupt") -> None:
    """Keep this database, its write-ahead log too, under another name; nothing is deleted."""
    suffix = f".{why}-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    for tail in ("", "-wal", "-shm"):
        file = Path(f"{path}{tail}")
        if file.exists():
            file.rename(f"{path}{suffix}{tail}")


def read_meta(connection: sqlite3.Connection) -> dict[str, Any]:
    """Where the journal stands, by name."""
    return dict(connection.execute("SELECT name, value FROM meta").fetchall())


def translated(error: sqlite3.Error | OSError) -> StorageError:
    """What SQLite or the kernel said, as one of ours."""
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return StorageFull("The disk is full.")
        return StorageBroken(f"The journal's disk does not answer: {error.strerror}.")
    if _code(error) == sqlite3.SQLITE_FULL:
        return StorageFull("The disk is full: this step is not kept yet.")
    return StorageBroken(f"The journal cannot be used: {error}.")


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is at fault; a disk that is full, read-only or gone leaves it as good as it was."""
    return _code(error) in _DAMAGE


def _code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
