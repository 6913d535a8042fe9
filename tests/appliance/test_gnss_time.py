"""Time from satellites: what is believed, what an imitator cannot do, and the real chronyd on a line."""

import contextlib
import datetime as dt
import os
import pty
import shutil
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from appliance import cli, wiring
from appliance.clock import BUILD_TIME, MAX_AHEAD, Clock, Kernel, TimeQuality
from appliance.config import GnssReceiver, TimeSources
from appliance.gnss_time import DRAG, SAMPLE, SETTLE, Guard, Sample, feed
from appliance.services.agent.time_sources import GNSS_SOCKET, chrony_lines, write_time_sources
from appliance.time_followed import (
    LAST_UPDATE_SECONDS,
    OLD_SECONDS,
    Followed,
    FollowedNow,
    ask_chrony,
    read_tracking,
    watch,
)
from hal.gnss.serial_line import Sentence, sentences

START = dt.datetime(2026, 12, 1, 8, 0, tzinfo=dt.UTC)
CHRONYD = shutil.which("chronyd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CHRONYC = shutil.which("chronyc")


def with_sum(body: str) -> bytes:
    total = 0
    for byte in body.encode("ascii"):
        total ^= byte
    return f"${body}*{total:02X}".encode("ascii")


def rmc(moment: dt.datetime, *, valid: bool = True) -> bytes:
    hundredths = moment.microsecond // 10_000
    time_, date = f"{moment:%H%M%S}.{hundredths:02}", f"{moment:%d%m%y}"
    return with_sum(f"GNRMC,{time_},{'A' if valid else 'V'},4717.1,N,00833.9,E,0.0,,{date},,,A")


def gga(satellites: int) -> bytes:
    return with_sum(f"GNGGA,080000.00,4717.1,N,00833.9,E,1,{satellites:02},0.9,499.6,M,48.0,M,,")


class Sky:
    """A box and a receiver, second by second; `ahead`: how far the receiver is from true time."""

    def __init__(self, *, own_clock: bool = False, wrong: float = 0.0) -> None:
        self.guard = Guard(own_clock=own_clock, delay_seconds=0.2)
        self.second = 0
        self.ahead = 0.0
        self.wrong = wrong
        """How far the box's own clock is behind."""

    def hear(self, line: bytes, *, late: float = 0.2) -> Sample | None:
        arrival = START.timestamp() + self.second + late
        wall, monotonic = arrival - self.wrong, self.second + late + 100
        return self.guard.take(Sentence(line, round(wall * 1e9), round(monotonic * 1e9)))

    def tick(self, *, late: float = 0.2, satellites: int = 8) -> Sample | None:
        self.second += 1
        self.hear(gga(satellites), late=late)
        return self.hear(rmc(START + dt.timedelta(seconds=self.second + self.ahead)), late=late)

    def settle(self) -> Sample:
        samples = [self.tick() for _ in range(SETTLE)]
        assert samples[:-1] == [None] * (SETTLE - 1)
        assert samples[-1] is not None
        return samples[-1]


def test_ok_a_box_that_is_wrong_learns_by_how_much_once_the_line_has_settled() -> None:
    sky = Sky(wrong=1234.5)
    sample = sky.settle()
    assert sample.offset == pytest.approx(1234.5, abs=0.001)
    assert sky.guard.state == "feeding"
    assert SAMPLE.unpack(sample.encode())[2] == sample.offset


def test_ok_a_sentence_that_comes_late_is_borne() -> None:
    sky = Sky()
    sky.settle()
    assert sky.tick(late=0.6) is not None


def test_fail_a_jump_is_refused_for_as_long_as_it_lasts() -> None:
    sky = Sky()
    sky.settle()
    for ahead in (2.0, -2.0, 86_400.0, -0.9):
        sky.ahead = ahead
        assert [sky.tick() for _ in range(SETTLE * 3)] == [None] * (SETTLE * 3)
        assert sky.guard.state == "jump"
    sky.ahead = 0.0
    assert sky.tick() is not None, "the true time is still known"


def test_fail_who_drags_the_time_gets_no_further_than_the_drag_allows() -> None:
    sky = Sky()
    sky.settle()
    for _ in range(2000):
        sky.ahead += 0.001  # ten times the drag
        sky.tick()
    assert sky.guard.state == "jump"
    told = 0.5 + DRAG * 2000 + 0.01
    sky.ahead = told
    assert sky.tick() is None


def test_fail_before_the_software_was_built_and_long_after() -> None:
    """1024 weeks back is what an old receiver says when its weeks roll over."""
    for ahead in (-1024 * 7 * 86_400.0, MAX_AHEAD.total_seconds() + 86_400 * 60):
        sky = Sky()
        sky.ahead = ahead
        assert [sky.tick() for _ in range(SETTLE * 2)] == [None] * (SETTLE * 2)
        assert sky.guard.state == "bounds"


def test_fail_far_from_the_board_s_own_clock() -> None:
    sky = Sky(own_clock=True)
    sky.ahead = 86_400.0
    assert [sky.tick() for _ in range(SETTLE * 2)] == [None] * (SETTLE * 2)
    assert sky.guard.state == "own_clock"
    assert Sky(own_clock=True, wrong=120.0).settle().offset == pytest.approx(120.0, abs=0.001)


def test_fail_too_few_satellites_or_no_fix() -> None:
    sky = Sky()
    assert [sky.tick(satellites=3) for _ in range(SETTLE * 2)] == [None] * (SETTLE * 2)
    assert sky.guard.state == "searching"
    sky.settle()
    assert sky.hear(rmc(START, valid=False)) is None
    assert sky.hear(b"$GPTXT,hostile*00") is None


def test_ok_a_line_that_jumps_about_before_it_has_settled_begins_anew() -> None:
    sky = Sky()
    for second in range(SETTLE - 1):
        sky.ahead = float(second % 2) * 3
        assert sky.tick() is None
    sky.ahead = 0.0
    assert [sky.tick() for _ in range(SETTLE)][-1] is not None


def test_ok_a_time_daemon_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    told: list[str] = []
    sky = Sky()
    heard = [
        Sentence(rmc(START + dt.timedelta(seconds=n)), round((START.timestamp() + n + 0.2) * 1e9), n * 10**9)
        for n in range(SETTLE + 3)
    ]
    assert feed(heard, sky.guard, tmp_path / "none", told=told.append) == 0
    assert "does not listen" in told[-1]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "sock"))
        assert feed(heard, Sky().guard, tmp_path / "sock", told=told.append) == 4
        assert len(daemon.recv(100)) == SAMPLE.size == 40


