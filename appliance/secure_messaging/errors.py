"""What can go wrong with a protected channel to a chip."""

# EmrtdError
# ├── UnusableMrz             the MRZ information is not what access keys are derived from
# ├── UnusableCan             the card access number is not six digits
# └── SecureMessagingError    an answer without valid protection: somebody may be in between
#     └── SessionEnded        a bare error status: the chip itself gave up the session

from appliance.travel_document.lds.errors import EmrtdError


class UnusableMrz(EmrtdError):
    """The MRZ information is not what access keys are derived from."""


class UnusableCan(EmrtdError):
    """The card access number is not what access keys are derived from."""


class SecureMessagingError(EmrtdError):
    """An answer came without valid protection after secure messaging was set up."""


class SessionEnded(SecureMessagingError):
    """A bare error status, the way a chip says that it gave up the session (Doc 9303-11, 9.8).

    It claims no success and carries no data, so believing it gains an attacker nothing that pulling
    the document away would not.
    """

    def __init__(self, status_word: int) -> None:
        super().__init__(f"The chip ended the protected session with status {status_word:04X}.")
        self.status_word = status_word
