"""The box's own history of crossings: what overstay and duplicate checks need, encrypted, bounded, forgotten.

A document is found under a keyed hash (BLAKE2b, RFC 7693) of state and number, so that the file tells nobody
who crossed, and what is kept of a crossing is sealed (XSalsa20-Poly1305). Each search says what it is for,
and is written down.
"""

import datetime as dt
import hashlib
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

import msgspec
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from appliance.contracts.cases import OtherLanes
from appliance.records.database import translated
from appliance.records.small_database import open_small

MAX_ENTRIES: Final = 100_000
"""Half a year at 300 travellers a day and as much again; the oldest go first."""
MAX_FOUND: Final = 50
SEARCH_LOG_DAYS: Final = 90
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
    crossing TEXT PRIMARY KEY, document BLOB NOT NULL, at TEXT NOT NULL, sealed BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS entries_by_document ON entries (document, at);
CREATE INDEX IF NOT EXISTS entries_by_time ON entries (at);
CREATE TABLE IF NOT EXISTS searches (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, purpose TEXT NOT NULL, found INTEGER NOT NULL
);
"""


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """One earlier crossing of a document."""

    crossing: str
    direction: str
    at: str
    """ISO 8601 in UTC, as the box could measure it."""
    outcome: str


@dataclass(frozen=True, slots=True)
class Search:
    """One search that was made: when, what for, how many were found."""

    at: str
    purpose: str
    found: int


class PostHistory(Protocol):
    """What the post's other boxes know of a document; called from several threads."""

    def passages(self, issuing_state: str, document_number: str) -> tuple[Passage, ...]:
        """Entries at the other boxes that no exit has ended.

        Raises:
            StorageError: they cannot be read.
        """
        ...

    def passed(self, passage: Passage, issuing_state: str, document_number: str) -> None:
        """This document has crossed here.

        Raises:
            StorageError: the others will not hear of it.
        """
        ...

    def other_lanes(self) -> OtherLanes:
        """How old what is known of them is."""
        ...


class History:
    """The open file. Safe to use from several threads."""

    post: PostHistory | None = None
    """The other boxes of the post; None: this box stands alone."""

    def __init__(self, connection: sqlite3.Connection, storage: SecretBox) -> None:
        self._connection = connection
        self._storage = storage
        self._hash_key = hashlib.blake2b(b"history", key=bytes(storage), digest_size=32).digest()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, storage: SecretBox) -> Self:
        """Open it, or begin one; a damaged one is set aside, because no record hangs on it.

        Raises:
            StorageError: the disk does not let us.
        """
        return cls(open_small(path, _SCHEMA, what="history of crossings"), storage)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def add(self, passage: Passage, *, issuing_state: str, document_number: str) -> None:
        """Remember a crossing.

        Raises:
            StorageError: it is not on disk.
        """
        document = self._document(issuing_state, document_number)
        sealed = bytes(self._storage.encrypt(document + msgspec.msgpack.encode(passage)))
        with self._lock:
            self._execute(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)",
                passage.crossing, document, passage.at, sealed,
            )  # fmt: skip
        if self.post is not None:
            self.post.passed(passage, issuing_state, document_number)

    def search(
        self, *, issuing_state: str, document_number: str, purpose: str, now: dt.datetime
    ) -> tuple[Passage, ...]:
        """Earlier crossings of this document, the latest first, and its entries at the post's other boxes;
        that they were looked for is written down.

        Raises:
            StorageError: the file cannot be read, or the search not be written down: then nothing is told.
        """
        document = self._document(issuing_state, document_number)
        elsewhere = self.post.passages(issuing_state, document_number) if self.post is not None else ()
        with self._lock:
            rows = self._execute(
                "SELECT sealed FROM entries WHERE document = ? ORDER BY at DESC LIMIT ?", document, MAX_FOUND
            )
            here = (p for (sealed,) in rows if (p := self._opened(document, sealed)) is not None)
            found = tuple(sorted((*here, *elsewhere), key=lambda one: one.at, reverse=True))
            self._execute(
                "INSERT INTO searches (at, purpose, found) VALUES (?, ?, ?)",
                _utc(now), purpose, len(found),
            )  # fmt: skip
        return found

    def of_crossings(self, crossings: tuple[str, ...], *, purpose: str, now: dt.datetime) -> tuple[str, ...]:
        """Which of these crossings are remembered; a search like any other.

        Raises:
            StorageError: as of `search`.
        """
        with self._lock:
            found = tuple(
                one for one in crossings if self._execute("SELECT 1 FROM entries WHERE crossing = ?", one)
            )
            self._execute(
                "INSERT INTO searches (at, purpose, found) VALUES (?, ?, ?)",
                _utc(now), purpose, len(found),
            )  # fmt: skip
        return found

    def forget(self, crossings: tuple[str, ...]) -> None:
        """Raises:
        StorageError: they are not forgotten yet.
        """
        with self._lock:
            for one in crossings:
                self._execute("DELETE FROM entries WHERE crossing = ?", one)

    def forget_old(self, *, now: dt.datetime, days: float) -> int:
        """Forget what is older than so many days, and the oldest beyond `MAX_ENTRIES`; how many.

        Raises:
            StorageError: not all is forgotten yet.
        """
        with self._lock:
            before = self._count()
            self._execute("DELETE FROM entries WHERE at < ?", _utc(now - dt.timedelta(days=days)))
            self._execute(
                "DELETE FROM entries WHERE crossing IN"
                " (SELECT crossing FROM entries ORDER BY at DESC LIMIT -1 OFFSET ?)",
                MAX_ENTRIES,
            )
            self._execute("DELETE FROM searches WHERE at < ?", _utc(now - dt.timedelta(days=SEARCH_LOG_DAYS)))
            return before - self._count()

    def searches(self) -> tuple[Search, ...]:
        """The log of searches, the latest first.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            return tuple(
                Search(*row)
                for row in self._execute("SELECT at, purpose, found FROM searches ORDER BY id DESC")
            )

    def _count(self) -> int:
        return int(self._execute("SELECT count(*) FROM entries")[0][0])

    def _document(self, issuing_state: str, document_number: str) -> bytes:
        return hashlib.blake2b(
            f"{issuing_state}|{document_number}".encode(), key=self._hash_key, digest_size=32
        ).digest()

    def _opened(self, document: bytes, sealed: bytes) -> Passage | None:
        """None for what was moved here, is damaged, or was written by another version."""
        try:
            plain = bytes(self._storage.decrypt(sealed))
            if plain[:32] != document:
                return None
            return msgspec.msgpack.decode(plain[32:], type=Passage)
        except (CryptoError, ValueError, TypeError, msgspec.MsgspecError):
            return None

    def _execute(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise translated(error) from error


def _utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")
