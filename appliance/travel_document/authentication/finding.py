"""A finding: one check's id, verdict, reason and evidence, in the vocabulary of the house's checks."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Verdict = Literal["PASS", "FAIL", "NOT_DONE", "CANNOT"]

PASS: Final = "PASS"  # noqa: S105
FAIL: Final = "FAIL"
NOT_DONE: Final = "NOT_DONE"
CANNOT: Final = "CANNOT"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check, with what it saw and leaned on; no traveller's data in it."""

    id: str
    verdict: Verdict
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "verdict": self.verdict, "reason": self.reason, "evidence": self.evidence}


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, and how far true time may be beyond it; `sure_within` None: nobody knows."""

    now: dt.datetime
    sure_within: dt.timedelta | None = dt.timedelta()
    floor: dt.datetime | None = None
    """Certainly past, whatever the clock says."""

    def within(self, begins: dt.datetime, ends: dt.datetime) -> bool | None:
        """Whether now lies between these; None when the clock cannot tell."""
        if self.floor is not None and self.floor > ends:
            return False
        if self.sure_within is None:
            return None
        if self.now > ends or self.now < begins:
            return False
        return True if self.now + self.sure_within <= ends else None

    def age_hours(self, since: dt.datetime | None) -> float | None:
        """How old something is; None when the clock cannot tell."""
        if since is None or self.sure_within is None:
            return None
        return round(max(0.0, (self.now - since).total_seconds() / 3600), 1)
