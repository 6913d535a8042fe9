"""The U.are.U driver against a fake sensor: start, pictures, faults, the plug pulled at every exchange."""

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from uru_fake import FakeUru, finger, picture, upright

from hal.device import DeviceBusy, DeviceFault, DeviceGone, State, Timeout, Unreadable
from hal.drivers import ConfigurationError, make_device
from hal.fingerprint_sensor import FingerprintSensor, Polarity, uru4500
from hal.fingerprint_sensor.uru4500 import Options, Uru4500Sensor, find_device, random_seed
from hal.fingerprint_sensor.uru_registers import MODELS, Registers, answer
from hal.fingerprint_sensor.usb_bus import UsbIds


@pytest.fixture
def pair():
    """A fake sensor and the driver on it."""
    made = []

    def make(vendor=0x05BA, product=0x000A, **sensor):
        fake = FakeUru(vendor, product, **sensor)
        seeds = iter(range(1, 1000))
        driver = Uru4500Sensor(
            Options(), find_device=fake.find, open_device=fake.link, seed=lambda: next(seeds)
        )
        made.append((driver, fake))
        return driver, fake

    yield make
    for driver, fake in made:
        driver.close()
        assert fake.open_links == 0


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("ids", MODELS, ids=lambda ids: f"{ids[0]:04x}:{ids[1]:04x}")
def test_ok__every_model_gives_its_picture(pair, ids, encrypted):
    sensor, fake = pair(*ids, encrypted=encrypted, hwstat=0x80)
    fake.stubborn = 2 if MODELS[ids].challenges else 0
    fake.present(4)
    image = sensor.capture(2.0)
    assert (image.pixels == upright(finger(4), turned=MODELS[ids].upside_down)).all()
    assert (image.width, image.height, image.dpi, image.bits) == (384, 290, 500, 8)
    assert (image.polarity, image.live) == (Polarity.DARK_RIDGES, None)
    assert isinstance(sensor, FingerprintSensor)


def test_ok__the_exchanges_of_a_capture_are_those_of_the_recorded_sensor(pair):
    """docs/devices.md names the recording; its order is what the sensor is known to accept."""
    sensor, fake = pair()
    sensor.open()
    fake.present(1)
    sensor.capture(2.0)
    fake.remove()
    sensor.wait_for_removal(2.0)
    sensor.close()
    said = [(register, data.hex() if data else "") for register, data in fake.said]
    assert said == [
        (0x07, ""),
        (0x07, "81"),
        (0x07, "01"),
        (0x07, ""),
        (0xF0, ""),
        (0x4E, "10"),
        (0x4E, "20"),
        (0x33, "0001000000"),
        (0x34, ""),
        (0x4E, "12"),
        (0x4E, "70"),
    ]
    kinds = [(what, kind) for what, kind, *_ in fake.trace]
    assert kinds[0] == ("S", 1), "an interrupt is awaited before the first register is read"
    bulk = kinds.index(("S", 3))
    assert fake.trace[bulk + 1][4] == b"\x20", "the picture is awaited before it is asked for"


def test_ok__aes_of_the_standard_s_kind():
    """AES-128 under the reader's key; that the key is right can show in a recorded exchange alone."""
    assert len(answer(bytes(16))) == 16
    assert answer(bytes(16)) != answer(bytes(15) + b"\1")


def test_ok__self_test_and_versions(pair):
    sensor, _ = pair()
    found = {one.name: (one.passed, one.value) for one in sensor.self_test()}
    assert found["HWSTAT"] == (True, "0x01")
    assert found["versions"] == (True, "0010/0115")
    assert "4500" in found["model"][1]
    assert sensor.health.firmware == "0010/0115"


def test_ok__waits_for_a_finger_and_feels_it_go(pair):
    sensor, fake = pair()
    threading.Timer(0.2, fake.present, [2]).start()
    assert (sensor.capture(3.0).pixels == upright(finger(2), turned=True)).all()
    with pytest.raises(Timeout, match="still lies"):
        sensor.wait_for_removal(0.2)
    threading.Timer(0.2, fake.remove).start()
    sensor.wait_for_removal(3.0)
    sensor.wait_for_removal(0.0)  # it has been said


def test_ok__pictures_are_taken_anew(pair):
    sensor, fake = pair()
    fake.present(1)
    first = sensor.capture(2.0).pixels
    fake.present(2)
    assert (sensor.capture(2.0).pixels == upright(finger(2), turned=True)).all()
    assert (first == upright(finger(1), turned=True)).all()


