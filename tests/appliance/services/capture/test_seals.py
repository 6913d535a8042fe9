"""Barcodes on pictures: found, read, and pictures that are none refused."""

import io

import numpy as np
import pytest
from PIL import Image

from appliance.services.capture import seals
from appliance.services.capture.pictures import PictureError
from appliance.services.capture.seals import read_barcodes, read_barcodes_of_file
from appliance.simulation.seal import build_seal, draw_seal

VISA = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<")
SEAL = build_seal(VISA)


def test_ok__a_printed_seal_is_read():
    assert read_barcodes_of_file(draw_seal(SEAL)) == (SEAL,)


@pytest.mark.parametrize("degrees", [3, 90, 187])
def test_ok__turned_and_photographed(degrees: int):
    picture = Image.open(io.BytesIO(draw_seal(SEAL, module=6))).convert("RGB")
    turned = np.asarray(picture.rotate(degrees, expand=True, fillcolor="white"), dtype=np.uint8)
    noisy = np.clip(turned.astype(int) + np.random.default_rng(1).normal(0, 12, turned.shape), 0, 255)
    assert read_barcodes(noisy.astype(np.uint8)) == (SEAL,)


def test_ok__a_picture_without_one():
    assert read_barcodes(np.full((200, 200), 255, dtype=np.uint8)) == ()


def test_ok__no_more_than_a_page_has(monkeypatch):
    monkeypatch.setattr(seals, "MAX_BARCODES", 1)
    one = Image.open(io.BytesIO(draw_seal(SEAL)))
    two = Image.new("L", (one.width * 2, one.height), 255)
    two.paste(one, (0, 0))
    two.paste(Image.open(io.BytesIO(draw_seal(build_seal(VISA, version=3)))), (one.width, 0))
    assert len(read_barcodes(np.asarray(two, dtype=np.uint8))) == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"not a picture", draw_seal(SEAL)[:60], bytes(17 * 1024 * 1024)],
    ids=["nothing", "words", "cut", "too_long"],
)
def test_fail__not_a_picture(data: bytes):
    with pytest.raises(PictureError):
        read_barcodes_of_file(data)


def test_fail__too_many_points():
    out = io.BytesIO()
    Image.new("1", (8_000, 5_000)).save(out, "PNG")
    with pytest.raises(PictureError, match="points"):
        read_barcodes_of_file(out.getvalue())
