"""The ZFM driver on a pty, against an emulator that misbehaves by script."""

import errno
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from zfm_emulator import SHAPES, ZfmEmulator, finger
from zfm_ports import Stuck

from hal.device import DeviceBusy, DeviceError, DeviceFault, DeviceGone, State, Timeout, Unreadable
from hal.drivers import ConfigurationError, make_device
from hal.fingerprint_sensor import FingerprintSensor, Polarity
from hal.fingerprint_sensor import zfm as driver
from hal.fingerprint_sensor.zfm import Options, create
from hal.fingerprint_sensor.zfm_line import Code
from hal.serial_port import why_not_open

pytestmark = pytest.mark.usefixtures("pseudo_terminals")


@pytest.fixture
def pair(tmp_path):
    """An emulator and the driver on it."""
    made = []

    def make(*, baud="auto", password=0, aura=False, width=None, height=None, rate=57600, **module):
        module = ZfmEmulator(tmp_path / "port", baud=rate, **module)
        options = Options(
            port=str(module.port), baud=baud, password=password, aura=aura, width=width, height=height
        )
        made.extend([create(options), module])
        return made[-2], module

    yield make
    for one in made:
        one.close()


def expected(number, model="zfm20"):
    return finger(number, SHAPES[model]) * 17


def test_ok__an_image_as_the_module_took_it(pair):
    sensor, module = pair()
    assert isinstance(sensor, FingerprintSensor)
    module.present(4)
    image = sensor.capture(2.0)
    assert (image.pixels == expected(4)).all()
    assert (image.width, image.height, image.dpi, image.bits) == (256, 288, 500, 4)
    assert (image.polarity, image.live) == (Polarity.DARK_RIDGES, None)


def test_ok__the_high_four_bits_are_the_left_pixel(pair):
    sensor, _ = pair(width=4, height=2)
    sensor._shape = (2, 4)
    assert sensor._image(b"\x0f\x12\x34\x56").pixels.tolist() == [[0, 255, 17, 34], [51, 68, 85, 102]]


@pytest.mark.parametrize("rate", [9600, 19200, 38400, 57600, 115200])
def test_ok__the_baud_rate_is_found(pair, rate):
    sensor, module = pair(rate=rate)
    sensor.open()
    assert sensor._port.baudrate == rate
    module.present(2)
    assert (sensor.capture(3.0).pixels == expected(2)).all()


def test_ok__an_r503_tells_its_shape_and_breathes(pair):
    sensor, module = pair(model="r503", aura=True)
    threading.Timer(0.2, module.present, [2]).start()
    image = sensor.capture(3.0)
    assert (image.pixels == expected(2, "r503")).all()
    assert image.dpi == 508
    assert sensor.health.firmware == "1.2"
    assert module.commands.count(0x35) == 2
    assert module.lit[0] == 4  # off again


def test_fail__unplugged_while_it_breathes(pair):
    sensor, module = pair(model="r503", aura=True)
    module.present()
    module.fail("unplug", at=0x0A)
    with pytest.raises(DeviceGone):  # what failed first, not the light that could not be put out
        sensor.capture(2.0)


def test_ok__a_module_without_a_ring_of_light(pair):
    sensor, module = pair(aura=True)
    module.present()
    assert sensor.capture(2.0).width == 256


def test_ok__packet_sizes(pair):
    for size in (32, 64, 256):
        sensor, module = pair(packet_bytes=size)
        module.present(size)
        assert (sensor.capture(2.0).pixels == expected(size)).all()
        module.close()


def test_ok__self_test(pair):
    sensor, _ = pair()
    found = {one.name: (one.passed, one.value) for one in sensor.self_test()}
    assert found == {
        "VfyPwd": (True, ""),
        "ReadSysPara": (True, "system 0x0009"),
        "baud rate": (True, "57600"),
        "packet size": (True, "128"),
    }
    assert sensor.health.firmware == "system 0x0009"


