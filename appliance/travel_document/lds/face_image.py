"""The portrait's bytes in DG2 (ICAO Doc 9303-10, 4.7.2): found in ISO/IEC 19794-5:2005 and 39794-5:2019,
not decoded."""

import enum
import struct
from dataclasses import dataclass
from typing import Any

from appliance.travel_document.lds import der, tlv
from appliance.travel_document.lds.errors import LimitExceeded, Malformed, UnsupportedEncoding

TAG_DG2 = 0x75
TAG_GROUP = 0x7F61
TAG_INSTANCE_COUNT = 0x02
TAG_TEMPLATE = 0x7F60
TAG_BIOMETRIC_DATA = 0x5F2E
TAG_BIOMETRIC_DATA_CONSTRUCTED = 0x7F2E
"""ISO/IEC 39794-5 comes in this one."""

WRAPPED_BLOCK = 0xA1
"""How ICAO's profile wraps the block of a face."""
FACE_IMAGE_DATA_BLOCK = 0x65

MAX_TEMPLATES = 16
"""Most states store one face; the standard bids none to store more than a few."""
MAX_FEATURE_POINTS = 256
MIN_IMAGE_BYTES = 100
"""No picture is smaller than its own headers."""

_RECORD_HEADER = struct.Struct(">4s4sIH")
"""Format, version, length of the record, number of faces (ISO/IEC 19794-5, 5.4)."""
_FACE_BLOCK = struct.Struct(">IH3B3s2s3s3s")
"""Length of the block, number of feature points, then what is not needed here (5.5)."""
_FEATURE_POINT_BYTES = 8
_IMAGE_INFORMATION = struct.Struct(">2B2H2B2sH")
"""Type of portrait, type of picture, width, height, then what is not needed here (5.7)."""


class ImageKind(enum.StrEnum):
    """How the picture is encoded, by its own first bytes."""

    JPEG = "image/jpeg"
    JPEG2000 = "image/jp2"
    JPEG2000_CODESTREAM = "image/j2c"


_MAGIC = (
    (b"\xff\xd8\xff", ImageKind.JPEG),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", ImageKind.JPEG2000),
    (b"\xff\x4f\xff\x51", ImageKind.JPEG2000_CODESTREAM),
)


@dataclass(frozen=True, slots=True, repr=False)
class FaceImage:
    """A stranger's picture, undecoded. Without repr."""

    content: bytes
    kind: ImageKind
    stated_width: int
    """As the header says; 0 where it does not. Nobody may allocate by it."""
    stated_height: int
    faces: int
    """How many faces DG2 holds; this is the first."""


def extract_face_image(dg2: bytes) -> FaceImage:
    """The first face's picture.

    Raises:
        Malformed: this is no DG2 with a face.
        UnsupportedEncoding: it is in an encoding that the standard does not name.
    """
    group = tlv.decode_one(dg2, TAG_DG2).child(TAG_GROUP)
    templates = [found for found in group.children() if found.tag == TAG_TEMPLATE]
    if len(templates) > MAX_TEMPLATES:
        raise LimitExceeded(f"DG2 holds more than {MAX_TEMPLATES} faces.")
    if not templates:
        raise Malformed("DG2 holds no face.")
    objects = templates[0].children()
    records = [found.value for found in objects if found.tag == TAG_BIOMETRIC_DATA]
    if records:
        return _face_of_record(records[0], len(templates))
    blocks = [found.value for found in objects if found.tag == TAG_BIOMETRIC_DATA_CONSTRUCTED]
    if blocks:
        return _face_of_block(blocks[0], len(templates))
    raise Malformed("DG2's face has no biometric data.")


def _face_of_record(record: bytes, templates: int) -> FaceImage:
    form, version, length, faces = _unpack(_RECORD_HEADER, record, 0)
    if form != b"FAC\0" or version != b"010\0":
        raise UnsupportedEncoding("DG2's face is not a record of ISO/IEC 19794-5:2005.")
    if length != len(record) or faces < 1:
        raise Malformed("DG2's face record has a wrong length or count.")
    start = _RECORD_HEADER.size
    block_length, points, *_ = _unpack(_FACE_BLOCK, record, start)
    if points > MAX_FEATURE_POINTS:
        raise LimitExceeded(f"DG2's face has more than {MAX_FEATURE_POINTS} feature points.")
    information = start + _FACE_BLOCK.size + points * _FEATURE_POINT_BYTES
    _, _, width, height, *_ = _unpack(_IMAGE_INFORMATION, record, information)
    content = record[information + _IMAGE_INFORMATION.size : start + block_length]
    if start + block_length > len(record) or len(content) < MIN_IMAGE_BYTES:
        raise Malformed("DG2's face has no room for its picture.")
    return FaceImage(content, _kind(content), width, height, max(templates, faces))


def _face_of_block(block: bytes, templates: int) -> FaceImage:
    """FaceImageDataBlock (ISO/IEC 39794-5, annex A): its first representation's two-dimensional image."""
    element = der.parse(block)
    if element.tag == WRAPPED_BLOCK:
        element = element.explicit()
    representations = _child(element.expect(FACE_IMAGE_DATA_BLOCK), 0xA1).children()
    if not representations or len(representations) > MAX_TEMPLATES:
        raise Malformed("DG2's face has no representation, or too many.")
    image = _child(representations[0].expect(der.SEQUENCE), 0xA1).explicit()
    flat = image.expect(0xA0).explicit().expect(0xA0)
    content = _child(flat, 0x80).content
    if len(content) < MIN_IMAGE_BYTES:
        raise Malformed("DG2's face has no room for its picture.")
    width, height = _stated_size(_child(flat, 0xA1))
    return FaceImage(content, _kind(content), width, height, max(templates, len(representations)))


def _stated_size(information: der.Element) -> tuple[int, int]:
    """imageSizeBlock, which may lack."""
    sizes = {
        one.tag: one.content
        for block in information.children()
        if block.tag == 0xA7
        for one in block.children()
    }
    width, height = (int.from_bytes(sizes.get(tag, b"")[:4]) for tag in (0x80, 0x81))
    return width, height


def _child(element: der.Element, tag: int) -> der.Element:
    for found in element.children():
        if found.tag == tag:
            return found
    raise Malformed(f"DG2's face lacks the field {tag:02X}.")


def _kind(content: bytes) -> ImageKind:
    # By the picture's first bytes: what the header says of it has been wrong in the field.
    for magic, kind in _MAGIC:
        if content.startswith(magic):
            return kind
    raise Malformed("DG2's picture is neither JPEG nor JPEG 2000.")


def _unpack(layout: struct.Struct, record: bytes, offset: int) -> tuple[Any, ...]:
    try:
        return layout.unpack_from(record, offset)
    except struct.error as error:
        raise Malformed("DG2's face record ends too early.") from error
