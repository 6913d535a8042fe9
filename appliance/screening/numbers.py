"""Numbers and codes as page, chip and list can be compared (Doc 9303-3 section 4.7)."""

import re
from typing import Final

MAX_NUMBER_CHARACTERS: Final = 64
"""Twice the longest number that a TD1 can carry on its two fields."""
_NOT_IN_NUMBER: Final = re.compile("[^A-Z0-9]")
_SAME_STATE: Final = {"DEU": "D", "ROM": "ROU", "ZAR": "COD", "TMP": "TLS"}
"""Germany is D in every MRZ and DEU in every other table of codes; the others are codes of before."""


def normalise_number(text: str) -> str:
    """Upper case, without fillers and separators."""
    return _NOT_IN_NUMBER.sub("", text[:MAX_NUMBER_CHARACTERS].upper())


def normalise_state(text: str) -> str:
    """A state's code without fillers."""
    code = text.strip().strip("<").upper()
    return _SAME_STATE.get(code, code)