def test_ok__every_touch_is_taken_anew(pair):
    sensor, module = pair()
    module.present(1)
    first = sensor.capture(2.0).pixels
    module.present(2)
    assert (sensor.capture(2.0).pixels == expected(2)).all()
    assert (first == expected(1)).all()


def test_ok__it_feels_the_finger_go(pair):
    sensor, module = pair()
    module.present()
    sensor.capture(2.0)
    with pytest.raises(Timeout, match="still lies"):
        sensor.wait_for_removal(0.2)
    module.fail("bad_sum", at=0x01)
    threading.Timer(0.2, module.remove).start()
    sensor.wait_for_removal(3.0)


def test_fail__no_finger(pair):
    sensor, module = pair()
    sensor.open()
    began = time.monotonic()
    with pytest.raises(Timeout):
        sensor.capture(0.4)
    assert 0.35 < time.monotonic() - began < 1.5
    assert sensor.state is State.READY


# One fault at one exchange: mended where it can be, else named, and the next capture is whole.

MENDED = ["bad_sum", "truncated", "noise", "silence", "garbage"]
START = [Code.VFY_PWD, Code.READ_SYS_PARA, Code.READ_PROD_INFO, Code.GET_IMAGE]


@pytest.mark.parametrize("at", START)
@pytest.mark.parametrize("fault", MENDED)
def test_ok__a_damaged_answer_is_asked_for_again(pair, fault, at):
    sensor, module = pair()
    module.present(3)
    module.fail(fault, at=at)
    assert (sensor.capture(3.0).pixels == expected(3)).all()
    assert module.faults == {fault: 0}, "the fault did strike"


@pytest.mark.parametrize("at", START)
def test_ok__an_answer_that_came_late_is_not_the_next_command_s(pair, at):
    """The command was sent again meanwhile, so that there are two answers."""
    sensor, module = pair()
    module.present(3)
    module.fail("late", at=at)
    assert (sensor.capture(6.0).pixels == expected(3)).all()
    assert module.faults == {"late": 0}
    assert sensor.state is State.READY


@pytest.mark.parametrize("fault", ["bad_sum", "truncated", "lost_byte", "lost_packet", "stall"])
def test_fail__a_damaged_image_is_not_given_out(pair, fault):
    sensor, module = pair()
    module.present(3)
    module.fail(fault, at=Code.UP_IMAGE)
    with pytest.raises(Unreadable):
        sensor.capture(3.0)
    assert module.faults == {fault: 0}
    assert sensor.state is State.READY
    module.present(5)
    assert (sensor.capture(3.0).pixels == expected(5)).all()


def test_ok__noise_between_an_image_s_packets(pair):
    sensor, module = pair()
    module.present(3)
    module.fail("noise", at=Code.UP_IMAGE)
    assert (sensor.capture(3.0).pixels == expected(3)).all()


@pytest.mark.parametrize(
    ("fault", "says"), [("wrong_size", "packets have 128 bytes"), ("endless", "more than an image")]
)
def test_fail__an_upload_that_is_not_as_announced(pair, fault, says):
    sensor, module = pair()
    module.present(3)
    module.fail(fault, at=Code.UP_IMAGE)
    with pytest.raises(DeviceFault, match=says):
        sensor.capture(3.0)
    if fault == "endless":  # it goes on until the plug is pulled
        module.unplug()
        module.replug()
    assert (sensor.capture(3.0).pixels == expected(3)).all()


@pytest.mark.parametrize("at", [*START, Code.UP_IMAGE])
def test_fail__unplugged_at_every_exchange(pair, at):
    sensor, module = pair()
    module.present(3)
    module.fail("unplug", at=at)
    with pytest.raises(DeviceGone):
        sensor.capture(5.0)
    assert sensor.state is State.ABSENT
    module.replug()
    assert (sensor.capture(3.0).pixels == expected(3)).all()


