"""`Post` as uplink offers it: this box's copy of the post's items, kept in step with the hub's, or the hub's
own."""

import asyncio
import contextlib
import datetime as dt
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.clock import Clock
from appliance.contracts.capture import Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.post import (
    FetchItems,
    FetchOpen,
    HeldItem,
    ItemPage,
    ItemTaken,
    PostState,
    PublishItem,
)
from appliance.contracts.transport import Operation
from appliance.post_items import KINDS, PostItemError, verify_item
from appliance.post_members import Members
from appliance.services.uplink.post.hub import HubError, PostCertificates, PostHub
from appliance.services.uplink.post.hub_link import HubLink
from appliance.services.uplink.post.store import Kept, PostStore, PostStoreError, Refused

MAX_PAGE_ITEMS: Final = 256
MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
MAX_WAIT_SECONDS: Final = 60.0
FORGET_SECONDS: Final = 3600.0
LISTEN_AGAIN_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostSettings:
    """This box's place in its post."""

    device: str
    hub: str
    """The device that is the hub; it may be this one."""
    address: str
    port: int
    members: Path
    certificates: PostCertificates


class NoPost:
    """`Post` of a box that stands alone."""

    def operations(self) -> tuple[Operation, ...]:
        """What the service's socket offers."""
        return (
            Operation("publish_item", PublishItem, self.refuse),
            Operation("fetch_items", FetchItems, self.refuse),
            Operation("fetch_open", FetchOpen, self.refuse),
            Operation("post_state", Nothing, self.post_state),
        )

    async def run(self) -> None:
        """Nothing to do, and nowhere to listen."""
        await asyncio.Event().wait()

    async def refuse(self, request: PublishItem | FetchItems | FetchOpen) -> ItemPage:  # noqa: ARG002
        raise ServiceError("no_post", "This box belongs to no post with a network of its own.")

    async def post_state(self, request: Nothing) -> PostState:  # noqa: ARG002 - the Protocol's shape
        return PostState(configured=False, hub=False, reachable=False, synchronized_seconds=None, waiting=0)


class PostService:
    """`Post`; it can verify items and read none."""

    def __init__(self, *, settings: PostSettings, store: PostStore, clock: Clock) -> None:
        """Raises:
        HubError: the certificates or the address cannot be used.
        """
        self._settings = settings
        self._store = store
        self._clock = clock
        self._members = Members(settings.members)
        self._came = asyncio.Condition()
        self._sentence = ""
        self.hub: PostHub | None = None
        self.link: HubLink | None = None
        if settings.hub == settings.device:
            self.hub = PostHub(
                store=store,
                members=self._members,
                certificates=settings.certificates,
                address=settings.address,
                port=settings.port,
                now=self._now,
                came=self._something_came,
            )
        else:
            self.link = HubLink(
                store=store,
                members=self._members,
                certificates=settings.certificates,
                hub=settings.hub,
                address=settings.address,
                port=settings.port,
                now=self._now,
                came=self._something_came,
            )

    def operations(self) -> tuple[Operation, ...]:
        """What the service's socket offers."""
        return (
            Operation("publish_item", PublishItem, self.publish_item),
            Operation("fetch_items", FetchItems, self.fetch_items),
            Operation("fetch_open", FetchOpen, self.fetch_open),
            Operation("post_state", Nothing, self.post_state),
        )

    async def run(self, *, listening: asyncio.Event | None = None) -> None:
        """Serve or visit the hub, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._forget())
            if self.hub is not None:
                tasks.create_task(self._listen(self.hub, listening))
            if self.link is not None:
                tasks.create_task(self.link.run())

    async def _listen(self, hub: PostHub, listening: asyncio.Event | None) -> None:
        """The post's network may come up after the box; the line to central does not wait for it."""
        while True:
            try:
                await hub.run(listening=listening)
            except HubError as error:
                log.warning("post: %s", error)
                self._sentence = str(error)
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)

    async def publish_item(self, request: PublishItem) -> ItemTaken:
        try:
            header = verify_item(request.data, signer_for=self._members.signer)
            if header.device != self._settings.device:
                return ItemTaken(taken=False, sentence="The item is another box's.")
            await asyncio.to_thread(
                self._store.add, header, request.data, now=self._now(), sent=self.hub is not None
            )
        except (PostItemError, Refused) as error:
            return ItemTaken(taken=False, sentence=str(error))
        except PostStoreError as error:
            raise ServiceError("storage_broken", str(error)) from error
        if self.hub is not None:
            self.hub.grown()
        if self.link is not None:
            self.link.grown()
        await self._tell()
        return ItemTaken(taken=True)

    async def fetch_items(self, request: FetchItems) -> ItemPage:
        limit = max(0, min(request.limit, MAX_PAGE_ITEMS))
        with _as_service_error():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(request.wait, MAX_WAIT_SECONDS))):
                    async with self._came:
                        await self._came.wait_for(
                            lambda: bool(self._store.after(request.after, limit=1, most_bytes=0))
                        )
            return self._page(self._store.after(request.after, limit=limit, most_bytes=MAX_PAGE_BYTES))

    async def fetch_open(self, request: FetchOpen) -> ItemPage:
        if request.kind not in KINDS:
            raise ServiceError("bad_request", "There is no such kind of item.")
        limit = max(0, min(request.limit, MAX_PAGE_ITEMS))
        with _as_service_error():
            found = await asyncio.to_thread(
                self._store.open_items, request.kind, request.index, limit=limit, most_bytes=MAX_PAGE_BYTES
            )
            return self._page(found)

    async def post_state(self, request: Nothing) -> PostState:  # noqa: ARG002 - the Protocol's shape
        with _as_service_error():
            return self._state()

    def _page(self, found: list[Kept]) -> ItemPage:
        items = tuple(HeldItem(position=one.position, data=one.data) for one in found)
        return ItemPage(items=items, state=self._state())

    def _state(self) -> PostState:
        if self.link is None:
            return PostState(
                configured=True,
                hub=True,
                reachable=not self._sentence,
                synchronized_seconds=0.0,
                waiting=0,
                sentence=self._sentence,
                copy=self._store.instance,
            )
        at = self.link.synchronized_at
        return PostState(
            configured=True,
            hub=False,
            reachable=self.link.reachable,
            synchronized_seconds=None if at is None else time.monotonic() - at,
            waiting=self._store.count_waiting(),
            sentence=self.link.sentence,
            copy=self._store.instance,
        )

    def _now(self) -> dt.datetime | None:
        now, quality = self._clock.now()
        return now if quality.sure else None

    def _something_came(self) -> None:
        task = asyncio.ensure_future(self._tell())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _tell(self) -> None:
        async with self._came:
            self._came.notify_all()

    async def _forget(self) -> None:
        """Drop what has expired; a clock that is not sure of itself drops nothing."""
        while True:
            now = self._now()
            if now is not None:
                with contextlib.suppress(PostStoreError):  # the next addition says it
                    await asyncio.to_thread(self._store.forget, now=now)
            await asyncio.sleep(FORGET_SECONDS)


@contextlib.contextmanager
def _as_service_error() -> Iterator[None]:
    try:
        yield
    except PostStoreError as error:
        raise ServiceError("storage_broken", str(error)) from error
