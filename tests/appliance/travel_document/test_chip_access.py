"""MRZ_information, held to Doc 9303-11 appendix D.2."""

import datetime as dt

import pytest

from appliance.travel_document import UnreadableCharacter, chip_access_fields, parse_mrz

TODAY = dt.date(2026, 11, 24)


def _fields(lines) -> str:
    return chip_access_fields(parse_mrz(lines, today=TODAY))


def test_ok__appendix_d_2(specimens) -> None:
    assert _fields(specimens.TD2_LONG) == "D23145890734934071279507122"
    assert _fields(specimens.TD1_LONG) == "D23145890734934071279507122"


def test_ok__short_number_keeps_its_fillers(specimens) -> None:
    line = "L898902C<3UTO6908061F9406236ZE184226B<<<<<14"
    assert _fields((specimens.TD3[0], line)) == "L898902C<369080619406236"


def test_ok__check_digits_are_computed(specimens) -> None:
    lines = (specimens.TD3[0], "L898902C<0UTO690806OF940623<ZE184226B<<<<<14")
    assert _fields(lines) == "L898902C<369080619406236"


def test_ok__other_formats(specimens) -> None:
    assert _fields(specimens.TD1) == _fields(specimens.TD2) == "D23145890774081221204159"


def test_ok__unknown_birth_date_as_printed(specimens) -> None:
    line = specimens.TD3[1]
    assert _fields((specimens.TD3[0], line[:13] + "7408<<" + line[19:]))[10:17] == "7408<<7"


def test_fail__unreadable_number(specimens) -> None:
    with pytest.raises(UnreadableCharacter):
        _fields((specimens.TD3[0], "?" + specimens.TD3[1][1:]))
