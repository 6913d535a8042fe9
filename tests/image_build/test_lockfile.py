"""Lock files: what they hold for every board, and every line that is none."""

import re
from pathlib import Path

import lock
import pytest
from board import BoardError, board_names, load_board
from hypothesis import given
from hypothesis import strategies as st
from lock import archive_sites, requirements
from lockfile import Deb, Lock, LockError, Unfetchable, Wheel, read_lock, write_lock

DEB = Deb(name="bash", version="5.2.15-2+b9", architecture="amd64", sha256="a" * 64, path="pool/b/bash.deb")
WHEEL = Wheel(name="PyNaCl", version="1.6.2", sha256="b" * 64, file="pynacl-1.6.2-cp38-abi3-linux.whl")


def test_ok_what_is_written_is_read(tmp_path) -> None:
    lock = Lock(board="qemu-amd64", debs=(DEB,), wheels=(WHEEL,))
    write_lock(tmp_path / "x.lock", lock)
    assert read_lock(tmp_path / "x.lock") == lock
    assert len(lock.digest) == 64


SITE = "http://deb.example.org/debian"


@pytest.mark.parametrize(
    ("said", "security"),
    [
        (f"{SITE} bookworm\n{SITE} bookworm-updates\n", f"{SITE}-security"),
        (f"{SITE} bookworm\nhttp://s.example.org/x bookworm-security\n", "http://s.example.org/x"),
        ("http://other.example.org/tool stable\n", None),
        ("", None),
    ],
)
def test_ok_where_packages_come_from(monkeypatch, said: str, security: str | None) -> None:
    """As apt is set up; a bare machine knows the main archive alone, and the other is at its side."""
    monkeypatch.setattr(lock, "_output", lambda _command: said)
    archive_sites.cache_clear()
    try:
        if security is None:
            with pytest.raises(Unfetchable, match="no Debian archive"):
                archive_sites()
        else:
            assert archive_sites() == (SITE, security)
    finally:
        archive_sites.cache_clear()


@pytest.mark.parametrize("name", board_names())
def test_ok_every_board_has_a_lock_that_answers_it(name: str) -> None:
    board = load_board(name)
    lock = read_lock(board.lock)
    assert lock.board == name
    debs = {deb.name for deb in lock.debs}
    assert board.packages.keys() <= debs
    assert not debs & set(board.left_out.names)
    assert {deb.architecture for deb in lock.debs} == {"all", board.architecture}
    wheels = {wheel.name.lower() for wheel in lock.wheels}
    assert {"pynacl", "numpy", "ai-edge-litert", "opencv-python-headless", "starlette"} <= wheels
    # nothing of the tests, of central, or of a machine to develop on
    assert not wheels & {"pytest", "ruff", "mypy", "sqlalchemy", "pip", "setuptools", "selenium"}
    assert not debs & {"vsmartcard-vpcd", "openssh-server", "gcc", "perl-base", "sudo", "chromium"}
    foreign = [wheel.file for wheel in lock.wheels if not _fits(wheel.file, board.architecture)]
    assert foreign == []


@pytest.mark.parametrize("name", board_names())
def test_ok_a_lock_has_what_setup_cfg_asks_for_today(name: str) -> None:
    """A new requirement is not on the image before `make lock` was run for every board."""
    board = load_board(name)
    asked = {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in requirements(board)}
    locked = {wheel.name.lower().replace("_", "-") for wheel in read_lock(board.lock).wheels}
    assert asked <= locked


def _fits(file: str, architecture: str) -> bool:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[architecture]
    return file.endswith("-any.whl") or machine in file


def test_ok_every_package_has_a_reason() -> None:
    for name in board_names():
        assert all(len(reason) >= 5 for reason in load_board(name).packages.values())


def test_fail_no_such_board() -> None:
    with pytest.raises(BoardError, match="There is no board"):
        load_board("../../etc/passwd")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no board"),
        ("board\tx\n", "names no board or no package"),
        ("board\t../x\n", "line 1"),
        ("board\tx\ndeb\tbash\t1\tamd64\t" + "a" * 63 + "\tpool/x.deb\n", "line 2"),
        ("board\tx\ndeb\tbash\t1\tamd64\t" + "a" * 64 + "\t../x.deb\n", "line 2"),
        ("board\tx\ndeb\tbash\t1\tamd64\t" + "a" * 64 + "\t/x.deb\n", "line 2"),
        ("board\tx\nwheel\t-r\t1\t-\t" + "a" * 64 + "\tx.whl\n", "line 2"),
        ("board\tx\nwheel\tx\t1\t-\t" + "a" * 64 + "\t../x.whl\n", "line 2"),
        ("board\tx\nwheel\tx\t1 --index\t-\t" + "a" * 64 + "\tx.whl\n", "line 2"),
    ],
)
def test_fail_a_line_that_is_none(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x.lock"
    path.write_text(text)
    with pytest.raises(LockError, match=re.escape(says)):
        read_lock(path)


def test_fail_a_lock_that_is_missing_or_endless(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="cannot be read"):
        read_lock(tmp_path / "x.lock")
    (tmp_path / "x.lock").write_bytes(b" " * (4 * 1024 * 1024 + 1))
    with pytest.raises(LockError, match="larger"):
        read_lock(tmp_path / "x.lock")


@given(st.binary(max_size=400))
def test_fail_hostile_bytes_are_a_lock_error(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.lock"
    path.write_bytes(data)
    with pytest.raises(LockError):
        read_lock(path)
