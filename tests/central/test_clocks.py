"""A box that was wrong about the time: its crossings count when they truly were, its records stay."""

import itertools

import pytest
import sqlalchemy as sa
from central_common import DOCUMENT, STAMP, take
from msgspec.structs import replace
from nacl.public import PrivateKey

from appliance.contracts.checks import Direction
from appliance.key_files import write_key
from central.fleet.alerts import open_alerts
from central.keys import load_keys
from central.merge.clocks import note_correction
from central.merge.tables import STAYS
from central.statistics.tables import FACTS
from central.store import Store
from central.tables import CROSSINGS

WRONG = replace(STAMP, wall="2020-01-01T00:00:00.000+00:00", monotonic_ns=100, quality="unsure")
BODY = {
    "boot_id": "boot",
    "monotonic_ns": 500,
    "wall": "2026-11-02T08:00:00.000+00:00",
    "quality": "nts",
    "shift_ms": 10 * 86_400_000,
    "expected": "",
    "quality_before": "unsure",
}


def moments(store: Store) -> dict[str, tuple[str, str]]:
    with store.reading() as batch:
        rows = batch.connection.execute(sa.select(FACTS.c.crossing, FACTS.c.moment, FACTS.c.time_quality))
        return {row.crossing: (row.moment[:10], row.time_quality) for row in rows}


def test_ok__in_whatever_order_they_arrive(tmp_path, keys, make_box) -> None:
    box = make_box()
    box.cross("before", decided=WRONG)
    box.journal.commit("clock/1", "clock_correction", BODY, STAMP)
    after = replace(STAMP, wall="2020-01-13T00:00:00.000+00:00", monotonic_ns=600)
    box.cross("after", decided=after, direction=Direction.EXIT)
    box.cross("elsewhere", decided=replace(WRONG, boot_id="another"))
    results = []
    for number, order in enumerate(itertools.permutations(box.envelopes())):
        store = Store(str(tmp_path / f"{number}.db"))
        box.register(store)
        for envelope in order:
            take(store, keys, "box-1", envelope)
        results.append(moments(store))
        with store.reading() as batch:
            stay = batch.connection.execute(sa.select(STAYS).where(STAYS.c.exit == "after")).one()
        assert (stay.entry, stay.days) == ("before", 2.0)
        store.close()
    assert all(one == results[0] for one in results)
    assert results[0] == {
        "before": ("2020-01-11", "corrected"),
        "after": ("2020-01-13", "rtc"),
        "elsewhere": ("2020-01-01", "unsure"),
    }


