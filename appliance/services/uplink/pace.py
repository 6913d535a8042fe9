"""How fast: central's ordered rate, the window that fits its speed, the wait before the next connection."""

import enum
import random
import time
from collections.abc import Callable
from typing import Final

MIN_BACKOFF_SECONDS: Final = 2.0
MAX_BACKOFF_SECONDS: Final = 60.0
LEAST_SHARE: Final = 0.1
"""Thousands of boxes lose one broker in one moment: each comes back at its own, anywhere in the wait."""
BURST_SECONDS: Final = 1.0
"""What was not sent in the last second is not made up for."""
MAX_PATIENCE_SECONDS: Final = 120.0
PATIENT_TIMES: Final = 4
MAX_TIMES: Final = 64
SAMPLE_SECONDS: Final = 0.25


class Backoff:
    """Waits that double, each anywhere between a tenth of its length and all of it."""

    def __init__(self, least: float = MIN_BACKOFF_SECONDS, most: float = MAX_BACKOFF_SECONDS) -> None:
        self._least = least
        self._most = most
        self._length = least

    def reset(self) -> None:
        """The last connection was a good one."""
        self._length = self._least

    def next(self) -> float:
        """Seconds to wait now."""
        wait = random.uniform(LEAST_SHARE, 1.0) * self._length
        self._length = min(2 * self._length, self._most)
        return wait


class Rate:
    """A token bucket of records; without a rate it is always full. Alerts are counted and never held back."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._per_second: float | None = None
        self._tokens = 0.0
        self._at = now()

    def set(self, per_second: float | None) -> None:
        """As central has ordered; a new rate begins with an empty bucket."""
        if per_second != self._per_second:
            self._per_second, self._tokens, self._at = per_second, 1.0, self._now()

    def allowed(self, most: int) -> int:
        """How many records may go now, at most so many."""
        if self._per_second is None:
            return most
        now = self._now()
        fill = self._tokens + (now - self._at) * self._per_second
        self._tokens = min(fill, max(1.0, self._per_second * BURST_SECONDS))
        self._at = now
        return max(0, min(most, int(self._tokens)))

    def spend(self, records: int) -> None:
        """So many have gone; alerts may leave the bucket in debt, which history then pays."""
        if self._per_second is not None:
            self._tokens -= records


class Patience:
    """How long central may be silent before what it has not spoken for is sent again.

    Some times what it usually takes: a central that is slow, and gets everything twice, is slower still.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._usual = 0.0
        self._times = 1
        """Doubled at each silence, and one again at the next word."""

    @property
    def seconds(self) -> float:
        return min(MAX_PATIENCE_SECONDS, self._times * max(self._least, PATIENT_TIMES * self._usual))

    def heard(self, after: float | None) -> None:
        """Central has spoken, so many seconds after its last word, or after it was first owed one.

        None when something was lost meanwhile: how long we waited then says nothing of central, and to learn
        from it would make us wait longer each time (Karn's rule).
        """
        if after is not None:
            self._usual += (after - self._usual) / (4 if self._usual else 1)
        self._times = 1

    def lost(self) -> None:
        """It is sent again now."""
        self._times = min(2 * self._times, MAX_TIMES)


class Window:
    """How many records are under way: what central commits in `seconds`, as it was last seen to.

    With a longer round trip than `seconds` it would shrink to its least; with any shorter one it grows until
    central or the line is the limit. It begins with `first` records.
    """

    def __init__(self, least: int, most: int, seconds: float, *, first: int) -> None:
        self._least, self._most, self._seconds = least, most, seconds
        self._count, self._took = 0, 0.0
        self.records = first

    def committed(self, records: int, *, after: float, under_way: int) -> None:
        """Central has spoken for so many more, of so many that were under way, `after` so many seconds since
        its last word, or since it was first owed one."""
        self._count += records
        self._took += after
        if self._took < SAMPLE_SECONDS:
            return
        fits = int(self._count / self._took * self._seconds)
        if 2 * under_way >= self.records:  # a window that is not used tells no speed
            self.records = max(self._least, min(self._most, (self.records + fits) // 2))
        self._count, self._took = 0, 0.0


class Said(enum.Enum):
    """What central's word tells of records that were sent again before it came."""

    HAD = enum.auto()
    """It had them all the time, and was slow; or none were sent again."""
    LACKED = enum.auto()
    UNKNOWN = enum.auto()


class Again:
    """How many records are sent again when central is silent: few, as nearly always it is only slow.

    What it then says tells more. A word that goes beyond what was sent again says that it was slow. One that
    ends with that, while more was under way, says that the rest may be lost too: twice as many the next time.
    """

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most
        self._through: int | None = None
        self._when_there = Said.HAD
        self.records = least

    def sent(self, through: int, *, under_way: int, named: bool = False) -> None:
        """Up to this number, just now, of all up to `under_way`; `named` by central as what it lacks."""
        self._through = through
        self._when_there = Said.LACKED if named or through < under_way else Said.UNKNOWN
        if named:
            self._through = under_way

    def heard(self, through: int) -> Said:
        """Central has all up to this number."""
        if self._through is None:
            return Said.HAD
        said = Said.HAD if through > self._through else self._when_there
        self.records = min(2 * self.records, self._most) if said is Said.LACKED else self._least
        self._through = None
        return said
