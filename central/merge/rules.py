"""The rules by which crossings are put together: pure, and the same for every order of arrival.

1. Records are only added. A stay is computed from crossings, and is computed anew when one more is known.
2. An exit belongs to the entry of the same person just before it, at whatever post.
3. An exit whose entry is not known waits; when the entry comes, also weeks later, they are one stay.
4. What cannot be so is a review task for a person, and is never mended by the machine.
"""

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from appliance.records.statistics.stays import Seen, Stay, days_between, pair

TOO_FAST_MINUTES: Final = 10.0
"""Two posts in less time: a second person with the same papers, or a clock."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has to look at."""

    rule: str
    sentence: str
    crossings: tuple[str, ...]

    @property
    def id(self) -> str:
        """The same for the same rule and crossings, so that a task is opened once."""
        text = "\0".join((self.rule, *sorted(self.crossings)))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """One person's crossings, put together."""

    stays: tuple[Stay, ...]
    tasks: tuple[Task, ...]


def merge(seen: Sequence[Seen]) -> Merged:
    """Stays and tasks of one person's crossings."""
    stays = pair(seen)
    return Merged(stays=stays, tasks=(*_left_open(stays), *_two_places(seen)))


def _left_open(stays: Sequence[Stay]) -> list[Task]:
    """Two entries, and no exit between them."""
    tasks = []
    for stay, later in pairwise(stays):
        if stay.state != "left_open" or stay.entry is None or later.entry is None:
            continue
        tasks.append(
            Task(
                rule="entry_without_exit",
                sentence=f"Entered at {stay.entry.post} and again at {later.entry.post}, with no exit known "
                f"between them{_doubt(stay.entry, later.entry)}.",
                crossings=(stay.entry.crossing, later.entry.crossing),
            )
        )
    return tasks


def _two_places(seen: Sequence[Seen]) -> list[Task]:
    """At two posts within minutes."""
    tasks = []
    for first, second in pairwise(sorted(set(seen))):
        days = days_between(first.moment, second.moment)
        if first.post == second.post or days is None:
            continue
        minutes = days * 24 * 60
        if minutes < TOO_FAST_MINUTES:
            tasks.append(
                Task(
                    rule="two_posts_at_once",
                    sentence=f"At {first.post} and at {second.post} within {minutes:.0f} minutes"
                    f"{_doubt(first, second)}.",
                    crossings=(first.crossing, second.crossing),
                )
            )
    return tasks


def _doubt(*seen: Seen) -> str:
    """Said where it may be no more than a wrong clock."""
    unsure = sorted({one.post for one in seen if one.time_quality in ("unsure", "carried")})
    return f" (the clock at {' and '.join(unsure)} was unsure)" if unsure else ""
