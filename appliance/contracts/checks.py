"""The verdict lattice: what a check can say, and what the machine recommends (promise 1)."""

import enum
from typing import Any

import msgspec

from appliance.contracts.paper import PAPER
from appliance.contracts.typed import TYPED_FOR


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


_FINGERS = (
    *("too_few_minutiae", "template_unreadable", "enrolment_unreadable"),
    *("timeout", "unreachable", "device_error"),
)
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
_CHIP = ("chip_not_read",)
_FACE = ("no_portrait", "no_face", "model_unavailable")
_SIGNER = ("signature_not_verified", *_CHIP)
_HASH = ("ok", "different", "not_in_sod", "not_read", "needs_terminal_authentication", "no_sod")
_PROOF = (
    *("proved", "refused", "withheld", "not_offered", "not_read", "not_in_sod", "key_not_authenticated"),
    *("no_chip_to_ask", "not_asked", "unsupported_key"),
    *_CHIP,
)
_STAY = (
    *("no_limit", "nationalities_differ", "clock_unsure", "history_unreadable", "too_many_crossings"),
    *("no_table", "no_rule", "not_asked", "nothing_to_search"),
)
_DOCUMENT_LIST = (
    *("lost", "stolen", "revoked", "blank", "possible_misread", "issuing_state_not_known", "old_list_hit"),
)
_LIST = ("no_hit", "no_hit_old_list", "no_list", "nothing_to_search", "list_unreadable", "list_expired")

