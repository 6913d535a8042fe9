"""What of the outbox goes next: alerts first, then history in its order, and again what central lacks.

A record counts as delivered when lane has believed central's signed watermark, never before. What is not
acknowledged in time is sent again: of what central has said it lacks only that (selective repeat), and when
it has not said, the first few behind its word, whose answer tells the rest. Central removes the doubles by
number.
"""

import asyncio
import collections
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from appliance.contracts import wire
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import FetchOutbox, OutboxPage, SealedRecord
from appliance.services.uplink.link import Link, LinkError
from appliance.services.uplink.pace import Again, Patience, Rate, Said, Window

BATCH_RECORDS: Final = 64
BATCH_BYTES = 256 * 1024
"""One batch, beyond its first record: a thin line carries it in seconds, and loses no more than that."""
OUTBOX_WAIT_SECONDS: Final = 1.0
WINDOW_RECORDS = 1024
"""How far ahead of central's word records are sent, at most; a quarter of it costs a quarter of the speed."""
MIN_WINDOW_RECORDS = 16
"""Dozens of boxes that come back together to a slow central have so many each under way, and no copies."""
AGAIN_RECORDS: Final = 16
WINDOW_SECONDS: Final = 2.0
"""An alert waits behind what is under way: no more than what central commits in so long."""
WINDOW_BYTES = 8 * 1024 * 1024
"""The same for pictures: what a broker has to hold for central while that is away."""
WINDOW_FULL_SECONDS: Final = 0.05
LANE_RETRY_SECONDS = 1.0
HISTORICAL: Final = ("historical", "true")
"""User property of a PUBLISH whose records were made before the line was up, or are sent again."""


class Outbox(Protocol):
    """Where sealed records come from: lane, or a dead box's disk."""

    async def fetch_outbox(self, request: FetchOutbox) -> OutboxPage: ...


