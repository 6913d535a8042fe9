"""Strangers' pictures, decoded here and nowhere else, and written anew as plain JPEG."""

import io
import warnings

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

MAX_SOURCE_BYTES = 4 * 1024 * 1024
"""DG2 is below 64 kB on real chips; four megabytes leave room for a reader's full page."""
MAX_PIXELS = 16_000_000
"""Decoded, 48 MB: what a small board can spare for one picture."""
MAX_SIDE = 1280
"""The screen shows nothing larger, and a record carries nothing larger."""
JPEG_QUALITY = 85


class PictureError(Exception):
    """A picture that is too large, damaged, or of a kind that is not read."""


def decode_portrait(source: bytes) -> bytes:
    """A JPEG or JPEG 2000 from a chip, as a plain JPEG without metadata.

    Raises:
        PictureError: it is too large, damaged, or neither JPEG nor JPEG 2000.
    """
    if len(source) > MAX_SOURCE_BYTES:
        raise PictureError("The picture is larger than any passport's.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source), formats=("JPEG", "JPEG2000")) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise PictureError("The picture has more points than this box decodes.")
                picture.thumbnail((MAX_SIDE, MAX_SIDE))
                out = io.BytesIO()
                picture.convert("RGB").save(out, "JPEG", quality=JPEG_QUALITY)
    except PictureError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever they like on a hostile picture
        raise PictureError("The picture is damaged or of an unknown kind.") from error
    return out.getvalue()


def encode_frame(pixels: npt.NDArray[np.uint8]) -> tuple[bytes, int, int]:
    """A camera's frame (height, width, 3; BGR) as JPEG, with the width and height that it has there.

    Raises:
        PictureError: the frame cannot be encoded.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, MAX_SIDE / max(height, width))
    if scale < 1.0:
        size = (round(width * scale), round(height * scale))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise PictureError("The frame cannot be written as JPEG.")
    return encoded.tobytes(), int(pixels.shape[1]), int(pixels.shape[0])
