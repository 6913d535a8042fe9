"""The simulated camera: what it shows, its delay and its faults."""

import time

import numpy as np
import pytest

from hal.camera.simulated import Options, SimulatedCamera, create, draw_test_card
from hal.device import DeviceGone, State, Timeout, Unreadable
from hal.simulated import Fault


def test_ok__the_test_card_is_in_colour_and_says_simulated():
    one = create(Options(width=320, height=240))
    frame = one.capture(1.0)
    assert one.simulated
    assert (frame.width, frame.height) == (320, 240)
    assert len(np.unique(frame.pixels.reshape(-1, 3), axis=0)) > 5
    assert (frame.pixels == draw_test_card(320, 240)).all()


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7)])
def test_ok__a_card_of_any_size(size):
    assert draw_test_card(*size).shape == (size[1], size[0], 3)


def test_ok__presents_a_picture_or_a_source():
    one = SimulatedCamera()
    picture = np.full((2, 3, 3), 9, np.uint8)
    one.present(picture)
    shown = one.capture(1.0).pixels
    assert (shown == picture).all()
    assert not np.shares_memory(shown, picture)
    numbers = iter(range(10))
    one.present(lambda: np.full((2, 3, 3), next(numbers), np.uint8))
    assert [one.capture(1.0).pixels.max() for _ in range(3)] == [0, 1, 2]
    one.remove()
    assert one.capture(1.0).height == 720


def test_ok__takes_its_delay():
    one = SimulatedCamera(Options(delay=0.2))
    began = time.monotonic()
    one.capture(5.0)
    assert time.monotonic() - began >= 0.2


def test_fail__a_delay_longer_than_the_timeout():
    with pytest.raises(Timeout):
        SimulatedCamera(Options(delay=5.0)).capture(0.1)


def test_fail__the_fault_script():
    one = SimulatedCamera(Options(faults={1: Fault.TIMEOUT, 2: Fault.GARBAGE, 3: Fault.UNPLUG}))
    with pytest.raises(Timeout):
        one.capture(0.1)
    with pytest.raises(Unreadable):
        one.capture(0.1)
    with pytest.raises(DeviceGone):
        one.capture(0.1)
    assert one.state is State.ABSENT
    with pytest.raises(DeviceGone):
        one.capture(0.1)
    one.plug()
    one.capture(0.1)
    assert one.state is State.READY
