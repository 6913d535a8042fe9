"""Plain files of a folder that a stranger has filled: no links, no pipes, bounded in number and size."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PIECE: Final = 1024 * 1024
_NOT_THERE: Final = (errno.ELOOP, errno.ENOENT, errno.ENXIO, errno.EACCES)


@dataclass(frozen=True, slots=True)
class PlainFile:
    """One that lies there."""

    name: str
    size: int
    """Bytes."""


def read_plain(path: Path, most: int) -> bytes | None:
    """The bytes of a plain file of at most so many; None for anything else that somebody put there.

    Raises:
        OSError: it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most:
            return None
        data = bytearray()
        while piece := file.read(min(_PIECE, most + 1 - len(data))):
            data += piece
        return bytes(data) if len(data) <= most else None


def plain_files(folder: Path, *, most: int) -> tuple[PlainFile, ...]:
    """By name, of the first `most` entries; none where there is no such folder, or a link in its place.

    Raises:
        OSError: it cannot be read.
    """
    if folder.is_symlink():
        return ()
    try:
        with os.scandir(folder) as entries:
            return tuple(sorted(_plain(entries, most), key=lambda one: one.name))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _plain(entries: "Iterator[os.DirEntry[str]]", most: int) -> Iterator[PlainFile]:
    for _number, entry in zip(range(most), entries, strict=False):
        if entry.is_file(follow_symlinks=False):
            yield PlainFile(entry.name, entry.stat(follow_symlinks=False).st_size)
