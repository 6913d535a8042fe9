"""Time as a measurement: a moment with its boot, its monotonic time, its wall time and how far to trust that.

No passport is called expired on an unsure clock (promise 4): `judge_expiry` holds that.
"""

import ctypes
import enum
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final, Literal

from appliance.config import ClockSource
from appliance.contracts.movement import Stamp

BUILD_TIME: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""No box with this code can live before it; moved forward with each release."""
MAX_AHEAD: Final = timedelta(days=3653)
"""A clock ten years above its floor is a dead battery's garbage, not a box that slept so long."""
CARRIED_MARGIN: Final = timedelta(days=183)
"""How long a box may have lain switched off between two crossings while its carried clock stood still."""

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_RTC: Final = Path("/sys/class/rtc")
_TIME_ERROR: Final = 5
"""What adjtimex(2) returns while the kernel's clock is not synchronised (STA_UNSYNC)."""
_TIMEX_BYTES: Final = 512
"""More than `struct timex` has on any architecture (208 on 64 bits)."""


class ClockError(Exception):
    """The kernel does not give what every stamp needs."""


class TimeQuality(enum.StrEnum):
    """Where wall time comes from, the best first."""

    NTS = "nts"
    GNSS = "gnss"
    RTC = "rtc"
    CARRIED = "carried"
    """It went on from where the box was switched off: behind true time, nobody knows how far."""
    UNSURE = "unsure"

    @property
    def sure(self) -> bool:
        return self in (TimeQuality.NTS, TimeQuality.GNSS, TimeQuality.RTC)


Expiry = Literal["valid", "expired", "clock_unsure"]


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the clock asks of the kernel; tests put their own answers here."""

    boot_id: Callable[[], str]
    boottime_ns: Callable[[], int]
    wall_ns: Callable[[], int]
    synchronised: Callable[[], bool]
    set_from_rtc: Callable[[], bool]
    max_error_us: Callable[[], int | None] = lambda: None
    """While it is synchronised: how far it may be off, in microseconds."""


class Clock:
    """The box's clock. Safe to use from several threads.

    `floor` is the latest moment that is known to be past: the build, the last record, the last signed
    acknowledgement. `disciplined_by` is what the time daemon follows, as the configuration says or, called,
    as the daemon itself says now; the kernel knows only that something disciplines its clock, so without that
    word it counts as "rtc".
    """

    def __init__(
        self,
        *,
        source: ClockSource = ClockSource.AUTO,
        floor: datetime = BUILD_TIME,
        disciplined_by: TimeQuality | Callable[[], TimeQuality] = TimeQuality.RTC,
        kernel: Kernel | None = None,
    ) -> None:
        self._source = source
        self._disciplined_by = disciplined_by
        self._kernel = kernel or linux()
        self._lock = threading.Lock()
        self._floor = max(_aware(floor), BUILD_TIME)
        self._boot_id = self._kernel.boot_id()

    @property
    def floor(self) -> datetime:
        with self._lock:
            return self._floor

    def raise_floor(self, moment: datetime) -> None:
        """Something signed, or recorded on a sure clock, proves that this moment is past; never lowers."""
        with self._lock:
            self._floor = max(self._floor, _aware(moment))

    def stamp(self) -> Stamp:
        """This moment."""
        monotonic_ns = self._kernel.boottime_ns()
        wall = datetime.fromtimestamp(self._kernel.wall_ns() / 1e9, UTC)
        quality = self._judge(wall)
        return Stamp(
            boot_id=self._boot_id,
            monotonic_ns=monotonic_ns,
            wall=wall.isoformat(timespec="milliseconds"),
            quality=quality,
            uncertainty_ms=self._uncertainty() if quality.sure else None,
        )

    def now(self) -> tuple[datetime, TimeQuality]:
        """Wall time and its quality, for those who need no more."""
        stamp = self.stamp()
        return wall_of(stamp), TimeQuality(stamp.quality)

    def _uncertainty(self) -> int | None:
        """The kernel's own bound (maxerror of adjtimex), rounded up; nobody bounds a clock that is not
        synchronised."""
        error = self._kernel.max_error_us() if self._kernel.synchronised() else None
        return None if error is None or error < 0 else -(-error // 1000)

    def _judge(self, wall: datetime) -> TimeQuality:
        floor = self.floor
        if not floor <= wall <= floor + MAX_AHEAD:
            return TimeQuality.UNSURE
        if self._source is ClockSource.HOST:
            return TimeQuality.RTC
        if self._kernel.synchronised():
            follows = self._disciplined_by
            return follows() if callable(follows) else follows
        return TimeQuality.RTC if self._kernel.set_from_rtc() else TimeQuality.CARRIED


def wall_of(stamp: Stamp) -> datetime:
    """The stamp's wall time."""
    return datetime.fromisoformat(stamp.wall)


def judge_expiry(expiry: date, stamp: Stamp, floor: datetime, *, zone: tzinfo = UTC) -> Expiry:
    """Whether a document that is good up to and including `expiry` can be used today, in the post's `zone`.

    The floor is certainly past, so what expired before it has expired whatever the clock says, and
    that is the only way to call a document expired on a clock that is not sure. Nothing bounds true
    time from above there, so:
    - unsure: never "valid", because any expiry may have gone by;
    - carried: "valid" only with more than `CARRIED_MARGIN` to go beyond the carried time. That time is
      behind by as long as the box lay switched off; without this most travellers at a post with no
      battery-backed clock would be AMBER, and officers would learn to overlook it.
    """
    quality = TimeQuality(stamp.quality)
    wall = wall_of(stamp)
    if expiry < _aware(floor).astimezone(zone).date():
        return "expired"
    if quality.sure:
        return "expired" if expiry < wall.astimezone(zone).date() else "valid"
    if quality is TimeQuality.CARRIED and expiry > (wall.astimezone(zone) + CARRIED_MARGIN).date():
        return "valid"
    return "clock_unsure"


def linux(*, boot_id: Path = _BOOT_ID, rtc: Path = _RTC) -> Kernel:
    """The running kernel."""
    return Kernel(
        boot_id=lambda: _read_boot_id(boot_id),
        boottime_ns=lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME),
        wall_ns=time.time_ns,
        synchronised=_synchronised,
        set_from_rtc=lambda: _set_from_rtc(rtc),
        max_error_us=_max_error_us,
    )


def _read_boot_id(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ClockError(f"The kernel's boot id cannot be read from {path}.") from error


def _synchronised() -> bool:
    """adjtimex with modes 0 only asks; a sandbox that forbids even that leaves us not knowing, so: no."""
    answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return bool(0 <= answer < _TIME_ERROR)


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_char * _TIMEX_BYTES),
    )


def _max_error_us() -> int | None:
    timex = _Timex()
    answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    return int(timex.maxerror) if 0 <= answer < _TIME_ERROR else None


def _set_from_rtc(folder: Path) -> bool:
    """Whether the kernel set its clock from a battery-backed one when it started (hctosys)."""
    for device in sorted(folder.glob("rtc*")):
        try:
            if (device / "hctosys").read_text(encoding="ascii").strip() == "1":
                return True
        except OSError:
            continue  # this clock does not say: it set nothing
    return False


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("A moment without a time zone is no measurement.")
    return moment
