"""What `capture` offers: evidence from devices, never a judgement of it."""

from typing import Protocol

import msgspec

from appliance.contracts.card import CardProof, ProveCard
from appliance.contracts.errors import ServiceError
from appliance.contracts.face import Measure
from appliance.contracts.finger import CompareFingers, FingerEvidence, FingerScores, TakeFinger
from appliance.contracts.printing import PrintPage
from appliance.contracts.transport import RemoteService

MAX_WAIT_SECONDS = 120.0
"""No request waits longer for a person; the caller asks again."""

SELF_TEST_SECONDS = 30.0
"""The longest self-test that a caller waits for."""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for a person, in seconds."""

    timeout: float = 30.0


class LitPicture(msgspec.Struct, frozen=True, kw_only=True):
    """The page under one light, for the second line."""

    light: str
    """white, oblique, infrared, ultraviolet."""
    jpeg: bytes


class MrzEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Lines as the reader sent them, or as a camera's picture was read."""

    lines: tuple[str, ...]
    source: str
    """mrz_line, camera, manual: how the text was got."""
    device: str
    simulated: bool
    barcodes: tuple[bytes, ...] = ()
    """What the page's two-dimensional barcodes hold, where a picture was taken or a barcode reader was held
    at them meanwhile: a visible digital seal, perhaps."""
    uncertain: tuple[tuple[int, int], ...] = ()
    """Of a camera: lines and positions that were seen badly and that no check digit vouches for."""
    inferred: tuple[tuple[int, int, str], ...] = ()
    """Of a camera: lines and positions where a close candidate was chosen, and what was likelier by sight."""
    page: bytes | None = None
    """Of a camera: the picture that was read, as JPEG, for the record."""
    lit: tuple[LitPicture, ...] = ()
    """Of a camera with lights: the page under each of them."""
    others: tuple["MrzEvidence", ...] = ()
    """What other sources made of the same page."""


class ChipKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a session that Chip Authentication has begun (Doc 9303-11, 6.2), once the chip has proved
    itself."""

    cipher: str
    """3DES or AES."""
    key_bytes: int
    key_enc: bytes
    key_mac: bytes


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
    """Read the chip that opens with this MRZ information (Doc 9303-11, 4.3), or with this card access
    number."""

    mrz_information: str
    can: str | None = None
    issuing_state: str = ""
    """What was learned of this state's chips is used, and added to."""
    challenge: bytes = b""
    """For Active Authentication: eight bytes that only the caller could know; empty: it is not asked for."""
    session: str | None = None
    """An opened chip to go on with; None opens it."""
    keys: ChipKeys | None = None
    """With a session in which Chip Authentication was carried: what to go on with; None opens it anew."""
    timeout: float = 30.0
    appear: float | None = None
    """Seconds in which a chip must have come into the field; None: as long as `timeout`."""


class ChipOpened(msgspec.Struct, frozen=True, kw_only=True):
    """A chip that is open and waits, for some seconds, to be asked on."""

    session: str
    files: dict[str, bytes]
    """What was read so far: CardAccess, COM, SOD, and DG14 and DG15 where there are any."""
    next_command: bytes
    """The plain APDU that would come next: whoever carries Chip Authentication protects it under the new
    keys."""


class AuthenticateChip(msgspec.Struct, frozen=True, kw_only=True):
    """Carry Chip Authentication to an opened chip, without knowing its keys."""

    session: str
    commands: tuple[bytes, ...]
    """Plain APDUs, to be sent in the session that there is."""
    first: bytes
    """The next command under the new keys, to be sent as it is."""
    timeout: float = 10.0


class ChipAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the chip said to the first command under new keys; None when it refused before."""

    response: bytes | None
    status_word: int | None = None


class AccessAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of an access protocol."""

    protocol: str
    password: str
    """MRZ or CAN."""
    outcome: str
    """opened, denied, failed, unavailable, unsupported."""
    step: str = ""
    status_word: int | None = None


class ChipMappingEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What PACE with Chip Authentication Mapping left (Doc 9303-11, 4.4.3.5)."""

    curve: str
    mapping_key: bytes
    chip_data: bytes


class ChipEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The chip's files as raw bytes; whoever relies on them verifies them.

    `portrait` is DG2's picture decoded in `capture` and written anew as JPEG, for the screen:
    nobody else decodes a stranger's picture. `portrait_problem` says why it is missing.
    """

    files: dict[str, bytes]
    """By name: COM, SOD, DG1, DG2, ...; CardAccess and CardSecurity."""
    not_read: dict[str, str]
    """Wanted files that were not read, with the reason."""
    access: str
    """The access protocol that opened the chip: PACE or BAC."""
    pace_offered: bool
    attempts: tuple[AccessAttempt, ...] = ()
    """Every access protocol that was tried, in order."""
    signature: bytes | None = None
    """The answer to the request's challenge; empty where the chip refused, None where it was not asked."""
    signature_status: int = 0x9000
    mapping: ChipMappingEvidence | None = None
    atr: bytes
    apdus: int
    block_bytes: int = 0
    seconds: float
    card_seconds: float = 0.0
    """Of these, how long card and reader had the word."""
    portrait: bytes | None
    portrait_problem: str | None
    device: str
    simulated: bool
    transport: str
    """pcscd, or direct when the simulated chip is read without a PC/SC daemon."""


