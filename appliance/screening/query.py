"""What `borne list query` answers: one subject against the lists, or a table of pairs of persons."""

import csv
import sys
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TextIO

from appliance.contracts.checks import Check, Direction, Verdict
from appliance.screening.dates import BirthDate, DateError
from appliance.screening.lists import OpenLists
from appliance.screening.names import PersonName
from appliance.screening.pairs import KnownPairs
from appliance.screening.persons.evidence import weigh
from appliance.screening.screen import screen
from appliance.screening.subject import Subject

PAIR_COLUMNS: Final = ("name", "birth_date", "other_name", "other_birth_date")
ADDED_COLUMNS: Final = ("score", "verdict")
MAX_CELL: Final = 1_000_000
"""Other columns are the caller's own, and may hold whole articles."""
_HIT_KEYS: Final = frozenset(
    (
        *("list", "kind", "score", "why", "list_age_hours", "entry", "entry_reason", "action", "contact"),
        *("matched", "spelling", "reported", "owner", "legal_basis"),
    )
)


class PairsError(ValueError):
    """The table of pairs is no CSV, or lacks a column."""


def query(
    subject: Subject,
    lists: OpenLists,
    *,
    direction: Direction | None,
    now: datetime,
    time_quality: str,
    known: KnownPairs | None = None,
) -> dict[str, Any]:
    """The same checks as at the crossing, as the command's one object."""
    return to_json(
        screen(subject, lists, direction=direction, now=now, time_quality=time_quality, known=known)
    )


def to_json(checks: Iterable[Check]) -> dict[str, Any]:
    """{"hits": [{"list", "kind", "score", "why", ...}], "list_age_hours": ..., "checks": [...]}."""
    checks = tuple(checks)
    hits: list[dict[str, Any]] = []
    ages: list[float | None] = []
    for check in checks:
        ages.extend(one["list_age_hours"] for one in check.evidence.get("lists", ()))
        if check.verdict is Verdict.FAIL:
            first = {key: value for key, value in check.evidence.items() if key in _HIT_KEYS}
            hits += [{"check": check.id, **one} for one in (first, *check.evidence["others"])]
    return {
        "hits": hits,
        "list_age_hours": None if not ages or None in ages else max(age or 0.0 for age in ages),
        "checks": [
            {
                "id": check.id,
                "verdict": check.verdict.value,
                "reason": check.reason,
                "evidence": check.evidence,
            }
            for check in checks
        ],
    }


def score_pairs(source: TextIO, target: TextIO) -> int:
    """The table with `score` (0 to 1) and `verdict` (FAIL: a hit) added to each row, its own columns kept.

    A birth date that nobody can read counts as not known, as at the crossing; how many there were is
    returned.

    Raises:
        PairsError: not such a table; the line is named.
    """
    csv.field_size_limit(min(MAX_CELL, sys.maxsize))
    reader = csv.DictReader(source, restval="")
    try:
        header = list(reader.fieldnames or ())
        missing = [column for column in PAIR_COLUMNS if column not in header]
        if missing:
            raise PairsError(f"line 1: {', '.join(missing)} is missing.")
        own = [column for column in header if column not in ADDED_COLUMNS]
        writer = csv.DictWriter(target, [*own, *ADDED_COLUMNS], lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        unread = 0
        for row in reader:
            scored, dates = _scored(row)
            unread += dates
            writer.writerow(row | scored)
    except (csv.Error, UnicodeDecodeError) as error:
        raise PairsError(f"line {reader.line_num}: {error}") from error
    return unread


def _scored(row: dict[str, str]) -> tuple[dict[str, str], int]:
    name, birth_date, other_name, other_birth_date = (row[column] or "" for column in PAIR_COLUMNS)
    born, unread = _date(birth_date)
    other_born, other_unread = _date(other_birth_date)
    evidence = weigh(PersonName.of(name), born, PersonName.of(other_name), other_born)
    verdict = Verdict.FAIL if evidence.enough_for_a_pair else Verdict.PASS
    return {"score": f"{evidence.score:.6f}", "verdict": verdict.value}, unread + other_unread


@lru_cache(maxsize=65536)
def _date(text: str) -> tuple[BirthDate, int]:
    """The date, and 1 when it is one that nobody can read."""
    try:
        return BirthDate.parse(text), 0
    except DateError:
        return BirthDate(), 1
