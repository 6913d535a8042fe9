"""What a broken, peculiar, counterfeit or hostile chip does, as one word each."""

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
    SHORT_READS = "short_reads"
    """Gives at most 100 bytes, however many are asked for."""
    WRONG_LE = "wrong_le"
    """Answers 6C80 to longer reads: ask for 128 bytes."""
    NO_SHORT_IDS = "no_short_ids"
    """Does not read by short identifiers: 6A86."""
    PACE_FAILS = "pace_fails"
    """Answers 6FFF in the middle of PACE; BAC works."""
    PACE_DENIES = "pace_denies"
    """Refuses the right password at PACE's last step, every time; BAC works."""
    PACE_CANNOT_PROVE = "pace_cannot_prove"
    """Ends PACE with a token made of nothing."""
    PACE_HIDDEN = "pace_hidden"
    """EF.CardAccess is gone, though DG14 lists PACE; BAC works."""
    CLONE = "clone"
    """Every file is right, and none of the private keys is there."""
    WITHHOLDS_KEYS = "withholds_keys"
    """A clone that has DG14 and DG15 no more, and an EF.COM without them."""
    REFUSES_CHIP_AUTHENTICATION = "refuses_chip_authentication"
    REFUSES_ACTIVE_AUTHENTICATION = "refuses_active_authentication"
    QUIRK_PACE_ONCE = "quirk_pace_once"
    """Greece: the right password is refused the first time."""
    QUIRK_PACE_PARAMETERS = "quirk_pace_parameters"
    """Ukraine: must be told its only domain parameters."""
    QUIRK_LE_ON_SELECT = "quirk_le_on_select"
    """Germany: a SELECT or MSE that has an Le is refused."""
    QUIRK_CARD_ACCESS_PATH = "quirk_card_access_path"
    """Denmark: EF.CardAccess is reached through the master file only."""
    QUIRK_LONGEST_LE = "quirk_longest_le"
    """China: an Le of 65,536 is answered with nothing."""
    QUIRK_SHORT_SIGNATURE = "quirk_short_signature"
    """Australia: a long signature is cut to a short answer without a word."""


HUGE_HEADER_LENGTH = bytes.fromhex("83FFFFFF")
ENDLESS_HEADER_LENGTH = bytes.fromhex("82FFF0")
READS_BEFORE_DEATH = 5
SLOW_SECONDS = 0.5
"""A command; a whole reading takes some hundred of them."""
SHORT_READ_BYTES = 100
EXACT_LE = 0x80
"""What WRONG_LE asks for."""

MAX_LE = {Misbehaviour.LE_256_REFUSED: 255, Misbehaviour.LE_ABOVE_160_REFUSED: 160}

BY_STATE = {
    "GRC": Misbehaviour.QUIRK_PACE_ONCE,
    "UKR": Misbehaviour.QUIRK_PACE_PARAMETERS,
    "D": Misbehaviour.QUIRK_LE_ON_SELECT,
    "DNK": Misbehaviour.QUIRK_CARD_ACCESS_PATH,
    "CHN": Misbehaviour.QUIRK_LONGEST_LE,
    "AUS": Misbehaviour.QUIRK_SHORT_SIGNATURE,
}
"""Whose chips were seen to do it (reports of open readers); France's is in what DG14 says, not in what the
chip does."""
