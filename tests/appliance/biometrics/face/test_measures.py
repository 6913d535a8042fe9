import math

import cv2
import numpy as np
import pytest
from face_pictures import astronaut, blurred, darkened, drawn, turned
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.biometrics.face import measures as face_measures
from appliance.biometrics.face.finding import FaceFinder
from appliance.biometrics.face.measures import (
    luminance_of,
    measure_all,
    pictorial,
    single_face,
)
from appliance.contracts.face import (
    INSTRUCTIONS,
    NOT_MEASURED,
    OFIQ_MEASURES,
    OWN_MEASURES,
    SKIN_TONE_MEASURES,
    Measure,
    MeasureState,
)
from models.face.detector import Detection
from models.face.mesh import Mesh


def measured(finder: FaceFinder, picture: np.ndarray) -> dict[str, Measure]:
    faces = finder.find(picture)
    return measure_all(picture, faces[0].mesh, [face.detection for face in faces])


def native(finder: FaceFinder, picture: np.ndarray, name: str) -> float:
    value = measured(finder, picture)[name].native
    assert value is not None
    return value


def test_ok_every_measure_is_there_and_those_of_networks_are_not_done(finder: FaceFinder) -> None:
    found = measured(finder, astronaut())
    assert list(found)[: len(OFIQ_MEASURES)] == list(OFIQ_MEASURES)
    assert set(found) - set(OFIQ_MEASURES) <= set(OWN_MEASURES)
    for name, measure in found.items():
        if name in NOT_MEASURED:
            assert (measure.state, measure.native, measure.scalar) == (MeasureState.NOT_DONE, None, None)
            assert measure.reason
        else:
            assert measure.state is MeasureState.DONE, name
            assert 0 <= measure.scalar <= 100
    assert len([name for name in OFIQ_MEASURES if name not in NOT_MEASURED]) == 16 + 3


def test_ok_what_is_got_in_another_way_says_so(finder: FaceFinder) -> None:
    found = measured(finder, astronaut())
    for name in ("HeadPoseYaw", "HeadPosePitch", "HeadPoseRoll"):
        assert (found[name].comparable, found[name].reason) == (False, "other_pose_estimator")
    for name in ("UnderExposurePrevention", "OverExposurePrevention"):
        assert (found[name].comparable, found[name].reason) == (False, "no_occlusion_mask")
    assert found["EyesOpen"].comparable


def test_ok_luminance_is_linear_light() -> None:
    """IEC 61966-2-1: half of the code is a fifth of the light; green weighs most (ITU-R BT.709)."""
    values = [
        ((255, 255, 255), 255),
        ((0, 0, 0), 0),
        ((128, 128, 128), 55),
        ((0, 255, 0), 182),
        ((255, 0, 0), 18),
    ]
    for bgr, expected in values:
        assert luminance_of(np.full((2, 2, 3), bgr, np.uint8))[0, 0] == expected


@settings(deadline=None)
@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_ok_luminance_is_the_formula_s(blue: int, green: int, red: int) -> None:
    def light(code: int) -> float:
        value = code / 255
        return ((value + 0.055) / 1.055) ** 2.4 if value > 0.04045 else value / 12.92

    exact = 255 * (0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue))
    got = int(luminance_of(np.full((1, 1, 3), (blue, green, red), np.uint8))[0, 0])
    assert abs(got - math.floor(exact + 0.5)) <= (1 if abs(exact % 1 - 0.5) < 1e-3 else 0)


def test_ok_darkness_lowers_light_and_raises_under_exposure(finder: FaceFinder) -> None:
    rows = [measured(finder, darkened(astronaut(), factor)) for factor in (1.0, 0.7, 0.5, 0.35)]
    for name, rising in (
        ("LuminanceMean", False),
        ("UnderExposurePrevention", True),
        ("own.eye_light", False),
        ("DynamicRange", False),
    ):
        values = [row[name].native for row in rows]
        assert values == sorted(values, reverse=not rising), name


