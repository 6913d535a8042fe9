"""Drawn fingers: they look like ridges, follow from their number, and differ at every touch."""

import threading

import numpy as np
import pytest

from hal.device import DeviceGone, Timeout
from hal.fingerprint_sensor.ridges import DPI, HEIGHT, RIDGE_PERIOD, WIDTH, grow, impression
from hal.fingerprint_sensor.simulated import Options, SimulatedFingerprintSensor, create


def centre(pixels):
    return pixels[HEIGHT // 4 : -HEIGHT // 4, WIDTH // 4 : -WIDTH // 4].astype(float)


def test_ok__the_shape_and_the_polarity():
    image = create(Options(finger=3)).capture(1.0)
    assert (image.height, image.width, image.dpi) == (HEIGHT, WIDTH, DPI)
    assert image.pixels.dtype == np.uint8
    assert image.pixels[:8].mean() > 200  # the empty window is light
    assert 100 < centre(image.pixels).mean() < 160
    assert centre(image.pixels).std() > 60  # ridges stand out


def test_ok__ridges_repeat_at_their_period():
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(centre(impression(1, 1)) - 130)))
    rows, columns = spectrum.shape
    y, x = np.unravel_index(np.argmax(spectrum), spectrum.shape)
    frequency = np.hypot((y - rows / 2) / rows, (x - columns / 2) / columns)
    assert 1 / frequency == pytest.approx(RIDGE_PERIOD, rel=0.25)


def test_ok__a_finger_follows_from_its_number():
    first = grow(5).copy()
    grow.cache_clear()
    assert (grow(5) == first).all()
    assert (grow(6) != first).mean() > 0.3


def test_ok__every_touch_is_another_image_of_the_same_finger():
    sensor = SimulatedFingerprintSensor()
    one, two = sensor.capture(1.0).pixels, sensor.capture(1.0).pixels
    assert (one != two).any()
    sensor.present(2)
    assert (sensor.capture(1.0).pixels != one).any()


def test_fail__no_finger():
    sensor = SimulatedFingerprintSensor()
    sensor.remove()
    with pytest.raises(Timeout):
        sensor.capture(0.1)


def test_ok__it_feels_the_finger_go():
    sensor = SimulatedFingerprintSensor()
    with pytest.raises(Timeout, match="still lies"):
        sensor.wait_for_removal(0.1)
    timer = threading.Timer(0.1, sensor.remove)
    timer.start()
    sensor.wait_for_removal(5.0)
    timer.join()


def test_fail__unplugged_while_the_finger_lies_on_it():
    sensor = SimulatedFingerprintSensor()
    sensor.open()
    timer = threading.Timer(0.1, sensor.unplug)
    timer.start()
    with pytest.raises(DeviceGone):
        sensor.wait_for_removal(5.0)
    timer.join()
