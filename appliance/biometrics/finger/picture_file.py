"""Fingerprint pictures out of strangers' bytes: PNG, TIFF, BMP, PGM, JPEG, JPEG 2000; WSQ where `wsq` is
installed.

WSQ is the FBI's wavelet coding (IAFIS-IC-0110). Its decoder is an extra, because it has no wheel for ARM.
"""

import io
import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Final

import cv2
import numpy as np
from PIL import Image

from appliance.biometrics.finger.picture import MAX_SIDE, FingerPictureError, GreyMap, grey

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
FORMATS: Final = ("PNG", "TIFF", "BMP", "PPM", "JPEG", "JPEG2000")
WSQ_MAGIC: Final = b"\xff\xa0"
"""The marker SOI of WSQ."""


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """Pixels, and the resolution if the file states one."""

    pixels: GreyMap
    dpi: float | None


def decoded(content: bytes) -> DecodedPicture:
    """The picture in a file.

    Raises:
        FingerPictureError: no picture, one that is too large, or WSQ without its decoder.
    """
    if len(content) > MAX_FILE_BYTES:
        raise FingerPictureError("The file is larger than any fingerprint picture.")
    if content.startswith(WSQ_MAGIC):
        _register_wsq()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            formats = ("WSQ",) if content.startswith(WSQ_MAGIC) else FORMATS
            with Image.open(io.BytesIO(content), formats=formats) as picture:
                if max(picture.size) > MAX_SIDE:
                    raise FingerPictureError(f"The picture is larger than {MAX_SIDE} pixels.")
                dpi = _stated_dpi(picture)
                return DecodedPicture(np.asarray(picture.convert("L"), dtype=np.uint8), dpi)
    except FingerPictureError:
        raise
    except Exception as error:  # a decoder may raise anything at all on a stranger's bytes
        raise FingerPictureError("This is no picture that can be read.") from error


def png_of(pixels: GreyMap) -> bytes:
    """Without loss."""
    return bytes(grey(cv2.imencode(".png", pixels)[1]))


def _stated_dpi(picture: Image.Image) -> float | None:
    """What the file says, if a sensor can have it: programs write 72, 96 or 300 and mean nothing by it."""
    stated = picture.info.get("dpi")
    try:
        x, y = (float(each) for each in stated)  # type: ignore[union-attr]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return x if abs(x - y) < 1 and 450 <= x <= 1050 else None


def _register_wsq() -> None:
    try:
        import_module("wsq")  # registers itself with Pillow
    except ImportError as error:
        raise FingerPictureError("This is a WSQ picture, and the package wsq is not installed.") from error
