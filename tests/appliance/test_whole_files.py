"""Files that stand whole: also who may read them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.whole_files import write_whole


@pytest.fixture(params=[0o077, 0o022, 0o000])
def umask(request) -> Iterator[int]:
    before = os.umask(request.param)
    try:
        yield request.param
    finally:
        os.umask(before)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
@pytest.mark.usefixtures("umask")
def test_ok_the_mode_is_as_it_is_said_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    """Units have the umask 0077, and what one service writes for another must be read by it."""
    write_whole(tmp_path / "file", b"1", mode=mode)
    write_whole(tmp_path / "file", b"2", mode=mode)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode
    assert (tmp_path / "file").read_bytes() == b"2"


def test_ok_a_disk_without_modes_keeps_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FAT refuses to change what it does not keep."""

    def refused(descriptor: int, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refused)
    write_whole(tmp_path / "file", b"1", mode=0o644)
    assert (tmp_path / "file").read_bytes() == b"1"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_fail_what_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole(tmp_path / "file", b"1")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "file", b"2")
    assert (tmp_path / "file").read_bytes() == b"1"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
