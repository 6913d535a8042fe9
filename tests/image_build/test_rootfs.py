"""The root: what is on it, what is not, and who may log in (nobody). On a base of a few empty files."""

import os
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest
from base import RootError, make_base
from board import load_board
from fetch import sha256_of
from lockfile import Deb
from rootfs import MASKED, UNITS, finish_root
from unpack import UnpackError, unpack

missing = [
    tool
    for tool in ("mmdebstrap", "dpkg-deb", "depmod", "systemd-sysusers", "systemctl")
    if shutil.which(tool) is None
]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"not installed: {' '.join(missing)}")

PASSWD = "root:*:0:0:root:/:/bin/bash\nnobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
GROUP = "root:*:0:\nnogroup:*:65534:\nvideo:*:44:\n"
FOREIGN_UNITS = [name for name in UNITS if not name.startswith("borne-")]


def a_deb(
    folder: Path, name: str, files: dict[str, bytes], *, modes: dict[str, int] | None = None
) -> tuple[Deb, Path]:
    tree = folder / name
    for place, content in ({"DEBIAN/control": control(name)} | files).items():
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        (tree / place).write_bytes(content)
        (tree / place).chmod((modes or {}).get(place, 0o644))
    path = folder / f"{name}.deb"
    command = ["dpkg-deb", "--build", "--root-owner-group", str(tree), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return named(path), path


def named(path: Path) -> Deb:
    """What a lock would say of this file."""
    place = f"pool/{path.name}"
    return Deb(name=path.stem, version="1", architecture="all", sha256=sha256_of(path), path=place)


def control(name: str) -> bytes:
    lines = (f"Package: {name}", "Version: 1", "Architecture: all", "Maintainer: x <x@example.org>")
    return "\n".join((*lines, "Description: x", "")).encode()


def a_wheel(folder: Path, names: dict[str, str]) -> Path:
    path = folder / "thing-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in names.items():
            archive.writestr(name, text)
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    tmp_path = tmp_path_factory.mktemp("root")
    unit = b"[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
    files = {
        "usr/share/base-passwd/passwd.master": PASSWD.encode(),
        "usr/share/base-passwd/group.master": GROUP.encode(),
        "usr/share/libc-bin/nsswitch.conf": b"hosts: files dns\n",
        "bin/su": b"",
        "usr/share/man/man1/x.1": b"",
        "usr/share/doc/x/copyright": b"free\n",
        "usr/share/doc/x/changelog": b"old\n",
        "usr/lib/modules/6.1/modules.order": b"",
        "usr/lib/modules/6.1/modules.builtin": b"",
        "usr/lib/systemd/system/multi-user.target": b"[Unit]\nDescription=x\n",
        "etc/init.d/chrony": b"#!/bin/sh\n",
        "usr/share/ca-certificates/mozilla/B.crt": b"b",
        "usr/share/ca-certificates/mozilla/A.crt": b"a\n",
        **{f"usr/lib/systemd/system/{name}": unit for name in FOREIGN_UNITS},
    }
    deb = a_deb(tmp_path, "x", files, modes={"bin/su": 0o4755})
    wheel = a_wheel(
        tmp_path,
        {"thing/__init__.py": "X = 1\n", "thing/tests/test_x.py": "", "thing-1.data/scripts/x": "#!python\n"},
    )
    make_base(tmp_path / "base", load_board("pi4-bookworm"), [deb], [wheel])
    return tmp_path / "base"


@pytest.fixture(scope="module")
def root(base) -> Path:
    """A board of QEMU's."""
    whole = base.parent / "qemu-amd64"
    shutil.copytree(base, whole, symlinks=True)
    assert finish_root(whole, load_board("qemu-amd64"), version="1.0") == "6.1"
    return whole


def test_ok_nobody_can_log_in_and_nothing_makes_anybody_another(root) -> None:
    passwords = [line.split(":")[1] for line in (root / "etc/shadow").read_text().splitlines()]
    assert passwords
    assert all(word.startswith(("!", "*")) for word in passwords)
    setuid = [
        path
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)
    ]
    assert setuid == []
    for name in ("getty@.service", "serial-getty@.service", "rescue.service", "debug-shell.service"):
        assert name in MASKED
        assert os.readlink(root / "etc/systemd/system" / name) == "/dev/null"


