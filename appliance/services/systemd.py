"""What a service owes systemd: the sockets it was handed, and word that it is ready and alive.

The protocols of sd_listen_fds(3) and sd_notify(3).
"""

import os
import socket
import time
from collections.abc import Callable

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START"""
START_SECONDS = 300.0
"""Until the first round of work is done: models are loaded, an interrupted list is merged."""


class Progress:
    """When a service's work last went round; the watchdog is fed by this, not by a timer.

    An event loop turns happily beside a thread that hangs in a driver: only the work itself can say
    that it goes on. `seconds` is the longest that one round may honestly take.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._due = clock() + max(START_SECONDS, seconds)

    def __call__(self) -> None:
        """One round is done."""
        self._due = self._clock() + self._seconds

    @property
    def goes_on(self) -> bool:
        return self._clock() <= self._due


def handed_sockets() -> dict[str, socket.socket]:
    """The listening sockets of our socket units, by FileDescriptorName; empty without systemd."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    count = int(os.environ.get("LISTEN_FDS", "0"))
    sockets = {}
    for name, descriptor in zip(names, range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + count), strict=False):
        sockets[name] = socket.socket(fileno=descriptor)
        sockets[name].setblocking(False)
    return sockets


def notify(state: str) -> None:
    """Tell systemd, e.g. "READY=1"; without systemd nobody listens and nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto(state.encode(), address)


def watchdog_seconds() -> float | None:
    """Half of WatchdogSec: how often word is due; None when nobody watches."""
    limit = os.environ.get("WATCHDOG_USEC")
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(limit) / 2e6 if limit and watched else None
