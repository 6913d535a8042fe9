"""Partition table, verity tree, initrd and boot partitions, against the tools that others read them with."""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from board import load_board
from boot import AUTOBOOT, BootError, make_boot, make_config, write_first_stage
from disk import FAT, LINUX, Part, write_disk
from initrd import Archive, InitrdError, make_initrd, module_order
from lockfile import read_lock
from qemu import QemuError, boot_partition, fat_at, read_fat, take_trial, write_fat
from sbom import bill_of
from verity import BLOCK, append_tree

BOARD = load_board("qemu-amd64")


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {' '.join(missing)}")


def a_file(path: Path, size: int, seed: int = 1) -> Path:
    path.write_bytes(hashlib.shake_128(bytes([seed])).digest(size))
    return path


# the disk


@needs("sfdisk")
def test_ok_others_read_the_partition_table(tmp_path) -> None:
    content = a_file(tmp_path / "content", 3_000_000)
    parts = (
        Part("config", FAT, 4, content),
        Part("root_a", LINUX, 8, None),
        Part("root_b", LINUX, 8, content),
    )
    write_disk(tmp_path / "disk", parts, board="x")
    verified = subprocess.run(
        ["sfdisk", "--verify", str(tmp_path / "disk")], capture_output=True, text=True, check=False
    )
    assert "No errors detected" in verified.stdout, verified
    table = json.loads(subprocess.check_output(["sfdisk", "--json", str(tmp_path / "disk")]))[
        "partitiontable"
    ]
    assert [(one["name"], one["size"]) for one in table["partitions"]] == [
        ("config", 8192),
        ("root_a", 16384),
        ("root_b", 16384),
    ]
    with (tmp_path / "disk").open("rb") as disk:
        disk.seek(table["partitions"][2]["start"] * 512)
        assert disk.read(3_000_000) == content.read_bytes()
    assert (tmp_path / "disk").stat().st_blocks * 512 < 9_000_000  # sparse


def test_ok_the_same_parts_give_the_same_bytes_and_another_board_other_ids(tmp_path) -> None:
    parts = (Part("config", FAT, 2, a_file(tmp_path / "content", 100_000)),)
    for name, board in (("a", "x"), ("b", "x"), ("c", "y")):
        write_disk(tmp_path / name, parts, board=board)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_fail_a_partition_that_is_too_small(tmp_path) -> None:
    with pytest.raises(ValueError, match="root_a has 2000000 bytes, and 1 MiB of room"):
        write_disk(
            tmp_path / "disk", (Part("root_a", LINUX, 1, a_file(tmp_path / "x", 2_000_000)),), board="x"
        )


# the verity tree


@needs("veritysetup")
@pytest.mark.parametrize("size", [5_000, 128 * BLOCK, 129 * BLOCK + 7, 3_000_000])
def test_ok_veritysetup_agrees(tmp_path, size: int) -> None:
    path = a_file(tmp_path / "root", size)
    verity = append_tree(path)
    assert path.stat().st_size % BLOCK == 0
    assert verify(path, verity).returncode == 0
    assert verity.table("/dev/x").split()[:5] == ["0", str(verity.data_blocks * 8), "verity", "1", "/dev/x"]


@needs("veritysetup")
@pytest.mark.parametrize("at", [0, 2_999_999, 3_000_000 + BLOCK])
def test_fail_a_flipped_byte_of_data_or_tree_is_found(tmp_path, at: int) -> None:
    path = a_file(tmp_path / "root", 3_000_000)
    verity = append_tree(path)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert verify(path, verity).returncode != 0


