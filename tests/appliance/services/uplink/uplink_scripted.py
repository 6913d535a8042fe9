"""A lane that is only its journal, and a central that is only its keys."""

import asyncio
import datetime as dt
import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance import cose
from appliance.contracts import wire
from appliance.contracts.capture import Nothing
from appliance.contracts.checks import Direction, Outcome, Recommendation
from appliance.contracts.lane import (
    FetchOutbox,
    FetchQueries,
    Installed,
    LaneStatus,
    LinkState,
    LiveQueries,
    LiveQuery,
    OutboxPage,
    ReportSigned,
    SignedData,
    SignReport,
)
from appliance.contracts.movement import RECORD_TYPE_MOVEMENT, Movement, Stamp, to_plain
from appliance.records.errors import RecordsError
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.records.watermark import Watermark, sign_watermark
from appliance.report_signature import sign_report

DEVICE = "test-box"
STAMP = Stamp(boot_id="b", monotonic_ns=1, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")


class JournalLane:
    """`Lane` over a real journal; remembers what uplink says and brings."""

    def __init__(self, journal: Journal, *, device: str = DEVICE) -> None:
        self.journal = journal
        self.device = device
        self.links: list[LinkState] = []
        self.installed: list[bytes] = []
        self.refused: list[str] = []
        self.queries: asyncio.Queue[LiveQuery] = asyncio.Queue()
        self.answers: list[bytes] = []
        self.asked: list[FetchOutbox] = []
        self.commands: list[bytes] = []
        self.records_per_second: float | None = None
        self.historical_before = 1

    @classmethod
    def with_own_central(cls, folder: Path) -> Self:
        sealing, watermark = PrivateKey.generate(), SigningKey.generate()
        keys = load_box_keys(folder / "keys")
        central = CentralKeys(sealing.public_key, watermark.verify_key)
        lane = cls(Journal.open(folder / "journal.db", keys=keys, central=central, device=DEVICE))
        lane.keys, lane.central_watermark = keys, watermark
        return lane

    def record(self, count: int, size: int = 100, *, alert: bool = False) -> None:
        for _ in range(count):
            number = self.journal.status().last_seq + 1
            body = {"n": number, "x": bytes(size)}
            self.journal.commit(f"crossing-{number}", "test", body, STAMP, alert=alert)

    def watermark(
        self, seq: int, *, key: SigningKey | None = None, gaps: tuple[tuple[int, int], ...] = ()
    ) -> bytes:
        watermark = Watermark(
            device=DEVICE,
            epoch=self.journal.status().epoch,
            seq=seq,
            chain=self.chain(seq),
            issued_at=dt.datetime.now(dt.UTC).isoformat(),
            gaps=gaps,
        )
        return sign_watermark(watermark, signing_key=key or self.central_watermark)

    def chain(self, seq: int) -> bytes:
        """The chain hash of that record; before the first one, and of one that is not there, zeros."""
        records = self.journal.page(seq - 1, 1) if seq else ()
        return hashlib.sha256(cose.protected_bytes(records[0].envelope)).digest() if records else bytes(32)

    async def fetch_outbox(self, request: FetchOutbox) -> OutboxPage:
        self.asked.append(request)
        records = self.journal.page(request.after, request.limit)
        if not records:
            await asyncio.sleep(min(request.wait, 0.02))
        status = self.journal.status()
        return OutboxPage(
            device=self.device,
            epoch=status.epoch,
            last_seq=status.last_seq,
            acknowledged_seq=status.acknowledged_seq,
            records=records,
            urgent=self.journal.alerts(16, after=request.alerts_after),
            send_from=status.acknowledged_seq + 1,
            gaps=status.gaps,
            records_per_second=self.records_per_second,
            historical_before=self.historical_before,
        )

    async def acknowledge(self, request: SignedData) -> Installed:
        try:
            self.journal.acknowledge(request.data)
        except RecordsError as error:
            self.refused.append(str(error))
            return Installed(accepted=False, sentence=str(error))
        return Installed(accepted=True, sentence="")

    async def command(self, request: SignedData) -> Installed:
        self.commands.append(request.data)
        return Installed(accepted=True, sentence="")

    async def install(self, request: SignedData) -> Installed:
        self.installed.append(request.data)
        return Installed(accepted=True, sentence="")

    async def fetch_queries(self, request: FetchQueries) -> LiveQueries:
        try:
            async with asyncio.timeout(request.wait):
                return LiveQueries(queries=(await self.queries.get(),))
        except TimeoutError:
            return LiveQueries(queries=())

    async def answer(self, request: SignedData) -> Installed:
        self.answers.append(request.data)
        return Installed(accepted=True, sentence="")

    async def link(self, request: LinkState) -> Nothing:
        self.links.append(request)
        return Nothing()

    async def sign_report(self, request: SignReport) -> ReportSigned:
        counter = self.journal.next_report(dt.datetime.now(dt.UTC))
        topic, key = wire.topic(self.device, request.what), self.journal.signing_key
        return ReportSigned(user=sign_report(topic, request.payload, counter=counter, key=key))

    async def status(self, request: Nothing) -> LaneStatus:
        raise AssertionError("uplink does not ask for it")


def movement_of(device: str, *, media: int = 0) -> Movement:
    """One crossing of nobody."""
    return Movement(
        crossing=secrets.token_hex(16),
        device=device,
        post="Test post",
        lane="1",
        profile="training",
        direction=Direction.ENTRY,
        started=STAMP,
        decided=STAMP,
        document=None,
        checks=(),
        recommendation=Recommendation.AMBER,
        reasons=(),
        outcome=next(iter(Outcome)),
        simulated=("camera",),
        policy="test",
        media={"portrait": bytes(media)} if media else {},
    )


def record_movements(lane: JournalLane, count: int, *, media: int = 0, alert: bool = False) -> None:
    """So many crossings recorded, as lane would."""
    for _ in range(count):
        movement = movement_of(lane.device, media=media)
        lane.journal.commit(movement.crossing, RECORD_TYPE_MOVEMENT, to_plain(movement), STAMP, alert=alert)


async def until(wanted: Callable[[], Any], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not wanted():
            await asyncio.sleep(0.01)
