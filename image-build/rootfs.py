"""The root of an image: Debian's packages unpacked, Borne under /opt/borne, and the little that is set up.

No package's script is run, so nothing of another architecture is either: what those scripts would have done and a
box needs is done here, natively (users, units, the modules' index), and what they would have done besides is not.
"""

import compileall
import os
import py_compile

import shutil
import stat
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterable
from pathlib import Path

from board import Board
from disk import NAMES
from initrd import module_name

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
MERGED = ("bin", "sbin", "lib")
"""Links into /usr, as Debian has them since 12; lib64 where the architecture has one."""
NOT_NEEDED = (
    *("usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/share/bash-completion"),
    *("usr/share/bug", "usr/share/zsh", "usr/share/gtk-doc", "usr/share/fish", "usr/share/initramfs-tools"),
    *("usr/share/doc-base", "usr/share/perl5", "etc/kernel", "etc/initramfs", "etc/apt", "etc/cron.daily", "etc/init.d"),
    *("usr/include", "usr/lib/systemd/system-generators/systemd-getty-generator"),
)
"""Nobody reads manuals on a box. Without the getty generator no console asks for a name."""
UNITS = (
    *("systemd-networkd.service", "systemd-resolved.service", "chrony.service", "nftables.service", "pcscd.socket"),
    *("borne-capture.socket", "borne-lane.socket", "borne-kiosk.socket", "borne-uplink.socket"),
    *("borne-keys.service", "borne-provision.service"),
    *("borne-capture.service", "borne-lane.service", "borne-uplink.service", "borne-agent.service"),
)
MASKED = (
    *("getty@.service", "serial-getty@.service", "console-getty.service", "autovt@.service", "debug-shell.service"),
    *("emergency.service", "rescue.service", "systemd-networkd-wait-online.service", "systemd-pcrphase.service"),
    *("systemd-pcrphase-sysinit.service", "fstrim.timer", "e2scrub_all.timer", "e2scrub_reap.service"),
    *("systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "systemd-logind.service"),
    *("getty-static.service", "systemd-update-utmp.service", "systemd-user-sessions.service"),
    *("systemd-firstboot.service", "ldconfig.service", "systemd-timesyncd.service", "chronyd-restricted.service"),
)
"""No shell for whoever plugs in a keyboard, and what would write to a root that cannot be written."""
OURS = ("hal", "models", "appliance")
NOT_ON_A_BOX = ("appliance/simulation", "training", "conversion", "__pycache__")
LAUNCHER = """#!/opt/borne/bin/python -I
import sys

from appliance.cli import main

sys.exit(main())
"""


class RootError(Exception):
    """The root cannot be made, in one plain sentence."""


def make_base(root: Path, board: Board, debs: Iterable[Path], wheels: Iterable[Path]) -> None:
    """All that the lock file names, unpacked and compiled: nothing of Borne's own, so it is kept by the lock.

    Raises:
        RootError: a package cannot be unpacked, or something that is needed is not in it.
    """
    root.mkdir(parents=True)
    root.chmod(0o755)
    _unpack(root, debs)
    release = _kernel(root)
    if board.kernel_modules:
        _prune_modules(root, release, board.kernel_modules, board.initrd_modules)
    _strip(root)
    _install_wheels(root, board, wheels)


def finish_root(root: Path, board: Board, *, version: str) -> str:
    """Borne itself, and what is set up; returns the kernel's release.

    Raises:
        RootError: something that is needed is not in the base.
    """
    _install_borne(root, board)
    _set_up(root, board, version)
    return _kernel(root)


def _unpack(root: Path, debs: Iterable[Path]) -> None:
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    (root / "usr/lib64").mkdir()
    (root / "lib64").symlink_to("usr/lib64")
    for deb in debs:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as archive:
            taken = subprocess.run(
                ["tar", "--extract", "--keep-directory-symlink", "--no-same-owner", "--directory", str(root)],
                stdin=archive.stdout, capture_output=True, text=True, check=False,
            )  # fmt: skip
        if taken.returncode != 0 or archive.returncode != 0:
            raise RootError(f"{deb.name} cannot be unpacked: {taken.stderr.strip()[-200:]}")
    if not any((root / "usr/lib64").iterdir()):
        (root / "usr/lib64").rmdir()
        (root / "lib64").unlink()


def _kernel(root: Path) -> str:
    releases = [path.name for path in (root / "usr/lib/modules").iterdir()]
    if len(releases) != 1:
        raise RootError(f"The root has {len(releases)} kernels; it needs one.")
    return releases[0]


def _prune_modules(root: Path, release: str, kept: tuple[str, ...], named: tuple[str, ...]) -> None:
    """Only the board's drivers (by place, or by name) and what they need stay."""
    folder = root / "usr/lib/modules" / release
    _depmod(root, release)
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


def _depmod(root: Path, release: str) -> None:
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


def _site(root: Path, board: Board) -> Path:
    return root / "opt/borne/lib" / f"python{board.python}" / "site-packages"


def _install_wheels(root: Path, board: Board, wheels: Iterable[Path]) -> None:
    site = _site(root, board)
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
    _compile(root, board, site, root / f"usr/lib/python{board.python}", root / "usr/lib/python3/dist-packages")


def _install_borne(root: Path, board: Board) -> None:
    opt, site = root / "opt/borne", _site(root, board)
    for package in OURS:
        for source in sorted((REPOSITORY / package).rglob("*")):
            inside = source.relative_to(REPOSITORY)
            if source.is_file() and not any(f"/{one}/" in f"/{inside}" for one in NOT_ON_A_BOX):
                _copy(source, site / inside)
    (opt / "bin").mkdir()
    (opt / "bin/python").symlink_to(f"/usr/bin/python{board.python}")
    # Debian's own modules are seen too: pyscard has no wheel.
    (opt / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = true\n", "ascii")
    _write(opt / "bin/borne", LAUNCHER, mode=0o755)
    _copy(REPOSITORY / "systemd/recover", opt / "libexec/recover", mode=0o755)
    _compile(root, board, *(site / package for package in OURS))


def _compile(root: Path, board: Board, *folders: Path) -> None:
    """Bytecode with no time in it, where this machine's Python is the board's; a root cannot cache it later."""
    if board.python != f"{sys.version_info.major}.{sys.version_info.minor}":
        print(f"rootfs: not compiled: the board has Python {board.python}, this machine another", file=sys.stderr)
        return
    for folder in folders:
        if folder.exists():
            compileall.compile_dir(
                str(folder), quiet=2, stripdir=str(root), prependdir="/",
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )  # fmt: skip


def _set_up(root: Path, board: Board, version: str) -> None:
    _copy(root / "usr/share/base-passwd/passwd.master", root / "etc/passwd")
    _copy(root / "usr/share/base-passwd/group.master", root / "etc/group")
    nsswitch = root / "usr/share/libc-bin/nsswitch.conf"
    _copy(nsswitch if nsswitch.exists() else root / "usr/share/base-files/nsswitch.conf", root / "etc/nsswitch.conf")
    for source in sorted((HERE / "overlay").rglob("*")):
        if source.is_file():
            _copy(source, root / source.relative_to(HERE / "overlay"))
    units = REPOSITORY / "systemd"
    for source in sorted(units.rglob("*")):
        inside = source.relative_to(units)
        if source.suffix in {".service", ".socket"} or inside.parts[0].endswith((".service.d", ".socket.d")):
            if source.is_file():
                _copy(source, root / "usr/lib/systemd/system" / inside)
        elif inside.parts[0] == "system.conf.d" and source.is_file():
            _copy(source, root / "usr/lib/systemd" / inside)
    _copy(units / "sysusers.d/borne.conf", root / "usr/lib/sysusers.d/borne.conf")
    _copy(units / "tmpfiles.d/borne.conf", root / "usr/lib/tmpfiles.d/borne.conf")
    _copy(REPOSITORY / "config/udev/70-borne.rules", root / "usr/lib/udev/rules.d/70-borne.rules")
    _copy(REPOSITORY / "config/polkit/70-borne.rules", root / "usr/share/polkit-1/rules.d/70-borne.rules")
    _native(["systemd-sysusers", f"--root={root}"])
    ids = {line.split(":")[0]: line.split(":")[2:4] for line in (root / "etc/passwd").read_text().splitlines()}
    own, group = ids["borne-provision"]
    _fill(root / "etc/fstab", uid_provision=own, gid_provision=group)
    for name in ("identity", "outbox", "data"):
        for path in (root / "usr/lib/repart.d").glob(f"*-{name}.conf"):
            kind = uuid.uuid5(NAMES, name)
            _fill(path, **{f"type_{name}": str(kind), "outbox_mib": str(board.outbox_mib)})
    _write(root / "etc/hostname", "borne\n")
    _write(root / "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    _write(root / "etc/machine-id", "")  # one of its own at every start: the box is known by its key
    _write(root / "etc/borne-release", f"BOARD={board.name}\nVERSION={version}\nCOMPATIBLE={board.compatible}\n")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").symlink_to("/run/systemd/resolve/resolv.conf")
    (root / "etc/mtab").symlink_to("../proc/self/mounts")
    (root / "usr/lib/tmpfiles.d/provision.conf").unlink(missing_ok=True)  # for keys of people who log in: nobody does
    for name in ("boot/borne", "etc/borne", "srv", "proc", "sys", "dev", "run", "tmp", "var", "mnt"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(root / "var")
    (root / "var").mkdir()
    if board.simulated:
        _copy(HERE / "rehearsal/rehearsal", root / "opt/borne/libexec/rehearsal", mode=0o755)
        _copy(HERE / "rehearsal/rehearsal.service", root / "usr/lib/systemd/system/rehearsal.service")
    enabled = [*UNITS, *(["rehearsal.service"] if board.simulated else [])]
    if (root / "usr/bin/cog").exists():
        enabled.append("borne-display.service")
    _native(["systemctl", f"--root={root}", "--quiet", "enable", *enabled])
    _native(["systemctl", f"--root={root}", "--quiet", "mask", *MASKED])
    _native(["systemctl", f"--root={root}", "--quiet", "set-default", "multi-user.target"])
    _depmod(root, _kernel(root))


def _native(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RootError(f"{command[0]} {command[2]}: {done.stderr.strip()[-300:]}")


def _fill(path: Path, **values: str) -> None:
    """Put values in the place of @names@."""
    text = path.read_text("utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    _write(path, text)


def _copy(source: Path, target: Path, *, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def _write(path: Path, text: str, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)


def settle(root: Path, epoch: int) -> None:
    """One time for every file, so that the same content has the same bytes."""
    for path in [root, *root.rglob("*")]:
        os.utime(path, (epoch, epoch), follow_symlinks=False)


