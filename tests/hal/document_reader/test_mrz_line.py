"""The serial reader on a pty: what is stale, what is fresh, what is broken."""

import errno
import os
import threading
import time
import tty

import pytest
import serial

from hal.device import DeviceBusy, DeviceFault, DeviceGone, State, Timeout, Unreadable
from hal.document_reader import MrzLineReader as MrzLineReaderProtocol
from hal.document_reader.framing import ElyctisDeframer
from hal.document_reader.mrz_line import MrzLineReader, Options, create

A = ("P<UTOFIRST<<TRAVELLER<<<<<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
B = ("P<UTOSECOND<<TRAVELLER<<<<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")


def stx(lines):
    return b"\x02" + "\r".join(lines).encode() + b"\r\x03"


class Line:
    """The reader's end of the cable."""

    def __init__(self):
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave
        self._unplugging = threading.Lock()

    def send(self, data):
        os.write(self.master, data)

    def send_later(self, data, after=0.15):
        thread = threading.Timer(after, self.send, [data])
        thread.start()
        return thread

    def received(self, count):
        data = b""
        while len(data) < count:
            data += os.read(self.master, count - len(data))
        return data

    def unplug(self):
        """Once: the test's end may come while a timer is still unplugging."""
        with self._unplugging:
            fds, self.master, self._slave = (self.master, self._slave), None, None
        for fd in fds:
            if fd is not None:
                os.close(fd)


@pytest.fixture
def line(pseudo_terminals):
    cable = Line()
    yield cable
    cable.unplug()


@pytest.fixture
def make(line):
    made = []

    def _make(**options):
        reader = MrzLineReader(Options(port=line.port, **options))
        made.append(reader)
        reader.open()
        return reader

    yield _make
    for reader in made:
        reader.close()


def test_ok__keeps_the_protocol(make):
    reader = make()
    assert isinstance(reader, MrzLineReaderProtocol)
    assert reader.identity.key.startswith("document_reader/mrz_line//dev/pts/")
    assert create(Options(port="/dev/x")).identity.port == "/dev/x"


@pytest.mark.parametrize("settings", [{}, {"bytesize": 7, "parity": "E"}, {"baud": 115200, "stopbits": 2}])
def test_ok__reads_with_the_usual_line_settings(make, line, settings):
    line.send_later(stx(A))
    reader = make(**settings)
    assert reader.read_lines(5.0).lines == A
    line.send_later(stx(B))
    assert reader.read_lines(5.0).lines == B


def test_ok__what_came_before_the_call_is_another_persons(make, line):
    reader = make()
    line.send(stx(A))
    time.sleep(0.1)
    with pytest.raises(Timeout):
        reader.read_lines(0.2)


def test_ok__unless_configured(make, line):
    reader = make(accept_earlier=True)
    line.send(stx(A) + stx(B))
    time.sleep(0.1)
    assert reader.read_lines(1.0).lines == A
    assert reader.read_lines(1.0).lines == B


def test_ok__nothing_is_lost_between_two_waits_for_the_same_document(make, line):
    reader = make()
    first, second = stx(A)[:50], stx(A)[50:]
    line.send_later(first, 0.1)
    with pytest.raises(Timeout):
        reader.read_lines(0.4)
    line.send(second)
    assert reader.read_lines(1.0).lines == A


def test_ok__after_a_document_the_next_call_begins_empty(make, line):
    reader = make()
    line.send_later(stx(A) + stx(A))
    reader.read_lines(5.0)
    with pytest.raises(Timeout):
        reader.read_lines(0.2)


def test_ok__slow_bytes(make, line):
    reader = make(framing="stx_etx")

    def dribble():
        for byte in stx(A):
            line.send(bytes([byte]))
            time.sleep(0.005)

    threading.Timer(0.1, dribble).start()
    assert reader.read_lines(10.0).lines == A


def test_ok__latency_is_the_transfer_not_the_wait(make, line):
    reader = make()
    line.send_later(stx(A), 0.5)
    reader.read_lines(5.0)
    assert reader.health.p95_seconds < 0.4


def test_fail__truncated_document_is_told_before_the_timeout(make, line):
    reader = make(framing="stx_etx")
    line.send_later(stx(A)[:30])
    began = time.monotonic()
    with pytest.raises(Unreadable):
        reader.read_lines(20.0)
    assert time.monotonic() - began < 5.0
    assert reader.state is State.READY


def test_fail__noise_names_the_settings(make, line):
    reader = make(framing="rte_native")
    line.send_later(b"\x99" * 40)
    with pytest.raises(Unreadable, match="baud rate"):
        reader.read_lines(0.6)
    with pytest.raises(Timeout):
        reader.read_lines(0.1)


def test_fail__unplugged_while_waiting(make, line):
    reader = make()
    threading.Timer(0.15, line.unplug).start()
    with pytest.raises(DeviceGone):
        reader.read_lines(5.0)
    assert reader.state is State.ABSENT
    with pytest.raises(DeviceGone):
        reader.read_lines(1.0)


def test_fail__no_such_port(tmp_path):
    reader = MrzLineReader(Options(port=str(tmp_path / "none")))
    with pytest.raises(DeviceGone):
        reader.open()
    assert reader.state is State.ABSENT


def test_fail__not_a_serial_port(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    for path in (plain, tmp_path):
        with pytest.raises(DeviceFault):
            MrzLineReader(Options(port=str(path))).open()


def test_fail__a_baud_rate_that_no_line_has(line):
    with pytest.raises(DeviceFault):
        MrzLineReader(Options(port=line.port, baud=-1)).open()


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.EACCES, DeviceFault), (errno.EBUSY, DeviceBusy), (errno.EIO, DeviceGone)],
)
def test_fail__the_kernel_refuses(monkeypatch, number, error):
    def refuse(*args, **settings):
        raise serial.SerialException(number, "refused")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(error):
        MrzLineReader(Options(port="/dev/ttyS0")).open()


def test_fail__a_line_that_takes_no_commands(make, monkeypatch):
    def stuck(data):
        raise serial.SerialTimeoutException("Write timeout")

    reader = make(framing="elyctis")
    monkeypatch.setattr(reader._port, "write", stuck)
    with pytest.raises(DeviceFault, match="no commands"):
        reader.read_lines(5.0)
    assert reader.state is State.FAULT
    with pytest.raises(Timeout):  # opened anew
        reader.read_lines(0.1)


def test_fail__held_by_another_program(make, line):
    make()
    second = MrzLineReader(Options(port=line.port))
    with pytest.raises(DeviceBusy):
        second.read_lines(0.1)
    assert second.state is State.FAULT


def test_ok__elyctis_is_armed_for_the_call_and_disarmed_after(make, line):
    reader = make(framing="elyctis")
    with pytest.raises(Timeout):
        reader.read_lines(0.2)
    expected = ElyctisDeframer.DISARM + ElyctisDeframer.ARM + ElyctisDeframer.DISARM
    assert line.received(len(expected)) == expected


def test_ok__nothing_is_written_to_a_reader_nobody_named(make, line):
    reader = make(framing="auto")
    with pytest.raises(Timeout):
        reader.read_lines(0.2)
    os.set_blocking(line.master, False)
    with pytest.raises(BlockingIOError):
        line.received(1)


def test_ok__desko_delimiters_from_the_configuration(make, line):
    reader = make(framing="desko", start_of_data="$", end_of_data="#")
    line.send_later(b"$" + stx(A) + b"#")
    assert reader.read_lines(5.0).framing == "desko"