def verify(path: Path, verity) -> subprocess.CompletedProcess:
    command = [
        *("veritysetup", "verify", "--no-superblock", f"--hash-offset={verity.data_blocks * BLOCK}"),
        *(f"--data-blocks={verity.data_blocks}", f"--salt={verity.salt}", "--hash=sha256"),
        *(str(path), str(path), verity.root_hash),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_ok_the_same_root_has_the_same_tree(tmp_path) -> None:
    first, second = (append_tree(a_file(tmp_path / name, 50_000)) for name in "ab")
    assert first == second
    assert append_tree(a_file(tmp_path / "c", 50_000, seed=2)) != first


# the initrd


def a_root(folder: Path) -> Path:
    """Programs of this machine, and a kernel with three modules that need each other."""
    for program, place in (("/bin/sh", "usr/bin/busybox"), ("/bin/true", "usr/sbin/dmsetup")):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(program, folder / place)
    libraries = folder / "usr/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    for path in re.findall(r"=> (/\S+)", subprocess.check_output(["ldd", "/bin/true"], text=True)):
        shutil.copyfile(path, libraries / Path(path).name)
    linker = re.search(r"(/lib\S*/ld-linux\S+)", subprocess.check_output(["ldd", "/bin/true"], text=True))
    assert linker
    (folder / linker[1].lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(linker[1], folder / linker[1].lstrip("/"))
    modules = folder / "usr/lib/modules/6.1"
    (modules / "kernel").mkdir(parents=True)
    for name in ("dm-verity", "dm-bufio", "dm-mod"):
        (modules / f"kernel/{name}.ko").write_bytes(name.encode())
    (modules / "modules.dep").write_text(
        "kernel/dm-verity.ko: kernel/dm-bufio.ko kernel/dm-mod.ko\n"
        "kernel/dm-bufio.ko: kernel/dm-mod.ko\nkernel/dm-mod.ko:\n"
    )
    (modules / "modules.builtin").write_text("kernel/fs/squashfs/squashfs.ko\n")
    return folder


@needs("readelf", "ldd", "cpio")
def test_ok_the_initrd_unpacks_to_what_init_needs(tmp_path) -> None:
    root = a_root(tmp_path / "root")
    data = make_initrd(root, release="6.1", modules=["dm_verity", "squashfs"], verity="0 1 verity @ @")
    assert data == make_initrd(
        root, release="6.1", modules=["dm_verity", "squashfs"], verity="0 1 verity @ @"
    )
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["cpio", "-idm", "--quiet"], input=gzip.decompress(data), cwd=out, check=True)
    assert (out / "modules/order").read_text().split() == ["dm-mod.ko", "dm-bufio.ko", "dm-verity.ko"]
    assert os.readlink(out / "bin/sh") == "busybox"
    assert os.access(out / "init", os.X_OK)
    assert (out / "verity").read_text() == "0 1 verity @ @"
    # the program runs with nothing but what is in there
    if os.geteuid() == 0:
        subprocess.run(["chroot", str(out), "/sbin/dmsetup"], check=True)


def test_fail_a_module_or_program_that_is_missing(tmp_path) -> None:
    root = a_root(tmp_path / "root")
    with pytest.raises(InitrdError, match="no module virtio_blk"):
        module_order(root, "6.1", ["virtio_blk"])
    (root / "usr/bin/busybox").unlink()
    with pytest.raises(InitrdError, match="no usr/bin/busybox"):
        make_initrd(root, release="6.1", modules=[], verity="")


@needs("readelf")
def test_fail_a_library_that_is_missing(tmp_path) -> None:
    root = a_root(tmp_path / "root")
    shutil.rmtree(root / "usr/lib/x86_64-linux-gnu")
    with pytest.raises(InitrdError, match=r"no libc\.so\.6"):
        make_initrd(root, release="6.1", modules=[], verity="")


def test_fail_without_readelf(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InitrdError, match="binutils"):
        make_initrd(a_root(tmp_path / "root"), release="6.1", modules=[], verity="")


def test_ok_an_archive_names_nothing_twice() -> None:
    archive = Archive()
    archive.file("a/b/c", b"1")
    archive.file("a/b/d", b"2")
    assert gzip.decompress(archive.finished()).count(b"a/b\0") == 1


# the boot partitions


@needs("mkfs.vfat", "mcopy", "mtype")
def test_ok_the_first_stage_finds_its_files(tmp_path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    write_first_stage(files, load_board("pi4-bookworm"))
    for one in files.iterdir():
        os.utime(one, (0, 0))
    for name in ("a", "b"):
        make_boot(tmp_path / name, files, mib=8, label="BOOT", identity="x")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    said = subprocess.check_output(["mtype", "-i", str(tmp_path / "a"), "::config.txt"], text=True)
    assert "kernel=vmlinuz" in said
    assert "initramfs initrd" in said


@needs("mkfs.vfat", "mcopy", "mtype")
def test_ok_a_laptop_writes_to_the_card_and_reads_from_it(tmp_path) -> None:
    make_config(tmp_path / "config", tmp_path / "files", mib=16, board=BOARD, epoch=0)
    write_disk(tmp_path / "disk", (Part("config", FAT, 16, tmp_path / "config"),), board="x")
    assert read_fat(tmp_path / "disk", BOARD, 1, "autoboot.txt").decode() == AUTOBOOT
    (tmp_path / "device.toml").write_text("[box]\n")
    write_fat(tmp_path / "disk", BOARD, 1, tmp_path / "device.toml", "device.toml")
    assert read_fat(tmp_path / "disk", BOARD, 1, "device.toml") == b"[box]\n"
    with pytest.raises(QemuError, match="has no answer.cose"):
        read_fat(tmp_path / "disk", BOARD, 1, "answer.cose")
    assert not take_trial(tmp_path / "disk", BOARD)
    write_fat(tmp_path / "disk", BOARD, 1, tmp_path / "device.toml", "trial")
    assert take_trial(tmp_path / "disk", BOARD)
    assert not take_trial(tmp_path / "disk", BOARD)  # a trial is spent by one start
    with pytest.raises(QemuError, match="does not go"):
        write_fat(tmp_path / "disk", BOARD, 1, tmp_path / "nothing", "x")


@needs("mkfs.vfat", "mcopy")
def test_fail_files_that_do_not_fit(tmp_path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    a_file(files / "vmlinuz", 9_000_000)
    with pytest.raises(BootError):
        make_boot(tmp_path / "boot", files, mib=8, label="BOOT", identity="x")


def test_ok_the_firmware_s_choice() -> None:
    assert boot_partition(AUTOBOOT, trial=False) == 2
    assert boot_partition(AUTOBOOT, trial=True) == 3
    assert fat_at(Path("d"), 1, BOARD) == f"d@@{1 << 20}"
    assert fat_at(Path("d"), 3, BOARD) == f"d@@{(1 + 16 + BOARD.boot_mib) << 20}"


# the bill of materials


def test_ok_the_bill_names_every_package_with_its_hash() -> None:
    lock = read_lock(BOARD.lock)
    bill = json.loads(bill_of(lock, version="1.0", suite="bookworm"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert len(bill["components"]) == len(lock.debs) + len(lock.wheels)
    references = [one["bom-ref"] for one in bill["components"]]
    assert len(set(references)) == len(references)
    assert all(re.fullmatch(r"[0-9a-f]{64}", one["hashes"][0]["content"]) for one in bill["components"])
    assert any(one["purl"].startswith("pkg:deb/debian/systemd@252") for one in bill["components"])
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    assert bill_of(lock, version="1.0", suite="bookworm") == bill_of(lock, version="1.0", suite="bookworm")
