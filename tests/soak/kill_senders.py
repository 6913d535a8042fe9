"""What is killed: three ways to get a journal's records to central, each in a process of its own.

All three seal with the same journal, at the same rate, into the same kind of broker. `uplink` is Borne's:
only central's signed word is delivery. `puback` is the same but for one thing: what the broker has
acknowledged is delivered, and never sent again. `bridge` gives each batch to a mosquitto on the box and
forgets it at that one's PUBACK; its bridge carries on from there.
"""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from nacl.public import PublicKey
from nacl.signing import VerifyKey

from appliance.contracts import wire
from appliance.contracts.capture import Nothing
from appliance.contracts.checks import Direction, Outcome, Recommendation
from appliance.contracts.lane import (
    FetchOutbox,
    FetchQueries,
    Installed,
    LinkState,
    LiveQueries,
    OutboxPage,
    ReportSigned,
    SignedData,
)
from appliance.contracts.movement import RECORD_TYPE_MOVEMENT, Movement, Stamp, to_plain
from appliance.key_files import read_key
from appliance.records.errors import RecordsError
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.services.uplink.link import Announcement, Credentials, Link, LinkError
from appliance.services.uplink.service import Settings, UplinkService

STAMP = Stamp(boot_id="b", monotonic_ns=1, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
MEDIA_BYTES = 600


@dataclass(frozen=True)
class Sender:
    """Where one build keeps its things, and where it sends."""

    build: str
    device: str
    folder: Path
    central: Path
    """Folder of central's public keys."""
    credentials: Credentials
    per_second: float


def open_journal(sender: Sender) -> Journal:
    central = CentralKeys(
        sealing=read_key(sender.central / "sealing.pub", PublicKey),
        watermark=read_key(sender.central / "watermark.pub", VerifyKey),
    )
    keys = load_box_keys(sender.folder / "keys")
    return Journal.open(sender.folder / "journal.db", keys=keys, central=central, device=sender.device)


def movement(device: str) -> Movement:
    return Movement(
        crossing=secrets.token_hex(16), device=device, post="Soak", lane="1", profile="training",
        direction=Direction.ENTRY, started=STAMP, decided=STAMP, document=None, checks=(),
        recommendation=Recommendation.GREEN, reasons=(), outcome=Outcome.ADMITTED, simulated=("all",),
        policy="soak", media={},
    )  # fmt: skip


class JournalLane:
    """`Lane` that is its journal and nothing else."""

    def __init__(self, journal: Journal, device: str) -> None:
        self.journal = journal
        self.device = device

    async def fetch_outbox(self, request: FetchOutbox) -> OutboxPage:
        records = self.journal.page(request.after, request.limit)
        if not records and request.wait:
            await asyncio.sleep(min(request.wait, 0.05))
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
        )

    async def acknowledge(self, request: SignedData) -> Installed:
        try:
            self.journal.acknowledge(request.data)
        except RecordsError as error:
            return Installed(accepted=False, sentence=str(error))
        return Installed(accepted=True, sentence="")

    async def install(self, request: SignedData) -> Installed:
        return Installed(accepted=True, sentence="")

    command = answer = install

    async def fetch_queries(self, request: FetchQueries) -> LiveQueries:
        await asyncio.sleep(request.wait)
        return LiveQueries(queries=())

    async def sign_report(self, request: object) -> ReportSigned:
        return ReportSigned(user=())

    async def link(self, request: LinkState) -> Nothing:
        return Nothing()


async def record(journal: Journal, sender: Sender) -> None:
    """Crossings at this rate, one in twenty an alert, for ever; none at rate 0."""
    while sender.per_second:
        one = movement(sender.device)
        alert = secrets.randbelow(20) == 0
        journal.commit(one.crossing, RECORD_TYPE_MOVEMENT, to_plain(one), STAMP, alert=alert)
        await asyncio.sleep(1 / sender.per_second)
    await asyncio.Event().wait()


async def send_by_watermark(journal: Journal, sender: Sender) -> None:
    settings = Settings(sender.device, sender.credentials, resend_seconds=1.0, min_backoff_seconds=0.2)
    await UplinkService(lane=JournalLane(journal, sender.device), settings=settings).run()  # type: ignore[arg-type]


async def send_by_puback(journal: Journal, sender: Sender) -> None:
    """Delivered is what the broker has acknowledged: as in every store-and-forward that deletes at PUBACK."""
    mark = sender.folder / "delivered"
    topic = wire.topic(sender.device, "records")
    while True:
        link = Link(sender.device, sender.credentials, announced=Announcement())
        try:
            await link.connect()
            while True:
                at = delivered(sender)
                page = journal.page(at, 64)
                if not page:
                    await asyncio.sleep(0.02)
                    if link.ended.done():
                        raise LinkError(link.ended.result())
                    continue
                link.publish(topic, wire.pack([one.envelope for one in page]))
                while not link.idle:
                    if link.ended.done():
                        raise LinkError(link.ended.result())
                    await asyncio.sleep(0.002)
                part = mark.with_suffix(".part")
                with part.open("w") as file:
                    file.write(str(page[-1].seq))
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(mark)
        except LinkError:
            await asyncio.sleep(0.1)
        finally:
            link.close()


def delivered(sender: Sender) -> int:
    mark = sender.folder / "delivered"
    return int(mark.read_text()) if mark.exists() else 0


SEND: dict[str, Callable[[Journal, Sender], Awaitable[None]]] = {
    "uplink": send_by_watermark,
    "puback": send_by_puback,
    "bridge": send_by_puback,
}


def main(sender: Sender) -> None:
    """The process: record and send until killed."""

    async def both() -> None:
        journal = open_journal(sender)
        await asyncio.gather(record(journal, sender), SEND[sender.build](journal, sender))

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(both())


def wait_until(wanted: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if wanted():
            return True
        time.sleep(0.1)
    return False
