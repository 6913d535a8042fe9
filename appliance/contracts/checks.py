"""The verdict lattice: what a check can say, and what the machine recommends (promise 1)."""

import enum
from typing import Any

import msgspec


class Verdict(enum.StrEnum):
    """PASS and FAIL were found out; NOT_DONE was not tried; CANNOT was tried in vain."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    NOT_DONE = "NOT_DONE"
    CANNOT = "CANNOT"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check: `id` is area.what, `reason` a code, `evidence` what it saw and leaned on.

    The age of a list is in the evidence as `list_age_hours`, so that "no hit" is never said without it.
    """

    id: str
    verdict: Verdict
    reason: str
    evidence: dict[str, Any] = {}


class Recommendation(enum.StrEnum):
    """What the machine recommends; the officer decides."""

    GREEN = "GREEN"
    AMBER = "AMBER"
    RED = "RED"

    @property
    def severity(self) -> int:
        return ("GREEN", "AMBER", "RED").index(self.value)


class Outcome(enum.StrEnum):
    """What the officer decided."""

    ADMITTED = "admitted"
    REFERRED = "referred"


class Direction(enum.StrEnum):
    """Which way the traveller goes."""

    ENTRY = "entry"
    EXIT = "exit"
