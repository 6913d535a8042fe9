"""Names in the MRZ's alphabet, and how alike two of them are (Doc 9303-3 section 4.6).

Two scores, the better of which counts, because each has a hole: Jaro-Winkler over the whole name
survives joined and cut-off parts, the alignment of parts survives another order, missing parts and
another spelling.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from rapidfuzz.distance import OSA, JaroWinkler

from appliance.travel_document import transliterate

MAX_NAME_CHARACTERS: Final = 512
"""Far above any name; bounds the work that one entry or one traveller can cause."""
MAX_PARTS: Final = 16

LIGHT: Final = frozenset(
    (
        *("AL", "EL", "ABU", "ABD", "BIN", "BEN", "IBN", "BINT", "UL", "UD", "ADDIN"),
        *("OGLU", "OGLY", "UGLI", "KYZY", "KIZI", "QIZI", "UULU", "ULY"),
        *("DE", "DA", "DI", "DO", "DOS", "DEL", "DER", "DEN", "VAN", "VON", "LA", "LE", "ST", "JR", "SR"),
    )
)
"""Parts that come and go between two documents of one person: they weigh little."""
PLACEHOLDERS: Final = frozenset({"FNU", "LNU", "NFN", "NLN", "UNKNOWN", "XXX"})
"""What some states print where a name is missing."""
LIGHT_WEIGHT: Final = 0.25

SAME_SOUND: Final = 0.93
"""Likeness of two parts whose consonants agree once spelling habits are removed."""
MIN_PART_LIKENESS: Final = 0.72
"""Below it two parts are two parts: random names of six letters reach 0.6 now and then."""
WHOLE_ALONE: Final = 0.92
"""Jaro-Winkler of names that agree in no part is mostly chance; joined parts reach far above this."""
CUT_LIKENESS: Final = 0.97
"""The MRZ cuts the last part off, or leaves an initial of it (Doc 9303-4, 4.2.3)."""
INITIAL_LIKENESS: Final = 0.75
"""An initial agrees with one name in twenty."""

_NOT_LETTERS: Final = re.compile(r"[^A-Z]+")
_JOINING: Final = re.compile(r"['’ʼʻ`.]")
"""Apostrophes and full stops are left out, everything else that is no letter separates (Doc 9303-3, 4.6)."""
_SPELLINGS: Final = (
    # Longest first: Kyrgyz, Russian, Arabic and Turkic names as English, French, ICAO's, Soviet tables do.
    ("SHCH", "S"),
    ("TCH", "C"),
    ("SCH", "S"),
    ("DZH", "J"),
    ("XSH", "S"),
    ("XKH", "H"),
    ("KH", "H"),
    ("GH", "G"),
    ("SH", "S"),
    ("ZH", "J"),
    ("DJ", "J"),
    ("DZ", "J"),
    ("CH", "C"),
    ("TH", "T"),
    ("DH", "D"),
    ("PH", "F"),
    ("CK", "K"),
    ("TS", "S"),
    ("TZ", "S"),
    ("OU", "U"),
    ("Q", "K"),
    ("X", "K"),
    ("W", "V"),
    ("Z", "S"),
    ("G", "J"),
)
_VOWELS: Final = re.compile("[AEIOUY]+")
_DOUBLED: Final = re.compile(r"(.)\1+")


@dataclass(frozen=True)
class PersonName:
    """Primary and secondary identifier as parts; a name whose parts nobody told apart has no secondary."""

    primary: tuple[str, ...]
    secondary: tuple[str, ...] = ()

    @classmethod
    def of(cls, primary: str, secondary: str = "") -> "PersonName":
        """From any script. `primary` alone may hold a whole name: `A<<B`, `A, B`, or its parts in a row."""
        primary = primary[:MAX_NAME_CHARACTERS]
        if not secondary:
            for separator in ("<<", ","):
                primary, found, secondary = primary.partition(separator)
                if found:
                    break
        return cls(parts_of(primary), parts_of(secondary[:MAX_NAME_CHARACTERS]))

    @cached_property
    def parts(self) -> tuple[str, ...]:
        return (self.primary + self.secondary)[:MAX_PARTS]

    @cached_property
    def forward(self) -> str:
        return "".join(self.parts)

    @cached_property
    def backward(self) -> str:
        return "".join(self.secondary + self.primary)

    @cached_property
    def sounds(self) -> frozenset[str]:
        """Sounds of the parts that carry weight: two names that share none are not aligned at all."""
        heavy = [part for part in self.parts if part not in LIGHT and len(part) > 1]
        return frozenset(sound_of(part) for part in heavy or self.parts)


@dataclass(frozen=True, slots=True)
class NameLikeness:
    """How alike two names are, 0 to 1, and the coded steps that say why."""

    score: float
    same_parts: bool
    why: tuple[str, ...]


def parts_of(text: str) -> tuple[str, ...]:
    """The parts of one identifier in the MRZ's alphabet, without letters that it cannot hold."""
    joined = _JOINING.sub("", text.upper())
    if not joined.isascii():
        joined = _JOINING.sub("", transliterate(joined, strict=False))
    parts = _NOT_LETTERS.sub(" ", joined).split()
    return tuple(part for part in parts if part not in PLACEHOLDERS)[:MAX_PARTS]