def test_fail__unplugged_between_packets(pair):
    sensor, module = pair()
    module.present(3)
    module.fail("unplug_in_image")
    with pytest.raises(DeviceGone):
        sensor.capture(5.0)
    assert module.faults == {"unplug_in_image": 0}
    assert sensor.state is State.ABSENT


def test_fail__nothing_answers(pair):
    sensor, module = pair()
    module.fail("silence", -1)
    with pytest.raises(DeviceGone, match="no power"):
        sensor.open()
    module.faults = {}
    sensor.open()


@pytest.mark.parametrize("fault", ["garbage", "bad_sum"])
def test_fail__nothing_but_damage(pair, fault):
    sensor, module = pair()
    module.fail(fault, -1)
    with pytest.raises(DeviceFault, match="baud rate"):
        sensor.open()
    assert sensor.state is State.FAULT


def test_fail__the_wrong_password(pair):
    sensor, module = pair(password=7)
    with pytest.raises(DeviceFault, match="password"):
        sensor.open()
    module.password = 7
    sensor.open()


def test_fail__a_fixed_baud_rate_that_is_not_the_module_s(pair):
    sensor, module = pair(baud=9600)
    module.baud = 57600
    with pytest.raises(DeviceFault, match="baud rate"):
        sensor.open()


@pytest.mark.parametrize(
    ("code", "answer", "error", "says"),
    [
        (0x01, b"\x29", DeviceFault, "sensor is broken"),
        (0x01, b"\x21", DeviceFault, "password"),
        (0x01, b"\x20", DeviceFault, "address"),
        (0x01, b"\x77", DeviceFault, "GET_IMAGE with 0x77"),
        (0x01, b"\x03", Unreadable, "lay the finger anew"),
        (0x01, b"\x01", DeviceFault, "damaged"),
        (0x0A, b"\x0f", Unreadable, "no image to send"),
        (0x0A, b"\x29", DeviceFault, "sensor is broken"),
        (0x0F, b"\x00\x01", DeviceFault, "cut short"),
        (0x0F, b"\x00" + bytes(12) + b"\x00\x09\x00\x06", DeviceFault, "none that its manual"),
        (0x0F, b"\x00" + bytes(16), DeviceFault, "none that its manual"),
    ],
)
def test_fail__what_a_module_may_refuse(pair, code, answer, error, says):
    sensor, module = pair()
    module.present(1)
    original = module._answer
    module._answer = lambda got, rest: answer if got == code else original(got, rest)
    with pytest.raises(error, match=says):
        sensor.capture(3.0)


def test_ok__a_finger_that_moved_once(pair):
    sensor, module = pair()
    module.present(1)
    original, answers = module._answer, [b"\x03"]
    module._answer = lambda got, rest: answers.pop() if got == 1 and answers else original(got, rest)
    assert (sensor.capture(3.0).pixels == expected(1)).all()
    answers.append(b"\x03")
    with pytest.raises(Timeout, match="still"):
        sensor.wait_for_removal(0.0)


@pytest.mark.parametrize("answer", [b"\x01", b"\x1a", b""])
def test_ok__an_older_module_that_does_not_know_read_prod_info(pair, answer):
    sensor, module = pair()
    module.present(1)
    original = module._answer
    module._answer = lambda got, rest: answer if got == 0x3C else original(got, rest)
    began = time.monotonic()
    sensor.open()
    assert time.monotonic() - began < 1.5
    assert (sensor.capture(3.0).pixels == expected(1)).all()
    assert sensor.health.firmware == "system 0x0009"


def test_ok__a_short_product_information_is_passed_over(pair):
    sensor, module = pair(model="r503")
    module.present(1)
    original = module._answer
    module._answer = lambda got, rest: b"\x00short" if got == 0x3C else original(got, rest)
    assert sensor.capture(3.0).width == 192


