"""What the rules are given: read from the database, without restricted and simulated crossings."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from central.intelligence.patterns import BASE_DAYS, RECENT_DAYS, Trace
from central.statistics.tables import FACES, FACTS
from central.tables import CROSSINGS

DAYS = 2 * (BASE_DAYS + RECENT_DAYS)
"""Looked back: the base and, for stays that began before it, as long again."""


def read_traces(connection: Connection, *, now: dt.datetime, simulated: bool = False) -> tuple[Trace, ...]:
    """The crossings of the last months."""
    since = (now - dt.timedelta(days=DAYS)).astimezone(dt.UTC).isoformat()
    chosen = sa.and_(FACTS.c.moment >= since, FACTS.c.restricted.is_(False), FACTS.c.profile != "training")
    if not simulated:
        chosen = sa.and_(chosen, FACTS.c.simulated.is_(False))
    rows = connection.execute(
        sa.select(
            FACTS.c.crossing,
            FACTS.c.person,
            FACTS.c.document_link,
            FACTS.c.direction,
            FACTS.c.moment,
            FACTS.c.post,
            CROSSINGS.c.device,
            CROSSINGS.c.epoch,
            CROSSINGS.c.seq,
            FACES.c.verdict,
            FACES.c.reason,
        )
        .select_from(
            FACTS.join(CROSSINGS, CROSSINGS.c.crossing == FACTS.c.crossing).outerjoin(
                FACES, FACES.c.crossing == FACTS.c.crossing
            )
        )
        .where(chosen)
        .order_by(FACTS.c.moment, FACTS.c.crossing)
    )
    return tuple(
        Trace(
            crossing=row.crossing,
            record=f"{row.device}/{row.epoch}/{row.seq}",
            person=row.person,
            document=row.document_link,
            direction=row.direction,
            moment=row.moment,
            post=row.post,
            face=f"{row.verdict} {row.reason}" if row.verdict else "",
        )
        for row in rows
    )
