"""The face image record of ISO/IEC 19794-5:2005, with one face: written here, and its picture found again.

The picture inside is never decoded here.
"""

import math
import struct
from typing import Final

FORMAT, VERSION = b"FAC\0", b"010\0"
MAX_RECORD_BYTES: Final = 1024 * 1024
"""A token image has some twenty thousand."""

IMAGE_BASIC, IMAGE_FULL_FRONTAL, IMAGE_TOKEN = 0, 1, 2
_JPEG = 0
_RGB24 = 1
_DIGITAL_VIDEO_CAMERA = 6
_HEADER = struct.Struct(">4s4sIH")
"""Format, version, length, number of faces (5.4)."""
_FACE = struct.Struct(">IH3B3s2s3B3B")
"""Length, points, gender, eye and hair colour, properties, expression, pose, its uncertainty (5.5)."""
_POINT = struct.Struct(">2B2H2x")
"""Type, code, x, y (5.6)."""
_IMAGE = struct.Struct(">2B2H2B2sH")
"""Type, coding, width, height, colour space, source, device, quality (5.7)."""
_POINT_MPEG4 = 1
LEFT_EYE_POINT, RIGHT_EYE_POINT = (12, 1), (12, 2)
"""The eyes' centres (table 8 of the standard: major and minor code)."""


class RecordError(ValueError):
    """Bytes that are no face record, or a face that no record can hold, in one plain sentence."""


def write_record(
    jpeg: bytes,
    *,
    width: int,
    height: int,
    kind: int = IMAGE_TOKEN,
    pose: tuple[float, float, float] | None = None,
    points: dict[tuple[int, int], tuple[float, float]] | None = None,
) -> bytes:
    """The record of one JPEG; `pose` is yaw, pitch and roll in degrees, `points` by their MPEG-4 code.

    Raises:
        RecordError: a size or point that its field cannot hold, or no JPEG.
    """
    if not jpeg.startswith(b"\xff\xd8\xff"):
        raise RecordError("A face record of this house holds a JPEG.")
    if not (0 < width < 65536 and 0 < height < 65536):
        raise RecordError("The picture's size does not fit into a face record.")
    marks = b"".join(_point(code, where, width, height) for code, where in (points or {}).items())
    face = _FACE.pack(
        _FACE.size + len(marks) + _IMAGE.size + len(jpeg),
        len(points or {}),
        *(0, 0, 0),  # gender and colours are nobody's business here
        bytes(3),
        bytes(2),
        *(_angle(degrees) for degrees in pose or (math.nan,) * 3),
        *(0, 0, 0),
    )
    image = _IMAGE.pack(kind, _JPEG, width, height, _RGB24, _DIGITAL_VIDEO_CAMERA, bytes(2), 0)
    body = face + marks + image + jpeg
    return _HEADER.pack(FORMAT, VERSION, _HEADER.size + len(body), 1) + body


def picture_of(record: bytes) -> bytes:
    """The first face's picture, undecoded.

    Raises:
        RecordError: these bytes are no whole record of the 2005 edition.
    """
    if len(record) > MAX_RECORD_BYTES:
        raise RecordError("The face record is larger than any of this house.")
    try:
        form, version, length, faces = _HEADER.unpack_from(record)
        block, points, *_ = _FACE.unpack_from(record, _HEADER.size)
    except struct.error as error:
        raise RecordError("The face record ends too early.") from error
    if form != FORMAT or version != VERSION or faces < 1 or length != len(record):
        raise RecordError("These bytes are no face record of ISO/IEC 19794-5:2005.")
    start = _HEADER.size + _FACE.size + points * _POINT.size + _IMAGE.size
    end = _HEADER.size + block
    if not start < end <= len(record):
        raise RecordError("The face record has no room for its picture.")
    return record[start:end]


def _point(code: tuple[int, int], where: tuple[float, float], width: int, height: int) -> bytes:
    x, y = (round(value) for value in where)
    if not (0 <= x < width and 0 <= y < height):
        raise RecordError("A point lies outside the picture.")
    return _POINT.pack(_POINT_MPEG4, code[0] << 4 | code[1], x, y)


def _angle(degrees: float) -> int:
    """Two degrees a step: 1 is 0, 91 is 180, 180 is -2; 0 is not stated (5.5.8)."""
    if not math.isfinite(degrees):
        return 0
    steps = math.trunc(degrees / 2)
    return steps + 1 if steps >= 0 else 181 + steps
