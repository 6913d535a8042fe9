"""The second line: a crossing that was referred, or released under RED, until an officer has closed it."""

import enum
from typing import Annotated, Any, Final

import msgspec

from appliance.contracts.movement import Movement, Stamp
from appliance.contracts.officers import MAX_REASON, Pin
from appliance.contracts.visas import VisaDecision, VisaGrant

RECORD_TYPE_CASE_CLOSED: Final = "case_closed"
"""The second line has decided about a referred crossing: see `Closing`."""
RECORD_TYPE_RELEASE_REVIEW: Final = "release_review"
"""A supervisor has looked at a release under RED: see `Closing`."""
MAX_NOTES: Final = 8000
MAX_ROUTINES: Final = 64
MAX_INDICATORS: Final = 64
REVIEW_HOURS: Final = 24.0
"""Within so long a supervisor reviews a release under RED."""

Crossing = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class CaseKind(enum.StrEnum):
    """Why somebody has to look."""

    REFERRED = "referred"
    RELEASED = "released"
    """Let go on under RED by one officer: to be reviewed by a supervisor."""


class CaseOutcome(enum.StrEnum):
    """How a case ends; the last two are a review's."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ASYLUM_CLAIM = "asylum_claim"
    PRESUMED_TRAFFICKING_VICTIM = "presumed_trafficking_victim"
    HANDED_OVER = "handed_over"
    CORRECTED_LATER = "corrected_later"
    UPHELD = "upheld"
    NOT_UPHELD = "not_upheld"


OUTCOMES: Final = tuple(one for one in CaseOutcome if one not in (CaseOutcome.UPHELD, CaseOutcome.NOT_UPHELD))
"""Of a referred crossing."""
REVIEWS: Final = (CaseOutcome.UPHELD, CaseOutcome.NOT_UPHELD)
"""Of a release."""


class Ground(enum.StrEnum):
    """Why a traveller was refused: kinds of ground that laws on entry name, for a form and for counting."""

    NO_VALID_DOCUMENT = "no_valid_document"
    FALSE_DOCUMENT = "false_document"
    NO_VALID_VISA = "no_valid_visa"
    FALSE_VISA = "false_visa"
    PURPOSE_NOT_SHOWN = "purpose_not_shown"
    STAY_USED_UP = "stay_used_up"
    NO_MEANS = "no_means"
    ON_A_LIST = "on_a_list"
    THREAT = "threat"
    OTHER = "other"


class Work(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the second-line officer has looked at so far; kept while they work."""

    routines: Annotated[dict[str, str], msgspec.Meta(max_length=MAX_ROUTINES)] = {}
    """Doc 9303-2 Appendix C routine to PASS, FAIL or NOT_DONE; what is not named is NOT_DONE."""
    indicators: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_INDICATORS)] = ()
    """Of trafficking, that the officer has seen."""
    notes: Annotated[str, msgspec.Meta(max_length=MAX_NOTES)] = ""
    """Of the interview."""


class SaveWork(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was looked at, to be kept."""

    crossing: Crossing
    work: Work


class CloseCase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The officer on duty decides, with the PIN; of a release: the supervisor's review."""

    crossing: Crossing
    pin: Pin
    outcome: CaseOutcome
    ground: Ground | None = None
    """Of refused, and of no other outcome."""
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON)]
    work: Work = Work()
    visa: VisaGrant | None = None
    """Of admitted, where a visa on arrival was applied for: what is granted. None: no visa."""


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a record that closes a case: it names the crossing that it closes, which stays as it was
    recorded."""

    crossing: str
    device: str
    """Of the crossing; the record's own box is the one at which it was closed."""
    kind: CaseKind
    outcome: CaseOutcome
    ground: Ground | None
    reason: str
    officer: str
    role: str
    """The role that let the officer close it: second_line or supervisor."""
    crossed_at: str
    """ISO 8601 in UTC, as the crossing's box could measure it."""
    waited_seconds: float | None
    """From the crossing to this; None: nobody can tell, the clock was set or is another box's."""
    released_by: str = ""
    """Of a review: who had let the traveller go on."""
    late: bool = False
    """Of a review: after more than `REVIEW_HOURS`."""
    examined: dict[str, Any] = {}
    """checks (how many the machine had made), pictures (their names), routines (with each result, those not
    named NOT_DONE), indicators, notes."""
    visa: VisaDecision | None = None
    """Of a crossing with an application for a visa on arrival."""
    stamp: Stamp


def closing_record(closing: Closing) -> tuple[str, str, dict[str, Any]]:
    """Name, type and body of the record; a journal has one closing of a crossing, and one review."""
    body: dict[str, Any] = msgspec.to_builtins(closing)
    del body["stamp"]  # the record's own header has it
    if closing.visa is None:
        del body["visa"]
    if closing.kind is CaseKind.RELEASED:
        return f"{closing.crossing}/review", RECORD_TYPE_RELEASE_REVIEW, body
    return f"{closing.crossing}/closed", RECORD_TYPE_CASE_CLOSED, body


class CaseHead(msgspec.Struct, frozen=True, kw_only=True):
    """A case in the queue."""

    crossing: str
    device: str
    post: str
    lane: str
    kind: CaseKind
    direction: str
    name: str
    document: str
    """Issuing state and number; empty without a document."""
    recommendation: str
    reasons: tuple[str, ...]
    crossed_at: str
    waited_seconds: float | None
    overdue: bool
    released: str = ""
    officer: str = ""
    """Who referred or released."""


class OtherLanes(msgspec.Struct, frozen=True, kw_only=True):
    """How much this box knows of the post's other boxes."""

    reachable: bool
    age_seconds: float | None
    """Since it last had all that the hub has; None: never since it started."""
    waiting: int = 0
    """Items that have not reached the hub yet."""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for the second line: releases first, then cases, the longest waiting first."""

    cases: tuple[CaseHead, ...]
    may_review: bool
    """The officer on duty is a supervisor."""
    other_lanes: OtherLanes | None
    """None: this box belongs to no post with a network of its own."""


class CaseFile(msgspec.Struct, frozen=True, kw_only=True):
    """One case, with all that is known of it."""

    head: CaseHead
    movement: Movement
    """Without media: `pictures` names what there is."""
    pictures: tuple[str, ...]
    """portrait, chip_portrait, page, page_white, ...: JPEG."""
    missing: tuple[str, ...]
    """Pictures that lie on the other box and have not come, or are too large for the post's network."""
    work: Work
    closed: Closing | None
    closed_at_device: str = ""
    also: Closing | None = None
    """Another box closed it too, while neither could know of the other."""


CASE_PROBLEMS: Final = (
    *("unknown_case", "closed_already", "closed_elsewhere", "no_ground", "no_outcome", "unknown_item"),
    *("own_release", "visa_terms"),
)
"""Why something is not taken at the second line, beside `OFFICER_PROBLEMS`."""


class SecondLineView(msgspec.Struct, frozen=True, kw_only=True):
    """On the officer's screen, where the officer on duty works at the second line."""

    cases: int
    reviews: int
    overdue: int
    expected: int = 0
    """Who is on their way and whom a watchlist names."""
    revision: int = 0
    """Rises with every change of the queue, also one that leaves the numbers as they were."""
