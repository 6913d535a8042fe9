"""How every signal looks and sounds: the one table, for all panels.

It is keyed by progress only. There is no entry that a verdict could choose, and no red, amber or green:
colours that a traveller would read as a verdict are not used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hal.panel import Signal

Colour = tuple[int, int, int]
OFF: Final[Colour] = (0, 0, 0)
WHITE: Final[Colour] = (1, 1, 1)
BLUE: Final[Colour] = (0, 0, 1)
VIOLET: Final[Colour] = (1, 0, 1)


@dataclass(frozen=True, slots=True)
class Beat:
    """On and off in seconds, `times` times; None is for ever."""

    on: float
    off: float
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What the panel does for one signal."""

    lights: tuple[bool, bool, bool]
    """The three progress lights: ready, working, attention."""
    colour: Colour
    """The same on a panel with one RGB light."""
    blink: Beat | None = None
    """None is steady."""
    sound: Beat | None = None


SLOW = Beat(0.5, 0.5)
FAST = Beat(0.15, 0.15)

LOOKS: Final[Mapping[Signal, Look]] = {
    # signal                 ready  working attention    colour  blink       sound
    Signal.OFF:       Look((False, False, False),        OFF),
    Signal.READY:     Look((True,  False, False),        WHITE,  None,       Beat(0.05, 0.05, 1)),
    Signal.WORKING:   Look((False, True,  False),        BLUE,   SLOW),
    Signal.OFFICER:   Look((False, True,  False),        BLUE),
    Signal.DONE:      Look((True,  True,  False),        WHITE,  SLOW,       Beat(0.05, 0.10, 2)),
    Signal.ATTENTION: Look((False, False, True),         VIOLET, FAST,       Beat(0.40, 0.20, 2)),
}  # fmt: skip
