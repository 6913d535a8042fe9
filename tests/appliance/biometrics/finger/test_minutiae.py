"""Minutiae: where they are, which way they point, what is left out, and that turning a print turns them."""

import cv2
import numpy as np
import pytest
from finger_prints import extracted, print_of

from appliance.biometrics.finger.enhancement import Enhanced, enhance
from appliance.biometrics.finger.impression import MOST_COMPARED, extract
from appliance.biometrics.finger.minutiae import ENDING, FORK, Minutiae, find_minutiae
from appliance.biometrics.finger.picture import FingerPicture
from appliance.biometrics.finger.ridge_field import RidgeField

PERIOD = 9.0


def drawn(phase: np.ndarray) -> Enhanced:
    """Perfect horizontal ridges with what the phase adds."""
    shape = phase.shape
    one = np.ones(shape, np.float32)
    ridges = np.cos(phase).astype(np.float32)
    mask = np.zeros(shape, bool)
    mask[12:-12, 12:-12] = True
    field = RidgeField(one, np.zeros(shape, np.float32), one, one * PERIOD)
    return Enhanced(ridges, field, mask, one)


def with_dislocation(sign: int) -> Enhanced:
    """One ridge more on the right (sign 1) or on the left (-1) of the middle: a spiral in the phase."""
    rows, columns = np.mgrid[0:160, 0:160]
    return drawn(2 * np.pi * rows / PERIOD + sign * np.arctan2(rows - 80.5, columns - 80.5))


@pytest.mark.parametrize("sign", [1, -1])
def test_ok_a_single_minutia_is_found_with_its_direction(sign: int) -> None:
    found = find_minutiae(with_dislocation(sign)).minutiae
    assert len(found) == 1
    assert abs(found.x[0] - 80) < 8
    assert abs(found.y[0] - 80) < 8
    assert found.kind[0] in (ENDING, FORK)
    # the direction points to the side with the ridge more, whether it shows as an ending or as a fork
    more_on_the_right = _ridges_on(with_dislocation(sign), 140) > _ridges_on(with_dislocation(sign), 20)
    assert (np.cos(found.angle[0]) > 0.9) == more_on_the_right


def _ridges_on(enhanced: Enhanced, column: int) -> int:
    line = enhanced.ridges[12:-12, column] < 0
    return int((np.diff(line.astype(int)) == 1).sum())


def test_ok_plain_ridges_have_none() -> None:
    rows, _ = np.mgrid[0:160, 0:160]
    assert len(find_minutiae(drawn(2 * np.pi * rows / PERIOD)).minutiae) == 0


def test_ok_a_gap_and_a_bridge_are_no_minutiae() -> None:
    rows, _ = np.mgrid[0:160, 0:160]
    enhanced = drawn(2 * np.pi * rows / PERIOD)
    ridge_row = int(np.argmin(enhanced.ridges[60:80, 80])) + 60
    enhanced.ridges[ridge_row - 3 : ridge_row + 4, 77:83] = 1.0
    valley_row = int(np.argmax(enhanced.ridges[100:120, 40])) + 100
    enhanced.ridges[valley_row - 5 : valley_row + 6, 38:42] = -1.0
    found = find_minutiae(enhanced)
    assert len(found.minutiae) == 0
    assert len(found.removed) >= 2


def test_ok_nothing_at_the_rim() -> None:
    e = extracted(5)
    rim = cv2.distanceTransform(
        cv2.copyMakeBorder(e.enhanced.mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 5
    )[1:-1, 1:-1]
    m = e.found.minutiae
    assert len(m) > 20
    assert rim[m.y.astype(int), m.x.astype(int)].min() >= 8.5


def test_ok_turned_by_a_quarter_they_turn_with_it() -> None:
    """Repeatability: most of the reliable minutiae come back where geometry says, and point its way."""
    pixels = print_of(5)
    one = extract(FingerPicture(pixels, 500.0)).minutiae_in_picture().best(30)
    turned = np.ascontiguousarray(np.rot90(pixels, -1))  # (x, y) -> (height - 1 - y, x)
    other = extract(FingerPicture(turned, 500.0)).minutiae_in_picture()
    x, y, angle = pixels.shape[0] - 1 - one.y, one.x, one.angle + np.pi / 2
    near = np.hypot(x[:, None] - other.x, y[:, None] - other.y) < 6
    alike = np.cos(angle[:, None] - other.angle) > 0.85
    assert (near & alike).any(axis=1).mean() > 0.8


def test_ok_the_same_from_another_resolution() -> None:
    pixels = print_of(5)
    twice = cv2.resize(pixels, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    one = extract(FingerPicture(pixels, 500.0)).minutiae_in_picture().best(30)
    other = extract(FingerPicture(np.asarray(twice), 1000.0)).minutiae_in_picture()
    near = np.hypot(one.x[:, None] - other.x, one.y[:, None] - other.y) < 5
    assert near.any(axis=1).mean() > 0.85


def test_ok_an_empty_window_has_nothing() -> None:
    grey = np.full((200, 200), 230, np.uint8)
    e = extract(FingerPicture(grey, 500.0))
    assert len(e.impression.minutiae) == 0
    assert not e.enhanced.mask.any()
    noise = np.random.default_rng(1).normal(220, 2, (200, 200)).clip(0, 255).astype(np.uint8)
    assert len(extract(FingerPicture(noise, 500.0)).impression.minutiae) == 0


def test_ok_any_picture_is_bounded() -> None:
    """White noise, a checkerboard, one black half: nothing raises, nothing is without bounds."""
    random = np.random.default_rng(2)
    board = (np.indices((160, 160)).sum(axis=0) % 2 * 255).astype(np.uint8)
    half = np.zeros((160, 160), np.uint8)
    half[:, 80:] = 255
    for pixels in (random.integers(0, 256, (160, 160)).astype(np.uint8), board, half, np.zeros_like(half)):
        impression = extract(FingerPicture(pixels, 500.0)).impression
        assert len(impression.minutiae) <= MOST_COMPARED
        assert np.isfinite(impression.minutiae.reliability).all()


def test_ok_the_best_come_first_and_can_be_chosen() -> None:
    m: Minutiae = extracted(5).found.minutiae
    assert (np.diff(m.reliability) <= 0).all()
    assert len(m.best(10)) == 10
    assert m.only(np.array([3])).x[0] == m.x[3]


def test_ok_the_maps_tell_direction_and_period() -> None:
    rows, columns = np.mgrid[0:240, 0:240]
    for degrees in (0, 30, 90, 150):
        turn = np.radians(degrees)
        across = -np.sin(turn) * columns + np.cos(turn) * rows
        pixels = (128 + 90 * np.cos(2 * np.pi * across / 8)).astype(np.uint8)
        e = enhance(pixels)
        middle = (slice(60, 180), slice(60, 180))
        off = np.angle(np.exp(2j * (e.field.angle[middle] - turn))) / 2
        assert np.degrees(np.abs(off)).max() < 2
        assert np.abs(e.field.period[middle] - 8).max() < 0.5
        assert e.clarity[middle].min() > 0.8
