"""Persons' stays and tasks kept up to date, within the transaction that added their crossings."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance.records.statistics.stays import Seen, Stay
from central.database import insert_once, lock_names
from central.merge.cases import not_crossed
from central.merge.rules import Merged, Task, merge
from central.merge.tables import REVIEWS, STAYS
from central.statistics.tables import FACTS

_DERIVED: Final = ("entry_without_exit", "two_posts_at_once")
_SEEN: Final = (
    *(FACTS.c.person, FACTS.c.simulated, FACTS.c.moment, FACTS.c.crossing, FACTS.c.direction),
    *(FACTS.c.post, FACTS.c.time_quality, FACTS.c.document_link),
)
MAX_AT_ONCE: Final = 5000
WAITING_DAYS: Final = 14
"""A box may be without network for nine days and more; then an exit without an entry is looked at."""


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it is shown."""

    id: str
    rule: str
    sentence: str
    crossings: tuple[str, ...]
    state: str
    opened_at: str


class NoSuchReview(Exception):
    """There is no open task of this id."""


def settle(connection: Connection, persons: Iterable[str]) -> None:
    """Put these persons' crossings together anew. Workers that do so for one person wait for each other."""
    wanted = sorted(set(persons))
    if not wanted:
        return
    lock_names(connection, set(wanted))
    crossings: dict[tuple[str, bool], list[Seen]] = {}
    rows = (
        row
        for some in _parts(wanted)
        for row in connection.execute(
            sa.select(*_SEEN).where(FACTS.c.person.in_(some), sa.not_(not_crossed()))
        )
    )
    for row in rows:
        one = Seen(
            moment=row.moment,
            crossing=row.crossing,
            direction=row.direction,
            post=row.post,
            time_quality=row.time_quality,
            document=row.document_link,
        )
        crossings.setdefault((row.person, bool(row.simulated)), []).append(one)
    # All first: a crossing that was corrected or erased may have gone from one of them to another.
    for some in _parts(wanted):
        connection.execute(sa.delete(STAYS).where(STAYS.c.person.in_(some)))
    stays: list[dict[str, Any]] = []
    tasks: dict[str, list[Task]] = {person: [] for person in wanted}
    for (person, simulated), seen in crossings.items():
        merged: Merged = merge(seen)
        tasks[person] += merged.tasks
        stays += [_row(person, stay, simulated=simulated) for stay in merged.stays]
    if stays:
        connection.execute(sa.insert(STAYS), stays)
    _keep_tasks(connection, tasks)


def add_task(connection: Connection, person: str, task: Task) -> None:
    """Open a task, unless it was opened before."""
    insert_once(
        connection,
        REVIEWS,
        id=task.id,
        rule=task.rule,
        person=person,
        sentence=task.sentence,
        crossings=json.dumps(list(task.crossings)),
        state="open",
        opened_at=_now(),
    )


def reviews(connection: Connection, *, now: dt.datetime) -> tuple[Review, ...]:
    """The open tasks, the oldest first, and exits that have waited for their entry for too long."""
    found = [
        Review(
            id=row.id,
            rule=row.rule,
            sentence=row.sentence,
            crossings=tuple(json.loads(row.crossings)),
            state=row.state,
            opened_at=row.opened_at,
        )
        for row in connection.execute(
            sa.select(REVIEWS).where(REVIEWS.c.state == "open").order_by(REVIEWS.c.opened_at, REVIEWS.c.id)
        )
    ]
    before = (now - dt.timedelta(days=WAITING_DAYS)).astimezone(dt.UTC).isoformat()
    closed = {
        row.id for row in connection.execute(sa.select(REVIEWS.c.id).where(REVIEWS.c.state == "closed"))
    }
    waiting = sa.select(STAYS).where(STAYS.c.state == "waiting", STAYS.c.exit_at < before)
    for row in connection.execute(waiting.order_by(STAYS.c.exit_at)):
        task = Task(
            rule="exit_without_entry",
            sentence=f"Left at {row.exit_post}, and no entry is known after {WAITING_DAYS} days.",
            crossings=(row.exit,),
        )
        if task.id not in closed:
            found.append(
                Review(
                    id=task.id,
                    rule=task.rule,
                    sentence=task.sentence,
                    crossings=task.crossings,
                    state="open",
                    opened_at=row.exit_at,
                )
            )
    return tuple(found)


def close_review(connection: Connection, id_: str, *, by: str, reason: str, now: dt.datetime) -> None:
    """A person has looked; the records stay as they are.

    Raises:
        NoSuchReview: it is not open.
    """
    closed: dict[str, Any] = {
        "state": "closed",
        "closed_at": now.isoformat(),
        "closed_by": by,
        "reason": reason,
    }
    done = connection.execute(
        sa.update(REVIEWS).where(REVIEWS.c.id == id_, REVIEWS.c.state == "open").values(**closed)
    )
    if done.rowcount:
        return
    for one in reviews(connection, now=now):
        if one.id == id_:  # a waiting exit: a row is written now that somebody has decided
            person = connection.execute(
                sa.select(STAYS.c.person).where(STAYS.c.exit == one.crossings[0])
            ).scalar_one()
            connection.execute(
                sa.insert(REVIEWS).values(
                    id=one.id,
                    rule=one.rule,
                    person=person,
                    sentence=one.sentence,
                    crossings=json.dumps(list(one.crossings)),
                    opened_at=one.opened_at,
                    **closed,
                )
            )
            return
    raise NoSuchReview("There is no open task of this id.")


def _keep_tasks(connection: Connection, tasks: Mapping[str, Iterable[Task]]) -> None:
    """Open what is new, resolve what a later record has answered; what a person closed stays closed."""
    wanted = {task.id: (person, task) for person, theirs in tasks.items() for task in theirs}
    known = [
        row
        for some in _parts(sorted(tasks))
        for row in connection.execute(
            sa.select(REVIEWS.c.id, REVIEWS.c.state).where(
                REVIEWS.c.person.in_(some), REVIEWS.c.rule.in_(_DERIVED)
            )
        )
    ]
    for row in known:
        change: dict[str, str | None] = {}
        if row.state == "open" and row.id not in wanted:
            change = {"state": "resolved", "closed_at": _now(), "reason": "A later record answers it."}
        elif row.state == "resolved" and row.id in wanted:
            change = {"state": "open", "closed_at": None, "reason": None}
        if change:
            connection.execute(sa.update(REVIEWS).where(REVIEWS.c.id == row.id).values(**change))
    for id_ in sorted(set(wanted) - {row.id for row in known}):
        add_task(connection, *wanted[id_])


def _parts(persons: Sequence[str]) -> Iterator[Sequence[str]]:
    """So many at once as both databases take in one statement."""
    return (persons[at : at + MAX_AT_ONCE] for at in range(0, len(persons), MAX_AT_ONCE))


def _row(person: str, stay: Stay, *, simulated: bool) -> dict[str, Any]:
    crossings = [part.crossing for part in (stay.entry, stay.exit) if part is not None]
    return {
        "id": hashlib.sha256("\0".join(crossings).encode()).hexdigest()[:32],
        "person": person,
        "simulated": simulated,
        "state": stay.state,
        "entry": stay.entry.crossing if stay.entry else None,
        "entry_post": stay.entry.post if stay.entry else None,
        "entry_at": stay.entry.moment if stay.entry else None,
        "exit": stay.exit.crossing if stay.exit else None,
        "exit_post": stay.exit.post if stay.exit else None,
        "exit_at": stay.exit.moment if stay.exit else None,
        "days": stay.days,
    }


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
