"""What a broken, counterfeit or hostile chip does, as one word each."""

import enum


class Misbehaviour(enum.StrEnum):
    """One way of not being an honest chip."""

    NONE = "none"
    GARBAGE = "garbage"
    """Answers random bytes to everything."""
    EMPTY_ANSWER = "empty_answer"
    """Answers nothing at all, not even a status."""
    NO_APPLICATION = "no_application"
    """Some other contactless card: no eMRTD application."""
    REFUSES_BAC = "refuses_bac"
    """Answers 6A88, as chips do that speak PACE only."""
    CANNOT_PROVE_KEYS = "cannot_prove_keys"
    """Accepts every terminal, and answers with a token made of nothing."""
    PLAIN_ANSWER_AFTER_SM = "plain_answer_after_sm"
    """Reads in the clear within the protected session."""
    WRONG_MAC = "wrong_mac"
    NO_PROTECTED_STATUS = "no_protected_status"
    """Leaves DO99 out, with a right authentication code."""
    TRUNCATED_ANSWER = "truncated_answer"
    """Cuts the protected data in half, the status kept."""
    HUGE_LENGTH = "huge_length"
    """Files begin with a length of 16 MB."""
    ENDLESS_FILE = "endless_file"
    """Files claim the most that is allowed and come one byte at a time."""
    EMPTY_READS = "empty_reads"
    """Reads succeed and give nothing."""
    WRONG_FILE = "wrong_file"
    """Whatever is selected, EF.COM is read."""
    LE_256_REFUSED = "le_256_refused"
    """An old chip: no block of 256 bytes or more, and the session is lost over it."""
    LE_ABOVE_160_REFUSED = "le_above_160_refused"
    """A shyer one."""
    SESSION_DROPS = "session_drops"
    """Gives up the session at every read, whatever its size."""
    SLOW = "slow"
    """Takes long over every command."""
    DIES_MID_FILE = "dies_mid_file"
    """Leaves the field after a few reads."""


HUGE_HEADER_LENGTH = bytes.fromhex("83FFFFFF")
ENDLESS_HEADER_LENGTH = bytes.fromhex("82FFF0")
READS_BEFORE_DEATH = 5
SLOW_SECONDS = 0.5
"""A command; a whole reading takes some hundred of them."""

MAX_LE = {Misbehaviour.LE_256_REFUSED: 255, Misbehaviour.LE_ABOVE_160_REFUSED: 160}
