"""The panel on gpiozero's mock pins."""

import sys
import threading
import time
import types

import gpiozero.exc
import msgspec
import pytest
from gpiozero.pins.mock import MockFactory

from hal.device import Capability, DeviceBusy, DeviceFault, DeviceGone, Timeout
from hal.panel import ButtonEvent, Signal, gpio
from hal.panel.gpio import GpioPanel, Options, board_pins, create

THREE = {"ready_pin": 5, "working_pin": 6, "attention_pin": 13}


@pytest.fixture
def pins():
    return MockFactory()


@pytest.fixture
def make(pins, monkeypatch):
    monkeypatch.setattr(gpio, "HOLD_SECONDS", 0.3)
    made = []

    def _make(**options):
        panel = GpioPanel(Options(bounce_seconds=None, **options), make_pins=lambda: pins)
        made.append(panel)
        panel.open()
        return panel

    yield _make
    for panel in made:
        panel.close()


def states(pins, *numbers):
    return [bool(pins.pin(number).state) for number in numbers]


def test_ok__press(make, pins):
    panel = make()
    pins.pin(17).drive_low()
    with pytest.raises(Timeout):  # only when it is let go is it known to be no hold
        panel.wait_for_button(0.05)
    pins.pin(17).drive_high()
    assert panel.wait_for_button(1.0) is ButtonEvent.PRESS


def test_ok__hold_is_told_while_it_is_held_and_is_no_press(make, pins):
    panel = make()
    pins.pin(17).drive_low()
    assert panel.wait_for_button(5.0) is ButtonEvent.HOLD
    pins.pin(17).drive_high()
    with pytest.raises(Timeout):
        panel.wait_for_button(0.2)


def test_ok__a_button_to_3v3(make, pins):
    panel = make(button_pull_up=False)
    pins.pin(17).drive_high()
    pins.pin(17).drive_low()
    assert panel.wait_for_button(1.0) is ButtonEvent.PRESS


@pytest.mark.parametrize(
    ("signal", "lit"),
    [
        (Signal.OFF, [False, False, False]),
        (Signal.READY, [True, False, False]),
        (Signal.OFFICER, [False, True, False]),
    ],
)
def test_ok__three_lights(make, pins, signal, lit):
    panel = make(**THREE)
    panel.show(Signal.ATTENTION)
    panel.show(signal)
    assert states(pins, 5, 6, 13) == lit


@pytest.mark.parametrize(
    ("signal", "lit"),
    [(Signal.OFF, [False] * 3), (Signal.READY, [True] * 3), (Signal.OFFICER, [False, False, True])],
)
def test_ok__one_rgb_light(make, pins, signal, lit):
    panel = make(rgb_pins=(5, 6, 13))
    panel.show(Signal.ATTENTION)
    panel.show(signal)
    assert states(pins, 5, 6, 13) == lit


def test_ok__blinks(make, pins):
    panel = make(**THREE)
    panel.show(Signal.ATTENTION)
    seen = set()
    deadline = time.monotonic() + 5
    while len(seen) < 2 and time.monotonic() < deadline:
        seen.add(pins.pin(13).state)
        time.sleep(0.02)
    assert len(seen) == 2


def test_ok__buzzer_sounds_and_ends(make, pins):
    panel = make(buzzer_pin=19)
    panel.show(Signal.ATTENTION)
    deadline = time.monotonic() + 5
    while not pins.pin(19).state and time.monotonic() < deadline:
        time.sleep(0.01)
    assert pins.pin(19).state
    panel.show(Signal.WORKING)
    assert not pins.pin(19).state


def test_ok__lights_that_are_lit_low(make, pins):
    panel = make(**THREE, active_high=False)
    panel.show(Signal.READY)
    assert states(pins, 5, 6, 13) == [False, True, True]


def test_ok__capabilities_follow_the_pins():
    assert create(Options()).capabilities == {Capability.BUTTON}
    assert Capability.LIGHTS in create(Options(**THREE)).capabilities
    assert Capability.LIGHTS in create(Options(rgb_pins=(1, 2, 3))).capabilities
    assert Capability.BUZZER in create(Options(buzzer_pin=19)).capabilities


def test_ok__close_leaves_no_thread(make):
    before = set(threading.enumerate())
    panel = make(**THREE, buzzer_pin=19)
    panel.show(Signal.ATTENTION)
    panel.close()
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(
    "options",
    [
        {"button_pin": 5, "buzzer_pin": 5},
        {"ready_pin": 5},
        {**THREE, "rgb_pins": (1, 2, 3)},
    ],
)
def test_fail__pins_that_contradict(options):
    with pytest.raises((ValueError, msgspec.ValidationError)):
        msgspec.convert(options, Options)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (gpiozero.exc.PinInvalidPin("x"), DeviceFault),
        (gpiozero.exc.GPIOPinInUse("x"), DeviceBusy),
        (gpiozero.exc.PinSetInput("x"), DeviceFault),
    ],
)
def test_fail__pins_that_cannot_be_used(error, expected, monkeypatch, pins):
    def refuse(*args, **settings):
        raise error

    monkeypatch.setattr(gpio.gpiozero, "Button", refuse)
    with pytest.raises(expected):
        GpioPanel(Options(), make_pins=lambda: pins).open()


def test_fail__lights_that_cannot_be_set(make, monkeypatch):
    panel = make(**THREE)

    def refuse():
        raise gpiozero.exc.OutputDeviceBadValue("x")

    monkeypatch.setattr(panel._lights[0], "on", refuse)
    with pytest.raises(DeviceFault):
        panel.show(Signal.READY)


def stub_lgpio(monkeypatch, factory):
    module = types.ModuleType("gpiozero.pins.lgpio")
    module.LGPIOFactory = factory
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", module)


def test_ok__the_board_is_served_by_lgpio(monkeypatch, pins):
    stub_lgpio(monkeypatch, lambda: pins)
    assert board_pins() is pins


def test_fail__no_pins_on_this_computer(monkeypatch):
    def refuse():
        raise RuntimeError("can not open gpiochip")

    stub_lgpio(monkeypatch, refuse)
    with pytest.raises(DeviceGone):
        create(Options()).open()
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", None)
    with pytest.raises(DeviceFault, match="lgpio"):
        create(Options()).open()
