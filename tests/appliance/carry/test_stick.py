"""The stick: whole files or none, read back before they count, and a stranger's stick does no harm."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.carry import stick as sticks
from appliance.carry.errors import StickBroken, StickFull
from appliance.carry.names import BatchName, read_batch_name
from appliance.carry.stick import Stick
from appliance.contracts import wire

EPOCH = "20261102T080000Z-0a1b2c3d"


def written(stick: Stick, first: int = 1, count: int = 3) -> bytes:
    batch = wire.pack([b"%d" % seq for seq in range(first, first + count)])
    stick.write_batch("box-1", EPOCH, first, first + count - 1, batch)
    return batch


def test_ok_what_is_written_is_read(tmp_path: Path) -> None:
    stick = Stick(tmp_path)
    batch = written(stick)
    later = written(stick, 4)
    found = list(stick.batches())
    assert [(one.device, one.epoch, one.name.first, one.name.last) for one in found] == [
        ("box-1", EPOCH, 1, 3),
        ("box-1", EPOCH, 4, 6),
    ]
    assert [stick.read(one) for one in found] == [batch, later]
    assert list(stick.batches("another")) == []
    stick.remove(found[0])
    assert [one.name.first for one in stick.batches()] == [4]


def test_ok_words_and_lists_for_a_box(tmp_path: Path) -> None:
    stick = Stick(tmp_path)
    stick.write_word("box-1", f"{EPOCH}.watermark", b"mark")
    stick.write_word("box-1", "0000000007.command", b"command")
    stick.write_word("box-2", f"{EPOCH}.watermark", b"another's")
    stick.write_reference("persons", b"list")
    (tmp_path / "to-box" / "box-1" / "holiday.jpg").write_bytes(b"?")
    assert [(one.kind, one.name, one.data) for one in stick.brought_for("box-1")] == [
        ("watermark", EPOCH, b"mark"),
        ("command", "0000000007", b"command"),
        ("reference", "persons", b"list"),
    ]


def test_fail_a_damaged_batch_is_none(tmp_path: Path) -> None:
    stick = Stick(tmp_path)
    written(stick)
    (file,) = stick.batches()
    for damage in (b"", file.path.read_bytes()[:-1], b"\0" + file.path.read_bytes()[1:]):
        file.path.write_bytes(damage)
        assert stick.read(file) is None


def test_fail_a_stick_that_gives_back_something_else(tmp_path: Path, monkeypatch) -> None:
    """A counterfeit stick takes more than it holds; a write that is not read back would count."""
    stick = Stick(tmp_path)
    real = Stick._read
    monkeypatch.setattr(Stick, "_read", lambda self, path, most: (real(self, path, most) or b"")[:-1])
    with pytest.raises(StickBroken, match="does not give back"):
        written(stick)
    assert list(tmp_path.rglob("*.batch*")) == []


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs to mount a small disk")
def test_fail_a_full_stick_keeps_what_is_whole(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        stick = Stick(tmp_path)
        big = wire.pack([bytes(100_000)])
        stick.write_batch("box-1", EPOCH, 1, 1, big)
        stick.write_batch("box-1", EPOCH, 2, 2, big)
        with pytest.raises(StickFull):
            stick.write_batch("box-1", EPOCH, 3, 3, big)
        assert [stick.read(one) for one in stick.batches()] == [big, big]
        assert list(tmp_path.rglob("*.part")) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize(("number", "error"), [(errno.ENOSPC, StickFull), (errno.EIO, StickBroken)])
def test_fail_what_the_kernel_says_is_told(tmp_path: Path, monkeypatch, number: int, error: type) -> None:
    def refuses(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    stick = Stick(tmp_path)
    monkeypatch.setattr(sticks.os, "fsync", refuses)
    with pytest.raises(error):
        written(stick)
    assert list(stick.batches()) == []


def test_fail_a_stick_that_cannot_be_read(tmp_path: Path, monkeypatch) -> None:
    stick = Stick(tmp_path)
    written(stick)
    (file,) = stick.batches()
    with monkeypatch.context() as patched:
        patched.setattr(sticks.os, "open", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
        with pytest.raises(StickBroken, match="cannot be read"):
            stick.read(file)
    with monkeypatch.context() as patched:
        patched.setattr(
            sticks.os, "scandir", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error"))
        )
        with pytest.raises(StickBroken, match="cannot be read"):
            list(stick.batches())


def test_fail_more_files_than_borne_writes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sticks, "MAX_ENTRIES", 3)
    stick = Stick(tmp_path)
    for first in (1, 4, 7, 10):
        written(stick, first)
    with pytest.raises(StickBroken, match="more files"):
        list(stick.batches())


def test_ok_what_an_interrupted_copy_has_left_is_cleared(tmp_path: Path) -> None:
    stick = Stick(tmp_path)
    written(stick)
    torn = tmp_path / "to-central" / "box-1" / EPOCH / "0000000000000004-x.batch.part"
    torn.write_bytes(b"half")
    assert len(list(stick.batches())) == 1
    stick.clear_parts()
    assert not torn.exists()
    assert len(list(stick.batches())) == 1


WRITER = """
import sys
from pathlib import Path
from appliance.carry.stick import Stick
from appliance.contracts import wire
stick = Stick(Path(sys.argv[1]))
first = 1
while True:
    stick.write_batch("box-1", "e", first, first + 9, wire.pack([bytes(20000)] * 10))
    print(first, flush=True)
    first += 10
