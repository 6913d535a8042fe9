"""A satellite receiver's sentences: real ones, damaged ones, and whatever bytes a line can bring."""

import contextlib
import datetime as dt
import os
import pty
import threading
import tty

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.device import DeviceError
from hal.gnss.nmea import MAX_SENTENCE_BYTES, Moment, Sky, read_sentence
from hal.gnss.serial_line import sentences

RMC = b"$GNRMC,083559.00,A,4717.11437,N,00833.91522,E,0.004,77.52,091226,,,A*75"


def with_sum(body: str) -> bytes:
    total = 0
    for byte in body.encode("ascii"):
        total ^= byte
    return f"${body}*{total:02X}".encode("ascii")


def rmc(**changes: str) -> bytes:
    fields = {"time": "083559.00", "status": "A", "date": "091226", "mode": "A"} | changes
    body = "GNRMC,{time},{status},4717.1,N,00833.9,E,0.0,77.5,{date},,,{mode}".format(**fields)
    return with_sum(body)


def test_ok_a_fix_says_when() -> None:
    moment = dt.datetime(2026, 12, 9, 8, 35, 59, tzinfo=dt.UTC)
    assert read_sentence(rmc()) == Moment(moment, valid=True)
    assert read_sentence(rmc() + b"\r\n") == Moment(moment, valid=True)
    assert read_sentence(rmc(time="083559.25")).time.microsecond == 250_000
    before_2_3 = with_sum("GPRMC,083559,A,4717.1,N,00833.9,E,0.0,77.5,091226,,")
    assert read_sentence(before_2_3) == Moment(moment, valid=True)


@pytest.mark.parametrize("changes", [{"status": "V"}, *({"mode": mode} for mode in "NEMS")])
def test_ok_no_fix_and_what_is_estimated_typed_or_simulated_is_not_valid(changes) -> None:
    assert read_sentence(rmc(**changes)).valid is False


def test_ok_how_many_satellites() -> None:
    gga = "GNGGA,083559.00,4717.1,N,00833.9,E,{quality},{number},0.9,499.6,M,48.0,M,,"
    assert read_sentence(with_sum(gga.format(quality=1, number="08"))) == Sky(8)
    assert read_sentence(with_sum(gga.format(quality=0, number="08"))) == Sky(0)
    assert read_sentence(with_sum(gga.format(quality=1, number=""))) == Sky(0)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"$GNRMC",
        rmc()[:-1] + b"!",
        rmc().replace(b"083559", b"083558"),  # one digit, and the sum is another
        rmc(time="246060.00"),
        rmc(time="235960.00"),
        rmc(date="310226"),
        rmc(date="1226"),
        rmc(time=""),
        with_sum("GNRMC,083559.00,A"),
        with_sum("GNTXT,01,01,02,u-blox"),
        b"$" + b"A" * (MAX_SENTENCE_BYTES + 1),
        "$GNRMC,083559.00,A,\u00e9*00".encode(),
    ],
)
def test_fail_what_says_no_time(line: bytes) -> None:
    assert read_sentence(line) is None


@given(st.binary(max_size=200))
def test_ok_any_bytes_are_a_sentence_or_nothing(line: bytes) -> None:
    said = read_sentence(line)
    assert said is None or isinstance(said, Moment | Sky)


@given(st.text("0123456789.,AVNESW-", max_size=100))
def test_ok_any_fields_with_a_right_sum(fields: str) -> None:
    for kind in ("GPRMC", "GNGGA"):
        said = read_sentence(with_sum(f"{kind},{fields}"))
        assert said is None or isinstance(said, Moment | Sky)


@pytest.fixture
def line(pseudo_terminals):
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    for end in (ours, theirs):
        with contextlib.suppress(OSError):
            os.close(end)


def test_ok_lines_from_a_port_each_with_the_moment_of_its_first_byte(line) -> None:
    ours, port = line
    noise = b"half of one,*00\r\n\x00\xff" + b"$" + b"x" * 500 + b"\r\n"
    heard = []
    reader = threading.Thread(
        target=lambda: heard.extend(one for one, _ in zip(sentences(port), range(2), strict=False))
    )
    reader.start()
    while reader.is_alive():  # what was sent before the port was open is gone
        os.write(ours, noise + rmc() + b"\r\n")
        reader.join(0.05)
    assert [one.line for one in heard] == [rmc(), rmc()]
    assert heard[0].monotonic_ns < heard[1].monotonic_ns


def test_fail_a_port_that_is_not_there(tmp_path) -> None:
    with pytest.raises(DeviceError):
        next(iter(sentences(str(tmp_path / "none"))))
