"""Crossings of many posts put together by rule: in any order, by several workers, on either database."""

import datetime as dt
import itertools
import threading

import pytest
import sqlalchemy as sa
from central_common import DOCUMENT, STAMP, acknowledged, take
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from appliance.contracts.checks import Direction
from appliance.records.statistics.stays import Seen
from central.merge.rules import merge
from central.merge.settle import NoSuchReview, close_review, reviews
from central.merge.tables import REVIEWS, STAYS
from central.store import Store

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def at(day: int, hour: int = 8, minute: int = 0, quality: str = "rtc"):
    return replace(STAMP, wall=f"2026-11-{day:02}T{hour:02}:{minute:02}:00.000+00:00", quality=quality)


def seen(day: int, direction: str, post: str = "North", minute: int = 0, quality: str = "rtc") -> Seen:
    return Seen(
        moment=at(day, minute=minute).wall,
        crossing=f"{day}-{direction}-{post}-{minute}",
        direction=direction,
        post=post,
        time_quality=quality,
    )


def stays_of(store: Store) -> list[tuple]:
    with store.reading() as batch:
        rows = batch.connection.execute(sa.select(STAYS).order_by(STAYS.c.entry_at, STAYS.c.exit_at))
        return [(row.state, row.entry_post, row.exit_post, row.days) for row in rows]


def open_reviews(store: Store, now: dt.datetime = NOW):
    with store.reading() as batch:
        return reviews(batch.connection, now=now)


@pytest.fixture
def posts(make_box, either):
    made = {}
    for device, post in (("box-1", "North"), ("box-2", "South")):
        made[post] = make_box(device)
        made[post].register(either)
    return made


def test_ok__an_exit_that_comes_before_its_entry_waits_for_it(either, keys, posts) -> None:
    leave = posts["South"].cross("leave", direction=Direction.EXIT, decided=at(9), post="South")
    entry = posts["North"].cross("enter", decided=at(3), post="North")
    take(either, keys, "box-2", leave)
    assert stays_of(either) == [("waiting", None, "South", None)]
    assert open_reviews(either, NOW - dt.timedelta(days=10)) == ()
    (task,) = open_reviews(either, dt.datetime(2026, 11, 24, tzinfo=dt.UTC))  # and is not forgotten
    assert (task.rule, task.crossings) == ("exit_without_entry", ("leave",))
    take(either, keys, "box-1", entry)
    assert stays_of(either) == [("complete", "North", "South", 6.0)]
    assert open_reviews(either, dt.datetime(2026, 11, 24, tzinfo=dt.UTC)) == ()


def test_ok__a_conflict_is_a_task_and_a_later_record_resolves_it(either, keys, posts) -> None:
    first = posts["North"].cross("first", decided=at(3), post="North")
    second = posts["South"].cross("second", decided=at(9), post="South")
    take(either, keys, "box-1", first)
    take(either, keys, "box-2", second)
    (task,) = open_reviews(either)
    assert task.rule == "entry_without_exit"
    assert set(task.crossings) == {"first", "second"}
    assert [state for state, *_ in stays_of(either)] == ["left_open", "open"]
    between = posts["North"].cross("between", direction=Direction.EXIT, decided=at(5), post="North")
    take(either, keys, "box-1", between)
    assert open_reviews(either) == ()
    assert [state for state, *_ in stays_of(either)] == ["complete", "open"]
    with either.reading() as batch:
        (row,) = batch.connection.execute(sa.select(REVIEWS)).all()
    assert (row.state, row.reason) == ("resolved", "A later record answers it.")
    with either.reading() as batch:  # nothing was overwritten
        assert acknowledged(either, "box-1", posts["North"].epoch) == 2


def test_ok__a_task_that_a_person_closed_stays_closed(either, keys, posts) -> None:
    take(either, keys, "box-1", posts["North"].cross("first", decided=at(3)))
    take(either, keys, "box-1", posts["North"].cross("second", decided=at(9)))
    (task,) = open_reviews(either)
    with either.batch() as batch:
        close_review(batch.connection, task.id, by="A. Clerk", reason="left on foot", now=NOW)
    take(either, keys, "box-1", posts["North"].cross("third", direction=Direction.EXIT, decided=at(10)))
    assert open_reviews(either) == ()
    with pytest.raises(NoSuchReview), either.batch() as batch:
        close_review(batch.connection, task.id, by="A. Clerk", reason="again", now=NOW)