"""


def test_ok_kill_9_of_a_copy_leaves_whole_files(tmp_path: Path) -> None:
    """What a copy said was there is there; a half-written file is never under a proper name."""
    for round_ in range(4):
        folder = tmp_path / str(round_)
        folder.mkdir()
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.05 * round_)
        writer.kill()
        said = [int(line) for line in writer.stdout.read().split()]
        writer.wait()
        stick = Stick(folder)
        found = list(stick.batches())
        assert all(stick.read(one) is not None for one in found)
        assert {*said, 1} <= {one.name.first for one in found}


class TestStrangersStick:
    def test_ok_links_pipes_and_huge_files_are_passed_over(self, tmp_path: Path) -> None:
        stick = Stick(tmp_path / "stick")
        secret = tmp_path / "secret"
        secret.write_bytes(b"of the machine")
        own = tmp_path / "stick" / "to-box" / "box-1"
        own.mkdir(parents=True)
        (own / "a.watermark").symlink_to(secret)
        os.mkfifo(own / "b.watermark")
        (own / "c.watermark").mkdir()
        with (own / "d.watermark").open("wb") as huge:
            huge.truncate(5 * 2**40)
        (own / "e.watermark").write_bytes(b"good")
        assert [one.name for one in stick.brought_for("box-1")] == ["e"]

    def test_fail_a_link_does_not_lead_the_box_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "stick").mkdir()
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "stick" / "to-central").symlink_to(tmp_path / "elsewhere")
        stick = Stick(tmp_path / "stick")
        with pytest.raises(StickBroken, match="is a link"):
            written(stick)
        assert list(stick.batches()) == []
        assert list((tmp_path / "elsewhere").iterdir()) == []

    def test_ok_a_part_that_is_a_link_is_replaced(self, tmp_path: Path) -> None:
        stick = Stick(tmp_path / "stick")
        batch = written(stick)
        (file,) = stick.batches()
        precious = tmp_path / "precious"
        precious.write_bytes(b"keep")
        file.path.unlink()
        file.path.with_name(f"{file.path.name}.part").symlink_to(precious)
        assert written(stick) == batch
        assert precious.read_bytes() == b"keep"
        assert stat.S_ISREG(file.path.lstat().st_mode)

    @settings(max_examples=300, deadline=None)
    @given(
        name=st.one_of(
            st.text(max_size=90),
            st.from_regex(r"[0-9]{14,18}-[0-9]{14,18}-[0-9a-f]{31,33}\.batch", fullmatch=True),
        )
    )
    def test_ok_any_name_is_a_batch_or_none(self, name: str) -> None:
        found = read_batch_name(name)
        if found is not None:
            assert str(found) == name
            assert 1 <= found.first <= found.last < found.first + wire.MAX_BATCH_RECORDS

    def test_fail_names_that_only_look_right(self) -> None:
        good = str(BatchName(1, 3, "0" * 32))
        assert read_batch_name(good) is not None
        for name in (
            str(BatchName(3, 1, "0" * 32)),
            str(BatchName(0, 3, "0" * 32)),
            str(BatchName(1, 400, "0" * 32)),
            good + "\n",
            "../" + good,
            good.replace("0", "\u0660", 1),
        ):
            assert read_batch_name(name) is None, name

    def test_ok_folders_that_are_no_device_or_epoch_are_passed_over(self, tmp_path: Path) -> None:
        stick = Stick(tmp_path)
        written(stick)
        (file,) = stick.batches()
        for odd in ("-box", "b x", "y" * 70):
            shutil.copytree(tmp_path / "to-central" / "box-1", tmp_path / "to-central" / odd)
        shutil.copytree(file.path.parent, file.path.parents[1] / ".trash")
        (tmp_path / "to-central" / "note.txt").write_text("hello")
        assert len(list(stick.batches())) == 1