def test_ok_blur_lowers_focus_and_light_hardly_touches_it(finder: FaceFinder) -> None:
    values = [native(finder, blurred(astronaut(), sigma), "own.focus") for sigma in (0, 0.7, 1.4, 2.5, 4)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.5 * values[0]
    dark = native(finder, darkened(astronaut(), 0.5), "own.focus")
    assert dark == pytest.approx(values[0], rel=0.12)


@pytest.mark.parametrize("degrees", [-25, -10, 10, 25])
def test_ok_a_leaning_head_is_measured_and_nothing_else_changes(finder: FaceFinder, degrees: float) -> None:
    upright, leaning = measured(finder, astronaut()), measured(finder, turned(astronaut(), degrees))
    gained = leaning["HeadPoseRoll"].native - upright["HeadPoseRoll"].native
    assert gained == pytest.approx(degrees, abs=3)
    assert leaning["LuminanceMean"].native == pytest.approx(upright["LuminanceMean"].native, rel=0.05)
    assert leaning["InterEyeDistance"].native == pytest.approx(upright["InterEyeDistance"].native, rel=0.04)


def test_ok_sizes_and_margins_follow_the_picture(finder: FaceFinder) -> None:
    whole = measured(finder, astronaut())
    part = astronaut()[40:360, 120:400]
    cut = measured(finder, np.ascontiguousarray(part))
    large = measured(finder, cv2.resize(astronaut(), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    assert large["InterEyeDistance"].native == pytest.approx(2 * whole["InterEyeDistance"].native, rel=0.03)
    assert large["HeadSize"].native == pytest.approx(whole["HeadSize"].native, rel=0.03)
    assert cut["HeadSize"].native == pytest.approx(whole["HeadSize"].native * 512 / 320, rel=0.05)
    for side in ("LeftwardCropOfTheFaceImage", "MarginAboveOfTheFaceImage", "MarginBelowOfTheFaceImage"):
        assert cut[side].native < whole[side].native


def test_ok_closed_eyes_and_an_open_mouth_are_seen() -> None:
    """On a mesh whose lids and lips are moved: gaps over the distance from eyes to chin."""
    points = np.random.default_rng(0).uniform(0, 1, (478, 2))
    points[[33, 133, 362, 263]] = [(100, 100), (130, 100), (170, 100), (200, 100)]
    points[152] = (150, 200)
    points[468], points[473] = (115, 100), (185, 100)
    for upper, lower in face_measures.geometry.RIGHT_LIDS + face_measures.geometry.LEFT_LIDS:
        points[upper], points[lower] = (115, 96), (115, 104)
    for upper, lower in face_measures.geometry.INNER_LIPS:
        points[upper], points[lower] = (150, 170), (150, 172)
    found = face_measures.geometric(points, 300, 400)
    assert found["EyesOpen"].native == pytest.approx(0.08)
    assert found["MouthClosed"].native == pytest.approx(0.02)
    points[386] = points[374] = points[385] = points[380] = points[387] = points[373] = (185, 100)  # a wink
    points[14] = (150, 195)
    found = face_measures.geometric(points, 300, 400)
    assert (found["EyesOpen"].native, found["EyesOpen"].scalar) == (0.0, 12)
    assert found["MouthClosed"].native == pytest.approx(0.25)


def test_ok_light_from_one_side_is_seen_from_the_person_s_side(finder: FaceFinder) -> None:
    ramp = np.linspace(1.0, 0.35, 480)[None, :, None]  # bright at the picture's left: the person's right
    lit = (drawn(4) * ramp).astype(np.uint8)
    balance = measured(finder, lit)["own.light_balance"]
    assert balance.native < -0.3
    assert measured(finder, np.ascontiguousarray(lit[:, ::-1]))["own.light_balance"].native > 0.3


def test_ok_glare_in_the_eyes_is_seen(finder: FaceFinder) -> None:
    picture = astronaut()
    points = finder.find(picture)[0].mesh.points
    clear = pictorial(picture, points)["own.eye_reflection"]
    for iris in (468, 473):
        cv2.circle(picture, tuple(int(value) for value in points[iris]), 5, (255, 255, 255), -1)
    mirrored = pictorial(picture, points)["own.eye_reflection"]
    assert clear.scalar > 95
    assert mirrored.scalar < 70


def test_ok_colour_that_no_skin_has_is_far_away(finder: FaceFinder) -> None:
    picture = astronaut()
    points = finder.find(picture)[0].mesh.points
    assert pictorial(picture, points)["NaturalColour"].scalar == 100
    blue = np.ascontiguousarray(picture[:, :, ::-1])
    assert pictorial(blue, points)["NaturalColour"].scalar < 50


def detection(size: float) -> Detection:
    return Detection(0, 0, size, size, np.zeros((6, 2)), 0.9)


@pytest.mark.parametrize(
    ("sizes", "native", "scalar"),
    [((), 1.0, 0), ((80,), 0.0, 100), ((80, 40), 0.5, 50), ((30, 60, 60), 1.0, 0)],
)
def test_ok_a_second_face_counts_by_its_size(sizes: tuple[float, ...], native: float, scalar: int) -> None:
    measure = single_face([detection(size) for size in sizes])
    assert (measure.native, measure.scalar) == (pytest.approx(native), scalar)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-3, 1.0, 50.0, 400.0, 1e5]),
    st.integers(16, 300),
    st.integers(16, 300),
)
def test_ok_any_mesh_on_any_picture_is_measured(seed: int, spread: float, width: int, height: int) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    points = rng.normal(0, spread, (478, 2)) + rng.uniform(-100, 400, 2)
    found = measure_all(picture, Mesh(points, np.zeros(478), 1.0), [detection(50)])
    for name, measure in found.items():
        if measure.state is MeasureState.DONE:
            assert math.isfinite(measure.native), name
            assert 0 <= measure.scalar <= 100, name


def test_ok_the_vocabulary_is_whole() -> None:
    assert len(OFIQ_MEASURES) == 28
    assert set(NOT_MEASURED) < set(OFIQ_MEASURES)
    assert set(OFIQ_MEASURES) > SKIN_TONE_MEASURES
    assert len(set(INSTRUCTIONS)) == len(INSTRUCTIONS)
