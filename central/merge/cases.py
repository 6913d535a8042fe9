"""What the second line decided about crossings, at whichever box: closings of referred ones, and reviews.

A crossing stays as it was recorded; how it ended stands beside it. Who was refused or withdrew has not
crossed, and is in no stay. Two closings of one crossing, of boxes that could not reach each other, are a
person's to look at.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.contracts.asked import MAX_ENTRIES
from appliance.contracts.cases import CaseKind, CaseOutcome, Ground
from appliance.contracts.visas import VisaDecision, VisaOutcome
from central.database import insert_once
from central.fleet.alerts import raise_alert
from central.merge.rules import Task
from central.merge.tables import CASE_CLOSINGS, VISA_DECISIONS
from central.statistics.tables import FACTS

NOT_CROSSED: Final = (CaseOutcome.REFUSED.value, CaseOutcome.WITHDRAWN.value)
MAX_TYPE: Final = 16
MAX_DAYS: Final = 3660
_OUTCOMES: Final = frozenset(CaseOutcome)
_GROUNDS: Final = frozenset(Ground)


def note_closing(
    connection: Connection, record: tuple[str, str, int], body: Mapping[str, Any], *, made_at: str
) -> tuple[set[str], list[tuple[str, Task]]]:
    """Keep what a box recorded (`record` is its name, epoch and number); whose crossings to put together
    anew, and what a person has to look at, by whose it is.

    What makes no sense stays in the sealed record alone.
    """
    values = _values(body)
    if values is None:
        return set(), []
    device, epoch, seq = record
    insert_once(
        connection, CASE_CLOSINGS, device=device, epoch=epoch, seq=seq, closed_at=made_at[:40], **values
    )
    crossing = values["crossing"]
    visa = _visa(body.get("visa"))
    if visa is not None and values["kind"] == CaseKind.REFERRED:
        place = {"device": device, "epoch": epoch, "seq": seq, "crossing": crossing}
        insert_once(connection, VISA_DECISIONS, **place, decided_at=made_at[:40], **visa)
    if values["outcome"] == CaseOutcome.NOT_UPHELD:
        sentence = "A supervisor found that a release under RED was not right."
        raise_alert(connection, "release_not_upheld", device, sentence, epoch=epoch, seq=seq)
    persons = set(connection.execute(sa.select(FACTS.c.person).where(FACTS.c.crossing == crossing)).scalars())
    outcomes = connection.execute(
        sa.select(CASE_CLOSINGS.c.device, CASE_CLOSINGS.c.outcome)
        .where(CASE_CLOSINGS.c.crossing == crossing, CASE_CLOSINGS.c.kind == CaseKind.REFERRED.value)
        .order_by(CASE_CLOSINGS.c.device, CASE_CLOSINGS.c.outcome)
    ).all()
    if values["kind"] != CaseKind.REFERRED or len(outcomes) < 2:
        return persons, []
    said = ", ".join(f"{row.outcome} at {row.device}" for row in outcomes)
    task = Task(
        rule="case_closed_twice",
        sentence=f"A referred crossing was closed more than once: {said}.",
        crossings=(crossing,),
    )
    return persons, [(min(persons, default=""), task)]


def _visa(said: object) -> dict[str, Any] | None:
    """What became of an application for a visa on arrival; None without one, and of what makes no sense."""
    try:
        decision = msgspec.convert(said, VisaDecision)
    except msgspec.ValidationError:
        return None
    grant = decision.grant
    fits = (grant is not None) == (decision.outcome is VisaOutcome.GRANTED)
    if not fits or len(decision.type) > MAX_TYPE or "\0" in decision.type:
        return None
    if grant is not None and not (0 < grant.days <= MAX_DAYS and 0 <= grant.entries <= MAX_ENTRIES):
        return None
    return {
        "outcome": decision.outcome.value,
        "type": decision.type,
        "days": grant.days if grant else None,
        "entries": grant.entries if grant else None,
    }


def not_crossed() -> sa.ColumnElement[bool]:
    """Of `facts`: the second line refused this crossing, or the traveller withdrew."""
    return sa.exists(
        sa.select(sa.literal(1)).where(
            CASE_CLOSINGS.c.crossing == FACTS.c.crossing,
            CASE_CLOSINGS.c.of_device == FACTS.c.device,
            CASE_CLOSINGS.c.kind == CaseKind.REFERRED.value,
            CASE_CLOSINGS.c.outcome.in_(NOT_CROSSED),
        )
    )


def _values(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The columns; None when a box says something else than was agreed."""
    text = {name: body.get(name) for name in ("crossing", "device", "kind", "outcome", "officer", "role")}
    if not all(isinstance(value, str) and "\0" not in value for value in text.values()):
        return None
    named = {name: str(value) for name, value in text.items()}
    ground, waited = body.get("ground"), body.get("waited_seconds")
    if (
        not 0 < len(named["crossing"]) <= 64
        or named["kind"] not in frozenset(CaseKind)
        or named["outcome"] not in _OUTCOMES
        or not (ground is None or ground in _GROUNDS)
        or not (waited is None or (isinstance(waited, int | float) and waited >= 0))
    ):
        return None
    return {
        "crossing": named["crossing"],
        "of_device": named["device"][:64],
        "kind": named["kind"],
        "outcome": named["outcome"],
        "ground": ground,
        "officer": named["officer"][:64],
        "role": named["role"][:16],
        "waited_seconds": None if waited is None else float(waited),
        "late": body.get("late") is True,
    }
