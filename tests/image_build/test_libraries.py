"""The loader's cache: read by this machine's own ldconfig, and in the order that glibc's makes it in."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from libraries import ENTRY, HEADER, loader_cache

NAMES = ("libusb-1.0.so.0", "libudev.so.1", "libudev.so.1.7.5", "libz.so.1", "libstdc++.so.6", "libx.so.10")
LDCONFIG = shutil.which("ldconfig", path="/sbin:/usr/sbin")
needs_ldconfig = pytest.mark.skipif(LDCONFIG is None, reason="not installed: ldconfig")


def a_root(folder: Path, triplet: str, *names: str) -> Path:
    (folder / "usr/lib" / triplet).mkdir(parents=True)
    for name in names:
        (folder / "usr/lib" / triplet / name).write_bytes(b"")
    return folder


def printed(cache: bytes, folder: Path) -> list[str]:
    path = folder / "ld.so.cache"
    path.write_bytes(cache)
    said = subprocess.run([str(LDCONFIG), "-p", "-C", str(path)], capture_output=True, text=True, check=True)
    return [line.strip() for line in said.stdout.splitlines() if "=>" in line]


def order_of(cache: bytes) -> list[str]:
    count = HEADER.unpack_from(cache)[1]
    keys = [ENTRY.unpack_from(cache, HEADER.size + number * ENTRY.size)[1] for number in range(count)]
    return [cache[key : cache.index(b"\0", key)].decode() for key in keys]


@needs_ldconfig
@pytest.mark.parametrize(
    ("architecture", "triplet", "word"),
    [("amd64", "x86_64-linux-gnu", "libc6,x86-64"), ("arm64", "aarch64-linux-gnu", "libc6,AArch64")],
)
def test_ok_ldconfig_reads_it_for_either_architecture(tmp_path, architecture, triplet, word):
    root = a_root(tmp_path / "root", triplet, *NAMES)
    lines = printed(loader_cache(root, architecture), tmp_path)
    assert sorted(lines) == sorted(f"{name} ({word}) => /usr/lib/{triplet}/{name}" for name in NAMES)


@needs_ldconfig
def test_ok_the_order_is_that_of_glibcs_own(tmp_path):
    """The loader searches by halves: in another order it would not find what is there."""
    triplet = next(iter(Path("/usr/lib").glob("*-linux-gnu"))).name
    root = a_root(tmp_path / "root", triplet)
    for path in sorted(Path("/usr/lib", triplet).glob("lib*.so.*"))[:80]:
        if path.exists() and not path.name.endswith((".py", ".hmac")):
            shutil.copyfile(path, root / "usr/lib" / triplet / path.name)
    (root / "etc").mkdir()
    (root / "etc/ld.so.conf").write_text(f"/usr/lib/{triplet}\n")
    command = [str(LDCONFIG), "-X", "-r", str(root), "-f", "/etc/ld.so.conf", "-C", "/etc/theirs"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = order_of((root / "etc/theirs").read_bytes())
    machine = {"x86_64-linux-gnu": "amd64", "aarch64-linux-gnu": "arm64"}[triplet]
    ours = order_of(loader_cache(root, machine))
    assert len(theirs) > 20
    assert [name for name in ours if name in theirs] == [name for name in theirs if name in ours]


def test_ok_what_is_for_compilers_or_leads_nowhere_is_not_named(tmp_path):
    root = a_root(tmp_path, "aarch64-linux-gnu", "libz.so.1", "libz.so", "libz.so.1-gdb.py", "notes.so.1")
    (tmp_path / "usr/lib/aarch64-linux-gnu/libgone.so.2").symlink_to("libgone.so.2.0")
    assert order_of(loader_cache(root, "arm64")) == ["libz.so.1"]


def test_ok_the_first_folder_has_the_word(tmp_path):
    root = a_root(tmp_path, "x86_64-linux-gnu", "libz.so.1")
    (root / "usr/lib/libz.so.1").write_bytes(b"")
    cache = loader_cache(root, "amd64")
    assert b"/usr/lib/x86_64-linux-gnu/libz.so.1\0" in cache
    assert order_of(cache) == ["libz.so.1"]


def test_ok_the_layout_is_glibcs(tmp_path):
    """Sizes of the struct in sysdeps/generic/dl-cache.h."""
    assert (HEADER.size, ENTRY.size) == (48, 24)
    cache = loader_cache(a_root(tmp_path, "x86_64-linux-gnu", "libz.so.1"), "amd64")
    assert cache[:20] == b"glibc-ld.so.cache1.1"
    assert struct.unpack_from("<II", cache, 20) == (1, len(cache) - 48 - 24)