@lru_cache(maxsize=65536)
def sound_of(part: str) -> str:
    """The part's consonants, as all spelling habits would agree on them; a first vowel counts as A."""
    sound = part
    for spelling, plain in _SPELLINGS:
        sound = sound.replace(spelling, plain)
    first, rest = sound[:1], _VOWELS.sub("", sound[1:])
    first = "A" if first in "AEIOU" else "J" if first == "Y" else first
    return _DOUBLED.sub(r"\1", first + rest)


def whole_likeness(one: PersonName, other: PersonName) -> float:
    """Jaro-Winkler over all parts joined, in both orders of the identifiers."""
    return max(
        JaroWinkler.similarity(one.forward, other.forward),
        JaroWinkler.similarity(one.backward, other.forward) if one.secondary else 0.0,
        JaroWinkler.similarity(one.forward, other.backward) if other.secondary else 0.0,
    )


def compare(one: PersonName, other: PersonName, *, truncated: bool = False) -> NameLikeness:
    """How alike they are; `truncated` says that `one` was cut off where its document had no more room."""
    if not one.parts or not other.parts:
        return NameLikeness(0.0, same_parts=False, why=("name_unknown",))
    if one.primary == other.primary and one.secondary == other.secondary:
        return NameLikeness(1.0, same_parts=True, why=("name_parts_equal",))
    if sorted(one.parts) == sorted(other.parts):
        told_apart = bool(one.secondary and other.secondary)
        why = "name_parts_in_other_order" if told_apart else "name_parts_equal"
        return NameLikeness(0.99 if told_apart else 1.0, same_parts=not told_apart, why=(why,))
    whole = whole_likeness(one, other)
    aligned, steps = _align(one, other, truncated=truncated)
    if aligned == 0.0:
        whole *= WHOLE_ALONE
    if whole > aligned:
        steps = (*steps, "name_as_a_whole")
    return NameLikeness(max(whole, aligned), same_parts=False, why=steps)


def _align(one: PersonName, other: PersonName, *, truncated: bool) -> tuple[float, tuple[str, ...]]:
    """Each part with the part it resembles most, best pairs first."""
    candidates = sorted(
        (
            (*_part_likeness(a, b, cut=truncated and (i == len(one.parts) - 1 or len(a) == 1)), i, j)
            for i, a in enumerate(one.parts)
            for j, b in enumerate(other.parts)
        ),
        key=lambda found: (-found[0], found[2], found[3]),
    )
    left, right = set(range(len(one.parts))), set(range(len(other.parts)))
    shared, cut_off, steps = 0.0, 0.0, []
    for likeness, how, i, j in candidates:
        if likeness < MIN_PART_LIKENESS:
            break
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            shared += likeness * min(_weight(one.parts[i]), _weight(other.parts[j]))
            if how == "part_cut_off":
                cut_off += max(0.0, _weight(other.parts[j]) - _weight(one.parts[i]))
            steps.append(how)
    if not steps:
        return 0.0, ("no_part_alike",)
    weight_one = sum(map(_weight, one.parts))
    weight_other = sum(map(_weight, other.parts))
    if truncated:  # what was cut off cannot be missed
        weight_other -= cut_off + sum(_weight(other.parts[j]) for j in right)
    if right and not truncated:
        steps.append(f"parts_only_on_list_{len(right)}")
    if left:
        steps.append(f"parts_only_on_document_{len(left)}")
    # Half of the smaller name's coverage, half of both: a missing middle name costs, but does not hide.
    covered = shared / min(weight_one, weight_other)
    overlap = 2 * shared / (weight_one + weight_other)
    return min(1.0, (covered + overlap) / 2), tuple(steps)


def _part_likeness(one: str, other: str, *, cut: bool) -> tuple[float, str]:
    if one == other:
        return 1.0, "part_equal"
    if cut and other.startswith(one):
        return CUT_LIKENESS, "part_cut_off"
    if len(one) == 1 or len(other) == 1:
        return (INITIAL_LIKENESS, "part_initial") if one[0] == other[0] else (0.0, "")
    sound = sound_of(one)
    if len(sound) > 1 and sound == sound_of(other):
        return SAME_SOUND, "part_sounds_alike"
    return OSA.normalized_similarity(one, other), "part_spelled_alike"


def _weight(part: str) -> float:
    """Long parts tell more; light ones little."""
    return LIGHT_WEIGHT if part in LIGHT else min(len(part), 8) ** 0.5
