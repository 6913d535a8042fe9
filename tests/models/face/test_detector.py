import cv2
import numpy as np
import pytest
from face_pictures import astronaut, before_the_camera, drawn, nobody
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.face.detector import MAX_FACES, FaceDetector, _suppress


def test_ok_a_face_is_found_where_it_is(detector: FaceDetector) -> None:
    (face,) = detector.detect(astronaut())
    assert face.left < 225 < face.left + face.width
    assert face.top < 125 < face.top + face.height
    right_eye, left_eye = face.points[0], face.points[1]
    assert np.allclose(right_eye, (203, 101), atol=6)
    assert np.allclose(left_eye, (247, 103), atol=8)


@pytest.mark.parametrize("seed", range(12))
def test_ok_drawn_people_are_found(detector: FaceDetector, seed: int) -> None:
    assert len(detector.detect(drawn(seed))) == 1


def test_ok_the_place_does_not_depend_on_the_size_of_the_picture(detector: FaceDetector) -> None:
    (small,) = detector.detect(astronaut())
    large = cv2.resize(astronaut(), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    (found,) = detector.detect(large)
    assert found.left / 3 == pytest.approx(small.left, abs=3)
    assert found.width / 3 == pytest.approx(small.width, rel=0.05)


@pytest.mark.parametrize("at", [(0.2, 0.5), (0.8, 0.5)])
def test_ok_in_a_wide_picture_it_is_found_at_the_side(
    detector: FaceDetector, at: tuple[float, float]
) -> None:
    (face,) = detector.detect(before_the_camera(at=at))
    assert face.left + face.width / 2 == pytest.approx(at[0] * 1280, abs=40)


def test_ok_two_people_are_two_faces_the_larger_first(detector: FaceDetector) -> None:
    scene = before_the_camera(at=(0.3, 0.5))
    other = before_the_camera(at=(0.78, 0.5), scale=0.6, seed=4)
    scene[:, 760:] = other[:, 760:]
    faces = detector.detect(scene)
    assert len(faces) == 2
    assert faces[0].area > faces[1].area
    assert faces[0].left < faces[1].left


def test_ok_nobody_is_seldom_taken_for_somebody_and_the_mesh_says_the_rest(detector: FaceDetector) -> None:
    assert sum(len(detector.detect(picture)) for picture in nobody()) <= 2


@settings(max_examples=15, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_ok_any_picture_gives_faces_or_none(detector: FaceDetector, picture: np.ndarray) -> None:
    for face in detector.detect(picture):
        assert np.isfinite(face.points).all()
        assert 0.5 <= face.score <= 1


def test_ok_overlapping_boxes_are_one_face_and_a_crowd_is_cut() -> None:
    one = np.array([0.1, 0.1, 0.3, 0.3, *[0.2] * 12])
    close = one + 0.01
    apart = one + 0.5
    kept = _suppress(np.array([one, close, apart]), np.array([0.9, 0.8, 0.7]))
    assert [round(score, 2) for _, score in kept] == [0.9, 0.7]
    assert 0.1 < kept[0][0][0] < 0.11  # blended
    many = np.array(
        [[x, y, x + 0.01, y + 0.01, *[0.0] * 12] for x in (0.1, 0.3, 0.5, 0.7) for y in (0.1, 0.3, 0.5)]
    )
    assert len(_suppress(many, np.full(len(many), 0.9))) == MAX_FACES
