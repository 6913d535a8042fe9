"""What is moved out of the root for the first stage, wherever the kernel's packages have it."""

from pathlib import Path

import msgspec
import pytest
from base import RootError
from board import load_board
from build import make_boot_files

RELEASE = "7.1-arm64"


def a_root(folder: Path, *, later: bool) -> Path:
    kernel = "usr/lib/modules/7.1-arm64/vmlinuz" if later else f"boot/vmlinuz-{RELEASE}"
    trees = "usr/lib/modules/7.1-arm64/dtb" if later else f"usr/lib/linux-image-{RELEASE}"
    for name in (kernel, f"{trees}/x/a.dtb", f"boot/config-{RELEASE}", "usr/lib/raspi-firmware/start4.elf"):
        path = folder / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder / "root"


@pytest.mark.parametrize("later", [False, True])
def test_ok_kernel_and_device_tree_of_both_of_debian_s_places(tmp_path, later) -> None:
    board = msgspec.structs.replace(load_board("pi4-bookworm"), device_trees=("x/a.dtb",))
    root = a_root(tmp_path, later=later)
    made = make_boot_files(root, tmp_path / "boot", board, RELEASE)
    assert {path.name for path in made.iterdir()} == {"vmlinuz", "a.dtb", "start4.elf"}
    left = {path.name for path in root.rglob("*") if path.is_file()}
    assert left == set()


def test_fail_a_device_tree_that_the_kernel_lacks(tmp_path) -> None:
    board = msgspec.structs.replace(load_board("pi4-bookworm"), device_trees=("x/b.dtb",))
    with pytest.raises(RootError, match=r"b\.dtb"):
        make_boot_files(a_root(tmp_path, later=False), tmp_path / "boot", board, RELEASE)
