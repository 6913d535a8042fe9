import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from face_pictures import astronaut, before_the_camera, drawn, nobody, turned

from appliance.commands import face as face_command
from appliance.contracts.face import NOT_MEASURED, OFIQ_MEASURES
from appliance.contracts.face_record import picture_of, write_record
from appliance.simulation.chip.files import build_dg2
from appliance.simulation.portraits import draw_portrait
from models.runtime import ModelError

CONFIG = """
[box]
device = "x"
post = "x"
[central]
sealing_key = "x"
watermark_key = "x"
[face]
fmr = {fmr}
[face.profile]
required = {required}
"""


@pytest.fixture
def lay(tmp_path: Path):
    def put(name: str, content: np.ndarray | bytes) -> Path:
        path = tmp_path / name
        if isinstance(content, np.ndarray):
            assert cv2.imwrite(str(path), content)
        else:
            path.write_bytes(content)
        return path

    return put


def test_ok__quality_json(borne, lay) -> None:
    answer = borne("face", "quality", lay("good.png", drawn(11)), "--json")
    assert (answer.code, answer.err) == (0, "")
    said = answer.json
    assert (said["verdict"], said["reason"], said["faces"]) == ("PASS", "good_enough", 1)
    assert (said["width"], said["height"]) == (480, 640)
    assert set(said["measures"]) >= set(OFIQ_MEASURES)
    assert said["measures"]["EyesOpen"]["state"] == "DONE"
    assert {name for name in OFIQ_MEASURES if said["measures"][name]["state"] == "NOT_DONE"} == set(
        NOT_MEASURED
    )
    right, left = said["landmarks"]["right_eye"], said["landmarks"]["left_eye"]
    assert right[0] < left[0]
    assert said["short"] == []


def test_ok__quality_for_people(borne, lay) -> None:
    answer = borne("face", "quality", lay("good.png", drawn(11)))
    assert answer.code == 0
    assert "PASS good_enough" in answer.out
    assert "needs_ofiq_network" in answer.out
    assert "other_pose_estimator" in answer.out


def test_fail__a_poor_picture_is_no(borne, lay) -> None:
    answer = borne("face", "quality", lay("far.png", astronaut()), "--json")
    assert answer.code == 1
    assert answer.json["verdict"] == "FAIL"
    assert "InterEyeDistance" in answer.json["short"]
    assert answer.json["instruction"] == "come_closer"
    people = borne("face", "quality", lay("far.png", astronaut()))
    assert people.code == 1
    assert "tell them: come_closer" in people.out


def test_fail__no_face(borne, could_not, lay) -> None:
    path = lay("coffee.png", nobody()[0])
    assert str(path) in could_not("face", "quality", path)
    answer = borne("face", "quality", path, "--json")
    assert (answer.code, answer.json["faces"], answer.json["verdict"]) == (2, 0, "CANNOT")


def test_ok__several_pictures_are_a_line_each_and_the_worst_counts(borne, lay) -> None:
    paths = [lay("good.png", drawn(11)), lay("far.png", astronaut()), lay("coffee.png", nobody()[0])]
    assert borne("face", "quality", *paths[:1], "--json").code == 0
    answer = borne("face", "quality", *paths[:2], "--json")
    assert [json.loads(line)["verdict"] for line in answer.out.splitlines()] == ["PASS", "FAIL"]
    assert answer.code == 1
    assert borne("face", "quality", *paths, "--json").code == 2


def test_ok__the_crop_is_kept_as_a_record(borne, could_not, lay, tmp_path: Path) -> None:
    out = tmp_path / "traveller.fac"
    path = lay("scene.png", before_the_camera())
    assert borne("face", "quality", path, "--record", out).code == 0
    assert picture_of(out.read_bytes()).startswith(b"\xff\xd8")
    assert borne("face", "quality", out, "--json").json["faces"] == 1  # and is read again
    assert "one picture" in could_not("face", "quality", path, path, "--record", out)
    assert "cannot be kept" in could_not("face", "quality", path, "--record", tmp_path / "absent" / "x.fac")


