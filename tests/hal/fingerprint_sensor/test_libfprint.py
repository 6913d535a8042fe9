"""libfprint through its real binding, with libfprint's own virtual sensor; and a helper that misbehaves."""

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hal.device import DeviceBusy, DeviceFault, DeviceGone, HalError, NotSupported, State, Timeout, Unreadable
from hal.drivers import ConfigurationError, make_device
from hal.fingerprint_sensor import FingerprintSensor, libfprint
from hal.fingerprint_sensor.libfprint import SYSTEM_PYTHON, LibfprintSensor, Options, create
from hal.fingerprint_sensor.ridges import impression


def binding():
    script = "import gi; gi.require_version('FPrint', '2.0'); from gi.repository import FPrint"
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", script], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


needs_binding = pytest.mark.skipif(not binding(), reason="python3-gi or gir1.2-fprint-2.0 is not installed")


class Finger:
    """The other end of libfprint's virtual sensor: two integers, then the pixels."""

    def __init__(self, path):
        self.path = str(path)

    def send(self, *numbers, data=b""):
        """The socket is there while the sensor is open."""
        deadline = time.monotonic() + 5
        while True:
            with socket.socket(socket.AF_UNIX) as line:
                try:
                    line.connect(self.path)
                    line.sendall(struct.pack("ii", *numbers) + data)
                    line.shutdown(socket.SHUT_WR)
                    while line.recv(100):
                        pass
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
                else:
                    return

    def lay(self, pixels):
        threading.Thread(target=self.send, args=pixels.shape[::-1], kwargs={"data": pixels.tobytes()}).start()

    def retry(self, code):
        threading.Thread(target=self.send, args=(-1, code)).start()

    def break_down(self, code):
        threading.Thread(target=self.send, args=(-2, code)).start()


@pytest.fixture
def virtual(tmp_path, monkeypatch):
    monkeypatch.setenv("FP_VIRTUAL_IMAGE", str(tmp_path / "s"))
    sensor = create(Options(virtual=True))
    yield sensor, Finger(tmp_path / "s")
    sensor.close()


@needs_binding
def test_ok__the_picture_as_it_was_laid(virtual):
    sensor, finger = virtual
    assert isinstance(sensor, FingerprintSensor)
    for number in (1, 2):
        pixels = impression(1, number)
        finger.lay(pixels)
        image = sensor.capture(10.0)
        assert (image.pixels == pixels).all()
        assert (image.dpi, image.bits) == (500, 8)
    assert sensor.simulated, "a device that an environment variable made says so"


@needs_binding
@pytest.mark.parametrize(("code", "says"), [(0, "anew"), (1, "too soon"), (2, "middle"), (3, "lifted")])
def test_fail__what_a_person_can_mend(virtual, code, says):
    sensor, finger = virtual
    finger.retry(code)
    with pytest.raises(Unreadable, match=says):
        sensor.capture(10.0)
    assert sensor.state is State.READY


@needs_binding
@pytest.mark.parametrize(
    ("code", "error"), [(0, DeviceFault), (4, DeviceBusy), (5, DeviceFault), (0x100, DeviceGone)]
)
def test_fail__what_a_technician_must(virtual, code, error):
    sensor, finger = virtual
    finger.break_down(code)
    with pytest.raises(error):
        sensor.capture(10.0)
    pixels = impression(1, 1)
    finger.lay(pixels)
    assert (sensor.capture(10.0).pixels == pixels).all()


@needs_binding
def test_ok__a_finger_of_an_earlier_call_is_not_the_next_one_s(virtual):
    sensor, finger = virtual
    sensor.open()
    began = time.monotonic()
    with pytest.raises(Timeout):
        sensor.capture(0.5)
    assert time.monotonic() - began < 2.0
    with pytest.raises(OSError, match=r"refused|No such file"), socket.socket(socket.AF_UNIX) as line:
        line.connect(finger.path)  # the sensor is closed: what is laid now is laid on nothing
    pixels = impression(2, 1)
    finger.lay(pixels)
    assert (sensor.capture(10.0).pixels == pixels).all()


@needs_binding
def test_ok__closing_ends_a_wait_within_a_second(virtual):
    sensor, _ = virtual
    sensor.open()
    ended = []

    def wait():
        with pytest.raises(DeviceGone):
            sensor.capture(30.0)
        ended.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.5)
    closed = time.monotonic()
    sensor.close()
    thread.join()
    assert ended[0] - closed < 1.0


@needs_binding
def test_fail__pretended_devices_are_not_let_in_by_themselves(tmp_path, monkeypatch):
    monkeypatch.setenv("FP_VIRTUAL_IMAGE", str(tmp_path / "s"))
    sensor = create(Options(libfprint_driver="virtual_image"))
    assert not sensor.simulated
    with pytest.raises(DeviceGone, match="finds no fingerprint sensor"):
        sensor.open()


@needs_binding
def test_fail__a_sensor_that_matches_on_its_chip_gives_no_picture(tmp_path, monkeypatch):
    monkeypatch.setenv("FP_VIRTUAL_DEVICE", str(tmp_path / "s"))
    sensor = create(Options(virtual=True, libfprint_driver="virtual_device"))
    with pytest.raises(NotSupported, match="matches on its own chip"):
        sensor.open()


# A helper that misbehaves


