"""A capture service by script, for the lane's tests: gives evidence at once, fails where told to."""

import asyncio
import hashlib
from typing import Any

from appliance.contracts.capture import (
    AuthenticateChip,
    Button,
    ChipAnswer,
    ChipEvidence,
    ChipOpened,
    Devices,
    DeviceStatus,
    FaceComparison,
    Guidance,
    MrzEvidence,
    Nothing,
    PageHint,
    PortraitEvidence,
    ReadChip,
    Show,
    TakePortrait,
    Wait,
    WatchDevices,
    WatchGuidance,
    WatchPage,
)
from appliance.contracts.errors import ServiceError
from appliance.contracts.face import Measure
from appliance.contracts.face_record import write_record
from appliance.contracts.finger import (
    CompareFingers,
    FingerEvidence,
    FingerScore,
    FingerScores,
    TakeFinger,
)
from appliance.contracts.lane import FetchOutbox
from appliance.contracts.movement import RECORD_TYPE_MOVEMENT, from_plain
from appliance.face_settings import SHIPPED_EMBEDDING
from appliance.records import envelope
from appliance.simulation.chip import build_files
from appliance.simulation.portraits import draw_portrait


def finger_evidence(finger: str, **changes: Any) -> FingerEvidence:
    """A good print of an invented finger."""
    fields: dict[str, Any] = {
        "record": b"FIR",
        "template": b"BFT1",
        "quality": 80,
        "minutiae": 40,
        "attempts": 1,
        "ended": "good_enough",
        "short": None,
        "live": None,
        "seconds": 0.8,
        "device": "f",
        "simulated": True,
    }
    return FingerEvidence(finger=finger, **(fields | changes))


def portrait_evidence(
    *, reference: bytes | None = None, cosine: float = 0.93, **changes: Any
) -> PortraitEvidence:
    """A good portrait of a drawn person, alike to the reference where there is one."""
    jpeg = draw_portrait(1, live=True)
    fields: dict[str, Any] = {
        "record": write_record(jpeg, width=480, height=640),
        "width": 480,
        "height": 640,
        "cropped": True,
        "ended": "good_enough",
        "faces": 1,
        "measures": {
            "SingleFacePresent": Measure(native=0.0, scalar=100),
            "EyesOpen": Measure(native=0.08, scalar=100),
        },
        "pictures": 4,
        "seconds": 0.2,
        "comparison": None
        if reference is None
        else FaceComparison(
            cosine=cosine,
            problem=None,
            model=SHIPPED_EMBEDDING.name,
            model_sha256=SHIPPED_EMBEDDING.sha256,
            reference_sha256=hashlib.sha256(reference).hexdigest(),
        ),
        "attack": None,
        "device": "d",
        "simulated": True,
    }
    return PortraitEvidence(**(fields | changes))


class ScriptedCapture:
    """`failures` maps an operation to the codes that its next calls fail with."""

    def __init__(self, lines: tuple[str, ...], **failures: list[str]) -> None:
        self.lines = lines
        self.failures = failures
        self.signals: list[str] = []
        self.calls: list[str] = []
        self.panel: asyncio.Queue[str] = asyncio.Queue()
        self.blocked: set[str] = set()
        self.asked_for: list[Any] = []
        self.portrait: dict[str, Any] = {}
        """What is otherwise in the portrait's evidence."""
        self.has_sensor = False
        self.finger: dict[str, Any] = {}
        """What is otherwise in a finger's evidence."""
        self.finger_score: float | None = 55.0
        """What every comparison of fingers comes to."""
        self.guidance = Guidance(revision=1, looking=False, instruction=None)
        self.camera_states = ["READY"]
        """What its camera is in, one look after the other; the last state stays."""

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.blocked:
            await asyncio.Event().wait()
        if self.failures.get(name):
            raise ServiceError(self.failures[name].pop(0), "As the script says.", retry=True)

    async def read_mrz(self, request: Wait) -> MrzEvidence:
        await self._called("read_mrz")
        return MrzEvidence(lines=self.lines, source="mrz_line", device="d", simulated=True)

    async def open_chip(self, request: ReadChip) -> ChipOpened:
        await self._called("open_chip")
        return ChipOpened(session="1", files={}, next_command=bytes.fromhex("00B08100DF"))

    async def authenticate_chip(self, request: AuthenticateChip) -> ChipAnswer:
        raise AssertionError("The scripted chip has no key to prove.")

    async def watch_page(self, request: WatchPage) -> PageHint:
        return await asyncio.get_running_loop().create_future()

    async def read_chip(self, request: ReadChip) -> ChipEvidence:
        await self._called("read_chip")
        portrait = draw_portrait(1)
        return ChipEvidence(
            files=build_files(mrz_lines=self.lines, picture=portrait),
            not_read={},
            access="BAC",
            pace_offered=False,
            atr=b"\x3b",
            apdus=10,
            seconds=0.1,
            portrait=portrait,
            portrait_problem=None,
            device="d",
            simulated=True,
            transport="direct",
        )

    async def take_portrait(self, request: TakePortrait) -> PortraitEvidence:
        self.asked_for.append(request)
        await self._called("take_portrait")
        return portrait_evidence(reference=request.reference, **self.portrait)

    async def take_finger(self, request: TakeFinger) -> FingerEvidence:
        if not self.has_sensor:
            raise ServiceError("no_device", "This box has no fingerprint sensor.")
        self.asked_for.append(request)
        await self._called("take_finger")
        return finger_evidence(request.finger, **self.finger)

    async def compare_fingers(self, request: CompareFingers) -> FingerScores:
        self.asked_for.append(request)
        await self._called("compare_fingers")
        scores = tuple(
            FingerScore(crossing=each.crossing, finger=each.finger, score=self.finger_score)
            for each in request.enrolled
        )
        return FingerScores(scores=scores, seconds=0.01)

    async def watch_guidance(self, request: WatchGuidance) -> Guidance:
        async with asyncio.timeout(60):
            while self.guidance.revision == request.after:
                await asyncio.sleep(0.01)
        return self.guidance

    async def show(self, request: Show) -> Nothing:
        self.signals.append(request.signal)
        return Nothing()

    async def wait_for_button(self, request: Wait) -> Button:
        return Button(event=await self.panel.get())

    async def watch_devices(self, request: WatchDevices) -> Devices:
        if request.after:
            await asyncio.sleep(request.timeout)
        return await self.devices(Nothing())

    async def devices(self, request: Nothing) -> Devices:
        state = self.camera_states.pop(0) if len(self.camera_states) > 1 else self.camera_states[0]
        return Devices(
            devices=(
                DeviceStatus(
                    kind="camera",
                    driver="simulated",
                    key="camera/simulated/x",
                    model="simulated",
                    state=state,
                    since_seconds=1.0,
                    simulated=True,
                    capabilities=("image",),
                    successes=0,
                    failures=0,
                    consecutive_failures=0,
                    last_error=None,
                    last_success_seconds=None,
                    p95_seconds=None,
                ),
            ),
            revision=1,
        )


def records_of(lane, house) -> list:
    """What central would read from the outbox."""
    page = asyncio.run(lane.fetch_outbox(FetchOutbox(after=0, limit=100)))
    key = lane._journal._keys.signing.verify_key
    opened = []
    for record in page.records:
        sealed = envelope.verify(record.envelope, verify_key_for=lambda _kid: key)
        one = envelope.open_(sealed, private_key=house.central_sealing)
        if one.type == RECORD_TYPE_MOVEMENT:
            opened.append(from_plain(one.body))
    return opened