# The configuration

GNSS = GnssReceiver(port="/dev/ttyACM0")


def test_ok_chrony_s_lines() -> None:
    alone = chrony_lines(TimeSources(gnss=GNSS))
    assert alone == f"refclock SOCK {GNSS_SOCKET} refid GNSS poll 4 delay 0.5 precision 0.05\n"
    both = chrony_lines(TimeSources(gnss=GNSS, nts=("t.example.org",))).splitlines()
    assert both[0] == "server t.example.org iburst nts prefer trust"
    assert both[-1] == alone.strip()


@pytest.mark.parametrize(
    "values",
    [
        {"port": "ttyACM0"},
        {"port": "/dev/ttyACM0\nallow all"},
        {"port": "/dev/tty ACM0"},
        {"port": "/dev/x", "baud": 10},
        {"port": "/dev/x", "delay_ms": 1000},
        {"port": "/dev/x", "pps": True},
    ],
)
def test_fail_a_receiver_that_is_none(values) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"gnss": values}, TimeSources)


CONFIG = """
[box]
device = "box-1"
post = "North"
[central]
sealing_key = "a"
watermark_key = "b"
[time]
{time}
"""


def test_ok_the_receiver_s_services_are_wanted_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "borne.toml").write_text(CONFIG.format(time='gnss = { port = "/dev/ttyACM0" }'))
    write_time_sources(tmp_path / "borne.toml", tmp_path)
    assert (tmp_path / "gnss").read_text() == "/dev/ttyACM0"
    assert "refclock SOCK" in (tmp_path / "borne.conf").read_text()
    (tmp_path / "borne.toml").write_text(CONFIG.format(time=""))
    write_time_sources(tmp_path / "borne.toml", tmp_path)
    assert not (tmp_path / "gnss").exists()
    assert cli.main(["time", "feed", "--config", str(tmp_path / "borne.toml")]) == 0  # nothing to do
    (tmp_path / "borne.toml").write_text(CONFIG.format(time='gnss = { port = "/dev/none" }'))
    assert cli.main(["time", "feed", "--config", str(tmp_path / "borne.toml")]) == 2


# The time daemon's word

NORMAL = "474E5353,GNSS,1,{at},0.25,-0.0,0.0,0.0,-0.0,0.0,0.2,0.05,4.0,Normal\n"
SERVER = "C0000201,192.0.2.1,3,{at},0.0,0.0,0.0,0.0,0.0,0.0,0.02,0.001,64.2,Normal\n"


def followed(line: str, *, at: float = 1000.0, now: float = 1010.0) -> str:
    return read_tracking(line.format(at=at), now=now, boottime=1.0).source


def test_ok_what_chronyc_says() -> None:
    assert followed(NORMAL) == "gnss"
    assert followed(SERVER) == "server"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "506 Cannot talk to daemon",
        NORMAL.replace("Normal", "Not synchronised"),
        NORMAL.replace("474E5353", "C0000201"),  # a server that is called GNSS
        NORMAL.replace(",1,{at}", ",0,{at}"),
        NORMAL.replace("{at}", "soon"),
        "a," * 500,
        '"',
    ],
)
def test_fail_any_other_word_is_no_receiver(line: str) -> None:
    assert followed(line) != "gnss"


def test_fail_a_receiver_that_fell_silent_is_followed_no_more() -> None:
    assert followed(NORMAL, now=1000 + LAST_UPDATE_SECONDS + 60) == ""
    assert followed(NORMAL, now=500.0) == ""


