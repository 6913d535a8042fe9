"""A chip's time over one command."""

import pytest

from appliance.simulation.chip.timing import contactless, no_delay


def test_ok__no_delay():
    assert no_delay(5, 256) == 0


def test_ok__overhead_and_nine_bits_a_byte():
    assert contactless(106, overhead_seconds=0)(106, 106) == pytest.approx(0.018)
    assert contactless(848)(0, 0) == pytest.approx(0.010)


def test_fail__no_such_rate():
    with pytest.raises(ValueError, match="106"):
        contactless(100)