def test_ok_the_time_daemon_finds_the_public_authorities(root) -> None:
    """In one file, where GnuTLS was built to look: ca-certificates' own script makes it, and does not run."""
    assert (root / "etc/ssl/certs/ca-certificates.crt").read_text() == "a\nb\n"


def test_ok_a_start_that_fails_is_begun_again_and_opens_no_shell(root) -> None:
    """systemd's own emergency.service asks for root's password; a masked one would stand still for good."""
    unit = (root / "usr/lib/systemd/system/emergency.service").read_text()
    assert "ExecStart=/usr/bin/systemctl --force reboot" in unit
    assert "sulogin" not in unit
    assert not (root / "etc/systemd/system/emergency.service").is_symlink()


def test_ok_every_partition_belongs_to_who_writes_there(root) -> None:
    """A new filesystem's top is root's: without a word of tmpfiles or of a unit no service can write."""
    mounts = [line.split() for line in (root / "etc/fstab").read_text().splitlines() if " ext4 " in line]
    lines = "".join(one.read_text() for one in (root / "usr/lib/tmpfiles.d").iterdir()).splitlines()
    owners = {words[1]: words[3] for words in map(str.split, lines) if words[:1] == ["d"]}
    for unit in (root / "usr/lib/systemd/system").glob("borne-*.service"):
        words = dict(line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line)
        if "StateDirectory" in words:
            for name in words["StateDirectory"].split():
                owners.setdefault(f"/var/lib/{name}", words["User"])
    assert {mount[1]: owners.get(mount[1]) for mount in mounts} == {
        "/etc/borne": "borne-provision",
        "/var/lib/borne": "borne-lane",
        "/var/lib/borne-uplink": "borne-uplink",
        "/var/lib/borne/lists": "borne-lane",
    }


def test_ok_every_service_is_there_and_started(root) -> None:
    wanted = root / "etc/systemd/system/multi-user.target.wants"
    names = {path.name for path in wanted.iterdir()}
    assert {f"borne-{name}.service" for name in ("capture", "lane", "uplink", "agent", "provision")} <= names
    assert (root / "usr/lib/systemd/system/borne-lane.service.d/20-clock.conf").exists()
    assert (root / "usr/lib/systemd/system.conf.d/10-watchdog.conf").exists()
    assert os.access(root / "opt/borne/bin/borne", os.X_OK)
    assert os.access(root / "opt/borne/libexec/recover", os.X_OK)
    assert os.readlink(root / "opt/borne/bin/python") == "/usr/bin/python3.11"
    users = {
        line.split(":")[0]: line.split(":")[2] for line in (root / "etc/passwd").read_text().splitlines()
    }
    assert f"uid={users['borne-provision']}," in (root / "etc/fstab").read_text()
    assert "@" not in "".join(path.read_text() for path in (root / "usr/lib/repart.d").iterdir()).replace(
        "@i", ""
    )


def test_ok_what_never_belongs_on_a_box_is_not_there(root) -> None:
    site = root / "opt/borne/lib/python3.11/site-packages"
    assert (site / "appliance/services/lane/policy.toml").exists()
    assert (site / "thing/__init__.py").exists()
    for name in ("operation.md", "recovery.fr.md", "help.ru.md", "screens/guide/waiting.en.png"):
        assert (site / "appliance/manual" / name).exists(), "the manual is on the box"
    for name in ("appliance/simulation", "central", "benchmarks", "models/mrz/training", "thing/tests"):
        assert not (site / name).exists(), name
    assert not (site / "thing-1.data").exists()
    assert not (root / "usr/share/man").exists()
    assert (root / "usr/share/doc/x/copyright").exists()  # the licences stay
    assert not (root / "usr/share/doc/x/changelog").exists()


def test_ok_only_qemu_s_boards_have_a_scripted_officer_and_more_patience(base, root, tmp_path) -> None:
    pi4 = tmp_path / "pi4"
    shutil.copytree(base, pi4, symlinks=True)
    finish_root(pi4, load_board("pi4-bookworm"), version="1.0")
    assert (root / "opt/borne/libexec/rehearsal").exists()
    assert not list(pi4.rglob("rehearsal*"))
    patience = "usr/lib/systemd/system/borne-.service.d/90-emulated.conf"
    assert "TimeoutStartSec=30min" in (root / patience).read_text()
    assert not (pi4 / patience).exists()
    for folder, seconds in ((root, 1800), (pi4, 180)):
        assert (folder / "etc/fstab").read_text().count(f"x-systemd.device-timeout={seconds}s") == 5


