"""EF.CardAccess: PACE is offered, not offered, or hidden behind garbage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.chip.card_access import offers_pace


def test_ok__the_published_example_offers_pace():
    # Doc 9303-11, appendix G.1: id-PACE-ECDH-GM-AES-CBC-CMAC-128, version 2, parameters 13
    assert offers_pace(bytes.fromhex("31143012060A04007F0007020204020202010202010D"))


def test_ok__other_protocols_are_not_pace():
    # id-CA-ECDH-3DES-CBC-CBC alone
    assert not offers_pace(bytes.fromhex("3111300F060A04007F00070202030201020101"))


@pytest.mark.parametrize("content", ["", "3114", "3003020101", "3103020101", "31053003020101"])
def test_fail__what_cannot_be_understood_counts_as_an_offer(content: str):
    assert offers_pace(bytes.fromhex(content))


@given(st.binary(max_size=100))
def test_ok__never_raises(content: bytes):
    assert offers_pace(content) in (True, False)
