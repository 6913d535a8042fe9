"""How full the journal's disk is, and what follows: say it, give up acknowledged media, begin nobody new.

What is not acknowledged is never given up for room: a box whose disk is full of it stops, visibly, and goes
on with whoever stands before it.
"""

import enum
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ALARM_SHARE: Final = 0.80
DROP_SHARE: Final = 0.95
DROP_TO_SHARE: Final = 0.93
"""So far below that it is not done again at every look."""
STEP_BYTES: Final = 32 * 1024 * 1024
RESERVE_BYTES: Final = 64 * 1024 * 1024
"""To finish the open crossing with all its pictures, and for SQLite's log, many times over."""
RESERVE_SHARE: Final = 0.02
"""Of a small disk the reserve is no more than this."""


class Level(enum.IntEnum):
    """What follows from how full the disk is."""

    ROOM = 0
    ALARM = 1
    """Said on the screen and in health."""
    TIGHT = 2
    """Acknowledged media give up their bodies."""
    FULL = 3
    """No new traveller is begun."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of the disk that a journal lies on."""

    total: int
    available: int
    """To us, without what the file system keeps for root."""
    reusable: int
    """Free pages inside the journal: what was given up makes room there, and not on the disk."""

    @property
    def share_used(self) -> float:
        return 1.0 - (self.available + self.reusable) / self.total if self.total else 1.0

    @property
    def level(self) -> Level:
        reserve = min(RESERVE_BYTES, int(RESERVE_SHARE * self.total))
        # SQLite's log needs room on the disk itself, however much of the journal's inside is free.
        if self.available + self.reusable < reserve or self.available < reserve // 4:
            return Level.FULL
        if self.share_used >= DROP_SHARE:
            return Level.TIGHT
        return Level.ALARM if self.share_used >= ALARM_SHARE else Level.ROOM

    @property
    def wanted(self) -> int:
        """Bytes to give up next, on the way to a disk that is no longer tight; 0 when it is not.

        What is given up is overwritten, and goes through SQLite's log first: in steps that have room there.
        """
        if self.level < Level.TIGHT:
            return 0
        missing = int((self.share_used - DROP_TO_SHARE) * self.total)
        return max(1, min(missing, STEP_BYTES, self.available // 4))


def measure(folder: Path, *, reusable: int) -> Disk:
    """The disk of this folder.

    Raises:
        OSError: it does not answer.
    """
    about = os.statvfs(folder)
    # Root's own blocks are not there for us: the disk is full when `f_bavail` is 0.
    total = (about.f_blocks - about.f_bfree + about.f_bavail) * about.f_frsize
    return Disk(total=total, available=about.f_bavail * about.f_frsize, reusable=reusable)
