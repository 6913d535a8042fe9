"""The loader's cache, /etc/ld.so.cache, for any architecture: what a package's trigger would have made.

The loader finds its libraries without one; Python's `ctypes.util.find_library`, by which PyUSB and pyudev
load libusb and libudev, asks `ldconfig -p` alone. Debian's ldconfig indexes its own architecture only. The
layout is glibc's `struct cache_file_new` (sysdeps/generic/dl-cache.h), in the little endian of every board.
"""

import re
import struct
from functools import cmp_to_key
from pathlib import Path

MAGIC = b"glibc-ld.so.cache1.1"
LITTLE_ENDIAN = 2
HEADER = struct.Struct("<20sIIB3xI12x")
ENTRY = struct.Struct("<iIIIQ")
FLAGS = {"amd64": 0x0303, "arm64": 0x0A03}
"""FLAG_ELF_LIBC6 with FLAG_X8664_LIB64 or FLAG_AARCH64_LIB64."""
FOLDERS = ("usr/lib/{triplet}", "usr/lib")
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
NAMED = re.compile(r"lib.+\.so(\.\d+)+\Z")
"""What programs ask for; `libx.so` without a number is for compilers, and no package for them is on a box."""


def loader_cache(root: Path, architecture: str) -> bytes:
    """The cache of the libraries in Debian's folders of this root; the first folder's are found first."""
    found: dict[str, str] = {}
    for folder in (one.format(triplet=TRIPLETS[architecture]) for one in FOLDERS):
        for path in (root / folder).glob("lib*.so.*"):
            if NAMED.match(path.name) and path.exists() and path.name not in found:
                found[path.name] = f"/{folder}/{path.name}"
    names = sorted(found, key=cmp_to_key(_compared), reverse=True)
    at = HEADER.size + len(names) * ENTRY.size
    strings, entries = bytearray(), bytearray()
    for name in names:
        key = at + len(strings)
        strings += name.encode() + b"\0"
        value = at + len(strings)
        strings += found[name].encode() + b"\0"
        entries += ENTRY.pack(FLAGS[architecture], key, value, 0, 0)
    return HEADER.pack(MAGIC, len(names), len(strings), LITTLE_ENDIAN, 0) + bytes(entries + strings)


def _compared(one: str, other: str) -> int:
    """glibc's order of names (_dl_cache_libcmp), by which the loader searches: numbers as numbers."""
    left, right = (re.findall(r"\d+|\D", name) for name in (one, other))
    for a, b in zip(left, right, strict=False):
        if a.isdigit() != b.isdigit():
            return 1 if a.isdigit() else -1
        if differing := int(a) - int(b) if a.isdigit() else ord(a) - ord(b):
            return differing
    return len(left) - len(right)