def test_fail__no_finger_and_one_that_comes_between_two_calls(pair):
    sensor, fake = pair()
    sensor.open()
    began = time.monotonic()
    with pytest.raises(Timeout):
        sensor.capture(0.3)
    assert time.monotonic() - began < 1.0
    assert sensor.state is State.READY
    fake.present(6)
    assert (sensor.capture(0.3).pixels == upright(finger(6), turned=True)).all()


def test_ok__what_was_heard_before_the_call_is_forgotten(pair):
    sensor, fake = pair()
    sensor.open()
    fake.events.append(bytes.fromhex("0101").ljust(64, b"\0"))
    with pytest.raises(Timeout):
        sensor.capture(0.2)


# Starting


@pytest.mark.parametrize("hwstat", [0x00, 0x01, 0x03, 0x80, 0x81, 0x85])
def test_ok__from_every_state(pair, hwstat):
    sensor, _ = pair(hwstat=hwstat)
    sensor.open()


def test_ok__the_power_interrupt_that_does_not_come_at_first(pair, monkeypatch):
    monkeypatch.setattr("hal.fingerprint_sensor.uru_registers.POWER_SECONDS", 0.05)
    sensor, _ = pair(deaf_starts=2)
    sensor.open()
    sensor, _ = pair(deaf_starts=3)
    with pytest.raises(DeviceFault, match="does not power up"):
        sensor.open()
    assert sensor.state is State.FAULT


def test_fail__stays_asleep(pair, monkeypatch):
    monkeypatch.setattr("hal.fingerprint_sensor.uru_registers.POWER_TRIES", 5)
    sensor, fake = pair(hwstat=0x80)
    fake.stubborn = 99
    with pytest.raises(DeviceFault, match="low-power"):
        sensor.open()


def test_fail__the_challenge_is_answered_wrongly(pair, monkeypatch):
    monkeypatch.setattr("hal.fingerprint_sensor.uru_registers.POWER_TRIES", 5)
    monkeypatch.setattr("hal.fingerprint_sensor.uru_registers.answer", lambda challenge: challenge)
    sensor, fake = pair(0x045E, 0x00CA, hwstat=0x80)
    fake.stubborn = 1
    with pytest.raises(DeviceFault, match="low-power"):
        sensor.open()


def test_fail__confused_for_good(pair, monkeypatch):
    monkeypatch.setattr("hal.fingerprint_sensor.uru_registers.POWER_TRIES", 5)
    sensor, fake = pair(hwstat=0x84)
    fake._power = lambda status: None
    with pytest.raises(DeviceFault, match="confused"):
        sensor.open()


# Pictures that are none

HEAD = bytes(64)


def test_ok__a_damaged_picture_is_asked_for_again(pair):
    sensor, fake = pair()
    fake.present(3)
    fake.pictures = [b"", HEAD[:4] + b"\x21\x01" + HEAD[6:]]
    assert (sensor.capture(2.0).pixels == upright(finger(3), turned=True)).all()


def test_fail__three_damaged_pictures(pair):
    sensor, fake = pair()
    fake.present(3)
    fake.pictures = [b"", b"x", HEAD[:4] + b"\xff\xff" + HEAD[6:]]
    with pytest.raises(Unreadable, match="damaged"):
        sensor.capture(2.0)
    assert sensor.state is State.READY
    assert (sensor.capture(2.0).pixels == upright(finger(3), turned=True)).all()


def test_fail__an_empty_picture(pair):
    sensor, fake = pair()
    fake.present(3)
    fake.pictures = [
        HEAD,
        picture(np.zeros((289, 384), np.uint8), [(0x04, 200), (0x04, 89)], encrypted=False),
    ]
    for _ in range(2):
        with pytest.raises(Unreadable, match="empty"):
            sensor.capture(2.0)


def test_fail__no_picture_at_all(pair):
    sensor, fake = pair()
    fake.present(3)
    fake.pictures = [None]
    with pytest.raises(DeviceFault, match="gives no picture"):
        sensor.capture(2.0)
    assert sensor.state is State.FAULT
    fake.pictures = []
    assert sensor.capture(2.0).width == 384


