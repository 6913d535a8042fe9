"""Time from a satellite receiver for the box's time daemon, with the caution that open signals ask for.

The signals are not signed, and a transmitter for little money imitates them. So: nothing before the software
was built, nothing far from the board's own clock, and once the receiver's time has settled no jump: what
leaves the line is refused until the box starts anew. What a patient imitator can still do is drag the time by
`DRAG` seconds a second; where there is a line, servers that prove who they are (NTS) go before this.

chrony takes the samples through its SOCK reference clock (chrony.conf(5), refclock).
"""

import datetime as dt
import logging
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.clock import BUILD_TIME, MAX_AHEAD
from hal.gnss.nmea import Moment, Sky, read_sentence
from hal.gnss.serial_line import Sentence

SOCKET: Final = Path("/run/chrony.gnss.sock")
LEAST_SATELLITES: Final = 4
"""Three for a place and one for the time."""
SETTLE: Final = 30
"""So many seconds must lie on one line before the first is believed."""
TOLERANCE_SECONDS: Final = 0.5
"""A sentence may come so much earlier or later than the one before: receivers compute before they speak."""
DRAG: Final = 1e-4
"""Seconds a second that the line may bend: what crystals drift by at most."""
OWN_CLOCK_SECONDS: Final = 3600.0
"""So far may a battery-backed clock have run off since it was last set."""
SAMPLE: Final = struct.Struct("@qqdiiii")
"""`struct sock_sample` of chrony on 64 bits: tv, offset, pulse, leap, padding, magic."""
MAGIC: Final = 0x534F434B

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sample:
    """How far the box's clock was behind true time, and when by the box's clock."""

    wall_ns: int
    offset: float

    def encode(self) -> bytes:
        """As chrony's SOCK driver reads it."""
        seconds, nanoseconds = divmod(self.wall_ns, 1_000_000_000)
        return SAMPLE.pack(seconds, nanoseconds // 1000, self.offset, 0, 0, 0, MAGIC)


class Guard:
    """Believes a receiver's sentences, or says why not; one for each start of the box.

    `own_clock`: whether the kernel took its time from a battery-backed clock, so that it can be held against.
    """

    def __init__(self, *, own_clock: bool, delay_seconds: float) -> None:
        self._own_clock = own_clock
        self._delay = delay_seconds
        self._satellites: int | None = None
        self._line: float | None = None
        """True time less the monotonic clock, seconds, where the line stood last."""
        self._at = 0.0
        self._on_line = 0
        self.state = "searching"
        """searching, settling, feeding, or why it is refused: bounds, own_clock, jump."""

    def take(self, sentence: Sentence) -> Sample | None:
        """What chrony is to be told; None: nothing, and `state` says why."""
        said = read_sentence(sentence.line)
        if isinstance(said, Sky):
            self._satellites = said.satellites
        if not isinstance(said, Moment):
            return None
        few = self._satellites is not None and self._satellites < LEAST_SATELLITES
        if not said.valid or few:
            self.state = "searching" if self.state in ("searching", "settling", "feeding") else self.state
            return None
        now = said.time.timestamp() + self._delay
        offset = now - sentence.wall_ns / 1e9
        if not BUILD_TIME <= said.time <= BUILD_TIME + MAX_AHEAD:
            return self._refuse("bounds")
        if self._own_clock and self._on_line < SETTLE and abs(offset) > OWN_CLOCK_SECONDS:
            return self._refuse("own_clock")
        return self._on_the_line(now, offset, sentence)

    def _on_the_line(self, now: float, offset: float, sentence: Sentence) -> Sample | None:
        monotonic = sentence.monotonic_ns / 1e9
        line = now - monotonic
        near = TOLERANCE_SECONDS + DRAG * (monotonic - self._at)
        if self._line is not None and abs(line - self._line) > near:
            if self._on_line >= SETTLE:
                return self._refuse("jump")
            self._line = None  # it has not settled: a new line begins
        if self._line is None:
            self._line, self._at, self._on_line = line, monotonic, 0
        most = DRAG * (monotonic - self._at)
        self._line += min(max(line - self._line, -most), most)
        self._at = monotonic
        self._on_line += 1
        if self._on_line < SETTLE:
            self.state = "settling"
            return None
        self.state = "feeding"
        return Sample(sentence.wall_ns, offset)

    def _refuse(self, why: str) -> Sample | None:
        self.state = why
        return None


def feed(
    heard: Iterable[Sentence], guard: Guard, path: Path = SOCKET, *, told: Callable[[str], None] = log.warning
) -> int:
    """Hand every believed sentence to chrony; how many it took. `told` hears each change of state."""
    handed, state = 0, ""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        for sentence in heard:
            sample = guard.take(sentence)
            if guard.state != state:
                state = guard.state
                told(f"The satellite receiver: {state}.")
            if sample is None:
                continue
            try:
                channel.sendto(sample.encode(), str(path))
                handed += 1
            except OSError as error:  # the time daemon starts beside us, or anew
                if state != "no_daemon":
                    state = "no_daemon"
                    told(f"The time daemon does not listen at {path} ({error.strerror}).")
    return handed


def moment_of(sample: Sample) -> dt.datetime:
    """True time, as the sample has it."""
    return dt.datetime.fromtimestamp(sample.wall_ns / 1e9 + sample.offset, dt.UTC)
