"""What the box remembers of its last crossings: whom to screen again, which pairs are two persons, late hits.

Sealed records cannot be read back here, and need not be: this is a small file of its own, encrypted under the
storage key (XSalsa20-Poly1305), that forgets after some days. Losing it loses no record.
"""

import datetime as dt
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from nacl.secret import SecretBox

from appliance.records.database import translated
from appliance.records.small_database import open_row, open_small, seal_row, writing

MAX_RECENT: Final = 20_000
"""A month at the busiest of small posts; the oldest go first."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS recent (crossing TEXT PRIMARY KEY, moment TEXT NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS recent_by_moment ON recent (moment);
CREATE TABLE IF NOT EXISTS pairs (pair TEXT PRIMARY KEY, decided TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS lists (name TEXT PRIMARY KEY, version INTEGER NOT NULL, issued TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS late (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, seen INTEGER NOT NULL, sealed
BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS open_group (name TEXT PRIMARY KEY, sealed BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Recent:
    """One crossing that may be screened again."""

    crossing: str
    moment: str
    """ISO 8601 in UTC, as the box could measure it."""
    payload: bytes


@dataclass(frozen=True, slots=True)
class Late:
    """One late hit that the officer has not seen yet."""

    id: str
    seq: int
    payload: bytes


class Memory:
    """The open file. Safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, storage: SecretBox, *, pair_days: float) -> None:
        self._connection = connection
        self._storage = storage
        self._pair_days = pair_days
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, storage: SecretBox, pair_days: float = 180.0) -> Self:
        """Open it, or begin one; a damaged one is begun anew, because nothing hangs on it but convenience.

        Raises:
            StorageError: the disk does not let us.
        """
        return cls(
            open_small(path, _SCHEMA, what="memory of the last crossings"), storage, pair_days=pair_days
        )

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    # Crossings

    def remember(self, crossing: str, moment: dt.datetime, payload: bytes, *, days: float) -> None:
        """Keep a crossing's subject, and forget those of more than `days` ago.

        Raises:
            StorageError: it is not on disk.
        """
        since = (moment - dt.timedelta(days=days)).astimezone(dt.UTC).isoformat()
        with writing(self._connection, self._lock) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO recent VALUES (?, ?, ?)",
                (crossing, moment.astimezone(dt.UTC).isoformat(), self._sealed(crossing, payload)),
            )
            connection.execute("DELETE FROM recent WHERE moment < ?", (since,))
            connection.execute(
                "DELETE FROM recent WHERE crossing IN"
                " (SELECT crossing FROM recent ORDER BY moment DESC LIMIT -1 OFFSET ?)",
                (MAX_RECENT,),
            )

    def since(self, moment: dt.datetime) -> tuple[Recent, ...]:
        """The crossings after a moment, the latest first; what cannot be decrypted is left out.

        Raises:
            StorageError: the file cannot be read.
        """
        rows = self._read(
            "SELECT crossing, moment, sealed FROM recent WHERE moment >= ? ORDER BY moment DESC",
            moment.astimezone(dt.UTC).isoformat(),
        )
        return tuple(
            Recent(crossing, when, payload)
            for crossing, when, sealed in rows
            if (payload := self._opened(crossing, sealed)) is not None
        )

    def recent(self, crossing: str) -> Recent | None:
        """One crossing, None when it is forgotten.

        Raises:
            StorageError: the file cannot be read.
        """
        for name, when, sealed in self._read(
            "SELECT crossing, moment, sealed FROM recent WHERE crossing = ?", crossing
        ):
            payload = self._opened(name, sealed)
            return None if payload is None else Recent(name, when, payload)
        return None

    def forget(self, crossings: tuple[str, ...]) -> None:
        """These crossings, and late hits, which are named `CROSSING/ID` as their records are.

        Raises:
            StorageError: they are not forgotten yet.
        """
        with writing(self._connection, self._lock) as connection:
            for one in crossings:
                crossing, _, late = one.partition("/")
                if late:
                    connection.execute("UPDATE late SET seen = 1, sealed = x'' WHERE id = ?", (late,))
                else:
                    connection.execute("DELETE FROM recent WHERE crossing = ?", (crossing,))

    # Pairs

    def decided(self, pair: str, *, now: dt.datetime) -> str | None:
        """When this pair was found to be two persons, None when nobody has said so or it is forgotten.

        Raises:
            StorageError: the file cannot be read.
        """
        rows = self._read(
            "SELECT decided FROM pairs WHERE pair = ? AND decided >= ?", pair, self._pairs_since(now)
        )
        return str(rows[0][0]) if rows else None

    def not_same(self, pairs: tuple[str, ...], moment: dt.datetime) -> None:
        """Remember these pairs, and forget the oldest.

        Raises:
            StorageError: it is not on disk.
        """
        decided = moment.astimezone(dt.UTC).isoformat(timespec="seconds")
        with writing(self._connection, self._lock) as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO pairs VALUES (?, ?)", [(pair, decided) for pair in pairs]
            )
            connection.execute("DELETE FROM pairs WHERE decided < ?", (self._pairs_since(moment),))

    def _pairs_since(self, now: dt.datetime) -> str:
        return (now - dt.timedelta(days=self._pair_days)).astimezone(dt.UTC).isoformat(timespec="seconds")

    # Lists

    def lists(self) -> dict[str, tuple[int, str]]:
        """Versions and dates of issue of the lists that the crossings were last screened against.

        Raises:
            StorageError: the file cannot be read.
        """
        return {name: (version, issued) for name, version, issued in self._read("SELECT * FROM lists")}

    def note_lists(self, lists: dict[str, tuple[int, str]]) -> None:
        """Raises:
        StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock) as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO lists VALUES (?, ?, ?)",
                [(name, version, issued) for name, (version, issued) in lists.items()],
            )

    # The group that is open

    def group(self) -> bytes | None:
        """What was kept of the open group, None where none is open.

        Raises:
            StorageError: the file cannot be read.
        """
        for name, sealed in self._read("SELECT name, sealed FROM open_group"):
            return self._opened(name, sealed)
        return None

    def keep_group(self, name: str, payload: bytes) -> None:
        """This group is open, and no other.

        Raises:
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock) as connection:
            connection.execute("DELETE FROM open_group")
            connection.execute("INSERT INTO open_group VALUES (?, ?)", (name, self._sealed(name, payload)))

    def end_group(self) -> None:
        """No group is open.

        Raises:
            StorageError: it is still kept.
        """
        with writing(self._connection, self._lock) as connection:
            connection.execute("DELETE FROM open_group")

    # Late hits

    def add_late(self, id_: str, seq: int, payload: bytes) -> None:
        """Keep a late hit until the officer has seen it.

        Raises:
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock) as connection:
            connection.execute(
                "INSERT OR IGNORE INTO late VALUES (?, ?, 0, ?)", (id_, seq, self._sealed(id_, payload))
            )

    def has_late(self, id_: str) -> bool:
        """Whether this hit was told already.

        Raises:
            StorageError: the file cannot be read.
        """
        return bool(self._read("SELECT 1 FROM late WHERE id = ?", id_))

    def late(self) -> tuple[Late, ...]:
        """Those that the officer has not seen, the newest first.

        Raises:
            StorageError: the file cannot be read.
        """
        rows = self._read("SELECT id, seq, sealed FROM late WHERE seen = 0 ORDER BY seq DESC")
        return tuple(
            Late(id_, seq, payload)
            for id_, seq, sealed in rows
            if (payload := self._opened(id_, sealed)) is not None
        )

    def seen_late(self) -> None:
        """The officer has seen them all.

        Raises:
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock) as connection:
            connection.execute("UPDATE late SET seen = 1, sealed = x''")

    def _sealed(self, name: str, payload: bytes) -> bytes:
        return seal_row(self._storage, name, payload)

    def _opened(self, name: str, sealed: bytes) -> bytes | None:
        return open_row(self._storage, name, sealed)

    def _read(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, parameters).fetchall()
            except sqlite3.Error as error:
                raise translated(error) from error
