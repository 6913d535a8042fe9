"""The device manager, with simulated devices, buses by hand, and real pyudev on a pretended bus."""

import logging
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hal import slot as slot_module
from hal.camera import v4l2
from hal.device import DeviceGone, State
from hal.discovery import Found
from hal.document_reader import mrz_line, pcsc
from hal.families import Configured, Family
from hal.manager import DeviceManager, pcsc_monitor, udev_monitor
from hal.panel.simulated import SimulatedPanel

ROOT = Path(__file__).resolve().parents[2]


class Bus:
    """A monitor whose events are by hand."""

    def __init__(self):
        self.started = self.stopped = 0

    def make(self, manager, on_add, on_remove):
        self.add, self.remove = on_add, on_remove
        return self

    def start(self):
        self.started += 1

    def stop(self):
        self.stopped += 1


PANEL = Found(Family("panel", "simulated", "a panel", Configured(), "a test"), "usb:1:2:1")


def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture
def manage(bus):
    managers = []

    def make(*devices, **settings):
        manager = DeviceManager(devices, monitors=settings.pop("monitors", (bus.make,)), **settings)
        managers.append(manager)
        manager.start()
        return manager

    threads = set(threading.enumerate())
    yield make
    for manager in managers:
        manager.stop()
    until(lambda: set(threading.enumerate()) <= threads)


def test_ok__a_device_that_is_there_is_opened(manage, bus):
    panel, news = SimulatedPanel(), []
    manager = manage(panel, changed=lambda: news.append(panel.state))
    until(lambda: panel.state is State.READY)
    assert manager.running
    assert news == [State.READY]
    manager.stop()
    assert not manager.running
    assert (bus.started, bus.stopped) == (1, 1)
    assert panel.state is State.ABSENT


def test_ok__without_any_event_it_is_looked_for_and_found(manage, monkeypatch):
    monkeypatch.setattr(slot_module, "FIRST_PROBE_SECONDS", 0.01)
    panel = SimulatedPanel()
    panel.unplug()
    manager = manage(panel)
    until(lambda: manager.slot(panel).looks >= 3)
    panel.plug()
    until(lambda: panel.state is State.READY)
    assert manager.generation(panel) == 0  # it never was there before


def test_ok__an_event_ends_a_long_pause(manage, bus):
    panel = SimulatedPanel()
    panel.unplug()
    manager = manage(panel)
    until(lambda: manager.slot(panel).looks == 1)
    with manager._state:
        manager.slot(panel).due = time.monotonic() + 3600
    panel.plug()
    bus.add(PANEL)
    until(lambda: panel.state is State.READY)
    assert manager.slot(panel).attached == "usb:1:2:1"


def test_ok__pulled_while_somebody_waits(manage, bus):
    panel, outcome = SimulatedPanel(), []
    manager = manage(panel)
    until(lambda: panel.state is State.READY)

    def wait():
        with pytest.raises(DeviceGone):
            panel.wait_for_button(30.0)
        outcome.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: panel.state is State.BUSY)
    pulled = time.monotonic()
    panel.unplug()
    bus.remove(PANEL)
    thread.join()
    assert outcome[0] - pulled < 1.0
    assert manager.generation(panel) == 1
    assert manager.returning(panel)
    panel.plug()
    bus.add(PANEL)
    until(lambda: panel.state is State.READY)
    assert not manager.returning(panel)


def test_ok__another_devices_plug_is_not_ours(manage, bus):
    panel = SimulatedPanel()
    manager = manage(panel)
    until(lambda: panel.state is State.READY)
    bus.remove(Found(Family("camera", "v4l2", "a camera", Configured(), "a test"), "usb:9:9:9"))
    assert panel.state is State.READY
    assert manager.generation(panel) == 0


def test_fail__a_bus_that_cannot_be_listened_to_is_said(manage, caplog):
    def refuse(manager, on_add, on_remove):
        raise ImportError("No library named udev")

    panel = SimulatedPanel()
    manager = manage(panel, monitors=(refuse,))
    until(lambda: panel.state is State.READY)  # found by looking
    assert manager.problems == ("Hot-plug cannot be listened to: ImportError.",)
    assert "devices are looked for" in caplog.text


def test_fail__a_drivers_mistake_does_not_end_the_look(manage, caplog, monkeypatch):
    monkeypatch.setattr(slot_module, "FIRST_PROBE_SECONDS", 0.01)
    broken, good = SimulatedPanel(), SimulatedPanel()
    real, tries = broken._take_hold, []

    def stumble():
        tries.append(1)
        if len(tries) < 3:
            raise ZeroDivisionError
        real()

    broken._take_hold = stumble
    manage(broken, good)
    until(lambda: good.state is State.READY and broken.state is State.READY)
    assert caplog.text.count("The driver of") == 2


