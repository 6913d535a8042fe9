"""Comparison: one finger's impressions are alike, two fingers' are not, whatever was done to the picture."""

import cv2
import numpy as np
import pytest
from finger_prints import SENSORS, extracted, print_of

from appliance.biometrics.finger.agreement import NONE, agreement
from appliance.biometrics.finger.alignment import Movement, align, bent
from appliance.biometrics.finger.calibration import HIGHEST, false_match_rate, score_of
from appliance.biometrics.finger.comparison import (
    NOTHING,
    Compared,
    Prepared,
    PreparedFinger,
    compare,
    compare_impressions,
)
from appliance.biometrics.finger.impression import Extracted, extract
from appliance.biometrics.finger.minutiae import NO_MINUTIAE
from appliance.biometrics.finger.neighbourhood import alike, surroundings
from appliance.biometrics.finger.picture import FingerPicture
from appliance.biometrics.finger.template import FingerTemplate


def finger(*each: Extracted) -> PreparedFinger:
    return PreparedFinger(FingerTemplate(tuple(one.impression for one in each)))


def score(one: Extracted, other: Extracted) -> float:
    answer = compare(finger(one), finger(other))
    assert answer.score is not None
    return answer.score


def test_ok_two_impressions_of_one_finger() -> None:
    answer = compare(finger(extracted(5)), finger(extracted(5, 2)))
    assert answer.score == HIGHEST
    assert answer.evidence is not None
    assert answer.evidence.pairs > 15
    assert answer.evidence.ridges is not None
    assert answer.evidence.ridges.correlation > 0.7


def test_ok_other_fingers_are_not_alike() -> None:
    scores = [score(extracted(5), extracted(other)) for other in (6, 8, 9, 10)]
    assert max(scores) < 30


def test_ok_the_order_does_not_matter_much() -> None:
    there, back = score(extracted(5), extracted(8)), score(extracted(8), extracted(5))
    assert abs(there - back) < 10


@pytest.mark.parametrize("degrees", [45, 120, 180])
def test_ok_turned_and_moved(degrees: float) -> None:
    pixels = print_of(5, 2)
    height, width = pixels.shape
    side = int(np.hypot(height, width)) + 40
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    matrix[:, 2] += np.array([(side - width) / 2 + 11, (side - height) / 2 - 7])
    turned = cv2.warpAffine(pixels, matrix, (side, side), borderValue=(225,))
    other = extract(FingerPicture(np.asarray(turned, dtype=np.uint8), 500.0))
    assert score(extracted(5), other) > 50


def test_ok_only_a_part() -> None:
    part = extract(FingerPicture(np.ascontiguousarray(print_of(5, 2)[90:300, 60:260]), 500.0))
    assert score(extracted(5), part) > 40


def test_ok_stretched_as_skin_is() -> None:
    pixels = print_of(5)
    rows, columns = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]].astype(np.float32)
    x = columns + 9 * np.sin(rows / 70).astype(np.float32)
    y = rows + 7 * np.cos(columns / 60).astype(np.float32)
    other = cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert score(extracted(5), extract(FingerPicture(np.asarray(other, np.uint8), 500.0))) > 45


def test_ok_sensors_of_another_kind() -> None:
    assert score(extracted(5), extracted(5, 3, SENSORS["sweep"])) > 45
    assert score(extracted(5), extracted(8, 3, SENSORS["sweep"])) < 30


def test_ok_several_impressions_take_the_best_and_pay_for_it() -> None:
    several = finger(extracted(8), extracted(5), extracted(6))
    probe = finger(extracted(5, 2))
    best = compare(several, probe)
    alone = compare(finger(extracted(5)), probe)
    assert best.evidence is not None
    assert alone.evidence is not None
    assert best.evidence.value == alone.evidence.value
    assert best.score is not None
    assert best.score > 50
    assert score_of(-1.2, attempts=10) == pytest.approx(20.0)


def test_fail_too_little_of_a_finger() -> None:
    empty = extract(FingerPicture(np.full((100, 100), 230, np.uint8), 500.0))
    assert compare(finger(empty), finger(extracted(5))) == Compared(None, "too_few_minutiae")
    assert compare_impressions(Prepared(empty.impression), Prepared(extracted(5).impression)).value == NOTHING


def test_ok_the_score_rises_with_evidence_and_is_bounded() -> None:
    steps = [score_of(value) for value in np.linspace(-25, 10, 200)]
    assert (np.diff(steps) >= 0).all()
    assert steps[0] == 0.0
    assert steps[-1] == HIGHEST
    assert false_match_rate(30.0) == pytest.approx(1e-3)


def test_ok_no_minutiae_align_with_nothing() -> None:
    assert align(NO_MINUTIAE, NO_MINUTIAE, np.zeros((0, 0), np.float32)) == []
    m = extracted(5).impression.minutiae.best(8)
    assert align(m, m, np.zeros((8, 8), np.float32)) == []


def test_ok_a_minutia_is_most_like_itself() -> None:
    described = surroundings(extracted(5).impression)
    same = alike(described, described)
    assert (same.argmax(axis=1) == np.arange(len(same))).mean() > 0.95
    assert same.min() >= 0.0
    assert same.max() <= 1.0 + 1e-5


def test_ok_ridges_agree_with_themselves_and_not_when_moved_off() -> None:
    impression = extracted(5).impression
    still = Movement(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    same = agreement(impression, impression, still)
    assert same.correlation > 0.98
    assert same.flow > 0.99
    off = agreement(impression, impression, Movement(np.array([[0.0, -1.0, 200.0], [1.0, 0.0, 30.0]])))
    assert off.correlation < 0.5
    away = agreement(impression, impression, Movement(np.array([[1.0, 0.0, 4000.0], [0.0, 1.0, 0.0]])))
    assert away == NONE


def test_ok_a_thin_plate_goes_through_a_smooth_bend() -> None:
    random = np.random.default_rng(3)
    source = random.uniform(0, 300, (30, 2))
    goal = source + np.stack([5 * np.sin(source[:, 1] / 90), 4 * np.cos(source[:, 0] / 80)], axis=1)
    still = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    movement = bent(still, source, goal, np.ones(30), 8.0)
    assert np.abs(movement.carry(source) - goal).mean() < 1.0
    few = bent(still, source[:4], goal[:4], np.ones(4), 8.0)
    assert few.bend is None
