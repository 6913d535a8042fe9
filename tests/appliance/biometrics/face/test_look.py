import numpy as np
import pytest
from face_pictures import astronaut, before_the_camera

from appliance.biometrics.face.crop import write_jpeg
from appliance.biometrics.face.finding import FaceFinder
from appliance.biometrics.face.look import (
    POSE_MEASURES,
    cut_out,
    look_at,
    measures_as_it_is,
    measures_of_recorded,
)
from appliance.contracts.face import OFIQ_MEASURES, OWN_MEASURES
from appliance.face_settings import FaceProfile
from appliance.services.capture.pictures import decode_pixels

PROFILE = FaceProfile()


def test_ok_what_is_judged_is_what_will_be_kept(finder: FaceFinder) -> None:
    look = look_at(finder, before_the_camera(), PROFILE)
    recorded = decode_pixels(write_jpeg(cut_out(look)))
    kept = measures_of_recorded(look, recorded)
    assert set(kept) == {*OFIQ_MEASURES, *OWN_MEASURES}
    for name in ("InterEyeDistance", "HeadSize", "MarginAboveOfTheFaceImage", "EyesOpen", "LuminanceMean"):
        assert kept[name].native == pytest.approx(look.measures[name].native, rel=0.03), name
    for name in (*POSE_MEASURES, "SingleFacePresent", "own.inside"):
        assert kept[name] == look.measures[name]
    assert PROFILE.falls_short(kept) == ()


def test_ok_a_portrait_is_judged_as_it_is(finder: FaceFinder) -> None:
    look = look_at(finder, astronaut(), PROFILE)
    measures = measures_as_it_is(look)
    assert measures["HeadSize"].native == pytest.approx(0.146, abs=0.01)  # of 512 lines, uncropped
    assert look.measures["HeadSize"].native > 0.25
    assert "InterEyeDistance" in PROFILE.falls_short(measures)


def test_ok_without_a_face_there_is_only_the_picture(finder: FaceFinder) -> None:
    picture = np.full((60, 80, 3), 7, np.uint8)
    look = look_at(finder, picture, PROFILE)
    assert (look.face, look.crop, look.measures, look.good) == (None, None, {}, False)
    assert cut_out(look) is picture
    assert look.instruction(with_advice=True) == "stand_in_front"


def test_ok_a_face_is_better_than_none_and_good_better_than_poor(finder: FaceFinder) -> None:
    nobody = look_at(finder, np.full((72, 128, 3), 7, np.uint8), PROFILE)
    far = look_at(finder, before_the_camera(scale=0.5), PROFILE)
    good = look_at(finder, before_the_camera(), PROFILE)
    assert nobody.better_than(None)
    assert far.better_than(nobody)
    assert good.better_than(far)
    assert not far.better_than(good)
