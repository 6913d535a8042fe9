"""The capture service: asks the devices, and says what they gave or why they could not."""

import asyncio
import logging
import threading
import time
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
    Guidance,
    Looked,
    LookThrough,
    MrzEvidence,
    Nothing,
    PageHint,
    PortraitEvidence,
    ReadChip,
    RunSelfTest,
    SelfTested,
    Show,
    TakePortrait,
    Wait,
    WatchDevices,
    WatchGuidance,
    WatchPage,
)
from appliance.contracts.card import CardProof, ProveCard
from appliance.contracts.errors import ServiceError
from appliance.contracts.finger import POSITIONS, CompareFingers, FingerEvidence, FingerScores, TakeFinger
from appliance.contracts.printing import PrintPage
from appliance.contracts.transport import Operation
from appliance.face_settings import FaceSettings
from appliance.services.capture.barcodes import BarcodeDesk
from appliance.services.capture.cards import CardDesk
from appliance.services.capture.chips import ChipDesk
from appliance.services.capture.device_desk import DeviceDesk, translate
from appliance.services.capture.document import DocumentStation
from appliance.services.capture.fingers import FingerStation, compare_fingers
from appliance.services.capture.looking import looked_at
from appliance.services.capture.page_lights import under_each_light
from appliance.services.capture.pictures import PictureError
from appliance.services.capture.portrait import PortraitStation
from appliance.services.capture.printing import page_of
from hal.camera import Camera, Frame
from hal.device import (
    Capability,
    Device,
    HalError,
    State,
)
from hal.document_reader import ChipConnection, ChipReader, MrzLineReader
from hal.fingerprint_sensor import FingerprintSensor
from hal.panel import Panel, Signal
from hal.printer import Printer
from hal.slot import AWAY

SLICE_SECONDS = 2.0
"""A wait for a person is made of such slices, so that a caller who gives up frees the device soon."""

CROSS_SECONDS = 2.0
"""When one source has read the page, so long the others may still read it too, to be held against it."""

