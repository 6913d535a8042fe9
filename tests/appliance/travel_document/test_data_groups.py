"""EF.DG1 (Doc 9303-10 section 4.7.1) and what strangers' chips may put there."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.travel_document import NotAnMrz, NotDataGroup1, dg1_from_mrz, mrz_from_dg1
from appliance.travel_document.data_groups import MAX_LENGTH

LINES = ("P<UTO" + "<" * 39, "L" * 44)
GOOD = dg1_from_mrz(LINES)


def test_ok__there_and_back(specimen) -> None:
    assert mrz_from_dg1(dg1_from_mrz(specimen)) == specimen


def test_ok__bytes() -> None:
    assert bytes.fromhex("615b5f1f58") + "".join(LINES).encode() == GOOD


def test_ok__long_form_lengths() -> None:
    text = "".join(LINES).encode()
    assert mrz_from_dg1(b"\x61\x81\x5d\x5f\x1f\x82\x00\x58" + text) == LINES


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x61",
        b"\x75" + GOOD[1:],  # another data group
        GOOD[:-1],
        GOOD + b"\x00",
        b"\x61\x5b\x5f\x20" + GOOD[4:],  # another tag within
        b"\x61\x80" + GOOD[2:],  # indefinite length
        b"\x61\x85\x00\x00\x00\x00\x5b" + GOOD[2:],  # longer length field than any file needs
        b"\x61\x84\xff\xff\xff\xff" + GOOD[2:],
        b"\x61\x82",
        b"\x61\x03\x5f\x1f\x00",  # no MRZ
        b"\x61\x5a\x5f\x1f\x57" + GOOD[5:-1],  # 87 characters
        GOOD[:4] + b"\x57" + GOOD[5:],  # says 87, has 88
        GOOD[:-1] + b"\xc3",  # not ASCII
    ],
)
def test_fail__not_data_group_1(data: bytes) -> None:
    with pytest.raises(NotDataGroup1) as caught:
        mrz_from_dg1(data)
    assert caught.value.__cause__ is None


def test_fail__longer_than_any() -> None:
    with pytest.raises(NotDataGroup1, match="at most 128 bytes"):
        mrz_from_dg1(GOOD + bytes(MAX_LENGTH))


def test_fail__lines_that_cannot_be_written() -> None:
    with pytest.raises(NotDataGroup1):
        dg1_from_mrz(("P" * 43 + "É", "L" * 44))
    with pytest.raises(NotAnMrz):
        dg1_from_mrz(("P",))


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: GOOD[:5] + tail))
def test_ok__any_bytes_are_lines_or_a_typed_error(data: bytes) -> None:
    with contextlib.suppress(NotDataGroup1):
        assert len(mrz_from_dg1(data)) in (2, 3)
