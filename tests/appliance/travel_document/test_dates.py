"""The rule for the century, and dates of which parts are unknown."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.travel_document.dates import PartialDate, read_birth_date, read_expiry_date
from appliance.travel_document.errors import ImpossibleDate

TODAY = dt.date(2026, 11, 24)
SIX_DIGITS = st.text("0123456789", min_size=6, max_size=6)
DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31))


@pytest.mark.parametrize(
    ("characters", "date"),
    [
        ("740812", "1974-08-12"),
        ("261124", "2026-11-24"),  # born on the reference date
        ("261125", "1926-11-25"),  # tomorrow, so a century earlier
        ("261224", "1926-12-24"),
        ("270101", "1927-01-01"),
        ("000229", "2000-02-29"),
        ("7408<<", "1974-08-??"),
        ("74<<<<", "1974-??-??"),
        ("26<<<<", "2026-??-??"),  # could have been before today
        ("2611<<", "2026-11-??"),
        ("2612<<", "1926-12-??"),  # could not
        ("<<0812", "????-08-12"),
        ("<<0229", "????-02-29"),
        ("<<<<<<", "????-??-??"),
    ],
)
def test_ok__birth_is_never_in_the_future(characters: str, date: str) -> None:
    reading = read_birth_date(characters, today=TODAY)
    assert str(reading.date) == date
    assert not reading.problem
    assert not reading.zeros_for_unknown


@pytest.mark.parametrize(
    ("characters", "date"),
    [
        ("310630", "2031-06-30"),
        ("120415", "2012-04-15"),
        ("940712", "1994-07-12"),
        ("760101", "2076-01-01"),  # fifty years ahead
        ("770101", "1977-01-01"),  # fifty-one would be
        ("991231", "1999-12-31"),
        ("<<<<<<", "????-??-??"),
    ],
)
def test_ok__expiry_window(characters: str, date: str) -> None:
    assert str(read_expiry_date(characters, today=TODAY).date) == date


@pytest.mark.parametrize(
    ("characters", "date"),
    [("740800", "1974-08-??"), ("740000", "1974-??-??"), ("000000", "????-??-??")],
)
def test_ok__zeros_for_unknown_are_told(characters: str, date: str) -> None:
    reading = read_birth_date(characters, today=TODAY)
    assert (str(reading.date), reading.problem, reading.zeros_for_unknown) == (date, "", True)


@pytest.mark.parametrize(
    ("characters", "date"),
    [
        ("741312", "1974-??-12"),
        ("740832", "1974-08-??"),
        ("740231", "1974-02-??"),
        ("110229", "2011-02-??"),
        ("74O812", "1974-??-12"),
        ("7<0812", "????-08-12"),
        ("XX0812", "????-08-12"),
        ("74٠812", "1974-??-12"),  # a digit of another script
        ("      ", "????-??-??"),
    ],
)
def test_fail__not_a_date(characters: str, date: str) -> None:
    reading = read_birth_date(characters, today=TODAY)
    assert (str(reading.date), reading.problem) == (date, "not_a_date")


def test_fail__year_before_the_calendar() -> None:
    reading = read_birth_date("990101", today=dt.date(5, 1, 1))
    assert (reading.date.year, reading.problem) == (None, "not_a_date")


@given(SIX_DIGITS, DAYS)
def test_ok__no_birth_after_today(characters: str, today: dt.date) -> None:
    reading = read_birth_date(characters, today=today)
    born = reading.date.as_date()
    if born is not None:
        assert born <= today
        assert today.year - born.year <= 100


@given(SIX_DIGITS, DAYS)
def test_ok__every_expiry_in_the_window(characters: str, today: dt.date) -> None:
    year = read_expiry_date(characters, today=today).date.year
    assert year is None or today.year - 50 < year <= today.year + 50


@given(st.text(min_size=6, max_size=6), st.dates())
def test_ok__anything_is_a_reading(characters: str, today: dt.date) -> None:
    for read in (read_birth_date, read_expiry_date):
        date = read(characters, today=today).date
        assert PartialDate.parse(str(date)) == date


@given(st.dates())
def test_ok__whole_date_there_and_back(date: dt.date) -> None:
    partial = PartialDate.of(date)
    assert partial.as_date() == date
    assert str(partial) == date.isoformat()
    assert partial.mrz_text() == date.strftime("%y%m%d")


def test_ok__mrz_text_of_a_partial_date() -> None:
    assert PartialDate(1974, 8, None).mrz_text() == "7408<<"
    assert PartialDate(None, None, None).mrz_text() == "<<<<<<"
    assert PartialDate(1974, None, None).as_date() is None


@pytest.mark.parametrize(
    "parts",
    [(0, 1, 1), (10000, 1, 1), (1974, 0, 1), (1974, 13, 1), (1974, 1, 0), (1974, 4, 31), (1900, 2, 29)],
)
def test_fail__impossible_date(parts: tuple[int, int, int]) -> None:
    with pytest.raises(ImpossibleDate):
        PartialDate(*parts)


@pytest.mark.parametrize(
    "text", ["", "1974-08", "1974-08-1?", "1974-8-12", "1974-08-12 ", "740812", "1974-13-01"]
)
def test_fail__not_the_text_of_a_date(text: str) -> None:
    with pytest.raises(ImpossibleDate):
        PartialDate.parse(text)
