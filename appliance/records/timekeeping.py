"""Clock corrections: when wall time turns out to be another than was written, a record says so.

Nothing that was recorded is rewritten (promise 4). A correction maps monotonic time of one boot to wall time,
so that whoever reads the records of that boot can tell when they truly were.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from appliance.clock import BUILD_TIME, TimeQuality, wall_of
from appliance.contracts.movement import Stamp

TOLERANCE: Final = dt.timedelta(seconds=1)
"""A wall clock that is steered drifts by less than that between two records that matter to anyone."""


class ClockWatch:
    """Compares the clock with where it stood last, in the same boot."""

    def __init__(self, reference: Stamp | None = None) -> None:
        self._reference = reference

    def look(self, stamp: Stamp) -> dict[str, Any] | None:
        """The correction that this moment makes necessary, None when there is none."""
        before, after = self._reference, stamp
        if before is None or before.boot_id != after.boot_id or after.monotonic_ns < before.monotonic_ns:
            self._reference = after
            return None
        passed = dt.timedelta(microseconds=(after.monotonic_ns - before.monotonic_ns) // 1000)
        expected = wall_of(before) + passed
        shift = wall_of(after) - expected
        became_sure = TimeQuality(after.quality).sure and not TimeQuality(before.quality).sure
        if abs(shift) <= TOLERANCE and not became_sure:
            return None
        self._reference = after
        return {
            "boot_id": after.boot_id,
            "monotonic_ns": after.monotonic_ns,
            "wall": after.wall,
            "quality": after.quality,
            "uncertainty_ms": after.uncertainty_ms,
            "expected": expected.isoformat(timespec="milliseconds"),
            "quality_before": before.quality,
            "shift_ms": round(shift / dt.timedelta(milliseconds=1)),
        }


def certainly_past(meta: Mapping[str, Any], stamp: Stamp | None = None) -> dt.datetime:
    """The latest moment that is certainly past: by central's word, by the last record, by a sure `stamp`."""
    moments = [BUILD_TIME, past_by(str(meta["last_stamp"])), moment_of(str(meta["acknowledged_at"]))]
    if stamp is not None and TimeQuality(stamp.quality).sure:
        moments.append(wall_of(stamp))
    return max(moment for moment in moments if moment is not None)


def moment_of(text: str) -> dt.datetime | None:
    """A moment that was written with its time zone; None when there is none."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def past_by(last_record: str) -> dt.datetime | None:
    """What is certainly past by the last record's stamp; nothing by one whose clock was not sure of itself.

    Of the last one and not the latest: a battery-backed clock that was once years ahead, and was corrected
    since, must not hold the floor up.
    """
    try:
        stamp = msgspec.json.decode(last_record, type=Stamp)
        moment, quality = wall_of(stamp), TimeQuality(stamp.quality)
    except (msgspec.MsgspecError, ValueError):
        return None
    return moment if quality is not TimeQuality.UNSURE and moment.tzinfo else None
