"""The box's end of the carry over a journal: commands too, a full stick, and a resync that reaches back."""

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from appliance.carry.courier import carry_in, carry_out
from appliance.carry.errors import StickFull
from appliance.carry.stick import Stick

sys.path.insert(0, str(Path(__file__).parents[1] / "services" / "uplink"))

from uplink_scripted import DEVICE, JournalLane


@pytest.fixture
def lane(tmp_path: Path):
    lane = JournalLane.with_own_central(tmp_path / "box")
    yield lane
    lane.journal.close()


def test_ok_everything_that_was_brought_goes_to_lane(lane, tmp_path: Path) -> None:
    lane.record(2)
    stick = Stick(tmp_path / "stick")
    stick.write_word(DEVICE, "e.watermark", lane.watermark(2))
    stick.write_word(DEVICE, "waiting.command", b"orders")
    stick.write_reference("persons", b"list")
    taken = asyncio.run(carry_in(lane, stick.brought_for(DEVICE)))
    assert [one.answer.accepted for one in taken] == [True] * 3
    assert (lane.journal.status().acknowledged_seq, lane.commands, lane.installed) == (
        2,
        [b"orders"],
        [b"list"],
    )


def test_ok_a_full_stick_and_then_another(lane, tmp_path: Path, monkeypatch) -> None:
    lane.record(600)
    first, second = Stick(tmp_path / "one"), Stick(tmp_path / "two")
    write, written = Stick.write_batch, []

    def small(stick, *what):
        if stick is first and written:
            raise StickFull("The stick is full.")
        written.append(what[2:4])
        return write(stick, *what)

    monkeypatch.setattr(Stick, "write_batch", small)
    carried = asyncio.run(carry_out(lane, first))
    assert (carried.written, carried.full) == (256, True)
    carried = asyncio.run(carry_out(lane, second))
    assert (carried.written, carried.there, carried.full) == (600, 0, False)


def test_ok_a_resync_is_carried_from_where_central_wants_it(lane, tmp_path: Path) -> None:
    lane.record(5)
    lane.journal.acknowledge(lane.watermark(5))
    fetch = lane.fetch_outbox

    async def from_three(request):
        return msgspec.structs.replace(await fetch(request), send_from=3)

    assert asyncio.run(carry_out(lane, Stick(tmp_path / "a"))).written == 0
    lane.fetch_outbox = from_three
    stick = Stick(tmp_path / "b")
    assert asyncio.run(carry_out(lane, stick)).written == 3
    assert [(one.name.first, one.name.last) for one in stick.batches()] == [(3, 5)]


def test_ok_batches_of_an_earlier_journal_stay(lane, tmp_path: Path) -> None:
    lane.record(1)
    stick = Stick(tmp_path)
    stick.write_batch(DEVICE, "earlier", 1, 1, b"\x81\x41x")
    asyncio.run(carry_out(lane, stick))
    assert len(list(stick.batches())) == 2
