"""Packages unpacked into a root by mmdebstrap's `extract` variant, from the files that a lock names.

mmdebstrap is given an archive of its own: one index, written from the lock, beside links to the files that
were fetched. So apt checks each file's SHA-256 once more; and as the index says of no package what it depends
on, what the lock leaves out stays out. No package's script is run, and nobody needs to be root.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from board import Board
from lockfile import Deb

MERGED = ("bin", "sbin", "lib", "lib64")
"""Links into /usr, as Debian has them since 12; lib64 stays where the architecture has one."""
APT_ALONE = (
    "etc/apt",
    "var/cache/apt",
    "var/lib/apt",
    "var/log/apt",
    "var/lib/dpkg/arch",
    "var/lib/dpkg/status",
)
"""What mmdebstrap makes for apt, on a box without apt."""
DEVICES = "dev"
"""Run by root, mmdebstrap makes devices there; on a box the kernel does. Who copies a zero fills a disk."""
OF_THIS_MACHINE = ("etc/hostname", "etc/resolv.conf", "etc/fstab")
"""mmdebstrap copies them from where it runs, or writes a word into them; a box has its own."""


class UnpackError(Exception):
    """Packages that cannot be unpacked, in one plain sentence."""


def unpack(root: Path, board: Board, packages: Sequence[tuple[Deb, Path]]) -> None:
    """Everything of these packages below `root`, which is made; nothing is installed.

    Raises:
        UnpackError: a package is no package, or not the one that the lock names.
    """
    with tempfile.TemporaryDirectory(prefix="borne-packages-") as folder:
        mirror = Path(folder)
        for deb, path in packages:
            (mirror / _file(deb)).symlink_to(path.absolute())
        (mirror / "Packages").write_text("\n".join(_paragraph(deb, path) for deb, path in packages), "utf-8")
        asked = [
            *("mmdebstrap", "--quiet", "--variant=extract", "--mode=chrootless", "--format=directory"),
            *(f"--architectures={board.architecture}", f"--setup-hook={_links()}"),
            *("--aptopt=APT::Sandbox::User root", "--aptopt=Acquire::Languages none"),
            f"--include={','.join(f'{deb.name}={deb.version}' for deb, _ in packages)}",
            # No signature, because none is needed: the index has the lock's own hashes.
            *("", str(root), f"deb [trusted=yes] copy://{mirror} ./"),
        ]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UnpackError(_why(done.stderr, packages))
    for name in (DEVICES, *APT_ALONE, *OF_THIS_MACHINE):
        path = root / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    (root / DEVICES).mkdir()
    if not any((root / "usr/lib64").iterdir()):
        (root / "usr/lib64").rmdir()
        (root / "lib64").unlink()


def _file(deb: Deb) -> str:
    return f"{deb.sha256}.deb"


def _paragraph(deb: Deb, path: Path) -> str:
    """Only what apt needs to find and to check it."""
    return (
        f"Package: {deb.name}\nVersion: {deb.version}\nArchitecture: {deb.architecture}\n"
        f"Maintainer: the lock\nDescription: {deb.path}\n"
        f"Filename: ./{_file(deb)}\nSize: {path.stat().st_size}\nSHA256: {deb.sha256}\n"
    )


def _links() -> str:
    """What mmdebstrap runs in a shell before the first package."""
    made = " ".join(f'"$1/usr/{name}"' for name in MERGED)
    linked = "; ".join(f'ln -s usr/{name} "$1/{name}"' for name in MERGED)
    return f"set -e; mkdir -p {made}; {linked}"


def _why(said: str, packages: Sequence[tuple[Deb, Path]]) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    for deb, _ in packages:
        if f"/{deb.name}_" in said:  # as apt has named its copy
            return f"{deb.name} {deb.version} cannot be unpacked: {lines[0]}."
    if "apt download failed" in said:  # which says no more to a program
        return "apt does not take the packages: one of them is not the one that the lock names."
    return f"mmdebstrap: {' '.join(lines)[-300:] or 'no word why'}."
