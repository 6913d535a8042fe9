"""How a name sounds, so that the spelling habits of many languages meet: phones, and their skeleton.

English, French, German, Polish, ICAO's, Soviet and Turkic Latin write one Russian, Kyrgyz, Arabic or Persian
name in a dozen ways. Each part becomes a row of phones, one character each: capitals are the plain sounds,
small letters the ones that Latin needs two letters for (s SH, c CH, j ZH or DJ, x KH, t TS).
"""

import re
from functools import lru_cache
from typing import Final

_SPELLINGS: Final = {
    "SHCH": "s", "SCHTSCH": "s", "CHTCH": "s", "TSCH": "c", "SCH": "s", "TCH": "c", "DZH": "j", "DSCH": "j",
    "DJ": "j", "DZ": "j", "XSH": "s", "XKH": "x", "XDH": "D", "XDZ": "D", "XSS": "S", "XTT": "T", "XTH": "T",
    "XZZ": "Z", "XRT": "R", "XAH": "A", "XTA": "T", "XAE": "A", "XAA": "A", "XH": "H", "KSH": "Ks", "KH": "x",
    "GH": "G", "SH": "s", "SZ": "s", "ZH": "j", "CH": "c", "CZ": "c", "TH": "T", "DH": "D", "PH": "F",
    "CK": "K",
    "TS": "t", "TZ": "t", "QU": "KU", "Q": "K", "W": "V", "X": "KS", "J": "j", "IJ": "I",
    "OU": "U", "OO": "U", "EE": "I", "AEI": "E", "AE": "E", "OE": "O", "UE": "U", "AI": "E", "AY": "E",
    "EI": "E", "EY": "E", "IY": "I", "YI": "I", "IE": "E", "YE": "E", "IO": "O", "YO": "O", "IU": "U",
    "YU": "U",
    "IA": "A", "YA": "A", "JA": "A", "JU": "U", "Y": "I", "CE": "SE", "CI": "SI", "CY": "SI", "C": "K",
    "UI": "UI", "AU": "AV", "AW": "AV", "EV": "EV", "OW": "OV", "MC": "MAK",
}  # fmt: skip
_AT_START: Final = {
    "XI": "sI",
    "XU": "sU",
    "YE": "E",
    "IE": "E",
    "JE": "E",
    "JO": "jO",
    "JA": "jA",
    "JU": "jU",
    "H": "H",
    "WR": "R",
    "KN": "N",
    "PS": "S",
    "TCH": "c",
}
_ANY: Final = re.compile("|".join(sorted(_SPELLINGS, key=lambda one: (-len(one), one))))
_START: Final = re.compile("|".join(sorted(_AT_START, key=lambda one: (-len(one), one))))
_DOUBLED: Final = re.compile(r"(.)\1+")
VOWELS: Final = frozenset("AEIOU")
_NOT_IN_SKELETON: Final = VOWELS | {"H", "x"}
_SAME: Final = str.maketrans("BDGFZjxctsV", "PTKFSSHSSSF")
"""Skeleton classes: voice, and the hushing sounds, are what transliterations disagree on."""


@lru_cache(maxsize=131072)
def phones_of(part: str) -> str:
    """The part's sounds, vowels too."""
    start = _START.match(part)
    head, rest = (_AT_START[start.group()], part[start.end() :]) if start else ("", part)
    return _DOUBLED.sub(r"\1", head + _ANY.sub(lambda found: _SPELLINGS[found.group()], rest))


@lru_cache(maxsize=131072)
def skeleton_of(part: str) -> str:
    """The part's consonants by class, and A for a vowel at the start: a key that most spellings share."""
    phones = phones_of(part)
    first = "A" if phones[:1] in VOWELS else phones[:1].translate(_SAME)
    rest = "".join(phone for phone in phones[1:] if phone not in _NOT_IN_SKELETON).translate(_SAME)
    return _DOUBLED.sub(r"\1", first + rest)
