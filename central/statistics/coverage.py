"""What the counts cover: the hours in which boxes recorded or were heard, and what posts noted on paper."""

import datetime as dt
from collections import Counter

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.contracts.paper import PAPER as RECORDED_ON_PAPER
from appliance.records.statistics.operations import Listing
from central.fleet.tables import HEARD, PAPER
from central.statistics.tables import FACTS, MISSED
from central.tables import EPOCHS


class CannotTell(Exception):
    """The paper count does not make sense."""


def tell_paper(
    connection: Connection, *, post: str, day: dt.date, direction: str, crossings: int, by: str
) -> None:
    """A post says how many crossed on paper while its box was down; a later word is added, none replaced.

    Raises:
        CannotTell: it names nobody, or no number of crossings.
    """
    if not post.strip() or not by.strip() or not 0 < crossings < 1_000_000 or len(post) > 200 or len(by) > 64:
        raise CannotTell("Say which post, who says it, and a number of crossings above zero.")
    connection.execute(
        sa.insert(PAPER).values(
            post=post,
            day=day.isoformat(),
            direction=direction,
            crossings=crossings,
            told_by=by,
            told_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        )
    )


def coverage(
    connection: Connection, *, first_day: dt.date, last_day: dt.date, zone: dt.tzinfo
) -> tuple[Listing, ...]:
    """Two listings over whole days of the zone: hours by box, and crossings on paper by post."""
    begin = dt.datetime.combine(first_day, dt.time(), zone).astimezone(dt.UTC)
    end = dt.datetime.combine(last_day + dt.timedelta(days=1), dt.time(), zone).astimezone(dt.UTC)
    return _hours(connection, begin, end), _paper(connection, first_day, last_day)


def _hours(connection: Connection, begin: dt.datetime, end: dt.datetime) -> Listing:
    since, until = begin.isoformat()[:13], end.isoformat()[:13]
    hour = sa.func.substr(FACTS.c.moment, 1, 13)
    recorded: dict[str, set[str]] = {}
    posts: dict[str, str] = {}
    entered = sa.select(MISSED.c.crossing).where(
        MISSED.c.check_id == "mrz.read", MISSED.c.reason == RECORDED_ON_PAPER
    )
    query = sa.select(FACTS.c.device, FACTS.c.post, hour).where(FACTS.c.crossing.not_in(entered)).distinct()
    for device, post, one in connection.execute(query):
        posts[device] = post
        if since <= one < until:
            recorded.setdefault(device, set()).add(one)
    heard: dict[str, set[str]] = {}
    for row in connection.execute(sa.select(HEARD).where(HEARD.c.hour >= since, HEARD.c.hour < until)):
        heard.setdefault(row.device, set()).add(row.hour)
    first_seen = sa.select(EPOCHS.c.device, sa.func.min(EPOCHS.c.first_seen_at)).group_by(EPOCHS.c.device)
    rows = []
    for device, known in sorted((row[0], row[1]) for row in connection.execute(first_seen)):
        begun = max(begin, dt.datetime.fromisoformat(known))
        begun = min([begun, *(_hour(one) for one in recorded.get(device, ()))])
        hours = max(0, int((end - begun).total_seconds() // 3600))
        at_work = len(recorded.get(device, ()))
        alive = len(heard.get(device, set()) - recorded.get(device, set()))
        silent = max(0, hours - at_work - alive)
        rows.append((posts.get(device, "?"), device, hours, at_work, alive, silent))
    return Listing(
        name="coverage",
        title="Coverage: hours by what is known of them",
        columns=("post", "box", "hours", "with crossings", "only heard", "silent"),
        rows=tuple(sorted(rows)),
        note="In a silent hour the box neither recorded nor was heard: it was down, or the post was closed. "
        "Counting begins when central first heard of the box.",
    )


def _hour(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}:00:00+00:00")


def _paper(connection: Connection, first_day: dt.date, last_day: dt.date) -> Listing:
    numbers: Counter[tuple[str, str]] = Counter()
    days: dict[tuple[str, str], set[str]] = {}
    chosen = sa.select(PAPER).where(PAPER.c.day >= first_day.isoformat(), PAPER.c.day <= last_day.isoformat())
    for row in connection.execute(chosen):
        numbers[row.post, row.direction] += row.crossings
        days.setdefault((row.post, row.direction), set()).add(row.day)
    return Listing(
        name="paper",
        title="Crossings told as a number on paper, which are in no other table",
        columns=("post", "direction", "days", "crossings"),
        rows=tuple((*key, len(days[key]), number) for key, number in sorted(numbers.items())),
    )
