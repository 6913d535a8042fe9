"""The store's folder: what a power cut left in it, and one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def remove_leftovers(folder: Path) -> None:
    """What a power cut left half written: nothing ever refers to it."""
    for one in folder.glob(".*.new"):
        with suppress(OSError):
            one.unlink()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other process installs meanwhile: two at once could leave the older version."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
