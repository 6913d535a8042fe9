"""Whole documents: the ICAO specimens of all five formats, and those that trouble other readers."""

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.travel_document import Mrz, MrzFormat, NotAnMrz, parse_mrz, to_json

TODAY = dt.date(2026, 11, 24)


def _lines_of(characters: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """Lines of one of the three shapes."""
    return st.sampled_from([(3, 30), (2, 36), (2, 44)]).flatmap(
        lambda shape: st.lists(
            st.text(characters, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
        )
    )


def _parse(*lines: str) -> Mrz:
    return parse_mrz(lines, today=TODAY)


def test_ok__td3(specimens) -> None:
    mrz = _parse(*specimens.TD3)
    assert mrz.format is MrzFormat.TD3
    assert mrz.lines == specimens.TD3
    assert (mrz.document_code, mrz.issuing_state, mrz.nationality) == ("P", "UTO", "UTO")
    assert (mrz.primary_identifier, mrz.secondary_identifier) == ("ERIKSSON", "ANNA MARIA")
    assert mrz.document_number == "L898902C3"
    assert str(mrz.birth_date) == "1974-08-12"
    assert (mrz.sex, str(mrz.expiry_date)) == ("F", "2012-04-15")
    assert (mrz.optional_data, mrz.optional_data_2) == ("ZE184226B", "")
    assert mrz.personal_number == "ZE184226B"
    assert not mrz.name_truncated
    assert mrz.passed


def test_ok__td1_and_td2(specimens) -> None:
    for lines in (specimens.TD1, specimens.TD2):
        mrz = _parse(*lines)
        assert (mrz.document_code, mrz.document_number) == ("I", "D23145890")
        assert (mrz.primary_identifier, mrz.secondary_identifier) == ("ERIKSSON", "ANNA MARIA")
        assert (str(mrz.birth_date), str(mrz.expiry_date)) == ("1974-08-12", "2012-04-15")
        assert mrz.personal_number is None
        assert mrz.passed


def test_ok__visas(specimens) -> None:
    for lines, format_ in ((specimens.MRV_A, "MRV-A"), (specimens.MRV_B, "MRV-B")):
        mrz = _parse(*lines)
        assert mrz.format.value == format_
        assert (mrz.document_number, mrz.nationality) == ("L8988901C", "XXX")
        assert (str(mrz.birth_date), str(mrz.expiry_date)) == ("1940-09-07", "1996-12-10")
        assert mrz.personal_number is None
        assert mrz.passed
    assert _parse(*specimens.MRV_A).optional_data == "6ZE184226B"


def test_ok__long_numbers(specimens) -> None:
    for lines in (specimens.TD1_LONG, specimens.TD2_LONG):
        mrz = _parse(*lines)
        assert (mrz.document_number, mrz.optional_data) == ("D23145890734", "")
        assert mrz.passed


def test_ok__second_line_without_a_filler() -> None:
    """Chinese passports have one; readers that look for fillers lose the line."""
    mrz = _parse(
        "POCHNZHENGJIAN<<YANGBEN<<<<<<<<<<<<<<<<<<<<<", "EA00000000CHN8001014F3101019LAPAOOOOOOOOOA00"
    )
    assert "<" not in mrz.lines[1]
    assert (mrz.document_number, mrz.nationality) == ("EA0000000", "CHN")
    assert mrz.personal_number == "LAPAOOOOOOOOOA"


def test_ok__german_code_and_partial_birth_date() -> None:
    mrz = _parse(
        "P<D<<MUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<", "C01X0006H1D<<64<<<<6F3010315<<<<<<<<<<<<<<<4"
    )
    assert (mrz.issuing_state, mrz.nationality, str(mrz.birth_date)) == ("D", "D", "1964-??-??")


def test_ok__single_name_and_unspecified_sex(specimens) -> None:
    line = specimens.TD3[1]
    mrz = _parse("P<UTOARKFREITH".ljust(44, "<"), line[:20] + "<" + line[21:])
    assert (mrz.primary_identifier, mrz.secondary_identifier, mrz.sex) == ("ARKFREITH", "", "")
    assert mrz.passed
    other = _parse(specimens.TD3[0], line[:20] + "X" + line[21:])
    assert other.sex == "X"
    assert other.passed
    assert _parse(specimens.TD3[0], line[:20] + "N" + line[21:]).sex == ""


def test_fail__card_of_another_layout_gives_a_report() -> None:
    """A residence card whose first line is not Doc 9303's: reported, field by field."""
    mrz = _parse(
        "C1USA0000000392SRC0000000039<<", "2001010F8001022UTO<<<<<<<<<<<0", "VOID<<VOID<<<<<<<<<<<<<<<<<<<<"
    )
    failed = {check.id for check in mrz.checks if not check.passed}
    assert "mrz.document_number_check_digit" in failed
    assert "mrz.composite_check_digit" in failed
    assert (mrz.primary_identifier, mrz.document_number) == ("VOID", "000000039")


@pytest.mark.parametrize("lines", [(), ("P<UTO",), ("P" * 44, "P" * 43), ("I" * 30, "I" * 30)])
def test_fail__not_an_mrz(lines: tuple[str, ...]) -> None:
    with pytest.raises(NotAnMrz):
        _parse(*lines)


@given(st.lists(st.text(max_size=50), max_size=4))
def test_ok__any_lines_are_an_mrz_or_a_typed_error(lines: list[str]) -> None:
    try:
        _parse(*lines)
    except NotAnMrz:
        return


@given(_lines_of(st.characters()), st.dates())
def test_ok__any_text_of_the_right_shape_is_read(lines: list[str], today: dt.date) -> None:
    mrz = parse_mrz(lines, today=today)
    assert list(mrz.lines) == lines
    to_json(mrz)


@given(_lines_of(st.sampled_from("AOIBX0158<")))
def test_ok__every_finding_points_at_what_was_read(lines: list[str]) -> None:
    mrz = _parse(*lines)
    for check in mrz.checks:
        assert re.fullmatch(r"[a-z0-9_]+", check.reason)
        if check.read:
            assert mrz.lines[check.line][check.position :].startswith(check.read)
    assert mrz.passed == all(check.passed for check in mrz.checks)
