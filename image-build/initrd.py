"""The initrd: a shell, dmsetup, the modules that find the disk, and `init`. Made here, for any architecture.

A newc archive (Documentation/driver-api/early-userspace/buffer-format.rst), gzipped, with no time and no
inode number in it, so that the same root gives the same bytes. Nothing of the board's is run to make it.
"""

import gzip
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path

INIT = Path(__file__).parent / "init"
BUSYBOX = "usr/bin/busybox"
DMSETUP = "usr/sbin/dmsetup"
LIBRARIES = ("usr/lib/{triplet}", "usr/lib")
APPLETS = (
    "sh",
    "mount",
    "umount",
    "mkdir",
    "insmod",
    "switch_root",
    "cat",
    "sleep",
    "echo",
    "reboot",
    "sync",
    "tr",
)


class InitrdError(Exception):
    """Something that the initrd needs is not in the root."""


class Archive:
    """A newc archive in memory."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._names: set[str] = set()

    def folder(self, name: str) -> None:
        for parent in reversed(Path(name).parents):
            if str(parent) != ".":
                self._add(str(parent), stat.S_IFDIR | 0o755, b"")
        self._add(name, stat.S_IFDIR | 0o755, b"")

    def file(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        self.folder(str(Path(name).parent))
        self._add(name, stat.S_IFREG | mode, content)

    def link(self, name: str, target: str) -> None:
        self.folder(str(Path(name).parent))
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def _add(self, name: str, mode: int, content: bytes) -> None:
        if name in self._names or name == ".":
            return
        self._names.add(name)
        self._write(name, mode, content)

    def _write(self, name: str, mode: int, content: bytes) -> None:
        path = name.encode() + b"\0"
        fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
        self._bytes += b"070701" + b"".join(b"%08X" % field for field in fields) + path
        self._bytes += bytes(-len(self._bytes) % 4) + content
        self._bytes += bytes(-len(self._bytes) % 4)

    def finished(self) -> bytes:
        self._write("TRAILER!!!", 0, b"")
        return gzip.compress(bytes(self._bytes), compresslevel=9, mtime=0)


def make_initrd(root: Path, *, release: str, modules: Iterable[str], verity: str) -> bytes:
    """`verity`: the two lines that `init` reads: the table with @ for the device.

    Raises:
        InitrdError: a program, library or module is missing.
    """
    archive = Archive()
    for name in ("dev", "proc", "sys", "run", "sysroot", "bin", "sbin"):
        archive.folder(name)
    archive.file("init", INIT.read_bytes(), mode=0o755)
    archive.file("verity", verity.encode())
    archive.file("bin/busybox", _read(root, BUSYBOX), mode=0o755)
    for applet in APPLETS:
        archive.link(f"bin/{applet}", "busybox")
    archive.file("sbin/dmsetup", _read(root, DMSETUP), mode=0o755)
    for place, content in _libraries(root, DMSETUP):
        archive.file(place, content, mode=0o755)
    order = []
    for path in module_order(root, release, modules):
        archive.file(f"modules/{path.name}", path.read_bytes())
        order.append(path.name)
    archive.file("modules/order", ("\n".join(order) + "\n").encode())
    return archive.finished()


def module_order(root: Path, release: str, wanted: Iterable[str]) -> list[Path]:
    """The modules with all they need, each after what it needs (modules.dep(5)); built-in ones are left."""
    folder = root / "usr/lib/modules" / release
    needs: dict[str, tuple[str, list[str]]] = {}
    for line in (folder / "modules.dep").read_text("ascii").splitlines():
        path, _, others = line.partition(":")
        needs[module_name(path)] = (path, [module_name(other) for other in others.split()])
    built_in = {module_name(line) for line in (folder / "modules.builtin").read_text("ascii").splitlines()}
    order: list[str] = []

    def take(name: str) -> None:
        if name in built_in or name in order:
            return
        if name not in needs:
            raise InitrdError(f"The kernel {release} has no module {name}.")
        for other in reversed(needs[name][1]):
            take(other)
        order.append(name)

    for name in wanted:
        take(name)
    return [folder / needs[name][0] for name in order]


def module_name(path: str) -> str:
    return re.sub(r"\.ko(\.[a-z]+)?$", "", path.rpartition("/")[2]).replace("-", "_")


def _libraries(root: Path, program: str) -> Iterable[tuple[str, bytes]]:
    """What the dynamic linker will ask for, and the linker itself, where it will look."""
    waiting, done = [root / program], set()
    while waiting:
        path = waiting.pop()
        needed, linker = _dynamic(path)
        if linker is not None and linker not in done:
            done.add(linker)
            yield linker.removeprefix("/"), _read(root, linker.removeprefix("/"))
        for name in needed:
            if name in done or (linker is not None and linker.endswith(name)):
                continue
            done.add(name)
            found = _find_library(root, name)
            yield str(found.relative_to(root)), found.read_bytes()
            waiting.append(found)


def _find_library(root: Path, name: str) -> Path:
    for folder in (*sorted((root / "usr/lib").glob("*-linux-gnu")), root / "usr/lib"):
        if (folder / name).exists():
            return folder / name
    raise InitrdError(f"The root has no {name}.")


def _dynamic(path: Path) -> tuple[list[str], str | None]:
    """DT_NEEDED and the interpreter, as binutils' readelf says them of any architecture."""
    if shutil.which("readelf") is None:
        raise InitrdError("readelf (package binutils) is not installed.")
    said = subprocess.run(
        ["readelf", "--wide", "--dynamic", "--program-headers", str(path)],
        capture_output=True, text=True, check=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    ).stdout  # fmt: skip
    needed = re.findall(r"\(NEEDED\).*\[(.+?)\]", said)
    linker = re.search(r"interpreter: (\S+?)\]", said)
    return needed, linker[1] if linker else None


def _read(root: Path, name: str) -> bytes:
    try:
        return (root / name).read_bytes()
    except OSError as error:
        raise InitrdError(f"The root has no {name}.") from error
