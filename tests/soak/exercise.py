"""A country of small posts, nine days without a network: what happened, beside what the boxes record of it.

Travellers of nobody enter at one post and, most of them, leave at another some days later. The truth is
counted here, before any box has seen a traveller.
"""

import asyncio
import contextlib
import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from kill_senders import JournalLane
from nacl.public import PublicKey
from nacl.signing import VerifyKey

from appliance.contracts.checks import Direction, Outcome, Recommendation
from appliance.contracts.lane import Installed, SignedData
from appliance.contracts.movement import RECORD_TYPE_MOVEMENT, DocumentFacts, Movement, Stamp, to_plain
from appliance.key_files import read_key
from appliance.records.commands import read_message
from appliance.records.errors import CommandError
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.services.uplink.link import Credentials
from appliance.services.uplink.service import Settings, UplinkService

FIRST_DAY = dt.datetime(2026, 11, 2, 6, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
LEAVES = 0.8
"""Share of those who entered that leave within the days; the others are still there."""


@dataclass(frozen=True)
class Trip:
    """One traveller, in and perhaps out again: post, lane and moment of each."""

    number: int
    entry: tuple[int, int, dt.datetime]
    exit: tuple[int, int, dt.datetime] | None


@dataclass(frozen=True)
class Box:
    """One lane of one post."""

    post: int
    lane: int
    folder: Path
    central: Path
    credentials: Credentials

    @property
    def device(self) -> str:
        return device_of(self.post, self.lane)


@dataclass
class Truth:
    """What really happened."""

    entries: int = 0
    exits: int = 0
    stays: int = 0
    by_device: dict[str, set[str]] = field(default_factory=dict)


def device_of(post: int, lane: int) -> str:
    return f"post-{post:02}-lane-{lane}"


def trips(*, posts: int, lanes: int, days: int, a_day: int, dice: random.Random) -> Iterator[Trip]:
    """So many crossings a day at each post, entries and exits together."""
    left = posts * days * a_day
    number = 0
    while left > 0:
        number += 1
        at = FIRST_DAY + DAY * dice.uniform(0, days)
        entry = (dice.randrange(posts), dice.randint(1, lanes), at)
        left -= 1
        gone = None
        if left > 0 and dice.random() < LEAVES:
            other = dice.choice([post for post in range(posts) if post != entry[0]] or [0])
            out = at + (FIRST_DAY + DAY * days - at) * dice.uniform(0.05, 1.0)
            gone = (other, dice.randint(1, lanes), out)
            left -= 1
        yield Trip(number, entry, gone)


def movements(found: list[Trip], truth: Truth) -> dict[str, list[Movement]]:
    """By device, in the order of time."""
    made: dict[str, list[tuple[dt.datetime, Movement]]] = {}
    for trip in found:
        ends = [(Direction.ENTRY, trip.entry)] + ([(Direction.EXIT, trip.exit)] if trip.exit else [])
        for direction, (post, lane, at) in ends:
            one = movement(trip.number, post, lane, at, direction)
            made.setdefault(one.device, []).append((at, one))
            truth.by_device.setdefault(one.device, set()).add(one.crossing)
        truth.entries += 1
        truth.exits += trip.exit is not None
        truth.stays += trip.exit is not None
    return {
        device: [one for _, one in sorted(ones, key=lambda pair: pair[0])] for device, ones in made.items()
    }


def stamp_of(at: dt.datetime) -> Stamp:
    wall = at.isoformat(timespec="milliseconds")
    return Stamp(boot_id="exercise", monotonic_ns=int(at.timestamp()), wall=wall, quality="rtc")


def movement(number: int, post: int, lane: int, at: dt.datetime, direction: Direction) -> Movement:
    document = DocumentFacts(
        format="TD3", lines=(f"P<UTOTRAVELLER<<NUMBER<{number}",), source="simulated", document_code="P",
        issuing_state="UTO", document_number=f"X{number:08}", primary_identifier="TRAVELLER",
        secondary_identifier=f"NUMBER {number}", name_truncated=False, nationality="UTO",
        birth_date=f"{1940 + number % 70}-0{1 + number % 9}-1{number % 10}", sex="FM"[number % 2],
        expiry_date="2031-01-01", personal_number=None,
    )  # fmt: skip
    return Movement(
        crossing=f"{number:08x}-{direction.value}-{post}-{lane}", device=device_of(post, lane),
        post=f"Post {post}", lane=str(lane), profile="training", direction=direction, started=stamp_of(at),
        decided=stamp_of(at), document=document, checks=(), recommendation=Recommendation.GREEN, reasons=(),
        outcome=Outcome.ADMITTED, simulated=("all",), policy="exercise",
    )  # fmt: skip


def open_journal(box: Box) -> Journal:
    central = CentralKeys(
        sealing=read_key(box.central / "sealing.pub", PublicKey),
        watermark=read_key(box.central / "watermark.pub", VerifyKey),
        operator=read_key(box.central / "operator.pub", VerifyKey),
    )
    return Journal.open(
        box.folder / "journal.db", keys=load_box_keys(box.folder / "keys"), central=central, device=box.device
    )


def record(box: Box, ones: list[Movement]) -> None:
    """Nine days of one box; not flushed one by one, because no power is cut here."""
    journal = open_journal(box)
    journal._connection.execute("PRAGMA synchronous = OFF")
    for one in ones:
        journal.commit(one.crossing, RECORD_TYPE_MOVEMENT, to_plain(one), one.decided)
    journal.close()


class ObedientLane(JournalLane):
    """`Lane` that also carries out central's commands, as the real one does."""

    async def command(self, request: SignedData) -> Installed:  # type: ignore[override]
        refused = []
        now = dt.datetime.now(dt.UTC)
        for order in read_message(request.data):
            try:
                self.journal.command(order, stamp=stamp_of(now), now=now, local=lambda _order, _crossings: {})
            except CommandError as error:
                refused.append(str(error))
        return Installed(accepted=not refused, sentence=" ".join(refused))


def run_post(boxes: list[Box], late: dict[str, list[Movement]], go_on: Event) -> None:
    """The process of one post's boxes, once the network is there again, until it is ended.

    When they are to `go_on`, each records those who come `late`, while it still sends.
    """

    async def cross(lane: ObedientLane) -> None:
        while not go_on.is_set():
            await asyncio.sleep(0.1)
        for one in late.get(lane.device, ()):
            lane.journal.commit(one.crossing, RECORD_TYPE_MOVEMENT, to_plain(one), one.decided)

    async def main() -> None:
        tasks: list[Any] = []
        for box in boxes:
            lane: Any = ObedientLane(open_journal(box), box.device)
            settings = Settings(box.device, box.credentials)
            tasks += [UplinkService(lane=lane, settings=settings).run(), cross(lane)]
        await asyncio.gather(*tasks)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
