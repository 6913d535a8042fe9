"""Templates: what is kept is what was extracted, and damaged bytes are refused."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
from finger_prints import extracted
from hypothesis import given
from hypothesis import strategies as st

from appliance.biometrics.finger.comparison import PreparedFinger, compare
from appliance.biometrics.finger.template import (
    MAX_IMPRESSIONS,
    MAX_TEMPLATE_BYTES,
    FingerTemplate,
    TemplateError,
    from_bytes,
    to_bytes,
)

ONE = extracted(5).impression
KEPT = to_bytes(FingerTemplate((ONE, extracted(5, 2).impression)))


def test_ok_kept_and_read_again() -> None:
    first, second = from_bytes(KEPT).impressions
    for name in ("turn", "period", "weight", "ridges"):
        assert np.array_equal(getattr(first, name), getattr(ONE, name)), name
    assert np.allclose(first.minutiae.angle, ONE.minutiae.angle)
    assert (first.left, first.top, first.shape) == (ONE.left, ONE.top, ONE.shape)
    assert len(second.minutiae) == len(extracted(5, 2).impression.minutiae)
    assert to_bytes(from_bytes(KEPT)) == KEPT
    assert len(KEPT) < 2 * 25_000


def test_ok_what_is_kept_compares_as_what_is_fresh() -> None:
    fresh = PreparedFinger(FingerTemplate((ONE,)))
    kept = PreparedFinger(from_bytes(to_bytes(FingerTemplate((ONE,)))))
    probe = PreparedFinger(FingerTemplate((extracted(8).impression,)))
    assert compare(kept, probe).score == pytest.approx(compare(fresh, probe).score or 0.0, abs=1e-6)


@given(st.binary(max_size=100))
def test_fail_hostile_bytes(content: bytes) -> None:
    for start in (b"", b"BFT1"):
        with pytest.raises(TemplateError):
            from_bytes(start + content)


@given(st.integers(0, len(KEPT) - 1), st.integers(0, 255))
def test_fail_a_changed_byte_is_a_template_or_refused(at: int, value: int) -> None:
    damaged = bytearray(KEPT)
    damaged[at] = value
    try:
        template = from_bytes(bytes(damaged))
    except TemplateError:
        return
    assert 1 <= len(template.impressions) <= MAX_IMPRESSIONS


@given(st.integers(0, len(KEPT) - 1))
def test_fail_a_cut_template(length: int) -> None:
    with pytest.raises(TemplateError):
        from_bytes(KEPT[:length])


def test_fail_more_or_larger_than_any() -> None:
    with pytest.raises(TemplateError, match="1 to 6"):
        FingerTemplate(())
    with pytest.raises(TemplateError, match="1 to 6"):
        FingerTemplate((ONE,) * 7)
    with pytest.raises(TemplateError, match="larger"):
        from_bytes(bytes(MAX_TEMPLATE_BYTES + 1))
    with pytest.raises(TemplateError, match="follow"):
        from_bytes(KEPT + b"x")


def test_fail_maps_that_inflate_without_end() -> None:
    """A few bytes that would become gigabytes are cut off where the map should end."""
    single = to_bytes(FingerTemplate((ONE,)))
    minutiae_end = 5 + 13 + 8 * len(ONE.minutiae)
    bomb = zlib.compress(bytes(200_000_000), 9)
    head = bytearray(single[:minutiae_end])
    head[14:18] = len(bomb).to_bytes(4, "big")
    with pytest.raises(TemplateError, match="another size"):
        from_bytes(bytes(head) + bomb)
    head[14:18] = (4).to_bytes(4, "big")
    with pytest.raises(TemplateError, match="damaged"):
        from_bytes(bytes(head) + b"\xff\xff\xff\xff")


def test_fail_impossible_values() -> None:
    single = bytearray(to_bytes(FingerTemplate((ONE,))))
    size = bytearray(single)
    size[9:11] = bytes(2)
    with pytest.raises(TemplateError, match="size"):
        from_bytes(bytes(size))
    outside = bytearray(single)
    outside[18:20] = b"\xff\xff"
    with pytest.raises(TemplateError, match="outside"):
        from_bytes(bytes(outside))


def test_ok_an_empty_impression_can_be_kept() -> None:
    empty = replace(ONE, minutiae=ONE.minutiae.best(0))
    assert len(from_bytes(to_bytes(FingerTemplate((empty,)))).impressions[0].minutiae) == 0
