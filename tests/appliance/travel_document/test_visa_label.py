"""A visa's label: Doc 9303-7's own examples, names that are cut, and whatever is written is read back."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.travel_document import CannotRepresent, MrzError, MrzFormat, check_digit, parse_mrz
from appliance.travel_document.visa_label import SIZES_MM, visa_label_lines

TODAY = dt.date(1996, 1, 1)
ERIKSSON = {
    "document_code": "V",
    "issuing_state": "UTO",
    "primary_identifier": "ERIKSSON",
    "secondary_identifier": "ANNA MARIA",
    "visa_number": "L8988901C",
    "passport_number": "6ZE184226B",
    "nationality": "XXX",
    "birth_date": "1940-09-07",
    "sex": "F",
    "valid_until": dt.date(1996, 12, 10),
    "today": TODAY,
}


@pytest.mark.parametrize(("format", "example"), [(MrzFormat.MRV_A, "MRV_A"), (MrzFormat.MRV_B, "MRV_B")])
def test_ok__the_standard_s_own_example(format: MrzFormat, example: str, specimens) -> None:
    """Doc 9303-7, appendices A and B: every character, so every check digit."""
    lines = visa_label_lines(format, **ERIKSSON)
    assert lines == getattr(specimens, example)
    assert (lines[1][9], lines[1][19], lines[1][27]) == ("4", "8", "9")
    assert lines[1][9] == check_digit("L8988901C")


def test_ok__sizes_are_the_standard_s() -> None:
    assert SIZES_MM == {MrzFormat.MRV_A: (120, 80), MrzFormat.MRV_B: (105, 74)}


@pytest.mark.parametrize("format", SIZES_MM)
def test_ok__a_long_name_is_cut_by_the_rules(format: MrzFormat) -> None:
    long = ERIKSSON | {
        "primary_identifier": "NILAVADHANANANDA CHAYAPA DEJTHAMRONG KRASUANG",
        "secondary_identifier": "ARNPOL PETCH CHARONGUANG",
    }
    lines = visa_label_lines(format, **long)
    read = parse_mrz(lines, today=TODAY)
    assert read.passed
    assert read.name_truncated
    assert read.primary_identifier.startswith("NILAVADHANANANDA")
    assert read.secondary_identifier.startswith("A")


def test_ok__other_letters_are_transliterated() -> None:
    lines = visa_label_lines(
        MrzFormat.MRV_A,
        **(ERIKSSON | {"primary_identifier": "ЖУМАБАЕВА", "secondary_identifier": "Łucja-Åsa O’Neil"}),
    )
    assert lines[0].rstrip("<") == "V<UTOZHUMABAEVA<<LUCJA<AASA<ONEIL"


def test_ok__a_passport_number_that_has_no_room_is_left_out_whole() -> None:
    lines = visa_label_lines(MrzFormat.MRV_B, **(ERIKSSON | {"passport_number": "AB1234567"}))
    assert lines[1][28:] == "<" * 8
    lines = visa_label_lines(MrzFormat.MRV_B, **(ERIKSSON | {"passport_number": "AB123456"}))
    assert lines[1][28:] == "AB123456"


def test_ok__an_unknown_birth_date_is_fillers() -> None:
    lines = visa_label_lines(MrzFormat.MRV_A, **(ERIKSSON | {"birth_date": "1940-??-??"}))
    assert lines[1][13:19] == "40<<<<"


@pytest.mark.parametrize(
    "changes",
    [
        {"visa_number": ""},
        {"visa_number": "TOOLONG123"},
        {"visa_number": "A-1"},
        {"primary_identifier": ""},
        {"primary_identifier": "山田"},
        {"issuing_state": "XXB"},
        {"nationality": "ZZZ"},
        {"document_code": "P"},
        {"birth_date": "1940"},
        {"sex": "?"},
    ],
)
def test_fail__what_cannot_be_written(changes: dict) -> None:
    with pytest.raises(MrzError):
        visa_label_lines(MrzFormat.MRV_A, **(ERIKSSON | changes))


def test_fail__a_passport_is_no_visa() -> None:
    with pytest.raises(CannotRepresent):
        visa_label_lines(MrzFormat.TD3, **ERIKSSON)


letters = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ -'", max_size=60)


@given(
    format=st.sampled_from(sorted(SIZES_MM)),
    primary=letters,
    secondary=letters,
    number=st.text("ABCXYZ0189", min_size=0, max_size=10),
    passport=st.text("ABCXYZ0189<-", max_size=20),
    until=st.dates(dt.date(2026, 1, 1), dt.date(2070, 1, 1)),
    born=st.dates(dt.date(1930, 1, 1), dt.date(2026, 1, 1)),
)
def test_ok__what_is_written_is_read_back_or_refused(
    format, primary, secondary, number, passport, until, born
) -> None:
    try:
        lines = visa_label_lines(
            format,
            **(
                ERIKSSON
                | {
                    "primary_identifier": primary,
                    "secondary_identifier": secondary,
                    "visa_number": number,
                    "passport_number": passport,
                    "valid_until": until,
                    "birth_date": born.isoformat(),
                    "today": dt.date(2026, 11, 26),
                }
            ),
        )
    except MrzError:
        return
    read = parse_mrz(lines, today=dt.date(2026, 11, 26))
    assert read.passed
    assert (read.document_number, read.expiry_date.as_date()) == (number, until)
