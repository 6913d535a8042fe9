"""Lists: what each says of itself, how old it is, and the SQLite file of a list of persons."""

import enum
import sqlite3
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

import msgspec

from appliance.clock import TimeQuality
from appliance.screening.errors import ListUnreadable

APPLICATION_ID: Final = 0x424F524E
"""BORN, in the database's header: this file is a list and not some other database."""
FORMAT: Final = 2
"""user_version: raised when the tables, or the way names are reduced to sounds, change."""
MAX_LIST_BYTES: Final = 256 * 1024 * 1024
"""About two million names: more than that does not belong in the memory of a small board."""
CLOCK_SKEW: Final = timedelta(hours=1)
"""How far in the future a list may have been issued before the box's own clock is doubted."""
_SQLITE_HEADER: Final = b"SQLite format 3\x00"


class ListKind(enum.StrEnum):
    DOCUMENTS = "documents"
    PERSONS = "persons"
    VEHICLES = "vehicles"
    VISAS = "visas"

    @property
    def of_numbers(self) -> bool:
        return self is not ListKind.PERSONS


class WhenStale(enum.StrEnum):
    """What a hit means on a list past its limit; a hit is shown in any case."""

    HITS_STAND = "hits_stand"
    """A stolen document stays stolen."""
    ASK_OWNER = "ask_owner"
    """It may have been lifted since: never RED, but whom to ask is named."""


class ListInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a list says of itself."""

    name: str
    kind: ListKind
    version: int
    issued_at: datetime
    owner: str
    legal_basis: str
    contact: str
    """Whom the officer asks about a hit, day and night."""
    action: str
    """What the officer is to do on a hit, in the owner's words."""
    stale_after_hours: float
    when_stale: WhenStale = WhenStale.HITS_STAND
    entries: int = 0


@dataclass(frozen=True, slots=True)
class ListAge:
    """How old a list is, as far as the clock can say."""

    hours: float | None
    """None when the clock stands before the list's own date."""
    sure: bool
    stale: bool
    expired: bool


class OpenedList(Protocol):
    """A list of any kind, opened and checked; safe to query from several threads."""

    @property
    def info(self) -> ListInfo: ...
    @property
    def expires_at(self) -> datetime | None: ...
    def close(self) -> None: ...


def age_of(one: OpenedList, now: datetime, time_quality: str) -> ListAge:
    """The list's age. An age that nobody can measure counts as stale; one that is too small, as it is."""
    quality = TimeQuality(time_quality)
    elapsed = now - one.info.issued_at
    known = elapsed >= -CLOCK_SKEW
    hours = max(0.0, round(elapsed.total_seconds() / 3600, 1)) if known else None
    believable = hours is not None and quality is not TimeQuality.UNSURE
    return ListAge(
        hours=hours,
        sure=believable and quality.sure,
        stale=not believable or (hours or 0.0) > one.info.stale_after_hours,
        expired=believable and one.expires_at is not None and now > one.expires_at,
    )


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class OpenList:
    """A list of persons as its database; safe to query from several threads."""

    info: ListInfo
    expires_at: datetime | None
    _database: sqlite3.Connection = field(repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def rows(self, query: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query finds.

        Raises:
            ListUnreadable: the database turned out to be damaged.
        """
        with self._lock:
            try:
                return self._database.execute(query, tuple(parameters)).fetchall()
            except (sqlite3.Error, UnicodeDecodeError) as error:  # a text's bytes are not checked when opened
                raise ListUnreadable(f"The list {self.info.name} is damaged.") from error

    def close(self) -> None:
        self._database.close()


@dataclass(frozen=True, slots=True)
class BrokenList:
    """A list that is there but cannot be used."""

    name: str
    kind: ListKind | None
    """None when not even that could be read: then it may have been of any kind."""


One = TypeVar("One", bound=OpenedList)


@dataclass(frozen=True, slots=True)
class OpenLists:
    """All lists of the box at one moment; a newer set does not disturb the searches of an older one."""

    lists: tuple[OpenedList, ...] = ()
    broken: tuple[BrokenList, ...] = ()

    def of(self, kind: ListKind) -> tuple[OpenedList, ...]:
        return tuple(one for one in self.lists if one.info.kind is kind)

    def broken_of(self, kind: ListKind) -> tuple[BrokenList, ...]:
        return tuple(one for one in self.broken if one.kind in (kind, None))

    def close(self) -> None:
        for one in self.lists:
            one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_list(data: bytes, *, expires_at: datetime | None = None) -> OpenList:
    """A list of persons from its bytes, which never touch the disk; the whole database is checked.

    Raises:
        ListUnreadable: not a list of this format, or a damaged one.
    """
    # WAL databases (18: read version 2) cannot be opened from memory, and lists are never written that way.
    if not data.startswith(_SQLITE_HEADER) or len(data) > MAX_LIST_BYTES or data[18:20] != b"\x01\x01":
        raise ListUnreadable("The file is not a list.")
    database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    try:
        database.deserialize(data)
        info = _checked_info(database)
    except (sqlite3.Error, msgspec.MsgspecError, ValueError, OverflowError, MemoryError) as error:
        database.close()
        raise ListUnreadable("The file is not a list, or is damaged.") from error
    one = OpenList(info=info, expires_at=expires_at, _database=database)
    # A set that is replaced is closed when its last search is through.
    weakref.finalize(one, database.close)
    return one


def open_list_file(path: Path) -> OpenList:
    """A list of persons from a file, as on the server that builds it.

    Raises:
        ListUnreadable: it cannot be read, is not a list, or is damaged.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)
    except OSError as error:
        raise ListUnreadable(f"{path.name} cannot be read ({error.strerror}).") from error
    return open_list(data)


def _checked_info(database: sqlite3.Connection) -> ListInfo:
    for setting in ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON"):
        database.execute(f"PRAGMA {setting}")
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if (application, version) != (APPLICATION_ID, FORMAT):
        raise ValueError("another database, or another version's list")
    if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise ValueError("damaged pages")
    (text,) = database.execute("SELECT value FROM info").fetchone() or ("",)
    info = msgspec.json.decode(text, type=ListInfo)
    if info.kind is not ListKind.PERSONS:
        raise ValueError("not a list of persons")
    (entries,) = database.execute("SELECT count(*) FROM persons").fetchone()
    if entries != info.entries:
        raise ValueError("entries are missing")
    if info.issued_at.tzinfo is None:
        raise ValueError("a date of issue without a time zone")
    return msgspec.structs.replace(info, issued_at=info.issued_at.astimezone(UTC))