CHECKS: dict[str, tuple[str, ...]] = {
    "mrz.read": ("read", "typed_and_in_chip", "not_an_mrz", *TYPED_FOR, PAPER, *_DEVICE, *_NOT_TRIED),
    "mrz.legibility": ("legible", "uncertain_characters"),
    "mrz.sources_agree": ("equal", "different", "not_an_mrz"),
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
    "document.machine_readable": ("not_machine_readable",),
    "document.expiry": ("valid", "expired", "clock_unsure", "no_date"),
    "document.accepted": ("accepted", "not_accepted", "no_rule", "no_table"),
    "chip.expected": ("there", "missing", "no_reader"),
    "chip.read": (
        "read",
        "no_chip",
        "no_mrz",
        "removed",
        "access_denied",
        "chip_error",
        "protection_broken",
        "session_lost",
        *_DEVICE,
        *_NOT_TRIED,
    ),
    "chip.pace": (
        *("used", "not_offered", "offered_not_used", "offered_not_supported", "no_chip_to_ask"),
        *_CHIP,
    ),
    "chip.card_access_matches_dg14": (
        *("equal", "different", "pace_hidden", "malformed", "no_dg14", "not_in_dg14", "not_read"),
        *("key_not_authenticated", *_CHIP),
    ),
    "chip.dg1_matches_mrz": ("equal", "different", "malformed", "no_mrz", *_CHIP),
    "chip.sod_signature": (
        *("ok", "signature_wrong", "content_altered", "wrong_content_type", "unsupported_algorithm"),
        *("no_signer_certificate", "malformed", "no_sod", *_CHIP),
    ),
    "chip.certificate_path": (
        *("trusted", "no_trust_anchor", "no_trust_store", "unknown_authority", "not_issued_by_authority"),
        *_SIGNER,
    ),
    "chip.signer_validity": (
        *("valid", "valid_at_signing", "not_valid_at_signing", "not_yet_valid", "expired_before_document"),
        *("authority_not_valid_then", "signing_time_unknown", "clock_unsure", *_SIGNER),
    ),
    "chip.key_usage": ("ok", "not_for_signatures", "other_kind_of_document", *_SIGNER),
    "chip.revocation": (
        "not_revoked",
        "not_revoked_old_list",
        "revoked",
        "no_crl",
        "no_trusted_path",
        *_CHIP,
    ),
    "chip.issuing_state": ("equal", "different", "unknown_code", "no_country", "no_dg1", *_SIGNER),
    "chip.com_matches_sod": ("equal", "names_more", "hides_data_groups", "malformed", *_CHIP),
    **{f"chip.data_group_hash.dg{number}": _HASH for number in range(1, 17)},
    "chip.passive_authentication": (
        *("verified", "failed", "no_sod", "malformed", "no_data_groups", "unknown_authority"),
        # What stopped it: the reasons of those checks that could not be done.
        *(
            "no_trust_anchor",
            "no_trust_store",
            "clock_unsure",
            "signing_time_unknown",
            "unsupported_algorithm",
        ),
        *("no_signer_certificate", "unknown_code", "no_country", "signature_not_verified", *_CHIP),
    ),
    "chip.active_authentication": ("signature_wrong", *_PROOF),
    "chip.chip_authentication": ("wrong_answer", "other_key", *_PROOF),
    "chip.chip_authentication_mapping": (
        *("proved", "wrong_answer", "not_offered", "key_not_authenticated", *_CHIP),
    ),
    "chip.portrait": ("decoded", "undecodable", *_CHIP),
    "seal.signature": ("ok", "signature_wrong", "no_signer_certificate", "malformed"),
    "seal.certificate_path": (
        *("trusted", "no_trust_anchor", "unknown_authority", "not_issued_by_authority", "revoked"),
        "signature_not_verified",
    ),
    "seal.matches_mrz": ("equal", "different", "no_mrz"),
    "portrait.taken": ("taken", *_DEVICE, *_NOT_TRIED),
    "face.single": ("one_face", "several_faces", *_FACE),
    "face.quality": ("good_enough", "below_profile", *_FACE),
    "face.comparison": (
        "same_person",
        "not_alike",
        "no_chip_portrait",
        "no_face_in_reference",
        "undecodable",
        "other_model",
        "other_reference",
        *_FACE,
    ),
    "face.presentation_attack": ("no_evaluated_method", "indicator_only", "no_portrait"),
    "fingerprint.taken": (
        *(
            "taken",
            "under_age",
            "age_unknown",
            "finger_missing",
            "finger_bandaged",
            "no_finger_could_be_taken",
        ),
        *_DEVICE,
        *_NOT_TRIED,
    ),
    "fingerprint.quality": ("good_enough", "below_quality", "no_fingers"),
    "fingerprint.presentation_attack": (
        *("no_sensor_flag", "sensor_says_live", "sensor_says_not_live", "no_fingers"),
    ),
    "fingerprint.comparison": (
        *("same_finger", "not_alike", "no_enrolment", "other_fingers", "no_fingers", *_FINGERS),
    ),
    "fingerprint.search": ("no_hit", "other_identity", "not_asked", "no_fingers", *_FINGERS),
    "fingerprint.chip": ("no_terminal_authentication",),
    "watchlist.document": (*_LIST, *_DOCUMENT_LIST),
    "watchlist.personal_number": (*_LIST, "match", "possible_match", "old_list_hit", "not_same_person"),
    "watchlist.person": (*_LIST, "match", "possible_match", "old_list_hit", "not_same_person"),
    "watchlist.visa": (*_LIST, *_DOCUMENT_LIST),
    "watchlist.vehicle": (*_LIST, *_DOCUMENT_LIST),
    "history.crossings": (
        *("ok", "same_direction_again", "stay_exceeded", "no_entry_known", "history_unreadable"),
        *("nothing_to_search", "not_asked"),
    ),
    "stated.answers": ("answered", "must_be_asked"),
    "stay.legs": ("complete", "proved", "entry_missing", "exit_missing"),
    "stay.allowed": ("days_left", "used_up", "perhaps_used_up", *_STAY),
    "stay.days": ("within", "overstayed", "entry_missing", *_STAY),
    "visa.shown": ("shown", "typed", "issued_here", "missing", "skipped"),
    "visa.mrz": ("ok", "faulty"),
    "visa.issuer": ("serves", "does_not_serve"),
    "visa.holder": ("same", "different"),
    "visa.passport_number": ("same", "not_found", "not_in_mrz"),
    "visa.validity": ("valid", "expired", "clock_unsure", "no_date"),
    "visa.entries": ("entries_left", "entries_used_up", "not_told", "not_asked", "history_unreadable"),
    "visa.application": ("undecided",),
    "group.count": ("within_declared", "more_than_declared"),
    "advance.list": (
        *("listed", "listed_otherwise", "perhaps_listed", "not_on_the_list", "on_no_list", "no_list"),
        "lists_unreadable",
    ),
    "risk.rule": ("none_fits", "rule_fits", "facts_missing", "review_expired"),
    "child.guardian": (
        *("with_guardian", "unaccompanied", "said_to_be_alone", "name_differs", "guardian_not_admitted"),
    ),
    "watchlist.live": (
        *("no_hit", "match", "possible_match", "lost", "stolen", "revoked", "blank"),
        *("no_link", "no_answer", "not_asked", "register_unreachable"),
    ),
}
"""Every check of this house and every reason that it can give; each has words in every language."""
