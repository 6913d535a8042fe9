"""The panel: one button, progress lights, a buzzer. It can show progress, and nothing else.

There is no signal for a verdict, so that no light or sound can tell a traveller of a hit.
"""

import enum
from typing import Protocol, runtime_checkable

from hal.device import DeviceView

HOLD_SECONDS = 1.5
"""From this long on, a press is a hold: long enough not to happen by accident with gloves on."""


class Signal(enum.StrEnum):
    """Everything that lights and sound can say."""

    OFF = "off"
    READY = "ready"
    """Waiting for a traveller."""
    WORKING = "working"
    """Reading or checking: please wait."""
    OFFICER = "officer"
    """The officer is looking at the screen: shown for every recommendation alike."""
    DONE = "done"
    """The crossing is recorded."""
    ATTENTION = "attention"
    """The box needs the officer: a device or the disk; never a traveller."""


class ButtonEvent(enum.StrEnum):
    """What the one button said."""

    PRESS = "press"
    HOLD = "hold"


@runtime_checkable
class Panel(DeviceView, Protocol):
    """Button, lights and buzzer."""

    def show(self, signal: Signal) -> None:
        """Set the lights; READY, DONE and ATTENTION also sound. Waits for nothing."""

    def wait_for_button(self, timeout: float) -> ButtonEvent:
        """The next event of the button; a HOLD is reported once `HOLD_SECONDS` have passed.

        Raises:
            Timeout: nobody pressed.
            DeviceError: the panel is gone or broken.
        """
