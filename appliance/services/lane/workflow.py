"""The crossing as an explicit state machine: events that are journaled, and the state folded from them.

Pure: given the same events it is in the same step, which is how the box comes back into the same
traveller after its power was cut.
"""

import enum
from collections.abc import Iterable
from typing import Any

import msgspec

from appliance.contracts.capture import ChipEvidence, MrzEvidence, PortraitEvidence
from appliance.contracts.checks import Check, Direction, Outcome, Recommendation
from appliance.contracts.finger import FingerEvidence, FingerException, FingerScore
from appliance.contracts.movement import Accompanied, GroupLink, OtherPapers, Proof, Stamp, Stated
from appliance.contracts.typed import IN_GUARDIANS_DOCUMENT, TypedDocument
from appliance.contracts.visas import KnownVisa, VisaApplication


class Step(enum.StrEnum):
    """Where the crossing stands; each but WAITING and DECIDING is the box's own work."""

    WAITING = "waiting"
    READING_DOCUMENT = "reading_document"
    READING_CHIP = "reading_chip"
    READING_VISA = "reading_visa"
    TAKING_PORTRAIT = "taking_portrait"
    TAKING_FINGERS = "taking_fingers"
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
    group: GroupLink | None = None


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


class VisaAsked(Event, frozen=True, kw_only=True):
    """The rules say that this traveller needs a visa."""


class VisaRead(Event, frozen=True, kw_only=True):
    """The visa's MRZ as it came from the reader."""

    evidence: MrzEvidence


class VisaTyped(Event, frozen=True, kw_only=True):
    """A visa that the officer typed in."""

    typed: TypedDocument


class VisaKnown(Event, frozen=True, kw_only=True):
    """The visa that this traveller needs was issued at this box."""

    visa: KnownVisa


class VisaApplied(Event, frozen=True, kw_only=True):
    """A visa on arrival is applied for: the second line decides."""

    application: VisaApplication


class Stating(Event, frozen=True, kw_only=True):
    """All that the traveller has said so far."""

    stated: Stated


class ProofNoted(Event, frozen=True, kw_only=True):
    """Something proves a leg that the history lacks."""

    proof: Proof


class PapersNoted(Event, frozen=True, kw_only=True):
    """The traveller's other passport."""

    papers: OtherPapers


class VisaEntriesNoted(Event, frozen=True, kw_only=True):
    """How many entries the visa says."""

    entries: int


class GroupNoted(Event, frozen=True, kw_only=True):
    """This person's place in the group is another one, or they are detached from it."""

    group: GroupLink


class GuardianNoted(Event, frozen=True, kw_only=True):
    """The officer said who is with this child, or that nobody is."""

    accompanied: Accompanied
    name: str = ""
    """The adult's primary identifier: it is compared, and stands in their own record only."""
    group: GroupLink | None = None
    """The child's new place, where it belongs to a group."""


class NoticeShown(Event, frozen=True, kw_only=True):
    """What is taken and why stood on the screen for so long before the camera was asked."""

    seconds: float
    pages: int
    """How many traveller's pages were open; 0: only the officer's showed it."""


class PortraitTaken(Event, frozen=True, kw_only=True):
    """A live picture."""

    evidence: PortraitEvidence


class FingerTaken(Event, frozen=True, kw_only=True):
    """One finger's best impression."""

    evidence: FingerEvidence


class FingerExcepted(Event, frozen=True, kw_only=True):
    """A finger that is missing or bandaged, or that the sensor could not take."""

    exception: FingerException


class FingersCompared(Event, frozen=True, kw_only=True):
    """All fingers were asked for; what they were held against, a search of everybody's with its purpose."""

    earlier: tuple[tuple[str, str], ...] = ()
    """Crossing and moment of this document's and person's earlier fingers."""
    scores: tuple[FingerScore, ...] = ()
    purpose: str | None = None
    """Of a search, one to many; None: nobody searched."""
    searched: int = 0
    hits: tuple[dict[str, Any], ...] = ()
    problem: str | None = None


