"""Strangers' pictures, decoded here and nowhere else, and written anew as plain JPEG."""

import io
import stat
import warnings
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

MAX_SOURCE_BYTES = 4 * 1024 * 1024
"""DG2 is below 64 kB on real chips; four megabytes leave room for a reader's full page."""
MAX_PIXELS = 16_000_000
"""Decoded, 48 MB: what a small board can spare for one picture."""
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_FILE_PIXELS = 64_000_000
"""Of a picture that a person chose: the largest telephones' cameras; 192 MB for a moment."""
HALVED_PIXELS = 8_000_000
"""A larger JPEG is decoded at half its width and height: letters stay legible, and memory is a quarter."""
JPEG_TAIL_BYTES = 65_536
"""Cameras put some of their own behind a picture's end."""
FILE_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "JPEG2000", "PPM")
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


def read_file(path: Path) -> bytes:
    """The bytes of a picture's file.

    Raises:
        OSError: it cannot be read.
        PictureError: it is no plain file, or larger than any picture.
    """
    mode = path.stat()
    if not stat.S_ISREG(mode.st_mode):
        raise PictureError("It is no file.")
    if mode.st_size > MAX_FILE_BYTES:
        raise PictureError("The file is larger than any camera's.")
    return path.read_bytes()


def decode_picture(source: bytes) -> npt.NDArray[np.uint8]:
    """A picture file of any usual kind as (height, width, 3), BGR, upright, on white paper.

    Only the header is read before its size is known; a very large JPEG is decoded at half its size.

    Raises:
        PictureError: it is too large, damaged, or no picture.
    """
    if len(source) > MAX_FILE_BYTES:
        raise PictureError("The picture's file is larger than any camera's.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source), formats=FILE_FORMATS) as picture:
                if picture.width * picture.height > MAX_FILE_PIXELS:
                    raise PictureError(f"The picture has more than {MAX_FILE_PIXELS:,} points.")
                if picture.format == "JPEG":
                    return _decode_jpeg(source, halved=picture.width * picture.height > HALVED_PIXELS)
                ImageOps.exif_transpose(picture, in_place=True)
                pixels = np.array(_on_paper(picture))
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"The picture has more than {MAX_FILE_PIXELS:,} points.") from error
    except Exception as error:  # Pillow's decoders raise whatever they like on a hostile picture
        raise PictureError("The file is damaged, or no picture of a kind that is read.") from error
    cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR, pixels)  # in place: large pictures are not held twice
    return pixels


def _decode_jpeg(source: bytes, *, halved: bool) -> npt.NDArray[np.uint8]:
    """By OpenCV, which holds a large picture once and not three times, and turns it upright."""
    if source.rfind(b"\xff\xd9", -JPEG_TAIL_BYTES) < 0:
        raise PictureError("The picture's file is damaged: its end is missing.")
    kind = cv2.IMREAD_REDUCED_COLOR_2 if halved else cv2.IMREAD_COLOR
    pixels = cv2.imdecode(np.frombuffer(source, np.uint8), kind)
    if pixels is None:
        raise PictureError("The picture's file is damaged.")
    return np.asarray(pixels, np.uint8)


def _on_paper(picture: Image.Image) -> Image.Image:
    """Eight bits of red, green and blue; what is transparent shows white."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        deep = np.asarray(picture).astype(np.float64)
        top = 65535.0 if picture.mode != "F" or deep.max(initial=0) > 255 else 255.0
        return Image.fromarray(np.clip(deep * (255 / top), 0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        paper = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(paper, clear).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")
