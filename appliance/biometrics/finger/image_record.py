"""Finger image records of ISO/IEC 19794-4:2005 (clause 7), the format of a chip's DG3, to the byte.

What is read is written again exactly. The pictures inside are handed on as they are; `pixels_of` gives the
grey values of those that are not compressed, or by PNG, JPEG, JPEG 2000, or WSQ where `wsq` is installed.
"""

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from appliance.biometrics.finger.picture import FingerPicture, FingerPictureError, GreyMap
from appliance.biometrics.finger.picture_file import decoded

FORMAT: Final = b"FIR\0"
VERSION: Final = b"010\0"
MAX_RECORD_BYTES: Final = 4 * 1024 * 1024
"""Ten fingers of 500 x 500 pixels, not compressed, have 2.5 MB."""
MAX_POSITION: Final = 15
"""Table 6: 0 unknown to 10 left little finger, 13 to 15 the fours and the thumbs; palms are not ours."""
NOT_COMPRESSED: Final = 0
BIT_PACKED: Final = 1
WSQ: Final = 2
JPEG: Final = 3
JPEG2000: Final = 4
PNG: Final = 5
"""Table 3."""
PER_INCH: Final = 1
PER_CENTIMETRE: Final = 2

_HEADER: Final = struct.Struct(">4s4s6s2sHBBHHHHBB2s")
"""Format, version, length, device, acquisition level, fingers, units, resolutions, depth, coding, reserved
(7.1)."""
_FINGER: Final = struct.Struct(">IBBBBBHHB")
"""Length, position, views, view number, quality, impression type, width, height, reserved (7.2)."""


class ImageRecordError(ValueError):
    """Bytes that are no record of ISO/IEC 19794-4:2005, or values that none can hold, in one plain
    sentence."""


@dataclass(frozen=True, slots=True)
class FingerView:
    """One picture of one finger."""

    position: int
    width: int
    height: int
    content: bytes
    views: int = 1
    number: int = 1
    quality: int = 254
    """The standard of 2005 keeps the byte for later and has 254 for none."""
    impression_type: int = 0


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """A whole record."""

    fingers: tuple[FingerView, ...]
    compression: int
    scan_x: int = 500
    scan_y: int = 500
    image_x: int = 500
    image_y: int = 500
    units: int = PER_INCH
    acquisition_level: int = 31
    """Annex A: 31 is 500 dpi and 256 grey levels."""
    depth: int = 8
    device: bytes = bytes(2)


def write_images(record: ImageRecord) -> bytes:
    """The record's bytes.

    Raises:
        ImageRecordError: a value that its field cannot hold.
    """
    try:
        body = b"".join(
            _FINGER.pack(
                _FINGER.size + len(each.content), each.position, each.views, each.number, each.quality,
                each.impression_type, each.width, each.height, 0,
            ) + each.content
            for each in record.fingers
        )  # fmt: skip
        length = (_HEADER.size + len(body)).to_bytes(6, "big")
        header = _HEADER.pack(
            FORMAT, VERSION, length, record.device, record.acquisition_level, len(record.fingers),
            record.units, record.scan_x, record.scan_y, record.image_x, record.image_y, record.depth,
            record.compression, bytes(2),
        )  # fmt: skip
    except struct.error as error:
        raise ImageRecordError("A size or code does not fit into a finger image record.") from error
    written = header + body
    if read_images(written) != record:
        raise ImageRecordError("The finger image record would not be read as it was meant.")
    return written


