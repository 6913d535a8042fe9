"""The box's end of the carry: what central has not committed goes onto the stick, what it sends goes to lane.

Nothing counts as delivered by lying on a stick: the box keeps every record until central's signed watermark
is there, over the network or on the way back.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from appliance.carry.errors import StickFull
from appliance.carry.stick import Brought, Stick
from appliance.contracts import wire
from appliance.contracts.lane import FetchOutbox, Installed, Lane, SignedData

BATCH_BYTES = 8 * 1024 * 1024
"""One file; a stick that is pulled out costs no more than the copy of one."""


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """What is on the stick now."""

    device: str
    epoch: str
    written: int
    """Records that were copied now."""
    there: int
    """Records that an earlier copy had brought there whole."""
    last_seq: int
    full: bool
    """The stick is: the rest goes on another one."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of one thing that was brought."""

    brought: Brought
    answer: Installed


async def carry_out(lane: Lane, stick: Stick) -> CarriedOut:
    """Copy every record that central has not committed, but for those that lie there whole already.

    Raises:
        CarryError: the stick does not do as it is told. What is on it is whole, and the copy can go on.
        ServiceError: lane does not answer.
    """
    stick.clear_parts()
    page = await lane.fetch_outbox(FetchOutbox(after=0, limit=1))
    device, epoch, last = page.device, page.epoch, page.last_seq
    at = page.send_from - 1
    there = _already_there(stick, device, epoch, committed=at)
    written, full = 0, False
    known = len(there)
    while at < last and not full:
        if at + 1 in there:
            at += 1
            continue
        page = await lane.fetch_outbox(FetchOutbox(after=at, limit=wire.MAX_BATCH_RECORDS))
        batch: list[bytes] = []
        size = 0
        for record in page.records:
            size += len(record.envelope)
            follows = record.seq == at + len(batch) + 1 and record.seq not in there
            if not follows or (batch and size > BATCH_BYTES):
                break
            batch.append(record.envelope)
        if not batch:
            break  # it was committed and removed meanwhile
        try:
            stick.write_batch(device, epoch, at + 1, at + len(batch), wire.pack(batch))
        except StickFull:
            full = True
        else:
            written, at = written + len(batch), at + len(batch)
    return CarriedOut(device, epoch, written, known, last, full)


async def carry_in(lane: Lane, brought: Iterable[Brought]) -> list[TakenIn]:
    """Give lane what central sends; lane verifies each.

    Raises:
        CarryError: the stick cannot be read.
        ServiceError: lane does not answer.
    """
    deliver = {"watermark": lane.acknowledge, "command": lane.command, "reference": lane.install}
    return [TakenIn(one, await deliver[one.kind](SignedData(data=one.data))) for one in brought]


def _already_there(stick: Stick, device: str, epoch: str, *, committed: int) -> set[int]:
    """The numbers that lie there whole. What central has committed, or is damaged, makes room."""
    there: set[int] = set()
    for file in list(stick.batches(device)):
        if file.epoch != epoch:
            continue  # of an earlier journal: nobody here can say what became of it
        if file.name.last <= committed or stick.read(file) is None:
            stick.remove(file)
        else:
            there.update(range(file.name.first, file.name.last + 1))
    return there