def test_ok_python_will_find_the_libraries_that_it_loads_by_name(base, tmp_path) -> None:
    whole = tmp_path / "pi4"
    shutil.copytree(base, whole, symlinks=True)
    library = whole / "usr/lib/aarch64-linux-gnu/libusb-1.0.so.0"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"")
    finish_root(whole, load_board("pi4-bookworm"), version="1.0")
    assert (
        b"libusb-1.0.so.0\0/usr/lib/aarch64-linux-gnu/libusb-1.0.so.0\0"
        in (whole / "etc/ld.so.cache").read_bytes()
    )


def test_ok_bytecode_has_no_time_in_it(root) -> None:
    import sys

    if sys.version_info[:2] != (3, 11):
        pytest.skip("compiled where this machine's Python is the board's")
    compiled = next((root / "opt/borne/lib/python3.11/site-packages/thing").rglob("*.pyc")).read_bytes()
    assert compiled[4] == 1  # PEP 552: hash-based, not checked
    assert str(root).encode() not in compiled


def test_ok_what_the_lock_leaves_out_stays_out_and_nothing_is_of_this_machine(tmp_path) -> None:
    """A package that needs others, and a script that must not run."""
    tree = tmp_path / "x/DEBIAN"
    tree.mkdir(parents=True)
    (tree / "postinst").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tree / "postinst").chmod(0o755)
    needy = control("x").replace(b"Version", b"Depends: perl, dpkg\nPre-Depends: debconf\nVersion")
    deb = a_deb(tmp_path, "x", {"DEBIAN/control": needy, "sbin/thing": b"1", "lib/y": b"2"})
    unpack(tmp_path / "root", load_board("qemu-arm64"), [deb])
    assert {str(path.relative_to(tmp_path / "root")) for path in (tmp_path / "root").rglob("*")} == {
        *("bin", "sbin", "lib", "usr", "usr/bin", "usr/sbin", "usr/sbin/thing", "usr/lib", "usr/lib/y"),
        *("dev", "etc", "tmp", "var", "var/cache", "var/lib", "var/lib/dpkg", "var/log"),
    }
    assert not (tmp_path / "ran").exists()


def test_fail_a_package_that_is_none(tmp_path) -> None:
    (tmp_path / "x.deb").write_bytes(b"no")
    none = (named(tmp_path / "x.deb"), tmp_path / "x.deb")
    with pytest.raises(UnpackError, match=r"x 1 cannot be unpacked"):
        make_base(tmp_path / "base", load_board("pi4-bookworm"), [none], [])


def test_fail_a_package_that_is_not_the_locks(tmp_path) -> None:
    deb, path = a_deb(tmp_path, "x", {"usr/lib/modules/6.1/x": b""})
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(UnpackError, match="one of them is not the one that the lock names"):
        make_base(tmp_path / "base", load_board("pi4-bookworm"), [(deb, path)], [])


def test_fail_two_kernels(tmp_path) -> None:
    two = a_deb(tmp_path, "y", {"usr/lib/modules/6.1/x": b"", "usr/lib/modules/6.2/x": b""})
    with pytest.raises(RootError, match="2 kernels"):
        make_base(tmp_path / "base", load_board("pi4-bookworm"), [two], [])


def test_fail_a_root_that_trusts_nobody(tmp_path, base) -> None:
    whole = tmp_path / "root"
    shutil.copytree(base, whole, symlinks=True)
    shutil.rmtree(whole / "usr/share/ca-certificates")
    with pytest.raises(RootError, match="no public authorities"):
        finish_root(whole, load_board("qemu-amd64"), version="1.0")


def test_fail_a_wheel_that_reaches_out(tmp_path) -> None:
    deb = a_deb(tmp_path, "x", {"usr/lib/modules/6.1/x": b""})
    wheel = a_wheel(tmp_path, {"../../etc/passwd": "root::0:0\n"})
    with pytest.raises(RootError, match="reaches out"):
        make_base(tmp_path / "base", load_board("pi4-bookworm"), [deb], [wheel])
