"""BER-TLV: what is read back is what was written, and every way of lying about a length is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import LimitExceeded, Malformed

TAGS = st.sampled_from([0x02, 0x30, 0x5C, 0x5F1F, 0x61, 0x7F60, 0x7F61, 0x87, 0xA1])


@settings(deadline=None)
@given(st.lists(st.tuples(TAGS, st.binary(max_size=300)), max_size=8))
def test_ok__round_trip(objects: list[tuple[int, bytes]]):
    written = b"".join(tlv.encode(tag, value) for tag, value in objects)
    assert [(found.tag, found.value) for found in tlv.decode(written)] == objects


@pytest.mark.parametrize(
    ("size", "header"), [(0, "5300"), (127, "537F"), (128, "538180"), (255, "5381FF"), (256, "53820100")]
)
def test_ok__lengths_are_the_shortest(size: int, header: str):
    assert tlv.encode(0x53, bytes(size)).startswith(bytes.fromhex(header))


def test_ok__longer_length_than_needed_is_read():
    assert tlv.decode(bytes.fromhex("5382000141"))[0].value == b"A"


def test_ok__children():
    outer = tlv.decode_one(bytes.fromhex("610602010A5F1F00"[:4] + "02010A5F1F00"), 0x61)
    assert [found.tag for found in outer.children()] == [0x02, 0x5F1F]
    assert outer.child(0x02).value == b"\x0a"


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_ok__anything_is_read_or_refused(data: bytes):
    def walk(objects: tuple[tlv.Tlv, ...]) -> None:
        for found in objects:
            if found.constructed:
                try:
                    walk(found.children())
                except Malformed:
                    continue

    try:
        walk(tlv.decode(data))
    except Malformed:
        return


@pytest.mark.parametrize(
    "data",
    [
        "53",  # no length
        "5F",  # half a tag
        "5F9F",  # half a tag, more announced
        "5381",  # half a length
        "538201",  # half a length
        "530241",  # value ends early
        "5380410000",  # indefinite length
    ],
)
def test_fail__malformed(data: str):
    with pytest.raises(Malformed) as caught:
        tlv.decode(bytes.fromhex(data))
    assert not isinstance(caught.value, LimitExceeded)


@pytest.mark.parametrize(
    "data",
    [
        "5383FFFFFF",  # 16 MB
        "5383010000",  # one more than allowed
        "5384FFFFFFFF",  # 4 GB
        "53FE",  # a length of 126 bytes
        "5F8181811F00",  # a tag of five bytes
    ],
)
def test_fail__too_large(data: str):
    with pytest.raises(LimitExceeded):
        tlv.decode(bytes.fromhex(data))


def test_fail__too_many():
    with pytest.raises(LimitExceeded):
        tlv.decode(bytes.fromhex("0500") * (tlv.MAX_OBJECTS + 1))


def test_fail__too_deep():
    nested = b""
    for _ in range(tlv.MAX_DEPTH + 1):
        nested = tlv.encode(0x30, nested)
    (found,) = tlv.decode(nested)
    for _ in range(tlv.MAX_DEPTH - 1):
        (found,) = found.children()
    with pytest.raises(LimitExceeded):
        found.children()


def test_fail__children_of_a_primitive():
    with pytest.raises(Malformed):
        tlv.decode(bytes.fromhex("02010A"))[0].children()


def test_fail__missing_child():
    with pytest.raises(Malformed):
        tlv.decode(bytes.fromhex("610302010A"))[0].child(0x5C)


@pytest.mark.parametrize("data", ["", "6200", "61006100", "610000"])
def test_fail__not_the_one_object(data: str):
    with pytest.raises(Malformed):
        tlv.decode_one(bytes.fromhex(data), 0x61)
