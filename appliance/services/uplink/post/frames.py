"""What hub and box say on their TLS connection: four bytes of length, then one MessagePack object.

A box asks and the hub answers, one after the other. Lengths and types are bounded before anything is decoded.
"""

import asyncio
from typing import Final, TypeVar

import msgspec

from appliance.post.items import MAX_ITEM_BYTES

MAX_FRAME_BYTES: Final = 2 * 1024 * 1024
"""Some items with pictures; above the largest single one."""
MAX_ITEMS: Final = 64
_LENGTH_BYTES: Final = 4
assert MAX_FRAME_BYTES > 2 * MAX_ITEM_BYTES


class FrameError(Exception):
    """The other side does not speak as agreed, in one plain sentence."""


class Put(msgspec.Struct, frozen=True, kw_only=True, tag="put"):
    """Items for the hub to keep."""

    items: tuple[bytes, ...]


class Get(msgspec.Struct, frozen=True, kw_only=True, tag="get"):
    """Items after this position of this hub; after 0 when the hub is another one than last time."""

    hub: str
    after: int
    wait: float
    """Seconds to wait for a first one when there is none."""


class Took(msgspec.Struct, frozen=True, kw_only=True, tag="took"):
    """What became of each item that was put."""

    refused: dict[int, str]
    """By place in `Put.items`, in a sentence; the others are on the hub's disk."""


class Gave(msgspec.Struct, frozen=True, kw_only=True, tag="gave"):
    """Items as they came to the hub; `position` is that of the last one that was looked at."""

    hub: str
    position: int
    items: tuple[bytes, ...]
    more: bool
    """There are further ones now."""


Ask = Put | Get
Answer = Took | Gave
Frame = TypeVar("Frame")


def encoded(frame: Ask | Answer) -> bytes:
    body = msgspec.msgpack.encode(frame)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def read_frame(reader: asyncio.StreamReader, kind: type[Frame] | object, *, seconds: float) -> Frame:
    """The next frame.

    Raises:
        FrameError: none in time, cut short, too large, or something else.
    """
    try:
        async with asyncio.timeout(seconds):
            length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
            if length > MAX_FRAME_BYTES:
                raise FrameError("The other side sends more than is taken.")
            body = await reader.readexactly(length)
    except TimeoutError as error:
        raise FrameError("The other side does not answer in time.") from error
    except (asyncio.IncompleteReadError, OSError) as error:
        raise FrameError("The connection was lost.") from error
    try:
        frame: Frame = msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError("The other side does not speak as agreed.") from error
    return frame
