"""Persons on lists, by number or by likeness of name and birth date; every hit explains itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import msgspec

from appliance.contracts.checks import Direction
from appliance.screening.dates import BirthDate
from appliance.screening.errors import ListUnreadable
from appliance.screening.lists import ListInfo, OpenList
from appliance.screening.names import PersonName
from appliance.screening.numbers import normalise_number, normalise_state
from appliance.screening.persons.candidates import rows_of_days, rows_of_name, worth_comparing
from appliance.screening.persons.entries import PersonEntry
from appliance.screening.persons.evidence import (
    NATIONALITY,
    SEX,
    Evidence,
    cannot_be,
    needed,
    score_of,
    weigh,
)
from appliance.screening.persons.index import DOCUMENT, PERSONAL, Calendar, date_of, stored_name

MAX_HITS: Final = 50
"""More persons than an officer compares, and than any real name brings."""
NUMBER_SCORE: Final = 0.9
"""A number whose state nobody wrote down: nearly sure."""


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """Whom to look for; what is empty is not known."""

    name: PersonName
    birth_date: BirthDate
    sex: str = ""
    nationality: str = ""
    name_truncated: bool = False
    document_number: str = ""
    issuing_state: str = ""


@dataclass(frozen=True, slots=True)
class PersonHit:
    """An entry that may be this person. `certain` is what reason `match` stands on."""

    entry: PersonEntry
    score: float
    certain: bool
    why: tuple[str, ...]
    matched: str = ""
    """The name on the list that it was found by."""

    @property
    def reference(self) -> str:
        return self.entry.reference


class PersonList:
    """An opened list of persons, ready to be searched; safe to use from several threads."""

    def __init__(self, one: OpenList) -> None:
        self._list = one
        (total,) = one.rows("SELECT count(*) FROM names")[0]
        try:
            rows = [(int(first), int(when)) for first, when in one.rows("SELECT first, date FROM dates")]
        except (TypeError, ValueError) as error:
            raise ListUnreadable(f"The list {one.info.name} is damaged.") from error
        self._calendar = Calendar.read(rows, int(total))
        self._decoder = msgspec.msgpack.Decoder(PersonEntry)

    @property
    def info(self) -> ListInfo:
        return self._list.info

    @property
    def expires_at(self) -> datetime | None:
        return self._list.expires_at

    def close(self) -> None:
        self._list.close()

    def search(
        self, query: PersonQuery, *, direction: Direction | None, today: date | None = None
    ) -> tuple[PersonHit, ...]:
        """The entries that may be this person, the likeliest first; without `today` validity is not asked.

        Raises:
            ListUnreadable: the list is damaged.
        """
        found: dict[str, PersonHit] = {}
        number = normalise_number(query.document_number)
        by_number = self._by_number(DOCUMENT, number, (query.issuing_state,)) if number else ()
        for hit in (*by_number, *self._by_name(query)):
            known = found.get(hit.reference)
            if known is None or (known.certain, known.score) < (hit.certain, hit.score):
                found[hit.reference] = hit
        return _concerning(found.values(), direction, today)

    def search_personal_number(
        self, number: str, *, states: Iterable[str], direction: Direction | None, today: date | None = None
    ) -> tuple[PersonHit, ...]:
        """The entries with this personal number; certain when the list says that one of `states` gave it out.

        Raises:
            ListUnreadable: the list is damaged.
        """
        return _concerning(self._by_number(PERSONAL, normalise_number(number), states), direction, today)

    def _by_number(self, kind: str, number: str, states: Iterable[str]) -> Iterator[PersonHit]:
        own = {normalise_state(state) for state in states} - {""}
        rows = self._list.rows(
            "SELECT state, person FROM numbers WHERE number = ? AND kind = ?", (number, kind)
        )
        for state, person in rows:
            # Two states may well give out the same number: whose it is decides.
            if state and own and state not in own:
                continue
            certain = state in own
            step = "issuing_state_equal" if certain else "issuing_state_not_known"
            score = 1.0 if certain else NUMBER_SCORE
            yield PersonHit(self._entry(person), score, certain, (f"{kind}_number_equal", step))

    def _by_name(self, query: PersonQuery) -> Iterator[PersonHit]:
        persons = self._list.info.entries
        for person, (evidence, text) in self.evidence(query, persons=persons).items():
            # What the rest of the entry says can add no more than this.
            if evidence.nats + SEX[0] + NATIONALITY[0] < needed(evidence.dates, persons):
                continue
            entry = self._entry(person)
            nats, steps = _other_evidence(query, entry)
            total = Evidence(evidence.nats + nats, evidence.dates, evidence.names)
            if total.enough(persons):
                why = (*evidence.why, *steps)
                yield PersonHit(entry, round(score_of(total.nats), 4), total.certain, why, _shown(text))

    def evidence(self, query: PersonQuery, *, persons: int | None = None) -> dict[int, tuple[Evidence, str]]:
        """By the list's own number of a person: the best evidence of name and birth date, and the name.

        With `persons`, those are left out who cannot be a hit on a list of so many.

        Raises:
            ListUnreadable: the list is damaged.
        """
        best: dict[int, tuple[Evidence, str]] = {}
        if not query.name.parts:
            return best
        rows = rows_of_name(query.name, self._calendar, query.birth_date, self._fetch)
        known = set(rows)
        days = rows_of_days(self._calendar, query.birth_date)
        same_day = self._names([row for row in days if row not in known])
        near = worth_comparing(query.name, [text for _row, _person, text in same_day])
        for row, person, text in (*self._names(rows), *(same_day[place] for place in near)):
            born, name = date_of(self._calendar.date_at(row)), stored_name(text)
            if persons and cannot_be(query.name, query.birth_date, name, born, persons=persons):
                continue
            evidence = weigh(query.name, query.birth_date, name, born, truncated=query.name_truncated)
            if person not in best or evidence.nats > best[person][0].nats:
                best[person] = (evidence, text)
        return best

    def _names(self, rows: list[int]) -> list[tuple[int, int, str]]:
        wanted = list(dict.fromkeys(rows))
        found: list[tuple[int, int, str]] = []
        for start in range(0, len(wanted), 200):
            some = wanted[start : start + 200]
            marks = ",".join("?" * len(some))
            query = f"SELECT id, person, name FROM names WHERE id IN ({marks})"  # noqa: S608 - marks alone
            for row, person, text in self._list.rows(query, some):
                found.append((int(row), int(person), str(text)))
        return found

    def _fetch(self, table: str, key: str) -> bytes | str | None:
        query = (
            "SELECT rows FROM parts WHERE part = ?"
            if table == "parts"
            else "SELECT parts FROM keys WHERE key = ?"
        )
        rows = self._list.rows(query, (key,))
        return rows[0][0] if rows else None

    def _entry(self, person: int) -> PersonEntry:
        rows = self._list.rows("SELECT entry FROM persons WHERE id = ?", (person,))
        try:
            return self._decoder.decode(rows[0][0])
        except (IndexError, msgspec.MsgspecError, TypeError, ValueError) as error:
            raise ListUnreadable(
                f"The list {self._list.info.name} has an entry of an unknown kind."
            ) from error


def _shown(text: str) -> str:
    """A stored name as people write it."""
    return text.rstrip("~").replace("<<", ", ").strip(", ")


def _concerning(
    hits: Iterable[PersonHit], direction: Direction | None, today: date | None
) -> tuple[PersonHit, ...]:
    """Those that concern this direction on this day, the surest first."""
    found = [hit for hit in hits if hit.entry.direction.concerns(direction) and _valid(hit.entry, today)]
    found.sort(key=lambda hit: (-hit.certain, -hit.score, hit.reference))
    return tuple(found[:MAX_HITS])


def _valid(entry: PersonEntry, today: date | None) -> bool:
    if today is None:
        return True
    day = today.isoformat()
    return (not entry.valid_from or entry.valid_from <= day) and (
        not entry.valid_until or day <= entry.valid_until
    )


def _other_evidence(query: PersonQuery, entry: PersonEntry) -> tuple[float, tuple[str, ...]]:
    """What sex and nationality add: a little, because readers and registers get them wrong."""
    nats, steps = 0.0, []
    if query.sex in ("M", "F") and entry.sex in ("M", "F"):
        same = query.sex == entry.sex
        nats += SEX[0] if same else SEX[1]
        steps.append(f"sex_{'equal' if same else 'differs'}")
    own, theirs = normalise_state(query.nationality), entry.nationality.split()
    if own and theirs:
        same = own in theirs
        nats += NATIONALITY[0] if same else NATIONALITY[1]
        steps.append(f"nationality_{'equal' if same else 'differs'}")
    return nats, tuple(steps)
