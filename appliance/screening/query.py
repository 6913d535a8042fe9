"""What `borne list query` answers: one subject against the lists, or a table of pairs of names."""

import csv
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, TextIO

from appliance.contracts.checks import Check, Direction, Verdict
from appliance.screening.dates import BirthDate, DateError
from appliance.screening.lists import OpenLists
from appliance.screening.names import PersonName
from appliance.screening.persons import HIT_SCORE, judge
from appliance.screening.screen import Subject, screen

PAIR_COLUMNS: Final = ("name", "birth_date", "other_name", "other_birth_date")
ADDED_COLUMNS: Final = ("score", "verdict")
_HIT_KEYS: Final = frozenset(
    ("list", "kind", "score", "why", "list_age_hours", "entry", "entry_reason", "action", "contact")
)


class PairsError(ValueError):
    """The table of pairs is no CSV, lacks a column, or has a birth date that is none."""


def query(
    subject: Subject, lists: OpenLists, *, direction: Direction | None, now: datetime, time_quality: str
) -> dict[str, Any]:
    """The same checks as at the crossing, as the command's one object."""
    return to_json(screen(subject, lists, direction=direction, now=now, time_quality=time_quality))


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


def score_pairs(source: TextIO, target: TextIO) -> None:
    """The table with `score` (0 to 1) and `verdict` (FAIL: a hit) added to each row, its own columns kept.

    Raises:
        PairsError: not such a table; the line is named.
    """
    reader = csv.DictReader(source)
    header = reader.fieldnames or ()
    missing = [column for column in PAIR_COLUMNS if column not in header]
    if missing:
        raise PairsError(f"line 1: {', '.join(missing)} is missing.")
    own = [column for column in header if column not in ADDED_COLUMNS]
    writer = csv.DictWriter(target, [*own, *ADDED_COLUMNS], lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    try:
        for row in reader:
            writer.writerow(row | _scored(row))
    except (csv.Error, DateError, UnicodeDecodeError) as error:
        raise PairsError(f"line {reader.line_num}: {error}") from error


def _scored(row: dict[str, str]) -> dict[str, str]:
    name, birth_date, other_name, other_birth_date = (row[column] or "" for column in PAIR_COLUMNS)
    score, _, _ = judge(
        PersonName.of(name),
        BirthDate.parse(birth_date),
        PersonName.of(other_name),
        BirthDate.parse(other_birth_date),
    )
    verdict = Verdict.FAIL if score >= HIT_SCORE else Verdict.PASS
    return {"score": f"{score:.3f}", "verdict": verdict.value}
