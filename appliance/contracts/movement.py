"""The movement: what is recorded of one crossing, sealed on the box and opened by central."""

import hashlib
from typing import Any

import msgspec

from appliance.contracts.checks import Check, Direction, Outcome, Recommendation
from appliance.contracts.visas import VisaApplication


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """A moment as the box could measure it (promise 4)."""

    boot_id: str
    monotonic_ns: int
    """CLOCK_BOOTTIME, nanoseconds since this boot."""
    wall: str
    """ISO 8601 in UTC."""
    quality: str
    """nts, gnss, rtc, carried, unsure: the best first."""
    uncertainty_ms: int | None = None
    """How far wall time may be from true time at most, where the kernel says so."""


class DocumentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The document as read, unrepaired."""

    format: str
    lines: tuple[str, ...]
    source: str
    document_code: str
    issuing_state: str
    document_number: str
    primary_identifier: str
    secondary_identifier: str
    name_truncated: bool
    nationality: str
    birth_date: str
    sex: str
    expiry_date: str
    personal_number: str | None
    typed_for: str = ""
    """Of source "manual": why it was typed (`appliance.contracts.typed.TYPED_FOR`); of "paper": paper."""
    name_as_written: str = ""
    """Of source "manual" and "paper": the name in the script in which it was typed."""


class Stated(msgspec.Struct, frozen=True, kw_only=True):
    """What the traveller said, for statistics (UN Recommendations on Statistics of International Migration);
    None where nobody asked."""

    birth_country: str | None = None
    """Countries are codes of ICAO Doc 9303-3, section 5."""
    previous_residence: str | None = None
    next_residence: str | None = None
    purpose: str | None = None
    """visit, holiday, business, work, study, family, transit, health, return, protection, other."""
    intended_stay_days: int | None = None
    transport: str | None = None
    """foot, car, bus, truck, train, motorcycle, bicycle, other."""
    declined: tuple[str, ...] = ()
    """What was asked and not said; of what is None and not here, nobody asked."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What an officer took for a leg that the history lacks: counted with the stay, and never made a
    movement."""

    direction: Direction
    day: str
    """ISO 8601."""
    kind: str
    """stamp, ticket, other_record, statement."""
    place: str
    reason: str
    officer: str = ""


class OtherPapers(msgspec.Struct, frozen=True, kw_only=True):
    """The traveller's other passport, as the officer typed it."""

    nationality: str
    issuing_state: str
    document_number: str


class GroupLink(msgspec.Struct, frozen=True, kw_only=True):
    """One person's place in a vehicle, a family, a crew."""

    group: str
    """Unique for ever, as a crossing is."""
    kind: str
    """vehicle, bus, family, crew."""
    declared: int
    """How many people were said to come, this one among them."""
    place: int
    """From 1, in the order in which they were seen."""
    plate: str = ""
    plate_state: str = ""
    role: str = ""
    """driver, passenger, crew, guardian, child; empty: nobody said."""
    guardian: str = ""
    """Of a child: the crossing of who is with it."""
    shared_document: bool = False
    """Entered in the guardian's document: the movement's document is that one's."""
    detached: str = ""
    """Why this person stayed behind while the others went on; empty: they did not."""
    advance: str = ""
    """The advance list that the group was opened from (`appliance.contracts.advance`); empty: none."""


class Accompanied(msgspec.Struct, frozen=True, kw_only=True):
    """What the officer stated, by one key, of who is with a child."""

    guardian: str = ""
    """The crossing of the adult; empty: nobody, the child is alone."""
    officer: str = ""
    """Who stated it; empty where nobody has logged in."""


