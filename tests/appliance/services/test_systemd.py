import asyncio
import os
import socket

import pytest

from appliance.services import systemd
from appliance.wiring import _feed_watchdog


def test_ok_without_systemd_there_is_nothing(monkeypatch):
    monkeypatch.delenv("LISTEN_PID", raising=False)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert systemd.handed_sockets() == {}
    assert systemd.watchdog_seconds() is None
    systemd.notify("READY=1")


def test_ok_word_reaches_the_socket(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd_side:
        systemd_side.bind(str(tmp_path / "notify"))
        systemd_side.settimeout(2)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        systemd.notify("READY=1")
        assert systemd_side.recv(100) == b"READY=1"


def test_ok_the_watchdog_is_fed_twice_in_its_time(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert systemd.watchdog_seconds() == 10.0


def test_ok_another_process_is_watched_not_we(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    assert systemd.watchdog_seconds() is None


def test_ok_handed_sockets_by_name(monkeypatch, tmp_path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / "lane.sock"))
    listener.listen()
    monkeypatch.setattr(systemd, "FIRST_DESCRIPTOR", listener.fileno())
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_FDNAMES", "lane")
    handed = systemd.handed_sockets()
    assert handed["lane"].getsockname() == str(tmp_path / "lane.sock")
    listener.detach()
    handed["lane"].close()


@pytest.mark.parametrize("pid", ["", "1", "nonsense"])
def test_fail_sockets_of_another_process_are_not_ours(monkeypatch, pid):
    monkeypatch.setenv("LISTEN_PID", pid)
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert systemd.handed_sockets() == {}


def test_ok_the_first_round_may_take_as_long_as_a_start_does():
    now = [0.0]
    progress = systemd.Progress(20.0, clock=lambda: now[0])
    now[0] = systemd.START_SECONDS
    assert progress.goes_on


def test_fail_work_that_stands_still_is_seen_while_the_event_loop_turns():
    now = [0.0]
    progress = systemd.Progress(20.0, clock=lambda: now[0])
    progress()
    now[0] = 20.0
    assert progress.goes_on
    now[0] = 20.1
    assert not progress.goes_on
    progress()
    assert progress.goes_on


@pytest.mark.parametrize("hangs", [False, True])
def test_the_watchdog_is_fed_by_the_work_alone(monkeypatch, hangs):
    """The loop turns in both; in one, the work does not go round."""
    monkeypatch.setenv("WATCHDOG_USEC", "40000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    heard = []
    monkeypatch.setattr(systemd, "notify", heard.append)
    progress = systemd.Progress(0.1)
    progress()

    async def work():
        while not hangs:
            progress()
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)

    async def service():
        await asyncio.wait_for(asyncio.gather(work(), _feed_watchdog(progress)), 0.5)

    with pytest.raises(TimeoutError):
        asyncio.run(service())
    assert heard[0] == "READY=1"
    fed = heard.count("WATCHDOG=1")
    assert fed <= 7 if hangs else fed >= 8  # one word in 0.02 s: for 0.1 s of 0.5 s, or for all of it
