"""The lock file: one line a package, tab-separated, so that a change is one line in a review.

deb    NAME  VERSION  ARCHITECTURE  SHA256  PATH    (the path is the archive's own, below its root)
wheel  NAME  VERSION  -             SHA256  FILE
"""

import hashlib
import re
from pathlib import Path

import msgspec

MAX_FILE_BYTES = 4 * 1024 * 1024
"""Ten thousand packages; no board has a tenth of it."""
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._~:%-]*\Z")
"""Names, versions and files become parts of paths and of pip's lines."""


class LockError(Exception):
    """A lock file that is missing or wrong, or packages that cannot be had, in one plain sentence."""


class Unfetchable(LockError):
    """The packages cannot be had: nothing is said of what would be built from them."""


class Superseded(Unfetchable):
    """The package hosts answer, and have other versions by now than the lock file names."""


class Deb(msgspec.Struct, frozen=True, kw_only=True, order=True):
    name: str
    version: str
    architecture: str
    sha256: str
    path: str


class Wheel(msgspec.Struct, frozen=True, kw_only=True, order=True):
    name: str
    version: str
    sha256: str
    file: str


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """Every package of one board's image."""

    board: str
    debs: tuple[Deb, ...]
    wheels: tuple[Wheel, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the file's text: what a cache is kept under."""
        return hashlib.sha256(_text(self).encode()).hexdigest()


def write_lock(path: Path, lock: Lock) -> None:
    path.write_text(_text(lock), "utf-8")


def _text(lock: Lock) -> str:
    lines = [f"board\t{lock.board}"]
    lines += [f"deb\t{d.name}\t{d.version}\t{d.architecture}\t{d.sha256}\t{d.path}" for d in lock.debs]
    lines += [f"wheel\t{w.name}\t{w.version}\t-\t{w.sha256}\t{w.file}" for w in lock.wheels]
    return "\n".join(lines) + "\n"


def read_lock(path: Path) -> Lock:
    """Raises:
    LockError: it is missing, too large, or a line is wrong.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise LockError(f"{path.name} is larger than {MAX_FILE_BYTES} bytes.")
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"{path} cannot be read: write it with image-build/lock.py.") from error
    board, debs, wheels = "", [], []
    for number, line in enumerate(lines, start=1):
        match line.split("\t"):
            case ["board", name] if _SAFE.match(name):
                board = name
            case ["deb", name, version, architecture, sha256, place] if (
                all(map(_SAFE.match, (name, version, architecture)))
                and _SHA256.match(sha256)
                and _inside(place)
            ):
                debs.append(
                    Deb(name=name, version=version, architecture=architecture, sha256=sha256, path=place)
                )
            case ["wheel", name, version, "-", sha256, file] if all(
                map(_SAFE.match, (name, version, file))
            ) and _SHA256.match(sha256):
                wheels.append(Wheel(name=name, version=version, sha256=sha256, file=file))
            case _:
                raise LockError(f"{path.name}: line {number} is no line of a lock file.")
    if not board or not debs:
        raise LockError(f"{path.name} names no board or no package.")
    return Lock(board=board, debs=tuple(debs), wheels=tuple(wheels))


def _inside(place: str) -> bool:
    """Whether an archive's path stays below its root."""
    return all(
        part not in {"", ".", ".."} and part.isprintable() and " " not in part for part in place.split("/")
    )
