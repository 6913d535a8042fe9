"""What `lane` offers: its sealed outbox, a door for signed data, the view, and the button."""

from typing import Any, Protocol

import msgspec

from appliance.contracts.advance import AdvanceAnswer, AdvanceList, AdvanceLists, ImportAdvance
from appliance.contracts.asked import AskedView, GroupView
from appliance.contracts.capture import Nothing
from appliance.contracts.cases import SecondLineView
from appliance.contracts.checks import Check, Direction, Outcome, Recommendation
from appliance.contracts.officers import OfficerView
from appliance.contracts.paper import EnterPaper, PaperAnswer
from appliance.contracts.receipt import Receipt
from appliance.contracts.transport import RemoteService
from appliance.contracts.update import UpdateOffer


class FetchOutbox(msgspec.Struct, frozen=True, kw_only=True):
    """Sealed records after this sequence number, at most so many."""

    after: int
    limit: int = 32
    wait: float = 0.0
    """Seconds to wait for a first record when there is none."""
    alerts_after: int = 0
    """Only alerts after this number: those before it are on their way already."""


class SealedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it leaves the box: a COSE_Sign1 that only central can open."""

    seq: int
    envelope: bytes
    alert: bool = False
    """RED, a late hit, tampering: sent before history, and again in its turn."""


class OutboxPage(msgspec.Struct, frozen=True, kw_only=True):
    """Sealed records in order, and where the outbox stands."""

    device: str
    epoch: str
    last_seq: int
    acknowledged_seq: int
    records: tuple[SealedRecord, ...]
    urgent: tuple[SealedRecord, ...] = ()
    """Alerts that central has not acknowledged: sent before anything else, and again in their turn."""
    send_from: int = 1
    """The first number that central wants: the one after its word, or a lower one that it has ordered."""
    gaps: tuple[tuple[int, int], ...] = ()
    """First and last of each run above central's word that it lacks, while it has something above them:
    only these need to be sent again. Empty when central did not say."""
    records_per_second: float | None = None
    """At most so many, as central has ordered; None: as fast as the line allows."""
    historical_before: int = 1
    """Records with a lower number were made before the line was last up, or are sent again: history."""


class SignedData(msgspec.Struct, frozen=True, kw_only=True):
    """Something that arrived signed; lane verifies it before anything relies on it."""

    data: bytes


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate said of a piece of signed data."""

    accepted: bool
    sentence: str
    lists: tuple[str, ...] = ()
    """Names of the lists that are new."""


class Retained(msgspec.Struct, frozen=True, kw_only=True):
    """What retention did: counts and bytes, nothing of any traveller."""

    records_removed: int
    """Acknowledged longer ago than they are kept for."""
    media_dropped: int
    """Records of media, acknowledged, that gave up their body; what is signed of them stays."""
    bytes_freed: int
    forgotten: int = 0
    """Crossings that the local history no longer needs."""


