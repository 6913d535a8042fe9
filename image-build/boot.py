"""The FAT partitions: what the first stage reads, and what a technician may write to. By mtools: no mount."""

import hashlib
import os
import subprocess
from pathlib import Path

from board import Board

AUTOBOOT = """[all]
tryboot_a_b=1
boot_partition=2
[tryboot]
boot_partition=3
"""
"""The Raspberry Pi's own A/B words; an update's commit swaps the two numbers. QEMU's boards read them too."""
CONFIG_TXT = """arm_64bit=1
kernel=vmlinuz
initramfs initrd followkernel
enable_uart=1
disable_splash=1
dtparam=watchdog=on
"""
COMMAND_LINE = "ro panic=10 quiet console={console} systemd.show_status=no usbcore.authorized_default=0"
"""No USB device is let in before udev's rules say so (config/udev/71-borne-usb.rules)."""
READ_ME = """Borne: configuration partition.\r
\r
Put device.toml here (borne flash does it), and central's answer as answer.json.\r
The box writes request.json, for central, and status.txt, for you.\r
Nothing that lies here is ever run.\r
"""


class BootError(Exception):
    """A boot partition cannot be made."""


def make_boot(path: Path, folder: Path, *, mib: int, label: str, identity: str) -> None:
    """A FAT with the files of this folder.

    Raises:
        BootError: they do not fit.
    """
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(mib * 1024 * 1024)
    number = hashlib.sha256(identity.encode()).hexdigest()[:8]
    _run(["mkfs.vfat", "--invariant", "-i", number, "-n", label, str(path)])
    names = sorted(str(one) for one in folder.iterdir())
    _run(["mcopy", "-m", "-i", str(path), *names, "::"])


def make_config(path: Path, folder: Path, *, mib: int, board: Board, epoch: int) -> None:
    folder.mkdir(parents=True)
    (folder / "autoboot.txt").write_text(AUTOBOOT, "ascii")
    (folder / "readme.txt").write_bytes(READ_ME.encode())
    for one in folder.iterdir():
        os.utime(one, (epoch, epoch))
    make_boot(path, folder, mib=mib, label="BORNE", identity=f"{board.name}/config")


def write_first_stage(folder: Path, board: Board) -> None:
    """config.txt and cmdline.txt."""
    (folder / "cmdline.txt").write_text(COMMAND_LINE.format(console=board.console) + "\n", "ascii")
    if board.firmware is not None:
        (folder / "config.txt").write_text(CONFIG_TXT, "ascii")


def _run(command: list[str]) -> None:
    environment = os.environ | {"MTOOLS_SKIP_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise BootError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
