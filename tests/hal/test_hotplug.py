"""Hot-plug with real pyudev, on a bus that umockdev pretends: plug in, pull out, plug in."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = r"""
import ctypes, queue, sys
from hal import hotplug
from hal.discovery import enumerate_devices
from hal.hotplug import Monitor

hotplug.UDEV_CONTROL = "/"  # umockdev sends as the udev daemon does

lib = ctypes.CDLL("libumockdev.so.0")
lib.umockdev_testbed_new.restype = ctypes.c_void_p
lib.umockdev_testbed_add_from_string.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
lib.umockdev_testbed_uevent.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
lib.umockdev_testbed_remove_device.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
bed = lib.umockdev_testbed_new()

DEVICE = "/devices/pci0000:00/usb1/1-1"
TEXT = (
    f"P: {DEVICE}\nN: bus/usb/001/002=120100\nE: DEVNAME=/dev/bus/usb/001/002\n"
    "E: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\n"
    "A: idVendor=072f\\n\nA: idProduct=223b\\n\nA: serial=AB12\\n\n"
)

def plug():
    assert lib.umockdev_testbed_add_from_string(bed, TEXT.encode(), None)

def event(action):
    lib.umockdev_testbed_uevent(bed, ("/sys" + DEVICE).encode(), action)

seen = queue.Queue()
plug()

def on_the_bus():  # a pcscd of this computer may have readers of its own
    return [found.key for found in enumerate_devices() if not found.key.startswith("pcsc:")]

assert on_the_bus() == ["usb:072f:223b:AB12"], on_the_bus()
monitor = Monitor(
    on_add=lambda found: seen.put("add " + found.key), on_remove=lambda found: seen.put("remove " + found.key)
)
monitor.start()
print(seen.get(timeout=30))
event(b"add")  # late: it was enumerated already
event(b"remove")
lib.umockdev_testbed_remove_device(bed, ("/sys" + DEVICE).encode())
print(seen.get(timeout=30))
assert not on_the_bus()
plug()
event(b"add")
print(seen.get(timeout=30))
monitor.stop()
assert seen.empty()
"""


@pytest.mark.skipif(shutil.which("umockdev-wrapper") is None, reason="umockdev is not installed")
def test_ok__plugged_pulled_and_plugged_again():
    done = subprocess.run(
        ["umockdev-wrapper", sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    key = "usb:072f:223b:AB12"
    assert done.stdout.splitlines() == [f"add {key}", f"remove {key}", f"add {key}"]