class Correct(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier crossing of this box was recorded wrongly."""

    crossing: str
    reason: str
    values: dict[str, str]
    """Fields of the document, as they should have been."""


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """The record that says so."""

    seq: int
    corrects: int | None
    """The record that it corrects; None when the box no longer has it."""


class ChangeKey(msgspec.Struct, frozen=True, kw_only=True):
    """The box is to sign with a new key; the reason goes into the record."""

    reason: str


class KeyChanged(msgspec.Struct, frozen=True, kw_only=True):
    """The record that says so, and the key that signs from the next one on, as its id in hexadecimal."""

    seq: int
    key: str


class SignReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the box is about to say of itself, for its signature."""

    what: str
    """A name of REPORTS: the topic's last level."""
    payload: bytes


class ReportSigned(msgspec.Struct, frozen=True, kw_only=True):
    """The MQTT user properties that go along with it: names and values."""

    user: tuple[tuple[str, str], ...]


class MakeRoom(msgspec.Struct, frozen=True, kw_only=True):
    """So many bytes are wanted: acknowledged media give up their bodies, the oldest first; nothing else."""

    bytes: int


class PowerNews(msgspec.Struct, frozen=True, kw_only=True):
    """The power is failing and the box is about to switch itself off, or is back."""

    failing: bool
    wait: float = 0.0
    """With failing: seconds that the step under way may take to be on disk."""


class PowerHeard(msgspec.Struct, frozen=True, kw_only=True):
    """Where lane stands with it: no step was lost, and the one that was under way begins anew."""

    step: str


class FetchQueries(msgspec.Struct, frozen=True, kw_only=True):
    """The live queries that wait to be sent."""

    wait: float = 0.0
    """Seconds to wait for a first one when there is none."""


class LiveQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed query; `id` goes along as the message's correlation data."""

    id: bytes
    data: bytes


class LiveQueries(msgspec.Struct, frozen=True, kw_only=True):
    """Queries to be sent now; none is given out twice."""

    queries: tuple[LiveQuery, ...]


class LateHit(msgspec.Struct, frozen=True, kw_only=True):
    """A hit that came after its traveller had gone, until the officer has seen it."""

    found: str
    """new_list, late_answer, or paper: when the ledger was entered."""
    list: str
    reason: str
    entry: str
    action: str
    contact: str
    crossed_at: str
    """ISO 8601."""
    document_number: str
    issuing_state: str
    primary_identifier: str
    secondary_identifier: str
    outcome: str


class LinkState(msgspec.Struct, frozen=True, kw_only=True):
    """What uplink sees of the network."""

    connected: bool
    sentence: str = ""


class DocumentView(msgspec.Struct, frozen=True, kw_only=True):
    """The document as read."""

    format: str
    document_code: str
    issuing_state: str
    issuing_state_name: str | None
    document_number: str
    primary_identifier: str
    secondary_identifier: str
    nationality: str
    nationality_name: str | None
    birth_date: str
    """ISO 8601, unknown parts as ??"""
    sex: str
    expiry_date: str
    lines: tuple[str, ...]
    source: str


class ListView(msgspec.Struct, frozen=True, kw_only=True):
    """One watchlist and how old it is."""

    name: str
    entries: int
    age_hours: float | None
    """None when the clock cannot tell."""
    stale: bool


class TrustView(msgspec.Struct, frozen=True, kw_only=True):
    """The trust anchors against which chips are verified."""

    authorities: int
    """Certificates of issuing States (CSCA); none: no chip can be trusted."""
    version: int | None = None
    """Of central's; None: a technician imported them, or there are none."""
    age_hours: float | None = None
    """Since central issued them; None also when the clock cannot tell."""


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One device, small and calm."""

    kind: str
    model: str
    state: str
    simulated: bool
    since: str | None = None
    """ISO 8601: since when it is away; None while it is there."""
    charge_percent: int | None = None
    """Of a battery or UPS."""
    on_mains: bool | None = None


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps the box from going on, as a code for the catalogue."""

    code: str
    evidence: dict[str, Any] = {}


class PortraitView(msgspec.Struct, frozen=True, kw_only=True):
    """What the traveller is told of the picture that is taken; the same whatever was found (promise 8)."""

    phase: str
    """notice, guiding, good, taken, timed_out, missed."""
    instruction: str | None = None
    """While guiding: a code of `appliance.contracts.face.INSTRUCTIONS`."""


class FingerView(msgspec.Struct, frozen=True, kw_only=True):
    """What the traveller is told of a finger; the same whatever was found (promise 8)."""

    finger: str | None
    """A name of `appliance.contracts.finger.POSITIONS` that is being asked for; None: they are taken."""
    instruction: str | None = None
    """One of FINGER_INSTRUCTIONS; None: lay it on the sensor."""


LAY_DOWN_AGAIN = "lay_down_again"
"""No chip answers: the document may lie badly, or not on the chip's reader yet."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """All that the officer's screen shows; the screen computes nothing.

    `press` and `hold` name what the button does now (start, retry, admit, refer), None for nothing.
    A press on the screen carries `revision`, so that it can only answer what the officer saw.
    """

    revision: int
    step: str
    """waiting, reading_document, reading_chip, reading_visa, taking_portrait, taking_fingers, checking,
    deciding."""
    trouble: Trouble | None
    press: str | None
    hold: str | None
    direction: Direction
    post: str
    crossing: str | None
    document: DocumentView | None
    has_portrait: bool
    has_chip_portrait: bool
    checks: tuple[Check, ...]
    recommendation: Recommendation | None
    reasons: tuple[str, ...]
    """Ids of the checks that made the recommendation what it is, the gravest first."""
    lists: tuple[ListView, ...]
    devices: tuple[DeviceView, ...]
    simulated: tuple[str, ...]
    """Kinds of devices that are simulated: said loudly (promise 7)."""
    profile: str
    """production, demo, training."""
    connected: bool
    last_seq: int
    unsent: int
    """Records; a crossing has one of facts and one for each picture."""
    notices: tuple[str, ...]
    """Codes of standing notices: database_set_aside, records_cut, counter_lost, crossing_unreadable,
    disk_almost_full, signed_data_unreadable, clock_unsure, support_access, power_failing."""
    last_outcome: Outcome | None
    """Of the crossing recorded just before."""
    late_hits: tuple[LateHit, ...] = ()
    """Those that the officer has not seen."""
    time: str
    """ISO 8601 with offset."""
    time_quality: str
    portrait: PortraitView | None = None
    """None between travellers, and where no picture is asked for."""
    finger: FingerView | None = None
    """None while no finger is asked for."""
    crossings: int = 0
    """Recorded on this box."""
    page_hint: str | None = None
    """While a camera reads the page: a code of `appliance.contracts.capture.PAGE_HINTS`; while no chip
    answers: LAY_DOWN_AGAIN."""
    officer: OfficerView | None = None
    """Who is on duty."""
    officers: tuple[OfficerView, ...] = ()
    """Who may log in."""
    needs_login: bool = False
    """No traveller is served before somebody has logged in."""
    may_release: bool = False
    """A traveller stands under RED: an officer's PIN and reason may let them go on."""
    second_line: SecondLineView | None = None
    """What waits for the officer on duty, where they work at the second line."""
    receipt: Receipt | None = None
    """Of the traveller who has just gone, for some minutes."""
    takes_typed: bool = False
    """The officer may type the document in, because it cannot be read or there is none."""
    asked: AskedView | None = None
    """None while nobody whose document is known stands here."""
    group: GroupView | None = None
    coming: tuple[AdvanceList, ...] = ()
    """Advance lists of about now, of which a group may be opened."""
    """The group that is open."""


class Press(msgspec.Struct, frozen=True, kw_only=True):
    """The button on the screen: event is press or hold."""

    event: str
    revision: int


class ExceptFinger(msgspec.Struct, frozen=True, kw_only=True):
    """The officer says why the finger that is asked for cannot be taken."""

    crossing: str
    """Of the traveller that the officer saw."""
    finger: str
    reason: str
    """One of `appliance.contracts.finger.EXCEPTIONS`."""


class PressTaken(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the press still answered what was on the screen."""

    taken: bool


class SupportState(msgspec.Struct, frozen=True, kw_only=True):
    """Support may see the box's state."""

    request: str
    until: str


class Diagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """The box's state, for support: JSON, bounded, nothing of any traveller."""

    request: str
    bundle: bytes


class LaneStatus(msgspec.Struct, frozen=True, kw_only=True):
    """For the agent's health report: counts and states, nothing of any traveller."""

    epoch: str
    last_seq: int
    acknowledged_seq: int
    unsent: int
    step: str
    notices: tuple[str, ...]
    lists: tuple[ListView, ...]
    time_quality: str
    key_tier: str = "software"
    """What protects the box's keys: tpm, board, software (for the laboratory)."""
    uncertainty_ms: int | None = None
    """How far wall time may be off at most, where the kernel says so."""
    updates: tuple[UpdateOffer, ...] = ()
    """Software that central offers, as it came through the gate."""
    support: SupportState | None = None
    """As long as it lasts."""
    trust: TrustView | None = None
    boot_to_ready_seconds: float | None = None
    """From the kernel's start until the officer's page was first followed; None: not since this start."""


class Lane(Protocol):
    """The service as uplink and agent see it, in one process or across the socket.

    Raises `ServiceError` with the codes storage_full, storage_broken, not_signed, not_correctable,
    no_reason, no_report.
    """

    async def fetch_outbox(self, request: FetchOutbox) -> OutboxPage: ...
    async def acknowledge(self, request: SignedData) -> Installed: ...
    async def install(self, request: SignedData) -> Installed: ...
    async def command(self, request: SignedData) -> Installed: ...
    async def correct(self, request: Correct) -> Corrected: ...
    async def change_key(self, request: ChangeKey) -> KeyChanged: ...
    async def enter_paper(self, request: EnterPaper) -> PaperAnswer: ...
    async def retain(self, request: Nothing) -> Retained: ...
    async def make_room(self, request: MakeRoom) -> Retained: ...
    async def sign_report(self, request: SignReport) -> ReportSigned: ...
    async def link(self, request: LinkState) -> Nothing: ...
    async def fetch_queries(self, request: FetchQueries) -> LiveQueries: ...
    async def answer(self, request: SignedData) -> Installed: ...
    async def diagnostics(self, request: Diagnostics) -> Installed: ...
    async def power(self, request: PowerNews) -> PowerHeard: ...
    async def status(self, request: Nothing) -> LaneStatus: ...


class LaneClient(RemoteService):
    """`Lane` across its unix socket."""

    async def fetch_outbox(self, request: FetchOutbox) -> OutboxPage:
        return await self.call("fetch_outbox", request, OutboxPage, wait=request.wait)

    async def acknowledge(self, request: SignedData) -> Installed:
        return await self.call("acknowledge", request, Installed)

    async def install(self, request: SignedData) -> Installed:
        return await self.call("install", request, Installed, wait=60.0)

    async def command(self, request: SignedData) -> Installed:
        return await self.call("command", request, Installed, wait=60.0)

    async def correct(self, request: Correct) -> Corrected:
        return await self.call("correct", request, Corrected)

    async def change_key(self, request: ChangeKey) -> KeyChanged:
        return await self.call("change_key", request, KeyChanged, wait=60.0)

    async def enter_paper(self, request: EnterPaper) -> PaperAnswer:
        return await self.call("enter_paper", request, PaperAnswer, wait=60.0)

    async def import_advance(self, request: ImportAdvance) -> AdvanceAnswer:
        return await self.call("import_advance", request, AdvanceAnswer, wait=60.0)

    async def advance_lists(self, request: Nothing) -> AdvanceLists:
        return await self.call("advance_lists", request, AdvanceLists)

    async def retain(self, request: Nothing) -> Retained:
        return await self.call("retain", request, Retained, wait=60.0)

    async def make_room(self, request: MakeRoom) -> Retained:
        return await self.call("make_room", request, Retained, wait=60.0)

    async def sign_report(self, request: SignReport) -> ReportSigned:
        return await self.call("sign_report", request, ReportSigned)

    async def link(self, request: LinkState) -> Nothing:
        return await self.call("link", request, Nothing)

    async def fetch_queries(self, request: FetchQueries) -> LiveQueries:
        return await self.call("fetch_queries", request, LiveQueries, wait=request.wait)

    async def answer(self, request: SignedData) -> Installed:
        return await self.call("answer", request, Installed)

    async def diagnostics(self, request: Diagnostics) -> Installed:
        return await self.call("diagnostics", request, Installed)

    async def power(self, request: PowerNews) -> PowerHeard:
        return await self.call("power", request, PowerHeard, wait=request.wait)

    async def status(self, request: Nothing) -> LaneStatus:
        return await self.call("status", request, LaneStatus)
