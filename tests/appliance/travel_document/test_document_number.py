"""Long document numbers of TD1 and TD2 (Doc 9303-5 and -6, note j)."""

import pytest

from appliance.travel_document.document_number import read_document_number
from appliance.travel_document.layout import Span, layout_of


def _read(lines):
    return read_document_number(layout_of(lines), lines)


def test_ok__long_numbers_are_whole(specimens) -> None:
    td1, td2 = _read(specimens.TD1_LONG), _read(specimens.TD2_LONG)
    assert td1.number == td1.covered == td2.number == td2.covered == "D23145890734"
    assert td1.check == Span(0, 18, 19)
    assert td2.check == Span(1, 31, 32)
    assert td1.optional_data.strip("<") == td2.optional_data.strip("<") == ""


@pytest.mark.parametrize(
    ("line", "number", "optional"),
    [
        ("IDBEL590123456<7898<<<<<<<<<<<", "590123456789", "<<<<<<<<<<"),  # twelve, as Belgium has
        ("IDBEL590123456<7898<123<<<<<<<", "590123456789", "123<<<<<<<"),
        ("IDUTOABCDEFGHI<1234567890123X<", "ABCDEFGHI1234567890123", ""),
        ("IDUTOABCDEFGHI<1234567890123XY", "ABCDEFGHI1234567890123X", ""),  # no filler behind: read as it is
    ],
)
def test_ok__continuation(line: str, number: str, optional: str) -> None:
    reading = _read((line, "<" * 30, "<" * 30))
    assert (reading.number, reading.optional_data) == (number, optional)


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("I<UTOD23145890<<<<<<<<<<<<<<<<", "D23145890"),  # nothing follows
        ("I<UTOD23145890<7<<<<<<<<<<<<<<", "D23145890"),  # a check digit alone
        ("I<UTOD2314589<<7349<<<<<<<<<<<", "D2314589"),  # the number is not full
        ("I<UTOD2314<89071234<<<<<<<<<<<", "D2314<890"),  # has its check digit
    ],
)
def test_ok__no_continuation(line: str, number: str) -> None:
    reading = _read((line, "<" * 30, "<" * 30))
    assert reading.number == number
    assert reading.check == Span(0, 14, 15)


def test_ok__passports_and_visas_have_none(specimens) -> None:
    for lines in (specimens.TD3, specimens.MRV_A, specimens.MRV_B):
        second = lines[1][:9].replace("<", "0") + "<" + lines[1][10:]
        assert len(_read((lines[0], second)).number) == 9
