"""What a lock file names, unpacked and compiled: Debian's packages and the wheels, nothing of Borne's own.

No package's script is run, so nothing of another architecture is either. It depends on lock, board and
this file alone, so it is kept from one build to the next.
"""

import compileall
import py_compile
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from board import Board
from initrd import module_name
from lockfile import Deb
from unpack import unpack

NOT_NEEDED = (
    *(
        "usr/share/man",
        "usr/share/info",
        "usr/share/locale",
        "usr/share/lintian",
        "usr/share/bash-completion",
    ),
    *("usr/share/bug", "usr/share/zsh", "usr/share/gtk-doc", "usr/share/fish", "usr/share/initramfs-tools"),
    *(
        "usr/share/doc-base",
        "usr/share/perl5",
        "etc/kernel",
        "etc/initramfs",
        "etc/apt",
        "etc/cron.daily",
        "etc/init.d",
    ),
    *("usr/include", "usr/lib/systemd/system-generators/systemd-getty-generator"),
)
"""Nobody reads manuals on a box. Without the getty generator no console asks for a name."""


class RootError(Exception):
    """The root cannot be made, in one plain sentence."""


def make_base(root: Path, board: Board, packages: Sequence[tuple[Deb, Path]], wheels: Iterable[Path]) -> None:
    """All that the lock file names, unpacked and compiled: nothing of Borne's own, so it is kept by the lock.

    Raises:
        UnpackError: a package cannot be unpacked.
        RootError: something that is needed is not in them.
    """
    unpack(root, board, packages)
    root.chmod(0o755)
    release = kernel_release(root)
    if board.kernel_modules:
        _prune_modules(root, release, board.kernel_modules, board.initrd_modules)
    _strip(root)
    _install_wheels(root, board, wheels)


def kernel_release(root: Path) -> str:
    releases = [path.name for path in (root / "usr/lib/modules").iterdir()]
    if len(releases) != 1:
        raise RootError(f"The root has {len(releases)} kernels; it needs one.")
    return releases[0]


def _prune_modules(root: Path, release: str, kept: tuple[str, ...], named: tuple[str, ...]) -> None:
    """Only the board's drivers (by place, or by name) and what they need stay."""
    folder = root / "usr/lib/modules" / release
    depmod(root, release)
    needs = {}
    for line in (folder / "modules.dep").read_text("ascii").splitlines():
        path, _, others = line.partition(":")
        needs[path] = others.split()
    waiting = [
        path
        for path in needs
        if any(path.removeprefix("kernel/").startswith(one) for one in kept) or module_name(path) in named
    ]
    stay = set()
    while waiting:
        path = waiting.pop()
        if path not in stay:
            stay.add(path)
            waiting += needs[path]
    for module in sorted(folder.rglob("*.ko*")):
        if str(module.relative_to(folder)) not in stay:
            module.unlink()


def depmod(root: Path, release: str) -> None:
    subprocess.run(["depmod", "--basedir", str(root), release], check=True, capture_output=True)


def _strip(root: Path) -> None:
    for name in NOT_NEEDED:
        path = root / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    for path in (root / "usr/share/doc").rglob("*"):
        if path.name != "copyright" and (path.is_file() or path.is_symlink()):
            path.unlink()  # the licences stay
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID):
            path.chmod(path.stat().st_mode & 0o1777)  # nobody becomes another by starting a program


def site_packages(root: Path, board: Board) -> Path:
    return root / "opt/borne/lib" / f"python{board.python}" / "site-packages"


def _install_wheels(root: Path, board: Board, wheels: Iterable[Path]) -> None:
    site = site_packages(root, board)
    site.mkdir(parents=True)
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if ".." in Path(name).parts or name.startswith("/"):
                    raise RootError(f"{wheel.name} reaches out of its folder.")
                if ".data/" in name:
                    continue  # scripts and headers: nothing of Borne's calls them
                archive.extract(name, site)
    for tests in [path for path in site.rglob("tests") if path.is_dir()]:
        shutil.rmtree(tests)
    compile_folders(
        root, board, site, root / f"usr/lib/python{board.python}", root / "usr/lib/python3/dist-packages"
    )


def compile_folders(root: Path, board: Board, *folders: Path) -> None:
    """Bytecode with no time in it, where this machine's Python is the board's."""
    if board.python != f"{sys.version_info.major}.{sys.version_info.minor}":
        print(
            f"rootfs: not compiled: the board has Python {board.python}, this machine another",
            file=sys.stderr,
        )
        return
    for folder in folders:
        if folder.exists():
            compileall.compile_dir(
                str(folder), quiet=2, stripdir=str(root), prependdir="/",
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )  # fmt: skip
