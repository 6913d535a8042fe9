import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from appliance.services.capture import pictures
from appliance.services.capture.pictures import PictureError, decode_portrait, encode_frame
from appliance.simulation.portraits import draw_portrait


def encoded(kind: str, size: tuple[int, int] = (200, 300)) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(draw_portrait(3))).resize(size).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_ok_both_kinds_of_a_chips_picture(kind):
    picture = Image.open(io.BytesIO(decode_portrait(encoded(kind))))
    assert (picture.format, picture.size) == ("JPEG", (200, 300))


def test_ok_a_large_picture_is_made_small():
    assert (
        max(Image.open(io.BytesIO(decode_portrait(encoded("JPEG", (2000, 3000))))).size) == pictures.MAX_SIDE
    )


def test_fail_other_kinds():
    with pytest.raises(PictureError, match="unknown kind"):
        decode_portrait(encoded("PNG"))


def test_fail_too_many_bytes():
    with pytest.raises(PictureError, match="larger than"):
        decode_portrait(b"\xff\xd8" + bytes(pictures.MAX_SOURCE_BYTES))


def test_fail_too_many_points(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    with pytest.raises(PictureError, match="more points"):
        decode_portrait(encoded("JPEG"))


@given(
    cut=st.integers(0, 5000),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
)
def test_fail_damaged_pictures_are_a_picture_error_or_a_picture(cut, flips):
    damaged = bytearray(JPEG2000)
    for at, value in flips:
        damaged[at % len(damaged)] = value
    try:
        decoded = decode_portrait(bytes(damaged[: max(1, len(damaged) - cut)]))
    except PictureError:
        return
    assert decoded.startswith(b"\xff\xd8")


JPEG2000 = encoded("JPEG2000", (60, 80))


def test_ok_a_frame_keeps_its_size_and_a_large_one_is_made_small():
    _jpeg, width, height = encode_frame(np.zeros((480, 640, 3), np.uint8))
    assert (width, height) == (640, 480)
    _jpeg, width, height = encode_frame(np.zeros((1080, 1920, 3), np.uint8))
    assert (width, height) == (1280, 720)
