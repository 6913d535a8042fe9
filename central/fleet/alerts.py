"""Alerts: what a person in the operations room must see, each once, until somebody has closed it."""

import datetime as dt
import hashlib

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.contracts.checks import Recommendation, Verdict
from appliance.contracts.movement import Movement
from central.database import insert_once
from central.fleet.tables import ALERTS

MAX_LISTED = 1000


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert; the record that it came from by box, epoch and number."""

    id: str
    kind: str
    device: str
    sentence: str
    epoch: str | None
    seq: int | None
    raised_at: str


class NoSuchAlert(Exception):
    """There is no open alert of this id."""


def raise_alert(
    connection: Connection,
    kind: str,
    device: str,
    sentence: str,
    *,
    epoch: str | None = None,
    seq: int | None = None,
) -> None:
    """Raise it, unless the same was raised before: same kind, box and record, or without record, same day."""
    now = dt.datetime.now(dt.UTC)
    what = f"{now:%Y-%m-%d}" if seq is None and epoch is None else f"{epoch}\0{seq}"
    id_ = hashlib.sha256("\0".join((kind, device, what)).encode()).hexdigest()[:32]
    insert_once(
        connection,
        ALERTS,
        id=id_,
        kind=kind,
        device=device[:64],
        sentence=sentence,
        epoch=epoch,
        seq=seq,
        state="open",
        raised_at=now.isoformat(timespec="milliseconds"),
    )


def alerts_of(movement: Movement) -> list[tuple[str, str]]:
    """Kinds and sentences that a movement gives rise to; no name and no number is in them."""
    found = []
    hits = [
        f"{check.id} ({check.reason})"
        for check in movement.checks
        if check.id.startswith("watchlist.") and check.verdict is Verdict.FAIL
    ]
    if hits:
        found.append(("hit", f"Hit at {movement.post}: {', '.join(hits)}; {movement.outcome.value}."))
    if movement.recommendation is Recommendation.RED:
        reasons = ", ".join(movement.reasons)
        found.append(("red", f"RED at {movement.post} ({reasons}); the officer {movement.outcome.value}."))
    if movement.simulated and movement.profile == "production":
        found.append(("simulated", f"A production box at {movement.post} recorded with simulated devices."))
    return found


def open_alerts(connection: Connection) -> tuple[Alert, ...]:
    """The newest first."""
    rows = connection.execute(
        sa.select(ALERTS)
        .where(ALERTS.c.state == "open")
        .order_by(ALERTS.c.raised_at.desc(), ALERTS.c.id)
        .limit(MAX_LISTED)
    )
    names = Alert.__struct_fields__
    return tuple(Alert(**{name: getattr(row, name) for name in names}) for row in rows)


def close_alert(connection: Connection, id_: str, *, by: str, reason: str) -> None:
    """Somebody has seen to it.

    Raises:
        NoSuchAlert: it is not open.
    """
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    done = connection.execute(
        sa.update(ALERTS)
        .where(ALERTS.c.id == id_, ALERTS.c.state == "open")
        .values(state="closed", closed_at=now, closed_by=by, reason=reason)
    )
    if not done.rowcount:
        raise NoSuchAlert("There is no open alert of this id.")