MAX_ATTEMPTS = 10
"""No finger is asked for more often in one request."""

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
        card_readers: Collection[str] = (),
        document: DocumentStation | None = None,
        face: FaceSettings | None = None,
    ) -> None:
        """`document_cameras`: the identity keys of cameras that look at pages, not at faces; `card_readers`:
        of readers that are for officers' cards, not for documents."""
        self._desk = DeviceDesk(devices)
        self.all_devices = self._desk.devices
        self._document_cameras = frozenset(document_cameras)
        self._card_readers = frozenset(card_readers)
        self._document = document or DocumentStation()
        self._portraits = PortraitStation(face or FaceSettings())
        self._fingers = FingerStation(self._portraits.board)
        self._barcodes = BarcodeDesk(self._desk)
        self._chips = ChipDesk(transport=chip_transport, ask=self._desk.ask)
        self._chip_turn = asyncio.Lock()
        """Finding a chip ends an earlier connection: a card and a document do not find one at once."""
        self._card_waited_for: asyncio.Task[CardProof] | None = None
        self._cards = CardDesk(ask=self._desk.ask, find=self._find_chip)

    def operations(self) -> tuple[Operation, ...]:
        """What the service's socket offers."""
        return (
            Operation("read_mrz", Wait, self.read_mrz),
            Operation("open_chip", ReadChip, self.open_chip),
            Operation("authenticate_chip", AuthenticateChip, self.authenticate_chip),
            Operation("watch_page", WatchPage, self.watch_page),
            Operation("read_chip", ReadChip, self.read_chip),
            Operation("prove_card", ProveCard, self.prove_card),
            Operation("take_portrait", TakePortrait, self.take_portrait),
            Operation("take_finger", TakeFinger, self.take_finger),
            Operation("compare_fingers", CompareFingers, self.compare_fingers),
            Operation("watch_guidance", WatchGuidance, self.watch_guidance),
            Operation("show", Show, self.show),
            Operation("wait_for_button", Wait, self.wait_for_button),
            Operation("print_page", PrintPage, self.print_page),
            Operation("devices", Nothing, self.devices),
            Operation("watch_devices", WatchDevices, self.watch_devices),
            Operation("self_test", RunSelfTest, self.self_test),
            Operation("look_through", LookThrough, self.look_through),
        )

    async def run(self, *, progressed: Callable[[], None] = lambda: None) -> None:
        """Keep the devices, whatever is plugged and unplugged, until cancelled; then let go of all.

        `progressed` is called after every look at them, for the watchdog.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._desk.run(progressed=progressed))
                if any(Capability.IMAGE in device.capabilities for device in self.all_devices):
                    tasks.create_task(asyncio.to_thread(self._portraits.prepare))
        finally:
            self._chips.close()

    async def read_mrz(self, request: Wait) -> MrzEvidence:
        """From whichever source reads first; the others are given a moment to say what they see."""
        timeout = _bounded(request.timeout)
        sources = [self._read_line(device, timeout) for device in self._able(Capability.MRZ_LINES)[:1]]
        sources += [
            self._read_page(device, timeout) for device in self._able(Capability.IMAGE, pages=True)[:1]
        ]
        if not sources:
            raise _no_device(Capability.MRZ_LINES)
        async with self._barcodes.listening(self._able(Capability.BARCODE)[:1]) as heard:
            evidence = await first_of(sources, moment=CROSS_SECONDS)
        return heard.added_to(evidence)

    async def watch_page(self, request: WatchPage) -> PageHint:
        return await self._document.watch(request)

    async def _read_line(self, device: Device, timeout: float) -> MrzEvidence:
        assert isinstance(device, MrzLineReader)
        raw = await self._desk.again(
            device, lambda left: self._wait_for(device, device.read_lines, left), timeout
        )
        return MrzEvidence(
            lines=raw.lines, source="mrz_line", device=device.identity.key, simulated=device.simulated
        )

    async def _read_page(self, device: Device, timeout: float) -> MrzEvidence:
        assert isinstance(device, Camera)

        async def frame(seconds: float) -> Frame:
            return await self._desk.ask(device, lambda: device.capture(seconds))

        evidence = await self._desk.again(
            device, lambda left: self._document.read(device, left, frame), timeout
        )
        lights = self._able(Capability.ILLUMINATION)[:1]
        return await under_each_light(self._desk, lights, frame, evidence)

    async def open_chip(self, request: ReadChip) -> ChipOpened:
        device = self._first(Capability.CHIP)
        assert isinstance(device, ChipReader)
        if self._card_waited_for is not None:  # a traveller's document goes first
            self._card_waited_for.cancel()
        async with self._chip_turn:
            began = time.monotonic()
            try:
                connection = await self._find_chip(
                    device,
                    request.timeout if request.appear is None else min(request.appear, request.timeout),
                )
            except ServiceError as error:
                if error.code != "timeout":
                    raise
                if device.under_page:
                    raise ServiceError(
                        "chip_absent", "No chip answers in the document on the reader."
                    ) from error
                raise ServiceError("no_chip", "No chip came into the reader's field.", retry=True) from error
            return await self._chips.open(device, connection, request, began)

    async def _find_chip(self, device: Device, timeout: float) -> ChipConnection:
        assert isinstance(device, ChipReader)
        return await self._desk.again(
            device, lambda left: self._wait_for(device, device.wait_for_chip, left), _bounded(timeout)
        )

    async def prove_card(self, request: ProveCard) -> CardProof:
        """On a reader of the officers' own, or else on the documents' while no document is being read."""
        own = [one for one in self.all_devices if one.identity.key in self._card_readers]
        if own:
            return await self._cards.prove(own[0], request, own=True)
        reader, busy = self._first(Capability.CHIP), "A document's chip is being read."
        async with self._chip_turn:
            if self._chips.holds:
                raise ServiceError("busy", busy, retry=True)
            proving = asyncio.create_task(self._cards.prove(reader, request, own=False))
            self._card_waited_for = proving
            try:
                await asyncio.wait({proving})
            finally:
                self._card_waited_for = None
                proving.cancel()
            if proving.cancelled():
                raise ServiceError("busy", busy, retry=True)
            return proving.result()

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
            return await self._desk.again(
                device,
                lambda left: self._desk.ask(
                    device,
                    lambda: self._portraits.take(
                        device, timeout=left, reference=request.reference, given_up=given_up
                    ),
                ),
                _bounded(request.timeout),
            )
        except PictureError as error:
            raise ServiceError("unreadable", str(error), retry=True) from error
        except asyncio.CancelledError:
            given_up.set()
            raise

    async def take_finger(self, request: TakeFinger) -> FingerEvidence:
        device = self._first(Capability.FINGERPRINT_IMAGE)
        assert isinstance(device, FingerprintSensor)
        if request.finger not in POSITIONS:
            raise ServiceError("bad_request", "There is no such finger.")
        given_up = threading.Event()
        bounded = msgspec.structs.replace(
            request, attempts=min(max(request.attempts, 1), MAX_ATTEMPTS), seconds=_bounded(request.seconds)
        )
        try:
            return await self._desk.ask(device, lambda: self._fingers.take(device, bounded, given_up))
        except asyncio.CancelledError:
            given_up.set()
            raise

    async def compare_fingers(self, request: CompareFingers) -> FingerScores:
        given_up = threading.Event()
        try:
            return await asyncio.to_thread(compare_fingers, request, given_up)
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

    async def print_page(self, request: PrintPage) -> Nothing:
        device = self._first(Capability.PRINT)
        assert isinstance(device, Printer)
        page = page_of(request)
        await self._desk.ask(device, lambda: device.print_page(page, _bounded(request.timeout)))
        return Nothing()

    async def devices(self, request: Nothing) -> Devices:  # noqa: ARG002 - the Protocol's shape
        return self._desk.status()

    async def watch_devices(self, request: WatchDevices) -> Devices:
        return await self._desk.watch(request)

    async def self_test(self, request: RunSelfTest) -> SelfTested:
        return await self._desk.self_test(request)

    async def look_through(self, request: LookThrough) -> Looked:
        device = next((one for one in self.all_devices if one.identity.key == request.key), None)
        if device is None or Capability.IMAGE not in device.capabilities:
            raise ServiceError("no_device", f"This box has no camera {request.key[:100]}.")
        assert isinstance(device, Camera)
        seconds = _bounded(request.timeout)
        return await self._desk.ask(device, lambda: looked_at(device.capture(seconds)))

    def _able(self, capability: Capability, *, pages: bool = False) -> list[Device]:
        """Devices that can do it, ready ones first; of cameras, those that look at pages, or at faces."""
        able = [
            device
            for device in self.all_devices
            if capability in device.capabilities
            and device.identity.key not in self._card_readers
            and (
                capability is not Capability.IMAGE or (device.identity.key in self._document_cameras) == pages
            )
        ]
        return sorted(able, key=lambda device: device.state in AWAY)

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
                return await self._desk.ask(device, lambda left=left: attempt(min(left, SLICE_SECONDS)))  # type: ignore[misc]
            except ServiceError as error:
                if error.code != "timeout" or left <= SLICE_SECONDS:
                    raise


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


def _show(panel: Panel, signal: Signal) -> None:
    try:
        panel.show(signal)
    except HalError as error:
        raise translate(error) from error


def _bounded(timeout: float) -> float:
    return min(max(timeout, 0.0), MAX_WAIT_SECONDS)
