"""A lane that is only its journal, and a central that is only its keys."""

import asyncio
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.contracts.capture import Nothing
from appliance.contracts.lane import FetchOutbox, Installed, LaneStatus, LinkState, OutboxPage, SignedData
from appliance.contracts.movement import Stamp
from appliance.records.errors import RecordsError
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.records.watermark import Watermark, sign_watermark

DEVICE = "test-box"
STAMP = Stamp(boot_id="b", monotonic_ns=1, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")


class JournalLane:
    """`Lane` over a real journal; remembers what uplink says and brings."""

    def __init__(self, folder: Path) -> None:
        self.central_sealing = PrivateKey.generate()
        self.central_watermark = SigningKey.generate()
        self.keys = load_box_keys(folder / "keys")
        self.journal = Journal.open(
            folder / "journal.db",
            keys=self.keys,
            central=CentralKeys(self.central_sealing.public_key, self.central_watermark.verify_key),
            device=DEVICE,
        )
        self.links: list[LinkState] = []
        self.installed: list[bytes] = []
        self.refused: list[str] = []

    def record(self, count: int, size: int = 100) -> None:
        for _ in range(count):
            number = self.journal.status().last_seq + 1
            self.journal.commit(f"crossing-{number}", "test", {"n": number, "x": bytes(size)}, STAMP)

    def watermark(self, seq: int, *, key: SigningKey | None = None) -> bytes:
        watermark = Watermark(
            device=DEVICE,
            epoch=self.journal.status().epoch,
            seq=seq,
            issued_at=dt.datetime.now(dt.UTC).isoformat(),
        )
        return sign_watermark(watermark, signing_key=key or self.central_watermark)

    async def fetch_outbox(self, request: FetchOutbox) -> OutboxPage:
        records = self.journal.page(request.after, request.limit)
        if not records:
            await asyncio.sleep(min(request.wait, 0.02))
        status = self.journal.status()
        return OutboxPage(
            device=DEVICE,
            epoch=status.epoch,
            last_seq=status.last_seq,
            acknowledged_seq=status.acknowledged_seq,
            records=records,
        )

    async def acknowledge(self, request: SignedData) -> Installed:
        try:
            self.journal.acknowledge(request.data)
        except RecordsError as error:
            self.refused.append(str(error))
            return Installed(accepted=False, sentence=str(error))
        return Installed(accepted=True, sentence="")

    async def install(self, request: SignedData) -> Installed:
        self.installed.append(request.data)
        return Installed(accepted=True, sentence="")

    async def link(self, request: LinkState) -> Nothing:
        self.links.append(request)
        return Nothing()

    async def status(self, request: Nothing) -> LaneStatus:
        raise AssertionError("uplink does not ask for it")


async def until(wanted: Callable[[], Any], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not wanted():
            await asyncio.sleep(0.01)
