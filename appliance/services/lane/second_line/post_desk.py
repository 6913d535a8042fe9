"""The lane's side of the post's own network: cases, entries and what closes them, to and from other boxes.

`uplink` carries sealed items and can read none; here they are made, opened, and held against the box that
signed them once more. All of it waits on disk when uplink or the hub is away, and a box alone works as
without.
"""

import asyncio
import contextlib
import datetime as dt
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.clock import Clock, TimeQuality
from appliance.contracts.capture import Nothing
from appliance.contracts.cases import CaseKind, Closing, OtherLanes
from appliance.contracts.checks import Direction, Outcome
from appliance.contracts.errors import ServiceError
from appliance.contracts.movement import from_plain, to_plain
from appliance.contracts.post import FetchItems, Post, PostState, PublishItem
from appliance.post.index_keys import IndexKeys
from appliance.post.items import (
    CASE,
    CLOSED,
    ENTRY,
    ERASED,
    ID_BYTES,
    Item,
    ItemHeader,
    PostItemError,
    index_of,
    open_item,
    seal_item,
    verify_item,
)
from appliance.post.members import Members
from appliance.records import cases as store
from appliance.records.cases import Case, Cases
from appliance.records.errors import StorageError
from appliance.records.history import Passage

KEPT: Final = dt.timedelta(days=365)
"""An item's life on the post's network: the longest stay; a case on a box lives until it is closed."""
PAGE: Final = 64
WAIT_SECONDS: Final = 5.0
"""No longer, so that what is said of the other boxes is not older."""
AGAIN_SECONDS: Final = 5.0
FORGET_SECONDS: Final = 3600.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostKeys:
    """What this box signs and opens items with, and the key that the post's lanes share for the index."""

    device: str
    signing: SigningKey
    sealing: PrivateKey
    index: IndexKeys
    members: Members


