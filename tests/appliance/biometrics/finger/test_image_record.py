"""The image record against the layout of ISO/IEC 19794-4:2005, and against bytes that are none."""

import struct
from dataclasses import replace

import numpy as np
import pytest
from finger_prints import print_of
from hypothesis import given
from hypothesis import strategies as st

from appliance.biometrics.finger.image_record import (
    JPEG,
    MAX_RECORD_BYTES,
    PER_CENTIMETRE,
    PNG,
    FingerView,
    ImageRecord,
    ImageRecordError,
    picture_of,
    read_images,
    record_of,
    write_images,
)
from appliance.biometrics.finger.picture import FingerPicture, FingerPictureError

PICTURE = FingerPicture(print_of(5), 500.0)
SMALL = ImageRecord((FingerView(2, 4, 3, bytes(range(12))), FingerView(7, 1, 2, b"ab", 2, 2, 60, 3)), 0)


def test_ok_every_field_stands_where_the_standard_has_it() -> None:
    written = write_images(SMALL)
    assert written[:8] == b"FIR\x00010\x00"
    assert int.from_bytes(written[8:14], "big") == len(written)
    assert written[14:16] == bytes(2)
    assert struct.unpack_from(">HBBHHHHBB2s", written, 16) == (31, 2, 1, 500, 500, 500, 500, 8, 0, bytes(2))
    assert struct.unpack_from(">IBBBBBHHB", written, 32) == (26, 2, 1, 1, 254, 0, 4, 3, 0)
    assert written[46:58] == bytes(range(12))
    assert struct.unpack_from(">IBBBBBHHB", written, 58) == (16, 7, 2, 2, 60, 3, 1, 2, 0)


@pytest.mark.parametrize("compression", [0, PNG])
def test_ok_a_picture_comes_back(compression: int) -> None:
    written = write_images(record_of(PICTURE, position=2, compression=compression))
    record = read_images(written)
    assert write_images(record) == written
    assert (picture_of(record).pixels == PICTURE.pixels).all()
    assert picture_of(record).dpi == 500.0


def test_ok_pixels_per_centimetre() -> None:
    record = replace(record_of(PICTURE), units=PER_CENTIMETRE, image_x=197, image_y=197)
    assert picture_of(record).dpi == pytest.approx(500.4, abs=0.1)


fingers = st.builds(
    lambda position, width, height, byte, quality, kind: FingerView(
        position, width, height, bytes([byte]) * width * height, quality=quality, impression_type=kind
    ),
    st.integers(0, 15), st.integers(1, 12), st.integers(1, 12), *[st.integers(0, 255)] * 3,
)  # fmt: skip


@given(
    st.lists(fingers, min_size=1, max_size=4).map(tuple),
    st.integers(0, 65535),
    st.binary(min_size=2, max_size=2),
)
def test_ok_what_is_written_is_read_and_written_again(all_fingers, level, device) -> None:
    record = ImageRecord(all_fingers, 0, acquisition_level=level, device=device)
    written = write_images(record)
    assert read_images(written) == record
    assert write_images(read_images(written)) == written


@given(st.binary(max_size=200))
def test_fail_hostile_bytes(content: bytes) -> None:
    with pytest.raises(ImageRecordError):
        read_images(content)
    _read_or_refused(b"FIR\x00010\x00" + (14 + len(content)).to_bytes(6, "big") + content)


@given(st.integers(0, 73), st.integers(0, 255))
def test_fail_a_changed_byte_is_read_as_it_is_or_refused(at: int, value: int) -> None:
    whole = bytearray(write_images(SMALL))
    whole[at] = value
    _read_or_refused(bytes(whole))


@given(st.integers(0, 73))
def test_fail_a_cut_record(length: int) -> None:
    with pytest.raises(ImageRecordError):
        read_images(write_images(SMALL)[:length])
    cut = bytearray(write_images(SMALL)[:length])
    if length >= 14:
        cut[8:14] = length.to_bytes(6, "big")
        with pytest.raises(ImageRecordError):
            read_images(bytes(cut))


def _read_or_refused(content: bytes) -> None:
    try:
        record = read_images(content)
    except ImageRecordError:
        return
    assert write_images(record) == content
    try:
        picture_of(record)
    except (ImageRecordError, FingerPictureError):
        return


def test_fail_larger_than_any() -> None:
    with pytest.raises(ImageRecordError, match="larger"):
        read_images(bytes(MAX_RECORD_BYTES + 1))
    longer = bytearray(write_images(SMALL) + b"x")
    longer[8:14] = len(longer).to_bytes(6, "big")
    with pytest.raises(ImageRecordError, match="follow"):
        read_images(bytes(longer))


@pytest.mark.parametrize(
    "record",
    [
        replace(SMALL, units=3),
        replace(SMALL, image_x=0),
        replace(SMALL, scan_x=70_000),
        replace(SMALL, compression=6),
        replace(SMALL, depth=0),
        replace(SMALL, fingers=()),
        replace(SMALL, device=b"abc"),
        replace(SMALL, fingers=(FingerView(20, 4, 3, bytes(12)),)),
        replace(SMALL, fingers=(FingerView(2, 0, 3, b"x"),)),
        replace(SMALL, fingers=(FingerView(2, 4, 3, bytes(11)),)),
        replace(SMALL, fingers=(FingerView(2, 4, 3, b""),)),
    ],
)
def test_fail_what_no_record_can_hold(record: ImageRecord) -> None:
    with pytest.raises(ImageRecordError):
        write_images(record)


def test_fail_pictures_that_cannot_be_compared() -> None:
    good = record_of(PICTURE)
    with pytest.raises(ImageRecordError, match="no such finger"):
        picture_of(good, 1)
    with pytest.raises(ImageRecordError, match="square"):
        picture_of(replace(good, image_y=400))
    with pytest.raises(ImageRecordError, match="without compression"):
        record_of(PICTURE, compression=JPEG)
    view = good.fingers[0]
    with pytest.raises(FingerPictureError, match="as many bytes"):
        picture_of(replace(good, compression=1, fingers=(replace(view, content=b"ab"),)))
    png = record_of(PICTURE, compression=PNG).fingers[0]
    with pytest.raises(FingerPictureError, match="not of the size"):
        picture_of(replace(good, compression=PNG, fingers=(replace(png, width=100),)))
    tiny = record_of(PICTURE)
    with pytest.raises(FingerPictureError, match="too few"):
        picture_of(replace(tiny, fingers=(FingerView(1, 4, 3, bytes(12)),)))


def test_ok_packed_bits_of_eight_are_bytes() -> None:
    record = replace(record_of(PICTURE), compression=1)
    assert np.array_equal(picture_of(record).pixels, PICTURE.pixels)
