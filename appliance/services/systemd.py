"""What a service owes systemd: the sockets it was handed, and word that it is ready and alive.

The protocols of sd_listen_fds(3) and sd_notify(3).
"""

import os
import socket

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START"""


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
