"""Delivers a dead box's records from any laptop, at the pace of a living one: `drain.py` over a disk.

The laptop comes to the broker with a certificate of its own, to which the broker must allow this box's
topics; the box's certificate and keys stay where they are.
"""

import asyncio
import bisect
import contextlib
import itertools
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nacl.signing import VerifyKey

from appliance.contracts import wire
from appliance.contracts.lane import FetchOutbox, OutboxPage, SealedRecord
from appliance.records.errors import WatermarkError
from appliance.records.watermark import MAX_GAPS, Watermark, read_watermark
from appliance.services.uplink.drain import Drain
from appliance.services.uplink.link import Credentials, Link, LinkError
from appliance.services.uplink.pace import Backoff

PATIENCE_SECONDS: Final = 60.0
"""Without progress for so long, it ends with what central has."""
RESEND_SECONDS: Final = 5.0
"""The least; it grows with a central that is slow, and with each silence."""
MIN_BACKOFF_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.1
WORD_SECONDS: Final = 2.0
"""For central's last word, which the broker retains; after that all goes that the disk knows as unsent."""
PAGE_BYTES: Final = 8 * 1024 * 1024


class Outbox(Protocol):
    """What there is to deliver."""

    @property
    def device(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    @property
    def last_seq(self) -> int: ...
    @property
    def acknowledged_seq(self) -> int: ...
    @property
    def seqs(self) -> Sequence[int]:
        """Numbers that can be read, in order."""
        ...

    def records(self, after: int) -> Iterator[SealedRecord]: ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """How it ended."""

    sent: int
    """Records, those that were sent again counted again."""
    acknowledged_seq: int
    """Central's word: committed without a gap up to here."""
    gaps: tuple[tuple[int, int], ...]
    """What central lacks below others that it has."""
    undelivered: int
    """Records that can be read, and that central has not said that it has."""


class Deliverer:
    """One outbox, until central has all of it or nothing goes on any more."""

    def __init__(
        self,
        outbox: Outbox,
        credentials: Credentials,
        *,
        watermark_key: VerifyKey,
        patience: float = PATIENCE_SECONDS,
        resend: float = RESEND_SECONDS,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        """`progress` is called with how many of how many records central has said that it has."""
        self._credentials = credentials
        self._patience = patience
        self._progress = progress
        self._shelf = Shelf(outbox, watermark_key=watermark_key)
        self._problem = ""
        self._drain = Drain(
            lane=self._shelf, device=outbox.device, resend_seconds=resend, problem=self._note_problem
        )

    def deliver(self) -> Delivered:
        """Send what central lacks, and again what it has not spoken for, with ever longer waits.

        Raises:
            LinkError: the broker cannot be reached, refuses, or was lost and does not come back.
        """
        return asyncio.run(self._deliver())

    async def _deliver(self) -> Delivered:
        backoff = Backoff(MIN_BACKOFF_SECONDS)
        connected = False
        self._shelf.progress_at = time.monotonic()
        while self._shelf.waits:
            link = Link(
                self._shelf.device,
                self._credentials,
                announced=None,
                client_id=f"borne-salvage-{secrets.token_hex(4)}",
                topics=(wire.topic(self._shelf.device, "watermark"),),
            )
            try:
                await link.connect()
                connected = True
                if await self._serve(link):
                    break
            except LinkError:
                if not connected or link.refusal or self._stalled:
                    raise
            finally:
                link.close()
            await asyncio.sleep(backoff.next())
        shelf = self._shelf
        return Delivered(self._drain.published, shelf.reached, shelf.gaps, shelf.waiting_records)

    async def _serve(self, link: Link) -> bool:
        """One connection; True when it has served its purpose, or nothing goes on.

        Raises:
            LinkError: it is over before that.
        """
        self._drain.begin()
        tasks: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(self._hear_and_drain(link)),
            asyncio.ensure_future(self._hear(link)),
        }
        try:
            while True:
                await asyncio.wait({link.ended, *tasks}, timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED")
                self._progress(self._shelf.total - self._shelf.waiting_records, self._shelf.total)
                if not self._shelf.waits or self._stalled:
                    return True
                for task in tasks:
                    if task.done():
                        task.result()
                if link.refusal:
                    raise LinkError(link.refusal)
                if link.ended.done():
                    raise LinkError(link.ended.result())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hear_and_drain(self, link: Link) -> None:
        """What central has had long ago it says at once, retained; that is not sent again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WORD_SECONDS):
                await self._shelf.heard.wait()
        await self._drain.run(link, lambda: None)

    async def _hear(self, link: Link) -> None:
        while True:
            self._shelf.hear((await link.next_incoming()).payload)

    @property
    def _stalled(self) -> bool:
        return time.monotonic() - self._shelf.progress_at > self._patience

    def _note_problem(self, sentence: str) -> None:
        self._problem = sentence


class Shelf:
    """The disk's records as `Drain` asks for them, and what central has said of them.

    Where records cannot be read any more, central's word stands still before them. So it counts, too, what
    central has above that: everything up to the highest that it names, but for the gaps.
    """

    def __init__(self, outbox: Outbox, *, watermark_key: VerifyKey) -> None:
        self._outbox = outbox
        self._watermark_key = watermark_key
        self._seqs = outbox.seqs
        self.device = outbox.device
        self.reached = outbox.acknowledged_seq
        self.gaps: tuple[tuple[int, int], ...] = ()
        self.heard = asyncio.Event()
        """Whether central has said anything of this journal on this way."""
        self._known_through = self.reached
        """Of numbers up to here central has said whether it has them."""
        self.progress_at = time.monotonic()
        self.total = self._count(self.reached, outbox.last_seq)

    @property
    def waits(self) -> bool:
        """Whether there is something that central has not said that it has."""
        return self._held_through < (self._seqs[-1] if self._seqs else 0)

    @property
    def waiting_records(self) -> int:
        missing = sum(
            self._count(first - 1, last) for first, last in self.gaps if first <= self._known_through
        )
        return missing + self._count(max(self._known_through, self.reached), self._outbox.last_seq)

    async def fetch_outbox(self, request: FetchOutbox) -> OutboxPage:
        """As lane would answer; there are no alerts here, and nothing new comes."""
        records = tuple(self._page(request.after, request.limit))
        if not records and request.wait:
            await asyncio.sleep(min(request.wait, LOOK_SECONDS))
        held = self._held_through
        return OutboxPage(
            device=self.device,
            epoch=self._outbox.epoch,
            last_seq=self._outbox.last_seq,
            acknowledged_seq=self.reached,
            records=records,
            send_from=held + 1,
            gaps=tuple(gap for gap in self.gaps if gap[1] > held and self._count(gap[0] - 1, gap[1])),
            historical_before=self._outbox.last_seq + 1,
        )

    def hear(self, data: bytes) -> None:
        """Central's word; what is not signed, or of another box or journal, is none."""
        try:
            word: Watermark = read_watermark(data, verify_key_for=lambda _: self._watermark_key)
        except WatermarkError:
            return
        if (word.device, word.epoch) != (self.device, self._outbox.epoch) or word.seq < self.reached:
            return
        self.heard.set()
        known = max(word.seq, word.gaps[-1][1] + 1 if word.gaps else 0)
        if word.top is not None and len(word.gaps) < MAX_GAPS:
            known = max(known, word.top)
        if (word.seq, word.gaps, known) != (self.reached, self.gaps, self._known_through):
            self.progress_at = time.monotonic()
        self.reached, self.gaps, self._known_through = word.seq, word.gaps, known

    @property
    def _held_through(self) -> int:
        """The highest number below which central has everything that can be read."""
        for first, last in self.gaps:
            if self._count(first - 1, last):
                return self._before(first)
        return self._known_through

    def _before(self, seq: int) -> int:
        """The last number that can be read below the first one from here on."""
        return self._seqs[bisect.bisect_left(self._seqs, seq)] - 1

    def _count(self, after: int, through: int) -> int:
        """How many can be read of the numbers after the one, up to the other."""
        return max(0, bisect.bisect_right(self._seqs, through) - bisect.bisect_right(self._seqs, after))

    def _page(self, after: int, limit: int) -> Iterator[SealedRecord]:
        size = 0
        for record in itertools.islice(self._outbox.records(after), max(0, limit)):
            size += len(record.envelope)
            yield record
            if size > PAGE_BYTES:
                return
