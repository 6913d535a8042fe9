"""What lane does with records besides making them: orders, requests, retention, corrections, keys."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec

from appliance.clock import BUILD_TIME, Clock, TimeQuality
from appliance.config import Retention
from appliance.contracts import wire
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import (
    ChangeKey,
    Correct,
    Corrected,
    Installed,
    KeyChanged,
    ReportSigned,
    Retained,
    SignedData,
    SignReport,
)
from appliance.contracts.movement import RECORD_TYPE_CLOCK, DocumentFacts
from appliance.cose import key_id
from appliance.records.commands import Action, Rights, read_message
from appliance.records.errors import CommandError, ManifestError, StorageError
from appliance.records.history import History
from appliance.records.journal import Journal
from appliance.records.memory import Memory
from appliance.records.rotation import MAX_REASON
from appliance.records.timekeeping import ClockWatch
from appliance.report_signature import sign_report
from appliance.services.lane.second_line.desk import SecondLine

MAX_CORRECTION_TEXT: Final = 500
log = logging.getLogger(__name__)


class RecordsDesk:
    """`changed` is called when the outbox has grown or the screen has something new to say."""

    def __init__(
        self,
        *,
        journal: Journal,
        memory: Memory,
        history: History | None,
        clock: Clock,
        retention: Retention,
        history_days: Callable[[], float],
        changed: Callable[[], None],
        second_line: SecondLine | None = None,
    ) -> None:
        self._second_line = second_line
        self._journal = journal
        self._memory = memory
        self._history = history
        self._clock = clock
        self._retention = retention
        self._history_days = history_days
        self._changed = changed
        self._clock_watch = ClockWatch(journal.last_stamp())

    async def command(self, request: SignedData) -> Installed:
        """Every command of the message; what is not obeyed is said, and holds up none behind it."""
        try:
            orders = read_message(request.data)
        except CommandError as error:
            return Installed(accepted=False, sentence=str(error))
        refused: list[str] = []
        for order in orders:
            try:
                await asyncio.to_thread(self._obey, order)
            except CommandError as error:
                refused.append(str(error))
            except StorageError as error:
                raise ServiceError("storage_broken", str(error), retry=True) from error
        self._changed()
        return Installed(accepted=not refused, sentence=" ".join(refused) or "Carried out.")

    def _obey(self, order: bytes) -> None:
        self._journal.command(
            order, stamp=self._clock.stamp(), now=self._certainly_past(), local=self._local_request
        )

    def _local_request(self, order: Rights, crossings: tuple[str, ...]) -> dict[str, Any]:
        """What this box itself can read of these crossings: found, shown to central, or forgotten."""
        found = {one: kept for one in crossings if (kept := self._memory.recent(one)) is not None}
        done: dict[str, Any] = {"remembered": sorted(found)}
        if self._history is not None:
            now = self._clock.now()[0]
            done["history"] = list(self._history.of_crossings(crossings, purpose=order.purpose, now=now))
        if order.action in (Action.RESTRICT, Action.CORRECT, Action.ERASE):
            self._memory.forget(crossings)
            if self._history is not None:
                self._history.forget(crossings)
            if self._second_line is not None:
                self._second_line.forget(crossings, cases=order.action is Action.ERASE)
        if order.action is Action.EXPORT:
            done["export"] = {one: msgspec.msgpack.decode(kept.payload) for one, kept in found.items()}
        return done

    async def correct(self, request: Correct) -> Corrected:
        """A new record that names the old one; what the box itself remembers of it is forgotten as wrong."""
        unknown = set(request.values) - set(DocumentFacts.__struct_fields__)
        texts = (request.crossing, request.reason, *request.values.values())
        if unknown or not request.reason or not all(len(text) <= MAX_CORRECTION_TEXT for text in texts):
            raise ServiceError("not_correctable", "A correction names fields of the document, and a reason.")

        def work() -> tuple[int, int | None]:
            done = self._journal.correct(
                request.crossing, reason=request.reason, values=request.values, stamp=self._clock.stamp()
            )
            self._memory.forget((request.crossing,))
            if self._history is not None:
                self._history.forget((request.crossing,))
            if self._second_line is not None:
                self._second_line.forget((request.crossing,), cases=False)
            return done

        try:
            seq, corrects = await asyncio.to_thread(work)
        except StorageError as error:
            raise ServiceError("storage_broken", str(error), retry=True) from error
        self._changed()
        return Corrected(seq=seq, corrects=corrects)

    async def change_key(self, request: ChangeKey) -> KeyChanged:
        """The box signs with a new key from the next record on."""
        if not 0 < len(request.reason) <= MAX_REASON or not request.reason.isprintable():
            raise ServiceError("no_reason", f"A change of keys has a reason of at most {MAX_REASON} letters.")
        stamp = self._clock.stamp()
        try:
            seq = await asyncio.to_thread(self._journal.change_key, reason=request.reason, stamp=stamp)
        except StorageError as error:
            raise ServiceError("storage_broken", str(error), retry=True) from error
        self._changed()
        return KeyChanged(seq=seq, key=key_id(self._journal.signing_key.verify_key).hex())

    async def sign_report(self, device: str, request: SignReport) -> ReportSigned:
        """The signature over what the box says of itself, and over nothing else: uplink has no key."""
        if request.what not in wire.REPORTS or len(request.payload) > wire.MAX_REPORT_BYTES:
            raise ServiceError("no_report", "What is to be signed is no report of this box.")

        def work() -> tuple[tuple[str, str], ...]:
            counter = self._journal.next_report(max(self._clock.now()[0], self._clock.floor))
            key = self._journal.signing_key
            return sign_report(wire.topic(device, request.what), request.payload, counter=counter, key=key)

        try:
            return ReportSigned(user=await asyncio.to_thread(work))
        except StorageError as error:
            raise ServiceError("storage_broken", str(error), retry=True) from error

    async def retain(self) -> Retained:
        """What was kept long enough goes; the agent starts it, and the journal records it."""

        def work() -> Retained:
            forgotten = self._forget_old(self._certainly_past())
            return self._journal.retain(
                stamp=self._clock.stamp(),
                now=self._past_for_retention(),
                settings=self._retention,
                forgotten=forgotten,
            )

        return await self._storing(work)

    def _forget_old(self, now: dt.datetime) -> int:
        forgotten = 0
        if self._second_line is not None:  # closed ones; an open case stays
            forgotten += self._second_line.forget_old(now=now, days=self._retention.facts_days)
        if self._history is not None:
            forgotten += self._history.forget_old(now=now, days=self._history_days())
        return forgotten

    async def make_room(self, wanted: int) -> Retained:
        """So many bytes: acknowledged media give up their bodies."""

        def work() -> Retained:
            return self._journal.make_room(wanted, stamp=self._clock.stamp())

        return await self._storing(work)

    async def _storing(self, work: Callable[[], Retained]) -> Retained:
        try:
            return await asyncio.to_thread(work)
        except StorageError as error:
            raise ServiceError("storage_broken", str(error), retry=True) from error
        finally:
            self._changed()

    def _past_for_retention(self) -> dt.datetime:
        """By central's word, or a clock that follows the network or satellites: a battery-backed clock that
        jumped ahead must not make two weeks of a minute."""
        now, quality = self._clock.now()
        said_at = self._journal.acknowledged_at() or BUILD_TIME
        return max(now, said_at) if quality in (TimeQuality.NTS, TimeQuality.GNSS) else said_at

    def _certainly_past(self) -> dt.datetime:
        """Now, on a clock that is sure; else the floor, which is behind and never ahead."""
        now, quality = self._clock.now()
        return now if quality.sure else self._clock.floor

    def install_keys(self, data: bytes) -> Installed:
        """Central's own keys, for the journal; lists and the like come in another form."""
        try:
            new = self._journal.install_keys(data, stamp=self._clock.stamp())
        except ManifestError as error:
            return Installed(accepted=False, sentence=str(error))
        except StorageError as error:
            raise ServiceError("storage_broken", str(error), retry=True) from error
        return Installed(accepted=True, sentence="New keys." if new else "These keys are known.")

    def watch_the_clock(self) -> None:
        """A clock that was set, or has become sure, is recorded: earlier stamps can be told by it."""
        stamp = self._clock.stamp()
        correction = self._clock_watch.look(stamp)
        if correction is None:
            return
        name = f"clock/{stamp.boot_id}/{stamp.monotonic_ns}"
        try:
            self._journal.commit(name, RECORD_TYPE_CLOCK, correction, stamp)
        except StorageError as error:
            log.warning("the clock's correction is not recorded: %s", error)
