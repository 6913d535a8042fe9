import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from appliance.services.capture import pictures
from appliance.services.capture.pictures import PictureError, decode_pixels, decode_portrait
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


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_ok_the_pixels_are_blue_green_red_and_upright(kind):
    red = Image.new("RGB", (40, 60), (250, 10, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter
    out = io.BytesIO()
    red.save(out, kind, **({"exif": exif} if kind == "JPEG" else {}))
    pixels = decode_pixels(out.getvalue())
    assert pixels.shape == ((40, 60, 3) if kind == "JPEG" else (60, 40, 3))
    assert all(abs(got - want) < 12 for got, want in zip(pixels[20, 20], (20, 10, 250), strict=True))
    assert pixels.flags["C_CONTIGUOUS"]


def test_ok_grey_and_transparent_pictures_become_colour():
    for mode in ("L", "P", "RGBA", "LA"):
        out = io.BytesIO()
        Image.new(mode, (20, 30)).save(out, "PNG")
        assert decode_pixels(out.getvalue(), formats=("PNG",)).shape == (30, 20, 3)


def test_fail_pixels_of_what_is_too_large_or_no_picture():
    with pytest.raises(PictureError, match="larger than"):
        decode_pixels(JPEG2000, max_bytes=100)
    with pytest.raises(PictureError, match="unknown kind"):
        decode_pixels(encoded("PNG"))
