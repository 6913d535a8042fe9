"""Who is expected: the people of advance lists, sealed, found by what their document says, forgotten in time.

A person is found under keyed hashes (BLAKE2b, RFC 7693) of issuing state and number, and of name and birth
date, so that the file tells nobody who is on the way; the rest is sealed (XSalsa20-Poly1305). What stays of a
list when its people are forgotten are counts.
"""

import datetime as dt
import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import msgspec
from nacl.secret import SecretBox

from appliance.contracts.advance import AdvanceList
from appliance.contracts.checks import Check
from appliance.records.database import translated
from appliance.records.small_database import open_row, open_small, seal_row, writing

MAX_EXPECTED: Final = 20_000
"""People on all lists; a month of a small post's buses."""
COUNTS_KEPT: Final = dt.timedelta(days=30)
"""How long an ended list's counts stay."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS lists (id TEXT PRIMARY KEY, expected TEXT NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS lists_by_time ON lists (expected);
CREATE TABLE IF NOT EXISTS persons (
    id TEXT PRIMARY KEY, list TEXT NOT NULL, document BLOB NOT NULL, person BLOB NOT NULL,
    came INTEGER NOT NULL DEFAULT 0, hit INTEGER NOT NULL, sealed BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS persons_by_list ON persons (list);
CREATE INDEX IF NOT EXISTS persons_by_document ON persons (document);
CREATE INDEX IF NOT EXISTS persons_by_person ON persons (person);
CREATE TABLE IF NOT EXISTS screened (
    id TEXT PRIMARY KEY, list TEXT NOT NULL, watchlists TEXT NOT NULL, again INTEGER NOT NULL,
    new INTEGER NOT NULL
);
"""
Kept = TypeVar("Kept", bound=msgspec.Struct)
CAME: Final = 2
PERHAPS: Final = 1


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One person of a list, and what the screening at its import found."""

    id: str
    list: str
    coach: str
    seat: str
    role: str
    document_code: str
    issuing_state: str
    document_number: str
    primary_identifier: str
    secondary_identifier: str
    nationality: str
    birth_date: str
    """ISO 8601, unknown parts as ??."""
    sex: str
    expiry_date: str
    checks: tuple[Check, ...]
    """The watchlist checks as they were then, or with newer lists since, with the lists' ages."""
    hit: bool
    """One of them failed."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody at the booth who is, or may be, somebody on a list."""

    listed: Listed
    list: AdvanceList
    sure: bool
    """Number and issuing state are the same; else name and birth date are."""


