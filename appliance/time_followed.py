"""What the time daemon follows at this moment, asked of it and written down for whoever stamps records.

chronyd answers its own user alone, so a small service asks (`borne time watch`) and lane reads. A word that
is old counts as none: then the clock is no better than one that is disciplined by something (`rtc`).
"""

import csv
import logging
import math
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from appliance.clock import TimeQuality
from appliance.whole_files import write_whole

FILE: Final = Path("/run/borne-clock/followed.json")
REFID: Final = "GNSS"
"""The name of the satellite receiver among chrony's sources."""
ASK_SECONDS: Final = 16.0
OLD_SECONDS: Final = 60.0
"""A word from before this is none."""
LAST_UPDATE_SECONDS: Final = 3600.0
"""A source that has said nothing for so long is not followed any more, whatever its name says."""
CHRONYC_SECONDS: Final = 5.0
MAX_FILE_BYTES: Final = 4096
FIELDS: Final = 14

log = logging.getLogger(__name__)


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """One answer."""

    source: str
    """gnss, server, or empty: nothing is followed."""
    name: str = ""
    boottime: float
    """CLOCK_BOOTTIME of the answer, seconds."""


def read_tracking(line: str, *, now: float, boottime: float) -> Followed:
    """What `chronyc -c -n tracking` says (chronyc(1)); in other words than those: nothing is followed."""
    nothing = Followed(source="", boottime=boottime)
    fields = next(csv.reader([line.strip()]), [])
    if len(fields) != FIELDS or fields[13] == "Not synchronised":
        return nothing
    stratum, updated = _number(fields[2]), _number(fields[3])
    fresh = 0 <= now - updated + ASK_SECONDS <= LAST_UPDATE_SECONDS  # False also for what is no number
    if not (stratum >= 1 and fresh):
        return nothing
    gnss = fields[0].upper() == REFID.encode("ascii").hex().upper() and fields[1] == REFID
    return Followed(source="gnss" if gnss else "server", name=fields[1][:64], boottime=boottime)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def ask_chrony(command: tuple[str, ...] = ("chronyc", "-c", "-n", "tracking")) -> Followed:
    """One question; a daemon that does not answer follows nothing that anybody knows."""
    boottime = time.clock_gettime(time.CLOCK_BOOTTIME)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CHRONYC_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("The time daemon cannot be asked: %s", type(error).__name__)
        return Followed(source="", boottime=boottime)
    return read_tracking(done.stdout, now=time.time(), boottime=boottime)


def watch(
    path: Path = FILE,
    *,
    ask: Callable[[], Followed] = ask_chrony,
    goes_on: Callable[[], bool] = lambda: True,
    seconds: float = ASK_SECONDS,
) -> None:
    """Ask and write down, for as long as `goes_on`.

    Raises:
        OSError: it cannot be written.
    """
    while goes_on():
        write_whole(path, msgspec.json.encode(ask()), mode=0o644)
        time.sleep(seconds)


def read_followed(path: Path = FILE, *, boottime: float) -> Followed | None:
    """What was written down last; None: nothing that can be read, or that is fresh."""
    try:
        with path.open("rb") as file:
            said = msgspec.json.decode(file.read(MAX_FILE_BYTES), type=Followed)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None
    return said if 0 <= boottime - said.boottime <= OLD_SECONDS else None


@dataclass(frozen=True, slots=True)
class FollowedNow:
    """For the clock: the quality of what is followed now. `servers`: of the servers that are configured."""

    servers: TimeQuality
    path: Path = FILE
    boottime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)

    def __call__(self) -> TimeQuality:
        said = read_followed(self.path, boottime=self.boottime())
        known = {"gnss": TimeQuality.GNSS, "server": self.servers}
        return known.get(said.source, TimeQuality.RTC) if said is not None else TimeQuality.RTC
