"""A name as parts in the MRZ's alphabet (Doc 9303-3 section 4.6), with what each part weighs."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from appliance.screening.names.rarity import is_light, nats_of_parts
from appliance.screening.names.scripts import is_unvowelled, romanised

MAX_NAME_CHARACTERS: Final = 512
"""Far above any name; bounds the work that one entry or one traveller can cause."""
MAX_PARTS: Final = 12

TITLES: Final = frozenset(
    (
        *(
            "MR",
            "MRS",
            "MS",
            "MISS",
            "DR",
            "PROF",
            "SIR",
            "SHEIKH",
            "SHAIKH",
            "SHAYKH",
            "CHEIKH",
            "SHEIK",
            "HAJI",
        ),
        *(
            "HAJJI",
            "HAJ",
            "HAJJ",
            "HADJI",
            "ALHAJI",
            "MULLAH",
            "MULLA",
            "MAULAVI",
            "MAWLAWI",
            "MAULVI",
            "MOLVI",
        ),
        *(
            "SAYYID",
            "SAYED",
            "SEYED",
            "SYED",
            "SAYYED",
            "USTAD",
            "USTADH",
            "QARI",
            "HAFIZ",
            "ENG",
            "ENGINEER",
        ),
        *(
            "GENERAL",
            "GEN",
            "COLONEL",
            "COL",
            "MAJOR",
            "CAPT",
            "CAPTAIN",
            "COMMANDER",
            "BRIGADIER",
            "LT",
            "LIEUTENANT",
        ),
        *(
            "DOCTOR",
            "PROFESSOR",
            "IMAM",
            "AMIR",
            "EMIR",
            "KHALIFA",
            "MULA",
            "MAULANA",
            "MOULAVI",
            "DON",
            "DONA",
        ),
    )
)
"""Ranks and honours, which lists print and passports do not."""
PLACEHOLDERS: Final = frozenset(
    {"FNU", "LNU", "NFN", "NLN", "UNKNOWN", "UNK", "XXX", "NIL", "NONE", "NOTKNOWN", "ONU"}
)
"""What some states print where a name is missing."""

_NOT_LETTERS: Final = re.compile(r"[^A-Z]+")
_JOINING: Final = re.compile(r"['\u2019\u02bc\u02bb\u2018`\u00b4\u02b9\u02ba\u02be\u02bf\u2032.\"]")
"""Apostrophes and full stops are left out, everything else that is no letter separates (Doc 9303-3, 4.6)."""
_BRACKETS: Final = re.compile(r"\([^()]*\)?")
"""Lists put another spelling, or the original one, in brackets behind a name."""
_STOPPED_INITIALS: Final = re.compile(r"\b([^\W\d_])\.\s*(?=[^\W\d_])")
_DIGIT_FOR_LETTER: Final = str.maketrans("0125684", "OIZSGBA")
"""Inside a name a reader meant the letter (Doc 9303-3 section 4.6: a name field has no digits)."""
_LETTER_AND_DIGIT: Final = re.compile(r"(?=[^\W_]*[A-Z])(?=[^\W_]*\d)[^\W_]+")


@dataclass(frozen=True)
class PersonName:
    """Primary and secondary identifier as parts; a name whose parts nobody told apart has no secondary."""

    primary: tuple[str, ...]
    secondary: tuple[str, ...] = ()
    unvowelled: bool = False
    """It came in a script that leaves vowels out."""

    @classmethod
    def of(cls, primary: str, secondary: str = "") -> "PersonName":
        """From any script. `primary` alone may hold a whole name: `A<<B`, `A, B`, or its parts in a row."""
        return _name_of(primary[:MAX_NAME_CHARACTERS], secondary[:MAX_NAME_CHARACTERS])

    @cached_property
    def parts(self) -> tuple[str, ...]:
        return (self.primary + self.secondary)[:MAX_PARTS]

    @cached_property
    def nats(self) -> tuple[float, ...]:
        """What each part tells."""
        return nats_of_parts(self.parts)

    @cached_property
    def heavy(self) -> tuple[str, ...]:
        """The parts that tell people apart; all of them when there are no such."""
        return tuple(part for part in self.parts if len(part) > 1 and not is_light(part)) or self.parts

    @cached_property
    def joined(self) -> tuple[str, ...]:
        """Everything in a row, in each order of the two identifiers."""
        forward, backward = "".join(self.parts), "".join(self.secondary + self.primary)
        return (forward,) if forward == backward else (forward, backward)

    @cached_property
    def ordered(self) -> str:
        """Everything in a row, the parts by alphabet: the same for every order."""
        return "".join(sorted(self.parts))


@lru_cache(maxsize=65536)
def _name_of(primary: str, secondary: str) -> PersonName:
    primary, secondary = _without_brackets(primary), _without_brackets(secondary)
    if not secondary:
        for separator in ("<<", ","):
            primary, found, secondary = primary.partition(separator)
            if found:
                break
    return PersonName(
        parts_of(primary), parts_of(secondary), unvowelled=is_unvowelled(primary) or is_unvowelled(secondary)
    )


def _without_brackets(text: str) -> str:
    plain = _BRACKETS.sub(" ", text)
    return plain if any(map(str.isalpha, plain)) else text


def parts_of(text: str) -> tuple[str, ...]:
    """The parts of one identifier in the MRZ's alphabet; titles and placeholders are none."""
    plain = _STOPPED_INITIALS.sub(r"\1 ", text)
    plain = _JOINING.sub("", plain if plain.isascii() else romanised(_JOINING.sub("", plain))).upper()
    plain = _LETTER_AND_DIGIT.sub(lambda found: found.group().translate(_DIGIT_FOR_LETTER), plain)
    parts = [part for part in _NOT_LETTERS.sub(" ", plain).split() if part not in PLACEHOLDERS]
    # A name that is all titles is somebody's name after all.
    return tuple([part for part in parts if part not in TITLES] or parts)[:MAX_PARTS]
