"""The steps of the crossing that is under way, each on disk before the screen shows it, encrypted at rest.

A file of its own, on the volume that opens with the board's key: whoever takes the disk reads none of it.
The sealed records lie elsewhere (`journal.py`), where a dead box's can be read and delivered without any key.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from appliance.records.database import (
    BUSY_SECONDS,
    as_text,
    durable,
    is_damage,
    set_aside,
    translated,
)
from appliance.records.errors import StorageBroken

APPLICATION_ID: Final = 0x424F5253
"""BORS: this file holds steps and is not some other database."""
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS events ("
    "id INTEGER PRIMARY KEY AUTOINCREMENT, crossing TEXT NOT NULL, sealed BLOB NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class OpenCrossing:
    """The crossing that was under way, with its events in order."""

    crossing: str
    events: tuple[bytes, ...]


class Steps:
    """The open file. Its owner sees to it that one thread at a time uses it."""

    def __init__(self, connection: sqlite3.Connection, storage: SecretBox, *, damaged: bool) -> None:
        self._connection = connection
        self._storage = storage
        self.damaged = damaged
        """A damaged file, or one under another key, lies beside this one."""

    @classmethod
    def open(cls, path: Path, *, storage: SecretBox) -> Self:
        """Open the file, or begin one; a damaged one is kept aside and a new one begun.

        Raises:
            StorageError: the disk does not let us.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                steps = cls(_connect(path), storage, damaged=False)
                steps.check()
            except (sqlite3.DatabaseError, StorageBroken, UnicodeDecodeError) as error:
                if isinstance(error, sqlite3.DatabaseError) and not is_damage(error):
                    raise
                set_aside(path)
                steps = cls(_connect(path), storage, damaged=False)
        except (sqlite3.Error, OSError) as error:
            raise translated(error) from error
        steps.damaged = any(path.parent.glob(f"{path.name}.corrupt-*"))
        return steps

    def close(self) -> None:
        self._connection.close()

    def check(self) -> None:
        """Everything in it can be decrypted.

        Raises:
            StorageBroken: it cannot.
        """
        for owner, sealed in self._connection.execute("SELECT crossing, sealed FROM events ORDER BY id"):
            self._unpack(owner, sealed)

    def append(self, crossing: str, name: str, payload: bytes) -> int:
        """One step, on disk when this returns.

        Raises:
            StorageError: it is not on disk, and may be tried again.
        """
        sealed = bytes(self._storage.encrypt(_pack(crossing, name, payload)))
        with self._translating():
            cursor = self._connection.execute(
                "INSERT INTO events (crossing, sealed) VALUES (?, ?)", (crossing, sealed)
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def take_over(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Steps as an earlier version of the journal kept them, unless they were taken over before.

        Raises:
            StorageError: they are where they were.
        """
        with self._translating():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                if not self._connection.execute("SELECT count(*) FROM events").fetchone()[0]:
                    self._connection.executemany("INSERT INTO events (crossing, sealed) VALUES (?, ?)", rows)
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def end(self, crossing: str) -> None:
        """The crossing is recorded: its steps go.

        Raises:
            StorageError: they are still there, and it may be tried again.
        """
        with self._translating():
            self._connection.execute("DELETE FROM events WHERE crossing = ?", (crossing,))

    def open_crossing(self) -> OpenCrossing | None:
        """The crossing that has begun and is not recorded, None when there is none.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._translating():
            rows = self._connection.execute("SELECT crossing, sealed FROM events ORDER BY id").fetchall()
        if not rows:
            return None
        crossing = str(rows[-1][0])
        return OpenCrossing(
            crossing, tuple(self._unpack(owner, sealed) for owner, sealed in rows if owner == crossing)
        )

    def _unpack(self, owner: str, sealed: bytes) -> bytes:
        """The payload of an event that belongs to this crossing."""
        try:
            crossing, _name, payload = bytes(self._storage.decrypt(sealed)).split(b"\0", 2)
        except (CryptoError, ValueError, TypeError) as error:
            raise StorageBroken("An open crossing cannot be decrypted with this box's key.") from error
        if crossing != owner.encode():
            raise StorageBroken("A step of another crossing lies in the open one.")
        return payload

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translated(error) from error


def _connect(path: Path) -> sqlite3.Connection:
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size and not (path.exists() and path.stat().st_size):
        set_aside(path)  # SQLite would delete the log, and with it what it holds
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.text_factory = as_text
    try:
        path.chmod(0o600)
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            if application != APPLICATION_ID:
                raise StorageBroken(f"{path} is another program's database.")
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise StorageBroken(f"{path} is damaged.")
            connection.execute("SELECT id, crossing, sealed FROM events LIMIT 0")
        durable(connection)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_SCHEMA)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _pack(crossing: str, name: str, payload: bytes) -> bytes:
    """The event with whose it is inside, so that rows cannot be moved between crossings."""
    return b"\0".join((crossing.encode(), name.encode(), payload))
