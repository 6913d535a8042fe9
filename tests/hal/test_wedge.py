"""Keystrokes to text, the grab, and what is not an input device; umockdev's replay of a keyboard."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conformance.wedges import event, strokes
from hypothesis import given
from hypothesis import strategies as st

from hal import wedge
from hal.device import DeviceBusy, DeviceFault, DeviceGone
from hal.wedge import LOST, KeyDecoder, WedgePort

ROOT = Path(__file__).resolve().parents[2]
MRZ = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\rL898902C36UTO7408122F1204159ZE184226B<<<<<10\r"


@pytest.fixture
def pipe(tmp_path):
    node = tmp_path / "event0"
    os.mkfifo(node)
    fd = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    yield node, fd
    os.close(fd)


def opened(node, take=lambda fd: None):
    return WedgePort(str(node), "document reader", take=take)


def decoded(data):
    decoder = KeyDecoder()
    return b"".join(
        decoder.feed(kind, code, value) for _, _, kind, code, value in wedge.EVENT.iter_unpack(data)
    )


@given(st.text(st.sampled_from("".join(sorted({one for pair in wedge.KEYS.values() for one in pair})))))
def test_ok__every_character_of_the_us_layout(text):
    assert decoded(strokes(text)) == text.encode()


def test_ok__an_mrz_typed():
    assert decoded(strokes(MRZ)) == MRZ.encode()


def test_ok__the_iso_key_for_angle_brackets():
    assert decoded(event(1, 86, 1) + event(1, 86, 0)) == b"<"


def test_ok__autorepeat_and_modifiers_type_nothing():
    assert decoded(event(1, 30, 1) + event(1, 30, 2) * 5 + event(1, 30, 0)) == b"a"
    assert decoded(event(1, 29, 1) + event(1, 58, 1) + event(4, 4, 458756)) == b""


def test_ok__either_shift_and_both():
    assert decoded(event(1, 42, 1) + event(1, 54, 1) + event(1, 42, 0) + event(1, 30, 1)) == b"A"


def test_fail__keys_that_mean_nothing_and_lost_ones_spoil_the_text():
    assert decoded(event(1, 59, 1)) == LOST  # F1
    assert decoded(event(1, 42, 1) + event(0, 3, 0) + event(1, 30, 1)) == LOST + b"a"


@given(st.binary(max_size=2000))
def test_fail__hostile_events(data):
    """Whatever it sends: bytes, at most one for an event, and never an exception."""
    whole = data[: len(data) - len(data) % wedge.EVENT.size]
    assert len(decoded(whole)) <= len(whole) // wedge.EVENT.size


def test_ok__read_in_parts_of_events(pipe):
    node, fd = pipe
    port = opened(node)
    data, typed = strokes("AB"), b""
    for place in range(0, len(data), 10):
        os.write(fd, data[place : place + 10])
        typed += port.read(1)
    assert typed == b"AB"
    assert port.read(1) == b""
    assert (port.in_waiting, port.write(b"xy")) == (0, 2)
    port.close()


def test_ok__what_was_typed_before_is_forgotten(pipe):
    node, fd = pipe
    port = opened(node)
    os.write(fd, strokes("OLD") + event(1, 42, 1)[:10])
    port.reset_input_buffer()
    os.write(fd, strokes("new"))
    assert port.read(1) == b"new"
    port.close()


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.EBUSY, DeviceBusy), (errno.ENODEV, DeviceGone), (errno.ENOTTY, DeviceFault)],
)
def test_fail__without_the_grab_nothing_is_read(pipe, number, error):
    def refuse(fd):
        raise OSError(number, "no")

    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(error):
        opened(pipe[0], refuse)
    assert len(os.listdir("/proc/self/fd")) == before


def test_fail__a_file_cannot_be_grabbed(tmp_path):
    file = tmp_path / "event0"
    file.touch()
    with pytest.raises(DeviceFault, match="cannot be kept from typing"):
        WedgePort(str(file), "document reader")


def test_fail__not_there(tmp_path, monkeypatch):
    with pytest.raises(DeviceGone, match="no document reader"):
        opened(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(DeviceFault, match="not an input device"):
        opened(tmp_path / "file" / "x")

    def refuse(*_):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DeviceFault, match="borne-devices"):
        opened(tmp_path / "file")


def test_fail__unplugged(pipe, tmp_path):
    node = tmp_path / "other"
    os.mkfifo(node)
    fd = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    port = opened(node)
    os.close(fd)
    with pytest.raises(OSError, match="ended"):
        port.read(1)
    port.close()


def test_ok__the_ioctl_is_the_kernels(monkeypatch):
    asked = []
    monkeypatch.setattr(fcntl, "ioctl", lambda fd, number, value: asked.append((fd, number, value)))
    wedge.grab(7)
    assert asked == [(7, 0x40044590, 1)]


DEVICE = """P: /devices/usb1/1-1/1-1:1.0/input/input9/event9
N: input/event9
E: DEVNAME=/dev/input/event9
E: SUBSYSTEM=input
E: ID_INPUT=1
E: ID_INPUT_KEYBOARD=1
"""

SCRIPT = """
import sys
from hal.document_reader import wedge
reader = wedge.create(wedge.Options(device="/dev/input/event9", accept_earlier=True))
print(*reader.read_lines(20).lines, sep=chr(10))
"""


@pytest.mark.skipif(shutil.which("umockdev-run") is None, reason="umockdev is not installed")
@pytest.mark.usefixtures("pseudo_terminals")  # umockdev pretends every device file by one
def test_ok__a_recorded_keyboard(tmp_path):
    """The shipped driver on umockdev's keyboard: EVIOCGRAB is answered, the events come at their times."""
    (tmp_path / "keyboard").write_text(DEVICE)
    events = wedge.EVENT.iter_unpack(strokes(MRZ))
    lines = [f"E: {place // 1000}.{place % 1000:03d}000 {kind:04x} {code:04x} {value}"
             for place, (_, _, kind, code, value) in enumerate(events)]  # fmt: skip
    (tmp_path / "events").write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        ["umockdev-run", "-d", tmp_path / "keyboard", "-e", f"/dev/input/event9={tmp_path / 'events'}"]
        + ["--", sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == MRZ.replace("\r", "\n")
