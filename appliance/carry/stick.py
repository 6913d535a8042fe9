"""The stick: whole files or none, read back before they count, and nothing believed of what else lies there.

A file is written under another name, flushed, read back past the cache, and only then given its name. A stick
that is pulled out leaves at most a `.part`, which is passed over and cleared the next time.
"""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.carry.errors import StickBroken, StickFull
from appliance.carry.names import DIGEST_DIGITS, BatchName, is_device, is_epoch, read_batch_name
from appliance.contracts import wire
from appliance.plain_files import read_plain

TO_CENTRAL: Final = "to-central"
TO_BOX: Final = "to-box"
REFERENCE: Final = "reference"
MAX_BATCH_BYTES: Final = wire.MAX_BATCH_BYTES
MAX_WORD_BYTES: Final = 1024 * 1024
"""A watermark, or all waiting commands."""
MAX_REFERENCE_BYTES: Final = 64 * 1024 * 1024
"""A list as it goes over MQTT; larger ones go as a repository, with `borne list import`."""
MAX_ENTRIES: Final = 100_000
"""Files of one folder that are looked at: ten million records in batches of a hundred."""
_PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A batch that lies there under a proper name; whether it is whole, `Stick.read` says."""

    device: str
    epoch: str
    name: BatchName
    path: Path


@dataclass(frozen=True, slots=True)
class Brought:
    """Something from central for a box; whoever relies on it verifies it."""

    kind: str
    """watermark, command or reference."""
    name: str
    data: bytes


class Stick:
    """A folder on a stick, any file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    # Box to central

    def write_batch(self, device: str, epoch: str, first: int, last: int, data: bytes) -> BatchFile:
        """Keep this batch, a `wire.pack` of the records `first` to `last`.

        Raises:
            StickFull, StickBroken: it does not count; what was there before is as it was.
        """
        name = BatchName(first, last, _digest(data))
        path = self._folder / TO_CENTRAL / wire.check_name(device) / epoch / str(name)
        self._write(path, data)
        return BatchFile(device, epoch, name, path)

    def batches(self, device: str | None = None) -> Iterator[BatchFile]:
        """What lies there for central, in order.

        Raises:
            StickBroken: it cannot be read.
        """
        root = self._folder / TO_CENTRAL
        for owner in [] if root.is_symlink() else self._folders(root):
            if not is_device(owner) or device not in (None, owner):
                continue
            for epoch in self._folders(root / owner):
                if not is_epoch(epoch):
                    continue
                folder = root / owner / epoch
                for file in self._files(folder):
                    name = read_batch_name(file)
                    if name is not None:
                        yield BatchFile(owner, epoch, name, folder / file)

    def read(self, file: BatchFile) -> bytes | None:
        """The batch's bytes; None when they are not what was written.

        Raises:
            StickBroken: it cannot be read.
        """
        data = self._read(file.path, MAX_BATCH_BYTES)
        return data if data is not None and _digest(data) == file.name.digest else None

    def remove(self, file: BatchFile) -> None:
        """A batch that central has committed, or that is damaged.

        Raises:
            StickBroken: it cannot be written.
        """
        with _translating():
            file.path.unlink(missing_ok=True)

    def clear_parts(self) -> None:
        """Take away what an interrupted copy has left.

        Raises:
            StickBroken: it cannot be written.
        """
        for way in (TO_CENTRAL, TO_BOX):
            for owner in self._folders(self._folder / way):
                places = [self._folder / way / owner]
                places += [places[0] / inner for inner in self._folders(places[0])]
                for place in places:
                    for file in self._files(place):
                        if file.endswith(_PART):
                            with _translating():
                                (place / file).unlink(missing_ok=True)

    # Central to boxes

    def write_word(self, device: str, name: str, data: bytes) -> None:
        """A watermark (`EPOCH.watermark`) or the waiting commands (`waiting.command`) for this box.

        Raises:
            StickFull, StickBroken: it is not on the stick.
        """
        self._write(self._folder / TO_BOX / wire.check_name(device) / name, data)

    def write_reference(self, name: str, message: bytes) -> None:
        """A message of signed reference data, for every box.

        Raises:
            StickFull, StickBroken: it is not on the stick.
        """
        self._write(self._folder / TO_BOX / REFERENCE / f"{wire.check_name(name)}.message", message)

    def brought_for(self, device: str) -> Iterator[Brought]:
        """What central sends this box: its words first, then what is for all.

        Raises:
            StickBroken: it cannot be read.
        """
        own = self._folder / TO_BOX / wire.check_name(device)
        common = self._folder / TO_BOX / REFERENCE
        wanted = (
            ("watermark", own, ".watermark", MAX_WORD_BYTES),
            ("command", own, ".command", MAX_WORD_BYTES),
            ("reference", common, ".message", MAX_REFERENCE_BYTES),
        )
        for kind, folder, suffix, most in wanted:
            for file in self._files(folder):
                if file.endswith(suffix) and (data := self._read(folder / file, most)) is not None:
                    yield Brought(kind, file.removesuffix(suffix), data)

    # Files

    def _write(self, path: Path, data: bytes) -> None:
        part = path.with_name(f"{path.name}{_PART}")
        self._refuse_links(path)
        with _translating():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.unlink(missing_ok=True)
                with part.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                    # What is read back must come from the stick, not from what the kernel remembers of it.
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                if self._read(part, len(data)) != data:
                    raise StickBroken("The stick does not give back what was written to it.")
                part.replace(path)
                _flush_folder(path.parent)
            except (OSError, StickBroken):
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)
                raise

    def _refuse_links(self, path: Path) -> None:
        """A link on a stick would have us write somewhere else."""
        for place in path.parents:
            if place == self._folder:
                return
            if place.is_symlink():
                raise StickBroken(f"{place.name} on the stick is a link; Borne makes folders of its own.")

    def _read(self, path: Path, most: int) -> bytes | None:
        """The bytes of a plain file of at most so many; None for anything else that somebody put there."""
        try:
            return read_plain(path, most)
        except OSError as error:
            raise StickBroken(f"The stick cannot be read ({error.strerror}).") from error

    def _folders(self, folder: Path) -> list[str]:
        return [entry.name for entry in self._entries(folder) if entry.is_dir(follow_symlinks=False)]

    def _files(self, folder: Path) -> list[str]:
        return [entry.name for entry in self._entries(folder) if entry.is_file(follow_symlinks=False)]

    def _entries(self, folder: Path) -> "list[os.DirEntry[str]]":
        found: list[os.DirEntry[str]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if len(found) == MAX_ENTRIES:
                        raise StickBroken(f"{folder.name} on the stick holds more files than Borne writes.")
                    found.append(entry)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StickBroken(f"The stick cannot be read ({error.strerror}).") from error
        return sorted(found, key=lambda entry: entry.name)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGEST_DIGITS]


def _flush_folder(folder: Path) -> None:
    """The name too is on the stick."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system without this notion: its names are flushed with all
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StickFull("The stick is full.") from error
        raise StickBroken(f"The stick does not do as it is told ({error.strerror}).") from error
