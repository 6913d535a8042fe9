"""Hot-plug: calls back when a device of a known family comes or goes."""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

import pyudev

from hal.discovery import SUBSYSTEMS, Found, UdevDevice, family_of, found_at_node

UDEV_CONTROL = "/run/udev/control"
"""There while the udev daemon runs; without it events come from the kernel itself."""

log = logging.getLogger(__name__)

OnEvent = Callable[[str, UdevDevice], None]
OnFound = Callable[[Found], None]
Recognise = Callable[[UdevDevice], Found | None]


def at_nodes(configured: Iterable[tuple[str, str, str]]) -> Recognise:
    """Recognises devices by the nodes that the configuration names: (kind, driver, port) each.

    A reader behind a plain serial adapter is of no known family, but its port is known.
    """
    ports = [one for one in configured if one[2].startswith("/")]

    def recognise(device: UdevDevice) -> Found | None:
        node = device.device_node
        if node is None:
            return None
        names = {node, *device.properties.get("DEVLINKS", "").split()}
        for kind, driver, port in ports:
            if port in names or os.path.realpath(port) == node:
                return found_at_node(device, kind, driver)
        return None

    return recognise


class EventSource(Protocol):
    """Where events come from: the seam for tests."""

    def start(self, on_event: OnEvent) -> None: ...
    def stop(self) -> None: ...
    def devices(self) -> Iterable[UdevDevice]: ...


class UdevEvents:
    """The kernel's events, through pyudev."""

    def __init__(self) -> None:
        self._context = pyudev.Context()
        self._observer: pyudev.MonitorObserver | None = None

    def start(self, on_event: OnEvent) -> None:
        source = "udev" if os.path.exists(UDEV_CONTROL) else "kernel"
        monitor = pyudev.Monitor.from_netlink(self._context, source=source)
        for subsystem in SUBSYSTEMS:
            monitor.filter_by(subsystem)
        self._observer = pyudev.MonitorObserver(
            monitor, callback=lambda device: on_event(device.action, device), name="hotplug"
        )
        monitor.start()  # the observer would do it in its thread, after we have enumerated
        self._observer.start()

    def stop(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()

    def devices(self) -> Iterable[UdevDevice]:
        for subsystem in SUBSYSTEMS:
            yield from self._context.list_devices(subsystem=subsystem)


class Monitor:
    """Reports every device once when it comes and once when it goes, from one thread at a time.

    It listens before it enumerates, so that nothing plugged in meanwhile is missed; what both report is
    reported once. What left is told by what was seen when it came: by then /sys says nothing any more.
    """

    def __init__(
        self,
        *,
        on_add: OnFound,
        on_remove: OnFound,
        source: EventSource | None = None,
        recognise: Recognise = family_of,
    ) -> None:
        self._recognise = recognise
        self._on_add = on_add
        self._on_remove = on_remove
        self._source = source or UdevEvents()
        self._present: dict[str, Found] = {}
        self._lock = threading.RLock()

    def start(self) -> None:
        self._source.start(self._event)
        for device in self._source.devices():
            self._event("add", device)

    def stop(self) -> None:
        self._source.stop()

    def _event(self, action: str, device: UdevDevice) -> None:
        with self._lock:
            if action == "add" and device.device_path not in self._present:
                found = self._recognise(device)
                if found is not None:
                    self._present[device.device_path] = found
                    self._call(self._on_add, found)
            elif action == "remove":
                gone = self._present.pop(device.device_path, None)
                if gone is not None:
                    self._call(self._on_remove, gone)

    def _call(self, callback: OnFound, found: Found) -> None:
        try:
            callback(found)
        except Exception:  # one listener's mistake must not end hot-plug for all
            log.exception("A hot-plug listener failed for %s.", found.key)
