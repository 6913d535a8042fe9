"""A box that was wrong about the time: its crossings count when they truly were, its records stay."""

import itertools

import pytest
import sqlalchemy as sa
from central_common import STAMP, take
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
        {"monotonic_ns": 2**70},
        {"shift_ms": 1.5},
        {"shift_ms": 10**30},
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
