"""Page lights on mock pins: one at a time, and out by themselves."""

import time

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from hal.device import DeviceBusy, DeviceFault, NotSupported, State
from hal.illumination import Light
from hal.illumination import gpio as module
from hal.illumination.gpio import GpioIllumination, Options
from hal.illumination.simulated import Options as SimulatedOptions
from hal.illumination.simulated import SimulatedIllumination


@pytest.fixture
def pins():
    factory = MockFactory()
    yield factory
    factory.reset()


def lights(pins, **options):
    return GpioIllumination(Options(**options), make_pins=lambda: pins)


def test_ok__one_at_a_time(pins):
    device = lights(pins, white_pin=5, infrared_pin=6)
    assert device.lights == {Light.WHITE, Light.INFRARED}
    device.switch(Light.WHITE)
    device.switch(Light.INFRARED)
    assert (pins.pin(5).state, pins.pin(6).state) == (0, 1)
    device.switch(None)
    assert pins.pin(6).state == 0
    device.close()


def test_ok__active_low(pins):
    device = lights(pins, white_pin=5, active_high=False)
    device.switch(Light.WHITE)
    assert pins.pin(5).state == 0
    device.switch(None)
    assert pins.pin(5).state == 1
    device.close()


def test_ok__out_by_itself(pins, monkeypatch):
    monkeypatch.setattr(module, "MAX_ON_SECONDS", 0.1)
    device = lights(pins, ultraviolet_pin=5)
    device.switch(Light.ULTRAVIOLET)
    assert pins.pin(5).state == 1
    time.sleep(0.4)
    assert pins.pin(5).state == 0
    device.close()


def test_ok__out_with_close(pins):
    device = lights(pins, ultraviolet_pin=5)
    device.switch(Light.ULTRAVIOLET)
    pin = pins.pin(5)
    device.close()
    assert pin.state == 0
    assert device.state is State.ABSENT


def test_ok__a_late_timer_after_close_does_nothing(pins):
    device = lights(pins, white_pin=5)
    device.switch(Light.WHITE)
    led = device._leds[Light.WHITE]
    device.close()
    device._put_out(led)


@pytest.mark.parametrize(
    "make",
    [
        lambda pins: lights(pins, white_pin=5),
        lambda pins: SimulatedIllumination(SimulatedOptions(lights=("white",))),
    ],
)
def test_fail__no_such_light(pins, make):
    with pytest.raises(NotSupported, match="infrared"):
        make(pins).switch(Light.INFRARED)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (gpiozero.exc.PinInvalidPin("x"), DeviceFault),
        (gpiozero.exc.GPIOPinInUse("x"), DeviceBusy),
        (gpiozero.exc.GPIOZeroError("x"), DeviceFault),
    ],
)
def test_fail__pins_that_cannot_be_had(pins, monkeypatch, error, raised):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(gpiozero, "LED", refuse)
    with pytest.raises(raised):
        lights(pins, white_pin=5).open()


def test_fail__pins_that_cannot_be_set(pins, monkeypatch):
    device = lights(pins, white_pin=5)
    device.open()

    def refuse():
        raise gpiozero.exc.OutputDeviceError("x")

    monkeypatch.setattr(device._leds[Light.WHITE], "on", refuse)
    with pytest.raises(DeviceFault):
        device.switch(Light.WHITE)
    device.close()
