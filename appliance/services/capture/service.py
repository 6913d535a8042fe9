"""The capture service: asks the devices, and says what they gave or why they could not."""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, TypeVar

import msgspec

from appliance.contracts.capture import (
    MAX_WAIT_SECONDS,
    AuthenticateChip,
    Button,
    ChipAnswer,
    ChipEvidence,
    ChipOpened,
    Devices,
    DeviceStatus,
    Guidance,
    MrzEvidence,
    Nothing,
    PageHint,
    PortraitEvidence,
    ReadChip,
    Show,
    TakePortrait,
    Wait,
    WatchGuidance,
    WatchPage,
)
from appliance.contracts.errors import ServiceError
from appliance.contracts.transport import Operation
from appliance.face_settings import FaceSettings
from appliance.services.capture.chips import ChipDesk
from appliance.services.capture.document import DocumentStation
from appliance.services.capture.pictures import PictureError
from appliance.services.capture.portrait import PortraitStation
from hal.camera import Camera
from hal.device import (
    Capability,
    ChipRemoved,
    Device,
    DeviceError,
    DeviceGone,
    HalError,
    State,
    Timeout,
    Unreadable,
)
from hal.document_reader import ChipReader, MrzLineReader
from hal.panel import Panel, Signal

REPROBE_SECONDS = 2.0
"""How often a device that is away is looked for again while nobody asks for it."""

SLICE_SECONDS = 2.0
"""A wait for a person is made of such slices, so that a caller who gives up frees the device soon."""

CROSS_SECONDS = 2.0
"""When one source has read the page, so long the others may still read it too, to be held against it."""

Result = TypeVar("Result")
log = logging.getLogger(__name__)


