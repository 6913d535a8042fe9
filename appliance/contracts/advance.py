"""Advance lists: who is said to come by bus or train, before it is here; what the box is given, and says."""

from typing import Annotated, Final

import msgspec

from appliance.contracts.checks import Check, Direction
from appliance.contracts.typed import MAX_FIELD, PROBLEMS

ADVANCE_COLUMNS: Final = (
    *("list", "kind", "route", "direction", "expected_date", "expected_time", "plate", "plate_state"),
    *("coach", "seat", "role", "document_code", "issuing_state", "document_number"),
    *("primary_identifier", "secondary_identifier", "nationality", "birth_date", "sex", "expiry_date"),
)
KINDS: Final = ("bus", "train", "crew")
LISTED_ROLES: Final = ("passenger", "driver", "crew")
ADVANCE_PROBLEMS: Final = (*PROBLEMS, "not_a_time", "too_old", "too_early", "list_differs", "too_many")
"""What can be wrong with a field of a line."""
MAX_LINES: Final = 50
"""At once; a list is sent in pieces, so that travellers are not kept waiting by it."""
MAX_BY: Final = 64
MAX_PERSONS: Final = 2000
"""Of one list: the longest train that stops at a land post."""

Text = Annotated[str, msgspec.Meta(max_length=MAX_FIELD)]


class AdvanceLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person's line; fields as in ADVANCE_COLUMNS. What is said of the list stands on every line."""

    number: int
    """Of the line, or of the person's group of segments, in its file: what the answer names it by."""
    list: Text = ""
    """The carrier's own reference: "bus 17, 2026-12-01"."""
    kind: Text = ""
    """One of KINDS."""
    route: Text = ""
    direction: Text = ""
    expected_date: Text = ""
    """ISO 8601, the post's own day."""
    expected_time: Text = ""
    """HH:MM, the post's own time."""
    plate: Text = ""
    plate_state: Text = ""
    coach: Text = ""
    seat: Text = ""
    role: Text = ""
    """One of LISTED_ROLES; empty: passenger, or crew on a crew's list."""
    document_code: Text = ""
    issuing_state: Text = ""
    document_number: Text = ""
    """Empty: the carrier did not ask."""
    primary_identifier: Text = ""
    secondary_identifier: Text = ""
    nationality: Text = ""
    birth_date: Text = ""
    sex: Text = ""
    expiry_date: Text = ""


class ImportAdvance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some lines, of one list or several."""

    lines: Annotated[tuple[AdvanceLine, ...], msgspec.Meta(max_length=MAX_LINES)]
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_BY)]
    """Who imports them."""
    check_only: bool = False
    """Look at the fields, keep nothing, screen nobody."""


class AdvanceResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one line. Never whether a watchlist names the person: that is the second line's."""

    number: int
    taken: bool
    """This person is expected, now or since before."""
    known: bool = False
    """They were expected already."""
    problems: dict[str, str] = {}
    """Field to a code of ADVANCE_PROBLEMS; then nothing was kept."""


class AdvanceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One result a line, in the order of the request."""

    results: tuple[AdvanceResult, ...]


class LookAtStick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of the stick is to be looked at."""

    name: Annotated[str, msgspec.Meta(max_length=255)]
    direction: Direction = Direction.ENTRY
    """Of a PAXLST's people, which does not say."""
    kind: Text = ""
    """One of KINDS, or empty: the same."""


class TakeLooked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was looked at is to be taken in."""

    token: Annotated[str, msgspec.Meta(max_length=64)]


class RemoveAdvance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list was taken in by mistake."""

    list: Annotated[str, msgspec.Meta(max_length=64)]
    """Its id."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was looked at, and of which nothing is kept yet."""

    token: str
    """What it is taken in by; empty: there is nothing to take in."""
    name: str
    good: int = 0
    """Lines."""
    bad: int = 0
    lists: tuple[tuple[str, int], ...] = ()
    """The carrier's references and how many good lines each has; the first MAX_SHOWN."""
    wrong: tuple[AdvanceResult, ...] = ()
    """The first MAX_SHOWN wrong lines; a field named "" is the line itself."""
    refused: str = ""
    """Why the file is no list at all, in an English sentence for whoever wrote it."""


class IntakeProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a list is taken in."""

    state: str = "idle"
    """idle, going, done, or stopped: the disk did not take it."""
    name: str = ""
    total: int = 0
    """Lines, the wrong ones too."""
    done: int = 0
    taken: int = 0
    known: int = 0
    bad: int = 0


MAX_SHOWN: Final = 200
INTAKE_PROBLEMS: Final = ("busy", "gone", "not_allowed", "storage", "stick")
"""Why nothing was looked at, taken in or removed."""


class AdvanceList(msgspec.Struct, frozen=True, kw_only=True):
    """One list: what is known of it without its people, who are forgotten before it is."""

    id: str
    """Hexadecimal; the same for the same reference, kind, direction and time."""
    reference: str
    kind: str
    route: str
    direction: str
    expected: str
    """ISO 8601 in UTC."""
    plate: str = ""
    plate_state: str = ""
    persons: int = 0
    came: int = 0
    """By document number and issuing state."""
    perhaps: int = 0
    """By name and birth date alone."""
    ended: bool = False
    """Its people are forgotten, and the counts are the last word."""

    @property
    def absent(self) -> int:
        """Not come yet or, once it has ended, never."""
        return self.persons - self.came - self.perhaps


class AdvanceLists(msgspec.Struct, frozen=True, kw_only=True):
    """All lists that the box knows, the next one first."""

    lists: tuple[AdvanceList, ...]


class ExpectedHit(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is on their way and whom a list names: for the second line alone."""

    list: AdvanceList
    coach: str
    seat: str
    name: str
    document: str
    birth_date: str
    check: Check
    """Of the screening when the list was imported."""
    came: bool
