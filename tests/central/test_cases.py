"""How referred crossings ended: kept beside them, whichever box closed them and whatever came first."""

import datetime as dt

import pytest
import sqlalchemy as sa
from central_common import STAMP, take

from appliance.contracts.checks import Direction, Outcome
from central.fleet.alerts import open_alerts
from central.merge.settle import reviews
from central.merge.tables import CASE_CLOSINGS, STAYS, VISA_DECISIONS
from central.tables import CROSSINGS

NOW = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)


def body(crossing: str = "c1", **changes) -> dict:
    values = {
        "crossing": crossing,
        "device": "box-1",
        "kind": "referred",
        "outcome": "admitted",
        "ground": None,
        "reason": "The consulate has confirmed the papers.",
        "officer": "Emil",
        "role": "second_line",
        "crossed_at": STAMP.wall,
        "waited_seconds": 600.0,
        "released_by": "",
        "late": False,
        "examined": {"checks": 3, "notes": "x"},
    }
    return values | changes


def closed_at(box, closing: dict, record_type: str = "case_closed") -> bytes:
    box.journal.commit(f"{closing['crossing']}/closed", record_type, closing, STAMP)
    return box.envelopes()[-1]


def closings(store) -> list:
    with store.reading() as batch:
        return batch.connection.execute(sa.select(CASE_CLOSINGS).order_by(CASE_CLOSINGS.c.device)).all()


def visas(store) -> list[tuple]:
    with store.reading() as batch:
        columns = [VISA_DECISIONS.c[name] for name in ("outcome", "type", "days", "entries")]
        return [tuple(row) for row in batch.connection.execute(sa.select(*columns))]


GRANT = {"days": 14, "entries": 1, "valid_from": "2026-11-02", "valid_until": "2026-12-01", "later": 1}
DECIDED = {"outcome": "granted", "type": "TOURIST", "grant": GRANT, "later": 1}


SAID = (
    (DECIDED, ("granted", "TOURIST", 14, 1)),
    ({"outcome": "refused", "type": "TOURIST", "grant": None}, ("refused", "TOURIST", None, None)),
    ({"outcome": "lapsed"}, ("lapsed", "", None, None)),
    (None, None),
    ("granted", None),
    ({"outcome": "sold"}, None),
    (DECIDED | {"grant": None}, None),
    (DECIDED | {"outcome": "refused"}, None),
    (DECIDED | {"type": "X" * 17}, None),
    (DECIDED | {"type": "\0"}, None),
    (DECIDED | {"grant": GRANT | {"days": 10**12}}, None),
    (DECIDED | {"grant": GRANT | {"entries": -1}}, None),
)
"""What a box says became of an application, and the columns of it."""


def test_ok__how_applications_for_a_visa_ended(either, keys, make_box) -> None:
    box = make_box("box-1")
    box.register(either)
    for number, (said, _kept) in enumerate(SAID):
        box.cross(f"c{number}", outcome=Outcome.REFERRED, simulated=())
        closed_at(box, body(f"c{number}", visa=said))
    for _ in range(2):  # all of it comes twice
        take(either, keys, "box-1", *box.envelopes())
    kept = [one for _said, one in SAID if one is not None]
    assert sorted(visas(either), key=str) == sorted(kept, key=str)
    assert len(closings(either)) == len(SAID)
    with either.reading() as batch:
        query = sa.text("SELECT type, outcome, visas FROM statistics_visas")
        counted = [tuple(row) for row in batch.connection.execute(query)]
    assert sorted(counted) == sorted((type_, outcome, 1) for outcome, type_, _, _ in kept)


def states(store) -> list[str]:
    with store.reading() as batch:
        return sorted(batch.connection.execute(sa.select(STAYS.c.state)).scalars())


def tasks(store) -> list:
    with store.reading() as batch:
        return [one for one in reviews(batch.connection, now=NOW) if one.rule == "case_closed_twice"]