@pytest.fixture
def helper(tmp_path):
    made = []

    def make(script, **options):
        file = tmp_path / "helper.py"
        file.write_text("import sys, time\nsay = lambda text: print(text, flush=True)\n" + script)
        made.append(LibfprintSensor(Options(**options), command=(sys.executable, "-I", str(file))))
        return made[-1]

    yield make
    for one in made:
        one.close()


HELLO = "say('{\"hello\": {}}')\ninput()\n"


def test_fail__the_binding_is_not_installed(helper):
    with pytest.raises(DeviceFault, match=r"gir1\.2-fprint"):
        helper("import no_such_binding").open()


def test_fail__no_python():
    with pytest.raises(DeviceFault, match="cannot be started"):
        LibfprintSensor(Options(), command=("/no/python",)).open()


def test_fail__it_never_starts(helper, monkeypatch):
    monkeypatch.setattr(libfprint, "START_SECONDS", 0.3)
    with pytest.raises(DeviceFault, match="does not start"):
        helper("time.sleep(60)").open()


@pytest.mark.parametrize(
    ("script", "error", "says"),
    [
        ("say('x' * 9000)\ntime.sleep(9)", DeviceFault, "without an end|JSON"),
        ("sys.stdout.write('x' * 9000); sys.stdout.flush()\ntime.sleep(9)", DeviceFault, "without an end"),
        ("say('no json')\ntime.sleep(9)", DeviceFault, "than JSON"),
        ("say('[1]')\ntime.sleep(9)", DeviceFault, "than an object"),
        ("say('{}')\ntime.sleep(9)", DeviceFault, "than an image"),
        ('say(\'{"image": {"width": "x"}}\')\ntime.sleep(9)', DeviceFault, "than an image"),
        (
            'say(\'{"image": {"width": 3, "height": 2, "ppmm": 0}, "bytes": 7}\')\ntime.sleep(9)',
            DeviceFault,
            "not of the size",
        ),
        (
            'say(\'{"image": {"width": -3, "height": -2, "ppmm": 0}, "bytes": 6}\')\ntime.sleep(9)',
            DeviceFault,
            "not of the size",
        ),
        (
            'say(\'{"image": {"width": 3, "height": 2, "ppmm": 0}, "bytes": 6}\\nabc\')\ntime.sleep(9)',
            DeviceFault,
            "to its end",
        ),
        (
            'say(\'{"image": {"width": 3, "height": 2, "ppmm": 0}, "bytes": 6}\\nxxxxxx\')\ntime.sleep(9)',
            Unreadable,
            "empty",
        ),
        ("", DeviceGone, "has ended"),
        ('say(\'{"device": "too-hot"}\')', DeviceBusy, "too hot"),
        ('say(\'{"device": "not-supported"}\')', NotSupported, "no pictures"),
        ('say(\'{"device": "g-usb-device-error-quark"}\')', DeviceFault, "reports an error"),
        ('say(\'{"cancelled": "yes"}\')', Timeout, "No finger"),
    ],
)
def test_fail__what_a_helper_may_answer(helper, monkeypatch, script, error, says):
    sensor = helper(HELLO + script)
    sensor.open()
    monkeypatch.setattr(libfprint, "START_SECONDS", 0.3)
    with pytest.raises(error, match=says):
        sensor.capture(5.0)


def test_ok__the_resolution_where_it_is_told(helper):
    image = 'say(\'{"image": {"width": 3, "height": 2, "ppmm": 19.685}, "bytes": 6}\\nabcdef\')\ninput()'
    assert helper(HELLO + image, dpi=400).capture(5.0).dpi == 500


def test_fail__it_does_not_give_up(helper):
    sensor = helper(HELLO + "time.sleep(60)")
    with pytest.raises(DeviceFault, match="does not give up"):
        sensor.capture(0.2)
    assert sensor.state is State.FAULT


def test_ok__a_finger_at_the_last_moment_is_thrown_away(helper):
    image = 'input()\nsay(\'{"image": {"width": 3, "height": 2, "ppmm": 0}, "bytes": 6}\\nabcdef\')\ninput()'
    sensor = helper(HELLO + image)
    with pytest.raises(Timeout):
        sensor.capture(0.2)
    assert b"abcdef" not in sensor._read


def test_fail__it_ended_before_it_was_asked(helper):
    sensor = helper("say('{\"hello\": {}}')")
    sensor.open()
    sensor._helper.wait()
    with pytest.raises(DeviceGone, match="has ended"):
        sensor.capture(1.0)


def test_fail__removal_is_not_felt(helper):
    with pytest.raises(NotSupported):
        helper("").wait_for_removal(1.0)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_ok__hostile_answers_give_typed_errors(monkeypatch, answer):
    monkeypatch.setattr(libfprint, "START_SECONDS", 0.2)
    sensor = create(Options())
    read, write = os.pipe()
    os.write(write, answer + b"\n")
    os.close(write)
    sensor._helper = type("Helper", (), {"stdout": os.fdopen(read, "rb", buffering=0)})()
    sensor._read = b""
    try:
        image = sensor._image(sensor._answer(time.monotonic() + 1.0))
    except HalError:
        return
    finally:
        sensor._helper.stdout.close()
    assert isinstance(image.pixels, np.ndarray)


@pytest.mark.parametrize("options", [{"libfprint_driver": "../x"}, {"libfprint_driver": ""}, {"dpi": 7}])
def test_fail__options(options):
    with pytest.raises(ConfigurationError):
        make_device("fingerprint_sensor", "libfprint", options)


def test_ok__the_helper_is_where_it_is_looked_for():
    assert Path(libfprint.HELPER).is_file()
