import dataclasses
import datetime as dt

from appliance.travel_document import Mrz, different_fields, parse_mrz

TODAY = dt.date(2026, 11, 24)
LINES = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
PAGE = parse_mrz(LINES, today=TODAY)


def with_line_2(old: str, new: str) -> Mrz:
    return parse_mrz((LINES[0], LINES[1].replace(old, new, 1)), today=TODAY)


def test_ok__equal_lines_differ_in_nothing() -> None:
    assert different_fields(PAGE, parse_mrz(LINES, today=TODAY)) == ()


def test_fail__each_field_that_differs_is_named() -> None:
    assert different_fields(PAGE, with_line_2("L898902C3", "L898902C4")) == ("document_number",)
    assert different_fields(PAGE, with_line_2("740812", "740813")) == ("birth_date",)
    other = parse_mrz((LINES[0].replace("ANNA", "ANNE"), LINES[1]), today=TODAY)
    assert different_fields(PAGE, other) == ("secondary_identifier",)


def test_fail__a_check_digit_alone_is_a_difference() -> None:
    assert different_fields(PAGE, with_line_2("C36UTO", "C37UTO")) == ("check_digits",)


def test_ok__every_field_that_is_compared_exists() -> None:
    from appliance.travel_document.compare import COMPARED

    assert set(COMPARED) <= {field.name for field in dataclasses.fields(PAGE)}
