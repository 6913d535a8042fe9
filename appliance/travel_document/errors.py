"""What a travel document's text could not be: one tree, no traveller's data in any message."""

# MrzError
# ├── NotAnMrz              the lines have no shape of Doc 9303
# ├── UnreadableCharacter   a value was asked of characters that no MRZ has
# ├── ImpossibleDate        day, month and year that no calendar has
# ├── NotDataGroup1         the chip's DG1 does not hold an MRZ
# ├── CannotTransliterate   a character that Doc 9303-3 section 6 does not know
# └── CannotRepresent       a value that the chosen format has no place for


class MrzError(ValueError):
    """What could not be read as, or written into, a machine readable zone."""


class NotAnMrz(MrzError):
    """The lines are not two of 36 or 44 characters, nor three of 30."""


class UnreadableCharacter(MrzError):
    """A check digit was asked of characters other than A-Z, 0-9 and the filler."""


class ImpossibleDate(MrzError):
    """No calendar has this day."""


class NotDataGroup1(MrzError):
    """The bytes are not EF.DG1 with an MRZ in it."""


class CannotTransliterate(MrzError):
    """A character has no transliteration; `position` and `code_point` say which, the message only where."""

    def __init__(self, message: str, *, position: int, code_point: int) -> None:
        super().__init__(message)
        self.position = position
        self.code_point = code_point


class CannotRepresent(MrzError):
    """The chosen format has no place for this value; `field` says which."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
