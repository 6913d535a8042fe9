import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
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


def saved(picture: Image.Image, kind: str, **settings) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **settings)
    return out.getvalue()


RED = Image.new("RGB", (40, 20), (200, 30, 30))


@pytest.mark.parametrize(
    ("source", "colour"),
    [
        (saved(RED, "PNG"), (30, 30, 200)),
        (saved(RED, "JPEG", quality=95), (30, 30, 200)),
        (saved(RED.convert("CMYK"), "JPEG", quality=95), (30, 30, 200)),
        (saved(RED, "WEBP", lossless=True), (30, 30, 200)),
        (saved(RED, "BMP"), (30, 30, 200)),
        (saved(RED, "TIFF"), (30, 30, 200)),
        (saved(RED.quantize(4), "GIF"), (30, 30, 200)),
        (saved(RED.convert("L"), "PNG"), (81, 81, 81)),
        (saved(Image.fromarray(np.full((20, 40), 0x8000, np.uint16)), "PNG"), (127, 127, 127)),
        (saved(Image.new("RGBA", (40, 20), (0, 0, 0, 0)), "PNG"), (255, 255, 255)),
        (saved(Image.new("LA", (40, 20), (0, 0)), "PNG"), (255, 255, 255)),
    ],
    ids=["png", "jpeg", "cmyk", "webp", "bmp", "tiff", "gif", "grey", "16-bit", "clear", "grey and clear"],
)
def test_ok__every_usual_kind(source: bytes, colour: tuple[int, int, int]) -> None:
    picture = pictures.decode_picture(source)
    assert picture.shape == (20, 40, 3)
    assert np.abs(picture[10, 20].astype(int) - colour).max() <= 8


def test_ok__turned_as_its_camera_says() -> None:
    tall = Image.new("RGB", (20, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert pictures.decode_picture(saved(tall, "JPEG", exif=exif)).shape == (20, 40, 3)


def test_ok__of_an_animation_the_first_picture() -> None:
    frames = [Image.new("RGB", (40, 20), colour) for colour in ("red", "blue")]
    moving = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pictures.decode_picture(moving)[0, 0, 2] > 200


def huge_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and has nothing behind it."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return start + struct.pack(">I", 8) + b"IDAT" + bytes(12)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (huge_header(20_000, 10_000), "points"),
        (huge_header(2**31 - 1, 2**31 - 1), "points"),
        (saved(RED.resize((400, 400)), "JPEG")[:-300], "damaged"),
        (saved(RED, "PNG")[:60], "damaged"),
        (b"", "damaged"),
        (b"\xff\xd8\xff" + bytes(100), "damaged"),
        (b"%PDF-1.7 no picture", "damaged"),
        (bytes(pictures.MAX_FILE_BYTES + 1), "larger than any camera"),
    ],
    ids=["200 megapixels", "overflow", "cut jpeg", "cut png", "empty", "rubbish", "pdf", "too long"],
)
def test_fail__what_is_no_picture(source: bytes, said: str) -> None:
    with pytest.raises(pictures.PictureError, match=said):
        pictures.decode_picture(source)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=200),
    st.integers(0, 400),
    st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"]),
)
def test_ok__a_damaged_file_is_a_picture_or_an_error(damage: bytes, at: int, kind: str) -> None:
    whole = saved(RED, kind)
    at = at % len(whole)
    with contextlib.suppress(pictures.PictureError):
        picture = pictures.decode_picture(whole[:at] + damage + whole[at + len(damage) :])
        assert picture.ndim == 3


def test_fail__files(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such"):
        pictures.read_file(tmp_path / "none.png")
    with pytest.raises(pictures.PictureError, match="no file"):
        pictures.read_file(tmp_path)
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(pictures.MAX_FILE_BYTES + 1)
    with pytest.raises(pictures.PictureError, match="larger"):
        pictures.read_file(large)