class CaptureService:
    """`Capture`, over the devices of this box."""

    def __init__(
        self,
        devices: Sequence[Device],
        *,
        chip_transport: str = "pcscd",
        document_cameras: Collection[str] = (),
        document: DocumentStation | None = None,
        face: FaceSettings | None = None,
    ) -> None:
        """`document_cameras`: the identity keys of cameras that look at pages, not at faces."""
        self.all_devices = tuple(devices)
        self._document_cameras = frozenset(document_cameras)
        self._document = document or DocumentStation()
        self._portraits = PortraitStation(face or FaceSettings())
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._chips = ChipDesk(transport=chip_transport, ask=self._ask)

    def operations(self) -> tuple[Operation, ...]:
        """What the service's socket offers."""
        return (
            Operation("read_mrz", Wait, self.read_mrz),
            Operation("open_chip", ReadChip, self.open_chip),
            Operation("authenticate_chip", AuthenticateChip, self.authenticate_chip),
            Operation("watch_page", WatchPage, self.watch_page),
            Operation("read_chip", ReadChip, self.read_chip),
            Operation("take_portrait", TakePortrait, self.take_portrait),
            Operation("watch_guidance", WatchGuidance, self.watch_guidance),
            Operation("show", Show, self.show),
            Operation("wait_for_button", Wait, self.wait_for_button),
            Operation("devices", Nothing, self.devices),
        )

    async def run(self) -> None:
        """Keep looking for devices that are away, until cancelled; then let go of all."""
        try:
            if any(Capability.IMAGE in device.capabilities for device in self.all_devices):
                await asyncio.to_thread(self._portraits.prepare)
            while True:
                for device in self.all_devices:
                    if device.state in (State.ABSENT, State.FAULT):
                        await asyncio.to_thread(_probe, device)
                await asyncio.sleep(REPROBE_SECONDS)
        finally:
            self._chips.close()
            for device in self.all_devices:
                device.close()

    async def read_mrz(self, request: Wait) -> MrzEvidence:
        """From whichever source reads first; the others are given a moment to say what they see."""
        timeout = _bounded(request.timeout)
        sources = [self._read_line(device, timeout) for device in self._able(Capability.MRZ_LINES)[:1]]
        sources += [
            self._read_page(device, timeout) for device in self._able(Capability.IMAGE, pages=True)[:1]
        ]
        if not sources:
            raise _no_device(Capability.MRZ_LINES)
        return await first_of(sources, moment=CROSS_SECONDS)

    async def watch_page(self, request: WatchPage) -> PageHint:
        return await self._document.watch(request)

    async def _read_line(self, device: Device, timeout: float) -> MrzEvidence:
        assert isinstance(device, MrzLineReader)
        raw = await self._wait_for(device, device.read_lines, timeout)
        return MrzEvidence(
            lines=raw.lines, source="mrz_line", device=device.identity.key, simulated=device.simulated
        )

    async def _read_page(self, device: Device, timeout: float) -> MrzEvidence:
        assert isinstance(device, Camera)
        return await self._document.read(
            device, timeout, lambda seconds: self._ask(device, lambda: device.capture(seconds))
        )

    async def open_chip(self, request: ReadChip) -> ChipOpened:
        device = self._first(Capability.CHIP)
        assert isinstance(device, ChipReader)
        began = time.monotonic()
        try:
            connection = await self._wait_for(device, device.wait_for_chip, request.timeout)
        except ServiceError as error:
            if error.code != "timeout":
                raise
            raise ServiceError("no_chip", "No chip came into the reader's field.", retry=True) from error
        return await self._chips.open(device, connection, request, began)

    async def authenticate_chip(self, request: AuthenticateChip) -> ChipAnswer:
        return await self._chips.authenticate(request)

    async def read_chip(self, request: ReadChip) -> ChipEvidence:
        if request.session is None:
            opened = await self.open_chip(request)
            request = msgspec.structs.replace(request, session=opened.session)
        return await self._chips.read(request)

    async def take_portrait(self, request: TakePortrait) -> PortraitEvidence:
        device = self._first(Capability.IMAGE)
        assert isinstance(device, Camera)
        given_up = threading.Event()
        try:
            return await self._ask(
                device,
                lambda: self._portraits.take(
                    device,
                    timeout=_bounded(request.timeout),
                    reference=request.reference,
                    given_up=given_up,
                ),
            )
        except PictureError as error:
            raise ServiceError("unreadable", str(error), retry=True) from error
        except asyncio.CancelledError:
            given_up.set()
            raise

    async def watch_guidance(self, request: WatchGuidance) -> Guidance:
        return await self._portraits.board.newer_than(request.after, _bounded(request.timeout))

    async def show(self, request: Show) -> Nothing:
        try:
            signal = Signal(request.signal)
        except ValueError as error:
            raise ServiceError("bad_request", "There is no such signal.") from error
        for device in self.all_devices:
            if Capability.LIGHTS in device.capabilities and device.state is not State.ABSENT:
                assert isinstance(device, Panel)
                await asyncio.to_thread(_show, device, signal)
        return Nothing()

    async def wait_for_button(self, request: Wait) -> Button:
        device = self._first(Capability.BUTTON)
        assert isinstance(device, Panel)
        try:
            event = await self._wait_for(device, device.wait_for_button, request.timeout)
        except ServiceError as error:
            if error.code == "timeout":
                return Button(event=None)
            raise
        return Button(event=event.value)

    async def devices(self, request: Nothing) -> Devices:  # noqa: ARG002 - the Protocol's shape
        return Devices(devices=tuple(_status(device) for device in self.all_devices))

    def _able(self, capability: Capability, *, pages: bool = False) -> list[Device]:
        """Devices that can do it, ready ones first; of cameras, those that look at pages, or at faces."""
        able = [
            device
            for device in self.all_devices
            if capability in device.capabilities
            and (
                capability is not Capability.IMAGE or (device.identity.key in self._document_cameras) == pages
            )
        ]
        return sorted(able, key=lambda device: device.state is State.ABSENT)

    def _first(self, capability: Capability) -> Device:
        """A device that can do it.

        Raises:
            ServiceError: this box has none.
        """
        able = self._able(capability)
        if not able:
            raise _no_device(capability)
        return able[0]

    async def _wait_for(self, device: Device, attempt: Callable[[float], Result], timeout: float) -> Result:
        """Ask in slices until something comes or the time is over."""
        deadline = time.monotonic() + _bounded(timeout)
        while True:
            left = deadline - time.monotonic()
            try:
                return await self._ask(device, lambda left=left: attempt(min(left, SLICE_SECONDS)))  # type: ignore[misc]
            except ServiceError as error:
                if error.code != "timeout" or left <= SLICE_SECONDS:
                    raise

    async def _ask(self, device: Device, work: Callable[[], Result]) -> Result:
        """Do blocking work in a thread, one caller at a time; every device's error becomes a ServiceError.

        The turn lasts until the thread is done, also for a caller who has given up: the next one
        finds the device free, not busy.
        """
        turn = self._turns[device.identity.key]
        await turn.acquire()
        task = asyncio.ensure_future(asyncio.to_thread(work))
        task.add_done_callback(lambda done: _end_turn(turn, done))
        try:
            return await asyncio.shield(task)
        except HalError as error:
            raise _translate(error) from error