class TakePortrait(msgspec.Struct, frozen=True, kw_only=True):
    """Take the best portrait within this time, and compare it with a chip's DG2 where there is one."""

    timeout: float = 10.0
    reference: bytes | None = None
    """DG2 as it was read: what is compared is what the caller holds, and can verify."""


class FaceComparison(msgspec.Struct, frozen=True, kw_only=True):
    """How alike the live face and the chip's are; from where on they are the same is not said here."""

    cosine: float | None
    problem: str | None
    """Why there is no cosine: no_face, no_face_in_reference, undecodable, model_unavailable."""
    model: str
    model_sha256: str
    reference_sha256: str
    """Of the DG2 that was compared with."""


class AttackEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The number of a model against presentation attacks; it decides nothing."""

    indicator: float | None
    problem: str | None
    model: str
    model_sha256: str
    attack_is: str


class PortraitEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """A live picture of the traveller, and what it is worth."""

    record: bytes
    """ISO/IEC 19794-5, its picture a JPEG below 20 kB; `appliance.contracts.face_record` finds it."""
    width: int
    height: int
    cropped: bool
    """To a token frontal image; False: no face was found, and this is what the camera saw."""
    ended: str
    """good_enough; time: the best there was when the time was over; single: no model, the first picture."""
    faces: int
    measures: dict[str, Measure]
    pictures: int
    """How many were looked at."""
    seconds: float
    comparison: FaceComparison | None
    """None when nothing was given to compare with."""
    attack: AttackEvidence | None
    """None when no model is named."""
    device: str
    simulated: bool


class WatchGuidance(msgspec.Struct, frozen=True, kw_only=True):
    """What the traveller is being told, as soon as it is newer than revision `after`."""

    after: int
    timeout: float = 5.0


class Guidance(msgspec.Struct, frozen=True, kw_only=True):
    """What the traveller is being told while a portrait or a finger is taken."""

    revision: int
    looking: bool
    """Whether a portrait or a finger is being taken now."""
    instruction: str | None
    """A code of `appliance.contracts.face.INSTRUCTIONS` or of FINGER_INSTRUCTIONS; None: stay like this."""


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """What lights and sound are to say: a name of `hal.panel.Signal`."""

    signal: str


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the panel's button: press or hold; None when nobody pressed in time."""

    event: str | None


class PowerReading(msgspec.Struct, frozen=True, kw_only=True):
    """What feeds the box; None where the kernel does not say."""

    on_mains: bool | None
    charge_percent: int | None
    charging: bool | None
    minutes_left: int | None


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
    firmware: str | None = None
    """What the device says of its own version."""
    attached: str | None = None
    """Who it is on the bus: usb:VID:PID:SERIAL, or @PORT where it has no serial number."""
    departures: int = 0
    """How often it has gone since the service started."""
    problem: str = ""
    """Why it cannot be opened, in a sentence; nothing of a traveller is in it."""
    power: PowerReading | None = None
    """Of a battery or UPS."""
    print_dots: int | None = None
    """Of a printer: dots across its paper."""


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """All devices of the box."""

    devices: tuple[DeviceStatus, ...]
    revision: int = 0
    """Rises when a device comes, goes or fails, and when the mains or the battery change."""
    problems: tuple[str, ...] = ()
    """Why hot-plug cannot be listened to, in sentences: then devices are found by looking."""


class WatchDevices(msgspec.Struct, frozen=True, kw_only=True):
    """All devices, as soon as their revision is another than `after`."""

    after: int
    timeout: float = 5.0


class RunSelfTest(msgspec.Struct, frozen=True, kw_only=True):
    """Have the device of this key test itself."""

    key: str


class SelfTestFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a device looked at in itself."""

    name: str
    passed: bool
    value: str


class SelfTested(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; no findings: its protocol has no self-test."""

    key: str
    findings: tuple[SelfTestFinding, ...]

    @classmethod
    def failed(cls, key: str, sentence: str) -> "SelfTested":
        """The device did not even answer."""
        return cls(key=key, findings=(SelfTestFinding(name="answers", passed=False, value=sentence),))


