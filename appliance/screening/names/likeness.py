"""How alike two parts of names are, 0 to 1, and by which rule: equal, variant, sound, spelling, cut,
initial."""

from functools import lru_cache
from typing import Any, Final

from rapidfuzz.distance import OSA, Indel, Levenshtein

from appliance.screening.names.sounds import VOWELS, phones_of, skeleton_of
from appliance.screening.names.variants import same_name

SAME_NAME: Final = 0.92
"""Two spellings, or two languages' forms, of one given name."""
SAME_SOUND: Final = 0.99
CUT: Final = 0.95
"""The MRZ cuts the last part off, or leaves an initial of it (Doc 9303-4, 4.2.3)."""
INITIAL: Final = 0.80
"""An initial agrees with one name in twenty; what it tells is weighed in `alignment`."""
DETACHED: Final = 0.95
"""ALZAWAHIRI and ZAWAHIRI: the article is written in a row, or left out."""
WITHIN: Final = 0.84
"""HOSSEIN and AMIRHOSSEIN: half of a name made of two."""
MIN_LIKENESS: Final = 0.62
"""Below it two parts are two parts."""
_PREFILTER: Final = 0.42
"""Sounds that share less than this share of their letters are not compared letter by letter."""

_VOWEL_FOR_VOWEL: Final = 0.45
_VOWEL_COMES_OR_GOES: Final = 0.35
_MARIA_AND_MARIO: Final = 0.9
_LOOKS_ALIKE: Final = 0.45
_CONSONANTS: Final = {
    frozenset(pair): cost
    for cost, pairs in {
        0.15: ("Hx", "jt", "sc", "ct", "jc", "jG"),
        0.25:("Ij", "IV", "UV", "OV", "BP", "DT", "GK", "VF", "ZS", "sS", "tS", "cS", "tZ", "jZ", "js",
            "xK", "xG", "HG",
               "cK", "tT", "tK", "jD", "BV", "SK", "jE", "jH", "jx"),
        0.6: ("MN", "LR", "HK", "PF", "DZ", "TS", "DS"),
    }.items()
    for pair in pairs
}  # fmt: skip
"""Sounds that languages and tables write for one another; any other pair costs 1."""
_SILENT: Final = {"H": 0.25, "V": 0.7, "j": 0.7, "x": 0.8}
_READ_FOR: Final = frozenset(
    frozenset(pair)
    for pair in("OQ", "OD", "OC", "DQ", "IL", "IT", "IJ", "LT", "UV", "VY", "CG", "CE", "EF", "FP", "PR",
        "BR", "BE",
                 "BD", "MN", "NH", "KX", "KR", "VW", "GO", "SB", "ZS", "HM", "TY", "MW", "UO", "EB",
                 "GC", "HN", "IE")
)  # fmt: skip
"""Letters of OCR-B that readers take for one another."""


@lru_cache(maxsize=262144)
def part_likeness(one: str, other: str, *, unvowelled: bool = False) -> tuple[float, str]:
    """Likeness and the rule that found it; 0 and no rule below `MIN_LIKENESS`. Symmetrical."""
    if one == other:
        return 1.0, "part_equal"
    if len(one) == 1 or len(other) == 1:
        return (INITIAL, "part_initial") if one[0] == other[0] else (0.0, "")
    a, b = phones_of(one), phones_of(other)
    if a == b:
        return SAME_SOUND, "part_sounds_alike"
    if Indel.normalized_similarity(a, b, score_cutoff=0.2) < (0.2 if unvowelled else _PREFILTER):
        return (SAME_NAME, "part_variant_of_name") if same_name(one, other) else (0.0, "")
    if same_name(one, other):
        return SAME_NAME, "part_variant_of_name"
    if other < one:  # of two ways to lay them beside each other the same one is taken from both sides
        one, other, a, b = other, one, b, a
    best, rule = _sound_likeness(a, b, unvowelled=unvowelled), "part_sounds_alike"
    spelled = _spelled_likeness(one, other)
    if spelled > best:
        best, rule = spelled, "part_spelled_alike"
    detached = _detached_likeness(one, other)
    if detached > best:
        best, rule = detached, "part_without_article"
    return (best, rule) if best >= MIN_LIKENESS else (0.0, "")


def _sound_likeness(a: str, b: str, *, unvowelled: bool) -> float:
    vowel = 0.05 if unvowelled else _VOWEL_COMES_OR_GOES
    cost = 0.0
    operations: list[Any] = Levenshtein.editops(a, b).as_list()
    for tag, i, j in operations:
        if tag == "replace":
            p, q = a[i], b[j]
            if p in VOWELS and q in VOWELS:
                ends = {p, q} == {"A", "O"} and i == len(a) - 1 and j == len(b) - 1
                cost += vowel if unvowelled else _MARIA_AND_MARIO if ends else _VOWEL_FOR_VOWEL
            else:
                change = _CONSONANTS.get(frozenset((p, q)))
                if change is None:
                    change = 0.8 if (p in VOWELS) != (q in VOWELS) else 1.0
                cost += change
            if i == 0 and j == 0 and not (p in VOWELS and q in VOWELS):
                cost += 0.15
        else:
            gone = a[i] if tag == "delete" else b[j]
            cost += (
                vowel if gone in VOWELS else 0.15 if unvowelled and gone in "Vj" else _SILENT.get(gone, 1.0)
            )
    if unvowelled:
        consonants = min(sum(p not in VOWELS for p in a), sum(p not in VOWELS for p in b))
        return 1.0 - cost / max(2.0, consonants + 0.5)
    return 1.0 - cost / (0.5 * (len(a) + len(b)))


def _spelled_likeness(one: str, other: str) -> float:
    """Slips of a reader or of a hand: one letter taken for another, left out, doubled, exchanged."""
    longest = max(len(one), len(other))
    if abs(len(one) - len(other)) > 2:
        return 0.0
    limit = 1 if longest <= 4 else 2 if longest <= 9 else 3
    distance = OSA.distance(one, other, score_cutoff=limit)
    if distance > limit:
        return 0.0
    cost = float(distance)
    if len(one) == len(other):
        alike = sum(
            frozenset(pair) in _READ_FOR for pair in zip(one, other, strict=True) if pair[0] != pair[1]
        )
        cost -= min(alike, distance) * (1.0 - _LOOKS_ALIKE)
    return 1.0 - cost / (0.5 * (len(one) + len(other)))


_ARTICLES: Final = ("AL", "EL", "ABU", "BIN", "IBN", "UL", "BEN")


def _detached_likeness(one: str, other: str) -> float:
    short, long = sorted((one, other), key=len)
    for article in _ARTICLES:
        if long.startswith(article) and len(long) - len(article) >= 3:
            rest = long[len(article) :]
            if rest == short or (len(rest) >= 4 and phones_of(rest) == phones_of(short)):
                return DETACHED
    if len(short) >= 5 and len(long) - len(short) >= 3 and (long.endswith(short) or long.startswith(short)):
        return WITHIN
    return 0.0


def cut_likeness(one: str, other: str) -> tuple[float, str]:
    """As `part_likeness`, where `one` may have been cut off at the end of its field."""
    if one != other and other.startswith(one):
        return CUT, "part_cut_off"
    return part_likeness(one, other)


__all__ = ["CUT", "INITIAL", "MIN_LIKENESS", "cut_likeness", "part_likeness", "skeleton_of"]
