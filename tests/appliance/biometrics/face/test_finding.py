import cv2
import numpy as np
import pytest
from face_pictures import astronaut, before_the_camera, drawn, nobody

from appliance.biometrics.face.finding import MAX_MESHES, FaceFinder


def test_ok_one_person_is_one_face(finder: FaceFinder) -> None:
    assert len(finder.find(astronaut())) == 1


def test_ok_nobody_is_no_face(finder: FaceFinder) -> None:
    assert [len(finder.find(picture)) for picture in nobody()] == [0] * len(nobody())


def test_ok_two_people_are_two_the_nearer_first(finder: FaceFinder) -> None:
    scene = before_the_camera(at=(0.3, 0.5))
    scene[:, 760:] = before_the_camera(at=(0.78, 0.5), scale=0.7, seed=4)[:, 760:]
    near, far = finder.find(scene)
    assert near.detection.left < far.detection.left
    assert near.detection.area > far.detection.area


def test_ok_one_face_under_two_boxes_is_counted_once(
    finder: FaceFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = finder._detector.detect(astronaut())
    monkeypatch.setattr(finder._detector, "detect", lambda _picture: (one,) * (MAX_MESHES + 3))
    assert len(finder.find(astronaut())) == 1


@pytest.mark.parametrize("seed", [4, 6, 9, 11])
def test_ok_a_portrait_that_its_face_fills_is_found_with_room_around_it(
    finder: FaceFinder, seed: int
) -> None:
    tight = np.ascontiguousarray(drawn(seed, live=False)[140:440, 130:350])
    (face,) = finder.find_reference(tight)
    height, width = tight.shape[:2]
    eyes = face.mesh.points[[468, 473]]
    assert (eyes > 0).all()
    assert (eyes < (width, height)).all()
    (loose,) = finder.find(drawn(seed, live=False))
    assert np.allclose(eyes, loose.mesh.points[[468, 473]] - [130, 140], atol=6)


def test_ok_room_shifts_the_points_back(finder: FaceFinder, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the detector had needed the room."""
    real, calls = finder.find, []

    def second_time(picture: np.ndarray):
        calls.append(picture.shape)
        return () if len(calls) == 1 else real(picture)

    monkeypatch.setattr(finder, "find", second_time)
    (face,) = finder.find_reference(astronaut())
    assert calls == [(512, 512, 3), (768, 768, 3)]
    assert np.allclose(face.mesh.points[468], (203, 101), atol=4)
    assert face.detection.left < 203 < face.detection.left + face.detection.width


@pytest.mark.parametrize("turn", [0, 1], ids=["wide", "high"])
def test_ok_somebody_further_away_is_found_in_the_middle(finder: FaceFinder, turn: int) -> None:
    picture = before_the_camera(scale=0.5)
    if turn:
        picture = np.ascontiguousarray(picture[:, 440:840])
    assert turn or finder._detector.detect(picture) == ()
    (face,) = finder.find(picture)
    middle = face.mesh.points[[468, 473]].mean(axis=0)
    assert abs(middle[0] - picture.shape[1] / 2) < 15
    assert abs(middle[1] - (360 - 20)) < 15


def test_fail_no_face_in_a_reference(finder: FaceFinder) -> None:
    assert finder.find_reference(np.full((200, 150, 3), 90, np.uint8)) == ()


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3)])
def test_fail_a_sliver_holds_no_face(finder: FaceFinder, size: tuple[int, int]) -> None:
    assert finder.find(cv2.resize(astronaut(), size)) == ()
