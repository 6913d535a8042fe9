"""A report: every table over one period, protected, with what one must know to read it."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec

from appliance.records.statistics import operations
from appliance.records.statistics.facts import UNKNOWN, Facts
from appliance.records.statistics.operations import Listing
from appliance.records.statistics.stays import Stay, is_overstay, stays_of
from appliance.records.statistics.suppression import THRESHOLD, protect
from appliance.records.statistics.tables import Table, count, count_pairs, crossed
from appliance.records.statistics.variables import DIRECTIONS, STAY_BANDS, VARIABLES, local, stay_band

FORMAT: Final = 1


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is about."""

    first_day: dt.date
    last_day: dt.date
    zone: str
    """IANA name, for days and hours."""
    threshold: int = THRESHOLD
    """Cells below are not told; 1 tells all, and is not for publication."""
    permitted_days: float | None = None
    """The longest stay without another permit; None: overstays are not counted."""
    simulated: bool = False
    """Count simulated crossings too: for training and the demo, and said on every page."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What is published."""

    format: int = FORMAT
    made_at: str
    choice: Choice
    crossings: int
    simulated: int
    """Of them, crossings of nobody."""
    unsure_time: int
    """Of them, with a clock that nobody vouched for: counted on the day that the box believed."""
    without_time: int
    """Left out: no moment that can be read."""
    tables: tuple[Table, ...]
    listings: tuple[Listing, ...]


def make_report(
    facts: Sequence[Facts],
    choice: Choice,
    *,
    made_at: str,
    zone: dt.tzinfo,
    coverage: Sequence[Listing] = (),
    earlier: Sequence[Facts] = (),
) -> Report:
    """The report over crossings of whatever time; those outside the period are passed over.

    Of `earlier`, those before the period are looked at for stays that end in it; `coverage` is what only
    central knows.
    """
    wanted = [one for one in facts if choice.simulated or not one.simulated]
    timed = [(one, local(one, zone)) for one in wanted]
    inside = [
        one
        for one, moment in timed
        if moment is not None and choice.first_day <= moment.date() <= choice.last_day
    ]
    known = {one.crossing for one in inside}
    before = [
        one
        for one in earlier
        if (choice.simulated or not one.simulated)
        and (moment := local(one, zone)) is not None
        and moment.date() < choice.first_day
    ]
    stays = [
        (first, stay)
        for first, stay in stays_of([*before, *inside])
        if any(seen is not None and seen.crossing in known for seen in (stay.entry, stay.exit))
    ]
    tables = [count(inside, variable, zone=zone) for variable in VARIABLES]
    tables += [count_pairs(inside, "age_band", "sex", zone=zone), _actual_stays(stays)]
    tables += [_stay_states(stays, choice, made_at), count_pairs(inside, "hour", "post", zone=zone)]
    protected = tuple(protect(one, threshold=choice.threshold) for one in tables)
    return Report(
        made_at=made_at,
        choice=choice,
        crossings=len(inside),
        simulated=sum(one.simulated for one in inside),
        unsure_time=sum(one.time_quality in ("unsure", "carried") for one in inside),
        without_time=sum(moment is None for _, moment in timed),
        tables=protected,
        listings=(
            operations.handling(inside, threshold=choice.threshold),
            operations.staffing(inside, protected[-1], zone=zone),
            operations.hits(inside, threshold=choice.threshold),
            operations.missed(inside, threshold=choice.threshold),
            operations.failures(inside),
            operations.paper(inside, threshold=choice.threshold),
            *coverage,
        ),
    )


def _actual_stays(stays: Sequence[tuple[Facts, Stay]]) -> Table:
    """How long people stayed beside how long they meant to: one row and column a stay that has ended."""
    ended = [(first, stay.days) for first, stay in stays if stay.state == "complete"]
    marked = [(stay_band(days), stay_band(first.intended_stay_days), first.person) for first, days in ended]
    names = (*(name for _, name in STAY_BANDS), UNKNOWN)
    return crossed(
        marked,
        name="actual_stay_by_intended_stay",
        title="Ended stays by actual length, coloured by intended",
        row_title="Actual stay",
        rows=[name for name in names if any(row == name for row, _, _ in marked)],
        columns=[name for name in names if any(column == name for _, column, _ in marked)],
    )


def _stay_states(stays: Sequence[tuple[Facts, Stay]], choice: Choice, as_of: str) -> Table:
    marked = [
        (stay.state.replace("_", " "), _overstay(stay, choice, as_of), first.person) for first, stay in stays
    ]
    return crossed(
        marked,
        name="stays_by_state",
        title="Stays by what is known of them, and overstays",
        row_title="Stay",
        rows=("complete", "open", "left open", "waiting"),
        columns=("within", "overstay", "not known"),
    )


def _overstay(stay: Stay, choice: Choice, as_of: str) -> str:
    if choice.permitted_days is None or stay.state not in ("complete", "open"):
        return "not known"
    return "overstay" if is_overstay(stay, permitted_days=choice.permitted_days, as_of=as_of) else "within"


__all__ = ["DIRECTIONS", "Choice", "Report", "make_report"]
