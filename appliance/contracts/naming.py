"""What the officers' page says to the lane, and what it is told; and how somebody whom central has appointed
says who they are."""

from typing import Annotated, Final

import msgspec

from appliance.contracts.officers import Name, Pin, Role

ACTS: Final = ("add", "pin", "roles", "remove", "unlock", "card", "card_away")
"""What a supervisor can have done; `add` is of somebody new, all others of who works here."""
APPOINTMENT_PROBLEMS: Final = (
    *("appointment_foreign", "appointment_other_box", "appointment_over", "appointment_spent"),
)
"""Why what lies on the stick appoints nobody."""
NAMING_PROBLEMS: Final = (
    *("pins_differ", "bad_pin", "easy_pin", "bad_name", "no_roles", "full"),
    *("there_already", "not_there", "last_supervisor", "card_taken", "no_card_here"),
    *("no_supervisor", "wrong_code", "not_appointed", *APPOINTMENT_PROBLEMS),
)
"""Why something was not done, besides OFFICER_PROBLEMS and what ends a visit (BENCH_PROBLEMS)."""


class Appoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom central has appointed: the code that they were told, and the PIN that they choose, twice."""

    name: Name
    code: Annotated[str, msgspec.Meta(max_length=64)]
    pin: Pin
    again: Pin


class OpenOfficers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A supervisor begins, with PIN."""

    name: Annotated[str, msgspec.Meta(max_length=64)] = ""
    pin: Pin = ""


class Act(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change, with the supervisor's PIN once more."""

    what: Annotated[str, msgspec.Meta(max_length=16)]
    """One of ACTS."""
    name: Annotated[str, msgspec.Meta(max_length=128)]
    """Whom it is about."""
    roles: tuple[Role, ...] = ()
    """With `add` and `roles`."""
    pin: Pin = ""
    """The officer's own, with `add` and `pin`, typed by who it is for."""
    again: Pin = ""
    own_pin: Pin = ""
    """The supervisor's."""


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it was done, or with `card` begun; a code of OFFICER_PROBLEMS or NAMING_PROBLEMS where not."""

    taken: bool
    problem: str = ""
    minutes: int = 0
    """With `locked`: how long still."""


class OfficerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One who works here."""

    name: str
    roles: tuple[Role, ...]
    card: bool
    locked_minutes: int = 0
    """Locked out for so long still, after wrong PINs."""


class OfficersView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows."""

    by: str
    """The supervisor."""
    officers: tuple[OfficerLine, ...]
    card_for: str = ""
    """Whose card is waited for on the reader."""
    card_problem: str = ""
    """Why the latest card was not given."""
    readable: bool = True
    """Whether the book could be read."""
