"""Fingers between capture and lane: which one, what was taken of it, and how alike it is to earlier ones."""

from typing import Final

import msgspec

POSITIONS: Final = {
    "right_thumb": 1,
    "right_index": 2,
    "right_middle": 3,
    "right_ring": 4,
    "right_little": 5,
    "left_thumb": 6,
    "left_index": 7,
    "left_middle": 8,
    "left_ring": 9,
    "left_little": 10,
}
"""ISO/IEC 19794-2 and 19794-4, table of finger positions."""
FINGER_INSTRUCTIONS: Final = (
    "lay_finger",
    "finger_left",
    "finger_right",
    "finger_up",
    "finger_down",
    "press_harder",
    "press_lighter",
    "wipe_finger",
)
"""What a traveller may be told while a finger is taken, one at a time; left and right are the traveller's."""
EXCEPTIONS: Final = ("finger_missing", "finger_bandaged")
"""Why the officer says that a finger cannot be taken."""


class TakeFinger(msgspec.Struct, frozen=True, kw_only=True):
    """Take the best impression of one finger: a few attempts, each within `seconds`."""

    finger: str
    """A name of POSITIONS."""
    attempts: int = 3
    seconds: float = 12.0
    quality: int = 30
    """From this on, of 100, the first impression is taken."""

    @property
    def timeout(self) -> float:
        """The longest that it takes."""
        return self.attempts * self.seconds


class FingerEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One finger's best impression."""

    finger: str
    record: bytes
    """ISO/IEC 19794-4:2005, the picture as PNG."""
    template: bytes
    """What is compared; of this house's own format."""
    quality: int
    """0 to 100, this house's own measure."""
    minutiae: int
    attempts: int
    ended: str
    """good_enough; attempts: none was, this is the best; time: no more came."""
    short: str | None
    """What was still wrong with it: one of FINGER_INSTRUCTIONS."""
    live: bool | None
    """What the sensor itself says of a living finger; None: it says nothing."""
    seconds: float
    device: str
    simulated: bool


class FingerException(msgspec.Struct, frozen=True, kw_only=True):
    """A finger that was asked for and was not taken: one of EXCEPTIONS, or what stopped the sensor."""

    finger: str
    reason: str


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A finger of the traveller who stands here."""

    finger: str
    template: bytes


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """The same finger of somebody who crossed before."""

    crossing: str
    finger: str
    template: bytes


class CompareFingers(msgspec.Struct, frozen=True, kw_only=True):
    """Compare each finger with those of the same position."""

    probes: tuple[Probe, ...]
    enrolled: tuple[Enrolled, ...]
    timeout: float = 60.0


class FingerScore(msgspec.Struct, frozen=True, kw_only=True):
    """How alike two impressions are: -10 log10 of the false match rate; None with the reason why not."""

    crossing: str
    finger: str
    score: float | None
    problem: str | None = None


class FingerScores(msgspec.Struct, frozen=True, kw_only=True):
    """All pairs that were compared."""

    scores: tuple[FingerScore, ...]
    seconds: float
