"""How much is read at once."""

import pytest

from appliance.chip import blocks
from appliance.chip.blocks import CardLimits, LearnedManners, Manners, block_for, read_card_limits
from appliance.simulation.chip.files import card_limits
from appliance.travel_document.lds import tlv


def test_ok__limits_as_cards_write_them():
    assert read_card_limits(card_limits(4096, 2048)) == CardLimits(4096, 2048)
    sizes = tlv.encode(0x7F66, tlv.encode(2, b"\x01\x00") + tlv.encode(2, b"\x02\x00"))
    assert read_card_limits(sizes) == CardLimits(256, 512)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x7f",
        tlv.encode(0x47, b"\x00\x00\xc0"),
        tlv.encode(0x47, b"\x00\x00\x80") + card_limits(4096, 4096)[5:],  # no extended lengths
        tlv.encode(0x7F66, tlv.encode(2, b"\x10\x00")),
        tlv.encode(0x7F66, b"\x02"),
    ],
)
def test_ok__a_card_that_says_nothing_usable(content: bytes):
    assert read_card_limits(content) is None


@pytest.mark.parametrize(
    ("limits", "reader", "block"),
    [
        (None, 65_535, 223),
        (CardLimits(4096, 4096), 256, 223),
        (CardLimits(4096, 4096), 65_535, 4032),
        (CardLimits(4096, 4096), 1024, 960),
        (CardLimits(65_535, 65_535), 65_535, 32_000),
        (CardLimits(100, 100), 65_535, 223),
    ],
)
def test_ok__blocks(limits, reader: int, block: int):
    assert block_for(limits, reader) == block


def test_ok__shyer_until_there_is_no_way_left():
    manners, sizes = Manners(block=4032), []
    while (manners := manners.shyer()) is not None:
        sizes.append(manners.block)
    assert sizes == [223, 192, 160, 112]


def test_ok__learned_and_forgotten(monkeypatch):
    learned = LearnedManners()
    learned.learn("", Manners(block=112))
    assert learned.all() == {}
    learned.learn("UTO", Manners(block=2000))
    assert learned.of("UTO") == Manners(block=2000, known=True)
    learned.forget("UTO")
    assert learned.of("UTO") == Manners()
    monkeypatch.setattr(blocks, "MAX_LEARNED", 1)
    learned.learn("UTO", Manners())
    learned.learn("FRA", Manners())
    assert set(learned.all()) == {"FRA"}
