"""What can go wrong with a chip, so that callers branch on the class and people read the sentence."""

# ChipError
# ├── ChipGone                the chip left the field
# ├── ChipTimeout             the chip, or the whole reading, took too long
# ├── UnusableMrz             the MRZ information is not what access keys are derived from
# ├── NotAnEmrtd              the chip has no eMRTD application
# ├── AccessDenied            the chip does not accept the keys made from the MRZ
# │   └── AccessUnavailable   the chip does not take part in this protocol at all (PACE only, for one)
# ├── SecureMessagingError    an answer without valid protection: somebody may be in between
# │   └── SessionEnded        a bare error status: the chip itself gave up the session
# ├── FileError               the chip would not give a file; carries the status word
# │   └── FileAbsent          it says that it has no such file
# └── Malformed               bytes that no reading of the standard allows
#     ├── LimitExceeded       well-formed, but larger, deeper or longer than any honest chip needs
#     └── UnsupportedEncoding a form of the standard that is not read here


class ChipError(Exception):
    """What a chip could not do, in one plain sentence without a traveller's data."""


class ChipGone(ChipError):
    """The chip left the reader's field."""


class ChipTimeout(ChipError):
    """The chip, or the whole reading, took too long."""


class UnusableMrz(ChipError):
    """The MRZ information is not what access keys are derived from."""


class NotAnEmrtd(ChipError):
    """The chip has no eMRTD application."""


class AccessDenied(ChipError):
    """The chip does not accept the keys made from the MRZ."""


class AccessUnavailable(AccessDenied):
    """The chip does not take part in this access protocol."""


class SecureMessagingError(ChipError):
    """An answer came without valid protection after secure messaging was set up."""


class SessionEnded(SecureMessagingError):
    """A bare error status, the way a chip says that it gave up the session (Doc 9303-11, 9.8).

    It claims no success and carries no data, so believing it gains an attacker nothing that pulling
    the document away would not.
    """

    def __init__(self, status_word: int) -> None:
        super().__init__(f"The chip ended the protected session with status {status_word:04X}.")
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


class Malformed(ChipError):
    """Bytes that no reading of the standard allows."""


class LimitExceeded(Malformed):
    """Larger, deeper or longer than any honest chip needs."""


class UnsupportedEncoding(Malformed):
    """A form of the standard that is not read here."""
