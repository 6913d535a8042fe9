"""This box's copy of what the post's boxes have told each other: sealed items in SQLite, verified before they
come in.

Items are only added, until their own box takes them back by a person's request. The copy is bounded: what is
closed or expired makes room, and when all is open and unexpired a new item is refused with a sentence, never
an old one dropped. On the hub the same copy is what the others get.
"""

import contextlib
import datetime as dt
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from appliance.post.items import CLOSED, ERASED, MAX_DAYS, ItemHeader

MAX_ITEMS: Final = 200_000
"""At 300 travellers a day, over a year of entries that no exit has closed."""
MAX_STORE_BYTES: Final = 1024**3
MAX_DEVICE_SHARE: Final = 0.5
"""Of both, for one box: one that was stolen or has gone mad must leave room for the others."""
_GRACE: Final = dt.timedelta(days=2)
"""A clock that is a day off drops nothing that is still wanted."""
_REFUSED: Final = -1
FORMAT: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (
    position INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, id BLOB NOT NULL, kind TEXT NOT NULL,
    about BLOB NOT NULL, look BLOB NOT NULL, expires TEXT NOT NULL, sent INTEGER NOT NULL, data BLOB NOT NULL,
    UNIQUE (device, id)
);
CREATE INDEX IF NOT EXISTS items_by_look ON items (look) WHERE look != x'';
CREATE INDEX IF NOT EXISTS items_by_about ON items (about) WHERE about != x'';
CREATE INDEX IF NOT EXISTS items_by_sent ON items (sent) WHERE sent <= 0;
"""


class PostStoreError(Exception):
    """The copy cannot be used, in one plain sentence."""


class Refused(Exception):
    """This item is not taken, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An item in this copy."""

    position: int
    data: bytes


class PostStore:
    """The open copy. Safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._held = _held(connection)
        """By device: items and their bytes, so that an addition need not count them all."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open it, or begin one; a damaged one is kept aside, and the hub, or the boxes, fill the new one.

        Raises:
            PostStoreError: the disk does not let us.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                return cls(_connected(path))
            except sqlite3.DatabaseError:
                path.replace(path.with_name(f"{path.name}.damaged"))
                for tail in ("-wal", "-shm"):
                    path.with_name(path.name + tail).unlink(missing_ok=True)
                return cls(_connected(path))
        except (sqlite3.Error, OSError) as error:
            raise PostStoreError("The post's items cannot be kept on this disk.") from error

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @property
    def instance(self) -> str:
        """Which copy this is; a new one has another name, so that nobody goes on in the middle of it."""
        return self._meta("instance")

    def add(self, header: ItemHeader, data: bytes, *, now: dt.datetime | None, sent: bool) -> bool:
        """Keep a verified item, on disk when this returns; False when it was here already.

        `now` is None when the clock is not sure of itself: then nothing is refused for its age.

        Raises:
            Refused: another item has its id, it has expired, or there is no room for it.
            PostStoreError: it is not on disk.
        """
        if now is not None and header.expires_at > now + dt.timedelta(days=MAX_DAYS):
            raise Refused(f"An item is kept for at most {MAX_DAYS} days.")
        if now is not None and header.expires_at + _GRACE < now:
            raise Refused("The item has expired.")
        with self._writing() as connection:
            known = connection.execute(
                "SELECT data FROM items WHERE device = ? AND id = ?", (header.device, header.id)
            ).fetchone()
            if known is not None:
                if bytes(known[0]) != data:
                    raise Refused("The box has signed two different items with the same number.")
                if sent:
                    connection.execute(
                        "UPDATE items SET sent = 1 WHERE device = ? AND id = ?", (header.device, header.id)
                    )
                return False
            if header.kind == ERASED:
                self._erase(connection, header.device, header.about)
            elif self._is_erased(connection, header):
                return False
            self._make_room(connection, header.device, len(data))
            connection.execute(
                "INSERT INTO items (device, id, kind, about, look, expires, sent, data)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(header.device, header.id, header.kind, header.about, header.index),
                    *(_text(header.expires_at), sent, data),
                ),
            )
        count, size = self._held.get(header.device, (0, 0))
        self._held[header.device] = count + 1, size + len(data)
        return True

    def after(self, position: int, *, limit: int, most_bytes: int) -> list[Kept]:
        """Items behind this position, in the order in which they came."""
        return self._kept(
            "SELECT position, data FROM items WHERE position > ? ORDER BY position LIMIT ?",
            (position, limit),
            most_bytes,
        )

    def waiting(self, *, limit: int, most_bytes: int) -> list[Kept]:
        """Items that the hub has not said it has."""
        return self._kept(
            "SELECT position, data FROM items WHERE sent = 0 ORDER BY position LIMIT ?", (limit,), most_bytes
        )

    def count_waiting(self) -> int:
        return int(self._one("SELECT count(*) FROM items WHERE sent <= 0"))

    def open_items(self, kind: str, index: bytes, *, limit: int, most_bytes: int) -> list[Kept]:
        """Those that nothing closes, the latest first; of any index when it is empty."""
        return self._kept(
            "SELECT position, data FROM items AS one WHERE kind = ? AND (? = x'' OR look = ?) AND NOT EXISTS"
            " (SELECT 1 FROM items AS closing WHERE closing.about = one.id) ORDER BY position DESC LIMIT ?",
            (kind, index, index, limit),
            most_bytes,
        )

    def note_sent(self, taken: list[int], refused: list[int]) -> None:
        """The hub has the first, and does not want the others now.

        Raises:
            PostStoreError: it is not on disk.
        """
        with self._writing() as connection:
            for sent, positions in ((1, taken), (_REFUSED, refused)):
                connection.executemany(
                    "UPDATE items SET sent = ? WHERE position = ?", [(sent, one) for one in positions]
                )

    def retry_refused(self) -> None:
        """What the hub did not want may have become welcome: it had no room, or did not know the box.

        Raises:
            PostStoreError: it is not on disk.
        """
        with self._writing() as connection:
            connection.execute("UPDATE items SET sent = 0 WHERE sent = ?", (_REFUSED,))

    def cursor(self, hub: str) -> int:
        """How far this hub's items have come in; 0 of another hub than the last."""
        known, _, position = self._meta("cursor").rpartition(" ")
        return int(position) if known == hub else 0

    def note_cursor(self, hub: str, position: int) -> bool:
        """Raises:
        PostStoreError: it is not on disk.

        True when the hub is another one than before: everything is to be sent to it again.
        """
        with self._writing() as connection:
            before = str(connection.execute("SELECT value FROM meta WHERE name = 'cursor'").fetchone()[0])
            changed = before.rpartition(" ")[0] != hub
            connection.execute("UPDATE meta SET value = ? WHERE name = 'cursor'", (f"{hub} {position}",))
            if changed:
                connection.execute("UPDATE items SET sent = 0")
        return changed

    def forget(self, *, now: dt.datetime) -> int:
        """Drop what has expired; how many. Only for a clock that is sure of itself.

        Raises:
            PostStoreError: it is not on disk.
        """
        with self._writing() as connection:
            gone = connection.execute("DELETE FROM items WHERE expires < ?", (_text(now - _GRACE),)).rowcount
            self._held = _held(connection)
        return gone

    def _erase(self, connection: sqlite3.Connection, device: str, id_: bytes) -> None:
        """The item of this box, and what others have said of it: a closing has its own words on a person."""
        query = "DELETE FROM items WHERE device = ? AND id = ?"
        if connection.execute(query, (device, id_)).rowcount:
            connection.execute("DELETE FROM items WHERE kind = ? AND about = ?", (CLOSED, id_))
            self._held = _held(connection)

    def _is_erased(self, connection: sqlite3.Connection, header: ItemHeader) -> bool:
        """It was taken back before it came."""
        query = "SELECT 1 FROM items WHERE about = ? AND kind = ? AND device = ?"
        return connection.execute(query, (header.id, ERASED, header.device)).fetchone() is not None

    def _make_room(self, connection: sqlite3.Connection, device: str, size: int) -> None:
        if self._has_room(device, size):
            return
        # What is closed has done its work, and so has what closed it.
        connection.execute(
            "DELETE FROM items WHERE id IN (SELECT about FROM items WHERE kind = ?)", (CLOSED,)
        )
        connection.execute(
            "DELETE FROM items WHERE kind = ? AND about NOT IN (SELECT id FROM items)", (CLOSED,)
        )
        self._held = _held(connection)
        if not self._has_room(device, size):
            raise Refused("There is no room for more open items of this post.")

    def _has_room(self, device: str, size: int) -> bool:
        own, own_bytes = self._held.get(device, (0, 0))
        count, total = (
            (sum(column) for column in zip(*self._held.values(), strict=True)) if self._held else (0, 0)
        )
        return (
            count < MAX_ITEMS
            and total + size <= MAX_STORE_BYTES
            and own < MAX_DEVICE_SHARE * MAX_ITEMS
            and own_bytes + size <= MAX_DEVICE_SHARE * MAX_STORE_BYTES
        )

    def _kept(self, query: str, parameters: tuple[object, ...], most_bytes: int) -> list[Kept]:
        found: list[Kept] = []
        size = 0
        with self._reading() as connection:
            for position, data in connection.execute(query, parameters):
                size += len(data)
                if found and size > most_bytes:
                    break
                found.append(Kept(int(position), bytes(data)))
        return found

    def _meta(self, name: str) -> str:
        return str(self._one("SELECT value FROM meta WHERE name = ?", name))

    def _one(self, query: str, *parameters: object) -> Any:
        with self._reading() as connection:
            return connection.execute(query, parameters).fetchone()[0]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise PostStoreError("The post's items cannot be read.") from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise PostStoreError("The post's items cannot be kept on this disk.") from error


def _held(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    query = "SELECT device, count(*), sum(length(data)) FROM items GROUP BY device"
    return {device: (count, size) for device, count, size in connection.execute(query)}


def _connected(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",) or version not in (0, FORMAT):
            raise sqlite3.DatabaseError("damaged")
        connection.executescript(_SCHEMA)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('instance', ?)", (secrets.token_hex(8),))
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('cursor', ' 0')")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    except BaseException:
        connection.close()
        raise
    return connection


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")
