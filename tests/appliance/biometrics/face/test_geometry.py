import math

import numpy as np
import pytest
from face_pictures import astronaut, turned
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.biometrics.face import geometry
from appliance.biometrics.face.finding import FaceFinder
from appliance.biometrics.face.geometry import _RIGID, FOCAL_LENGTH, moved, outline, pose_of

WIDTH, HEIGHT = 1280, 720


def seen(yaw: float, pitch: float, roll: float, *, far: float = 60.0) -> np.ndarray:
    """The canonical face, turned by these degrees (ISO/IEC 19794-5's signs), before a pinhole camera."""
    y, p, r = (math.radians(angle) for angle in (yaw, pitch, roll))
    # right in the picture, up, towards the camera
    about_up = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    about_side = np.array([[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]])
    about_view = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    turned_face = _RIGID[:, 1:] @ (about_view @ about_up @ about_side).T
    focal, depth = FOCAL_LENGTH * WIDTH, far - turned_face[:, 2]
    points = np.zeros((478, 2))
    points[_RIGID[:, 0].astype(int)] = np.column_stack(
        [WIDTH / 2 + focal * turned_face[:, 0] / depth, HEIGHT / 2 - focal * turned_face[:, 1] / depth]
    )
    return points


@settings(deadline=None)
@given(st.floats(-40, 40), st.floats(-30, 30))
def test_ok_yaw_and_pitch_come_out(yaw: float, pitch: float) -> None:
    pose = pose_of(seen(yaw, pitch, 0), WIDTH, HEIGHT)
    assert pose.yaw == pytest.approx(yaw, abs=0.5)
    assert pose.pitch == pytest.approx(pitch, abs=0.5)


@pytest.mark.parametrize("roll", [-40, -10, 0, 15, 35])
def test_ok_roll_comes_out(roll: float) -> None:
    """Positive leans to the person's right shoulder, which is the picture's left."""
    assert pose_of(seen(0, 0, roll), WIDTH, HEIGHT).roll == pytest.approx(roll, abs=0.5)


def test_ok_the_signs_are_those_of_the_standard(finder: FaceFinder) -> None:
    (upright,) = finder.find(astronaut())
    (leaning,) = finder.find(turned(astronaut(), 20))  # counter-clockwise: to the person's right shoulder
    gained = pose_of(leaning.mesh.points, 512, 512).roll - pose_of(upright.mesh.points, 512, 512).roll
    assert gained == pytest.approx(20, abs=3)
    to_the_left = seen(25, 0, 0)
    assert to_the_left[4][0] > (to_the_left[33][0] + to_the_left[263][0]) / 2  # the nose, in the picture
    assert pose_of(to_the_left, WIDTH, HEIGHT).yaw > 20


def test_fail_points_without_a_pose() -> None:
    nowhere = pose_of(np.full((478, 2), np.nan), WIDTH, HEIGHT)
    assert math.isnan(nowhere.yaw)
    assert math.isnan(nowhere.roll)


def test_ok_distances_are_in_pixels_of_the_picture(finder: FaceFinder) -> None:
    (face,) = finder.find(astronaut())
    points = face.mesh.points
    right, left = geometry.right_eye(points), geometry.left_eye(points)
    assert right[0] < left[0]
    assert geometry.distance(right, left) == pytest.approx(44, abs=3)
    assert geometry.eyes_to_chin(points) == pytest.approx(75, abs=5)
    doubled = moved(face.mesh, np.array([[2.0, 0, 5], [0, 2.0, 7]]))
    assert geometry.eyes_to_chin(doubled.points) == pytest.approx(2 * geometry.eyes_to_chin(points))
    assert np.allclose(doubled.depth, 2 * face.mesh.depth)


def test_ok_the_outline_holds_eyes_and_mouth_but_no_forehead(finder: FaceFinder) -> None:
    import cv2

    (face,) = finder.find(astronaut())
    hull = outline(face.mesh.points).astype(np.float32)
    inside = [
        cv2.pointPolygonTest(hull, tuple(map(float, face.mesh.points[at])), False) for at in (468, 473, 13)
    ]
    assert min(inside) > 0
    assert cv2.pointPolygonTest(hull, tuple(map(float, face.mesh.points[10])), False) < 0
