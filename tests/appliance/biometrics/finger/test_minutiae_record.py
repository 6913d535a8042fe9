"""The minutiae record against the layout of ISO/IEC 19794-2:2005, and against bytes that are none."""

import struct
from dataclasses import replace

import numpy as np
import pytest
from finger_prints import extracted, print_of
from hypothesis import given
from hypothesis import strategies as st

from appliance.biometrics.finger.minutiae_record import (
    MAX_RECORD_BYTES,
    MAX_VIEWS,
    MinutiaeRecord,
    MinutiaeRecordError,
    MinutiaeView,
    RecordMinutia,
    from_view,
    read_minutiae,
    to_record,
    write_minutiae,
)

RECORD = MinutiaeRecord(
    width=320,
    height=400,
    views=(
        MinutiaeView(2, 80, (RecordMinutia(1, 100, 150, 32, 90), RecordMinutia(2, 319, 399, 255, 0))),
        MinutiaeView(7, 60, (RecordMinutia(0, 0, 0, 0, 1),), 3, 8, ((0x0101, b"abc"), (0x0003, b""))),
    ),
    equipment=0xF123,
)


def test_ok_every_field_stands_where_the_standard_has_it() -> None:
    written = write_minutiae(RECORD)
    assert written[:8] == b"FMR\x00 20\x00"
    assert struct.unpack_from(">I", written, 8) == (len(written),)
    assert struct.unpack_from(">HHHHHBB", written, 12) == (0xF123, 320, 400, 197, 197, 2, 0)
    assert written[24:28] == bytes([2, 0, 80, 2])
    assert struct.unpack_from(">HHBB", written, 28) == (1 << 14 | 100, 150, 32, 90)
    assert struct.unpack_from(">HHBB", written, 34) == (2 << 14 | 319, 399, 255, 0)
    assert written[40:42] == b"\0\0"  # no extended data
    assert written[42:46] == bytes([7, 3 << 4 | 8, 60, 1])
    assert written[52:54] == struct.pack(">H", 11)
    assert written[54:] == b"\x01\x01\x00\x07abc" + b"\x00\x03\x00\x04"


minutiae = st.builds(
    RecordMinutia, st.integers(0, 2), st.integers(0, 319), st.integers(0, 399), st.integers(0, 255),
    st.integers(0, 100),
)  # fmt: skip
views = st.builds(
    MinutiaeView, st.integers(0, 10), st.integers(0, 100), st.lists(minutiae, max_size=20).map(tuple),
    st.integers(0, 15), st.sampled_from([0, 1, 2, 3, 8]),
    st.lists(st.tuples(st.integers(0, 65535), st.binary(max_size=20)), max_size=3).map(tuple),
)  # fmt: skip


@given(st.lists(views, max_size=4).map(tuple), st.integers(1, 65535), st.integers(0, 65535))
def test_ok_what_is_written_is_read_and_written_again(all_views, resolution, equipment) -> None:
    record = MinutiaeRecord(320, 400, all_views, resolution, resolution, equipment)
    written = write_minutiae(record)
    assert read_minutiae(written) == record
    assert write_minutiae(read_minutiae(written)) == written


@given(st.binary(max_size=200))
def test_fail_hostile_bytes(content: bytes) -> None:
    with pytest.raises(MinutiaeRecordError):
        read_minutiae(content)
    head = b"FMR\0 20\0" + struct.pack(">I", 12 + len(content))
    _read_or_refused(head + content)


@given(st.integers(0, 64), st.integers(0, 255))
def test_fail_a_changed_byte_is_read_as_it_is_or_refused(at: int, value: int) -> None:
    whole = bytearray(write_minutiae(RECORD))
    whole[at] = value
    _read_or_refused(bytes(whole))


@given(st.integers(0, 100))
def test_fail_a_cut_record(length: int) -> None:
    whole = write_minutiae(RECORD)
    cut = whole[: min(length, len(whole) - 1)]
    with pytest.raises(MinutiaeRecordError):
        read_minutiae(cut)


def _read_or_refused(content: bytes) -> None:
    """What is accepted is written again to the byte."""
    try:
        record = read_minutiae(content)
    except MinutiaeRecordError:
        return
    assert write_minutiae(record) == content


def test_fail_larger_or_more_than_any() -> None:
    with pytest.raises(MinutiaeRecordError, match="larger"):
        read_minutiae(bytes(MAX_RECORD_BYTES + 1))
    many = bytearray(write_minutiae(RECORD))
    many[22] = MAX_VIEWS + 1
    with pytest.raises(MinutiaeRecordError, match="views at the most"):
        read_minutiae(bytes(many))
    longer = bytearray(write_minutiae(RECORD) + b"x")
    longer[8:12] = struct.pack(">I", len(longer))
    with pytest.raises(MinutiaeRecordError, match="follow"):
        read_minutiae(bytes(longer))


@pytest.mark.parametrize(
    "record",
    [
        replace(RECORD, width=70_000),
        replace(RECORD, height=0),
        replace(RECORD, width=200),
        replace(RECORD, views=(replace(RECORD.views[0], quality=101),)),
        replace(RECORD, views=(replace(RECORD.views[0], quality=300),)),
        replace(RECORD, views=(replace(RECORD.views[0], position=11),)),
        replace(RECORD, views=(replace(RECORD.views[0], impression_type=9),)),
        replace(RECORD, views=(replace(RECORD.views[0], minutiae=(RecordMinutia(3, 1, 1, 1, 1),)),)),
        replace(RECORD, views=(replace(RECORD.views[0], minutiae=(RecordMinutia(1, 1, 1, 1, 101),)),)),
        replace(RECORD, views=(replace(RECORD.views[0], number=16),)),
    ],
)
def test_fail_what_no_record_can_hold(record: MinutiaeRecord) -> None:
    with pytest.raises(MinutiaeRecordError):
        write_minutiae(record)


def test_ok_minutiae_of_a_print_come_back() -> None:
    m = extracted(5).minutiae_in_picture()
    height, width = print_of(5).shape
    record = to_record(m, width=width, height=height, position=2, quality=70)
    back = from_view(record.views[0], read_minutiae(write_minutiae(record)))
    assert len(back) == len(m)
    order_a, order_b = np.lexsort((m.y, m.x)), np.lexsort((back.y, back.x))
    assert np.abs(m.x[order_a] - back.x[order_b]).max() <= 0.5
    assert np.abs(np.angle(np.exp(1j * (m.angle[order_a] - back.angle[order_b])))).max() <= np.pi / 256 + 1e-9
    assert (m.kind[order_a] == back.kind[order_b]).all()


def test_ok_a_record_at_another_resolution_is_scaled() -> None:
    record = MinutiaeRecord(640, 800, (MinutiaeView(1, 50, (RecordMinutia(1, 200, 300, 0, 0),)),), 394, 394)
    m = from_view(record.views[0], record)
    assert (m.x[0], m.y[0], m.reliability[0]) == (100.0, 150.0, 0.5)
