"""Why the gate turns something away: a reason for programs, a sentence for whoever brought it."""

import enum


class Reason(enum.StrEnum):
    """Why something was not installed."""

    TOO_LARGE = "too_large"
    NOT_SIGNED = "not_signed"
    BAD_SIGNATURE = "bad_signature"
    MALFORMED = "malformed"
    INCOMPLETE = "incomplete"
    NOT_FOR_THIS_BOX = "not_for_this_box"
    DAMAGED = "damaged"
    EXPIRED = "expired"
    OLDER = "older"
    NOT_USABLE = "not_usable"
    STORAGE = "storage"


class Refused(Exception):
    """What arrived is not installed; what was there before stays."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
