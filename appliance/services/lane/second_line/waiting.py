"""How long a crossing has waited, as far as its box can tell."""

import datetime as dt
from typing import Final

from appliance.clock import TimeQuality, wall_of
from appliance.contracts.movement import Stamp

NS: Final = 1_000_000_000


def waited_seconds(since: Stamp, now: Stamp) -> float | None:
    """Within one boot by the monotonic clock; else by wall time when both were sure of it; else None."""
    if since.boot_id == now.boot_id:
        return max(0.0, (now.monotonic_ns - since.monotonic_ns) / NS)
    if not all(TimeQuality(one.quality).sure for one in (since, now)):
        return None
    return max(0.0, (wall_of(now) - wall_of(since)) / dt.timedelta(seconds=1))
