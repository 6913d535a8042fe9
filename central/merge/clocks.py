"""Clock corrections: when a box's clock turns out to have been wrong, its crossings count at true time.

A box never rewrites a record; it records a correction, which maps the monotonic time of one boot to wall
time. What was recorded before it in the same boot is moved by its shift, here, in the derived columns. All
of a boot's later corrections add up, so the result is the same in whatever order they arrive.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from central.database import insert_once
from central.merge.tables import CLOCK_CORRECTIONS
from central.statistics.tables import FACTS
from central.tables import CROSSINGS

SURE: Final = ("nts", "gnss", "rtc")
CORRECTED: Final = "corrected"
"""The time quality of a crossing that was moved."""
_MAX_SHIFT_MS: Final = 100 * 365 * 86_400_000
_MAX_NS: Final = 2**63 - 1


def note_correction(connection: Connection, device: str, body: Mapping[str, Any]) -> set[str]:
    """Keep a correction that a box recorded, and move what it touches; whose crossings were moved.

    One that makes no sense is passed over: its record is kept all the same.
    """
    boot, monotonic = body.get("boot_id"), body.get("monotonic_ns")
    shift, quality = body.get("shift_ms"), body.get("quality")
    if not isinstance(boot, str) or not 0 < len(boot) <= 64 or type(monotonic) is not int:
        return set()
    if type(shift) is not int or abs(shift) > _MAX_SHIFT_MS or not 0 <= monotonic <= _MAX_NS:
        return set()
    known = insert_once(
        connection,
        CLOCK_CORRECTIONS,
        device=device,
        boot_id=boot,
        monotonic_ns=monotonic,
        shift_ms=shift,
        sure=quality in SURE,
    )
    if not known:
        return set()
    here = sa.and_(FACTS.c.device == device, FACTS.c.boot_id == boot, FACTS.c.monotonic_ns < monotonic)
    found = connection.execute(sa.select(FACTS.c.crossing).where(here)).scalars().all()
    return {person for crossing in found if (person := follow(connection, crossing)) is not None}


def follow(connection: Connection, crossing: str) -> str | None:
    """Put a crossing at its true time, as far as corrections are known; its person if that moved it."""
    row = connection.execute(
        sa.select(FACTS, CROSSINGS.c.decided_at, CROSSINGS.c.time_quality.label("told"))
        .select_from(FACTS.join(CROSSINGS, CROSSINGS.c.crossing == FACTS.c.crossing))
        .where(FACTS.c.crossing == crossing)
    ).one()
    later = connection.execute(
        sa.select(CLOCK_CORRECTIONS)
        .where(
            CLOCK_CORRECTIONS.c.device == row.device,
            CLOCK_CORRECTIONS.c.boot_id == row.boot_id,
            CLOCK_CORRECTIONS.c.monotonic_ns > row.monotonic_ns,
        )
        .order_by(CLOCK_CORRECTIONS.c.monotonic_ns)
    ).all()
    moment, quality = row.decided_at, row.told
    if later and later[-1].sure:
        shift = dt.timedelta(milliseconds=sum(one.shift_ms for one in later))
        try:
            true = dt.datetime.fromisoformat(row.decided_at).astimezone(dt.UTC) + shift
            moment, quality = true.isoformat(timespec="milliseconds"), CORRECTED
        except (ValueError, OverflowError):
            return None
    if (moment, quality) == (row.moment, row.time_quality):
        return None
    change = {"moment": moment, "time_quality": quality}
    connection.execute(sa.update(FACTS).where(FACTS.c.crossing == crossing).values(**change))
    return str(row.person)