def test_ok__two_corrections_add_up_and_an_unsure_one_waits(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    take(either, keys, "box-1", box.cross("c", decided=WRONG))
    with either.batch() as batch:
        note_correction(batch.connection, "box-1", BODY | {"quality": "unsure"})
    assert moments(either)["c"] == ("2020-01-01", "unsure")
    with either.batch() as batch:
        moved = note_correction(batch.connection, "box-1", BODY | {"monotonic_ns": 700})
        assert len(moved) == 1
        assert note_correction(batch.connection, "box-1", BODY | {"monotonic_ns": 700}) == set()
    assert moments(either)["c"] == ("2020-01-21", "corrected")


@pytest.mark.parametrize(
    "change",
    [
        {"boot_id": 5},
        {"boot_id": "x" * 65},
        {"monotonic_ns": "1"},
        {"monotonic_ns": -1},
        {"monotonic_ns": 2**63},
        {"shift_ms": 1.5},
        {"shift_ms": 10**18},
    ],
)
def test_ok__a_correction_that_makes_no_sense_moves_nothing(either, keys, make_box, change) -> None:
    box = make_box()
    box.register(either)
    take(either, keys, "box-1", box.cross("c", decided=WRONG))
    box.journal.commit("clock/1", "clock_correction", BODY | change, STAMP)
    assert not take(either, keys, "box-1", box.envelopes()[-1]).refused
    assert moments(either)["c"] == ("2020-01-01", "unsure")


def test_ok__a_shift_out_of_the_calendar_moves_nothing(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    take(either, keys, "box-1", box.cross("c", decided=replace(WRONG, wall="0001-01-02T00:00:00+00:00")))
    with either.batch() as batch:
        assert (
            note_correction(batch.connection, "box-1", BODY | {"shift_ms": -90 * 365 * 86_400_000}) == set()
        )


def test_ok__a_box_that_was_tampered_with_is_an_alert(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    box.journal.commit("tamper/1", "tamper", {"what": "tail_lost\x1b[31m"}, STAMP)
    take(either, keys, "box-1", *box.envelopes())
    with either.reading() as batch:
        (alert,) = open_alerts(batch.connection)
    assert alert.kind == "tamper"
    assert "tail_lost" in alert.sentence
    assert "\x1b" not in alert.sentence


def test_ok__sealed_to_an_earlier_key(store, keys, make_box, tmp_path) -> None:
    """Keys change by overlap: what a box that was away has sealed to the old one is opened still."""
    box = make_box()
    box.register(store)
    old = PrivateKey.generate()
    sealed = box.sealed(recipient=old.public_key)
    assert take(store, keys, "box-1", sealed).refused == ["The record is sealed to another key."]
    write_key(tmp_path / "central-keys" / "sealing-2025.key", old)
    both = load_keys(tmp_path / "central-keys")
    result = take(store, both, "box-1", sealed)
    assert (len(result.movements), result.refused) == (1, [])


def names(store: Store) -> list[tuple[str, str]]:
    with store.reading() as batch:
        rows = batch.connection.execute(sa.select(CROSSINGS.c.crossing, CROSSINGS.c.primary_identifier))
        return sorted((row.crossing, row.primary_identifier) for row in rows)


def test_ok__a_box_corrects_its_own_crossings_in_whatever_order_they_arrive(tmp_path, keys, make_box) -> None:
    box, other = make_box("box-1"), make_box("box-2")
    wrong = replace(DOCUMENT, primary_identifier="ERIKSON")
    box.cross("in", document=wrong)
    for number, name in enumerate(("ERIKSEN", "ERIKSSON"), 1):
        body = {
            "crossing": "in",
            "seq": 1,
            "reason": "misread",
            "values": {"primary_identifier": name, "lines": "x"},
        }
        stamp = replace(STAMP, wall=f"2026-11-02T09:00:0{number}.000+00:00")
        box.journal.commit(f"correction/{number}", "correction", body, stamp)
    theirs = {"crossing": "in", "seq": 1, "reason": "x", "values": {"primary_identifier": "NOBODY"}}
    other.journal.commit("correction/1", "correction", theirs, STAMP)
    out = other.cross(
        "out", decided=replace(STAMP, wall="2026-11-05T08:00:00.000+00:00"), direction=Direction.EXIT
    )
    sent = [("box-1", one) for one in box.envelopes()] + [("box-2", one) for one in other.envelopes()]
    assert out == sent[-1][1]
    for number, order in enumerate(itertools.permutations(sent)):
        if number % 5:
            continue  # every fifth of 120
        store = Store(str(tmp_path / f"c{number}.db"))
        for one in (box, other):
            one.register(store)
        for device, envelope in order:
            assert not take(store, keys, device, envelope).refused
        assert names(store) == [("in", "ERIKSSON"), ("out", "ERIKSSON")]
        with store.reading() as batch:
            stays = batch.connection.execute(sa.select(STAYS.c.state)).scalars().all()
        assert stays == ["complete"]  # as read they were two persons
        store.close()


@pytest.mark.parametrize(
    "body",
    [{}, {"crossing": "in"}, {"crossing": "in", "values": {"sex": "FEMALE", "x": "y", "birth_date": 5}}],
)
def test_ok__a_correction_that_fits_no_column_changes_none(either, keys, make_box, body) -> None:
    box = make_box()
    box.register(either)
    box.cross("in")
    box.journal.commit("correction/1", "correction", body, STAMP)
    assert not take(either, keys, "box-1", *box.envelopes()).refused
    assert names(either) == [("in", "ERIKSSON")]
