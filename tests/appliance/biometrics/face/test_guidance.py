import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.biometrics.face.crop import Crop
from appliance.biometrics.face.guidance import GLASSES_AFTER, instruction_for
from appliance.contracts.face import INSTRUCTIONS, OFIQ_MEASURES, OWN_MEASURES, Measure
from appliance.face_settings import FaceProfile

ANY = (*OFIQ_MEASURES, *OWN_MEASURES)
BALANCED = {"own.light_balance": Measure(native=0.0, scalar=100)}


def crop(*missing: str) -> Crop:
    return Crop(np.eye(2, 3), 480, 640, 0.8, frozenset(missing))


@pytest.mark.parametrize(
    ("short", "expected"),
    [
        ((), None),
        (("SingleFacePresent", "EyesOpen"), "one_person"),
        (("InterEyeDistance",), "come_closer"),
        (("HeadPoseYaw",), "look_at_camera"),
        (("HeadPosePitch",), "look_at_camera"),
        (("HeadPoseRoll",), "head_upright"),
        (("EyesOpen",), "open_eyes"),
        (("MouthClosed",), "close_mouth"),
        (("own.focus",), "hold_still"),
        (("own.eye_light",), "more_light"),
        (("OverExposurePrevention",), "less_light"),
        (("own.eye_reflection",), "take_off_glasses"),
    ],
)
def test_ok_what_falls_short_is_said_the_first_first(short: tuple[str, ...], expected: str | None) -> None:
    assert instruction_for(short, BALANCED, crop()) == expected


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        # the picture's left is where the traveller's right is: they have to go to their left
        (("left",), "move_left"),
        (("right",), "move_right"),
        (("top",), "camera_up"),
        (("bottom",), "camera_down"),
        (("left", "right"), "step_back"),
        (("top", "bottom", "left"), "step_back"),
        ((), "step_back"),
    ],
)
def test_ok_into_the_picture_by_the_shortest_way(missing: tuple[str, ...], expected: str) -> None:
    assert instruction_for(("own.inside",), BALANCED, crop(*missing)) == expected


@pytest.mark.parametrize(("balance", "expected"), [(1.5, "light_from_right"), (-1.5, "light_from_left")])
def test_ok_light_is_asked_for_from_the_darker_side(balance: float, expected: str) -> None:
    measures = {
        "own.light_balance": Measure(native=balance, scalar=30)
    }  # positive: the left cheek is brighter
    for name in ("own.light_balance", "IlluminationUniformity"):
        assert instruction_for((name,), measures, crop()) == expected


def test_ok_eyes_that_stay_shut_may_be_behind_glasses() -> None:
    assert instruction_for(("EyesOpen",), BALANCED, crop(), shut_for=GLASSES_AFTER - 1) == "open_eyes"
    assert instruction_for(("EyesOpen",), BALANCED, crop(), shut_for=GLASSES_AFTER) == "take_off_glasses"


@pytest.mark.parametrize(
    ("eyes", "skin", "expected"),
    [(0.01, 0.3, "take_off_glasses"), (0.03, 0.02, "more_light"), (0.04, 0.05, "more_light")],
)
def test_ok_eyes_darker_than_skin_are_behind_dark_glasses_and_others_in_the_dark(
    eyes: float, skin: float, expected: str
) -> None:
    dark = {"own.eye_light": Measure(native=eyes, scalar=3)}
    skin_too = dark | {"LuminanceMean": Measure(native=skin, scalar=50)}
    assert instruction_for(("own.eye_light",), skin_too, crop()) == expected
    assert instruction_for(("own.eye_light",), dark, crop()) == "more_light"


@given(
    st.lists(st.sampled_from(ANY), max_size=6), st.sets(st.sampled_from(["left", "right", "top", "bottom"]))
)
def test_ok_whatever_falls_short_there_is_one_known_instruction(short: list[str], missing: set[str]) -> None:
    said = instruction_for(short, BALANCED, crop(*missing))
    assert (said is None) == (not short)
    assert said is None or said in INSTRUCTIONS


def test_ok_everything_that_the_profile_asks_for_can_be_said() -> None:
    profile = FaceProfile()
    for name in (*profile.required, *profile.advised):
        assert instruction_for((name,), BALANCED, crop("left")) is not None
