"""The machine's console and first stage, with a shell script in QEMU's place."""

import os
import shutil
from pathlib import Path

import pytest
import qemu
from board import BoardError, load_board
from boot import make_boot, make_config
from disk import FAT, Part, write_disk
from qemu import Machine, QemuCrashed, QemuError

BOARD = load_board("qemu-amd64")
missing = [tool for tool in ("mkfs.vfat", "mcopy", "mtype") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"not installed: {' '.join(missing)}")


@pytest.fixture
def disk(tmp_path) -> Path:
    """A card whose two boot partitions say which they are."""
    make_config(tmp_path / "config", tmp_path / "files", mib=16, board=BOARD, epoch=0)
    parts = [Part("config", FAT, 16, tmp_path / "config")]
    for slot in "ab":
        files = tmp_path / slot
        files.mkdir()
        for name in ("vmlinuz", "initrd"):
            (files / name).write_text(f"{name} of {slot}")
        (files / "cmdline.txt").write_text(f"words of {slot}\n")
        image = tmp_path / f"boot_{slot}"

        make_boot(image, files, mib=BOARD.boot_mib, label="BOOT", identity=slot)
        parts.append(Part(f"boot_{slot}", FAT, BOARD.boot_mib, image))
    write_disk(tmp_path / "disk", parts, board="x")
    return tmp_path / "disk"


def in_place(monkeypatch, folder: Path, script: str) -> None:
    program = folder / "machine"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(qemu, "MACHINES", {"amd64": (str(program), ())})


def test_ok_it_starts_the_slot_that_the_card_says_and_a_trial_once(disk, tmp_path, monkeypatch) -> None:
    in_place(monkeypatch, tmp_path, 'echo "$@"')
    (tmp_path / "trial").write_text("B")
    qemu.write_fat(disk, BOARD, 1, tmp_path / "trial", "trial")
    said = []
    for _ in range(2):
        with Machine(disk, BOARD, words=("more",)) as machine:
            said.append(" ".join(line.text for line in machine.follow(10)))
            assert machine.ended
    assert "words of b borne.partition=3 more" in said[0]
    assert "words of a borne.partition=2 more" in said[1]
    assert "-accel tcg" in said[0]  # never what /dev/kvm promises


def test_ok_the_plug_is_pulled(disk, tmp_path, monkeypatch) -> None:
    in_place(monkeypatch, tmp_path, "echo up; sleep 600")
    with (tmp_path / "log").open("w") as log, Machine(disk, BOARD, console=log) as machine:
        line = next(machine.follow(10))
        assert line.text == "up"
        assert list(machine.follow(0.1)) == []  # the time is over
        assert not machine.ended
        machine.cut_power()
        assert machine.ended
    assert (tmp_path / "log").read_text().endswith("up\n")


def test_fail_a_card_without_a_first_stage(tmp_path) -> None:
    (tmp_path / "disk").write_bytes(bytes(64 * 1024 * 1024))
    with pytest.raises(QemuError, match=r"has no autoboot\.txt"), Machine(tmp_path / "disk", BOARD):
        pass


def test_fail_a_board_s_file_that_is_wrong(tmp_path, monkeypatch) -> None:
    import board

    monkeypatch.setattr(board, "BOARDS", tmp_path)
    (tmp_path / "common.toml").write_text("[packages]\n[left_out]\nnames = []\nwheels = []\n")
    text = Path(board.__file__).parent.joinpath("boards/qemu-amd64.toml").read_text()
    for change, says in ((("name =", "nam ="), "nam"), (('"qemu-amd64"', '"other"'), "names itself")):
        (tmp_path / "qemu-amd64.toml").write_text(text.replace(*change))
        with pytest.raises(BoardError, match=says):
            load_board("qemu-amd64")


def test_fail_qemu_s_own_death_is_told_from_the_box_s_end(disk, tmp_path, monkeypatch) -> None:
    in_place(monkeypatch, tmp_path, "echo up; kill -SEGV $$")
    with Machine(disk, BOARD) as machine, pytest.raises(QemuCrashed, match="signal 11"):
        list(machine.follow(10))
    in_place(monkeypatch, tmp_path, "echo up; exit 1")
    with Machine(disk, BOARD) as machine:
        assert [line.text for line in machine.follow(10)] == ["up"]
        assert machine.ended


def test_ok_no_line_is_lost_between_one_look_and_the_next(disk, tmp_path, monkeypatch) -> None:
    """Who waits for a word leaves in the middle of what came with it, or of a line."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    in_place(monkeypatch, tmp_path, f"printf 'one\\ntwo\\nthr'; cat {fifo} >/dev/null; printf 'ee\\nfour\\n'")
    with Machine(disk, BOARD) as machine:
        assert next(iter(machine.follow(10))).text == "one"
        assert next(iter(machine.follow(10))).text == "two"
        assert [line.text for line in machine.follow(0.2)] == []
        fifo.write_bytes(b"go")
        assert [line.text for line in machine.follow(10)] == ["three", "four"]
        assert [line.text for line in machine.lines] == ["one", "two", "three", "four"]
