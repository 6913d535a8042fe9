"""RAUC with the box's own system.conf and boot backend, on files in the slots' place.

This machine may have no device-mapper, which verity bundles need to be installed: here the bundles are
`plain`, and nothing else of the configuration differs.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from board import load_board
from boot import AUTOBOOT
from bundle import BundleError, make_bundle
from qemu import boot_partition
from signer import make_signer

IMAGE_BUILD = Path(__file__).parents[2] / "image-build"
BOARD = load_board("qemu-amd64")
missing = [tool for tool in ("rauc", "dbus-run-session", "mksquashfs") if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.skipif(bool(missing), reason=f"not installed: {' '.join(missing)}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="RAUC mounts what it installs"),
]
NEW_ROOT, NEW_BOOT = b"new root " * 30_000, b"new boot " * 10_000


class Box:
    """Slots, card and configuration as files; RAUC as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.card = folder / "card"
        for one in ("card", "run", "box"):
            (folder / one).mkdir()
        (self.card / "autoboot.txt").write_text(AUTOBOOT)
        (folder / "run/slot").write_text("A\n")
        for name, size in (
            ("root_a", 400_000),
            ("root_b", 400_000),
            ("boot_a", 200_000),
            ("boot_b", 200_000),
        ):
            (folder / name).write_bytes(f"old {name} ".encode().ljust(size, b"\0"))
        self.ca, self.cert, self.key = make_signer(folder, "own")
        text = (IMAGE_BUILD / "overlay/etc/rauc/system.conf").read_text()
        for old, new in (
            ("@compatible@", BOARD.compatible),
            ("/dev/disk/by-partlabel", str(folder)),
            ("bundle-formats=verity", "bundle-formats=plain"),
            ("/opt/borne/libexec/bootchooser", str(IMAGE_BUILD / "update/bootchooser")),
            ("/etc/rauc/update-ca.pem", str(self.ca)),
            ("/etc/borne/box/rauc.status", str(folder / "box/rauc.status")),
            ("/run/rauc", str(folder / "mount")),
        ):
            assert old in text, old
            text = text.replace(old, new)
        self.conf = folder / "system.conf"
        self.conf.write_text(text)

    def bundle(self, *, cert: Path | None = None, key: Path | None = None, board=BOARD) -> Path:
        root, boot = self.folder / "new_root", self.folder / "new_boot"
        root.write_bytes(NEW_ROOT)
        boot.write_bytes(NEW_BOOT)
        return make_bundle(
            root, boot, board=board, cert=cert or self.cert, key=key or self.key,
            out=self.folder / "update.raucb", version="2.0", kind="plain",
        )  # fmt: skip

    def rauc(self, *words: str, seconds: float | None = None) -> subprocess.CompletedProcess:
        """A command beside a service of its own, both ended with it; `seconds`: killed after so long."""
        running = (self.folder / "run/slot").read_text().strip()
        script = (
            "export DBUS_STARTER_BUS_TYPE=session; "  # dbus-run-session takes it away
            f"rauc --conf={self.conf} --override-boot-slot={running} service "
            f">{self.folder}/service.log 2>&1 & "
            f'sleep 0.3; rauc --conf={self.conf} "$@"; code=$?; kill $!; exit $code'
        )
        command = ["dbus-run-session", "--", "sh", "-c", script, "sh", *words]
        environment = os.environ | {
            "BORNE_CARD": str(self.card),
            "BORNE_RUN": str(self.folder / "run"),
            "BORNE_REBOOT_WORD": str(self.folder / "reboot-param"),
        }
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=seconds or 60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            said, _ = process.communicate()
            assert seconds is not None, said
        return subprocess.CompletedProcess(command, process.returncode, said)

    def start(self) -> str:
        trial = (self.card / "trial").exists()
        (self.card / "trial").unlink(missing_ok=True)
        slot = {2: "A", 3: "B"}[boot_partition((self.card / "autoboot.txt").read_text(), trial=trial)]
        (self.folder / "run/slot").write_text(f"{slot}\n")
        return slot

    def holds(self, name: str, content: bytes) -> bool:
        return (self.folder / name).read_bytes()[: len(content)] == content


@pytest.fixture
def box(tmp_path) -> Iterator[Box]:
    yield Box(tmp_path)
    unmount_below(tmp_path)


