"""How the posts work: handling time, staffing, hits and false hits, checks not done, failing devices."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from appliance.records.statistics.facts import Facts, on_paper
from appliance.records.statistics.suppression import protect_counts
from appliance.records.statistics.tables import Table
from appliance.records.statistics.variables import local

DEVICE_REASONS: Final = frozenset(
    {"no_device", "timeout", "unreadable", "device_gone", "device_error", "unreachable", "removed"}
)
"""Reasons of checks that a device failed at."""
PERSONS_HITS: Final = "watchlist."

Value = str | int | float | None


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Rows under titled columns; None is a value that is not told, or not known."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""


def handling(facts: Sequence[Facts], *, threshold: int) -> Listing:
    """Seconds from the button to the decision, by post and lane; nothing of a lane with few crossings."""
    times: dict[str, dict[str, list[float]]] = {}
    for one in facts:
        if one.handling_seconds is not None:
            times.setdefault(one.post, {}).setdefault(one.lane, []).append(one.handling_seconds)
    rows: list[tuple[Value, ...]] = []
    for post, lanes in sorted(times.items()):
        names = sorted(lanes)
        told = protect_counts([len(lanes[lane]) for lane in names], threshold=threshold)
        for lane, number in zip(names, told, strict=True):
            seconds = lanes[lane]
            values = [round(quantile(seconds, share), 1) for share in (0.5, 0.9, 1.0)]
            rows.append((post, lane, number, *([None] * 3 if number is None else values)))
    return Listing(
        name="handling_time",
        title="Handling time in seconds, from the button to the decision",
        columns=("post", "lane", "crossings", "median", "90th percentile", "longest"),
        rows=tuple(rows),
        note="Crossings that a restart interrupted are not in it.",
    )


def staffing(facts: Sequence[Facts], table: Table, *, zone: dt.tzinfo) -> Listing:
    """By hour of day: how many lanes worked, and how much each of them did.

    `table` is the protected one of crossings by hour and post: what it does not tell is not told here.
    """
    lanes: dict[tuple[str, int], set[tuple[dt.date, str]]] = {}
    days: dict[tuple[str, int], set[dt.date]] = {}
    for one in facts:
        moment = local(one, zone)
        if moment is None or on_paper(one):
            continue
        key = one.post, moment.hour
        lanes.setdefault(key, set()).add((moment.date(), f"{one.device}/{one.lane}"))
        days.setdefault(key, set()).add(moment.date())
    rows: list[tuple[Value, ...]] = []
    for post, hour in sorted(lanes):
        number = table.cell(f"{hour:02}", post).crossings
        worked, at_work = len(lanes[post, hour]), len(days[post, hour])
        known: tuple[Value, ...] = (None,) * 4
        if number is not None:
            known = (at_work, round(worked / at_work, 2), number, round(number / worked, 1))
        rows.append((post, f"{hour:02}", *known))
    return Listing(
        name="staffing",
        title="Lanes at work by hour of day",
        columns=("post", "hour", "days", "lanes a day", "crossings", "crossings a lane and hour"),
        rows=tuple(rows),
        note="A lane is at work in an hour in which it recorded a crossing.",
    )


def paper(facts: Sequence[Facts], *, threshold: int) -> Listing:
    """Crossings that were entered from a paper ledger; they are in every other table too."""
    numbers = Counter((one.post, one.direction) for one in facts if on_paper(one))
    keys = sorted(numbers)
    told = protect_counts([numbers[key] for key in keys], threshold=threshold)
    return Listing(
        name="paper_entered",
        title="Crossings entered from paper after an outage",
        columns=("post", "direction", "crossings"),
        rows=tuple((*key, number) for key, number in zip(keys, told, strict=True)),
        note="Each is counted in the other tables as well, at the time that the ledger says.",
    )


def hits(facts: Sequence[Facts], *, threshold: int) -> Listing:
    """Watchlist hits by check and reason, how many officers found false, how many were referred."""
    found: Counter[tuple[str, str]] = Counter()
    false: Counter[tuple[str, str]] = Counter()
    referred: Counter[tuple[str, str]] = Counter()
    for one in facts:
        for hit in one.hits:
            key = hit.check.removeprefix(PERSONS_HITS), hit.reason
            found[key] += 1
            false[key] += one.false_hits > 0
            referred[key] += one.outcome == "referred"
    keys = sorted(found)
    told = protect_counts([found[key] for key in keys], threshold=threshold)
    return Listing(
        name="hits",
        title="Watchlist hits",
        columns=("list", "reason", "hits", "found to be another person", "referred"),
        rows=tuple(
            (*key, number, *(_told(part[key], number, threshold) for part in (false, referred)))
            for key, number in zip(keys, told, strict=True)
        ),
        note="A hit is false when the officer found traveller and entry to be two persons.",
    )


def missed(facts: Sequence[Facts], *, threshold: int) -> Listing:
    """Checks that were not done, or could not be, and why: of how many crossings. Their sum is told nowhere,
    so only what is small is hidden."""
    numbers = Counter((one.check, one.verdict, one.reason) for line in facts for one in line.missed)
    return Listing(
        name="checks_not_done",
        title="Checks not done, and why",
        columns=("check", "verdict", "reason", "crossings", "share"),
        rows=tuple(
            (*key, *((number, round(number / len(facts), 4)) if number >= threshold else (None, None)))
            for key, number in sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
        ),
    )


def failures(facts: Sequence[Facts]) -> Listing:
    """What a device failed at, by box: of machines and not of persons, so every number is told."""
    numbers: Counter[tuple[str, str, str, str]] = Counter()
    for one in facts:
        kinds = {(each.check.split(".")[0], each.reason) for each in one.missed if each.verdict == "CANNOT"}
        for area, reason in kinds:
            if reason in DEVICE_REASONS:
                numbers[one.post, one.device, area, reason] += 1
    return Listing(
        name="device_failures",
        title="Device failures",
        columns=("post", "box", "area", "reason", "crossings"),
        rows=tuple((*key, number) for key, number in sorted(numbers.items())),
    )


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share does not exceed (the inverse of the distribution)."""
    ordered = sorted(values)
    place = max(0, -(-len(ordered) * share // 1) - 1)
    return ordered[int(place)]


def _told(part: int, whole: int | None, threshold: int) -> int | None:
    """Part of a count: hidden with it, and where it, or what is left of it, is small."""
    if whole is None or 0 < part < threshold or 0 < whole - part < threshold:
        return None
    return part
