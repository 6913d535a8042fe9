"""Strangers' pictures, decoded here and nowhere else, and written anew as plain JPEG."""

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

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
    out = io.BytesIO()
    _decode(source, ("JPEG", "JPEG2000"), MAX_SOURCE_BYTES, MAX_SIDE).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def decode_pixels(
    source: bytes,
    *,
    formats: tuple[str, ...] = ("JPEG", "JPEG2000"),
    max_bytes: int = MAX_SOURCE_BYTES,
    max_side: int = MAX_SIDE,
) -> npt.NDArray[np.uint8]:
    """A picture as pixels (height, width, 3; BGR), upright, its longer side at most `max_side`.

    Raises:
        PictureError: it is too large, damaged, or of no such format.
    """
    picture = np.asarray(_decode(source, formats, max_bytes, max_side))
    return np.ascontiguousarray(picture[:, :, ::-1])


def _decode(source: bytes, formats: tuple[str, ...], max_bytes: int, max_side: int) -> Image.Image:
    if len(source) > max_bytes:
        raise PictureError("The picture is larger than any passport's.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source), formats=formats) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise PictureError("The picture has more points than this box decodes.")
                picture.thumbnail((max_side, max_side))
                return ImageOps.exif_transpose(picture).convert("RGB")
    except PictureError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever they like on a hostile picture
        raise PictureError("The picture is damaged or of an unknown kind.") from error
