"""What a box has heard of its post's other boxes, and has to tell them: beside the cases, in their file.

Entries that an exit at any lane may end, by an index that names nobody; closings of what has not come here
yet; items that `uplink` does not have yet; and how far the post's items have been read.
"""

import datetime as dt
import sqlite3
import threading
from collections.abc import Iterator
from typing import Final

import msgspec
from nacl.secret import SecretBox

from appliance.contracts.cases import Closing
from appliance.records.database import translated
from appliance.records.small_database import open_row, seal_row, writing

MAX_EARLY: Final = 20_000
MAX_ENTRIES: Final = 200_000
"""As many as the post itself keeps; the oldest go first."""
MAX_FOUND: Final = 50
POST_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
    id BLOB PRIMARY KEY, device TEXT NOT NULL, look BLOB NOT NULL, at TEXT NOT NULL, sealed BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS entries_by_look ON entries (look);
CREATE TABLE IF NOT EXISTS early (about BLOB PRIMARY KEY, at TEXT NOT NULL, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outgoing (number INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class SaidClosed(msgspec.Struct, frozen=True):
    """A closing, and the box at which it was done."""

    device: str
    closing: Closing | None
    """None: its own box has taken it back."""


class PostBook:
    """The open file. Safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, storage: SecretBox) -> None:
        self._connection = connection
        self._storage = storage
        self._lock = threading.RLock()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    # Going out

    def outgoing(self, limit: int = 32) -> tuple[tuple[int, bytes], ...]:
        """Items that `uplink` does not have yet, in order.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            rows = self._do("SELECT number, data FROM outgoing ORDER BY number LIMIT ?", limit).fetchall()
        return tuple((int(number), bytes(data)) for number, data in rows)

    def gone_out(self, number: int) -> None:
        """Raises:
        StorageError: it will be told again, which does no harm.
        """
        with writing(self._connection, self._lock):
            self._do("DELETE FROM outgoing WHERE number = ?", number)

    def put_last(self, number: int) -> None:
        """One that `uplink` does not want now holds up none behind it.

        Raises:
            StorageError: it stays where it is.
        """
        with writing(self._connection, self._lock):
            self._do("INSERT INTO outgoing (data) SELECT data FROM outgoing WHERE number = ?", number)
            self._do("DELETE FROM outgoing WHERE number = ?", number)

    # Heard

    def closed_early(
        self, about: bytes, closing: Closing | None, *, device: str, erased: bool = False
    ) -> None:
        """Something was closed, or erased by its box, that has not come here yet: kept until it comes.

        Raises:
            StorageError: it is not on disk.
        """
        nothing = closing is None and not erased
        payload = b"" if nothing else msgspec.msgpack.encode(SaidClosed(device, closing))
        with writing(self._connection, self._lock):
            sealed = seal_row(self._storage, about.hex(), payload)
            self._do("INSERT OR REPLACE INTO early VALUES (?, ?, ?)", about, now_text(), sealed)
            self._do(
                "DELETE FROM early WHERE about IN"
                " (SELECT about FROM early ORDER BY at DESC LIMIT -1 OFFSET ?)",
                MAX_EARLY,
            )

    def take_early(self, about: bytes) -> tuple[str, Closing | None] | None:
        """What was said of this item before it came: at which box it was closed, and how. Without a box: it
        has ended; with one, and no closing: that box has erased it.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            row = self._do("SELECT sealed FROM early WHERE about = ?", about).fetchone()
        if row is None:
            return None
        payload = open_row(self._storage, about.hex(), row[0])
        if not payload:
            return "", None
        said = msgspec.msgpack.decode(payload, type=SaidClosed)
        return said.device, said.closing

    def add_entry(self, id_: bytes, payload: bytes, *, look: bytes, device: str, at: str) -> None:
        """An entry at any box of the post, by the index that its exit will look for.

        Raises:
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock):
            sealed = seal_row(self._storage, id_.hex(), payload)
            self._do("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?)", id_, device, look, at, sealed)

    def entries(self, look: bytes) -> tuple[tuple[bytes, str, bytes], ...]:
        """Entries that no exit has ended: id, box and what it said, the latest first.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            query = "SELECT id, device, sealed FROM entries WHERE look = ? ORDER BY at DESC LIMIT ?"
            rows = self._do(query, look, MAX_FOUND).fetchall()
        return tuple(
            (bytes(id_), str(device), payload)
            for id_, device, sealed in rows
            if (payload := open_row(self._storage, bytes(id_).hex(), sealed)) is not None
        )

    def entries_of(self, device: str) -> Iterator[tuple[bytes, bytes]]:
        """Every entry of this box that no exit has ended: its id, and what it said.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            rows = self._do("SELECT id, sealed FROM entries WHERE device = ?", device).fetchall()
        for id_, sealed in rows:
            payload = open_row(self._storage, bytes(id_).hex(), sealed)
            if payload is not None:
                yield bytes(id_), payload

    def drop_entry(self, id_: bytes) -> bool:
        """An exit has ended it; False when it was not here.

        Raises:
            StorageError: it is not forgotten yet.
        """
        with writing(self._connection, self._lock):
            return bool(self._do("DELETE FROM entries WHERE id = ?", id_).rowcount)

    def forget_entries(self, *, now: dt.datetime, days: float) -> int:
        """Entries of more than so many days ago; how many.

        Raises:
            StorageError: not all is forgotten yet.
        """
        before = (now - dt.timedelta(days=days)).astimezone(dt.UTC).isoformat(timespec="milliseconds")
        with writing(self._connection, self._lock):
            gone = self._do("DELETE FROM entries WHERE at < ?", before).rowcount
            return (
                gone
                + self._do(
                    "DELETE FROM entries WHERE id IN"
                    " (SELECT id FROM entries ORDER BY at DESC LIMIT -1 OFFSET ?)",
                    MAX_ENTRIES,
                ).rowcount
            )

    def cursor(self, copy: str) -> int:
        """How far this copy of the post's items has been read; 0 of another copy than the last.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            row = self._do("SELECT value FROM meta WHERE name = 'cursor'").fetchone()
        known, _, position = (row[0] if row else " 0").rpartition(" ")
        return int(position) if known == copy else 0

    def note_cursor(self, copy: str, position: int) -> None:
        """Raises:
        StorageError: it will be read again, which does no harm.
        """
        with writing(self._connection, self._lock):
            self._do("INSERT OR REPLACE INTO meta VALUES ('cursor', ?)", f"{copy} {position}")

    # The file

    def _do(self, query: str, *parameters: object) -> sqlite3.Cursor:
        try:
            return self._connection.execute(query, parameters)
        except sqlite3.Error as error:
            raise translated(error) from error


def now_text() -> str:
    """By the system's clock: an order of rows, and nothing that is judged by."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
