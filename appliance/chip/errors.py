"""What can go wrong with a chip, so that callers branch on the class and people read the sentence."""

# EmrtdError                      of appliance.travel_document.lds.errors
# ├── ChipError
# │   ├── ChipGone                the chip left the field
# │   ├── ChipTimeout             the chip, or the whole reading, took too long
# │   ├── NotAnEmrtd              the chip has no eMRTD application
# │   ├── AccessDenied            the chip does not accept the keys made from the MRZ or the CAN
# │   │   └── AccessUnavailable   the chip does not take part in this protocol at all (PACE only, for one)
# │   ├── ProtocolFailed          PACE or Chip Authentication did not come to its end; carries the step
# │   └── FileError               the chip would not give a file; carries the status word
# │       └── FileAbsent          it says that it has no such file
# ├── UnusableMrz, UnusableCan    no access keys can be made (appliance.secure_messaging.errors)
# ├── SecureMessagingError        an answer without valid protection: somebody may be in between
# │   └── SessionEnded            a bare error status: the chip itself gave up the session
# └── Malformed                   bytes that no reading of the standard allows
#     ├── LimitExceeded           well-formed, but larger, deeper or longer than any honest chip needs
#     └── UnsupportedEncoding     a form of the standard that is not read here

from appliance.travel_document.lds.errors import EmrtdError


class ChipError(EmrtdError):
    """What a chip did not do, in one plain sentence without a traveller's data."""


class ChipGone(ChipError):
    """The chip left the reader's field."""


class ChipTimeout(ChipError):
    """The chip, or the whole reading, took too long."""


class NotAnEmrtd(ChipError):
    """The chip has no eMRTD application."""


class AccessDenied(ChipError):
    """The chip does not accept the keys made from the MRZ or the CAN."""


class AccessUnavailable(AccessDenied):
    """The chip does not take part in this access protocol."""


class ProtocolFailed(ChipError):
    """A protocol did not come to its end; `step` says where, `status_word` what the chip said to it."""

    def __init__(self, step: str, sentence: str, status_word: int | None = None) -> None:
        super().__init__(sentence)
        self.step = step
        self.status_word = status_word


class FileError(ChipError):
    """The chip would not give a file."""

    def __init__(self, name: str, status_word: int, sentence: str | None = None) -> None:
        super().__init__(sentence or f"The chip refuses EF.{name} with status {status_word:04X}.")
        self.name = name
        self.status_word = status_word


class FileAbsent(FileError):
    """The chip says that it has no such file."""

    def __init__(self, name: str, status_word: int) -> None:
        super().__init__(name, status_word, f"The chip has no EF.{name}.")