async def first_of(sources: Sequence[Coroutine[Any, Any, MrzEvidence]], *, moment: float) -> MrzEvidence:
    """What the first source reads, with what the others make of the same page within a moment.

    A camera's evidence comes second where a reader of lines has read as well.

    Raises:
        ServiceError: no source read anything; that of the last one to give up.
    """
    pending = {asyncio.ensure_future(source) for source in sources}
    read: list[MrzEvidence] = []
    problem: ServiceError | None = None
    deadline: float | None = None
    try:
        while pending:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            for task in done:
                try:
                    read.append(task.result())
                except ServiceError as error:
                    problem = error
            if read and deadline is None:
                deadline = time.monotonic() + moment
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    if not read:
        assert problem is not None
        raise problem
    best, *others = sorted(read, key=lambda evidence: evidence.source == "camera")
    return msgspec.structs.replace(best, others=tuple(others))


def _no_device(capability: Capability) -> ServiceError:
    return ServiceError("no_device", f"This box has no device for {capability.value}.")


def _end_turn(turn: asyncio.Lock, done: "asyncio.Future[Any]") -> None:
    turn.release()
    if not done.cancelled():
        done.exception()  # seen here, for a caller who no longer waits


def _show(panel: Panel, signal: Signal) -> None:
    try:
        panel.show(signal)
    except HalError as error:
        raise _translate(error) from error


def _translate(error: HalError) -> ServiceError:
    table: tuple[tuple[type[HalError], str, bool], ...] = (
        (Timeout, "timeout", True),
        (ChipRemoved, "removed", True),
        (Unreadable, "unreadable", True),
        (DeviceGone, "device_gone", False),
        (DeviceError, "device_error", False),
    )
    for kind, code, retry in table:
        if isinstance(error, kind):
            return ServiceError(code, str(error), retry=retry)
    return ServiceError("device_error", str(error))


def _probe(device: Device) -> None:
    try:
        device.open()
    except HalError as error:
        log.debug("%s: %s", device.identity.key, error)


def _bounded(timeout: float) -> float:
    return min(max(timeout, 0.0), MAX_WAIT_SECONDS)


def _status(device: Device) -> DeviceStatus:
    health = device.health
    now = time.monotonic()
    details: dict[str, Any] = {
        "successes": health.successes,
        "failures": health.failures,
        "consecutive_failures": health.consecutive_failures,
        "last_error": health.last_error,
        "last_success_seconds": None if health.last_success is None else now - health.last_success,
        "p95_seconds": health.p95_seconds,
    }
    return DeviceStatus(
        kind=device.identity.kind,
        driver=device.identity.driver,
        key=device.identity.key,
        model=device.identity.model,
        state=health.state.value,
        since_seconds=now - health.since,
        simulated=device.simulated,
        capabilities=tuple(sorted(capability.value for capability in device.capabilities)),
        **details,
    )
