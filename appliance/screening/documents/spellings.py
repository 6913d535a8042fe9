"""Which numbers a reader may have meant: characters of OCR-B that are taken for one another (Doc 9303-3,
4.9).

The check digit of a number sees most such slips, but not all: G and 6, L and 1 have the same weight modulo
10, and two slips may cancel out. So the spellings that keep the printed check digit are always asked too;
when the digit does not fit, any spelling may be the true one. What is found so is a possibility, never a
plain hit.
"""

from collections.abc import Iterator
from itertools import combinations, islice, product
from typing import Final

from appliance.travel_document.check_digit import check_digit

MAX_SPELLINGS: Final = 512
"""Two letters and seven digits, all of them doubtful: 2^9."""
MAX_CHANGES_UNCHECKED: Final = 1
"""Without a check digit more changes than one bring more strangers than slips."""
MAX_CHANGES: Final = 9
_GROUPS: Final = ("O0", "I1L", "B8", "S5", "Z2", "G6")
_PLATE_GROUPS: Final = ("O0DQ", "I1LT", "B8", "S5", "Z2", "G6", "VU")
_ALIKE: Final = {letter: group.replace(letter, "") for group in _GROUPS for letter in group}
_ALIKE_ON_PLATES: Final = {letter: group.replace(letter, "") for group in _PLATE_GROUPS for letter in group}


def spellings(number: str, *, check_digit_fits: bool | None) -> tuple[str, ...]:
    """Other spellings of a document's number, the fewest changes first; None: it has no check digit."""
    most = MAX_CHANGES_UNCHECKED if check_digit_fits is None else MAX_CHANGES
    digit = check_digit(number) if check_digit_fits else None
    return tuple(_first(_variants(number, _ALIKE, most), digit))


def plate_spellings(plate: str) -> tuple[str, ...]:
    """Other spellings of a number plate: one character changed."""
    return tuple(_first(_variants(plate, _ALIKE_ON_PLATES, 1), None))


def _first(variants: Iterator[str], digit: str | None) -> Iterator[str]:
    looked_at = islice(variants, 8 * MAX_SPELLINGS)
    fitting = (variant for variant in looked_at if digit is None or check_digit(variant) == digit)
    return islice(fitting, MAX_SPELLINGS)


def _variants(number: str, alike: dict[str, str], most: int) -> Iterator[str]:
    doubtful = [place for place, letter in enumerate(number) if letter in alike]
    for changes in range(1, min(most, len(doubtful)) + 1):
        for places in combinations(doubtful, changes):
            for letters in product(*(alike[number[place]] for place in places)):
                changed = list(number)
                for place, letter in zip(places, letters, strict=True):
                    changed[place] = letter
                yield "".join(changed)
