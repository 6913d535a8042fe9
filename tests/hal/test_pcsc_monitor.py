"""PC/SC's comings and goings: by script, and with the real daemon as it starts and ends."""

import contextlib
import queue
import threading
import time

import pytest
from smartcard import scard

from appliance.simulation.chip.pcscd import PcscdUnavailable, virtual_reader
from hal import pcsc_monitor as module
from hal.pcsc_monitor import PcscMonitor


class Daemon:
    """What the monitor asks of PC/SC; `readers` None: it does not run."""

    def __init__(self, monkeypatch):
        self.readers = ()
        self.released = self.established = 0
        self.woken = threading.Event()
        monkeypatch.setattr(scard, "SCardEstablishContext", self.establish)
        monkeypatch.setattr(scard, "SCardReleaseContext", self.release)
        monkeypatch.setattr(scard, "SCardListReaders", self.list)
        monkeypatch.setattr(scard, "SCardGetStatusChange", self.wait)
        monkeypatch.setattr(scard, "SCardCancel", lambda context: self.woken.set())

    def establish(self, scope):
        if self.readers is None:
            return scard.SCARD_E_NO_SERVICE, 0
        self.established += 1
        return scard.SCARD_S_SUCCESS, 1

    def release(self, context):
        self.released += 1
        return scard.SCARD_S_SUCCESS

    def list(self, context, groups):
        if self.readers is None:
            return scard.SCARD_E_NO_SERVICE, []
        return (scard.SCARD_S_SUCCESS if self.readers else scard.SCARD_E_NO_READERS_AVAILABLE), self.readers

    def wait(self, context, milliseconds, states):
        assert states == [(module.NOTIFICATION, len(self.readers or ()) << 16)]
        self.woken.wait(0.02)
        return (scard.SCARD_E_NO_SERVICE if self.readers is None else scard.SCARD_E_TIMEOUT), []


@pytest.fixture
def daemon(monkeypatch):
    monkeypatch.setattr(module, "DAEMON_SECONDS", 0.02)
    return Daemon(monkeypatch)


@contextlib.contextmanager
def watching():
    seen = queue.Queue()
    monitor = PcscMonitor(
        on_add=lambda found: seen.put(("add", found.options["reader_name"])),
        on_remove=lambda found: seen.put(("remove", found.options["reader_name"])),
    )
    monitor.start()
    try:
        yield seen
    finally:
        monitor.stop()


ACS, HID = "ACS ACR1252 00 00", "HID Global OMNIKEY 5022 00 00"


def test_ok__come_and_go_once_each(daemon):
    daemon.readers = (ACS,)
    with watching() as seen:
        assert seen.get(timeout=5) == ("add", ACS)
        daemon.readers = (ACS, HID)
        assert seen.get(timeout=5) == ("add", HID)
        daemon.readers = (HID,)
        assert seen.get(timeout=5) == ("remove", ACS)
        time.sleep(0.1)
        assert seen.empty()
    assert daemon.released == daemon.established


def test_fail__when_the_daemon_ends_they_all_go_and_come_with_it(daemon):
    daemon.readers = (ACS, HID)
    with watching() as seen:
        assert {seen.get(timeout=5), seen.get(timeout=5)} == {("add", ACS), ("add", HID)}
        daemon.readers = None
        assert {seen.get(timeout=5), seen.get(timeout=5)} == {("remove", ACS), ("remove", HID)}
        daemon.readers = (ACS,)
        assert seen.get(timeout=5) == ("add", ACS)
    assert daemon.released == daemon.established


def test_fail__a_listener_that_fails_does_not_end_it(daemon, caplog):
    daemon.readers = (ACS,)
    gone = threading.Event()
    monitor = PcscMonitor(on_add=lambda found: 1 / 0, on_remove=lambda found: gone.set())
    monitor.start()
    while "listener failed" not in caplog.text:
        time.sleep(0.01)
    daemon.readers = ()
    assert gone.wait(5)
    monitor.stop()


def test_ok__stops_at_once_and_twice(daemon):
    monitor = PcscMonitor(on_add=print, on_remove=print)
    monitor.start()
    began = time.monotonic()
    monitor.stop()
    monitor.stop()
    assert time.monotonic() - began < 1


def test_ok__with_the_real_daemon():
    """It starts, brings its virtual readers, and takes them along when it ends."""
    with watching() as seen, contextlib.ExitStack() as stack:
        try:
            reader = stack.enter_context(virtual_reader())
        except PcscdUnavailable as error:
            pytest.skip(str(error))
        came = set()
        while ("add", reader.name) not in came:
            came.add(seen.get(timeout=10))
        if not reader.started:
            return  # somebody else's daemon: it stays
        stack.close()
        while seen.get(timeout=10) != ("remove", reader.name):
            pass