@pytest.mark.parametrize("closing_first", [True, False])
@pytest.mark.parametrize(("outcome", "stays"), [("admitted", ["open"]), ("refused", []), ("withdrawn", [])])
def test_ok__closed_at_another_box_of_the_post(
    either, keys, make_box, outcome: str, stays: list[str], closing_first: bool
) -> None:
    first, second = make_box("box-1"), make_box("box-2")
    for box in (first, second):
        box.register(either)
    crossed = first.cross("c1", outcome=Outcome.REFERRED)
    ground = "false_document" if outcome == "refused" else None
    closed = closed_at(second, body(outcome=outcome, ground=ground))
    steps = [("box-1", crossed), ("box-2", closed)]
    for device, message in reversed(steps) if closing_first else steps:
        take(either, keys, device, message)
    (row,) = closings(either)
    assert (row.device, row.of_device, row.crossing) == ("box-2", "box-1", "c1")
    assert (row.outcome, row.ground, row.officer, row.role) == (outcome, ground, "Emil", "second_line")
    assert states(either) == stays
    with either.reading() as batch:
        (crossing,) = batch.connection.execute(sa.select(CROSSINGS)).all()
    assert crossing.outcome == "referred", "what was recorded stays"
    assert tasks(either) == []
    take(either, keys, "box-2", closed)  # it comes twice
    assert len(closings(either)) == 1


def test_ok__closed_twice_is_a_person_s_to_look_at(either, keys, make_box) -> None:
    first, second = make_box("box-1"), make_box("box-2")
    for box in (first, second):
        box.register(either)
    take(either, keys, "box-1", first.cross("c1", outcome=Outcome.REFERRED))
    take(either, keys, "box-1", closed_at(first, body()))
    assert tasks(either) == []
    take(either, keys, "box-2", closed_at(second, body(outcome="withdrawn")))
    (task,) = tasks(either)
    assert task.crossings == ("c1",)
    assert "admitted at box-1" in task.sentence
    assert "withdrawn at box-2" in task.sentence


def test_ok__a_release_that_was_not_right_is_an_alert(either, keys, make_box) -> None:
    box = make_box("box-1")
    box.register(either)
    take(either, keys, "box-1", box.cross("c1", released="Found again, by telephone."))
    review = body(kind="released", outcome="not_upheld", role="supervisor", released_by="Aida", late=True)
    take(either, keys, "box-1", closed_at(box, review, "release_review"))
    (row,) = closings(either)
    assert (row.kind, row.outcome, row.late) == ("released", "not_upheld", True)
    with either.reading() as batch:
        kinds = [alert.kind for alert in open_alerts(batch.connection)]
    assert "release_not_upheld" in kinds
    assert states(either) == ["open"]


def test_ok__no_box_refuses_another_s_traveller_by_its_name_alone(either, keys, make_box) -> None:
    """A closing that names another box than the crossing's is kept, and moves no stay."""
    first, second = make_box("box-1"), make_box("box-2")
    for box in (first, second):
        box.register(either)
    take(either, keys, "box-1", first.cross("c1"))
    take(either, keys, "box-2", closed_at(second, body(device="box-2", outcome="refused", ground="other")))
    assert states(either) == ["open"]
    leave = first.cross("c2", direction=Direction.EXIT)
    take(either, keys, "box-1", leave)
    assert states(either) == ["complete"]


@pytest.mark.parametrize(
    "changes",
    [
        {"crossing": ""},
        {"crossing": "x" * 65},
        {"crossing": 7},
        {"officer": None},
        {"officer": "E\0"},
        {"kind": "rumour"},
        {"outcome": "eaten"},
        {"ground": "mood"},
        {"waited_seconds": -1.0},
        {"waited_seconds": "long"},
    ],
)
def test_fail__what_makes_no_sense_stays_sealed(either, keys, make_box, changes: dict) -> None:
    box = make_box("box-1")
    box.register(either)
    box.journal.commit("odd/closed", "case_closed", body(**changes), STAMP)
    take(either, keys, "box-1", *box.envelopes())
    assert closings(either) == []
    assert either.counts()["records"] == 1
    assert either.counts()["refused"] == 0
