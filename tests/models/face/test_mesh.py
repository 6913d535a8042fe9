import cv2
import numpy as np
import pytest
from face_pictures import astronaut, drawn, nobody, turned

from models.face.detector import Detection, FaceDetector
from models.face.mesh import LEFT_IRIS, POINTS, RIGHT_IRIS, FaceMesh, Mesh
from models.face.mesh_parts import LEFT_EYE_REGION, LIPS, RIGHT_EYE_REGION
from models.runtime import ModelError


def mesh_of(picture: np.ndarray, detector: FaceDetector, finder: FaceMesh) -> Mesh:
    mesh = finder.find(picture, detector.detect(picture)[0])
    assert mesh is not None
    return mesh


def test_ok_every_part_lies_where_it_belongs(detector: FaceDetector, mesh_finder: FaceMesh) -> None:
    mesh = mesh_of(astronaut(), detector, mesh_finder)
    assert mesh.points.shape == (POINTS, 2)
    assert mesh.depth.shape == (POINTS,)
    assert mesh.presence > 0.99
    pupils = {"right": mesh.points[RIGHT_IRIS][0], "left": mesh.points[LEFT_IRIS][0]}
    # as an eye reads them off the picture
    assert np.allclose(pupils["right"], (203, 101), atol=3)
    assert np.allclose(pupils["left"], (247, 103), atol=3)
    assert np.allclose(mesh.points[[61, 291]].mean(axis=0), (224, 139), atol=4)
    assert mesh.points[152][1] > mesh.points[14][1] > mesh.points[1][1] > mesh.points[10][1]
    for side, region, edge in (("right", RIGHT_EYE_REGION, RIGHT_IRIS), ("left", LEFT_EYE_REGION, LEFT_IRIS)):
        lids = mesh.points[list(region[:16])]
        low, high = lids.min(axis=0), lids.max(axis=0)
        assert (low <= pupils[side]).all(), side
        assert (pupils[side] <= high).all(), side
        radius = np.linalg.norm(mesh.points[edge][1:] - pupils[side], axis=1)
        assert radius.max() < 1.6 * radius.min()


def test_ok_the_nose_is_nearest_to_the_camera(detector: FaceDetector, mesh_finder: FaceMesh) -> None:
    mesh = mesh_of(astronaut(), detector, mesh_finder)
    assert mesh.depth[[1, 4, 5]].max() < mesh.depth[[234, 454, 127, 356]].min()


@pytest.mark.parametrize("degrees", [-30, -10, 15, 30])
def test_ok_a_leaning_head_is_followed(detector: FaceDetector, mesh_finder: FaceMesh, degrees: float) -> None:
    upright = mesh_of(astronaut(), detector, mesh_finder)
    leaning = mesh_of(turned(astronaut(), degrees), detector, mesh_finder)
    matrix = cv2.getRotationMatrix2D((256, 256), degrees, 1.0)
    expected = upright.points @ matrix[:, :2].T + matrix[:, 2]
    eyes = float(np.linalg.norm(upright.points[468] - upright.points[473]))
    inner = [*LIPS, *RIGHT_EYE_REGION[:16], *LEFT_EYE_REGION[:16]]
    errors = np.linalg.norm(leaning.points[inner] - expected[inner], axis=1)
    assert float(np.median(errors)) < 0.05 * eyes


def test_fail_a_flower_is_no_face(detector: FaceDetector, mesh_finder: FaceMesh) -> None:
    for picture in nobody():
        for detection in detector.detect(picture):
            assert mesh_finder.find(picture, detection) is None


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 100.0, 100.0), (-500.0, -500.0, 10.0, 10.0), (5.0, 5.0, 0.0, 0.0)]
)
def test_fail_a_box_with_nothing_in_it(mesh_finder: FaceMesh, box: tuple[float, float, float, float]) -> None:
    left, top, width, height = box
    points = np.array([[left, top], [left + width, top], *[[left, top]] * 4])
    grey = np.full((200, 200, 3), 128, np.uint8)
    assert mesh_finder.find(grey, Detection(left, top, width, height, points, 0.9)) is None


def test_fail_a_graph_that_cannot_run_on_what_it_sees_is_no_face(
    detector: FaceDetector, mesh_finder: FaceMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        raise ModelError("gather_nd index out of bounds")

    monkeypatch.setattr(mesh_finder._attention, "run", refuse)
    assert mesh_finder.find(astronaut(), detector.detect(astronaut())[0]) is None


def test_ok_the_same_picture_gives_the_same_mesh(detector: FaceDetector, mesh_finder: FaceMesh) -> None:
    one, other = (mesh_of(drawn(), detector, mesh_finder) for _ in range(2))
    assert np.array_equal(one.points, other.points)


def test_ok_the_parts_are_different_points_of_the_mesh() -> None:
    for part, length in ((LIPS, 80), (RIGHT_EYE_REGION, 71), (LEFT_EYE_REGION, 71)):
        assert len(set(part)) == len(part) == length
        assert max(part) < 468
    assert not set(RIGHT_EYE_REGION) & set(LEFT_EYE_REGION)