def test_ok__a_waiting_exit_can_be_closed(either, keys, posts) -> None:
    leave = posts["North"].cross("leave", direction=Direction.EXIT, decided=at(1))
    take(either, keys, "box-1", leave)
    (task,) = open_reviews(either)
    with either.batch() as batch:
        close_review(batch.connection, task.id, by="A. Clerk", reason="came before there were boxes", now=NOW)
    assert open_reviews(either) == ()


def test_ok__a_crossing_s_name_that_is_known_is_kept_and_looked_at(either, keys, posts) -> None:
    take(either, keys, "box-1", posts["North"].cross("same"))
    assert not take(either, keys, "box-2", posts["South"].cross("same")).refused
    assert either.counts()["crossings"] == 1
    assert either.counts()["records"] == 2
    (task,) = open_reviews(either)
    assert task.rule == "crossing_twice"


def test_ok__simulated_and_real_are_never_one_stay(either, keys, posts) -> None:
    take(either, keys, "box-1", posts["North"].cross("real", decided=at(3), simulated=()))
    leave = posts["South"].cross("play", direction=Direction.EXIT, decided=at(5))
    take(either, keys, "box-2", leave)
    assert sorted(state for state, *_ in stays_of(either)) == ["open", "waiting"]


def test_ok__two_workers_and_one_person(postgresql, keys, make_box) -> None:
    """Entry and exit are ingested at the same moment by two workers; whoever is last sees both."""
    stores = [Store(postgresql), Store(postgresql)]
    boxes = [make_box("box-1"), make_box("box-2")]
    for box in boxes:
        box.register(stores[0])
    for number in range(12):
        who = replace(DOCUMENT, primary_identifier=f"TRAVELLER{number}")
        enter = boxes[0].cross(f"in{number}", decided=at(3), document=who)
        leave = boxes[1].cross(f"out{number}", decided=at(5), document=who, direction=Direction.EXIT)
        together = threading.Barrier(2)

        def work(store: Store, device: str, envelope: bytes, together=together) -> None:
            together.wait()
            take(store, keys, device, envelope)

        jobs = [
            threading.Thread(target=work, args=(stores[0], "box-1", enter)),
            threading.Thread(target=work, args=(stores[1], "box-2", leave)),
        ]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
    assert [state for state, *_ in stays_of(stores[0])] == ["complete"] * 12
    for store in stores:
        store.close()


def test_ok__two_posts_at_once_and_a_clock_that_may_explain_it() -> None:
    merged = merge([seen(3, "entry"), seen(3, "exit", "South", minute=4)])
    (task,) = merged.tasks
    assert task.rule == "two_posts_at_once"
    assert "within 4 minutes" in task.sentence
    assert "unsure" not in task.sentence
    (task,) = merge([seen(3, "entry"), seen(3, "exit", "South", minute=4, quality="unsure")]).tasks
    assert "the clock at South was unsure" in task.sentence
    assert merge([seen(3, "entry"), seen(3, "exit", "South", minute=30)]).tasks == ()


@given(
    st.lists(
        st.tuples(
            st.integers(1, 28), st.sampled_from(["entry", "exit"]), st.sampled_from(["North", "South"])
        ),
        max_size=7,
    ),
    st.randoms(),
)
def test_ok__whatever_the_order_of_arrival(crossings, play) -> None:
    one = [seen(*each, minute=number) for number, each in enumerate(crossings)]
    other = list(one)
    play.shuffle(other)
    assert merge(one) == merge(other)
    assert {task.id for task in merge(one).tasks} == {task.id for task in merge(other).tasks}


def test_ok__any_order_in_the_database_too(tmp_path, keys, make_box) -> None:
    """Three boxes' four crossings in all 24 orders: stays and tasks are the same."""
    boxes = {f"box-{number}": make_box(f"box-{number}") for number in (1, 2, 3)}
    sent = [
        ("box-1", boxes["box-1"].cross("a", decided=at(1))),
        ("box-2", boxes["box-2"].cross("b", decided=at(4), direction=Direction.EXIT, post="South")),
        ("box-3", boxes["box-3"].cross("c", decided=at(6))),
        ("box-2", boxes["box-2"].cross("d", decided=at(8), post="South")),
    ]
    results = set()
    for number, order in enumerate(itertools.permutations(sent)):
        store = Store(str(tmp_path / f"{number}.db"))
        for box in boxes.values():
            box.register(store)
        for device, envelope in order:
            take(store, keys, device, envelope)
        tasks = tuple(sorted((task.rule, task.crossings) for task in open_reviews(store)))
        results.add((tuple(stays_of(store)), tasks))
        store.close()
    assert len(results) == 1
