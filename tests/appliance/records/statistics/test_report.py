"""The report over a month of invented crossings: counts against a count by hand, the page, the files."""

import csv
import datetime as dt
import io
import itertools
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statistics_common import facts, month, stamp

from appliance.contracts.checks import Direction
from appliance.records.statistics.csv_files import files_of
from appliance.records.statistics.operations import quantile
from appliance.records.statistics.page import page_of
from appliance.records.statistics.report import Choice, Report, make_report
from appliance.records.statistics.stays import Seen, Stay, is_overstay, pair
from appliance.records.statistics.variables import VARIABLES, local, stay_band, zone_of

OCTOBER = Choice(first_day=dt.date(2026, 10, 1), last_day=dt.date(2026, 10, 31), zone="Asia/Bishkek")
MADE = "2026-11-15T00:00:00+00:00"


def report(choice: Choice = OCTOBER, **changes: object) -> Report:
    found = month()
    return make_report(
        found,
        msgspec.structs.replace(choice, **changes),
        made_at=MADE,
        zone=zone_of(choice.zone),
        earlier=found,
    )


def test_ok__counts_are_those_of_a_count_by_hand() -> None:
    made = report(threshold=1)
    zone = zone_of("Asia/Bishkek")
    inside = [one for one in month() if (when := local(one, zone)) and when.month == 10]
    assert made.crossings == len(inside)
    by_state = Counter((one.nationality, one.direction) for one in inside)
    by_hour = Counter(when.strftime("%H") for one in inside if (when := local(one, zone)))
    tables = {table.name: table for table in made.tables}
    assert set(tables) >= {one.name for one in VARIABLES}
    for (state, direction), number in by_state.items():
        assert tables["nationality"].cell(state, direction).crossings == number
    for hour, number in by_hour.items():
        assert tables["hour"].cell(hour, "total").crossings == number
    people = tables["nationality"].cell("total", "total").persons
    assert people == len({one.person for one in inside})
    ended = sum(one.direction == "exit" for one in inside)
    assert 0 < ended < sum(one.direction == "exit" for one in month())  # others left in November
    assert tables["actual_stay_by_intended_stay"].cell("total", "total").crossings == ended
    for table in tables.values():  # each table tells all crossings, and its rows add up
        for column in table.columns:
            *parts, whole = [table.cell(row, column).crossings or 0 for row in table.rows]
            assert sum(parts) == whole


def test_ok__small_cells_are_nowhere() -> None:
    made = report()
    told = [cell for table in made.tables for line in table.cells for cell in line if cell.crossings]
    assert told
    assert all(cell.crossings >= 5 and cell.persons >= 5 for cell in told)
    listings = {one.name: one for one in made.listings}
    counted = {"hits": (2, 3, 4), "handling_time": (2,), "staffing": (4,), "checks_not_done": (3,)}
    for name, places in counted.items():
        found = [row[place] for row in listings[name].rows for place in places]
        assert found
        assert all(value is None or value == 0 or value >= 5 for value in found), name


def test_ok__what_a_table_hides_no_listing_tells() -> None:
    """Hours and posts: the crossings of a listing, summed, give no sum that a table does not tell."""
    made = report()
    tables = {table.name: table for table in made.tables}
    (staffing,) = [one for one in made.listings if one.name == "staffing"]
    hidden_hours = {row for row in tables["hour"].rows if tables["hour"].cell(row, "total").crossings is None}
    assert hidden_hours
    assert any(row[4] is None for row in staffing.rows)
    for post, hour, *values in staffing.rows:
        cell = tables["hour_by_post"].cell(hour, post)
        assert values[2] == cell.crossings
        if cell.crossings is None:
            assert values == [None] * 4


def test_ok__simulated_crossings_are_apart_and_loud() -> None:
    crossings = [facts("c1"), facts("c2", simulated=("camera",))]
    choice = msgspec.structs.replace(
        OCTOBER, first_day=dt.date(2026, 11, 1), last_day=dt.date(2026, 11, 30), zone="UTC"
    )
    made = make_report(crossings, choice, made_at=MADE, zone=dt.UTC)
    assert (made.crossings, made.simulated) == (1, 0)
    assert b"SIMULATED" not in page_of(made)
    loud = make_report(crossings, msgspec.structs.replace(choice, simulated=True), made_at=MADE, zone=dt.UTC)
    assert (loud.crossings, loud.simulated) == (2, 1)
    assert b"SIMULATED" in page_of(loud)


def test_ok__unsure_and_missing_times_are_said() -> None:
    wall = "2026-10-05T08:00:00+00:00"
    crossings = [
        facts("c1", decided=stamp(wall, 1.0, quality="unsure")),
        facts("c2", decided=stamp("never", 1.0)),
    ]
    made = make_report(crossings, OCTOBER, made_at=MADE, zone=dt.UTC)
    assert (made.crossings, made.unsure_time, made.without_time) == (1, 1, 1)


