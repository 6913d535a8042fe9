import os
import socket

import pytest

from appliance.services import systemd


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
