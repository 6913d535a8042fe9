"""The capture service: asks the devices, and says what they gave or why they could not."""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from appliance.chip import ChipError, ChipFiles, FileStatus, extract_face_image, read_chip
from appliance.chip.errors import AccessDenied, ChipGone, SecureMessagingError, SessionEnded
from appliance.contracts.capture import (
    MAX_WAIT_SECONDS,
    Button,
    ChipEvidence,
    Devices,
    DeviceStatus,
    Guidance,
    MrzEvidence,
    Nothing,
    PortraitEvidence,
    ReadChip,
    Show,
    TakePortrait,
    Wait,
    WatchGuidance,
)
from appliance.contracts.errors import ServiceError
from appliance.contracts.transport import Operation
from appliance.face_settings import FaceSettings
from appliance.services.capture.pictures import PictureError, decode_portrait
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
from hal.document_reader import ChipConnection, ChipReader, MrzLineReader
from hal.panel import Panel, Signal

REPROBE_SECONDS = 2.0
"""How often a device that is away is looked for again while nobody asks for it."""

SLICE_SECONDS = 2.0
"""A wait for a person is made of such slices, so that a caller who gives up frees the device soon."""

Result = TypeVar("Result")
log = logging.getLogger(__name__)


class CaptureService:
    """`Capture`, over the devices of this box."""

    def __init__(
        self, devices: Sequence[Device], *, chip_transport: str = "pcscd", face: FaceSettings | None = None
    ) -> None:
        self.all_devices = tuple(devices)
        self._portraits = PortraitStation(face or FaceSettings())
        self._chip_transport = chip_transport
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def operations(self) -> tuple[Operation, ...]:
        """What the service's socket offers."""
        return (
            Operation("read_mrz", Wait, self.read_mrz),
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
            for device in self.all_devices:
                device.close()

    async def read_mrz(self, request: Wait) -> MrzEvidence:
        device = self._first(Capability.MRZ_LINES)
        assert isinstance(device, MrzLineReader)
        raw = await self._wait_for(device, device.read_lines, request.timeout)
        return MrzEvidence(
            lines=raw.lines, source="mrz_line", device=device.identity.key, simulated=device.simulated
        )

    async def read_chip(self, request: ReadChip) -> ChipEvidence:
        device = self._first(Capability.CHIP)
        assert isinstance(device, ChipReader)
        began = time.monotonic()
        try:
            connection = await self._wait_for(device, device.wait_for_chip, request.timeout)
        except ServiceError as error:
            if error.code != "timeout":
                raise
            raise ServiceError("no_chip", "No chip came into the reader's field.", retry=True) from error
        given_up = threading.Event()
        try:
            return await self._ask(
                device, lambda: self._read_chip(device, connection, request, began, given_up)
            )
        except asyncio.CancelledError:
            given_up.set()
            raise

    def _read_chip(
        self,
        reader: ChipReader,
        connection: ChipConnection,
        request: ReadChip,
        began: float,
        given_up: threading.Event,
    ) -> ChipEvidence:
        def transmit(command: bytes) -> bytes:
            if given_up.is_set():
                raise ChipRemoved("The reading was given up.")
            return connection.transmit(command)

        left = _bounded(request.timeout) - (time.monotonic() - began)
        try:
            files = read_chip(
                transmit,
                mrz_information=request.mrz_information,
                max_seconds=max(1.0, left),
                atr=connection.atr,
            )
        except ChipError as error:
            raise _chip_problem(error) from error
        finally:
            connection.close()
        portrait, problem = _portrait(files.files.get("DG2"))
        return ChipEvidence(
            files=dict(files.files),
            not_read=_not_read(files),
            access=files.access.value,
            pace_offered=files.pace_offered,
            atr=files.atr,
            apdus=files.apdus,
            seconds=time.monotonic() - began,
            portrait=portrait,
            portrait_problem=problem,
            device=reader.identity.key,
            simulated=reader.simulated,
            transport=self._chip_transport,
        )

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

    def _first(self, capability: Capability) -> Device:
        """A device that can do it: a ready one before one that is away.

        Raises:
            ServiceError: this box has none.
        """
        able = [device for device in self.all_devices if capability in device.capabilities]
        if not able:
            raise ServiceError("no_device", f"This box has no device for {capability.value}.")
        return min(able, key=lambda device: device.state is State.ABSENT)

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


def _chip_problem(error: ChipError) -> ServiceError:
    """What a chip did wrong, as a code; only a breach of its protection is held against the document."""
    table: tuple[tuple[type[ChipError], str], ...] = (
        (AccessDenied, "access_denied"),
        (SessionEnded, "chip_error"),
        (SecureMessagingError, "protection_broken"),
        (ChipGone, "removed"),
    )
    code = next((code for kind, code in table if isinstance(error, kind)), "chip_error")
    return ServiceError(code, str(error), retry=True)


def _not_read(files: ChipFiles) -> dict[str, str]:
    """Wanted files that were not read: absent or refused, with the chip's status word."""
    return {
        name: outcome.status.value
        if outcome.status_word is None
        else f"{outcome.status.value} {outcome.status_word:04X}"
        for name, outcome in files.outcomes.items()
        if outcome.status is not FileStatus.READ
    }


def _portrait(dg2: bytes | None) -> tuple[bytes | None, str | None]:
    if dg2 is None:
        return None, None
    try:
        return decode_portrait(extract_face_image(dg2).content), None
    except (ChipError, PictureError) as error:
        return None, type(error).__name__


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
