"""The check digit of Doc 9303-3 section 4.9: weights 7-3-1, modulus 10."""

from itertools import cycle
from typing import Final

from appliance.travel_document.errors import UnreadableCharacter

FILLER: Final = "<"
CHARACTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""A character's place here is its value; the filler counts zero."""
_VALUES: Final = {character: value for value, character in enumerate(CHARACTERS)} | {FILLER: 0}
_WEIGHTS: Final = (7, 3, 1)


def check_digit(characters: str) -> str:
    """The digit, as a character, that belongs behind these."""
    try:
        values = [_VALUES[character] for character in characters]
    except KeyError:
        # From None: the chained error would show the traveller's character.
        raise UnreadableCharacter("A check digit covers a character that no MRZ has.") from None
    return str(sum(value * weight for value, weight in zip(values, cycle(_WEIGHTS), strict=False)) % 10)
