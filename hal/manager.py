"""Keeps the configured devices: looks for those that are away, and drops those that were unplugged.

It listens before it looks (udev and PC/SC), so that nothing plugged in meanwhile is missed. A device that no
event announces is looked for ever less often. Every life of a device has its generation: an answer that was
asked for in an earlier one is nobody's any more.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from hal.device import Device, HalError
from hal.discovery import Found, family_of
from hal.driver import Driver
from hal.hotplug import Monitor, at_nodes
from hal.pcsc_monitor import PcscMonitor
from hal.slot import Slot

STOP_SECONDS = 5.0
"""How long `stop` waits for the thread that looks; a probe that hangs in the kernel ends by itself."""
IDLE_SECONDS = 60.0
"""How long the thread sleeps when no device is away; every change wakes it."""

log = logging.getLogger(__name__)

OnFound = Callable[[Found], None]


class Watching(Protocol):
    """Something that tells what comes and goes."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


MakeMonitor = Callable[["DeviceManager", OnFound, OnFound], Watching | None]
"""From the manager and its two listeners; None where none of its devices could be announced by it."""


def udev_monitor(manager: "DeviceManager", on_add: OnFound, on_remove: OnFound) -> Watching | None:
    """The bus, when there is a real device to wait for."""
    if all(device.simulated and device.identity.driver != "pcsc" for device in manager.devices):
        return None
    known = at_nodes(
        (device.identity.kind, device.identity.driver, device.identity.port or "")
        for device in manager.devices
    )
    return Monitor(
        on_add=on_add, on_remove=on_remove, recognise=lambda device: known(device) or family_of(device)
    )


def pcsc_monitor(manager: "DeviceManager", on_add: OnFound, on_remove: OnFound) -> Watching | None:
    """PC/SC's readers, when one is configured."""
    if all(device.identity.driver != "pcsc" for device in manager.devices):
        return None
    return PcscMonitor(on_add=on_add, on_remove=on_remove)


class DeviceManager:
    """The devices of one box, each in its slot."""

    def __init__(
        self,
        devices: Sequence[Device],
        *,
        monitors: Sequence[MakeMonitor] = (udev_monitor, pcsc_monitor),
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`changed` is called, from any thread, whenever a device has come or gone; it must not wait."""
        self.devices = tuple(devices)
        self.problems: tuple[str, ...] = ()
        """One sentence for each bus that could not be listened to: there devices are found by looking."""
        self.changed = changed
        self._make_monitors = monitors
        self._monitors: list[Watching] = []
        self._slots = {id(device): Slot(device) for device in devices}
        self._state = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        for device in self.devices:
            device.on_state = self._state_changed

    def start(self) -> None:
        """Listen, then look; returns at once."""
        self._stopping = False
        for make in self._make_monitors:
            try:
                monitor = make(self, self._came, self._left)
                if monitor is not None:
                    self._monitors.append(monitor)
                    monitor.start()
            except (ImportError, OSError) as error:  # no libudev, no netlink
                self.problems += (f"Hot-plug cannot be listened to: {type(error).__name__}.",)
                log.warning("Hot-plug cannot be listened to (%s); devices are looked for.", error)
        self._thread = threading.Thread(target=self._look, name="devices", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen and look no more, and let go of all devices."""
        monitors, self._monitors = self._monitors, []
        for monitor in monitors:
            monitor.stop()
        with self._state:
            self._stopping = True
            self._state.notify_all()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(STOP_SECONDS)
        for device in self.devices:
            device.close()

    def wait_looked(self, timeout: float) -> bool:
        """Wait until every device has been looked for once; False when the time was over first."""
        with self._state:
            return self._state.wait_for(lambda: all(one.looks for one in self._slots.values()), timeout)

    @property
    def running(self) -> bool:
        return self._thread is not None

    def slot(self, device: Device) -> Slot:
        return self._slots[id(device)]

    def generation(self, device: Device) -> int:
        """Which life of the device this is."""
        with self._state:
            return self.slot(device).generation

    def returning(self, device: Device) -> bool:
        """Whether it is away, but was there a moment ago, so that a caller may wait for it."""
        with self._state:
            return self.slot(device).returning(now=time.monotonic())

    # What the buses tell

    def _came(self, found: Found) -> None:
        with self._state:
            for slot in self._slots.values():
                if slot.is_it(found):
                    slot.came(found, now=time.monotonic())
            self._state.notify_all()

    def _left(self, found: Found) -> None:
        with self._state:
            gone = [slot.device for slot in self._slots.values() if slot.there and slot.is_it(found)]
        for device in gone:  # not under our lock: a device calls back under its own
            if isinstance(device, Driver):
                device.unplugged()

    def _state_changed(self, device: Device) -> None:
        """Called by the device, from whichever thread changed it."""
        with self._state:
            news = self.slot(device).note_state(now=time.monotonic())
            if news:
                self._state.notify_all()
        if news:
            self.changed()

    # Looking

    def _look(self) -> None:
        while True:
            with self._state:
                if self._stopping:
                    return
                now = time.monotonic()
                away = [slot for slot in self._slots.values() if slot.away and not slot.probing]
                due = [slot for slot in away if slot.due <= now]
                if not due:
                    wait = min((slot.due - now for slot in away), default=IDLE_SECONDS)
                    self._state.wait(min(wait, IDLE_SECONDS))
                    continue
                for slot in due:
                    slot.probing = True
            for slot in due:  # each in a thread of its own: a camera may take ten seconds to refuse
                threading.Thread(target=self._probe, args=(slot,), name="probe", daemon=True).start()

    def _probe(self, slot: Slot) -> None:
        problem = ""
        try:
            slot.device.open()
        except HalError as error:
            problem = str(error)
        except Exception as error:  # a driver's mistake must not end the look for the others
            problem = f"The driver failed: {type(error).__name__}."
            log.exception("The driver of %s failed.", slot.device.identity.key)
        finally:
            with self._state:
                slot.probing = False
                if slot.away:
                    slot.missed(problem, now=time.monotonic())
                stopping = self._stopping
                self._state.notify_all()
            if stopping:
                slot.device.close()