class Screened(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one list when its people were screened again."""

    list: str
    persons: int
    hits: int
    new_hits: int
    """People whom an entry names that did not name them before."""


class Expected:
    """The open file. Safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, storage: SecretBox) -> None:
        self._connection = connection
        self._storage = storage
        self._hash_key = hashlib.blake2b(b"expected", key=bytes(storage), digest_size=32).digest()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, storage: SecretBox) -> Self:
        """Open it, or begin one; a damaged one is set aside, because no record hangs on it.

        Raises:
            StorageError: the disk does not let us.
        """
        return cls(open_small(path, _SCHEMA, what="book of who is expected"), storage)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def count(self, list_: str | None = None) -> int:
        """People expected, on one list or on all.

        Raises:
            StorageError: the file cannot be read.
        """
        if list_ is None:
            return int(self._read("SELECT count(*) FROM persons")[0][0])
        return int(self._read("SELECT count(*) FROM persons WHERE list = ?", list_)[0][0])

    def has(self, person: str) -> bool:
        """Whether this line was taken before.

        Raises:
            StorageError: the file cannot be read.
        """
        return bool(self._read("SELECT 1 FROM persons WHERE id = ?", person))

    def add(self, list_: AdvanceList, persons: tuple[Listed, ...], *, watchlists: str = "") -> None:
        """All of them or none; who is there already stays as they are, came or not. `watchlists` names what
        they were screened with.

        Raises:
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock) as connection:
            connection.execute(
                "INSERT INTO lists VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (list_.id, list_.expected, self._sealed(list_.id, list_)),
            )
            connection.executemany(
                "INSERT INTO persons VALUES (?, ?, ?, ?, 0, ?, ?) ON CONFLICT (id) DO NOTHING",
                [
                    (
                        *(one.id, one.list, self._document(one.issuing_state, one.document_number)),
                        *(self._person(one), one.hit, self._sealed(one.id, one)),
                    )
                    for one in persons
                ],
            )
            connection.executemany(
                "INSERT INTO screened VALUES (?, ?, ?, 0, 0) ON CONFLICT (id) DO NOTHING",
                [(one.id, one.list, watchlists) for one in persons],
            )

    def to_screen(self, watchlists: str, *, most: int) -> tuple[tuple[str, Listed | None], ...]:
        """People who have not come and were not screened with these watchlists; None for one who cannot be
        read.

        Raises:
            StorageError: the file cannot be read.
        """
        rows = self._read(
            "SELECT id, sealed FROM persons WHERE came = 0 AND NOT EXISTS"
            " (SELECT 1 FROM screened WHERE screened.id = persons.id AND watchlists = ?) LIMIT ?",
            watchlists,
            most,
        )
        return tuple((id_, self._opened(id_, sealed, Listed)) for id_, sealed in rows)

    def note_screened(self, watchlists: str, people: tuple[tuple[str, Listed | None, bool], ...]) -> None:
        """They were screened with these: who, what was found, and whether something new was.

        Raises:
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock) as connection:
            for id_, listed, new in people:
                if listed is not None:
                    connection.execute(
                        "UPDATE persons SET hit = ?, sealed = ? WHERE id = ?",
                        (listed.hit, self._sealed(id_, listed), id_),
                    )
                connection.execute(  # nobody whose list was removed meanwhile
                    "INSERT OR REPLACE INTO screened SELECT id, list, ?, 1, ? FROM persons WHERE id = ?",
                    (watchlists, new, id_),
                )

    def screened_again(self, watchlists: str) -> tuple[Screened, ...]:
        """What these watchlists have found, list by list, beyond imports.

        Raises:
            StorageError: the file cannot be read.
        """
        return tuple(
            Screened(list=list_, persons=count, hits=hits, new_hits=new)
            for list_, count, hits, new in self._read(
                "SELECT screened.list, count(*), sum(hit), sum(new) FROM screened"
                " JOIN persons ON persons.id = screened.id WHERE watchlists = ? AND again"
                " GROUP BY screened.list",
                watchlists,
            )
        )

    def find(
        self, *, issuing_state: str, document_number: str, name: tuple[str, str], birth_date: str
    ) -> tuple[Match, ...]:
        """Who this may be, the sure ones first; a name without a whole birth date is nobody's.

        Raises:
            StorageError: the file cannot be read.
        """
        rows = self._read(
            "SELECT id, sealed, document = ?1 AND document != x'' FROM persons"
            " WHERE (document = ?1 AND document != x'') OR (person = ?2 AND person != x'')"
            " ORDER BY 3 DESC LIMIT 20",
            self._document(issuing_state, document_number),
            self._named(name, birth_date),
        )
        found = []
        for id_, sealed, sure in rows:
            listed = self._opened(id_, sealed, Listed)
            list_ = None if listed is None else self.known_list(listed.list)
            if listed is not None and list_ is not None:
                found.append(Match(listed=listed, list=list_, sure=bool(sure)))
        return tuple(found)

    def note_came(self, person: str, *, sure: bool) -> None:
        """This person is here; said twice it counts once.

        Raises:
            StorageError: it is not on disk.
        """
        with writing(self._connection, self._lock) as connection:
            connection.execute(
                "UPDATE persons SET came = max(came, ?) WHERE id = ?", (CAME if sure else PERHAPS, person)
            )

    def known_list(self, id_: str) -> AdvanceList | None:
        """One list with its counts as they stand; None for one that nobody knows.

        Raises:
            StorageError: the file cannot be read.
        """
        return next(iter(self._lists("WHERE id = ?", id_)), None)

    def lists(self) -> tuple[AdvanceList, ...]:
        """All of them, in the order in which they are expected.

        Raises:
            StorageError: the file cannot be read.
        """
        return tuple(self._lists("ORDER BY expected"))

    def hits(self) -> tuple[tuple[Listed, bool], ...]:
        """Whom a watchlist names, and whether they came.

        Raises:
            StorageError: the file cannot be read.
        """
        rows = self._read("SELECT id, sealed, came FROM persons WHERE hit LIMIT 500")
        opened = ((self._opened(id_, sealed, Listed), came) for id_, sealed, came in rows)
        return tuple((listed, came > 0) for listed, came in opened if listed is not None)

    def count_hits(self) -> int:
        """Of those who have not come.

        Raises:
            StorageError: the file cannot be read.
        """
        return int(self._read("SELECT count(*) FROM persons WHERE hit AND came = 0")[0][0])

    def end(self, list_: AdvanceList) -> None:
        """Its people are forgotten; its counts stay.

        Raises:
            StorageError: they are not forgotten yet.
        """
        ended = msgspec.structs.replace(list_, ended=True)
        with writing(self._connection, self._lock) as connection:
            _forget_people(connection, list_.id)
            connection.execute(
                "UPDATE lists SET sealed = ? WHERE id = ?", (self._sealed(list_.id, ended), list_.id)
            )

    def remove(self, id_: str) -> None:
        """The list and its people, as if it had never come.

        Raises:
            StorageError: it is still there.
        """
        with writing(self._connection, self._lock) as connection:
            _forget_people(connection, id_)
            connection.execute("DELETE FROM lists WHERE id = ?", (id_,))

    def forget_counts(self, *, now: dt.datetime) -> None:
        """Of lists that ended long ago.

        Raises:
            StorageError: they are still there.
        """
        with writing(self._connection, self._lock) as connection:
            connection.execute(
                "DELETE FROM lists WHERE expected < ? AND id NOT IN (SELECT list FROM persons)",
                ((now - COUNTS_KEPT).astimezone(dt.UTC).isoformat(),),
            )

    def _lists(self, where: str, *parameters: object) -> Iterator[AdvanceList]:
        for id_, sealed in self._read(f"SELECT id, sealed FROM lists {where}", *parameters):  # noqa: S608
            list_ = self._opened(id_, sealed, AdvanceList)
            if list_ is None:
                continue
            if not list_.ended:
                came = dict(
                    self._read("SELECT came, count(*) FROM persons WHERE list = ? GROUP BY came", id_)
                )
                list_ = msgspec.structs.replace(
                    list_, persons=sum(came.values()), came=came.get(CAME, 0), perhaps=came.get(PERHAPS, 0)
                )
            yield list_

    def _document(self, issuing_state: str, document_number: str) -> bytes:
        """Empty where there is no number: nobody is found by it."""
        return self._hash("document", issuing_state, document_number) if document_number else b""

    def _person(self, listed: Listed) -> bytes:
        return self._named((listed.primary_identifier, listed.secondary_identifier), listed.birth_date)

    def _named(self, name: tuple[str, str], birth_date: str) -> bytes:
        if not name[0] or not birth_date or "?" in birth_date or len(birth_date) != 10:
            return b""
        return self._hash("person", *name, birth_date)

    def _hash(self, *parts: str) -> bytes:
        return hashlib.blake2b("\0".join(parts).encode(), key=self._hash_key, digest_size=32).digest()

    def _sealed(self, id_: str, value: msgspec.Struct) -> bytes:
        return seal_row(self._storage, id_, msgspec.msgpack.encode(value))

    def _opened(self, id_: str, sealed: bytes, type_: type[Kept]) -> Kept | None:
        payload = open_row(self._storage, id_, sealed)
        try:
            return None if payload is None else msgspec.msgpack.decode(payload, type=type_)
        except msgspec.MsgspecError:
            return None  # of another version of this program

    def _read(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, parameters).fetchall()
            except sqlite3.Error as error:
                raise translated(error) from error


def _forget_people(connection: sqlite3.Connection, list_: str) -> None:
    for table in ("persons", "screened"):
        connection.execute(f"DELETE FROM {table} WHERE list = ?", (list_,))  # noqa: S608 - our own names