class StepMissed(Event, frozen=True, kw_only=True):
    """A step that was tried in vain, or not done: the crossing goes on and says so."""

    step: Step
    code: str
    tried: bool
    """True: CANNOT, False: NOT_DONE."""
    pressed: bool = False
    """The officer went on, before the time was over."""


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
    | VisaAsked
    | VisaRead
    | VisaTyped
    | VisaKnown
    | VisaApplied
    | Stating
    | ProofNoted
    | PapersNoted
    | VisaEntriesNoted
    | GroupNoted
    | GuardianNoted
    | NoticeShown
    | PortraitTaken
    | FingerTaken
    | FingerExcepted
    | FingersCompared
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
    visa_asked: bool = False
    visa: MrzEvidence | None = None
    visa_typed: TypedDocument | None = None
    visa_known: KnownVisa | None = None
    visa_application: VisaApplication | None = None
    visa_entries: int | None = None
    stated: Stated | None = None
    proofs: tuple[Proof, ...] = ()
    other_papers: OtherPapers | None = None
    group: GroupLink | None = None
    accompanied: Accompanied | None = None
    guardian_name: str = ""
    """Of the adult who was named in `accompanied`."""
    noticed: NoticeShown | None = None
    portrait: PortraitEvidence | None = None
    fingers: dict[str, FingerEvidence] = {}
    """By name, in the order of taking."""
    finger_exceptions: dict[str, str] = {}
    """Fingers that were asked for and not taken, with the reason."""
    compared: FingersCompared | None = None
    missed: dict[Step, StepMissed] = {}
    referral_asked: bool = False
    assessed: Assessed | None = None
    decided: Decided | None = None

    @property
    def shares_document(self) -> bool:
        """Whether this is a child that is entered in its guardian's document."""
        return self.typed is not None and self.typed.typed_for == IN_GUARDIANS_DOCUMENT

    @property
    def _has_visa(self) -> bool:
        return bool(self.visa or self.visa_typed or self.visa_known)

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
            (Step.READING_VISA, self._has_visa or not self.visa_asked or None),
            (Step.TAKING_PORTRAIT, self.portrait),
            (Step.TAKING_FINGERS, self.compared),
        ):
            if evidence is None and step not in self.missed:
                return step
        return Step.CHECKING

    def after(self, event: AnyEvent) -> "State":
        """The state when this event has happened too."""
        match event:
            case Started():
                return State(started=event, group=event.group)
            case DocumentRead(evidence=mrz):
                return msgspec.structs.replace(self, document=mrz)
            case DocumentTyped(typed=typed):
                return msgspec.structs.replace(self, typed=typed)
            case ChipRead(evidence=chip, proofs=proofs):
                return msgspec.structs.replace(self, chip=chip, chip_proofs=proofs)
            case VisaAsked():
                return msgspec.structs.replace(self, visa_asked=True)
            case VisaRead(evidence=visa):
                return msgspec.structs.replace(self, visa=visa)
            case VisaTyped(typed=visa_typed):
                return msgspec.structs.replace(self, visa_typed=visa_typed)
            case VisaKnown(visa=known):
                return msgspec.structs.replace(
                    self, visa_asked=True, visa_known=known, visa_entries=known.entries
                )
            case VisaApplied(application=application):
                return msgspec.structs.replace(self, visa_application=application, referral_asked=True)
            case Stating(stated=stated):
                return msgspec.structs.replace(self, stated=stated)
            case ProofNoted(proof=proof):
                return msgspec.structs.replace(self, proofs=(*self.proofs, proof))
            case PapersNoted(papers=papers):
                return msgspec.structs.replace(self, other_papers=papers)
            case VisaEntriesNoted(entries=entries):
                return msgspec.structs.replace(self, visa_entries=entries)
            case GroupNoted(group=group):
                asked = self.referral_asked or bool(group.detached)
                said = None if group.guardian else self.accompanied  # the later word counts
                return msgspec.structs.replace(self, group=group, referral_asked=asked, accompanied=said)
            case GuardianNoted(accompanied=accompanied, name=name, group=place):
                return msgspec.structs.replace(
                    self, accompanied=accompanied, guardian_name=name, group=place or self.group
                )
            case NoticeShown():
                return msgspec.structs.replace(self, noticed=event)
            case PortraitTaken(evidence=portrait):
                return msgspec.structs.replace(self, portrait=portrait)
            case FingerTaken(evidence=finger):
                return msgspec.structs.replace(self, fingers={**self.fingers, finger.finger: finger})
            case FingerExcepted(exception=excepted):
                exceptions = {**self.finger_exceptions, excepted.finger: excepted.reason}
                return msgspec.structs.replace(self, finger_exceptions=exceptions)
            case FingersCompared():
                return msgspec.structs.replace(self, compared=event)
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