def test_fail__an_image_of_no_known_shape(pair, monkeypatch):
    monkeypatch.setitem(SHAPES, "zfm20", (160, 160))
    sensor, module = pair()
    module.present(1)
    with pytest.raises(Unreadable, match="lost"):
        sensor.capture(2.0)
    with pytest.raises(DeviceFault, match="25600 pixels: `width` and `height`"):
        sensor.capture(2.0)
    module.close()
    sensor, module = pair(width=160, height=160)
    module.present(1)
    assert sensor.capture(2.0).width == 160


def test_fail__an_empty_image(pair):
    sensor, module = pair()
    module.present(1)
    original = module._answer

    def blank(code, rest):
        answer = original(code, rest)
        if code == 1:
            module._image = np.full(SHAPES["zfm20"], 15, np.uint8)
        return answer

    module._answer = blank
    with pytest.raises(Unreadable, match="empty"):
        sensor.capture(2.0)


def test_ok__closing_ends_an_upload_within_a_second(pair):
    sensor, module = pair(paced=True)
    sensor.open()
    module.present(1)
    ended = []

    def capture():
        with pytest.raises(DeviceGone, match="closed"):
            sensor.capture(5.0)
        ended.append(time.monotonic())

    thread = threading.Thread(target=capture)
    thread.start()
    time.sleep(0.8)  # 6.4 s are needed for all of it
    closed = time.monotonic()
    sensor.close()
    thread.join()
    assert ended[0] - closed < 1.0
    module.paced = False
    # the module goes on sending what nobody waits for any more: it is drained, and not taken for an answer
    assert (sensor.capture(9.0).pixels == expected(1)).all()


def test_ok__an_upload_takes_the_time_that_its_bytes_need(pair):
    sensor, module = pair(paced=True, rate=115200, model="r503")
    module.present(1)
    began = time.monotonic()
    sensor.capture(3.0)
    assert 1.6 < time.monotonic() - began < 6.0
    assert sensor.health.p95_seconds > 1.6


def test_fail__another_program_holds_the_port(pair):
    sensor, _ = pair()
    sensor.open()
    other = create(Options(port=sensor._options.port))
    with pytest.raises(DeviceBusy):
        other.open()


def test_fail__no_port(tmp_path):
    with pytest.raises(DeviceGone, match="no fingerprint module"):
        create(Options(port=str(tmp_path / "none"))).open()
    (tmp_path / "file").write_text("x")
    with pytest.raises(DeviceFault, match="not a serial port"):
        create(Options(port=str(tmp_path / "file"))).open()
    assert isinstance(why_not_open(OSError(errno.EACCES, "no"), "p", "w"), DeviceFault)


def test_fail__a_port_that_takes_nothing(monkeypatch):
    monkeypatch.setattr(driver, "open_port", lambda port, baud: Stuck())
    sensor = create(Options(port="x"))
    with pytest.raises(DeviceFault, match="takes no commands"):
        sensor.open()
    assert sensor.state is State.FAULT


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"port": "x", "width": 5},
        {"port": "x", "baud": 1200},
        {"port": "x", "password": -1},
        {"port": "x", "dpi": 5},
    ],
)
def test_fail__options(options):
    with pytest.raises(ConfigurationError):
        make_device("fingerprint_sensor", "zfm", options)


def test_ok__no_descriptor_is_left_after_many_faults(pair):
    sensor, module = pair(baud=57600)
    module.present(1)
    sensor.capture(2.0)
    before = len(os.listdir("/proc/self/fd"))
    random = np.random.default_rng(6)
    for _ in range(12):
        module.fail(
            random.choice(["bad_sum", "noise", "lost_byte", "truncated"]), at=random.choice([0x01, 0x0A])
        )
        try:
            pixels = sensor.capture(2.0).pixels
        except (Unreadable, DeviceError):
            continue
        assert (pixels == expected(1)).all()
    assert len(os.listdir("/proc/self/fd")) <= before
