"""The record against the layout of ISO/IEC 19794-5:2005, and against the reader that reads chips."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.contracts.face_record import (
    IMAGE_TOKEN,
    LEFT_EYE_POINT,
    MAX_RECORD_BYTES,
    RIGHT_EYE_POINT,
    RecordError,
    picture_of,
    write_record,
)
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.face_image import extract_face_image

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(200)) + b"\xff\xd9"
EYES = {LEFT_EYE_POINT: (300.4, 288.0), RIGHT_EYE_POINT: (180.0, 288.6)}


def test_ok_every_field_stands_where_the_standard_has_it() -> None:
    record = write_record(JPEG, width=480, height=640, pose=(12.0, -7.0, 0.0), points=EYES)
    assert record[:8] == b"FAC\x00010\x00"
    length, faces = struct.unpack_from(">IH", record, 8)
    assert (length, faces) == (len(record), 1)
    block, points = struct.unpack_from(">IH", record, 14)
    assert block == len(record) - 14
    assert points == 2
    assert record[20:23] == bytes(3)  # gender, eyes and hair unspecified
    yaw, pitch, roll = record[28:31]
    assert (yaw, pitch, roll) == (7, 178, 1)  # 12 is step 6, -7 is step -3, 0 is step 0
    first, second = record[34:42], record[42:50]
    assert struct.unpack(">2B2H2x", first) == (1, 0xC1, 300, 288)
    assert struct.unpack(">2B2H2x", second) == (1, 0xC2, 180, 289)
    kind, coding, width, height, colours, source = struct.unpack_from(">2B2H2B", record, 50)
    assert (kind, coding, width, height, colours, source) == (IMAGE_TOKEN, 0, 480, 640, 1, 6)
    assert record[62:] == JPEG


def test_ok_the_reader_of_chips_reads_it() -> None:
    """The same record in a DG2, read by code that was written for passports."""
    record = write_record(JPEG, width=480, height=640, points=EYES)
    template = tlv.encode(0x7F60, tlv.encode(0xA1, b"\x81\x01\x02") + tlv.encode(0x5F2E, record))
    dg2 = tlv.encode(0x75, tlv.encode(0x7F61, tlv.encode(0x02, b"\x01") + template))
    image = extract_face_image(dg2)
    assert image.content == JPEG
    assert (image.stated_width, image.stated_height) == (480, 640)


@given(st.binary(max_size=400), st.integers(1, 65535), st.integers(1, 65535))
def test_ok_the_picture_is_found_again(tail: bytes, width: int, height: int) -> None:
    jpeg = b"\xff\xd8\xff" + tail
    assert picture_of(write_record(jpeg, width=width, height=height)) == jpeg


@pytest.mark.parametrize(("degrees", "byte"), [(0, 1), (1.9, 1), (2, 2), (180, 91), (-2, 180), (-180, 91)])
def test_ok_angles_are_two_degrees_a_step(degrees: float, byte: int) -> None:
    assert write_record(JPEG, width=1, height=1, pose=(degrees, 0, 0))[28] == byte


def test_ok_no_pose_is_unspecified() -> None:
    assert write_record(JPEG, width=1, height=1)[28:31] == bytes(3)


def test_fail_no_jpeg() -> None:
    with pytest.raises(RecordError, match="holds a JPEG"):
        write_record(b"\x89PNG", width=1, height=1)


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 65536)])
def test_fail_a_size_that_no_field_holds(width: int, height: int) -> None:
    with pytest.raises(RecordError, match="size"):
        write_record(JPEG, width=width, height=height)


def test_fail_a_point_outside() -> None:
    with pytest.raises(RecordError, match="outside"):
        write_record(JPEG, width=100, height=100, points={LEFT_EYE_POINT: (100.0, 5.0)})


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record[:10],
        lambda record: b"FAC\0030\0" + record[8:],
        lambda record: b"IRI\0" + record[4:],
        lambda record: record + b"\0",
        lambda record: record[:12] + b"\0\0" + record[14:],
        lambda record: record[:14] + struct.pack(">I", 40) + record[18:],
        lambda record: record[:18] + b"\xff\xff" + record[20:],
    ],
    ids=["short", "edition", "format", "longer", "no face", "small block", "many points"],
)
def test_fail_a_damaged_record(damage) -> None:
    with pytest.raises(RecordError):
        picture_of(damage(write_record(JPEG, width=480, height=640, points=EYES)))


def test_fail_a_record_that_is_too_large() -> None:
    with pytest.raises(RecordError, match="larger"):
        picture_of(bytes(MAX_RECORD_BYTES + 1))


@given(st.binary(max_size=300))
def test_fail_any_bytes_are_a_record_or_an_error(content: bytes) -> None:
    try:
        picture_of(b"FAC\x00010\x00" + content)
    except RecordError:
        return
    raise AssertionError("random bytes were a record")