class LookThrough(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of the camera of this key, for who sets it up; it is judged and kept by nobody."""

    key: str
    timeout: float = 3.0


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """The frame, small, and figures by which a lens and its light are set."""

    jpeg: bytes
    width: int
    height: int
    """Of the frame as the camera gave it, in pixels."""
    focus: float
    """Variance of the Laplacian over the middle of the picture (Pech-Pacheco et al., ICPR 2000), at a width
    of 640 pixels: it rises until the lens is in focus, and says nothing between two scenes."""
    luminance: float
    """Mean grey of the middle, 0 to 255."""
    dark: float
    bright: float
    """Shares of the middle, 0 to 1, that are almost black or almost white: nothing can be read there."""


class Nothing(msgspec.Struct, frozen=True):
    """A message without content."""


class Capture(Protocol):
    """The service as its callers see it, in one process or across the socket.

    Raises `ServiceError` with the codes no_device, timeout, unreadable, device_error, and for the
    chip also no_chip, chip_absent, removed, access_denied, chip_error, protection_broken, session_lost.
    """

    async def read_mrz(self, request: Wait) -> MrzEvidence: ...
    async def open_chip(self, request: ReadChip) -> ChipOpened: ...
    async def authenticate_chip(self, request: AuthenticateChip) -> ChipAnswer: ...
    async def watch_page(self, request: WatchPage) -> PageHint: ...
    async def read_chip(self, request: ReadChip) -> ChipEvidence: ...
    async def prove_card(self, request: ProveCard) -> CardProof: ...
    async def take_portrait(self, request: TakePortrait) -> PortraitEvidence: ...
    async def take_finger(self, request: TakeFinger) -> FingerEvidence: ...
    async def compare_fingers(self, request: CompareFingers) -> FingerScores: ...
    async def watch_guidance(self, request: WatchGuidance) -> Guidance: ...
    async def show(self, request: Show) -> Nothing: ...
    async def wait_for_button(self, request: Wait) -> Button: ...
    async def print_page(self, request: PrintPage) -> Nothing: ...
    async def devices(self, request: Nothing) -> Devices: ...
    async def watch_devices(self, request: WatchDevices) -> Devices: ...
    async def self_test(self, request: RunSelfTest) -> SelfTested: ...
    async def look_through(self, request: LookThrough) -> Looked: ...


class CaptureClient(RemoteService):
    """`Capture` across its unix socket."""

    async def read_mrz(self, request: Wait) -> MrzEvidence:
        return await self.call("read_mrz", request, MrzEvidence, wait=request.timeout)

    async def open_chip(self, request: ReadChip) -> ChipOpened:
        return await self.call("open_chip", request, ChipOpened, wait=request.timeout)

    async def authenticate_chip(self, request: AuthenticateChip) -> ChipAnswer:
        return await self.call("authenticate_chip", request, ChipAnswer, wait=request.timeout)

    async def watch_page(self, request: WatchPage) -> PageHint:
        return await self.call("watch_page", request, PageHint, wait=request.timeout)

    async def read_chip(self, request: ReadChip) -> ChipEvidence:
        return await self.call("read_chip", request, ChipEvidence, wait=request.timeout)

    async def prove_card(self, request: ProveCard) -> CardProof:
        return await self.call("prove_card", request, CardProof, wait=request.timeout)

    async def take_portrait(self, request: TakePortrait) -> PortraitEvidence:
        return await self.call("take_portrait", request, PortraitEvidence, wait=request.timeout)

    async def take_finger(self, request: TakeFinger) -> FingerEvidence:
        return await self.call("take_finger", request, FingerEvidence, wait=request.timeout)

    async def compare_fingers(self, request: CompareFingers) -> FingerScores:
        return await self.call("compare_fingers", request, FingerScores, wait=request.timeout)

    async def watch_guidance(self, request: WatchGuidance) -> Guidance:
        return await self.call("watch_guidance", request, Guidance, wait=request.timeout)

    async def show(self, request: Show) -> Nothing:
        return await self.call("show", request, Nothing)

    async def wait_for_button(self, request: Wait) -> Button:
        return await self.call("wait_for_button", request, Button, wait=request.timeout)

    async def print_page(self, request: PrintPage) -> Nothing:
        return await self.call("print_page", request, Nothing, wait=request.timeout)

    async def devices(self, request: Nothing) -> Devices:
        return await self.call("devices", request, Devices)

    async def watch_devices(self, request: WatchDevices) -> Devices:
        return await self.call("watch_devices", request, Devices, wait=request.timeout)

    async def self_test(self, request: RunSelfTest) -> SelfTested:
        return await self.call("self_test", request, SelfTested, wait=SELF_TEST_SECONDS)

    async def look_through(self, request: LookThrough) -> Looked:
        return await self.call("look_through", request, Looked, wait=request.timeout)


__all__ = [
    "AccessAttempt",
    "AttackEvidence",
    "AuthenticateChip",
    "Button",
    "Capture",
    "CaptureClient",
    "ChipAnswer",
    "ChipEvidence",
    "ChipKeys",
    "ChipMappingEvidence",
    "ChipOpened",
    "DeviceStatus",
    "Devices",
    "FaceComparison",
    "Guidance",
    "LitPicture",
    "LookThrough",
    "Looked",
    "MrzEvidence",
    "Nothing",
    "PageHint",
    "PortraitEvidence",
    "PowerReading",
    "ReadChip",
    "RunSelfTest",
    "SelfTestFinding",
    "SelfTested",
    "ServiceError",
    "Show",
    "TakePortrait",
    "Wait",
    "WatchDevices",
    "WatchGuidance",
    "WatchPage",
]
