"""The fingers of those who crossed lately: kept by this box alone, to tell who comes back.

Templates, never pictures (those are in the sealed records). Encrypted under the storage key, found by keyed
hashes of document and person, so that the file names nobody; forgotten after the policy's days.
"""

import datetime as dt
import hashlib
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from nacl.secret import SecretBox

from appliance.records.database import translated
from appliance.records.small_database import open_row, open_small, seal_row, writing

MAX_ENROLLED: Final = 20_000
"""As many as the memory keeps crossings; the oldest go first."""
MAX_FOUND: Final = 8
"""So many earlier crossings of one document or person are compared; the latest tell most."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS enrolled (
    crossing TEXT PRIMARY KEY, moment TEXT NOT NULL, document BLOB, person BLOB, sealed BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS enrolled_by_document ON enrolled (document);
CREATE INDEX IF NOT EXISTS enrolled_by_person ON enrolled (person);
CREATE INDEX IF NOT EXISTS enrolled_by_moment ON enrolled (moment);
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose fingers: parts that say which document, and which person, in the house's own order."""

    document: tuple[str, ...]
    person: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The fingers of one crossing."""

    crossing: str
    moment: str
    """ISO 8601 in UTC."""
    payload: bytes


class Enrolments:
    """The open file. Safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, storage: SecretBox) -> None:
        self._connection = connection
        self._storage = storage
        self._key = hashlib.blake2b(bytes(storage), person=b"borne enrolment", digest_size=32).digest()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, storage: SecretBox) -> Self:
        """Open it, or begin one; a damaged one is set aside and begun anew: no record hangs on it.

        Raises:
            StorageError: the disk does not let us.
        """
        return cls(open_small(path, _SCHEMA, what="file of enrolled fingers"), storage)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def enrol(self, crossing: str, moment: dt.datetime, owner: Owner, payload: bytes, *, days: float) -> None:
        """Keep the fingers of a crossing, and forget those of more than `days` ago.

        Raises:
            StorageError: it is not on disk.
        """
        sealed = seal_row(self._storage, crossing, payload)
        row = (
            crossing, moment.astimezone(dt.UTC).isoformat(), self._hash("document", owner.document),
            self._hash("person", owner.person), sealed,
        )  # fmt: skip
        with writing(self._connection, self._lock) as connection:
            connection.execute("INSERT OR REPLACE INTO enrolled VALUES (?, ?, ?, ?, ?)", row)
            self._forget(moment, days)

    def forget(self, now: dt.datetime, *, days: float) -> None:
        """Forget those of more than `days` ago, when nobody crosses either.

        Raises:
            StorageError: the disk does not let us.
        """
        with self._lock:
            try:
                self._forget(now, days)
            except sqlite3.Error as error:
                raise translated(error) from error

    def of(self, owner: Owner) -> tuple[Enrolment, ...]:
        """Earlier crossings with this document or of this person, the latest first.

        Raises:
            StorageError: the file cannot be read.
        """
        return self._read(
            "SELECT crossing, moment, sealed FROM enrolled WHERE document = ? OR person = ?"
            " ORDER BY moment DESC LIMIT ?",
            self._hash("document", owner.document),
            self._hash("person", owner.person),
            MAX_FOUND,
        )

    def latest(self, count: int) -> tuple[Enrolment, ...]:
        """The last crossings of anybody: for a search that policy and purpose allow.

        Raises:
            StorageError: the file cannot be read.
        """
        return self._read("SELECT crossing, moment, sealed FROM enrolled ORDER BY moment DESC LIMIT ?", count)

    def _forget(self, now: dt.datetime, days: float) -> None:
        since = (now - dt.timedelta(days=days)).astimezone(dt.UTC).isoformat()
        self._connection.execute("DELETE FROM enrolled WHERE moment < ?", (since,))
        self._connection.execute(
            "DELETE FROM enrolled WHERE crossing IN"
            " (SELECT crossing FROM enrolled ORDER BY moment DESC LIMIT -1 OFFSET ?)",
            (MAX_ENROLLED,),
        )

    def _hash(self, kind: str, parts: tuple[str, ...]) -> bytes | None:
        """None where nothing is known: then nothing is found by it."""
        if not any(parts):
            return None
        text = "\0".join((kind, *parts)).encode()
        return hashlib.blake2b(text, key=self._key, digest_size=16).digest()

    def _read(self, query: str, *parameters: object) -> tuple[Enrolment, ...]:
        with self._lock:
            try:
                rows = self._connection.execute(query, parameters).fetchall()
            except sqlite3.Error as error:
                raise translated(error) from error
        return tuple(
            Enrolment(crossing, moment, payload)
            for crossing, moment, sealed in rows
            if (payload := open_row(self._storage, crossing, sealed)) is not None
        )
