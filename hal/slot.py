"""One configured device's place: whether it is there, which life of it this is, and when to look for it."""

import os
import time
from dataclasses import dataclass, field

from hal.device import Device, State
from hal.discovery import Found

FIRST_PROBE_SECONDS = 0.5
"""How soon a device that has gone is looked for again."""
MOST_PROBE_SECONDS = 15.0
"""Each look that finds nothing doubles the pause, up to this: a dead device costs little, and one that no
event announces (a terminal, pins, a daemon that was started late) is found within it."""
SETTLE_SECONDS = 0.1
"""From the kernel's word to the first look: udev has yet to name the node and give it to our group."""
RETURN_SECONDS = 10.0
"""A device that was there so recently is expected back: somebody has pulled the wrong plug."""

AWAY = frozenset({State.ABSENT, State.FAULT})
THERE = frozenset({State.READY, State.BUSY})


@dataclass(slots=True)
class Slot:
    """What the manager knows of one device. Times are seconds of the monotonic clock."""

    device: Device
    generation: int = 0
    """Rises whenever the device goes: what was asked of an earlier life is not answered in this one."""
    attached: str | None = None
    """The stable identity on the bus: usb:VID:PID:SERIAL, or @PORT where it has no serial number."""
    node: str | None = None
    """Where its port really led when it was there; by the time it goes, the lasting name is gone already."""
    shown: State = State.ABSENT
    """The state as people see it: BUSY and PROBING come and go with every exchange and every look."""
    since: float = field(default_factory=time.monotonic)
    """Since when it is shown."""
    looks: int = 0
    """How often it was looked for."""
    last_there: float | None = None
    due: float = 0.0
    """When to look for it next, while it is away."""
    problem: str = ""
    """Why the last look found nothing, in a sentence; empty while it is there."""
    probing: bool = False
    _delay: float = field(default=FIRST_PROBE_SECONDS)

    @property
    def away(self) -> bool:
        return self.device.state in AWAY

    @property
    def told(self) -> State:
        """The state to tell: PROBING only before anything is known, for later looks come and go."""
        now = self.device.state
        if now is State.BUSY or (now is State.PROBING and not self.looks):
            return now
        return self.shown

    def is_it(self, found: Found) -> bool:
        """Whether what came or went on the bus is this device, as far as can be told."""
        mine = self.device.identity
        port = mine.port
        if found.node is not None and port is not None and port.startswith("/"):
            return found.node in (port, self.node, os.path.realpath(port))
        if found.kind != mine.kind or found.driver != mine.driver:
            return False
        reader = found.options.get("reader_name")
        if reader is not None:
            return str(reader).startswith(mine.model)
        if mine.serial is not None:
            return found.key.endswith(f":{mine.serial}")
        return self.attached in (None, found.key)

    def came(self, found: Found, *, now: float) -> None:
        """The bus has it: look soon, and often again."""
        self.attached = found.key
        self._delay = FIRST_PROBE_SECONDS
        self.due = now + SETTLE_SECONDS

    def missed(self, problem: str = "", *, now: float) -> None:
        """A look found nothing: the next one later."""
        self.looks += 1
        self.problem = problem
        self.due = now + self._delay
        self._delay = min(self._delay * 2, MOST_PROBE_SECONDS)

    def note_state(self, *, now: float) -> bool:
        """Take over the device's state; whether people see another one now."""
        state = self.device.state
        if state is State.PROBING:
            return False
        if state in THERE or self.there:
            self.last_there = now
        shown, was = State.READY if state is State.BUSY else state, self.shown
        if shown is not was:
            self.shown, self.since = shown, now
        if shown is State.READY and was is not State.READY:
            self._delay = FIRST_PROBE_SECONDS
            self.looks += 1
            self.problem = ""
            port = self.device.identity.port
            self.node = os.path.realpath(port) if port and port.startswith("/") else None
        elif was is State.READY and shown is not State.READY:
            self.generation += 1
            self.due = now + self._delay
        return shown is not was

    @property
    def there(self) -> bool:
        return self.shown is State.READY

    def returning(self, *, now: float) -> bool:
        """Whether it is away, but was there a moment ago."""
        return self.away and self.last_there is not None and now - self.last_there < RETURN_SECONDS