def unmount_below(folder: Path) -> None:
    """A service that was killed leaves its bundle mounted."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted((one for one in points if one.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", point], check=True)


def test_ok_a_good_update_is_tried_and_committed(box) -> None:
    installed = box.rauc("install", str(box.bundle()))
    assert installed.returncode == 0, installed.stdout
    assert box.holds("root_b", NEW_ROOT)
    assert box.holds("boot_b", NEW_BOOT)
    assert box.holds("root_a", b"old root_a")
    assert box.start() == "B"
    marked = box.rauc("status", "mark-good")
    assert marked.returncode == 0, marked.stdout
    assert box.start() == box.start() == "B"


def test_ok_an_update_that_is_not_well_goes_back(box) -> None:
    assert box.rauc("install", str(box.bundle())).returncode == 0
    assert box.start() == "B"  # nothing says that it is well
    assert box.start() == "A"


def test_fail_somebody_else_signed(box) -> None:
    _, cert, key = make_signer(box.folder, "foreign")
    refused = box.rauc("install", str(box.bundle(cert=cert, key=key)))
    assert refused.returncode != 0
    assert re.search("signature verification failed|unable to get", refused.stdout, re.IGNORECASE), (
        refused.stdout
    )
    assert box.holds("root_b", b"old root_b")
    assert box.start() == "A"


@pytest.mark.parametrize("at", [100, -200, -3000])
def test_fail_a_flipped_byte(box, at: int) -> None:
    bundle = box.bundle()
    data = bytearray(bundle.read_bytes())
    data[at] ^= 1
    bundle.write_bytes(data)
    assert box.rauc("install", str(bundle)).returncode != 0
    assert box.holds("root_b", b"old root_b")
    assert box.start() == "A"


def test_fail_an_update_for_another_board(box) -> None:
    refused = box.rauc("install", str(box.bundle(board=load_board("pi4-bookworm"))))
    assert refused.returncode != 0
    assert "compatible" in refused.stdout.lower()
    assert box.start() == "A"


def test_fail_no_bundle_without_a_key_or_rauc(box, monkeypatch) -> None:
    with pytest.raises(BundleError, match="rauc"):
        box.bundle(key=box.folder / "none.key")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BundleError, match="not installed"):
        box.bundle()


def cut_once(box: Box, bundle: Path, seconds: float) -> None:
    """An installation killed after so long, and what starts then."""
    box.rauc("install", str(bundle), seconds=seconds)
    assert box.holds("root_a", b"old root_a")
    assert box.holds("boot_a", b"old boot_a")
    slot = box.start()
    if slot == "B":  # armed only when both images are whole
        assert box.holds("root_b", NEW_ROOT)
        assert box.holds("boot_b", NEW_BOOT)
    assert box.start() == "A"
    unmount_below(box.folder)


def test_ok_installations_that_are_cut_leave_the_old_slot_whole(box) -> None:
    bundle = box.bundle()
    for seconds in (0.35, 0.45, 0.6):
        cut_once(box, bundle, seconds)


def commit_cut_once(box: Box, seconds: float) -> str:
    """A commit killed after so long; which slot starts from then on."""
    box.rauc("status", "mark-good", seconds=seconds)
    assert box.holds("root_a", b"old root_a")
    assert box.holds("root_b", NEW_ROOT)
    assert box.holds("boot_b", NEW_BOOT)
    slot = box.start()
    assert box.start() == slot  # for good: a commit leaves no trial behind
    return slot


@pytest.mark.soak
def test_ok_two_hundred_cuts(box) -> None:
    """A hundred of installations and a hundred of commits, spread over the time that a whole one takes."""
    bundle = box.bundle()
    began = time.monotonic()
    assert box.rauc("install", str(bundle)).returncode == 0
    whole = time.monotonic() - began
    box.start(), box.start()
    for number in range(100):
        cut_once(box, bundle, 0.3 + whole * number / 100)

    assert box.rauc("install", str(bundle)).returncode == 0
    assert box.start() == "B"
    kept = {path: path.read_bytes() for path in (box.card / "autoboot.txt", box.folder / "box/rauc.status")}
    began = time.monotonic()
    assert box.rauc("status", "mark-good").returncode == 0
    whole = time.monotonic() - began
    slots = []
    for number in range(100):
        for path, content in kept.items():
            path.write_bytes(content)
        for left in box.card.glob("autoboot.txt.new"):
            left.unlink()
        (box.folder / "run/slot").write_text("B\n")
        slots.append(commit_cut_once(box, 0.2 + whole * number / 100))
    assert {"A", "B"} == set(slots), "the cuts did not fall on both sides of the commit"