def read_images(content: bytes) -> ImageRecord:
    """What the bytes say; no picture is decoded.

    Raises:
        ImageRecordError: these bytes are no whole record of the 2005 edition, or one of palms.
    """
    if len(content) > MAX_RECORD_BYTES:
        raise ImageRecordError("The finger image record is larger than any of ten fingers.")
    if len(content) < _HEADER.size:
        raise ImageRecordError("The finger image record ends too early.")
    fields = _HEADER.unpack_from(content)
    form, version, length, device, level, count, units, *resolutions, depth, compression, reserved = fields
    if form != FORMAT or version != VERSION:
        raise ImageRecordError("These bytes are no finger image record of ISO/IEC 19794-4:2005.")
    if int.from_bytes(length, "big") != len(content):
        raise ImageRecordError("The finger image record is not as long as it says.")
    if units not in (PER_INCH, PER_CENTIMETRE) or not all(resolutions) or compression > PNG or any(reserved):
        raise ImageRecordError("The finger image record has a unit, resolution or coding that is reserved.")
    if not 1 <= depth <= 16 or not count:
        raise ImageRecordError("The finger image record has no finger, or pixels of an impossible depth.")
    fingers, at = [], _HEADER.size
    for _ in range(count):
        finger, at = _finger(content, at)
        if compression == NOT_COMPRESSED and len(finger.content) != finger.width * finger.height * -(
            -depth // 8
        ):
            raise ImageRecordError("A finger's picture has not as many bytes as its size says.")
        fingers.append(finger)
    if at != len(content):
        raise ImageRecordError("Bytes follow the last finger of the record.")
    scan_x, scan_y, image_x, image_y = resolutions
    return ImageRecord(
        tuple(fingers), compression, scan_x, scan_y, image_x, image_y, units, level, depth, device
    )


def record_of(picture: FingerPicture, *, position: int = 0, compression: int = NOT_COMPRESSED) -> ImageRecord:
    """The record of one picture, not compressed or as PNG.

    Raises:
        ImageRecordError: another compression.
    """
    from appliance.biometrics.finger.picture_file import png_of

    if compression == NOT_COMPRESSED:
        content = picture.pixels.tobytes()
    elif compression == PNG:
        content = png_of(picture.pixels)
    else:
        raise ImageRecordError("Records are written without compression, or with PNG.")
    height, width = picture.pixels.shape
    dpi = round(picture.dpi)
    return ImageRecord(
        (FingerView(position, width, height, content),), compression, dpi, dpi, dpi, dpi,
        acquisition_level=31 if abs(dpi - 500) <= 5 else 0,
    )  # fmt: skip


def picture_of(record: ImageRecord, finger: int = 0) -> FingerPicture:
    """A finger's picture, decoded.

    Raises:
        ImageRecordError: no such finger, pixels that are not square, or not of 8 bits.
        FingerPictureError: what is inside cannot be decoded, or is no single finger's picture.
    """
    if finger >= len(record.fingers):
        raise ImageRecordError("The record has no such finger.")
    if record.image_x != record.image_y or record.depth != 8:
        raise ImageRecordError("Only pictures with square pixels of 8 bits are compared.")
    dpi = record.image_x * (1.0 if record.units == PER_INCH else 2.54)
    return FingerPicture(_pixels(record.fingers[finger], record.compression), dpi)


def _pixels(view: FingerView, compression: int) -> GreyMap:
    if compression in (NOT_COMPRESSED, BIT_PACKED):  # packed, eight bits a pixel are the same
        if len(view.content) != view.width * view.height:
            raise FingerPictureError("The picture has not as many bytes as its size says.")
        return np.frombuffer(view.content, dtype=np.uint8).reshape(view.height, view.width)
    pixels = decoded(view.content).pixels
    if pixels.shape != (view.height, view.width):
        raise FingerPictureError("The picture is not of the size that its record says.")
    return pixels


def _finger(content: bytes, at: int) -> tuple[FingerView, int]:
    if at + _FINGER.size > len(content):
        raise ImageRecordError("The finger image record ends too early.")
    length, position, views, number, quality, kind, width, height, reserved = _FINGER.unpack_from(content, at)
    if position > MAX_POSITION or not width or not height or reserved:
        raise ImageRecordError("A finger's position is a palm, or its size or reserved byte is wrong.")
    end = at + length
    if length <= _FINGER.size or end > len(content):
        raise ImageRecordError("A finger's picture reaches over the end of its record.")
    inside = content[at + _FINGER.size : end]
    return FingerView(position, width, height, inside, views, number, quality, kind), end