def test_fail_a_daemon_that_cannot_be_asked() -> None:
    assert ask_chrony(("/nonexistent/chronyc",)).source == ""
    assert ask_chrony(("false",)).source == ""


def a_clock(disciplined_by) -> Clock:
    kernel = Kernel(
        boot_id=lambda: "b",
        boottime_ns=lambda: 1,
        wall_ns=lambda: round((BUILD_TIME + dt.timedelta(days=1)).timestamp() * 1e9),
        synchronised=lambda: True,
        set_from_rtc=lambda: False,
    )
    return Clock(disciplined_by=disciplined_by, kernel=kernel)


def test_ok_a_record_says_gnss_while_the_daemon_follows_it_and_no_longer(tmp_path: Path) -> None:
    path, now = tmp_path / "followed.json", 100.0
    clock = a_clock(FollowedNow(TimeQuality.NTS, path, boottime=lambda: now))
    assert clock.stamp().quality == "rtc", "nobody says what is followed"
    for source, quality in (("gnss", "gnss"), ("server", "nts"), ("", "rtc"), ("else", "rtc")):
        said = Followed(source=source, boottime=90.0)
        left = iter((True, False))
        watch(path, ask=lambda said=said: said, goes_on=lambda left=left: next(left), seconds=0)
        assert clock.stamp().quality == quality
    path.write_bytes(msgspec.json.encode(Followed(source="gnss", boottime=now - OLD_SECONDS - 1)))
    assert clock.stamp().quality == "rtc", "an old word is none"
    path.write_bytes(msgspec.json.encode(Followed(source="gnss", boottime=now + 1)))
    assert clock.stamp().quality == "rtc", "a word from another start is none"
    path.write_bytes(b'{"source": "gnss"' + b" " * 9000)
    assert clock.stamp().quality == "rtc"


def test_ok_the_configuration_s_word_does_not_make_it_gnss(tmp_path: Path) -> None:
    from appliance.config import load_config

    path = tmp_path / "borne.toml"
    text = CONFIG.replace('post = "North"', 'post = "North"\nclock_follows = "{follows}"')
    path.write_text(text.format(time="", follows="gnss"))
    assert isinstance(wiring.followed(load_config(path)), FollowedNow)
    path.write_text(text.format(time="", follows="nts"))
    assert wiring.followed(load_config(path)) is TimeQuality.NTS
    path.write_text(text.format(time='nts = ["t"]\ngnss = {{ port = "/dev/x" }}'.format(), follows="nts"))
    assert wiring.followed(load_config(path)).servers is TimeQuality.NTS


# The whole way: a receiver on a pretended line, the guard, the real chronyd, and a record's stamp


@contextlib.contextmanager
def receiver(port_end: int) -> Iterator[threading.Event]:
    """Ten fixes a second, as better receivers give them."""
    stop = threading.Event()

    def play() -> None:
        while not stop.is_set():
            moment = dt.datetime.now(dt.UTC)
            with contextlib.suppress(OSError):
                os.write(port_end, gga(9) + b"\r\n" + rmc(moment) + b"\r\n")
            stop.wait(0.1)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(not (CHRONYD and CHRONYC), reason="Debian's chrony is not installed")
@pytest.mark.usefixtures("pseudo_terminals")
def test_ok_the_real_time_daemon_follows_the_receiver(tmp_path: Path) -> None:
    """`chronyd -x` does all but set the clock of the machine."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    lines = chrony_lines(TimeSources(gnss=GNSS)).replace(GNSS_SOCKET, str(run / "sock"))
    config = (
        f"{lines.replace('poll 4', 'poll 0')}port 0\ncmdport 0\nbindcmdaddress {run}/cmd\npidfile {run}/pid\n"
    )
    (tmp_path / "chrony.conf").write_text(config)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    daemon = subprocess.Popen(
        [str(CHRONYD), "-x", "-d", "-u", user, "-f", str(tmp_path / "chrony.conf")], stderr=subprocess.DEVNULL
    )
    ask = (str(CHRONYC), "-c", "-n", "-h", str(run / "cmd"), "tracking")
    file = tmp_path / "followed.json"
    clock = a_clock(FollowedNow(TimeQuality.NTS, file))
    ended = threading.Event()

    def feeding() -> None:
        guard = Guard(own_clock=True, delay_seconds=0.0)
        feed(sentences(os.ttyname(theirs), goes_on=lambda: not ended.is_set()), guard, run / "sock")

    def quality() -> str:
        left = iter((True, False))
        watch(file, ask=lambda: ask_chrony(ask), goes_on=lambda: next(left), seconds=0)
        return clock.stamp().quality

    feeder = threading.Thread(target=feeding)
    try:
        feeder.start()
        assert quality() == "rtc", "nothing has been said yet"
        with receiver(ours):
            deadline = time.monotonic() + 90
            while quality() != "gnss":
                assert time.monotonic() < deadline, "chronyd did not take up the receiver"
                time.sleep(0.3)
        daemon.terminate()
        daemon.wait(30)
        assert quality() == "rtc", "a time daemon that is gone follows nothing"
    finally:
        ended.set()
        feeder.join()
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()
        os.close(ours)
        os.close(theirs)
