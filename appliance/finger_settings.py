"""The [finger] table of the configuration: when a print is good enough, and from where on two are one
finger's.

Shared by `capture`, which guides by it, and `lane`, which judges by it.
"""

import math
from typing import Final

import msgspec

STATED_FMR: Final = 1e-3
"""The false match rate that is accepted unless the configuration says otherwise."""


class FingerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole table."""

    fmr: float = STATED_FMR
    """The false match rate that is accepted in one comparison of two fingers."""
    quality: int = 30
    """The least quality, 0 to 100, with which an impression is taken at once: docs/finger.md has what it
    costs."""
    attempts: int = 3
    """How often a finger is asked for before what there is must do."""
    seconds: float = 12.0
    """How long each attempt waits."""

    def __post_init__(self) -> None:
        if not 1e-5 <= self.fmr <= 0.1:
            raise ValueError("fmr must be from 0.00001 to 0.1")
        if not 0 <= self.quality <= 100:
            raise ValueError("quality must be from 0 to 100")
        if not 1 <= self.attempts <= 10:
            raise ValueError("attempts must be from 1 to 10")
        if not 1 <= self.seconds <= 120:
            raise ValueError("seconds must be from 1 to 120")

    @property
    def threshold(self) -> float:
        """The least score of one finger: -10 log10 of the false match rate."""
        return -10.0 * math.log10(self.fmr)

    def search_threshold(self, comparisons: int) -> float:
        """The least score of a hit among so many comparisons: so many more chances of a false one."""
        return self.threshold + 10.0 * math.log10(max(comparisons, 1))
