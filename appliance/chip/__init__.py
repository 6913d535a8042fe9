"""Talks to a chip over `transmit(bytes) -> bytes`; one file per term of ICAO Doc 9303-11."""

from appliance.chip.errors import ChipError
from appliance.chip.reader import (
    Access,
    ChipFiles,
    ChipReading,
    FileOutcome,
    FileStatus,
    Progress,
    read_chip,
)

__all__ = [
    "Access",
    "ChipError",
    "ChipFiles",
    "ChipReading",
    "FileOutcome",
    "FileStatus",
    "Progress",
    "read_chip",
]
