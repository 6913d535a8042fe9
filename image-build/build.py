#!/usr/bin/env python3
"""Builds the image of one board from its lock file: `make image BOARD=qemu-amd64`.

    .venv/bin/python image-build/build.py BOARD [--out FOLDER] [--cache FOLDER]

Needs no root, no loop device, no mount, and runs nothing of the board's architecture. The same lock,
sources and date give the same bytes. FOLDER/BOARD then holds the disk image, the two files that an update
carries, the bill of materials, and `SHA256SUMS`.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
sys.path[:0] = [str(HERE), str(REPOSITORY)]

from base import RootError, make_base
from board import Board, BoardError, board_names, load_board
from boot import BootError, make_boot, make_config, write_first_stage
from disk import FAT, LINUX, Part, write_disk
from fetch import fetch, sha256_of
from initrd import InitrdError, make_initrd
from lockfile import Lock, LockError, Unfetchable, read_lock
from rootfs import finish_root, settle
from sbom import bill_of
from unpack import UnpackError
from verity import append_tree

import appliance

CONFIG_MIB = 16
STEPS = 7
TOOLS = {
    "mmdebstrap": "mmdebstrap", "dpkg-deb": "dpkg", "tar": "tar", "mksquashfs": "squashfs-tools",
    "mkfs.vfat": "dosfstools", "mcopy": "mtools",
    "depmod": "kmod", "systemd-sysusers": "systemd", "systemctl": "systemd", "readelf": "binutils",
}  # fmt: skip


class Told:
    """One line a step on standard error, with how long it took."""

    def __init__(self) -> None:
        self._number = 0
        self._began = time.monotonic()

    def step(self, text: str) -> None:
        self._number += 1
        spent = time.monotonic() - self._began
        print(f"image: [{self._number}/{STEPS}] {spent:5.0f} s  {text}", file=sys.stderr, flush=True)

    def part(self, number: int, total: int, name: str) -> None:
        if sys.stderr.isatty():
            print(
                f"\r       {number}/{total} {name:<40.40}",
                end="\n" if number == total else "",
                file=sys.stderr,
                flush=True,
            )


def build(
    board: Board, *, out: Path, cache: Path, epoch: int, update_ca: Path | None = None
) -> dict[str, str]:
    """Build it; returns the files' names with their SHA-256.

    Raises:
        BootError, InitrdError, LockError, RootError, UnpackError: what is missing, in one plain sentence.
    """
    told = Told()
    target = out / board.name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    made = target / "made"
    root = made / "root"
    os.environ |= {"SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "TZ": "UTC"}
    os.umask(0o022)

    lock = read_lock(board.lock)
    told.step(f"{len(lock.debs)} packages and {len(lock.wheels)} wheels of {board.lock.name}")
    debs, wheels = fetch(lock, board, cache, told.part)
    told.step("the root")
    made.mkdir()
    base = cache / f"base-{board.name}-{base_digest(lock, board)}"
    if not base.exists():
        for old in cache.glob(f"base-{board.name}-*"):
            shutil.rmtree(old)
        draft = made / "base"
        make_base(draft, board, tuple(zip(lock.debs, debs, strict=True)), wheels)
        _run(["cp", "--archive", "--reflink=auto", str(draft), f"{base}.draft"])
        os.replace(f"{base}.draft", base)
        shutil.rmtree(draft)
    _run(["cp", "--archive", "--reflink=auto", str(base), str(root)])
    release = finish_root(root, board, version=appliance.__version__, update_ca=update_ca)
    taken = make_boot_files(root, made / "boot_files", board, release)
    settle(root, epoch)
    told.step("the read-only root image")
    image = target / "root.squashfs"
    squash = ["mksquashfs", str(root), str(image), "-comp", "zstd", "-Xcompression-level", "9"]
    _run([*squash, "-all-root", "-no-xattrs", "-noappend", "-quiet", "-no-progress"])
    told.step("its verity tree, and the initrd that opens it")
    verity = append_tree(image)
    initrd = make_initrd(root, release=release, modules=board.initrd_modules, verity=verity.table("@"))
    (taken / "initrd").write_bytes(initrd)
    write_first_stage(taken, board)
    settle(taken, epoch)
    told.step("the boot partitions")
    make_boot(target / "boot.vfat", taken, mib=board.boot_mib, label="BOOT", identity=f"{board.name}/boot")
    make_config(target / "config.vfat", made / "config_files", mib=CONFIG_MIB, board=board, epoch=epoch)
    told.step("the disk image")
    parts = (
        Part("config", FAT, CONFIG_MIB, target / "config.vfat"),
        Part("boot_a", FAT, board.boot_mib, target / "boot.vfat"),
        Part("boot_b", FAT, board.boot_mib, None),
        Part("root_a", LINUX, board.root_mib, image),
        Part("root_b", LINUX, board.root_mib, None),
    )
    disk = target / f"borne-{board.name}.img"
    write_disk(disk, parts, board=board.name)
    told.step("the bill of materials and the hashes")
    (target / "sbom.cdx.json").write_text(
        bill_of(lock, version=appliance.__version__, suite=board.suite), "utf-8"
    )
    shutil.rmtree(made)
    names = (disk.name, "root.squashfs", "boot.vfat", "sbom.cdx.json")
    digests = {name: sha256_of(target / name) for name in names}
    (target / "SHA256SUMS").write_text(
        "".join(f"{digest}  {name}\n" for name, digest in digests.items()), "ascii"
    )
    return digests


def base_digest(lock: Lock, board: Board) -> str:
    """What the unpacked packages follow from: the lock, the board, and how they are unpacked."""
    how = [sha256_of(HERE / name) for name in ("base.py", "unpack.py")]
    said = f"{lock.digest} {board!r} {how} {sys.version_info[:2]}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def make_boot_files(root: Path, folder: Path, board: Board, release: str) -> Path:
    """What the first stage needs, moved out of the root into a folder of its own."""
    folder.mkdir(parents=True)
    modules = root / "usr/lib/modules" / release
    # Debian's later kernels (7.x) lie beside their modules, and so do their device trees.
    shutil.move(first_of(root / f"boot/vmlinuz-{release}", modules / "vmlinuz"), folder / "vmlinuz")
    trees = (root / f"usr/lib/linux-image-{release}", modules / "dtb")
    for name in board.device_trees:
        shutil.copyfile(first_of(*(one / name for one in trees)), folder / Path(name).name)
    shutil.rmtree(modules / "dtb", ignore_errors=True)
    if board.firmware is not None:
        for name in ("start4.elf", "fixup4.dat"):
            source = root / "usr/lib/raspi-firmware" / name
            if source.exists():  # the Raspberry Pi 5 has its first stage on the board
                shutil.copyfile(source, folder / name)
    for path in root.glob("boot/*-*"):
        path.unlink()
    for name in (f"usr/lib/linux-image-{release}", "usr/lib/raspi-firmware"):
        shutil.rmtree(root / name, ignore_errors=True)
    shutil.rmtree(root / "boot/firmware", ignore_errors=True)
    return folder


def first_of(*places: Path) -> Path:
    """The first of these that is there.

    Raises:
        RootError: none is.
    """
    found = next((one for one in places if one.exists()), None)
    if found is None:
        raise RootError(f"The kernel's packages have no {places[0].name}.")
    return found


def source_date() -> int:
    """SOURCE_DATE_EPOCH, else the last commit's time."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    if said is None:
        asked = ["git", "-C", str(REPOSITORY), "log", "-1", "--format=%ct"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        said = done.stdout.strip() or "0"
    return int(said)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RootError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="image", description="Builds the image of one board.")
    parser.add_argument("board", choices=board_names())
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build/image")
    parser.add_argument(
        "--cache", type=Path, default=REPOSITORY / "build/packages", help="packages by their hash"
    )
    parser.add_argument(
        "--update-ca", type=Path, help="PEM: who signs updates; without it every update is refused"
    )
    chosen = parser.parse_args(arguments)
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        print(f"image: install these Debian packages first: {' '.join(missing)}", file=sys.stderr)
        return 2
    unfetchable = chosen.out / "unfetchable"  # the packages cannot be had: `make image-test` is then skipped
    chosen.out.mkdir(parents=True, exist_ok=True)
    unfetchable.unlink(missing_ok=True)
    try:
        digests = build(
            load_board(chosen.board),
            out=chosen.out,
            cache=chosen.cache,
            epoch=source_date(),
            update_ca=chosen.update_ca,
        )
    except (BoardError, BootError, InitrdError, LockError, RootError, UnpackError) as error:
        print(f"image: {error}", file=sys.stderr)
        if isinstance(error, Unfetchable):
            unfetchable.write_text(f"{error}\n", "utf-8")
        return 2
    for name, digest in digests.items():
        print(f"{digest}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
