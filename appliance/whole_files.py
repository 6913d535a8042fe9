"""Files that stand whole and on disk, or not at all, whenever the power goes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def write_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """These bytes under this name; only the owner may read them, unless `mode` says otherwise. Whatever the
    umask: the services' own lets nobody but the owner read, and some files are another service's to read.

    Raises:
        OSError: they are not on disk, and what was there before is.
    """
    write_with(path, lambda file: file.write(data), mode=mode)


def write_with(path: Path, write: Callable[[BinaryIO], object], *, mode: int = 0o600) -> None:
    """What `write` writes, under this name.

    Raises:
        OSError: it is not on disk, and what was there before is.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        with os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode), "w+b") as file:
            with suppress(PermissionError):  # a FAT has no modes
                os.fchmod(file.fileno(), mode)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """The folder's names on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Root writes there with the owner's rights alone: nothing that lies in wait there leads further.

    Raises:
        OSError: there is no such folder.
    """
    user, group = os.geteuid(), os.getegid()
    owner = folder.stat()
    if user != 0 or owner.st_uid == 0:
        yield
        return
    os.setegid(owner.st_gid)
    try:
        os.seteuid(owner.st_uid)
        try:
            yield
        finally:
            os.seteuid(user)
    finally:
        os.setegid(group)