def test_ok__interrupts_of_other_kinds_are_passed_over(pair):
    sensor, fake = pair()
    sensor.open()

    def babble():
        time.sleep(0.1)
        for text in ("", "01", "0800", "56aa", "ffff"):
            fake.events.append(bytes.fromhex(text))
        fake.present(1)

    threading.Thread(target=babble).start()
    assert sensor.capture(2.0).width == 384


# The plug


def exchanges_of_a_capture():
    fake = FakeUru()
    sensor = Uru4500Sensor(Options(), find_device=fake.find, open_device=fake.link, seed=lambda: 1)
    fake.present(1)
    sensor.capture(2.0)
    count = fake.exchanges
    sensor.close()
    return count


def test_fail__unplugged_at_every_exchange(pair):
    count = exchanges_of_a_capture()
    assert count == 13
    for number in range(1, count + 1):
        sensor, fake = pair()
        fake.present(1)
        fake.unplug_at = number
        with pytest.raises(DeviceGone):
            sensor.capture(2.0)
        assert sensor.state is State.ABSENT
        assert fake.open_links == 0
        with pytest.raises(DeviceGone):
            sensor.open()
        fake.replug()
        assert (sensor.capture(2.0).pixels == upright(finger(1), turned=True)).all(), number


def test_fail__unplugged_while_waiting(pair):
    sensor, fake = pair()
    sensor.open()
    threading.Timer(0.2, fake.unplug).start()
    with pytest.raises(DeviceGone):
        sensor.capture(10.0)
    assert sensor.state is State.ABSENT


@pytest.mark.parametrize("number", [7, 9, 10, 12, 13])
def test_ok__closing_ends_an_exchange_that_hangs(pair, number):
    sensor, fake = pair()
    sensor.open()
    fake.present(1)
    fake.hang_at = number
    ended = []

    def capture():
        with pytest.raises(DeviceGone):
            sensor.capture(30.0)
        ended.append(time.monotonic())

    thread = threading.Thread(target=capture)
    thread.start()
    time.sleep(0.3)
    closed = time.monotonic()
    sensor.close()
    thread.join()
    assert ended[0] - closed < 1.0
    assert fake.open_links == 0


def test_fail__one_at_a_time(pair):
    sensor, _ = pair()
    sensor.open()
    thread = threading.Thread(target=lambda: pytest.raises(Timeout, sensor.capture, 0.5))
    thread.start()
    while sensor.state is not State.BUSY:
        time.sleep(0.01)
    with pytest.raises(DeviceBusy):
        sensor.capture(0.1)
    thread.join()


# Which one


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, "1-2"),
        ({"serial_number": "B"}, "1-3"),
        ({"port": "1-4"}, "1-4"),
        ({"port": "1-1"}, None),
        ({"serial_number": "C"}, None),
    ],
)
def test_ok__the_configured_sensor_is_taken(monkeypatch, options, found):
    bus = [
        UsbIds(0x1234, 0x000A, "1-1", None),
        UsbIds(0x05BA, 0x000A, "1-2", "A"),
        UsbIds(0x05BA, 0x000A, "1-3", "B"),
        UsbIds(0x045E, 0x00CA, "1-4", None),
    ]
    monkeypatch.setattr(uru4500, "find", lambda wanted: next(filter(wanted, bus), None))
    if found is None:
        with pytest.raises(DeviceGone, match="no fingerprint sensor"):
            find_device(Options(**options))
    else:
        assert find_device(Options(**options)).port == found


def test_fail__options():
    for options in ({"serial_number": ""}, {"bus": 1}):
        with pytest.raises(ConfigurationError):
            make_device("fingerprint_sensor", "uru4500", options)


def test_ok__seeds_differ_and_fit_the_register():
    seeds = {random_seed() for _ in range(20)}
    assert len(seeds) > 15
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_ok__a_sensor_that_goes_while_it_is_let_go_of(pair):
    sensor, fake = pair()
    sensor.open()
    fake.unplug()
    sensor.close()
    assert fake.open_links == 0
    assert Registers(fake.link(), MODELS[0x05BA, 0x000A])
    fake.close()


def test_ok__a_sensor_that_hangs_while_it_is_let_go_of(pair):
    sensor, fake = pair()
    sensor.open()
    fake.hang_at = fake.exchanges + 1
    began = time.monotonic()
    sensor.close()
    assert 0.4 < time.monotonic() - began < 1.0
    assert fake.open_links == 0
