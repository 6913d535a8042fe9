"""Who signed what a box says of itself: taken when the box did, or nobody; refused when it is forged or old.

Boxes of earlier versions sign nothing; their reports are taken, and shown as unsigned. A key that central
does not know yet is that of a box whose change of keys is still on its way: worth no more than no signature.
"""

import datetime as dt
import enum
import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.contracts import wire
from appliance.report_signature import ReportSignatureError, read_signature
from central.database import insert_once
from central.fleet.alerts import raise_alert
from central.fleet.box_keys import KeyRing
from central.fleet.tables import REPORTS
from central.store import Batch

SHOWN: Final = dt.timedelta(days=1)
"""So long a refused report stands in the fleet table."""


class Signed(enum.StrEnum):
    """What a report's signature is worth. The first three are taken, the others refused."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    OLD_KEY = "old_key"
    REPLAYED = "replayed"


TAKEN: Final = (Signed.SIGNED, Signed.UNSIGNED, Signed.UNKNOWN_KEY)
WORDS: Final = {
    Signed.UNSIGNED: "unsigned, and was signed before",
    Signed.UNKNOWN_KEY: "signed with a key that is not known here",
    Signed.FORGED: "wrongly signed",
    Signed.OLD_KEY: "signed with a key that was given up",
    Signed.REPLAYED: "an old one given out again",
}


class ReportState(msgspec.Struct, frozen=True, kw_only=True):
    """Of one kind of report of one box."""

    what: str
    taken: Signed | None
    ever_signed: bool
    refused: Signed | None
    refused_at: str | None
    refused_times: int


def believe(
    batch: Batch,
    device: str,
    what: str,
    payload: bytes,
    *,
    user: Sequence[tuple[str, str]],
    retained: bool,
) -> bool:
    """Whether the report is to be taken; what its signature is worth is kept, and a refused one is alerted.

    A retained one was said before, and comes again whenever central starts: that is no replay.
    """
    known = batch.device(device, hold=True)
    if known is None:
        return False
    connection = batch.connection
    insert_once(connection, REPORTS, device=device, what=what, counter=0, refused_times=0)
    here = sa.and_(REPORTS.c.device == device, REPORTS.c.what == what)
    last = connection.execute(sa.select(REPORTS).where(here)).one()
    digest = hashlib.sha256(payload).digest()
    found, counter = _worth(known.ring, wire.topic(device, what), payload, user)
    if found is Signed.SIGNED and counter <= last.counter:
        if counter == last.counter and digest == bytes(last.sha256 or b""):
            return True
        found = Signed.REPLAYED
    if retained and found in (Signed.REPLAYED, Signed.OLD_KEY):
        return False
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    values: dict[str, Any] = {"taken": found.value, "taken_at": now}
    if found is Signed.SIGNED:
        values |= {"counter": counter, "sha256": digest}
    if found not in TAKEN:
        values = {"refused": found.value, "refused_at": now, "refused_times": last.refused_times + 1}
        raise_alert(connection, "report", device, f"A report of the box was refused: {WORDS[found]}.")
    connection.execute(sa.update(REPORTS).where(here).values(**values))
    return found in TAKEN


def states(connection: Connection, device: str) -> tuple[ReportState, ...]:
    """By kind of report."""
    rows = connection.execute(
        sa.select(REPORTS).where(REPORTS.c.device == device).order_by(REPORTS.c.what.desc())
    )
    return tuple(
        ReportState(
            what=row.what,
            taken=row.taken and Signed(row.taken),
            ever_signed=row.counter > 0,
            refused=row.refused and Signed(row.refused),
            refused_at=row.refused_at,
            refused_times=row.refused_times,
        )
        for row in rows
    )


def problems(found: Sequence[ReportState], *, now: dt.datetime) -> list[str]:
    """For the fleet table. Who never signed is of an earlier version, and no problem."""
    said = []
    for one in found:
        if one.taken is Signed.UNKNOWN_KEY or (one.taken is Signed.UNSIGNED and one.ever_signed):
            said.append(f"{one.what}: {WORDS[one.taken]}")
        if one.refused and one.refused_at and now - dt.datetime.fromisoformat(one.refused_at) < SHOWN:
            times = f", {one.refused_times} times" if one.refused_times > 1 else ""
            said.append(f"{one.what}: refused, {WORDS[one.refused]} ({one.refused_at[:16]}{times})")
    return said


def _worth(ring: KeyRing, topic: str, payload: bytes, user: Sequence[tuple[str, str]]) -> tuple[Signed, int]:
    try:
        signature = read_signature(user)
        if signature is None:
            return Signed.UNSIGNED, 0
        key = ring.verifier(signature.kid)
        if key is None:
            return Signed.UNKNOWN_KEY, 0
        signature.verify(topic, payload, key)
    except ReportSignatureError:
        return Signed.FORGED, 0
    return (Signed.SIGNED if signature.kid == ring.current else Signed.OLD_KEY), signature.counter