class MediaName(msgspec.Struct, frozen=True, kw_only=True):
    """What of a picture stands in the facts: enough to find it, and to know it again."""

    sha256: bytes
    size: int


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """One crossing; `crossing` is unique for ever and is what duplicates are removed by."""

    crossing: str
    device: str
    post: str
    lane: str
    profile: str
    direction: Direction
    started: Stamp
    decided: Stamp
    document: DocumentFacts | None
    checks: tuple[Check, ...]
    recommendation: Recommendation
    reasons: tuple[str, ...]
    outcome: Outcome
    simulated: tuple[str, ...]
    """Kinds of devices that were simulated."""
    policy: str
    """Name and SHA-256 of the policy that recommended."""
    not_same: tuple[str, ...] = ()
    """Pairs of this traveller and a list's entry that the officer found to be two persons, as hashes."""
    stated: Stated | None = None
    proofs: tuple[Proof, ...] = ()
    other_papers: OtherPapers | None = None
    visa: DocumentFacts | None = None
    """The visa that was shown, read or typed."""
    visa_entries: int | None = None
    """How many entries it says; 0: any number; None: nobody has looked."""
    visa_application: VisaApplication | None = None
    """For a visa on arrival; the record that closes the crossing's case has what was decided."""
    group: GroupLink | None = None
    accompanied: Accompanied | None = None
    """Of a child; None: nobody was asked after, nothing was said, or the group's own dialog said it."""
    officer: str = ""
    """Who decided; empty where nobody has logged in."""
    released: str = ""
    """Under RED: the reason for which an officer let the traveller go on, to be reviewed."""
    media: dict[str, bytes] = {}
    """portrait_record: ISO/IEC 19794-5:2005, its picture a JPEG; chip_portrait, page (as a camera read it)
    and page_white, page_oblique, page_infrared, page_ultraviolet (the page under each light that the box
    has): JPEG; finger_right_index and so on: ISO/IEC 19794-4:2005, its picture a PNG.

    Within the box, and in records of version 1; since then each is a record of its own, and `media_named`
    says which."""
    media_named: dict[str, MediaName] = {}


RECORD_TYPE_MOVEMENT = "movement"
"""The `type` of a sealed body that holds a `Movement`; other types come later."""
RECORD_TYPE_OFFICER = "officer"
"""Somebody logged in or out, or tried to: a map of `act` and `officer`."""
RECORD_TYPE_LATE_HIT = "late_hit"
"""A hit that came after its traveller had gone: a map of `crossing`, `found` and `checks`."""

RECORD_TYPE_MEDIA = "media"
"""One picture of a crossing: a map of `crossing`, `name`, `sha256` (which the movement names too) and
`content`."""
RECORD_TYPE_GROUP = "group"
"""A vehicle, family or crew was opened or closed: see services/lane/groups.py."""
RECORD_TYPE_ADVANCE = "advance"
"""An advance list was imported, or its people were forgotten: counts, nobody's name."""
RECORD_TYPE_CORRECTION = "correction"
"""An earlier crossing was recorded wrongly, and stays as it is: `crossing`, `seq`, `reason` and `values`."""
RECORD_TYPE_COMMAND = "command"
"""A signed command of central's operator that the box has carried out: see records/orders.py."""
RECORD_TYPE_KEYS = "keys"
"""A list of keys that the box believes from here on: a map of `owner` and `version`."""
RECORD_TYPE_KEY_CHANGE = "key_change"
"""The box signs with another key from the next record on."""
RECORD_TYPE_CLOCK = "clock_correction"
"""Wall time is another than it was taken for: see records/timekeeping.py."""
RECORD_TYPE_TAMPER = "tamper"
"""Something was done to the box or its records: a map of `what` (tail_lost, counter_lost) and evidence."""
RECORD_TYPE_DIAGNOSTICS = "diagnostics"
"""What the box told support of its own state, while central's two keys let it: nothing of any traveller."""
RECORD_TYPE_RETENTION = "retention"
"""What the box has removed because it had kept it long enough: counts and numbers."""


def apart(movement: Movement) -> tuple[Movement, dict[str, bytes]]:
    """The facts, which name the media by their hashes, and the media."""
    named = {
        name: MediaName(sha256=hashlib.sha256(content).digest(), size=len(content))
        for name, content in movement.media.items()
    }
    return msgspec.structs.replace(movement, media={}, media_named=named), dict(movement.media)


def media_body(crossing: str, name: str, content: bytes) -> dict[str, Any]:
    """The body of a record of type `media`."""
    digest = hashlib.sha256(content).digest()
    return {"crossing": crossing, "name": name, "sha256": digest, "content": content}


def to_plain(movement: Movement) -> dict[str, Any]:
    """The movement as plain values, for CBOR; bytes stay bytes."""
    plain = msgspec.to_builtins(movement, builtin_types=(bytes,))
    assert isinstance(plain, dict)
    return plain


def from_plain(plain: object) -> Movement:
    """The movement from plain values.

    Raises:
        msgspec.ValidationError: these are not a movement's.
    """
    return msgspec.convert(plain, Movement)