class Drain:
    """The cursor over one outbox; it outlives connections, and begins each at central's word."""

    def __init__(
        self, *, lane: Outbox, device: str, resend_seconds: float, problem: Callable[[str], None]
    ) -> None:
        self._lane = lane
        self._topic = wire.topic(device, "records")
        self._problem = problem
        self._rate = Rate()
        self._epoch = ""
        self._sent = 0
        """All up to here were handed over on this connection, or are central's."""
        self._ahead: collections.deque[tuple[int, int]] = collections.deque()
        """Number and size of what was handed over and central has not spoken for."""
        self._ahead_bytes = 0
        self._alerts: set[int] = set()
        """Handed over before their turn on this connection."""
        self._pending: collections.deque[SealedRecord] = collections.deque()
        """Read and not yet handed over; at most one page."""
        self._progress_at = self._repeated_at = time.monotonic()
        self._patience = Patience(resend_seconds)
        self._window = Window(MIN_WINDOW_RECORDS, WINDOW_RECORDS, WINDOW_SECONDS, first=BATCH_RECORDS)
        self._again = Again(AGAIN_RECORDS, WINDOW_RECORDS)
        self.acknowledged = 0
        self.published = 0
        self.repeated = 0
        """Records that were handed over again because central did not speak for them."""

    def begin(self) -> None:
        """A new connection: what the last one had handed over may be lost with it."""
        self._restart_at(self.acknowledged)
        self._progress_at = time.monotonic()

    async def run(self, link: Link, progressed: Callable[[], None]) -> None:
        """Until the connection is over.

        Raises:
            LinkError: it is.
        """
        while True:
            progressed()
            if link.deaf:
                raise LinkError("The broker takes messages but answers nothing.")
            if link.refusal:
                self._problem(link.refusal)
            if not link.has_room:
                await link.wait_for_room(1.0)
                continue
            allowed, asked = self._rate.allowed(BATCH_RECORDS), self._sent
            waiting = self._window_is_full or not allowed
            look_only = waiting or bool(self._pending)
            try:
                page = await self._lane.fetch_outbox(
                    FetchOutbox(
                        after=asked,
                        alerts_after=max(self._alerts, default=0),
                        limit=0 if look_only else BATCH_RECORDS,
                        wait=WINDOW_FULL_SECONDS if waiting else 0.0 if look_only else OUTBOX_WAIT_SECONDS,
                    )
                )
                self._rate.set(page.records_per_second)
                allowed = min(allowed, self._rate.allowed(BATCH_RECORDS))
                if self._note(page, link):
                    await self._repeat(link, page)
                    continue
            except ServiceError as error:
                self._problem(error.sentence)
                await asyncio.sleep(LANE_RETRY_SECONDS)
                continue
            self._publish_alerts(link, page)
            if not look_only and self._sent >= asked:  # or it was asked from too far on, and is asked again
                self._pending.extend(record for record in page.records if record.seq > self._sent)
            if not waiting:
                self._publish_history(link, page.historical_before, allowed)

    @property
    def _window_is_full(self) -> bool:
        most = min(self._window.records, WINDOW_RECORDS)
        return len(self._ahead) >= most or self._ahead_bytes >= WINDOW_BYTES

    def _note(self, page: OutboxPage, link: Link) -> bool:
        """Where central's word stands; True when what it lacks is to be sent again now."""
        now = time.monotonic()
        begun = page.send_from - 1
        if page.epoch != self._epoch or begun < self.acknowledged:
            # Another journal, or central was put back from a copy and wants what it had before.
            self._epoch = page.epoch
            self.acknowledged = begun
            self._restart_at(begun)
        if begun > self.acknowledged:
            after = now - self._progress_at
            self._window.committed(begun - self.acknowledged, after=after, under_way=len(self._ahead))
            self.acknowledged = begun
            self._alerts = {seq for seq in self._alerts if seq > begun}
            said = self._again.heard(begun)
            if said is not Said.UNKNOWN:  # else as patient as before, until a word tells more
                self._patience.heard(after if said is Said.HAD else None)
            self._progress_at = now
        self._sent = max(self._sent, begun)
        while self._ahead and self._ahead[0][0] <= begun:
            self._ahead_bytes -= self._ahead.popleft()[1]
        if self._sent == begun:
            self._progress_at = now
        elif link.idle:
            silent_since = max(self._progress_at, self._repeated_at, link.heard_at)
            if now - silent_since > self._patience.seconds:
                self._repeated_at = now
                self._patience.lost()
                return True
        return False

    def _restart_at(self, seq: int) -> None:
        self._sent = seq
        self._ahead.clear()
        self._ahead_bytes = 0
        self._alerts.clear()
        self._pending.clear()

    async def _repeat(self, link: Link, page: OutboxPage) -> None:
        """Again what central lacks. What is missing behind all that it has, it cannot name: of that the first
        few go, and the alerts."""
        gaps = [(first, min(last, self._sent)) for first, last in page.gaps if first <= self._sent]
        if gaps:
            self._again.sent(gaps[-1][1], under_way=self._sent, named=True)
            # Where one alert was lost of those before their turn, so were others.
            if any(first <= seq <= last for seq in self._alerts for first, last in gaps):
                self._alerts.clear()
        else:
            last = min(self._sent, self.acknowledged + self._again.records)
            self._again.sent(last, under_way=self._sent)
            self._alerts.clear()
            gaps = [(self.acknowledged + 1, last)]
        for first, last in gaps:
            at = first
            while at <= last:
                if not link.has_room:
                    await link.wait_for_room(1.0)
                    if link.deaf or not link.has_room:
                        return  # the rest at the next time, or on the next connection
                more = await self._lane.fetch_outbox(
                    FetchOutbox(after=at - 1, limit=min(BATCH_RECORDS, last - at + 1))
                )
                records = collections.deque(record for record in more.records if at <= record.seq <= last)
                if not records:
                    break  # gone meanwhile: central had them, or they were erased
                batch = self._batch(link, records, historical_before=None, most=BATCH_RECORDS)
                self._hand_over(link, batch, historical=True)
                self.repeated += len(batch)
                at = batch[-1].seq + 1

    def _publish_alerts(self, link: Link, page: OutboxPage) -> None:
        """Before their turn; when it comes they are passed over, as long as this connection lasts."""
        for record in page.urgent:
            if not link.has_room:
                return  # in order, so that none is passed over by the next question
            fits = _packed(record.envelope) <= link.max_payload  # if not, that is said when its turn comes
            if fits and record.seq > self._sent and record.seq not in self._alerts:
                self._hand_over(link, [record], historical=record.seq < page.historical_before)
                self._alerts.add(record.seq)

    def _publish_history(self, link: Link, historical_before: int, allowed: int) -> None:
        """In batches, as far as broker, window and rate have room."""
        while self._pending and allowed > 0 and link.has_room and not self._window_is_full:
            if self._pending[0].seq in self._alerts:
                self._note_sent(self._pending.popleft())
                continue
            batch = self._batch(link, self._pending, historical_before=historical_before, most=allowed)
            self._hand_over(link, batch, historical=batch[0].seq < historical_before)
            for record in batch:
                self._note_sent(record)
            allowed -= len(batch)

    def _batch(
        self,
        link: Link,
        records: "collections.deque[SealedRecord]",
        *,
        historical_before: int | None,
        most: int,
    ) -> list[SealedRecord]:
        """Taken from the front: what fits into one PUBLISH, all of it history or none.

        Raises:
            LinkError: not even the first one fits.
        """
        room = min(BATCH_BYTES, link.max_payload)
        batch = [records.popleft()]
        size = _packed(batch[0].envelope)
        if size > link.max_payload:
            raise LinkError("A record is larger than the broker takes; raise its maximum packet size.")
        while records and len(batch) < min(most, BATCH_RECORDS):
            record = records[0]
            size += _packed(record.envelope)
            splits = historical_before is not None and batch[0].seq < historical_before <= record.seq
            if size > room or splits or record.seq in self._alerts:
                break
            batch.append(records.popleft())
        return batch

    def _hand_over(self, link: Link, batch: Iterable[SealedRecord], *, historical: bool) -> None:
        envelopes = [record.envelope for record in batch]
        link.publish(self._topic, wire.pack(envelopes), user=(HISTORICAL,) if historical else ())
        self.published += len(envelopes)
        self._rate.spend(len(envelopes))

    def _note_sent(self, record: SealedRecord) -> None:
        self._sent = record.seq
        self._ahead.append((record.seq, len(record.envelope)))
        self._ahead_bytes += len(record.envelope)


def _packed(envelope: bytes) -> int:
    """At most what it takes in a batch: CBOR's longest head, and its share of the array's."""
    return len(envelope) + 9
