import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.screening.dates import Agreement, BirthDate, DateError, agreement, compare_dates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1984-02-29", BirthDate(1984, 2, 29)),
        ("1984-02-29T00:00:00Z", BirthDate(1984, 2, 29)),
        ("1984-02-??", BirthDate(1984, 2)),
        ("1984-02", BirthDate(1984, 2)),
        ("1984", BirthDate(1984)),
        ("1984-00-00", BirthDate(1984)),
        ("????-02-29", BirthDate(None, 2, 29)),
        ("????-??-??", BirthDate()),
        ("", BirthDate()),
    ],
)
def test_ok__parse(text: str, expected: BirthDate) -> None:
    assert BirthDate.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["840229", "1984/02/29", "1985-02-29", "1984-13-01", "unknown", "1984-02-29x"]
)
def test_fail__parse(text: str) -> None:
    with pytest.raises(DateError):
        BirthDate.parse(text)


@given(st.text(max_size=12))
def test_ok__parse_never_fails_otherwise(text: str) -> None:
    with contextlib.suppress(DateError):
        BirthDate.parse(text)


@given(st.dates())
def test_ok__every_real_date(day) -> None:
    assert BirthDate.parse(day.isoformat()) == BirthDate(day.year, day.month, day.day)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1984-02-03", "1984-02-03", Agreement.EXACT),
        ("1984-02-03", "1984-03-02", Agreement.DAY_MONTH_SWAPPED),
        ("1984-02-03", "1985-02-03", Agreement.YEAR_NEAR),
        ("1984-02-03", "1984", Agreement.PARTIAL),
        ("1984-02", "1984-02-03", Agreement.PARTIAL),
        ("1984", "1984", Agreement.PARTIAL),
        ("1984-01-01", "1984-05-06", Agreement.PARTIAL),
        ("????-02-03", "1984-02-03", Agreement.PARTIAL),
        ("1984-02-03", "1984-02-04", Agreement.ONE_PART_DIFFERS),
        ("1984-02-03", "1948-02-03", Agreement.ONE_PART_DIFFERS),
        ("1984-02-03", "1985", Agreement.YEAR_NEAR),
        ("1984-02-03", "", Agreement.UNKNOWN),
        ("????-02", "1984-02-03", Agreement.UNKNOWN),
        ("1984-02-03", "1984-05-06", Agreement.DIFFERENT),
        ("1984-02-03", "1985-05-03", Agreement.DIFFERENT),
        ("1984-02-03", "1990", Agreement.DIFFERENT),
        ("1984-02", "1984-03-03", Agreement.DIFFERENT),
        ("????-02-03", "????-02-04", Agreement.DIFFERENT),
        ("1984", "1986-01-02", Agreement.DIFFERENT),
    ],
)
def test_ok__agreement(one: str, other: str, expected: Agreement) -> None:
    first, second = BirthDate.parse(one), BirthDate.parse(other)
    assert agreement(first, second) is expected
    assert agreement(second, first) is expected


def test_ok__the_surer_the_more() -> None:
    born = BirthDate(1984, 2, 3)
    nats = [
        compare_dates(born, BirthDate.parse(text)).nats
        for text in (
            "1984-02-03",
            "1984-03-02",
            "1985-02-03",
            "1984",
            "1984-02-08",
            "",
            "1985-07-08",
            "1971-07-08",
        )
    ]
    assert nats == sorted(nats, reverse=True)
    slip, other = (compare_dates(born, BirthDate.parse(text)).nats for text in ("1984-02-08", "1984-02-17"))
    assert slip > other
