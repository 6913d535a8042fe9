"""The index of persons: finds the few names worth comparing among a million, in one SQLite file.

Rows of `names` are one name of one person with one birth date, numbered by birth date, so that a day, a
year or "not known" is a range of numbers and one `bisect` away. Parts of names are kept once each with
the rows that have them, and found through keys: their skeleton, the skeleton with one consonant left out
(so that one slip, on either side, still meets), and the names that they are variants of.
"""

import sqlite3
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.screening.dates import BirthDate
from appliance.screening.names import PersonName
from appliance.screening.names.sounds import skeleton_of
from appliance.screening.names.variants import classes_of
from appliance.screening.persons.entries import PersonEntry

SCHEMA: Final = """
CREATE TABLE persons (id INTEGER PRIMARY KEY, entry BLOB NOT NULL);
CREATE TABLE names (id INTEGER PRIMARY KEY, person INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE dates (first INTEGER PRIMARY KEY, date INTEGER NOT NULL);
CREATE TABLE parts (part TEXT PRIMARY KEY, rows BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE keys (key TEXT PRIMARY KEY, parts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE numbers (number TEXT, kind TEXT, state TEXT, person INTEGER,
                      PRIMARY KEY (number, kind, state, person)) WITHOUT ROWID;
"""
DOCUMENT, PERSONAL = "document", "personal"
MIN_DELETABLE: Final = 4
"""A skeleton of three consonants with one left out is half of all names."""
MAX_ROWS: Final = 120_000
"""Rows of one part that are counted; a part that more have says nothing, and others find the name."""
_UNKNOWN: Final = 0

Rows = NDArray[np.uint32]
_encoder = msgspec.msgpack.Encoder()


def date_number(born: BirthDate) -> int:
    """Dates as one rising number; unknown parts are 0, so that what is not known sorts first."""
    return (born.year or 0) * 10000 + (born.month or 0) * 100 + (born.day or 0)


def date_of(number: int) -> BirthDate:
    return BirthDate(number // 10000 or None, number // 100 % 100 or None, number % 100 or None)


def keys_of(part: str) -> Iterator[str]:
    """Under what a part is found."""
    skeleton = skeleton_of(part)
    yield skeleton
    if len(skeleton) >= MIN_DELETABLE:
        yield from {skeleton[:i] + skeleton[i + 1 :] for i in range(len(skeleton))} - {skeleton}
    for number in classes_of(part):
        yield f"#{number}"


def write_index(connection: sqlite3.Connection, entries: Iterable[PersonEntry]) -> int:
    """All tables of a list of persons; how many there are. Entries are taken as they are: checked before."""
    connection.executescript(SCHEMA)
    rows: list[tuple[int, int, str]] = []
    numbers: set[tuple[str, str, str, int]] = set()
    count = 0
    for count, entry in enumerate(entries, start=1):
        connection.execute("INSERT INTO persons VALUES (?, ?)", (count, _encoder.encode(entry)))
        born = sorted({date_number(BirthDate.parse(text)) for text in entry.birth_dates} or {_UNKNOWN})
        names = dict.fromkeys(
            f"{' '.join(name.primary)}<<{' '.join(name.secondary)}{'~' if name.unvowelled else ''}"
            for name in (PersonName.of(*pair) for pair in entry.names)
            if name.parts
        )
        rows.extend((date, count, name) for date in born for name in names)
        for kind, found in ((DOCUMENT, entry.document_numbers), (PERSONAL, entry.personal_numbers)):
            numbers.update((number.number, kind, number.state, count) for number in found)
    rows.sort()
    connection.executemany(
        "INSERT INTO names VALUES (?, ?, ?)", ((i, person, name) for i, (_, person, name) in enumerate(rows))
    )
    starts = {date: i for i, (date, _, _) in reversed(list(enumerate(rows)))}
    connection.executemany("INSERT INTO dates VALUES (?, ?)", ((i, date) for date, i in starts.items()))
    connection.executemany("INSERT INTO numbers VALUES (?, ?, ?, ?)", sorted(numbers))
    _write_parts(connection, [name for _, _, name in rows])
    return count


def _write_parts(connection: sqlite3.Connection, names: Sequence[str]) -> None:
    postings: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(names):
        for part in set(stored_name(text).heavy):
            postings[part].append(row)
    keys: dict[str, list[str]] = defaultdict(list)
    for part in sorted(postings):
        for key in keys_of(part):
            keys[key].append(part)
    connection.executemany(
        "INSERT INTO parts VALUES (?, ?)",
        ((part, np.asarray(rows, dtype="<u4").tobytes()) for part, rows in sorted(postings.items())),
    )
    connection.executemany(
        "INSERT INTO keys VALUES (?, ?)", ((key, " ".join(parts)) for key, parts in sorted(keys.items()))
    )


def stored_name(text: str) -> PersonName:
    """A name as `names` holds it: parts already in the MRZ's alphabet."""
    primary, _, secondary = text.rstrip("~").partition("<<")
    return PersonName(tuple(primary.split()), tuple(secondary.split()), unvowelled=text.endswith("~"))


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which rows have which birth date."""

    dates: list[int]
    """Every date that occurs, rising."""
    first: list[int]
    """The first row of each, and one past the last."""

    @classmethod
    def read(cls, rows: Iterable[tuple[int, int]], total: int) -> "Calendar":
        ordered = sorted((date, first) for first, date in rows)
        return cls([date for date, _ in ordered], [first for _, first in ordered] + [total])

    def between(self, low: int, high: int) -> range:
        """The rows born from `low` to `high`, both included."""
        return range(self.first[bisect_left(self.dates, low)], self.first[bisect_right(self.dates, high)])

    def date_at(self, row: int) -> int:
        return self.dates[bisect_right(self.first, row) - 1]

    def compatible(self, born: BirthDate) -> list[range]:
        """Rows whose birth date could be meant: years next to it, dates without a year, none at all."""
        if born.year is None:
            return [range(self.first[0], self.first[-1])]
        low, high = (born.year - 1) * 10000, (born.year + 1) * 10000 + 9999
        return [self.between(0, 9999), self.between(low, high)]

    def days(self, born: BirthDate) -> list[range]:
        """Rows of that very day, of day and month exchanged, of the year before and after, and of slips of
        the year; the likeliest first."""
        if not born.whole:
            return []
        assert born.year is not None
        text = str(born.year)
        years = [born.year - 1, born.year + 1, int(text[:2] + text[3] + text[2])]
        years += [int(f"{text[:2]}{digit}{text[3]}") for digit in range(10)]
        years += [int(text[:3] + str(digit)) for digit in range(10)]
        wanted = [born, BirthDate(born.year, born.day, born.month)]
        wanted += [BirthDate(year, born.month, born.day) for year in years]
        dates = dict.fromkeys(date_number(one) for one in wanted)
        return [found for one in dates if (found := self.between(one, one))]
