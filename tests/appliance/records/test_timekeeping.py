"""Corrections of the clock, and what is certainly past at a start."""

import datetime as dt

import msgspec
import pytest
from records_common import STAMP, commit, word_for

from appliance.contracts.movement import Stamp
from appliance.records.timekeeping import ClockWatch, past_by

BEGAN = dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)


def stamp(seconds: float, shift: float = 0.0, quality: str = "carried", boot: str = "b") -> Stamp:
    """So long after the boot, with wall time so far off."""
    wall = BEGAN + dt.timedelta(seconds=seconds + shift)
    return Stamp(
        boot_id=boot,
        monotonic_ns=int(seconds * 1e9),
        wall=wall.isoformat(timespec="milliseconds"),
        quality=quality,
    )


def test_ok__a_clock_that_runs_needs_no_correction() -> None:
    watch = ClockWatch()
    assert [watch.look(stamp(seconds, 0.0002 * seconds)) for seconds in (0, 5, 500, 4000)] == [None] * 4


def test_ok__what_was_stamped_before_can_be_told_by_it() -> None:
    watch = ClockWatch(stamp(0))
    found = watch.look(stamp(100, 3600, "nts"))
    assert found is not None
    assert (found["boot_id"], found["monotonic_ns"], found["shift_ms"]) == ("b", 100 * 10**9, 3_600_000)
    assert (found["quality_before"], found["quality"]) == ("carried", "nts")
    # The record that was stamped at second 10 truly was at:
    true = dt.datetime.fromisoformat(found["wall"]) - dt.timedelta(seconds=90)
    assert true == BEGAN + dt.timedelta(seconds=10 + 3600)
    assert watch.look(stamp(200, 3600, "nts")) is None


@pytest.mark.parametrize(
    ("shift", "quality", "told"),
    [
        (0, "nts", True),
        (0, "unsure", False),
        (0.9, "carried", False),
        (1.1, "carried", True),
        (-7200, "rtc", True),
    ],
)
def test_ok__when_it_is_told(shift: float, quality: str, told: bool) -> None:
    assert (ClockWatch(stamp(0)).look(stamp(60, shift, quality)) is not None) is told


def test_ok__slow_steering_is_told_when_it_adds_up() -> None:
    watch = ClockWatch(stamp(0, quality="nts"))
    told = [watch.look(stamp(hour * 3600, hour * 0.3, "nts")) for hour in range(1, 6)]
    assert [one is not None for one in told] == [False, False, False, True, False]


def test_ok__another_boot_is_another_measure() -> None:
    assert ClockWatch(stamp(1000)).look(stamp(5, 9999, "nts", boot="c")) is None


@pytest.mark.parametrize(
    ("quality", "past"),
    [("nts", True), ("rtc", True), ("carried", True), ("unsure", False), ("sundial", False)],
)
def test_ok__past_by_the_last_record(quality: str, past: bool) -> None:
    text = msgspec.json.encode(stamp(0, quality=quality)).decode()
    assert past_by(text) == (BEGAN if past else None)


@pytest.mark.parametrize("text", ["", "{}", "rubbish"])
def test_ok__no_record(text: str) -> None:
    assert past_by(text) is None


def test_ok__the_floor_at_a_start(open_journal) -> None:
    book = open_journal()
    assert (book.time_floor(), book.last_stamp()) == (None, None)
    commit(book, "c1")
    assert open_journal().time_floor() == BEGAN
    assert open_journal().last_stamp() == STAMP
    book = open_journal()
    book.acknowledge(word_for(book, 1, at="2026-11-02T07:00:00+00:00"))
    assert book.time_floor() == BEGAN
    book.acknowledge(word_for(book, 1, at="2026-11-02T09:00:00+00:00"))
    assert book.time_floor() == BEGAN, "the same word again is no later word"
