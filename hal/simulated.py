"""What the simulated devices share: delays, a fault script, and being unplugged."""

import enum
import threading
import time
from collections.abc import Mapping

import msgspec

from hal.device import DeviceGone, Identity, Timeout, Unreadable
from hal.driver import POLL_SECONDS, Driver


class Fault(enum.StrEnum):
    """What goes wrong at one operation."""

    TIMEOUT = "timeout"
    """Nothing comes, for as long as the caller waits."""
    UNPLUG = "unplug"
    """The device goes in the middle of it, and stays away until `plug`."""
    GARBAGE = "garbage"
    """Something comes that cannot be used."""


class SimulatedOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of every simulated device."""

    name: str = "1"
    """Tells two simulated devices of a kind apart."""
    delay: float = 0.0
    """Seconds that one operation takes; each driver names a realistic value."""
    faults: Mapping[int, Fault] = {}
    """What goes wrong at which operation; the first is 1."""


class Simulated(Driver):
    """A device without hardware. It says so, in its identity and in `simulated`."""

    simulated = True

    def __init__(self, kind: str, options: SimulatedOptions) -> None:
        super().__init__(
            Identity(kind=kind, driver="simulated", model=f"simulated {kind}", serial=options.name)
        )
        self._delay = options.delay
        self._faults = options.faults
        self._operations = 0
        self._changed = threading.Condition()
        self._plugged = True

    def plug(self) -> None:
        """Put the plug back in."""
        with self._changed:
            self._plugged = True
            self._changed.notify_all()

    def unplug(self) -> None:
        """Pull the plug, whatever is going on."""
        with self._changed:
            self._plugged = False
            self._changed.notify_all()

    def _take_hold(self) -> None:
        self._check_plugged()

    def _let_go(self) -> None:
        """Nothing is held."""

    def _check_plugged(self) -> None:
        self._check_not_closed()
        if not self._plugged:
            raise DeviceGone(f"{self.identity.key} was unplugged.")

    def _begin(self, deadline: float) -> None:
        """Play the script for this operation; called inside `_operation`, after the wait for a person."""
        self._wait_is_over()
        self._operations += 1
        fault = self._faults.get(self._operations)
        if fault is Fault.TIMEOUT:
            self._rest(deadline - time.monotonic(), "Nothing came, as the fault script says.", deadline)
            raise Timeout("Nothing came, as the fault script says.")
        self._rest(self._delay, "It took longer than was allowed.", deadline)
        if fault is Fault.UNPLUG:
            self.unplug()
            self._check_plugged()
        if fault is Fault.GARBAGE:
            raise Unreadable("What came cannot be used, as the fault script says.")

    def _rest(self, seconds: float, too_late: str, deadline: float) -> None:
        """Let time pass, but not past the caller's deadline, and not past an unplugging."""
        until = min(time.monotonic() + seconds, deadline)
        with self._changed:
            self._check_plugged()
            while (left := until - time.monotonic()) > 0:
                self._changed.wait(min(left, POLL_SECONDS))
                self._check_plugged()
        if seconds > 0 and time.monotonic() >= deadline:
            raise Timeout(too_late)
