"""The verdict lattice: what a check can say, and what the machine recommends (promise 1)."""

import enum
from typing import Any

import msgspec


class Verdict(enum.StrEnum):
    """PASS and FAIL were found out; NOT_DONE was not tried; CANNOT was tried in vain."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    NOT_DONE = "NOT_DONE"
    CANNOT = "CANNOT"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check: `id` is area.what, `reason` a code, `evidence` what it saw and leaned on.

    The age of a list is in the evidence as `list_age_hours`, so that "no hit" is never said without it.
    """

    id: str
    verdict: Verdict
    reason: str
    evidence: dict[str, Any] = {}


class Recommendation(enum.StrEnum):
    """What the machine recommends; the officer decides."""

    GREEN = "GREEN"
    AMBER = "AMBER"
    RED = "RED"

    @property
    def severity(self) -> int:
        return ("GREEN", "AMBER", "RED").index(self.value)


class Outcome(enum.StrEnum):
    """What the officer decided."""

    ADMITTED = "admitted"
    REFERRED = "referred"


class Direction(enum.StrEnum):
    """Which way the traveller goes."""

    ENTRY = "entry"
    EXIT = "exit"


_NOT_TRIED = ("skipped", "not_asked", "not_supported")
_DEVICE = ("no_device", "timeout", "unreadable", "device_gone", "device_error", "unreachable")
_DIGIT = (
    "ok",
    "check_digit_differs",
    "filler_instead_of_check_digit",
    "not_a_digit",
    "letter_digit_confusion",
    "maybe_letter_digit_confusion",
    "unreadable_character",
)
_CODE = ("ok", "unknown_code", "no_code", "not_an_issuer", "letter_digit_confusion")
_CHIP = ("chip_not_read", "not_supported")
_DOCUMENT_LIST = ("lost", "stolen", "revoked", "blank", "possible_misread", "old_list_hit")
_LIST = ("no_hit", "no_hit_old_list", "no_list", "nothing_to_search", "list_unreadable", "list_expired")

CHECKS: dict[str, tuple[str, ...]] = {
    "mrz.read": ("read", "not_an_mrz", *_DEVICE, *_NOT_TRIED),
    "mrz.document_code": ("ok", "not_of_this_format"),
    "mrz.characters": ("ok", "wrong_kind", "unreadable_character", "letter_digit_confusion"),
    "mrz.name": (
        "ok",
        "may_be_truncated",
        "no_name",
        "starts_with_filler",
        "gap_in_name",
        "second_separator",
    ),
    "mrz.issuing_state_code": _CODE,
    "mrz.nationality_code": _CODE,
    "mrz.dates_plausible": ("ok", "zeros_for_unknown", "not_a_date", "expires_before_birth"),
    "mrz.document_number_check_digit": _DIGIT,
    "mrz.birth_date_check_digit": _DIGIT,
    "mrz.expiry_date_check_digit": _DIGIT,
    "mrz.optional_data_check_digit": _DIGIT,
    "mrz.composite_check_digit": _DIGIT,
    "document.expiry": ("valid", "expired", "clock_unsure", "no_date"),
    "chip.read": (
        "read",
        "no_chip",
        "no_mrz",
        "removed",
        "access_denied",
        "chip_error",
        "protection_broken",
        *_DEVICE,
        *_NOT_TRIED,
    ),
    "chip.pace": ("not_offered", "offered_not_supported", *_CHIP),
    "chip.dg1_matches_mrz": ("equal", "different", "malformed", "no_mrz", *_CHIP),
    "chip.passive_authentication": _CHIP,
    "chip.active_authentication": _CHIP,
    "chip.chip_authentication": _CHIP,
    "chip.portrait": ("decoded", "undecodable", *_CHIP),
    "portrait.taken": ("taken", *_DEVICE, *_NOT_TRIED),
    "face.quality": ("not_supported",),
    "face.comparison": ("not_supported",),
    "finger.comparison": ("not_supported",),
    "watchlist.document": (*_LIST, *_DOCUMENT_LIST),
    "watchlist.personal_number": (*_LIST, "match", "possible_match", "old_list_hit", "not_same_person"),
    "watchlist.person": (*_LIST, "match", "possible_match", "old_list_hit", "not_same_person"),
    "watchlist.visa": (*_LIST, *_DOCUMENT_LIST),
    "watchlist.vehicle": (*_LIST, *_DOCUMENT_LIST),
    "watchlist.live": (
        *("no_hit", "match", "possible_match", "lost", "stolen", "revoked", "blank"),
        *("no_link", "no_answer", "not_asked", "register_unreachable"),
    ),
}
"""Every check of this house and every reason that it can give; each has words in every language."""
