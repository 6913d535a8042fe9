"""The root of an image: Debian's packages unpacked, Borne under /opt/borne, and the little that is set up.

No package's script is run, so nothing of another architecture is either: what those scripts would have done
and a box needs is done here, natively (users, units, the modules' index), and what they would have done
besides is not.
"""

import os
import shutil
import subprocess
import uuid
from pathlib import Path

from base import RootError, compile_folders, depmod, kernel_release, site_packages
from board import Board
from disk import NAMES
from libraries import loader_cache

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
UNITS = (
    *(
        "systemd-networkd.service",
        "systemd-resolved.service",
        "chrony.service",
        "nftables.service",
        "pcscd.socket",
    ),
    *("borne-capture.socket", "borne-lane.socket", "borne-kiosk.socket", "borne-uplink.socket"),
    *("borne-card.service", "borne-keys.service", "borne-provision.service", "borne-enrol.service"),
    *("borne-post-gather.service", "borne-post-take.service", "borne-post-tell.service"),
    "borne-post-gather.timer",
    *("borne-answered.service", "borne-trial.timer", "borne-restart.path", "borne-poweroff.path"),
    *("borne-agent.socket", "borne-gnss.service", "borne-clock.service"),
    *("borne-capture.service", "borne-lane.service", "borne-uplink.service", "borne-agent.service"),
)
MASKED = (
    *(
        "getty@.service",
        "serial-getty@.service",
        "console-getty.service",
        "autovt@.service",
        "debug-shell.service",
    ),
    *(
        "rescue.service",
        "systemd-networkd-wait-online.service",
        "systemd-pcrphase.service",
    ),
    *("systemd-pcrphase-sysinit.service", "fstrim.timer", "e2scrub_all.timer", "e2scrub_reap.service"),
    *("systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "systemd-logind.service"),
    *("getty-static.service", "systemd-update-utmp.service", "systemd-user-sessions.service"),
    *(
        "systemd-firstboot.service",
        "ldconfig.service",
        "systemd-timesyncd.service",
        "chronyd-restricted.service",
    ),
)
"""No shell for whoever plugs in a keyboard, and what would write to a root that cannot be written.
(The overlay's emergency.service starts the box again.)"""
OURS = ("hal", "models", "appliance")
NOT_ON_A_BOX = ("appliance/simulation", "training", "conversion", "__pycache__")
DEVICE_SECONDS = 180
"""Until a partition is there; then the start has failed and is begun again. QEMU's boards: ten times it."""
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
"""Where GnuTLS looks for those of the system, as Debian builds it."""
LAUNCHER = """#!/opt/borne/bin/python -I
import sys

from appliance.cli import main

sys.exit(main())
"""


def finish_root(root: Path, board: Board, *, version: str, update_ca: Path | None = None) -> str:
    """Borne itself, and what is set up; returns the kernel's release.

    `update_ca`: whose signature updates need; none refuses every update.

    Raises:
        RootError: something that is needed is not in the base.
    """
    _install_borne(root, board)
    _set_up(root, board, version)
    if update_ca is not None:
        _copy(update_ca, root / "etc/rauc/update-ca.pem")
    return kernel_release(root)


def _install_borne(root: Path, board: Board) -> None:
    opt, site = root / "opt/borne", site_packages(root, board)
    for package in OURS:
        for source in sorted((REPOSITORY / package).rglob("*")):
            inside = source.relative_to(REPOSITORY)
            if source.is_file() and not any(f"/{one}/" in f"/{inside}" for one in NOT_ON_A_BOX):
                _copy(source, site / inside)
    for pattern in ("*.md", "*.png"):  # the manual, as setup.py installs it
        for source in sorted((REPOSITORY / "docs").rglob(pattern)):
            _copy(source, site / "appliance/manual" / source.relative_to(REPOSITORY / "docs"))
    (opt / "bin").mkdir()
    (opt / "bin/python").symlink_to(f"/usr/bin/python{board.python}")
    # Debian's own modules are seen too: pyscard has no wheel.
    (opt / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = true\n", "ascii")
    _write(opt / "bin/borne", LAUNCHER, mode=0o755)
    _copy(REPOSITORY / "systemd/recover", opt / "libexec/recover", mode=0o755)
    _copy(REPOSITORY / "systemd/show", opt / "libexec/show", mode=0o755)
    _copy(REPOSITORY / "systemd/trial-over", opt / "libexec/trial-over", mode=0o755)
    _copy(HERE / "update/bootchooser", opt / "libexec/bootchooser", mode=0o755)
    compile_folders(root, board, *(site / package for package in OURS))


def _set_up(root: Path, board: Board, version: str) -> None:
    _copy(root / "usr/share/base-passwd/passwd.master", root / "etc/passwd")
    _copy(root / "usr/share/base-passwd/group.master", root / "etc/group")
    nsswitch = root / "usr/share/libc-bin/nsswitch.conf"
    _copy(
        nsswitch if nsswitch.exists() else root / "usr/share/base-files/nsswitch.conf",
        root / "etc/nsswitch.conf",
    )
    for source in sorted((HERE / "overlay").rglob("*")):
        if source.is_file():
            _copy(source, root / source.relative_to(HERE / "overlay"))
    units = REPOSITORY / "systemd"
    for source in sorted(units.rglob("*")):
        inside = source.relative_to(units)
        if source.suffix in {".service", ".socket", ".timer", ".path", ".mount"} or inside.parts[0].endswith(
            (".service.d", ".socket.d")
        ):
            if source.is_file():
                _copy(source, root / "usr/lib/systemd/system" / inside)
        elif inside.parts[0] == "system.conf.d" and source.is_file():
            _copy(source, root / "usr/lib/systemd" / inside)
    if board.tpm:
        for source in sorted((units / "with-tpm").rglob("*.conf")):
            _copy(source, root / "usr/lib/systemd/system" / source.relative_to(units / "with-tpm"))
    _copy(units / "sysusers.d/borne.conf", root / "usr/lib/sysusers.d/borne.conf")
    _copy(units / "tmpfiles.d/borne.conf", root / "usr/lib/tmpfiles.d/borne.conf")
    for rules in ("70-borne.rules", "71-borne-usb.rules"):
        _copy(REPOSITORY / "config/udev" / rules, root / "usr/lib/udev/rules.d" / rules)
    _copy(REPOSITORY / "config/polkit/70-borne.rules", root / "usr/share/polkit-1/rules.d/70-borne.rules")
    _copy(REPOSITORY / "config/modprobe/borne.conf", root / "etc/modprobe.d/borne.conf")
    _native(["systemd-sysusers", f"--root={root}"])
    ids = {
        line.split(":")[0]: line.split(":")[2:4] for line in (root / "etc/passwd").read_text().splitlines()
    }
    own, _ = ids["borne-provision"]
    patience = DEVICE_SECONDS * (10 if board.simulated else 1)
    _fill(root / "etc/fstab", uid_provision=own, device_seconds=str(patience))
    for name in ("identity", "outbox", "uplink", "data"):
        for path in (root / "usr/lib/repart.d").glob(f"*-{name}.conf"):
            kind = uuid.uuid5(NAMES, name)
            _fill(
                path,
                **{
                    f"type_{name}": str(kind),
                    "outbox_mib": str(board.outbox_mib),
                    "uplink_mib": str(board.uplink_mib),
                },
            )
    _fill(root / "etc/rauc/system.conf", compatible=board.compatible)
    _write(root / "etc/hostname", "borne\n")
    _write(root / "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    _write(root / "etc/machine-id", "")  # one of its own at every start: the box is known by its key
    _write(
        root / "etc/borne-release", f"BOARD={board.name}\nVERSION={version}\nCOMPATIBLE={board.compatible}\n"
    )
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").symlink_to("/run/systemd/resolve/resolv.conf")
    (root / "etc/mtab").symlink_to("../proc/self/mounts")
    (root / "usr/lib/tmpfiles.d/provision.conf").unlink(
        missing_ok=True
    )  # for keys of people who log in: nobody does
    for name in ("boot/borne", "etc/borne", "srv", "proc", "sys", "dev", "run", "tmp", "var", "mnt"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(root / "var")
    (root / "var").mkdir()
    if board.simulated:
        _copy(HERE / "rehearsal/rehearsal", root / "opt/borne/libexec/rehearsal", mode=0o755)
        _copy(HERE / "rehearsal/rehearsal.service", root / "usr/lib/systemd/system/rehearsal.service")
        _copy(HERE / "rehearsal/rehearsal.tmpfiles", root / "usr/lib/tmpfiles.d/rehearsal.conf")
        emulated = "borne-.service.d/90-emulated.conf"
        _copy(HERE / "rehearsal" / emulated, root / "usr/lib/systemd/system" / emulated)
    enabled = [*UNITS, *(["rehearsal.service"] if board.simulated else [])]
    if (root / "usr/bin/cog").exists():
        enabled.append("borne-display.service")
    _native(["systemctl", f"--root={root}", "--quiet", "enable", *enabled])
    _native(["systemctl", f"--root={root}", "--quiet", "mask", *MASKED])
    _native(["systemctl", f"--root={root}", "--quiet", "set-default", "multi-user.target"])
    depmod(root, kernel_release(root))
    _write(root / AUTHORITIES, _public_authorities(root))
    (root / "etc/ld.so.cache").write_bytes(loader_cache(root, board.architecture))


def _public_authorities(root: Path) -> str:
    """All that Debian's list trusts, as update-ca-certificates would have written them; in PEM."""
    found = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    if not found:
        raise RootError("The root has no public authorities: the time daemon could verify no server.")
    return "".join(path.read_text("ascii").rstrip("\n") + "\n" for path in found)


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
