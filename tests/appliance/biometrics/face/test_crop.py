import io

import cv2
import numpy as np
import pytest
from face_pictures import astronaut, before_the_camera, turned
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from appliance.biometrics.face.crop import (
    EYES_APART,
    EYES_DOWN,
    MAX_JPEG_BYTES,
    MAX_WIDTH,
    MIN_WIDTH,
    OUTSIDE,
    CropError,
    cut,
    token_crop,
    write_jpeg,
)
from appliance.biometrics.face.finding import FaceFinder
from appliance.biometrics.face.geometry import left_eye, right_eye
from models.face.sampling import carry


def points_with_eyes(right: tuple[float, float], left: tuple[float, float]) -> np.ndarray:
    points = np.zeros((478, 2))
    points[[33, 133]], points[[263, 362]] = right, left
    return points


@settings(deadline=None)
@given(st.floats(50, 900), st.floats(50, 600), st.floats(20, 300), st.floats(-60, 60))
def test_ok_the_eyes_lie_where_the_standard_wants_them(x: float, y: float, apart: float, tilt: float) -> None:
    """Token frontal (ISO/IEC 19794-5:2005): level, 0.25 W apart, 0.6 W down, W by 4/3 W."""
    points = points_with_eyes((x, y), (x + apart, y + apart * tilt / 100))
    crop = token_crop(points, 1280, 720)
    assert MIN_WIDTH <= crop.width <= MAX_WIDTH
    assert crop.height == round(crop.width * 4 / 3)
    right, left = carry(np.array([right_eye(points), left_eye(points)]), crop.matrix)
    assert np.allclose(right, [crop.width * (0.5 - EYES_APART / 2), crop.width * EYES_DOWN], atol=0.01)
    assert np.allclose(left, [crop.width * (0.5 + EYES_APART / 2), crop.width * EYES_DOWN], atol=0.01)


def test_ok_a_token_picture_is_also_within_the_bounds_of_full_frontal(finder: FaceFinder) -> None:
    """19794-5: middle of the face 0.45 to 0.55 W, eyes 0.3 to 0.5 H down, head 0.5 to 0.75 W wide."""
    (face,) = finder.find(astronaut())
    crop = token_crop(face.mesh.points, 512, 512)
    points = carry(face.mesh.points, crop.matrix)
    assert 0.45 <= (points[234][0] + points[454][0]) / 2 / crop.width <= 0.55
    assert 0.3 <= EYES_DOWN * crop.width / crop.height <= 0.5
    assert 0.5 <= (points[454][0] - points[234][0]) / crop.width <= 0.75


def test_ok_a_leaning_head_is_set_upright(finder: FaceFinder) -> None:
    (face,) = finder.find(turned(astronaut(), 20))
    crop = token_crop(face.mesh.points, 512, 512)
    right, left = carry(face.mesh.points[[33, 263]], crop.matrix)
    assert abs(right[1] - left[1]) < 0.02 * crop.width


@pytest.mark.parametrize(
    ("at", "missing"),
    [
        ((0.5, 0.5), set()),
        ((0.08, 0.5), {"left"}),
        ((0.92, 0.5), {"right"}),
        ((0.5, 0.16), {"top"}),
        ((0.5, 0.85), {"bottom"}),
    ],
)
def test_ok_it_is_known_what_the_camera_did_not_see(
    finder: FaceFinder, at: tuple[float, float], missing: set[str]
) -> None:
    picture = before_the_camera(at=at)
    (face,) = finder.find(picture)
    crop = token_crop(face.mesh.points, 1280, 720)
    assert crop.missing == missing
    assert (crop.inside > 0.99) == (not missing)


def test_ok_a_face_that_fills_the_picture_misses_sides_on_both_hands() -> None:
    crop = token_crop(points_with_eyes((200, 240), (440, 240)), 640, 480)
    assert {"left", "right"} <= crop.missing or {"top", "bottom"} <= crop.missing
    assert crop.inside < 0.6


def test_ok_what_the_camera_did_not_see_is_grey() -> None:
    picture = np.full((480, 640, 3), 250, np.uint8)
    crop = token_crop(points_with_eyes((20, 240), (80, 240)), 640, 480)
    pixels = cut(picture, crop)
    assert pixels.shape == (crop.height, crop.width, 3)
    assert pixels[160, 2].tolist() == [OUTSIDE] * 3
    assert pixels[160, 200].tolist() == [250] * 3


def test_ok_eyes_that_are_one_point_make_no_crash() -> None:
    with pytest.raises(ValueError, match="no direction"):
        token_crop(points_with_eyes((5, 5), (5, 5)), 100, 100)


@pytest.mark.parametrize("noise", [0, 40, 120])
def test_ok_the_jpeg_fits_and_is_as_good_as_fits(noise: int) -> None:
    rng = np.random.default_rng(1)
    smooth = cv2.resize(astronaut(), (480, 640))
    picture = np.clip(smooth + rng.normal(0, noise or 1e-9, smooth.shape), 0, 255).astype(np.uint8)
    jpeg = write_jpeg(picture)
    assert len(jpeg) <= MAX_JPEG_BYTES
    opened = Image.open(io.BytesIO(jpeg))
    assert (opened.format, opened.size) == ("JPEG", (480, 640))


def test_fail_a_jpeg_that_fits_at_no_quality() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (640, 480, 3), dtype=np.uint8)
    with pytest.raises(CropError, match="does not fit into 400"):
        write_jpeg(noise, max_bytes=400)


def test_fail_a_picture_that_opencv_cannot_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(CropError, match="cannot be written"):
        write_jpeg(astronaut())
