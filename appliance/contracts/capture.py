"""What `capture` offers: evidence from devices, never a judgement of it."""

from typing import Protocol

import msgspec

from appliance.contracts.errors import ServiceError
from appliance.contracts.transport import RemoteService

MAX_WAIT_SECONDS = 120.0
"""No request waits longer for a person; the caller asks again."""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for a person, in seconds."""

    timeout: float = 30.0


class MrzEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Lines as the reader sent them, or as a camera's picture was read."""

    lines: tuple[str, ...]
    source: str
    """mrz_line, camera, manual: how the text was got."""
    device: str
    simulated: bool
    uncertain: tuple[tuple[int, int], ...] = ()
    """Of a camera: lines and positions that were seen badly and that no check digit vouches for."""
    inferred: tuple[tuple[int, int, str], ...] = ()
    """Of a camera: lines and positions where a close candidate was chosen, and what was likelier by sight."""
    page: bytes | None = None
    """Of a camera: the picture that was read, as JPEG, for the record."""
    others: tuple["MrzEvidence", ...] = ()
    """What other sources made of the same page."""


class WatchPage(msgspec.Struct, frozen=True, kw_only=True):
    """How the page lies before the camera, as soon as it is newer than revision `after`."""

    after: int
    timeout: float = 5.0


class PageHint(msgspec.Struct, frozen=True, kw_only=True):
    """What the officer can do so that the page can be read; None when nothing is in the way."""

    revision: int
    hint: str | None
    """A code of PAGE_HINTS."""


PAGE_HINTS = ("show_document", "closer", "whole", "glare", "hold_still")


class ReadChip(msgspec.Struct, frozen=True, kw_only=True):
    """Read the chip that opens with this MRZ information (Doc 9303-11, 4.3)."""

    mrz_information: str
    timeout: float = 30.0


class ChipEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The chip's files as raw bytes; whoever relies on them verifies them.

    `portrait` is DG2's picture decoded in `capture` and written anew as JPEG, for the screen:
    nobody else decodes a stranger's picture. `portrait_problem` says why it is missing.
    """

    files: dict[str, bytes]
    """By name: COM, DG1, DG2, SOD."""
    not_read: dict[str, str]
    """Wanted files that were not read, with the reason."""
    access: str
    """The access protocol that opened the chip: BAC."""
    pace_offered: bool
    atr: bytes
    apdus: int
    seconds: float
    portrait: bytes | None
    portrait_problem: str | None
    device: str
    simulated: bool
    transport: str
    """pcscd, or direct when the simulated chip is read without a PC/SC daemon."""


class PortraitEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """A live picture of the traveller, as JPEG."""

    jpeg: bytes
    width: int
    height: int
    device: str
    simulated: bool


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """What lights and sound are to say: a name of `hal.panel.Signal`."""

    signal: str


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the panel's button: press or hold; None when nobody pressed in time."""

    event: str | None


class DeviceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One device's state and health; ages are seconds."""

    kind: str
    driver: str
    key: str
    model: str
    state: str
    since_seconds: float
    simulated: bool
    capabilities: tuple[str, ...]
    successes: int
    failures: int
    consecutive_failures: int
    last_error: str | None
    last_success_seconds: float | None
    p95_seconds: float | None


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """All devices of the box."""

    devices: tuple[DeviceStatus, ...]


class Nothing(msgspec.Struct, frozen=True):
    """A message without content."""


class Capture(Protocol):
    """The service as its callers see it, in one process or across the socket.

    Raises `ServiceError` with the codes no_device, timeout, unreadable, device_error, and for the
    chip also no_chip, access_denied, chip_error, protection_broken.
    """

    async def read_mrz(self, request: Wait) -> MrzEvidence: ...
    async def watch_page(self, request: WatchPage) -> PageHint: ...
    async def read_chip(self, request: ReadChip) -> ChipEvidence: ...
    async def take_portrait(self, request: Wait) -> PortraitEvidence: ...
    async def show(self, request: Show) -> Nothing: ...
    async def wait_for_button(self, request: Wait) -> Button: ...
    async def devices(self, request: Nothing) -> Devices: ...


class CaptureClient(RemoteService):
    """`Capture` across its unix socket."""

    async def read_mrz(self, request: Wait) -> MrzEvidence:
        return await self.call("read_mrz", request, MrzEvidence, wait=request.timeout)

    async def watch_page(self, request: WatchPage) -> PageHint:
        return await self.call("watch_page", request, PageHint, wait=request.timeout)

    async def read_chip(self, request: ReadChip) -> ChipEvidence:
        return await self.call("read_chip", request, ChipEvidence, wait=request.timeout)

    async def take_portrait(self, request: Wait) -> PortraitEvidence:
        return await self.call("take_portrait", request, PortraitEvidence, wait=request.timeout)

    async def show(self, request: Show) -> Nothing:
        return await self.call("show", request, Nothing)

    async def wait_for_button(self, request: Wait) -> Button:
        return await self.call("wait_for_button", request, Button, wait=request.timeout)

    async def devices(self, request: Nothing) -> Devices:
        return await self.call("devices", request, Devices)


__all__ = [
    "Button",
    "Capture",
    "CaptureClient",
    "ChipEvidence",
    "DeviceStatus",
    "Devices",
    "MrzEvidence",
    "Nothing",
    "PageHint",
    "PortraitEvidence",
    "ReadChip",
    "ServiceError",
    "Show",
    "Wait",
    "WatchPage",
]