def test_ok__the_files_say_what_the_tables_say() -> None:
    made = report()
    files = files_of(made)
    assert len(files) == len(made.tables) + len(made.listings)
    rows = list(csv.reader(io.StringIO(files["nationality.csv"].decode())))
    assert rows[0] == ["nationality", "column", "crossings", "persons"]
    assert ["UTO", "entry", "144", "144"] in rows
    crossed = list(csv.reader(io.StringIO(files["age_band_by_sex.csv"].decode())))
    assert ["0-4", "female", "..", ".."] in crossed
    assert sum(len(line) for line in made.tables[0].cells) == len(rows) - 1


def test_ok__what_a_document_says_is_no_formula_and_no_markup() -> None:
    crossings = [
        facts(f"c{n}", post="=cmd|x!A1<script>", lane="<b>", wall="2026-10-05T08:00:00+00:00")
        for n in range(9)
    ]
    made = make_report(crossings, msgspec.structs.replace(OCTOBER, threshold=1), made_at=MADE, zone=dt.UTC)
    assert b"\n'=cmd" in files_of(made)["post.csv"]
    assert b"<script>" not in page_of(made)
    assert b"<b>&lt;b&gt;" not in page_of(made)


def test_ok__a_report_of_nothing() -> None:
    made = make_report([], OCTOBER, made_at=MADE, zone=dt.UTC)
    assert made.crossings == 0
    assert b"Nothing to count" in page_of(made)


def test_fail__no_such_zone() -> None:
    for name in ("Nowhere/At_all", "../../etc/passwd", ""):
        with pytest.raises(ValueError, match="no time zone"):
            zone_of(name)


def test_ok__quantiles_and_bands() -> None:
    assert [quantile([4, 1, 3, 2], share) for share in (0.5, 0.9, 1.0)] == [2, 4, 4]
    assert quantile([7], 0.5) == 7
    assert [stay_band(days) for days in (None, -1, 0.5, 6.9, 7, 364, 365)] == [
        *("unknown", "unknown", "same day", "1-6 days", "7-29 days", "3-11 months", "12 months and more"),
    ]


def seen(day: int, direction: str, name: str = "") -> Seen:
    return Seen(
        moment=f"2026-10-{day:02}T08:00:00+00:00",
        crossing=name or f"{day}{direction}",
        direction=direction,
        post="N",
    )


def test_ok__an_exit_waits_for_its_entry_in_whatever_order_they_come() -> None:
    entry, leave = seen(1, "entry"), seen(9, "exit")
    assert [one.state for one in pair([leave])] == ["waiting"]
    assert [one.state for one in pair([entry])] == ["open"]
    for order in itertools.permutations([entry, leave, leave]):  # and a double changes nothing
        (stay,) = pair(order)
        assert (stay.state, stay.days) == ("complete", 8.0)


def test_ok__two_entries_leave_the_first_open() -> None:
    states = [
        one.state for one in pair([seen(1, "entry"), seen(2, "entry"), seen(3, "exit"), seen(4, "exit")])
    ]
    assert states == ["left_open", "complete", "waiting"]


@given(st.lists(st.tuples(st.integers(1, 28), st.sampled_from(["entry", "exit"])), max_size=8), st.randoms())
def test_ok__the_order_of_arrival_does_not_matter(crossings: list[tuple[int, str]], play: object) -> None:
    one = [seen(day, direction, f"{number}") for number, (day, direction) in enumerate(crossings)]
    other = list(one)
    play.shuffle(other)
    assert pair(one) == pair(other)
    kept = [part.crossing for stay in pair(one) for part in (stay.entry, stay.exit) if part is not None]
    assert sorted(kept) == sorted(each.crossing for each in one)  # nothing dropped, nothing twice


def test_ok__overstays() -> None:
    ended, open_ = (
        Stay(entry=seen(1, "entry"), exit=seen(20, "exit"), state="complete"),
        pair([seen(1, "entry")])[0],
    )
    now = "2026-10-12T08:00:00+00:00"
    assert is_overstay(ended, permitted_days=10, as_of=now)
    assert is_overstay(open_, permitted_days=10, as_of=now)
    assert not is_overstay(open_, permitted_days=12, as_of=now)
    assert not is_overstay(pair([seen(20, "exit")])[0], permitted_days=1, as_of=now)
    assert not is_overstay(open_, permitted_days=1, as_of="never")
    made = report(threshold=1, permitted_days=30)
    (states,) = [table for table in made.tables if table.name == "stays_by_state"]
    assert (states.cell("open", "overstay").crossings or 0) > 0
    assert states.cell("left open", "not known").crossings == states.cell("left open", "total").crossings
    assert Direction.ENTRY.value == "entry"
