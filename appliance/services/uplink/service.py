"""The uplink service: drains lane's outbox to the broker, and brings back central's word and signed data.

A record counts as delivered when lane has believed central's signed watermark, never before. What is
not acknowledged in time is sent again from there (go-back-N); central removes the doubles by number.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from appliance.contracts import wire
from appliance.contracts.capture import Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import FetchOutbox, FetchQueries, Lane, LinkState, OutboxPage, SignedData
from appliance.contracts.transport import Operation
from appliance.contracts.uplink import Telemetry, UplinkStatus
from appliance.services.uplink.link import Credentials, Link, LinkError

BATCH_RECORDS = 32
BATCH_BYTES = 256 * 1024
"""One batch, beyond its first record: a thin line carries it in seconds, and loses no more than that."""
OUTBOX_WAIT_SECONDS = 1.0
WINDOW_RECORDS = 256
"""How far ahead of central's word records are sent."""
WINDOW_FULL_SECONDS = 0.05
RESEND_SECONDS = 2.0
MAX_RESEND_SECONDS = 60.0
MIN_BACKOFF_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 60.0
"""Thousands of boxes come back after one outage: each waits its own random time."""
GOOD_CONNECTION_SECONDS = 30.0
"""After this long the next loss begins with a short wait again."""
LANE_RETRY_SECONDS = 1.0
QUERY_WAIT_SECONDS = 20.0
QUERY_EXPIRES_SECONDS = 600
"""A late answer is still chased; an hour later the next list does that."""
MAX_TELEMETRY_BYTES = 64 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """Who this box is at which broker; the times are for tests."""

    device: str
    credentials: Credentials
    resend_seconds: float = RESEND_SECONDS
    min_backoff_seconds: float = MIN_BACKOFF_SECONDS


