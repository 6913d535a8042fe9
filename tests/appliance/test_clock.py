from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import clock
from appliance.clock import Clock, TimeQuality, judge_expiry
from appliance.config import ClockSource
from appliance.contracts.movement import Stamp

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
KERNEL = clock.Kernel(
    boot_id=lambda: "boot",
    boottime_ns=lambda: 42,
    wall_ns=lambda: int(NOW.timestamp() * 1e9),
    synchronised=lambda: False,
    set_from_rtc=lambda: False,
)


def stamp(wall: datetime, quality: str) -> Stamp:
    return Stamp(boot_id="boot", monotonic_ns=1, wall=wall.isoformat(), quality=quality)


def test_ok__stamp_of_this_machine() -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    first = Clock(source=ClockSource.HOST).stamp()
    second = Clock().stamp()
    assert before <= datetime.fromisoformat(first.wall) <= datetime.now(UTC)
    assert len(first.boot_id) == 36
    assert first.boot_id == second.boot_id
    assert 0 < first.monotonic_ns < second.monotonic_ns
    assert second.quality in set(TimeQuality)


@pytest.mark.parametrize(
    ("synchronised", "set_from_rtc", "expected"),
    [(True, False, "nts"), (False, True, "rtc"), (False, False, "carried")],
)
def test_ok__auto_asks_the_kernel(synchronised: bool, set_from_rtc: bool, expected: str) -> None:
    kernel = replace(KERNEL, synchronised=lambda: synchronised, set_from_rtc=lambda: set_from_rtc)
    assert Clock(kernel=kernel, disciplined_by=TimeQuality.NTS).stamp().quality == expected


def test_ok__synchronised_by_nobody_knows_whom_is_no_better_than_rtc() -> None:
    kernel = replace(KERNEL, synchronised=lambda: True)
    assert Clock(kernel=kernel).now() == (NOW, TimeQuality.RTC)


@pytest.mark.parametrize(
    ("synchronised", "error", "expected"),
    [(True, 12_001, 13), (True, 0, 0), (True, None, None), (True, -1, None), (False, 12_000, None)],
)
def test_ok__how_far_it_may_be_off(synchronised: bool, error: int | None, expected: int | None) -> None:
    kernel = replace(
        KERNEL, synchronised=lambda: synchronised, set_from_rtc=lambda: True, max_error_us=lambda: error
    )
    assert Clock(kernel=kernel).stamp().uncertainty_ms == expected


def test_ok__this_machines_kernel_says_how_far_or_nothing() -> None:
    error = clock.linux().max_error_us()
    assert error is None or 0 <= error < 3_600_000_000


@pytest.mark.parametrize("source", list(ClockSource))
def test_ok__below_the_floor_is_unsure(source: ClockSource) -> None:
    kernel = replace(KERNEL, synchronised=lambda: True)
    box = Clock(source=source, kernel=kernel)
    assert box.stamp().quality == "rtc"
    box.raise_floor(NOW + timedelta(seconds=1))
    assert box.stamp().quality == "unsure"
    box.raise_floor(NOW - timedelta(days=1))
    assert box.floor == NOW + timedelta(seconds=1)


def test_ok__no_floor_is_below_the_build() -> None:
    assert Clock(kernel=KERNEL, floor=datetime(2000, 1, 1, tzinfo=UTC)).floor == clock.BUILD_TIME


def test_ok__far_in_the_future_is_unsure() -> None:
    kernel = replace(KERNEL, wall_ns=lambda: int(datetime(2099, 1, 1, tzinfo=UTC).timestamp() * 1e9))
    assert Clock(source=ClockSource.HOST, kernel=kernel).stamp().quality == "unsure"


def test_fail__floor_without_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Clock(kernel=KERNEL, floor=datetime(2027, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        Clock(kernel=KERNEL).raise_floor(datetime(2027, 1, 1))  # noqa: DTZ001


def test_fail__no_boot_id(tmp_path: Path) -> None:
    with pytest.raises(clock.ClockError, match="boot id"):
        Clock(kernel=clock.linux(boot_id=tmp_path / "none"))


def test_ok__rtc_that_set_the_clock(tmp_path: Path) -> None:
    (tmp_path / "rtc0").mkdir()
    assert not clock.linux(rtc=tmp_path).set_from_rtc()
    for said, expected in (("0\n", False), ("1\n", True)):
        (tmp_path / "rtc1").mkdir(exist_ok=True)
        (tmp_path / "rtc1/hctosys").write_text(said)
        assert clock.linux(rtc=tmp_path).set_from_rtc() is expected


FLOOR = datetime(2027, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("quality", "expiry", "expected"),
    [
        ("nts", date(2027, 3, 1), "valid"),
        ("rtc", date(2027, 2, 28), "expired"),
        ("gnss", date(2027, 2, 28), "expired"),
        # Past for the clock, but the clock proves nothing:
        ("carried", date(2027, 2, 28), "clock_unsure"),
        ("unsure", date(2027, 2, 28), "clock_unsure"),
        # Past for the floor, which is certain:
        ("carried", date(2027, 1, 9), "expired"),
        ("unsure", date(2027, 1, 9), "expired"),
        ("unsure", date(2027, 1, 10), "clock_unsure"),
        # Years to go:
        ("carried", date(2027, 8, 31), "clock_unsure"),
        ("carried", date(2027, 9, 1), "valid"),
        ("unsure", date(2036, 1, 1), "clock_unsure"),
    ],
)
def test_ok__expiry(quality: str, expiry: date, expected: str) -> None:
    assert judge_expiry(expiry, stamp(NOW, quality), FLOOR) == expected


def test_ok__the_day_is_that_of_the_post() -> None:
    late = stamp(datetime(2027, 3, 1, 20, 0, tzinfo=UTC), "rtc")
    assert judge_expiry(date(2027, 3, 1), late, FLOOR) == "valid"
    assert judge_expiry(date(2027, 3, 1), late, FLOOR, zone=timezone(timedelta(hours=5))) == "expired"


@given(st.dates(min_value=date(2027, 1, 10)), st.sampled_from(["carried", "unsure"]))
def test_ok__never_expired_on_an_unsure_clock(expiry: date, quality: str) -> None:
    assert judge_expiry(expiry, stamp(NOW, quality), FLOOR) != "expired"