class PostDesk:
    """`came` is called when the queue has changed, `closed_elsewhere` with a case that another box closed,
    `taken_back` with an item and its box when that has erased it."""

    def __init__(
        self,
        *,
        post: Post,
        keys: PostKeys,
        cases: Cases,
        clock: Clock,
        came: Callable[[], None],
        closed_elsewhere: Callable[[Case], None],
        taken_back: Callable[[bytes, str], None],
    ) -> None:
        self._post = post
        self._keys = keys
        self._cases = cases
        self._clock = clock
        self._came = came
        self._closed_elsewhere = closed_elsewhere
        self._taken_back = taken_back
        self._news: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._state: PostState | None = None
        self._state_at = 0.0

    async def run(self) -> None:
        """Tell and hear, until cancelled."""
        news = asyncio.Event()
        self._news = asyncio.get_running_loop(), news
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell(news))
            tasks.create_task(self._hear())
            tasks.create_task(self._forget())

    def grown(self) -> None:
        """There is something to tell; from any thread."""
        if self._news is not None:
            loop, news = self._news
            with contextlib.suppress(RuntimeError):  # the loop has ended: the next start tells it
                loop.call_soon_threadsafe(news.set)

    def other_lanes(self) -> OtherLanes:
        """How much this box knows of the others now."""
        state = self._state
        if state is None:
            return OtherLanes(reachable=False, age_seconds=None)
        age = state.synchronized_seconds
        if age is not None:
            age += time.monotonic() - self._state_at
            age = 0.0 if state.hub and state.reachable else age
        return OtherLanes(reachable=state.reachable, age_seconds=age, waiting=state.waiting)

    # Entries and exits: what `History` asks and says

    def passages(self, issuing_state: str, document_number: str) -> tuple[Passage, ...]:
        """Entries of this document at the post's other boxes, which no exit has ended; the latest first.

        Raises:
            StorageError: they cannot be read.
        """
        found = []
        for _, device, payload in self._known(issuing_state, document_number):
            if device != self._keys.device:
                with contextlib.suppress(msgspec.MsgspecError):
                    found.append(msgspec.msgpack.decode(payload, type=Passage))
        return tuple(sorted(found, key=lambda one: one.at, reverse=True))

    def _known(self, *document: str) -> list[tuple[bytes, str, bytes]]:
        """Entries that no exit has ended, also those told under the index keys before the present one."""
        looks = [index_of(key, *document) for key in self._keys.index.all()]
        return [one for look in looks for one in self._cases.entries(look)]

    def passed(self, passage: Passage, issuing_state: str, document_number: str) -> None:
        """A document crossed here: an entry is told to the others, and an exit ends the entries before it.

        Raises:
            StorageError: it is not on disk yet.
        """
        if passage.outcome != Outcome.ADMITTED.value:
            return
        look = index_of(self._keys.index.present, issuing_state, document_number)
        known = self._known(issuing_state, document_number)
        try:
            if passage.direction == Direction.ENTRY.value:
                payload = msgspec.msgpack.encode(passage)
                if any(payload == told for _, _, told in known):
                    return
                data, id_ = self._sealed(ENTRY, {"passage": msgspec.to_builtins(passage)}, index=look)
                self._cases.tell([data])
                self._cases.add_entry(id_, payload, look=look, device=self._keys.device, at=passage.at)
            else:
                body = {"exit": passage.crossing, "at": passage.at}
                self._cases.tell([self._sealed(CLOSED, body, about=id_)[0] for id_, _, _ in known])
                for id_, _, _ in known:
                    self._cases.drop_entry(id_)
        except PostItemError as error:
            log.warning("post: a passage is not told: %s", error)
            return
        self.grown()

    # A person's request

    def withdraw(self, crossings: set[str], *, cases: bool) -> None:
        """Take back what this box has told of these crossings: entries, and with `cases` also those, with
        their pictures, open or closed. All of it is forgotten here, and said to the others, or nothing is.

        Raises:
            StorageError: nothing of it is done.
        """
        items: list[bytes] = []
        for id_, payload in self._cases.entries_of(self._keys.device):
            with contextlib.suppress(msgspec.MsgspecError):
                passage = msgspec.msgpack.decode(payload, type=Passage)
                if passage.crossing.partition("/")[0] in crossings:
                    items.append(id_)
        entries = list(items)
        for crossing in crossings if cases else ():
            case = self._cases.case(crossing)
            if case is not None and case.device == self._keys.device:
                items += self._cases.items_of(crossing)
        try:
            told = [self._sealed(ERASED, {}, about=item)[0] for item in items]
        except PostItemError as error:
            raise StorageError("What was told the post's other boxes cannot be taken back now.") from error
        self._cases.forget(crossings if cases else (), tell=told, entries=entries)
        self.grown()

    # Telling

    async def _tell(self, news: asyncio.Event) -> None:
        while True:
            news.clear()
            try:
                await asyncio.to_thread(self._make_items)
                all_gone = await self._send()
            except (ServiceError, StorageError, PostItemError) as error:
                log.info("post: %s", error)
                all_gone = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS):
                    await (news.wait() if all_gone else asyncio.Event().wait())

    async def _send(self) -> bool:
        """False when something was not taken now."""
        refused = False
        while not refused:
            outgoing = await asyncio.to_thread(self._cases.outgoing)
            if not outgoing:
                return True
            for number, data in outgoing:
                taken = await self._post.publish_item(PublishItem(data=data))
                if taken.taken:
                    await asyncio.to_thread(self._cases.gone_out, number)
                else:
                    log.warning("post: an item is not taken: %s", taken.sentence)
                    await asyncio.to_thread(self._cases.put_last, number)
                    refused = True
        return False

    def _make_items(self) -> None:
        """Items of the cases and closings that the others have not been told of."""
        for case in self._cases.untold():
            if case.item:
                self._make_closed(case)
            elif case.state == store.CLOSED:
                self._cases.tell([], crossing=case.crossing, closed=True)  # over before anybody heard of it
            else:
                self._make_case(case)

    def _make_case(self, case: Case) -> None:
        """The facts in one item, each picture in one of its own: together they may be larger than one can."""
        facts = to_plain(case.movement)
        datas, parts = [], {}
        try:
            body = {"kind": case.kind.value, "facts": facts, "pictures": list(case.pictures)}
            data, item = self._sealed(CASE, body)
            datas.append(data)
        except PostItemError as error:
            log.warning("post: a case cannot be told: %s", error)
            # Named all the same, so that it is not tried again and again.
            self._cases.tell([], crossing=case.crossing, item=secrets.token_bytes(ID_BYTES))
            return
        for name in case.pictures:
            jpeg = self._cases.picture(case.crossing, name)
            if jpeg is None:
                continue
            try:
                data, part = self._sealed(CASE, {"part_of": case.crossing, "name": name, "jpeg": jpeg})
            except PostItemError as error:  # the other boxes say that it is missing
                log.warning("post: a picture of a case cannot be told: %s", error)
                continue
            datas.append(data)
            parts[name] = part
        self._cases.tell(datas, crossing=case.crossing, item=item, parts=parts)

    def _make_closed(self, case: Case) -> None:
        datas = []
        closing = None if case.closing is None else msgspec.to_builtins(case.closing)
        for item in self._cases.items_of(case.crossing):
            body = {"closing": closing} if item == case.item else {}
            datas.append(self._sealed(CLOSED, body, about=item)[0])
        self._cases.tell(datas, crossing=case.crossing, closed=True)

    def _sealed(
        self, kind: str, body: Mapping[str, Any], *, about: bytes = b"", index: bytes = b""
    ) -> tuple[bytes, bytes]:
        now = max(self._clock.now()[0], self._clock.floor)
        return seal_item(
            kind,
            body,
            device=self._keys.device,
            signing_key=self._keys.signing,
            recipients=self._keys.members.recipients(),
            expires_at=now + KEPT,
            about=about,
            index=index,
        )

    # Hearing

    async def _hear(self) -> None:
        while True:
            try:
                await self._follow()
            except (ServiceError, StorageError) as error:
                log.info("post: %s", error)
                if isinstance(error, ServiceError) and self._state is not None:
                    self._state = msgspec.structs.replace(self._state, reachable=False)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self) -> None:
        """Items as they come, until this box's copy of them is another one."""
        copy = self._note(await self._post.post_state(Nothing())).copy
        after = await asyncio.to_thread(self._cases.cursor, copy)
        wait = 0.0
        while True:
            page = await self._post.fetch_items(FetchItems(after=after, limit=PAGE, wait=wait))
            if self._note(page.state).copy != copy:
                return
            if not page.items:
                wait = WAIT_SECONDS
                continue
            changed = [await asyncio.to_thread(self._take, one.data) for one in page.items]
            after = page.items[-1].position
            await asyncio.to_thread(self._cases.note_cursor, copy, after)
            if any(changed):
                self._came()

    def _note(self, state: PostState) -> PostState:
        self._state, self._state_at = state, time.monotonic()
        return state

    def _take(self, data: bytes) -> bool:
        """One item; True when the queue looks otherwise now.

        Raises:
            StorageError: it will come again.
        """
        try:
            header = verify_item(data, signer_for=self._keys.members.signer)
            item = open_item(header, private_key=self._keys.sealing)
            if header.kind == CASE:
                return self._take_case(item)
            if header.kind == ENTRY:
                return self._take_entry(item)
            if header.kind == ERASED:
                return self._take_erased(header)
            return self._take_closed(item)
        except (PostItemError, msgspec.ValidationError, RecursionError, ValueError) as error:
            log.warning("post: an item is not understood: %s", type(error).__name__)
            return False

    def _take_case(self, item: Item) -> bool:
        """Own ones too: a box whose cases were lost has them back."""
        header, body = item.header, item.body
        if self._is_erased(header.id):
            return False
        if "part_of" in body:
            crossing, name, jpeg = body["part_of"], body.get("name"), body.get("jpeg")
            if not (isinstance(crossing, str) and isinstance(name, str) and isinstance(jpeg, bytes)):
                raise PostItemError("A picture that is none.")
            known = self._cases.case(crossing)
            if known is None or known.device == header.device:
                self._cases.keep_picture(crossing, name, jpeg, item=header.id)
            return known is not None and known.state == store.OPEN and name not in known.pictures
        movement = from_plain(body.get("facts"))
        if movement.device != header.device:
            raise PostItemError("A case of another box than the one that signed it.")
        for stamp in (movement.started, movement.decided):
            _check_moment(stamp.wall)
            TimeQuality(stamp.quality)
        kind = CaseKind(str(body.get("kind")))
        if not self._cases.keep(movement, kind, {}, item=header.id):
            return False
        early = self._cases.take_early(header.id)
        if early is not None and early[1] is not None:
            self._close(header.id, early[1], device=early[0])
        return True

    def _take_entry(self, item: Item) -> bool:
        header = item.header
        passage = msgspec.convert(item.body.get("passage"), Passage)
        _check_moment(passage.at)
        if (passage.direction, passage.outcome) != (Direction.ENTRY.value, Outcome.ADMITTED.value):
            raise PostItemError("An entry that is none.")
        if header.index and self._cases.take_early(header.id) is None:
            self._cases.add_entry(
                header.id,
                msgspec.msgpack.encode(passage),
                look=header.index,
                device=header.device,
                at=passage.at,
            )
        return False

    def _take_closed(self, item: Item) -> bool:
        header, said = item.header, item.body.get("closing")
        if self._is_erased(header.about):
            return False
        if said is None:
            own = header.device == self._keys.device
            if not own and not self._cases.drop_entry(header.about):
                self._cases.closed_early(header.about, None, device=header.device)
            return False
        return self._note_closed(header, msgspec.convert(said, Closing))

    def _take_erased(self, header: ItemHeader) -> bool:
        """Also this box's own, whose copy was put back: it does not come back, whatever comes when."""
        self._cases.closed_early(header.about, None, device=header.device, erased=True)
        self._taken_back(header.about, header.device)
        return self._cases.erased(header.about, device=header.device)

    def _is_erased(self, item: bytes) -> bool:
        early = self._cases.take_early(item)
        return early is not None and early[0] != "" and early[1] is None

    def _note_closed(self, header: ItemHeader, closing: Closing) -> bool:
        if not self._cases.has_item(header.about):
            self._cases.closed_early(header.about, closing, device=header.device)
            return False
        return self._close(header.about, closing, device=header.device)

    def _close(self, about: bytes, closing: Closing, *, device: str) -> bool:
        case = self._cases.closed_elsewhere(about, closing, device=device)
        if case is not None:
            closed = self._cases.case(case.crossing)
            if closed is not None:
                self._closed_elsewhere(closed)
        return True

    async def _forget(self) -> None:
        """What no exit will end any more; a clock that is not sure of itself forgets nothing."""
        while True:
            now, quality = self._clock.now()
            if quality.sure:
                with contextlib.suppress(StorageError):
                    await asyncio.to_thread(self._cases.forget_entries, now=now, days=KEPT.days)
            await asyncio.sleep(FORGET_SECONDS)


def _check_moment(text: str) -> None:
    """Raises:
    ValueError: this is no moment that can be held against another.
    """
    if dt.datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a moment without its offset")
