"""How barcode readers end a code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.barcode_reader import Barcode
from hal.barcode_reader.frames import MAX_BYTES, BarcodeFrames
from hal.document_reader.framing.base import Damaged

FRAMINGS = ["suffix", "stx_etx", "silence"]


@pytest.mark.parametrize(
    ("framing", "sent", "codes"),
    [
        ("suffix", b"ABC\r\nDEF\n", [Barcode(b"ABC"), Barcode(b"DEF")]),
        ("suffix", b"]Q1ABC\r", [Barcode(b"ABC", "Q1")]),
        ("suffix", b"]Q1\r", [Barcode(b"]Q1")]),  # nothing after the identifier: it is the code
        ("suffix", b"]1QABC\r", [Barcode(b"]1QABC")]),  # no identifier begins so
        ("stx_etx", b"x\x02A\rB\x03\x02]d2C\x03", [Barcode(b"A\rB"), Barcode(b"C", "d2")]),
        ("stx_etx", b"\x02cut off\x02ABC\x03", [Barcode(b"ABC")]),
        ("silence", b"]d1\x00\r\n\x02\x03\xff", []),
    ],
)
def test_ok__what_ends_a_code(framing, sent, codes):
    assert BarcodeFrames(framing).feed(sent) == codes


def test_ok__silence_ends_a_binary_code():
    frames = BarcodeFrames("silence")
    frames.feed(b"]d1\x00\r\n\x02\x03\xff")
    assert frames.in_document
    assert frames.idle() == Barcode(b"\x00\r\n\x02\x03\xff", "d1")
    assert frames.idle() is None


@pytest.mark.parametrize("framing", ["suffix", "stx_etx"])
def test_fail__cut_off(framing):
    frames = BarcodeFrames(framing)
    frames.feed(b"\x02AB")
    assert isinstance(frames.idle(), Damaged)
    assert not frames.in_document


@pytest.mark.parametrize("framing", FRAMINGS)
def test_fail__without_end(framing):
    frames = BarcodeFrames(framing)
    outcomes = frames.feed(b"\x02" + b"x" * (3 * MAX_BYTES))
    assert [type(one) for one in outcomes] == [Damaged]  # said once
    assert frames.idle() is None
    assert frames.feed(b"\x02A\x03\r") or frames.idle()


def test_fail__lost_keys():
    (outcome,) = BarcodeFrames("suffix", never=b"\x80").feed(b"A\x80B\r")
    assert isinstance(outcome, Damaged)


@given(st.sampled_from(FRAMINGS), st.binary(max_size=3000), st.integers(1, 50))
def test_fail__hostile_bytes(framing, data, cut):
    """However cut, the same comes out; nothing held is larger than the most."""
    whole, parts = BarcodeFrames(framing), BarcodeFrames(framing)
    expected = whole.feed(data)
    got = []
    for start in range(0, len(data), cut):
        got += parts.feed(data[start : start + cut])
        assert len(parts._code) <= MAX_BYTES
    assert got == expected
    assert parts.idle() == whole.idle()
    parts.reset()
    assert (parts.noise, parts.in_document) == (0, False)
