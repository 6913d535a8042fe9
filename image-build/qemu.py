"""QEMU as a board: plays the Raspberry Pi's first stage, and reads what the box says on its serial line.

Always emulated (`-accel tcg`): where /dev/kvm exists but belongs to another hypervisor, a guest hangs in it.
"""

import contextlib
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from board import Board

from appliance.simulation import leash

MACHINES = {
    "amd64": ("qemu-system-x86_64", ("-M", "q35", "-cpu", "Nehalem")),
    "arm64": ("qemu-system-aarch64", ("-M", "virt", "-cpu", "cortex-a72")),
}
MEMORY_MIB = 1536
"""The target of the whole box."""
CONFIG_AT = 1024 * 1024
"""Where the first partition begins (disk.ALIGN)."""
STICK_MIB = 900
LINE_BYTES = 64 * 1024
END_SECONDS = 10.0


class QemuError(Exception):
    """The machine cannot be started, or ended otherwise than expected."""


class QemuCrashed(QemuError):
    """QEMU itself ended by a signal, as 7.2 rarely does with two x86 cores: nothing is said of the box."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the serial console, and when it came (seconds from the start)."""

    at: float
    text: str


def fat_at(disk: Path, number: int, board: Board) -> str:
    """mtools' word for a FAT partition in the image: 1 config, 2 boot_a, 3 boot_b."""
    mib = 1 if number == 1 else 1 + 16 + (number - 2) * board.boot_mib
    return f"{disk}@@{mib * 1024 * 1024}"


def read_fat(disk: Path, board: Board, number: int, name: str) -> bytes:
    """A file of a FAT partition.

    Raises:
        QemuError: it is not there.
    """
    done = subprocess.run(
        ["mtype", "-i", fat_at(disk, number, board), f"::{name}"], capture_output=True, check=False
    )
    if done.returncode != 0:
        raise QemuError(f"Partition {number} has no {name}.")
    return done.stdout


def write_fat(disk: Path, board: Board, number: int, source: Path, name: str) -> None:
    """Put a file onto a FAT partition, as a technician's laptop would."""
    command = ["mcopy", "-o", "-i", fat_at(disk, number, board), str(source), f"::{name}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise QemuError(f"{name} does not go onto partition {number}: {done.stderr.strip()}")


def make_stick(path: Path, *files: Path, folder: str = "") -> tuple[str, ...]:
    """A technician's: a FAT with the label BORNE, and these files in `folder`, its top where none is named.

    Returns QEMU's words that plug it in.
    """
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(STICK_MIB * 1024 * 1024)
    done = partial(subprocess.run, check=True, capture_output=True)
    done(["mkfs.vfat", "-n", "BORNE", str(path)])
    if folder:
        done(["mmd", "-i", str(path), f"::{folder}"])
    for one in files:
        done(["mcopy", "-i", str(path), str(one), f"::{folder}/"])
    return ("-drive", f"if=none,id=stick,file={path},format=raw", "-device", "usb-storage,drive=stick")


def take_trial(disk: Path, board: Board) -> bool:
    """Whether a trial start is armed; it is spent by being read, as the firmware's is."""
    try:
        read_fat(disk, board, 1, "trial")
    except QemuError:
        return False
    subprocess.run(["mdel", "-i", fat_at(disk, 1, board), "::trial"], check=True, capture_output=True)
    return True


def boot_partition(autoboot: str, *, trial: bool) -> int:
    """What autoboot.txt says: the number under [tryboot] for a trial, under [all] otherwise."""
    section, numbers = "all", {}
    for line in autoboot.splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line.strip()):
            section = header[1]
        elif line.startswith("boot_partition="):
            numbers[section] = int(line.partition("=")[2])
    return numbers["tryboot" if trial else "all"]


class Machine:
    """One start of the box, from power on to its end. Use it as a context manager."""

    def __init__(
        self,
        disk: Path,
        board: Board,
        *,
        words: Sequence[str] = (),
        options: Sequence[str] = (),
        console: TextIO | None = None,
    ) -> None:
        self._disk = disk
        self._board = board
        self._words = words
        self._options = options
        self._console = console
        self._folder = tempfile.TemporaryDirectory(prefix="borne-qemu-")
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._rest = b""
        self._unread: deque[Line] = deque()
        self.lines: list[Line] = []

    def __enter__(self) -> Self:
        program, machine = MACHINES[self._board.architecture]
        folder = Path(self._folder.name)
        autoboot = read_fat(self._disk, self._board, 1, "autoboot.txt").decode("ascii")
        slot = boot_partition(autoboot, trial=take_trial(self._disk, self._board))
        for name in ("vmlinuz", "initrd", "cmdline.txt"):
            (folder / name).write_bytes(read_fat(self._disk, self._board, slot, name))
        words = [(folder / "cmdline.txt").read_text("ascii").strip(), f"borne.partition={slot}", *self._words]
        command = [
            *(program, *machine, "-accel", "tcg,thread=multi", "-smp", "2", "-m", str(MEMORY_MIB)),
            *("-nographic", "-no-reboot", "-serial", "stdio", "-monitor", "none"),
            *("-drive", f"file={self._disk},if=virtio,format=raw,cache=writethrough"),
            *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
            *(
                "-kernel",
                str(folder / "vmlinuz"),
                "-initrd",
                str(folder / "initrd"),
                "-append",
                " ".join(words),
            ),
            *self._options,
        ]
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        leash.hold(self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut_power()
        self._folder.cleanup()

    def cut_power(self) -> None:
        """As if the plug were pulled."""
        if self._process is not None:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def follow(self, seconds: float) -> Iterator[Line]:
        """Its lines as they come, until it ends or the time is over; the next call goes on from there.

        Raises:
            QemuCrashed: QEMU was ended by a signal that is not ours.
        """
        assert self._process is not None
        assert self._process.stdout is not None
        end = time.monotonic() + seconds
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while True:
                while self._unread:
                    yield self._unread.popleft()
                left = end - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return
                block = os.read(descriptor, LINE_BYTES)
                if not block:  # it has closed its console: it ends
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(END_SECONDS)
                    if (code := self._process.returncode or 0) < 0:
                        raise QemuCrashed(f"QEMU itself ended by signal {-code} after {self.now:.0f} s.")
                    return
                *whole, self._rest = (self._rest + block).split(b"\n")
                for raw in whole:
                    text = raw.decode("utf-8", "replace").rstrip("\r")
                    line = Line(time.monotonic() - self._began, text)
                    self.lines.append(line)
                    if self._console is not None:
                        print(f"{line.at:8.1f} {text}", file=self._console, flush=True)
                    self._unread.append(line)

    @property
    def now(self) -> float:
        """Seconds since power on."""
        return time.monotonic() - self._began

    @property
    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None
