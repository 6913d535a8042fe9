"""The calculator of stays, held to a plain count of days, day by day."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.contracts.checks import Direction
from appliance.rules.stay import Gap, Leg, Stay, account, stay_rule_for, stays_of
from appliance.rules.table import StayRule, read_table

IN, OUT = Direction.ENTRY, Direction.EXIT
SCHENGEN = StayRule(days=90, window_days=180)
EACH_ENTRY = StayRule(days=30)
TODAY = date(2026, 11, 26)


def legs(*pairs: tuple[str, str]) -> list[Leg]:
    """ "2026-01-01", "2026-01-10": in on the first, out on the tenth; "" is a leg that is not known."""
    found = []
    for entry, exit_ in pairs:
        found += [Leg(date.fromisoformat(entry), IN)] if entry else []
        found += [Leg(date.fromisoformat(exit_), OUT)] if exit_ else []
    return found


def test_ok__both_days_count() -> None:
    found = account(SCHENGEN, legs(("2026-11-01", "2026-11-10")), today=TODAY)
    assert (found.used_fewest, found.used_most, found.overstayed) == (10, 10, 0)
    (line,) = found.lines
    assert (line.since, line.until, line.most) == (date(2026, 11, 1), date(2026, 11, 10), 10)
    # 80 days are left, today among them
    assert found.last_day == TODAY + timedelta(days=79)


def test_ok__what_lies_before_the_window_is_free_again() -> None:
    old = account(SCHENGEN, legs(("2026-01-01", "2026-03-31")), today=TODAY)
    assert (old.used_most, old.lines) == (0, ())
    assert old.last_day == TODAY + timedelta(days=89)


def test_ok__days_that_fall_out_while_somebody_is_here_count_again() -> None:
    # 60 days from day 0; in again on day 150: by day 180 the first days begin to fall out of the window.
    first = TODAY - timedelta(days=150)
    found = account(
        SCHENGEN, [Leg(first, IN), Leg(first + timedelta(days=59), OUT), Leg(TODAY, IN)], today=TODAY
    )
    assert found.used_most == 61
    assert found.last_day == TODAY + timedelta(days=89)


def test_ok__an_overstay_is_counted_by_the_day() -> None:
    found = account(SCHENGEN, [Leg(TODAY - timedelta(days=99), IN)], today=TODAY)
    assert (found.used_most, found.overstayed, found.last_day) == (100, 10, None)


def test_ok__days_from_each_entry() -> None:
    found = account(EACH_ENTRY, legs(("2026-10-01", "2026-10-20"), ("2026-11-20", "")), today=TODAY)
    assert (found.used_most, found.overstayed, found.last_day) == (7, 0, date(2026, 12, 19))
    long = account(EACH_ENTRY, legs(("2026-10-01", "")), today=TODAY)
    assert (long.used_most, long.overstayed, long.last_day) == (57, 27, None)
    nobody = account(EACH_ENTRY, legs(("2026-10-01", "2026-10-20")), today=TODAY)
    assert (nobody.used_most, nobody.last_day) == (0, TODAY + timedelta(days=29))


def test_ok__a_missing_exit_is_named_and_not_made_up() -> None:
    found = account(SCHENGEN, legs(("2026-09-01", ""), ("2026-11-20", "")), today=TODAY)
    assert stays_of(legs(("2026-09-01", ""), ("2026-11-20", ""))) == (
        Stay(date(2026, 9, 1), date(2026, 11, 20), Gap.NO_EXIT),
        Stay(date(2026, 11, 20), None),
    )
    assert found.unsure
    assert (found.used_fewest, found.used_most) == (1 + 7, 81 + 7 - 1)  # 20 November is in both
    assert [line.gap for line in found.lines] == [Gap.NO_EXIT, None]
    assert found.overstayed == 0


def test_ok__a_missing_entry_is_named() -> None:
    (stay,) = stays_of(legs(("", "2026-11-10")))
    assert stay == Stay(date(2026, 11, 10), date(2026, 11, 10), Gap.NO_ENTRY)


def test_ok__out_and_in_on_one_day() -> None:
    day = [Leg(TODAY, IN), Leg(TODAY, OUT)]
    assert stays_of([Leg(date(2026, 11, 1), IN), *day]) == (
        Stay(date(2026, 11, 1), TODAY),
        Stay(TODAY, None),
    )
    assert stays_of(day) == (Stay(TODAY, TODAY),)


def test_ok__the_first_rule_that_fits() -> None:
    table = read_table(
        b"""name = "r"
version = 1
[[stay]]
nationalities = ["KGZ"]
days = 60
until = 2026-06-30
[[stay]]
nationalities = ["KGZ"]
days = 90
window_days = 180
"""
    )
    asked = {"document_code": "P", "post": "North"}
    assert stay_rule_for(table, nationality="KGZ", today=date(2026, 6, 30), **asked).days == 60
    assert stay_rule_for(table, nationality="KGZ", today=TODAY, **asked).days == 90
    assert stay_rule_for(table, nationality="UZB", today=TODAY, **asked) is None


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60)), max_size=6),
    st.integers(1, 40),
    st.integers(0, 60),
)
def test_ok__like_counting_day_by_day(trips: list[tuple[int, int]], days: int, more: int) -> None:
    rule = StayRule(days=days, window_days=days + more)
    day, present, found = TODAY - timedelta(days=450), set(), []
    for pause, length in trips:
        since = day + timedelta(days=pause % 90 + 1)
        until = since + timedelta(days=length)
        if until > TODAY:
            break
        found += [Leg(since, IN), Leg(until, OUT)]
        present |= {since + timedelta(days=number) for number in range(length + 1)}
        day = until
    result = account(rule, found, today=TODAY)

    def used(on: date, days_present: set[date]) -> int:
        return sum(on - timedelta(days=rule.window_days - 1) <= one <= on for one in days_present)

    assert result.used_most == result.used_fewest == used(TODAY, present)
    assert sum(line.most for line in result.lines) == result.used_most
    assert result.overstayed == sum(used(one, present) > days for one in present)
    last, staying = None, set(present)
    for number in range(rule.window_days + rule.days):
        one = TODAY + timedelta(days=number)
        staying.add(one)
        if used(one, staying) > days:
            break
        last = one
    assert result.last_day == last


@pytest.mark.parametrize("today", [date.min, date.max])
def test_ok__the_ends_of_the_calendar(today: date) -> None:
    account(EACH_ENTRY, [], today=date(9000, 1, 1))
    assert account(SCHENGEN, [], today=date(1, 1, 5)).used_most == 0
    assert stays_of([Leg(today, IN)]) == (Stay(today, None),)
