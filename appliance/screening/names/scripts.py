"""Names of any script in Latin letters: Doc 9303-3's tables first, then plain romanisation, for comparing
alone.

What a document's own MRZ says is never replaced by this. Where a script leaves choices (Han, Hangul, scripts
without vowels), the usual one is taken, and `likeness` forgives the rest.
"""

import re
import unicodedata
from functools import cache
from importlib import resources
from typing import Final

from anyascii import anyascii

from appliance.travel_document import transliterate

_HAN: Final = re.compile(r"[㐀-䶿一-鿿豈-﫿]")
_HANGUL: Final = re.compile(r"[가-힣]")
_ARABIC: Final = re.compile(r"[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]")
_ARABIC_WORD: Final = re.compile(r"[\u0600-\u06ff\u0750-\u077f]+")
_ARTICLE: Final = "ال"
ARABIC_FILE: Final = "arabic.txt"
_BEYOND: Final = re.compile(r"[^\u0000-\u036f\u0400-\u052f\u0600-\u06ff\u1e00-\u1eff\u2000-\u206f]")
"""Neither Latin, Cyrillic nor Arabic: no table of Doc 9303-3 has it."""
_COMPOUND_SURNAMES: Final = frozenset(
    {
        "歐陽",
        "欧阳",
        "司馬",
        "司马",
        "諸葛",
        "诸葛",
        "上官",
        "夏侯",
        "東方",
        "东方",
        "皇甫",
        "尉遲",
        "尉迟",
        "公孫",
        "公孙",
        "慕容",
        "司徒",
        "令狐",
        "南宮",
        "南宫",
    }
)
_HANGUL_SURNAMES: Final = {
    "김": "KIM", "이": "LEE", "리": "RI", "박": "PARK", "최": "CHOI", "정": "JUNG", "조": "CHO", "윤": "YOON",
    "임": "LIM", "오": "OH", "신": "SHIN", "안": "AHN", "유": "YOO", "류": "RYU", "우": "WOO", "구": "KOO",
    "강": "KANG", "장": "JANG", "고": "KO", "백": "PAEK", "문": "MOON", "노": "NOH", "로": "RO", "부": "BOO",
}  # fmt: skip
"""As their bearers write them in passports; the plain romanisation (GIM, I, BAK) is hardly used."""
_ARABIC_LETTERS: Final = {
    **dict.fromkeys("اأإآٱى", "A"), **dict.fromkeys("ءئؤ", ""), "ب": "B", "پ": "P",
    **dict.fromkeys("تطٹ", "T"),
    "ث": "TH", "ج": "J", "چ": "CH", "ح": "H", "خ": "KH", **dict.fromkeys("دضڈ", "D"), "ذ": "DH",
    **dict.fromkeys("رڑ", "R"), **dict.fromkeys("زظ", "Z"), "ژ": "ZH", **dict.fromkeys("سص", "S"), "ش": "SH",
    "ع": "A", "غ": "GH", **dict.fromkeys("فڤ", "F"), "ق": "Q", **dict.fromkeys("كک", "K"), "گ": "G", "ل": "L",
    "م": "M", **dict.fromkeys("نں", "N"), **dict.fromkeys("هھہ", "H"), "ة": "A", "و": "W",
    **dict.fromkeys("يیے", "Y"), "ۇ": "U", "ې": "E",
}  # fmt: skip
"""Letter by letter: the short vowels are not written, and `likeness` does not miss them."""


def romanised(text: str) -> str:
    """The text in A-Z and spaces; what has no letters at all is left out."""
    if text.isascii():
        return text.upper()
    if _ARABIC.search(text):
        text = _from_arabic(text)
    if _HAN.search(text) or _HANGUL.search(text):
        text = " ".join(_east_asian(word) for word in text.split())
    if _BEYOND.search(text):
        text = "".join(anyascii(letter) if _BEYOND.match(letter) else letter for letter in text)
    return text.upper() if text.isascii() else transliterate(text, strict=False).replace("<", " ")


def is_unvowelled(text: str) -> bool:
    """Whether the script leaves the short vowels out: Arabic, and Hebrew."""
    return _ARABIC.search(text) is not None or any("א" <= letter <= "ת" for letter in text)


@cache
def _arabic_names() -> dict[str, str]:
    text = (resources.files(__package__) / ARABIC_FILE).read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {unicodedata.normalize("NFKC", native): latin for native, latin in lines}


def _from_arabic(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).replace("\u200c", " ").replace("\u0640", "")
    plain = "".join(letter for letter in plain if unicodedata.category(letter) != "Mn")
    return _ARABIC_WORD.sub(lambda found: _arabic_word(found.group()), plain)


def _arabic_word(word: str) -> str:
    """A name that is known with its vowels, else its letters; the article apart, as in Latin spellings."""
    names = _arabic_names()
    if word in names:
        return names[word]
    article = word.startswith(_ARTICLE) and len(word) >= len(_ARTICLE) + 2
    rest = word[len(_ARTICLE) :] if article else word
    latin = names.get(rest) or "".join(_ARABIC_LETTERS.get(letter, letter) for letter in rest)
    return f"AL {latin}" if article else latin


def _east_asian(word: str) -> str:
    """A name written in a row: its family name comes first, and has one character but for a few."""
    characters = [one for one in word if not one.isspace()]
    if not all(_HAN.match(one) or _HANGUL.match(one) for one in characters):
        return word
    cut = 2 if word[:2] in _COMPOUND_SURNAMES and len(characters) > 2 else 1
    if len(characters) == 1:
        return _HANGUL_SURNAMES.get(word) or anyascii(word)
    if not 2 <= len(characters) <= 4:
        return anyascii(word)
    family, given = "".join(characters[:cut]), "".join(characters[cut:])
    return f"{_HANGUL_SURNAMES.get(family) or anyascii(family)} {anyascii(given)}"
