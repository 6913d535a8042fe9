"""A power-fail input on a mock pin: both ways round, and a wire that is cut."""

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from hal.device import DeviceBusy, DeviceFault, State
from hal.power import PowerState
from hal.power.gpio import GpioPower, Options


@pytest.fixture
def pins():
    factory = MockFactory()
    yield factory
    factory.reset()


def test_ok_low_means_that_the_mains_are_away(pins) -> None:
    device = GpioPower(Options(pin=26), make_pins=lambda: pins)
    pin = pins.pin(26)
    for drive, on_mains in ((pin.drive_high, True), (pin.drive_low, False), (pin.drive_high, True)):
        device.open()
        drive()
        assert device.read_power() == PowerState(on_mains=on_mains)
    device.close()


def test_ok_or_high_does(pins) -> None:
    device = GpioPower(Options(pin=26, fails_high=True), make_pins=lambda: pins)
    device.open()
    pins.pin(26).drive_high()
    assert device.read_power().on_mains is False
    pins.pin(26).drive_low()
    assert device.read_power().on_mains is True
    device.close()


@pytest.mark.parametrize("fails_high", [False, True])
def test_ok_a_cut_wire_says_that_the_power_fails(pins, fails_high) -> None:
    device = GpioPower(Options(pin=26, fails_high=fails_high), make_pins=lambda: pins)
    assert device.read_power().on_mains is False
    device.close()


def test_fail_no_such_pin_and_one_that_is_taken(pins) -> None:
    device = GpioPower(Options(pin=999), make_pins=lambda: pins)
    with pytest.raises(DeviceFault):
        device.read_power()
    led = gpiozero.LED(26, pin_factory=pins)
    device = GpioPower(Options(pin=26), make_pins=lambda: pins)
    with pytest.raises(DeviceBusy):
        device.read_power()
    led.close()
    assert device.state is not State.READY
