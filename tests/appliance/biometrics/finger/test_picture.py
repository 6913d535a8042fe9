"""Pictures: what is one finger's, what is not, and files of strangers."""

import io
import sys

import numpy as np
import pytest
from finger_prints import print_of
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from appliance.biometrics.finger import picture_file
from appliance.biometrics.finger.picture import FingerPicture, FingerPictureError
from appliance.biometrics.finger.picture_file import decoded, png_of

GREY = np.full((200, 160), 200, np.uint8)


def test_ok_another_resolution_becomes_500_dpi() -> None:
    assert FingerPicture(GREY, 1000.0).at_working_resolution().shape == (100, 80)
    assert FingerPicture(GREY, 250.0).at_working_resolution().shape == (400, 320)
    assert FingerPicture(GREY, 502.0).at_working_resolution() is GREY


@pytest.mark.parametrize(
    ("pixels", "dpi"),
    [
        (np.zeros((200, 160, 3), np.uint8), 500.0),
        (np.zeros((200, 160), np.float32), 500.0),
        (GREY, 72.0),
        (GREY, float("nan")),
        (GREY, 5000.0),
        (np.zeros((40, 300), np.uint8), 500.0),
        (np.zeros((80, 80), np.uint8), 1000.0),
        (np.zeros((5000, 100), np.uint8), 1000.0),
        (np.zeros((2000, 2000), np.uint8), 500.0),
    ],
)
def test_fail_no_single_finger(pixels: np.ndarray, dpi: float) -> None:
    with pytest.raises(FingerPictureError) as said:
        FingerPicture(pixels, dpi)
    assert str(said.value).endswith(".")


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "PPM"])
def test_ok_files_without_loss(form: str) -> None:
    file = io.BytesIO()
    Image.fromarray(print_of(7)).save(file, form, dpi=(500, 500))
    answer = decoded(file.getvalue())
    assert (answer.pixels == print_of(7)).all()
    assert answer.dpi is None or answer.dpi == pytest.approx(500, abs=1)


def test_ok_a_resolution_that_nobody_meant_is_not_believed() -> None:
    for dpi in (72, 96, 300):
        file = io.BytesIO()
        Image.fromarray(GREY).save(file, "PNG", dpi=(dpi, dpi))
        assert decoded(file.getvalue()).dpi is None


def test_ok_png_of_ours_is_read_again() -> None:
    assert (decoded(png_of(print_of(7))).pixels == print_of(7)).all()


@given(st.binary(max_size=300))
def test_fail_hostile_bytes(content: bytes) -> None:
    with pytest.raises(FingerPictureError):
        decoded(content)


@given(st.integers(0, 5000), st.binary(min_size=1, max_size=4))
def test_fail_a_damaged_file_is_a_picture_or_refused(at: int, put: bytes) -> None:
    whole = png_of(GREY)
    at %= len(whole)
    try:
        picture = decoded(whole[:at] + put + whole[at + len(put) :])
    except FingerPictureError:
        return
    assert picture.pixels.ndim == 2


def test_fail_larger_than_any() -> None:
    with pytest.raises(FingerPictureError, match="larger"):
        decoded(bytes(picture_file.MAX_FILE_BYTES + 1))
    file = io.BytesIO()
    Image.new("1", (5000, 20)).save(file, "PNG")
    with pytest.raises(FingerPictureError, match="4096"):
        decoded(file.getvalue())


def test_fail_wsq_without_its_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wsq", None)
    with pytest.raises(FingerPictureError, match="package wsq is not installed"):
        decoded(b"\xff\xa0\xff\xa8")


def test_ok_wsq_where_it_is_installed() -> None:
    pytest.importorskip("wsq")
    file = io.BytesIO()
    Image.fromarray(print_of(7)).save(file, "WSQ")
    pixels = decoded(file.getvalue()).pixels
    assert pixels.shape == print_of(7).shape
    assert np.abs(pixels.astype(int) - print_of(7)).mean() < 8  # WSQ loses a little


def test_fail_damaged_wsq() -> None:
    pytest.importorskip("wsq")
    with pytest.raises(FingerPictureError):
        decoded(b"\xff\xa0" + bytes(100))
