"""A box's way to the hub: what is new goes there, what the others have brought comes from there.

Two connections, so that what this box has to say does not wait behind a long question. Whatever comes is held
against the signature of the box that made it: a hub can withhold, and can invent nothing.
"""

import asyncio
import contextlib
import datetime as dt
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final

from appliance.post_items import PostItemError, verify_item
from appliance.post_members import Members
from appliance.services.uplink.post.frames import (
    MAX_FRAME_BYTES,
    MAX_ITEMS,
    Answer,
    Ask,
    FrameError,
    Gave,
    Get,
    Put,
    Took,
    encoded,
    read_frame,
)
from appliance.services.uplink.post.hub import HubError, PostCertificates, peer_name
from appliance.services.uplink.post.store import PostStore, PostStoreError, Refused

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 20.0
ASK_WAIT_SECONDS: Final = 20.0
PUT_BYTES: Final = MAX_FRAME_BYTES - 64 * 1024
MIN_BACKOFF_SECONDS: Final = 0.5
MAX_BACKOFF_SECONDS: Final = 15.0
"""On one's own network there is no crowd to make way for; the other boxes are five metres away."""
IDLE_SECONDS: Final = 30.0
"""So long a box that has nothing to bring leaves its connection alone."""

log = logging.getLogger(__name__)


class HubLink:
    """This box as a member of a post whose hub is another box."""

    def __init__(
        self,
        *,
        store: PostStore,
        members: Members,
        certificates: PostCertificates,
        hub: str,
        address: str,
        port: int,
        now: Callable[[], dt.datetime | None],
        came: Callable[[], None],
    ) -> None:
        self._store = store
        self._members = members
        self._context = certificates.context(server=False)
        self._hub = hub
        self._where = (address, port)
        self._now = now
        self._came = came
        self._grew = asyncio.Event()
        self.synchronized_at: float | None = None
        """By time.monotonic(): when this box last had all that the hub has."""
        self.reachable = False
        self.sentence = "The post's hub has not been reached yet."

    def grown(self) -> None:
        """This box has something new to say."""
        self._grew.set()

    async def run(self) -> None:
        """Ask and bring, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again(self._ask, tells=True))
            tasks.create_task(self._again(self._bring, tells=False))

    async def _again(
        self,
        work: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        *,
        tells: bool,
    ) -> None:
        backoff = MIN_BACKOFF_SECONDS
        while True:
            began = time.monotonic()
            try:
                await self._one_connection(work)
            except (FrameError, HubError, PostStoreError) as error:
                sentence = str(error)
            except (OSError, TimeoutError) as error:
                sentence = f"The post's hub cannot be reached ({type(error).__name__})."
            if tells:
                self.reachable, self.sentence = False, sentence
                log.info("post: %s", sentence)
            if time.monotonic() - began > MAX_BACKOFF_SECONDS:
                backoff = MIN_BACKOFF_SECONDS
            await asyncio.sleep(random.uniform(0.5, 1.0) * backoff)
            backoff = min(2 * backoff, MAX_BACKOFF_SECONDS)

    async def _one_connection(
        self, work: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(
                *self._where, ssl=self._context, ssl_handshake_timeout=CONNECT_SECONDS
            )
        try:
            if peer_name(writer) != self._hub:
                raise HubError("At the hub's address is another box, or a stranger.")
            await work(reader, writer)
        finally:
            writer.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hub, after, wait = "", 0, 0.0
        while True:
            answer = await _say(reader, writer, Get(hub=hub, after=after, wait=wait), wait=wait)
            if not isinstance(answer, Gave):
                raise FrameError("The hub answers another question.")
            if answer.hub != hub:
                # The first answer names the hub's copy; we may have been further along in it already.
                hub = answer.hub
                after = self._store.cursor(hub)
                if after:
                    continue
            if await asyncio.to_thread(self._take, answer):
                self._grew.set()  # another hub, or a new disk in it: it gets all that we have
            if answer.items or not self.reachable:
                self._came()
            after, wait = answer.position, 0.0 if answer.more else ASK_WAIT_SECONDS
            self.reachable, self.sentence = True, ""
            if not answer.more:
                self.synchronized_at = time.monotonic()

    def _take(self, gave: Gave) -> bool:
        """True when this hub's copy is another one than we knew."""
        for data in gave.items[:MAX_ITEMS]:
            try:
                header = verify_item(data, signer_for=self._members.signer)
                self._store.add(header, data, now=self._now(), sent=True)
            except (PostItemError, Refused) as error:
                log.warning("post: an item from the hub is not taken: %s", error)
        return self._store.note_cursor(gave.hub, gave.position)

    async def _bring(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.to_thread(self._store.retry_refused)
        while True:
            self._grew.clear()
            kept = self._store.waiting(limit=MAX_ITEMS, most_bytes=PUT_BYTES)
            if not kept:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_SECONDS):
                        await self._grew.wait()
                    continue
                # Also without anything new, or the hub would take the connection for nobody's.
                await asyncio.to_thread(self._store.retry_refused)
                kept = self._store.waiting(limit=MAX_ITEMS, most_bytes=PUT_BYTES)
            answer = await _say(reader, writer, Put(items=tuple(one.data for one in kept)), wait=0.0)
            if not isinstance(answer, Took):
                raise FrameError("The hub answers another question.")
            for place, sentence in answer.refused.items():
                log.warning("post: the hub does not take item %d: %s", place, sentence)
            taken = [one.position for place, one in enumerate(kept) if place not in answer.refused]
            refused = [one.position for place, one in enumerate(kept) if place in answer.refused]
            await asyncio.to_thread(self._store.note_sent, taken, refused)


async def _say(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask: Ask, *, wait: float
) -> Answer:
    writer.write(encoded(ask))
    async with asyncio.timeout(ANSWER_SECONDS):
        await writer.drain()
    answer: Answer = await read_frame(reader, Answer, seconds=wait + ANSWER_SECONDS)
    return answer
