"""Who works at the box: names, roles, and what an officer says with a PIN."""

import enum
from typing import Annotated

import msgspec

MAX_REASON = 500
MIN_REASON = 10
"""Characters: a word is no reason."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Pin = Annotated[str, msgspec.Meta(max_length=64)]


class Role(enum.StrEnum):
    """What an officer may do."""

    OFFICER = "officer"
    """Decide about travellers."""
    SECOND_LINE = "second_line"
    """Close referred cases."""
    SUPERVISOR = "supervisor"
    """Review what was released, and say who works here."""
    TECHNICIAN = "technician"
    TRAINER = "trainer"


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An officer takes the box over; an empty name: the shift ends, or whose card it is says who."""

    name: Annotated[str, msgspec.Meta(max_length=64)]
    pin: Pin = ""
    card: bool = False
    """The card alone, without name and PIN."""


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A traveller under RED is let go on by one officer, with PIN and reason; a supervisor reviews it."""

    crossing: str
    name: Name
    pin: Pin
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON)]


class OfficerView(msgspec.Struct, frozen=True, kw_only=True):
    """One who may log in."""

    name: str
    roles: tuple[Role, ...]
    card: bool = False
    """Has a card, which is asked for with the PIN."""
    card_alone: bool = False
    """And may log in with it alone."""


class OfficerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it was taken, or why not."""

    taken: bool
    problem: str = ""
    """A code of OFFICER_PROBLEMS."""
    minutes: int = 0
    """With `locked`: how long still."""


CARD_PROBLEMS = (
    *("no_reader", "no_card", "foreign_card", "card_unproven", "card_busy"),
    *("wrong_card", "unknown_card", "card_and_pin"),
)
OFFICER_PROBLEMS = (
    *("unknown", "wrong_pin", "locked", "not_allowed", "no_reason", "gone", "storage"),
    *CARD_PROBLEMS,
)
