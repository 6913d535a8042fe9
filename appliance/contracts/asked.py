"""What the officer notes beside a crossing: what the traveller says, proofs of a stay, other papers, a visa.

Each note is for the traveller whom the officer saw, is kept in the journal before the screen shows it, and
holds up nobody whom the policy and the rules ask nothing.
"""

import msgspec

from appliance.contracts.checks import Direction
from appliance.contracts.visas import VisaOffer

PURPOSES = (
    *("visit", "holiday", "business", "work", "study", "family"),
    *("transit", "health", "return", "protection", "other"),
)
"""In the order of their keys (UN Recommendations on Statistics of International Migration)."""
TRANSPORTS = ("foot", "car", "bus", "truck", "train", "motorcycle", "bicycle", "other")
"""How the traveller comes to the post."""
QUESTIONS = ("purpose", "previous_residence", "next_residence", "intended_stay_days", "transport")
"""What may be asked: names of `appliance.contracts.movement.Stated`."""
PROOFS = ("stamp", "ticket", "other_record", "statement")
"""What may stand for a leg that the history lacks; a statement is the traveller's own word."""
NOT_SAID = "-"
"""The answer of somebody who was asked and does not say."""
MAX_STAY_DAYS = 36_600
"""A hundred years."""
MAX_NOTE = 300
"""Characters of a reason or a place."""
MAX_PROOFS = 8
MULTIPLE_ENTRIES = 0
"""Of a visa: any number of entries."""
MAX_ENTRIES = 99


class Say(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """One question's answer: a code, a country of Doc 9303-3, days; NOT_SAID; empty takes it back."""

    crossing: str
    question: str
    value: str = ""


class SayProof(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """What proves a leg that the history lacks."""

    crossing: str
    direction: str
    day: str
    """ISO 8601."""
    kind: str
    place: str = ""
    reason: str = ""


class SayPapers(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """The traveller's other passport: another nationality's, or the one that this one replaced."""

    crossing: str
    nationality: str
    issuing_state: str
    document_number: str


class SayVisaEntries(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """How many entries the visa says; its MRZ does not."""

    crossing: str
    entries: int
    """MULTIPLE_ENTRIES: any number."""


class ApplyForVisa(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """An application for a visa on arrival; with it the traveller goes to the second line."""

    crossing: str
    purpose: str
    days: str
    """As it was typed."""
    address: str = ""
    """At the destination."""
    receipt: str = ""
    """Of the fee."""


class OpenGroup(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """A vehicle or a family comes: so many people."""

    declared: int
    plate: str = ""
    plate_state: str = ""
    kind: str = "vehicle"
    """One of GROUPS."""
    advance: str = ""
    """The id of the advance list that says who comes: its kind, its count where `declared` is 0, its plate
    where none is said."""


class InGroup(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """What this person is in the group."""

    crossing: str
    role: str = ""
    """One of ROLES; empty: unchanged."""
    guardian: str = ""
    """The crossing of the parent or guardian; empty: none."""
    shared_document: bool = False
    """Entered in the guardian's document, which is shown for both."""


class DetachFromGroup(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """This person stays behind for the second line; the others go on."""

    crossing: str
    reason: str = ""


class CloseGroup(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """All are through, or detached; a count that differs needs a reason."""

    group: str
    reason: str = ""


class SayGuardian(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """Who is with this child: one of those who were just admitted at this lane, or nobody."""

    crossing: str
    guardian: str = ""
    """The adult's crossing."""
    alone: bool = False
    """Nobody is with the child."""


GROUPS = ("vehicle", "bus", "family", "crew")
ROLES = ("driver", "passenger", "crew", "guardian", "child")
MAX_GROUP = 200
"""People; the longest coach train of a land post is taken as several."""

OfPerson = Say | SayProof | SayPapers | SayVisaEntries | SayGuardian | InGroup | DetachFromGroup
Note = OfPerson | ApplyForVisa | OpenGroup | CloseGroup

NOTE_PROBLEMS = (
    *("missing", "choose", "unknown_code", "not_a_date", "in_future", "not_a_number", "too_long", "too_many"),
    *(
        "not_an_issuer",
        "no_letters",
        "gone",
        "storage",
        "group_open",
        "not_all_seen",
        "needs_reason",
        "not_in_group",
    ),
    *("not_offered", "too_many_days", "receipt_used"),
)
"""What can be wrong with a note; each has words in every language."""


class SentNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the page sends."""

    note: Note


class NoteTaken(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it was taken, or what is wrong: field to a code of NOTE_PROBLEMS."""

    taken: bool
    problems: dict[str, str] = {}


class QuestionView(msgspec.Struct, frozen=True, kw_only=True):
    """One question as it stands."""

    question: str
    must: bool
    """The policy or the signed rules say that it is asked."""
    value: str | None
    """None: not asked; NOT_SAID: asked, and not said."""


class ProofView(msgspec.Struct, frozen=True, kw_only=True):
    """One proof as it stands in the record."""

    direction: Direction
    day: str
    kind: str
    place: str


class GuardianView(msgspec.Struct, frozen=True, kw_only=True):
    """An adult who may be with the child that stands here."""

    crossing: str
    name: str


class ChildView(msgspec.Struct, frozen=True, kw_only=True):
    """A child stands here, and the officer is asked who is with it."""

    offered: tuple[GuardianView, ...] = ()
    """Who was just admitted at this lane; each has a digit's key, in this order."""
    guardian: str = ""
    """The crossing of who was named; empty: nobody was."""
    alone: bool = False
    """The officer said that nobody is with it."""


class AskedView(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked of this traveller, and what was said and shown."""

    questions: tuple[QuestionView, ...] = ()
    countries: tuple[str, ...] = ()
    """The likeliest residences, each with a key of its own."""
    proofs: tuple[ProofView, ...] = ()
    other_nationality: str = ""
    takes_proof: bool = False
    """A leg is missing, or days are counted: a proof would matter."""
    takes_visa: bool = False
    """The step waits for a visa, or for the officer's word that there is none."""
    visa_number: str = ""
    visa_entries: int | None = None
    child: ChildView | None = None
    """None: nobody is asked after, or a group answers for them."""
    visa_offer: VisaOffer | None = None
    """An application for a visa on arrival may be taken."""


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """One person of the group who is through."""

    crossing: str
    place: int
    name: str
    outcome: str
    detached: bool


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """The group that is open."""

    group: str
    kind: str
    declared: int
    plate: str
    plate_state: str
    seen: int
    """With the one who stands here."""
    decided: int
    detached: int
    members: tuple[MemberView, ...]
    """The latest of them."""
    role: str = ""
    """Of who stands here, as the next ones."""
    guardian: str = ""
    shared_document: bool = False
    detached_here: bool = False
