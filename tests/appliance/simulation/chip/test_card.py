"""The virtual chip refuses what a real one refuses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.simulation.chip.card import VirtualChip
from appliance.simulation.chip.misbehaviour import Misbehaviour
from hal.device import ChipRemoved

MRZ_INFORMATION = "L898902C<369080619406236"
SELECT_APPLICATION = "00A4040C07A0000002471001"
FILES = {"COM": bytes.fromhex("60145F0104303130375F36063034303030305C026175")}


def chip(**settings) -> VirtualChip:
    return VirtualChip(FILES, mrz_information=MRZ_INFORMATION, **settings)


def say(to: VirtualChip, *commands: str) -> list[str]:
    return [to.transmit(bytes.fromhex(command)).hex().upper() for command in commands]


def test_ok__application_and_challenge():
    answers = say(chip(random=lambda count: b"\x42" * count), SELECT_APPLICATION, "0084000008")
    assert answers == ["9000", "42" * 8 + "9000"]


@pytest.mark.parametrize(
    ("commands", "status"),
    [
        (["00A4040C07A0000002471002"], "6A82"),  # another application
        (["0084000008"], "6985"),  # a challenge outside the application
        ([SELECT_APPLICATION, "0084000004"], "6700"),
        ([SELECT_APPLICATION, "00A4020C02011E"], "6982"),  # a file without access
        ([SELECT_APPLICATION, "00B0000004"], "6985"),  # nothing selected
        (["00A4020C02011E"], "6A82"),  # not in the master file
        (["00A4020C02011C"], "6A82"),  # no CardAccess
        (["00A4080C02011E"], "6A82"),
        ([SELECT_APPLICATION, "0082000028" + "00" * 40 + "28"], "6985"),  # no challenge asked for
        ([SELECT_APPLICATION, "0084000008", "0082000028" + "00" * 40 + "28"], "6300"),
        ([SELECT_APPLICATION, "0CB000000D9701048E08ED6705417E96BA5500"], "6988"),  # no session
        (["00CA000000"], "6D00"),
        (["00A4"], "6700"),
    ],
)
def test_fail__refused(commands: list[str], status: str):
    assert say(chip(), *commands)[-1] == status


def test_ok__card_access_is_free():
    free = VirtualChip({**FILES, "CardAccess": b"\x31\x02ab"}, mrz_information=MRZ_INFORMATION)
    answers = say(free, "00A4000C023F00", "00A4020C02011C", "00B0000004", "00B0000008", "00B0000401")
    assert answers == ["9000", "9000", "310261629000", "310261626282", "6B00"]


def test_ok__odd_reads_are_data_objects():
    free = VirtualChip({"CardAccess": b"\x31\x02ab"}, mrz_information=MRZ_INFORMATION)
    answers = say(
        free,
        "00A4020C02011C",
        "00B10000045402000204",
        "00B10000045402000404",  # beyond the end
        "00B1000002530004",  # no offset
    )
    assert answers == ["9000", "530261629000", "6B00", "6A80"]


def test_fail__a_chip_that_died_stays_dead_until_it_is_put_back():
    dying = VirtualChip(
        {"CardAccess": bytes(50)}, mrz_information=MRZ_INFORMATION, misbehaviour=Misbehaviour.DIES_MID_FILE
    )
    say(dying, "00A4020C02011C", *["00B0000001"] * 5)
    for _ in range(2):
        with pytest.raises(ChipRemoved):
            say(dying, "00B0000001")
    dying.reset()
    assert say(dying, "00A4020C02011C") == ["9000"]


def test_ok__delay_is_asked_for_both_ways():
    asked: list[tuple[int, int]] = []

    def delay(sent: int, received: int) -> float:
        asked.append((sent, received))
        return 0.0

    say(chip(delay=delay), SELECT_APPLICATION, "0084000008")
    assert asked == [(12, 2), (5, 10)]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_ok__every_command_has_an_answer(commands: list[bytes]):
    asked = chip()
    for command in commands:
        assert len(asked.transmit(command)) >= 2
