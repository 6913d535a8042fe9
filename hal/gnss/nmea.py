"""What a satellite receiver says of the time: sentences of NMEA 0183 (IEC 61162-1), RMC and GGA.

RMC has date, time and whether they are valid; GGA how many satellites the fix was made with. All else is
passed over. A receiver is a stranger: whoever has a transmitter can say what it says.
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

MAX_SENTENCE_BYTES: Final = 120
"""The standard has 82; receivers with more digits go beyond it."""
SENTENCE: Final = re.compile(rb"\$([A-Z]{2})([A-Z]{3}),([ -)+-~]*)\*([0-9A-Fa-f]{2})")
TIME: Final = re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d)(?:\.(\d{1,6}))?")
"""Without the leap second's :60, which no clock is set by."""
DATE: Final = re.compile(r"(\d\d)(\d\d)(\d\d)")
FIXED: Final = frozenset("ADFPR")
"""RMC's mode (NMEA 2.3 and later): autonomous, differential, float and fixed RTK, precise. Not E, M, N, S:
estimated, typed in, none, simulated."""
CENTURY: Final = 2000


@dataclass(frozen=True, slots=True)
class Moment:
    """What one RMC said: UTC of its fix."""

    time: dt.datetime
    valid: bool


@dataclass(frozen=True, slots=True)
class Sky:
    """What one GGA said."""

    satellites: int


def read_sentence(line: bytes) -> Moment | Sky | None:
    """One line; None: it is another sentence, damaged, or says no time."""
    if len(line) > MAX_SENTENCE_BYTES or (found := SENTENCE.fullmatch(line.strip())) is None:
        return None
    if _sum(line.strip()[1:].partition(b"*")[0]) != int(found[4], 16):
        return None
    fields = found[3].decode("ascii").split(",")
    if found[2] == b"RMC":
        return _moment(fields)
    return _sky(fields) if found[2] == b"GGA" else None


def _moment(fields: list[str]) -> Moment | None:
    if len(fields) < 9:
        return None
    time, date = TIME.fullmatch(fields[0]), DATE.fullmatch(fields[8])
    if time is None or date is None:
        return None
    micro = int((time[4] or "").ljust(6, "0"))
    day, month, year = (int(part) for part in date.groups())
    try:
        moment = dt.datetime(
            CENTURY + year, month, day, int(time[1]), int(time[2]), int(time[3]), micro, tzinfo=dt.UTC
        )
    except ValueError:
        return None
    mode = fields[11] if len(fields) > 11 else "A"  # before NMEA 2.3 there is none
    return Moment(moment, valid=fields[1] == "A" and mode in FIXED)


def _sky(fields: list[str]) -> Sky | None:
    if len(fields) < 7 or not re.fullmatch(r"\d{1,2}", fields[6]) or fields[5] in ("", "0"):
        return Sky(satellites=0)
    return Sky(satellites=int(fields[6]))


def _sum(text: bytes) -> int:
    total = 0
    for byte in text:
        total ^= byte
    return total
