"""Vehicles and families in central: who belongs together, what was declared and seen; on either database."""

import pytest
import sqlalchemy as sa
from central_common import STAMP, take

from appliance.contracts.movement import GroupLink
from central.statistics.groups import GROUP_CROSSINGS, GROUPS, forget_member

LINK = GroupLink(group="g1", kind="family", declared=2, place=1, plate="01KG123ABC", plate_state="KGZ")
CLOSED = {
    "act": "closed",
    "group": "g1",
    "kind": "family",
    "declared": 2,
    "plate": "01KG123ABC",
    "plate_state": "KGZ",
    "seen": 3,
    "detached": 1,
    "reason": "one more",
    "members": ["in1", "in2", "in3"],
}


@pytest.fixture
def filled(either, keys, make_box):
    box = make_box()
    box.register(either)
    box.journal.commit("group/g1/opened", "group", CLOSED | {"act": "opened"}, STAMP)
    for place in (1, 2, 3):
        link = GroupLink(
            **(
                {name: getattr(LINK, name) for name in LINK.__struct_fields__}
                | {"place": place, "guardian": "in1" if place == 2 else ""}
                | {"detached": "looked at" if place == 3 else "", "shared_document": place == 2}
            )
        )
        box.cross(f"in{place}", group=link, simulated=())
    box.cross("alone", simulated=())
    box.journal.commit("group/g1/closed", "group", CLOSED, STAMP)
    take(either, keys, "box-1", *box.envelopes())
    return box


def rows(store, table):
    with store.reading() as batch:
        return batch.connection.execute(sa.select(table)).all()


def test_ok__people_and_counts(either, filled) -> None:
    people = sorted(rows(either, GROUP_CROSSINGS), key=lambda row: row.place)
    assert [(row.crossing, row.group_id, row.guardian) for row in people] == [
        *(("in1", "g1", ""), ("in2", "g1", "in1"), ("in3", "g1", "")),
    ]
    assert [(row.shared_document, row.detached) for row in people] == [
        *((False, False), (True, False), (False, True)),
    ]
    (group,) = rows(either, GROUPS)
    assert (group.declared, group.seen, group.detached, group.kind) == (2, 3, 1, "family")
    with either.reading() as batch:
        query = "SELECT kind, groups_closed, declared, seen, differing FROM statistics_groups"
        (told,) = batch.connection.execute(sa.text(query)).all()
    assert (told[0], *(int(part) for part in told[1:])) == ("family", 1, 2, 3, 1)


def test_ok__the_same_records_again_change_nothing(either, filled, keys) -> None:
    take(either, keys, "box-1", *filled.envelopes())
    assert (len(rows(either, GROUP_CROSSINGS)), len(rows(either, GROUPS))) == (3, 1)


def test_ok__who_is_erased_is_with_nobody(either, filled) -> None:
    with either.batch() as batch:
        forget_member(batch.connection, "in1")
    assert sorted((row.crossing, row.guardian) for row in rows(either, GROUP_CROSSINGS)) == [
        *(("in2", ""), ("in3", "")),
    ]


@pytest.mark.parametrize(
    "changes",
    [{"group": ""}, {"group": 7}, {"declared": "two"}, {"seen": None}, {"detached": True}, {"act": "opened"}],
)
def test_fail__a_close_that_makes_no_sense_is_kept_as_a_record_and_not_counted(
    either, keys, make_box, changes
) -> None:
    box = make_box()
    box.register(either)
    box.journal.commit("group/g1/closed", "group", CLOSED | changes, STAMP)
    assert take(either, keys, "box-1", *box.envelopes()).refused == []
    assert rows(either, GROUPS) == []


def test_ok__counts_that_no_column_holds_are_cut(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    body = CLOSED | {"group": "g" * 500, "seen": 2**40, "declared": -3, "kind": "x\0y"}
    box.journal.commit("group/x/closed", "group", body, STAMP)
    take(either, keys, "box-1", *box.envelopes())
    (group,) = rows(either, GROUPS)
    assert (len(group.group_id), group.seen, group.declared, group.kind) == (64, 100_000, 0, "x?y")