def test_fail__a_record_that_cannot_be_written(could_not, lay, monkeypatch, tmp_path: Path) -> None:
    from appliance.services.capture import portrait
    from appliance.services.capture.pictures import PictureError

    def refuse(_look: object) -> bytes:
        raise PictureError("It does not fit.")

    monkeypatch.setattr(portrait, "recorded", refuse)
    path = lay("scene.png", before_the_camera())
    assert "does not fit" in could_not("face", "quality", path, "--record", tmp_path / "x.fac")


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_ok__two_pictures_of_one_person(borne, lay, flags: tuple[str, ...]) -> None:
    answer = borne("face", "compare", lay("a.png", astronaut()), lay("b.jpg", turned(astronaut(), 9)), *flags)
    assert (answer.code, answer.err) == (0, "")
    if flags:
        said = answer.json
        assert said["verdict"] == "PASS"
        assert said["score"] > 0.8 > said["threshold"]
        assert said["model"] == "SFace 2021dec"
        assert said["calibrated"] > 30
    else:
        assert answer.out.startswith("PASS")


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_fail__two_people(borne, lay, flags: tuple[str, ...]) -> None:
    answer = borne("face", "compare", lay("a.png", astronaut()), lay("b.png", drawn(4)), *flags)
    assert (answer.code, answer.err) == (1, "")
    assert ("a human compares" in answer.out) or (answer.json["verdict"] == "FAIL")


def test_ok__a_chip_s_file_and_a_record_are_pictures_too(borne, lay) -> None:
    dg2 = lay("EF.DG2", build_dg2(draw_portrait(11)))
    live = lay("live.fac", write_record(draw_portrait(11, live=True), width=480, height=640))
    answer = borne("face", "compare", live, dg2, "--json")
    assert (answer.code, answer.json["verdict"]) == (0, "PASS")


def test_fail__no_face_in_one_of_them(borne, could_not, lay) -> None:
    face, coffee = lay("a.png", astronaut()), lay("coffee.png", nobody()[0])
    for pair in ((face, coffee), (coffee, face)):
        assert "coffee.png" in could_not("face", "compare", *pair)
        said = borne("face", "compare", *pair, "--json").json
        assert (said["score"], said["verdict"]) == (None, "CANNOT")


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", b"\x75\x05abcde", b"FAC\x00010\x00\xff", b"\xff\xd8\xff" + bytes(100), bytes(5000)],
    ids=["empty", "text", "no DG2", "no record", "no JPEG", "zeros"],
)
def test_fail__a_file_that_is_no_picture(could_not, lay, content: bytes) -> None:
    path = lay("x.bin", content)
    assert "x.bin" in could_not("face", "quality", path)
    assert "x.bin" in could_not("face", "compare", path, path)


def test_fail__no_file_or_too_large(could_not, tmp_path: Path, monkeypatch, lay) -> None:
    assert "cannot be read" in could_not("face", "quality", tmp_path / "absent.png")
    assert "cannot be read" in could_not("face", "compare", tmp_path, tmp_path)
    monkeypatch.setattr(face_command, "MAX_FILE_BYTES", 1000)
    assert "larger than" in could_not("face", "quality", lay("a.png", astronaut()))


def test_ok__profile_and_rate_come_from_a_configuration(borne, lay) -> None:
    far = lay("far.png", astronaut())
    lenient = lay("a.toml", CONFIG.format(fmr=0.001, required="{ MouthClosed = 10 }").encode())
    assert borne("face", "quality", far, "--config", lenient).code == 0
    strict = lay("b.toml", CONFIG.format(fmr=0.000001, required="{}").encode())
    said = borne("face", "compare", far, far, "--config", strict, "--json").json
    assert said["threshold"] == pytest.approx(0.75)
    assert said["fmr"] == 0.000001


def test_fail__a_configuration_that_is_none(could_not, lay, tmp_path: Path) -> None:
    far = lay("far.png", astronaut())
    assert "cannot be read" in could_not("face", "quality", far, "--config", tmp_path / "absent.toml")
    biased = lay("b.toml", CONFIG.format(fmr=0.001, required="{ LuminanceMean = 50 }").encode())
    assert "skin tone" in could_not("face", "quality", far, "--config", biased)


def test_fail__no_runtime_and_no_model(could_not, lay, monkeypatch, tmp_path: Path) -> None:
    from appliance.biometrics.face import comparison, finding

    face = lay("a.png", astronaut())

    def refuse(*_arguments: object) -> None:
        raise ModelError("No model runtime is installed.")

    monkeypatch.setattr(comparison, "FaceComparer", refuse)
    assert "No model runtime" in could_not("face", "compare", face, face)
    monkeypatch.setattr(finding, "FaceFinder", refuse)
    assert "No model runtime" in could_not("face", "quality", face)
