"""Persons on lists, by number or by likeness of name and birth date; every hit explains itself."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from appliance.contracts.checks import Direction
from appliance.screening.dates import Agreement, BirthDate, agreement
from appliance.screening.documents import normalise_number, normalise_state
from appliance.screening.lists import EntryDirection, ListUnreadable, OpenList
from appliance.screening.names import PersonName, compare, whole_likeness

NAME_LIKENESS_NEEDED: Final = {
    # Read off 5,350 sanctioned persons with 13 thousand names: the likeness that about two of 10,000
    # strangers from all over the world reach. The less the birth dates say, the more the names must.
    Agreement.EXACT: 0.74,
    Agreement.DAY_MONTH_SWAPPED: 0.80,
    Agreement.ONE_PART_DIFFERS: 0.92,
    Agreement.PARTIAL: 0.93,
    Agreement.YEAR_NEAR: 0.94,
    Agreement.UNKNOWN: 0.94,
}
"""Below it a name is no hit. Different birth dates are none, whatever the name."""
HIT_SCORE: Final = NAME_LIKENESS_NEEDED[Agreement.EXACT]
"""The one score at which every hit begins, since `score` takes off what the birth dates leave open."""
DIFFERENT_DATES_COST: Final = 0.5
WORTH_ALIGNING: Final = 0.70
"""Names that share no sound and are less alike as a whole than this are not aligned part by part."""


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

    reference: str
    entry_reason: str
    direction: EntryDirection
    score: float
    certain: bool
    why: tuple[str, ...]


def score_of(likeness: float, dates: Agreement) -> float:
    """One scale for all evidence: a hit from `HIT_SCORE`."""
    if dates is Agreement.DIFFERENT:
        return max(0.0, likeness - DIFFERENT_DATES_COST)
    return max(0.0, likeness - (NAME_LIKENESS_NEEDED[dates] - HIT_SCORE))


def judge(
    one: PersonName, born: BirthDate, other: PersonName, other_born: BirthDate, *, truncated: bool = False
) -> tuple[float, bool, tuple[str, ...]]:
    """Score, whether it is certain, and why, for two names with their birth dates."""
    dates = agreement(born, other_born)
    likeness = compare(one, other, truncated=truncated)
    certain = likeness.same_parts and dates is Agreement.EXACT
    return round(score_of(likeness.score, dates), 3), certain, (*likeness.why, f"birth_date_{dates}")


def search_persons(
    one: OpenList, query: PersonQuery, *, direction: Direction | None
) -> tuple[PersonHit, ...]:
    """The entries that may be this person, the likeliest first.

    Raises:
        ListUnreadable: the list is damaged.
    """
    found: dict[str, PersonHit] = {}
    for hit in (*_by_document(one, query), *_by_name(one, query)):
        known = found.get(hit.reference)
        if hit.direction.concerns(direction) and (
            known is None or (known.certain, known.score) < (hit.certain, hit.score)
        ):
            found[hit.reference] = hit
    return tuple(sorted(found.values(), key=lambda hit: (-hit.certain, -hit.score, hit.reference)))


def search_personal_number(
    one: OpenList, *, number: str, states: Iterable[str], direction: Direction | None
) -> tuple[PersonHit, ...]:
    """The entries with this personal number; certain when the list says that one of `states` gave it out.

    Raises:
        ListUnreadable: the list is damaged.
    """
    hits = _by_number(one, "personal_numbers", number, states, "personal_number")
    return tuple(hit for hit in hits if hit.direction.concerns(direction))


def _by_document(one: OpenList, query: PersonQuery) -> Iterator[PersonHit]:
    if normalise_number(query.document_number):
        yield from _by_number(
            one, "document_numbers", query.document_number, (query.issuing_state,), "document_number"
        )


def _by_number(
    one: OpenList, table: str, number: str, states: Iterable[str], what: str
) -> Iterator[PersonHit]:
    own = {normalise_state(state) for state in states} - {""}
    rows = one.rows(
        f"SELECT p.*, n.state FROM {table} n JOIN persons p ON p.id = n.person WHERE n.number = ?",  # noqa: S608
        (normalise_number(number),),
    )
    for row in rows:
        # Two states may well give out the same number: whose it is decides.
        if row["state"] and own and row["state"] not in own:
            continue
        certain = row["state"] in own
        step = "issuing_state_equal" if certain else "issuing_state_not_known"
        yield _hit(one, row, 1.0 if certain else HIT_SCORE, certain=certain, why=(f"{what}_equal", step))


def _by_name(one: OpenList, query: PersonQuery) -> Iterator[PersonHit]:
    if not query.name.parts:
        return
    for _, rows in groupby(_candidates(one, query.birth_date), key=lambda row: int(row["id"])):
        best: tuple[float, bool, tuple[str, ...], sqlite3.Row] | None = None
        for row in rows:
            name = PersonName(
                tuple(row["primary_identifier"].split()), tuple(row["secondary_identifier"].split())
            )
            if not worth_aligning(query.name, name, sounds=frozenset(row["sounds"].split())):
                continue
            born = BirthDate(row["year"], row["month"], row["day"])
            judged = judge(query.name, query.birth_date, name, born, truncated=query.name_truncated)
            if judged[0] >= HIT_SCORE and (best is None or (judged[1], judged[0]) > (best[1], best[0])):
                best = (*judged, row)
        if best is not None:
            score, certain, why, row = best
            yield _hit(one, row, score, certain=certain, why=(*why, *_other_steps(query, row)))


def worth_aligning(one: PersonName, other: PersonName, *, sounds: frozenset[str]) -> bool:
    return not sounds.isdisjoint(one.sounds) or whole_likeness(one, other) >= WORTH_ALIGNING


def _candidates(one: OpenList, born: BirthDate) -> list[sqlite3.Row]:
    """Every name of every person whose birth date could agree: some 5 in 100 when the date is whole."""
    columns = (
        "SELECT p.*, n.primary_identifier, n.secondary_identifier, n.sounds, b.year, b.month, b.day "
        "FROM births b JOIN persons p ON p.id = b.person JOIN names n ON n.person = p.id "
    )
    if born.year is None:
        return one.rows(columns + "ORDER BY p.id")
    return one.rows(
        columns
        + "WHERE b.year BETWEEN ? AND ? OR b.year IS NULL OR (b.month = ? AND b.day = ?) ORDER BY p.id",
        (born.year - 1, born.year + 1, born.month, born.day),
    )


def _other_steps(query: PersonQuery, row: sqlite3.Row) -> Iterator[str]:
    """Told to the officer, not scored: readers and registers get them wrong too often."""
    for what, own, theirs in (
        ("sex", query.sex if query.sex in ("M", "F") else "", row["sex"]),
        ("nationality", normalise_state(query.nationality), row["nationality"]),
    ):
        if own and theirs:
            yield f"{what}_{'equal' if own == theirs else 'differs'}"


def _hit(one: OpenList, row: sqlite3.Row, score: float, *, certain: bool, why: tuple[str, ...]) -> PersonHit:
    try:
        return PersonHit(
            reference=str(row["reference"]),
            entry_reason=str(row["reason"]),
            direction=EntryDirection(row["direction"]),
            score=score,
            certain=certain,
            why=why,
        )
    except ValueError as error:
        raise ListUnreadable(f"The list {one.info.name} has an entry of an unknown kind.") from error
