"""The counter of a box's reports: it only grows, also over a restart and a wrong clock.

It is the time in milliseconds, or one more than the last. The journal keeps a number that is ahead of it by
some minutes, so that not each report writes to the disk; after a restart it goes on from that.
"""

import sqlite3
from typing import Final

AHEAD: Final = 300_000
"""Five minutes: one write for ten reports, and no more than that is skipped at a restart."""
_NAME: Final = "report_counter"


class ReportCounter:
    """Of one open journal; whoever calls holds its transaction."""

    def __init__(self) -> None:
        self._last = 0
        self._kept = 0

    def next(self, connection: sqlite3.Connection, milliseconds: int) -> int:
        """Greater than every number before; on disk, or below one that is."""
        if not self._kept:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (_NAME,)).fetchone()
            self._last = self._kept = int(row[0]) if row else 0
        self._last = max(self._last + 1, milliseconds)
        if self._last > self._kept:
            self._kept = self._last + AHEAD
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_NAME, self._kept))
        return self._last

    def carry_over(self, connection: sqlite3.Connection) -> None:
        """Another journal was begun: it goes on there."""
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_NAME, self._kept))
