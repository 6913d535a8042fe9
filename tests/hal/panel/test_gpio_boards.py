"""The panel through gpiozero's real lgpio pins, over a fake of lgpio, as on a Raspberry Pi 4 and on a 5."""

import importlib
import importlib.util
import inspect
import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lgpio_fake import CONSTANTS, SIGNATURES, FakeLgpio, LgpioError

from hal.device import DeviceBusy, DeviceFault, DeviceGone, State
from hal.panel import ButtonEvent, Signal
from hal.panel.gpio import Options, create

PI_4, PI_5 = 0xC03114, 0xC04170
"""Revision codes: a 4B and a 5 of 4 GB, as the makers list them."""

OPTIONS = Options(ready_pin=27, working_pin=22, attention_pin=23, buzzer_pin=18, bounce_seconds=None)


@pytest.fixture
def board(monkeypatch):
    """A board with these chips; returns lgpio's fake and the panel."""
    made = []

    def make(revision=PI_4, chips=(0,)):
        lgpio = FakeLgpio(chips)
        monkeypatch.setitem(sys.modules, "lgpio", lgpio)
        monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
        factory = importlib.import_module("gpiozero.pins.lgpio").LGPIOFactory
        monkeypatch.setattr(factory, "_get_revision", lambda _self: revision)
        exists = os.path.exists
        monkeypatch.setattr(
            os.path,
            "exists",
            lambda path: int(path[13:]) in chips if str(path).startswith("/dev/gpiochip") else exists(path),
        )
        made.append(create(OPTIONS))
        return lgpio, made[-1]

    yield make
    for panel in made:
        panel.close()
    sys.modules.pop("gpiozero.pins.lgpio", None)


@pytest.mark.parametrize(
    ("revision", "chips", "chip"),
    [
        (PI_4, (0, 1), 0),
        (PI_5, (0, 4), 4),  # kernels of before 2024: the header is the fifth chip
        (PI_5, (0,), 0),  # since then it is the first
    ],
)
def test_ok__the_header_s_chip_is_taken(board, revision, chips, chip):
    lgpio, panel = board(revision, chips)
    panel.open()
    assert lgpio.opened == [chip]
    panel.close()
    assert lgpio.closed == [7]


@pytest.mark.parametrize("revision", [PI_4, PI_5])
def test_ok__button_lights_and_buzzer(board, revision):
    lgpio, panel = board(revision)
    panel.open()
    panel.show(Signal.WORKING)
    time.sleep(0.1)
    assert {17} & lgpio.outputs == set()
    assert {27, 22, 23, 18} <= lgpio.outputs
    panel.show(Signal.OFF)
    assert [lgpio.lines[pin] for pin in (27, 22, 23, 18)] == [0, 0, 0, 0]
    assert lgpio.lines[17] == 1, "pulled up"
    now = time.monotonic_ns()
    lgpio.drive(17, 0, now)
    lgpio.drive(17, 1, now + 50_000_000)
    assert panel.wait_for_button(1.0) is ButtonEvent.PRESS


def test_fail__another_program_holds_a_pin(board):
    lgpio, panel = board()
    lgpio.busy.add(22)
    with pytest.raises(DeviceBusy, match="Another program"):
        panel.open()
    assert panel.state is State.FAULT
    assert lgpio.closed == [7]
    lgpio.busy.clear()
    panel.open()


def test_fail__a_light_that_cannot_be_set(board):
    lgpio, panel = board()
    panel.open()
    lgpio.dead = True
    with pytest.raises(DeviceFault, match="lights"):
        panel.show(Signal.OFF)
    lgpio.dead = False


def test_ok__a_part_that_does_not_close_stops_nothing(board):
    _, panel = board()
    panel.open()
    closed = []

    class Part:
        def close(self):
            closed.append(1)
            raise LgpioError("GPIO busy")

    panel._lights.append(Part())
    panel.close()
    assert closed == [1]
    assert panel.state is State.ABSENT


def test_fail__no_chip(board):
    _, panel = board(chips=())
    with pytest.raises(DeviceGone):
        panel.open()


@pytest.mark.skipif(importlib.util.find_spec("lgpio") is None, reason="lgpio is not installed (extra `pi`)")
def test_ok__the_fake_s_signatures_are_the_package_s():
    lgpio = importlib.import_module("lgpio")
    for name, parameters in SIGNATURES.items():
        assert list(inspect.signature(getattr(lgpio, name)).parameters) == parameters, name
    for name, value in CONSTANTS.items():
        assert getattr(lgpio, name) == value, name


def test_ok__the_fake_keeps_its_own_list():
    for name, parameters in SIGNATURES.items():
        assert list(inspect.signature(getattr(FakeLgpio(), name)).parameters) == parameters, name
