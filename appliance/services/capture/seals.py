"""Barcodes on a picture of a page: found and read here, judged by lane (ICAO Doc 9303-13)."""

import io
from typing import Any, Final

import numpy as np
import zxingcpp
from PIL import Image

from appliance.services.capture.pictures import MAX_PIXELS, MAX_SOURCE_BYTES, PictureError

MAX_BARCODES: Final = 8
MAX_BARCODE_BYTES: Final = 4_096
_FORMATS: Final[Any] = (  # a tuple is what the library asks for, whatever its stubs say
    zxingcpp.BarcodeFormat.DataMatrix,
    zxingcpp.BarcodeFormat.Aztec,
    zxingcpp.BarcodeFormat.QRCode,
)
"""Those that the standard allows for a seal."""


def read_barcodes(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> tuple[bytes, ...]:
    """What the two-dimensional barcodes on a picture hold (grey, or height x width x 3), each once."""
    found: dict[bytes, None] = {}
    for barcode in zxingcpp.read_barcodes(pixels, formats=_FORMATS):
        content = bytes(barcode.bytes)
        if 0 < len(content) <= MAX_BARCODE_BYTES:
            found[content] = None
        if len(found) == MAX_BARCODES:
            break
    return tuple(found)


def read_barcodes_of_file(source: bytes) -> tuple[bytes, ...]:
    """The same of a picture's file.

    Raises:
        PictureError: it is too large, damaged, or no picture.
    """
    if len(source) > 4 * MAX_SOURCE_BYTES:
        raise PictureError("The picture's file is larger than any camera's.")
    try:
        with Image.open(io.BytesIO(source)) as picture:
            if picture.width * picture.height > 2 * MAX_PIXELS:
                raise PictureError("The picture has more points than this box decodes.")
            grey = np.asarray(picture.convert("L"), dtype=np.uint8)
    except PictureError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever they like on a hostile picture
        raise PictureError("The picture is damaged or of an unknown kind.") from error
    return read_barcodes(grey)
