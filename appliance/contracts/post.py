"""What `uplink` offers `lane`: what the boxes of one post tell each other, with or without a line to central.

An item is signed by the box that made it and sealed to the boxes of its post (`appliance/post_items.py`);
the uplinks that carry it, the hub's too, can verify it and read none of it. Items are only ever added: a case
or an entry is closed by another item that is about it.
"""

from typing import Protocol

import msgspec

from appliance.contracts.capture import Nothing
from appliance.contracts.transport import RemoteService


class PublishItem(msgspec.Struct, frozen=True, kw_only=True):
    """A signed and sealed item for all boxes of the post."""

    data: bytes


class ItemTaken(msgspec.Struct, frozen=True, kw_only=True):
    """On this box's disk when it is taken; the others get it as soon as the hub is reached."""

    taken: bool
    sentence: str = ""


class FetchItems(msgspec.Struct, frozen=True, kw_only=True):
    """Items after this position in this box's own copy, as they came."""

    after: int = 0
    limit: int = 64
    wait: float = 0.0
    """Seconds to wait for a first one when there is none."""


class FetchOpen(msgspec.Struct, frozen=True, kw_only=True):
    """What nobody has closed: all of a kind (`case`), or those with this index (an entry's traveller)."""

    kind: str
    index: bytes = b""
    limit: int = 64


class HeldItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item, verified to be its box's; only lane can open it."""

    position: int
    data: bytes


class PostState(msgspec.Struct, frozen=True, kw_only=True):
    """How much this box knows of the others: an answer from its own copy is as old as this says."""

    configured: bool
    hub: bool
    """This box is the post's hub."""
    reachable: bool
    """The hub is there; the hub itself always has all that reached it."""
    synchronized_seconds: float | None
    """Since this box last had all that the hub has; None: never since it started."""
    waiting: int
    """Items that have not reached the hub yet."""
    sentence: str = ""
    copy: str = ""
    """Which copy positions belong to: of another one they begin anew."""


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    """Items, and what the answer leans on."""

    items: tuple[HeldItem, ...]
    state: PostState


class Post(Protocol):
    """The service as lane sees it, in one process or across the socket.

    Raises `ServiceError` with the codes no_post and storage_broken.
    """

    async def publish_item(self, request: PublishItem) -> ItemTaken: ...
    async def fetch_items(self, request: FetchItems) -> ItemPage: ...
    async def fetch_open(self, request: FetchOpen) -> ItemPage: ...
    async def post_state(self, request: Nothing) -> PostState: ...


class PostClient(RemoteService):
    """`Post` across uplink's unix socket."""

    async def publish_item(self, request: PublishItem) -> ItemTaken:
        return await self.call("publish_item", request, ItemTaken)

    async def fetch_items(self, request: FetchItems) -> ItemPage:
        return await self.call("fetch_items", request, ItemPage, wait=request.wait)

    async def fetch_open(self, request: FetchOpen) -> ItemPage:
        return await self.call("fetch_open", request, ItemPage)

    async def post_state(self, request: Nothing) -> PostState:
        return await self.call("post_state", request, PostState)