class UplinkService:
    """`Uplink`; it holds no plain personal data, and no key but the one of its own TLS certificate."""

    def __init__(self, *, lane: Lane, settings: Settings) -> None:
        self._lane = lane
        self._settings = settings
        self._link: Link | None = None
        self._telemetry: bytes | None = None
        self._acknowledged = 0
        self._published = 0
        self._connections = 0
        self._last_problem = ""
        self._sent = 0
        self._urgent: set[int] = set()
        self._epoch = ""
        self._progress_at = time.monotonic()
        self._resend_after = settings.resend_seconds

    def operations(self) -> tuple[Operation, ...]:
        """What the service's socket offers."""
        return (
            Operation("publish_telemetry", Telemetry, self.publish_telemetry),
            Operation("status", Nothing, self.status),
        )

    async def publish_telemetry(self, request: Telemetry) -> Nothing:
        """Send the box's health now, or as soon as there is a connection; only the latest counts."""
        report = msgspec.json.encode(request.report)
        if len(report) > MAX_TELEMETRY_BYTES:
            raise ServiceError("too_large", "The health report is larger than a broker should carry.")
        self._telemetry = report
        self._send_telemetry()
        return Nothing()

    async def status(self, request: Nothing) -> UplinkStatus:  # noqa: ARG002 - the Protocol's shape
        credentials = self._settings.credentials
        return UplinkStatus(
            connected=self._link is not None,
            broker=f"{credentials.host}:{credentials.port}",
            acknowledged_seq=self._acknowledged,
            published=self._published,
            reconnects=max(0, self._connections - 1),
            last_problem=self._last_problem,
        )

    async def run(self, *, progressed: Callable[[], None] = lambda: None) -> None:
        """Connect, drain, and begin again, until cancelled; `progressed` is called while that goes on."""
        backoff = self._settings.min_backoff_seconds
        while True:
            progressed()
            began = time.monotonic()
            link = Link(self._settings.device, self._settings.credentials)
            try:
                await link.connect()
                self._connections += 1
                await self._serve(link, progressed)
            except LinkError as error:
                self._last_problem = str(error)
            finally:
                self._link = None
                link.close()
            await self._tell_lane(connected=False, sentence=self._last_problem)
            log.warning("%s", self._last_problem)
            if time.monotonic() - began > GOOD_CONNECTION_SECONDS:
                backoff = self._settings.min_backoff_seconds
            await asyncio.sleep(random.uniform(0.5, 1.0) * backoff)
            backoff = min(2 * backoff, MAX_BACKOFF_SECONDS)

    async def _serve(self, link: Link, progressed: Callable[[], None]) -> None:
        """One connection, until it is over."""
        self._link = link
        self._sent = 0  # what the last connection had handed over may be lost with it
        self._urgent.clear()
        self._progress_at, self._resend_after = time.monotonic(), self._settings.resend_seconds
        await self._tell_lane(connected=True)
        self._send_telemetry()
        tasks = (
            asyncio.ensure_future(self._drain(link, progressed)),
            asyncio.ensure_future(self._take_in(link)),
            asyncio.ensure_future(self._carry_queries(link)),
        )
        try:
            either: set[asyncio.Future[Any]] = {link.ended, *tasks}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            raise LinkError(link.ended.result())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self, link: Link, progressed: Callable[[], None]) -> None:
        while True:
            progressed()
            if link.deaf:
                raise LinkError("The broker takes messages but answers nothing.")
            if not link.has_room:
                await link.wait_for_room(1.0)
                continue
            request = FetchOutbox(after=self._sent, limit=BATCH_RECORDS, wait=OUTBOX_WAIT_SECONDS)
            try:
                page = await self._lane.fetch_outbox(request)
            except ServiceError as error:
                self._last_problem = error.sentence
                await asyncio.sleep(LANE_RETRY_SECONDS)
                continue
            self._note(page, link)
            self._publish_urgent(link, page)
            if not page.records:
                continue
            if self._sent - page.acknowledged_seq < WINDOW_RECORDS:
                self._publish(link, page)
            else:
                await asyncio.sleep(WINDOW_FULL_SECONDS)

    def _note(self, page: OutboxPage, link: Link) -> None:
        """Where central's word stands, and from where to send."""
        now = time.monotonic()
        if page.epoch != self._epoch:
            self._epoch, self._sent, self._acknowledged = page.epoch, 0, 0
        if page.acknowledged_seq > self._acknowledged:
            self._acknowledged = page.acknowledged_seq
            self._progress_at, self._resend_after = now, self._settings.resend_seconds
        self._sent = max(self._sent, page.acknowledged_seq)
        if self._sent == page.acknowledged_seq:
            self._progress_at = now
        elif link.idle and now - max(self._progress_at, link.heard_at) > self._resend_after:
            self._sent, self._progress_at = page.acknowledged_seq, now
            self._resend_after = min(2 * self._resend_after, MAX_RESEND_SECONDS)

    def _publish_urgent(self, link: Link, page: OutboxPage) -> None:
        """Late hits before their turn; they go again in it, and central counts them once."""
        for record in page.urgent:
            if record.seq > self._sent and record.seq not in self._urgent and link.has_room:
                if _packed(record.envelope) <= link.max_payload:
                    link.publish(wire.topic(self._settings.device, "records"), wire.pack([record.envelope]))
                self._urgent.add(record.seq)

    def _publish(self, link: Link, page: OutboxPage) -> None:
        """Hand the page over in batches, as far as the broker has room for them."""
        records = [record for record in page.records if record.seq > self._sent]
        room = min(BATCH_BYTES, link.max_payload)
        while records and link.has_room and records[0].seq == self._sent + 1:
            batch = [records.pop(0).envelope]
            size = _packed(batch[0])
            if size > link.max_payload:
                raise LinkError("A record is larger than the broker takes; raise its maximum packet size.")
            while records and size + _packed(records[0].envelope) <= room:
                batch.append(records.pop(0).envelope)
                size += _packed(batch[-1])
            link.publish(wire.topic(self._settings.device, "records"), wire.pack(batch))
            self._sent += len(batch)
            self._published += len(batch)

    async def _take_in(self, link: Link) -> None:
        device = self._settings.device
        delivers = {
            wire.topic(device, "watermark"): self._lane.acknowledge,
            wire.topic(device, "answer"): self._lane.answer,
        }
        while True:
            incoming = await link.incoming.get()
            deliver = delivers.get(incoming.topic, self._lane.install)
            while True:
                try:
                    answer = await deliver(SignedData(data=incoming.payload))
                except ServiceError:
                    await asyncio.sleep(LANE_RETRY_SECONDS)
                    continue
                break
            if not answer.accepted:
                log.warning("lane does not take what came on %s: %s", incoming.topic, answer.sentence)

    async def _carry_queries(self, link: Link) -> None:
        """Live queries go out at once, past the records; one that meets a full line is not worth waiting
        for."""
        device = self._settings.device
        while True:
            try:
                found = await self._lane.fetch_queries(FetchQueries(wait=QUERY_WAIT_SECONDS))
            except ServiceError:
                await asyncio.sleep(LANE_RETRY_SECONDS)
                continue
            for query in found.queries:
                link.ask(
                    wire.topic(device, "query"),
                    query.data,
                    answer_to=wire.topic(device, "answer"),
                    correlation=query.id,
                    seconds=QUERY_EXPIRES_SECONDS,
                )

    async def _tell_lane(self, *, connected: bool, sentence: str = "") -> None:
        with contextlib.suppress(
            ServiceError
        ):  # lane asks nothing of us, and shows the link as it last heard
            await self._lane.link(LinkState(connected=connected, sentence=sentence))

    def _send_telemetry(self) -> None:
        if self._telemetry is None or self._link is None or not self._link.has_room:
            return
        with contextlib.suppress(LinkError):  # the next connection sends it
            self._link.publish(wire.topic(self._settings.device, "telemetry"), self._telemetry, retain=True)


def _packed(envelope: bytes) -> int:
    """At most what it takes in a batch: CBOR's longest head, and its share of the array's."""
    return len(envelope) + 9
