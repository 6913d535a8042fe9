"""The box's own count: the facts of its last weeks' crossings, encrypted, for `borne records stats`.

Sealed records cannot be read back on the box. This file holds what is counted and nothing that names
anybody, each row encrypted under the storage key (XSalsa20-Poly1305). Losing it loses no record.
"""

import datetime as dt
import hashlib
import sqlite3
import threading
from pathlib import Path
from typing import Final, Self

import msgspec
from nacl.secret import SecretBox

from appliance.contracts.movement import Movement
from appliance.records.errors import StorageBroken
from appliance.records.small_database import open_row, open_small, seal_row
from appliance.records.statistics.facts import Facts, facts_of

DAYS: Final = 56
"""Eight weeks: a month beside the month before."""
MAX_ROWS: Final = 40_000
"""Eight weeks of a post at twice its busiest; the oldest go first."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (crossing TEXT PRIMARY KEY, moment TEXT NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS facts_by_moment ON facts (moment);
"""


class Book:
    """The open file. Safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, storage: SecretBox) -> None:
        self._connection = connection
        self._storage = storage
        self._lock = threading.Lock()
        # Its own key, so that a pseudonym here is none elsewhere.
        self._link_key = hashlib.blake2b(b"person link", key=bytes(storage), digest_size=32).digest()

    @classmethod
    def open(cls, path: Path, *, storage: SecretBox) -> Self:
        """Open it, or begin one; a damaged one is kept aside and begun anew.

        Raises:
            StorageBroken: the disk does not let us.
        """
        return cls(open_small(path, _SCHEMA, what="count of the last weeks"), storage)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def note(self, movement: Movement, *, now: dt.datetime) -> None:
        """Count a recorded movement, once, and forget those of more than `DAYS` ago.

        Raises:
            StorageBroken: it is not on disk.
        """
        facts = facts_of(movement, link_key=self._link_key)
        moment = now.astimezone(dt.UTC)
        sealed = seal_row(self._storage, facts.crossing, msgspec.msgpack.encode(facts))
        try:
            with self._lock, self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.execute(
                    "INSERT OR IGNORE INTO facts VALUES (?, ?, ?)",
                    (facts.crossing, moment.isoformat(), sealed),
                )
                since = (moment - dt.timedelta(days=DAYS)).isoformat()
                self._connection.execute("DELETE FROM facts WHERE moment < ?", (since,))
                self._connection.execute(
                    "DELETE FROM facts WHERE crossing IN"
                    " (SELECT crossing FROM facts ORDER BY moment DESC LIMIT -1 OFFSET ?)",
                    (MAX_ROWS,),
                )
        except sqlite3.Error as error:
            raise StorageBroken("The crossing is recorded, but could not be counted.") from error

    def facts(self) -> tuple[Facts, ...]:
        """All that is kept; rows that cannot be decrypted are left out.

        Raises:
            StorageBroken: the file cannot be read.
        """
        try:
            with self._lock:
                rows = self._connection.execute(
                    "SELECT crossing, sealed FROM facts ORDER BY moment, crossing"
                ).fetchall()
        except sqlite3.Error as error:
            raise StorageBroken("The count of the last weeks cannot be read.") from error
        return tuple(one for name, sealed in rows if (one := self._opened(name, sealed)) is not None)

    def _opened(self, crossing: str, sealed: bytes) -> Facts | None:
        plain = open_row(self._storage, crossing, sealed)
        try:
            return None if plain is None else msgspec.msgpack.decode(plain, type=Facts)
        except msgspec.MsgspecError:
            return None