def test_ok__a_probe_that_hangs_holds_up_nobody_and_lets_go_after_stop(manage, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    slow, quick = SimulatedPanel(), SimulatedPanel()
    go_on, real = threading.Event(), slow._take_hold
    slow._take_hold = lambda: (go_on.wait(), real())
    manager = manage(slow, quick)
    until(lambda: quick.state is State.READY)
    assert slow.state is State.PROBING
    stopping = threading.Thread(target=manager.stop)
    stopping.start()
    until(lambda: manager._stopping)
    go_on.set()
    stopping.join(10)
    until(lambda: slow.state is State.ABSENT)


def test_ok__who_is_listened_to():
    nothing = DeviceManager([SimulatedPanel()])
    assert udev_monitor(nothing, print, print) is None
    assert pcsc_monitor(nothing, print, print) is None
    chips = DeviceManager([pcsc.create(pcsc.Options(reader_name="ACS"))])
    assert udev_monitor(chips, print, print) is not None
    assert pcsc_monitor(chips, print, print) is not None
    lines = DeviceManager([mrz_line.create(mrz_line.Options(port="/dev/ttyUSB0"))])
    assert pcsc_monitor(lines, print, print) is None
    assert udev_monitor(DeviceManager([v4l2.create(v4l2.Options())]), print, print) is not None


SCRIPT = r"""
import ctypes, os, sys, threading, time
from hal import hotplug, slot
from hal.device import DeviceGone, State
from hal.document_reader import mrz_line
from hal.manager import DeviceManager

hotplug.UDEV_CONTROL = "/"  # umockdev sends as the udev daemon does
slot.MOST_PROBE_SECONDS = 3600.0  # so that it is the event that ends the pause
slot.FIRST_PROBE_SECONDS = 3600.0
slot.Slot.__dataclass_fields__["_delay"].default = 3600.0

lib = ctypes.CDLL("libumockdev.so.0")
lib.umockdev_testbed_new.restype = ctypes.c_void_p
lib.umockdev_testbed_add_from_string.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
lib.umockdev_testbed_uevent.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
lib.umockdev_testbed_get_root_dir.restype = ctypes.c_char_p
lib.umockdev_testbed_get_root_dir.argtypes = [ctypes.c_void_p]
bed = lib.umockdev_testbed_new()
ROOT = lib.umockdev_testbed_get_root_dir(bed).decode()

PORT = "/dev/ttyUSB0"  # umockdev makes a pty for it
USB, TTY = "/devices/pci0000:00/usb1/1-1", "/devices/pci0000:00/usb1/1-1/1-1:1.0/tty/ttyUSB0"
TEXT = (
    f"P: {USB}\nE: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\n"
    "A: idVendor=0403\\n\nA: idProduct=6001\\n\nA: serial=A9\\n\n\n"
    f"P: {TTY}\nN: ttyUSB0\nE: DEVNAME={PORT}\nE: SUBSYSTEM=tty\n"
)

# A reader behind a plain adapter: of no known family, but its port is configured. umockdev makes a tty once
# and never again, so its node is taken away and put back here.
pty = None

def plug():
    global pty
    if pty is None:
        assert lib.umockdev_testbed_add_from_string(bed, TEXT.encode(), None)
        pty = os.readlink(ROOT + PORT)
    else:
        os.symlink(pty, ROOT + PORT)
    lib.umockdev_testbed_uevent(bed, ("/sys" + TTY).encode(), b"add")

def unplug():
    os.unlink(ROOT + PORT)
    lib.umockdev_testbed_uevent(bed, ("/sys" + TTY).encode(), b"remove")

def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)

device = mrz_line.create(mrz_line.Options(port=PORT))
manager = DeviceManager([device])
manager.start()
until(lambda: manager.slot(device).looks == 1)
print(device.state.value)
plug()
until(lambda: device.state is State.READY)
print(device.state.value, manager.slot(device).attached)

def wait():
    try:
        device.read_lines(60)
    except DeviceGone as error:
        print("gone")
        print(error.__cause__, file=sys.stderr)

thread = threading.Thread(target=wait)
thread.start()
until(lambda: device.state is State.BUSY)
unplug()  # the pty itself stays open: only the event tells
thread.join(30)
print(device.state.value, manager.generation(device))
plug()
until(lambda: device.state is State.READY)
print(device.state.value, manager.generation(device))
manager.stop()
"""


@pytest.mark.skipif(shutil.which("umockdev-wrapper") is None, reason="umockdev is not installed")
def test_ok__on_a_pretended_bus(pseudo_terminals):
    for _ in range(5):
        done = subprocess.run(
            ["umockdev-wrapper", sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        # On a busy machine umockdev now and then answers an ioctl of its own pty as if that were no terminal.
        if "Inappropriate ioctl" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["ABSENT", "READY usb:0403:6001:A9", "gone", "ABSENT 1", "READY 1"]
