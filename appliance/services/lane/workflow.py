"""The crossing as an explicit state machine: events that are journaled, and the state folded from them.

Pure: given the same events it is in the same step, which is how the box comes back into the same
traveller after its power was cut.
"""

import enum
from collections.abc import Iterable

import msgspec

from appliance.contracts.capture import ChipEvidence, MrzEvidence, PortraitEvidence
from appliance.contracts.checks import Check, Direction, Outcome, Recommendation
from appliance.contracts.movement import Stamp
from appliance.contracts.typed import TypedDocument


class Step(enum.StrEnum):
    """Where the crossing stands; each but WAITING and DECIDING is the box's own work."""

    WAITING = "waiting"
    READING_DOCUMENT = "reading_document"
    READING_CHIP = "reading_chip"
    TAKING_PORTRAIT = "taking_portrait"
    CHECKING = "checking"
    DECIDING = "deciding"
    RECORDING = "recording"


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One journaled step."""


class Started(Event, frozen=True, kw_only=True):
    """A traveller stands before the officer."""

    crossing: str
    direction: Direction
    stamp: Stamp


class DocumentRead(Event, frozen=True, kw_only=True):
    """The MRZ as it came from the reader."""

    evidence: MrzEvidence


class DocumentTyped(Event, frozen=True, kw_only=True):
    """A document that the officer typed in; there is nothing that a reader saw."""

    typed: TypedDocument


class ChipAuthenticationProof(msgspec.Struct, frozen=True, kw_only=True):
    """How a run of Chip Authentication ended whose secret half lane kept."""

    outcome: str
    """proved, wrong, refused."""
    protocol: str
    public_key: bytes
    inferred: bool = False
    status_word: int | None = None


class ChipProofs(msgspec.Struct, frozen=True, kw_only=True):
    """What lane itself knows of the chip's proofs, whatever capture says."""

    challenge: bytes
    chip_authentication: ChipAuthenticationProof | None = None


class ChipRead(Event, frozen=True, kw_only=True):
    """The chip's files, and what proved the chip."""

    evidence: ChipEvidence
    proofs: ChipProofs | None = None


class NoticeShown(Event, frozen=True, kw_only=True):
    """What is taken and why stood on the screen for so long before the camera was asked."""

    seconds: float
    pages: int
    """How many traveller's pages were open; 0: only the officer's showed it."""


class PortraitTaken(Event, frozen=True, kw_only=True):
    """A live picture."""

    evidence: PortraitEvidence


class StepMissed(Event, frozen=True, kw_only=True):
    """A step that was tried in vain, or not done: the crossing goes on and says so."""

    step: Step
    code: str
    tried: bool
    """True: CANNOT, False: NOT_DONE."""


class ReferralAsked(Event, frozen=True, kw_only=True):
    """The officer held the button before the end: what is left is not done."""


class Assessed(Event, frozen=True, kw_only=True):
    """Every check, and what the machine recommends."""

    checks: tuple[Check, ...]
    recommendation: Recommendation
    reasons: tuple[str, ...]
    policy: str


class Decided(Event, frozen=True, kw_only=True):
    """What the officer decided."""

    outcome: Outcome
    stamp: Stamp
    not_same: tuple[str, ...] = ()
    """Pairs that the officer found to be two persons."""
    officer: str = ""
    released: str = ""
    """Why the traveller was let go on under RED."""


AnyEvent = (
    Started
    | DocumentRead
    | DocumentTyped
    | ChipRead
    | NoticeShown
    | PortraitTaken
    | StepMissed
    | ReferralAsked
    | Assessed
    | Decided
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)


def encode(event: AnyEvent) -> bytes:
    """The event as it is journaled."""
    return _encoder.encode(event)


def decode(payload: bytes) -> AnyEvent:
    """The event from the journal.

    Raises:
        msgspec.MsgspecError: these bytes are no event of this version.
    """
    return _decoder.decode(payload)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A crossing so far."""

    started: Started | None = None
    document: MrzEvidence | None = None
    typed: TypedDocument | None = None
    chip: ChipEvidence | None = None
    chip_proofs: ChipProofs | None = None
    noticed: NoticeShown | None = None
    portrait: PortraitEvidence | None = None
    missed: dict[Step, StepMissed] = {}
    referral_asked: bool = False
    assessed: Assessed | None = None
    decided: Decided | None = None

    @property
    def step(self) -> Step:
        if self.started is None:
            return Step.WAITING
        if self.decided:
            return Step.RECORDING
        if self.assessed:
            return Step.DECIDING
        if self.referral_asked:
            return Step.CHECKING
        for step, evidence in (
            (Step.READING_DOCUMENT, self.document or self.typed),
            (Step.READING_CHIP, self.chip),
            (Step.TAKING_PORTRAIT, self.portrait),
        ):
            if evidence is None and step not in self.missed:
                return step
        return Step.CHECKING

    def after(self, event: AnyEvent) -> "State":
        """The state when this event has happened too."""
        match event:
            case Started():
                return State(started=event)
            case DocumentRead(evidence=mrz):
                return msgspec.structs.replace(self, document=mrz)
            case DocumentTyped(typed=typed):
                return msgspec.structs.replace(self, typed=typed)
            case ChipRead(evidence=chip, proofs=proofs):
                return msgspec.structs.replace(self, chip=chip, chip_proofs=proofs)
            case NoticeShown():
                return msgspec.structs.replace(self, noticed=event)
            case PortraitTaken(evidence=portrait):
                return msgspec.structs.replace(self, portrait=portrait)
            case StepMissed(step=step):
                return msgspec.structs.replace(self, missed={**self.missed, step: event})
            case ReferralAsked():
                return msgspec.structs.replace(self, referral_asked=True)
            case Assessed():
                return msgspec.structs.replace(self, assessed=event)
            case Decided():
                return msgspec.structs.replace(self, decided=event)


def fold(events: Iterable[AnyEvent]) -> State:
    """The state after all these events."""
    state = State()
    for event in events:
        state = state.after(event)
    return state
