"""Names in Latin, Cyrillic or Arabic script, in the MRZ's alphabet (Doc 9303-3 sections 4.6 and 6)."""

import unicodedata
from typing import Final

from appliance.travel_document.check_digit import FILLER
from appliance.travel_document.errors import CannotTransliterate
from appliance.travel_document.transliteration_tables import (
    ARABIC,
    CYRILLIC,
    LATIN,
    VARIANTS,
    VARIANTS_OF_FIRST_LETTER,
)

MAX_CHARACTERS: Final = 1_000
"""Far above any name; one character may grow to eighteen by compatibility composition."""

_MRZ_LETTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TABLE: Final = LATIN | CYRILLIC | ARABIC
_SEPARATORS: Final = frozenset({FILLER, ",", "\u060c"})
_APOSTROPHES: Final = str.maketrans("", "", "'’‘ʼʻ`´ʹʺʾʿ′″")
"""Left out before composition, which would make a space of some of them."""
_LEFT_OUT: Final = frozenset({"Mn", "Me", "Cf", "Sk", "Po", "Pc", "Ps", "Pe", "Pi", "Pf"})
"""Unicode categories of punctuation, marks and invisible characters; dashes (Pd) are separators."""
_TEH_MARBUTA: Final = "\u0629"
_TATWHEEL: Final = "\u0640"
_SHADDA: Final = "\u0651"
_ALLAH: Final = "\u0627\u0644\u0644\u0651\u0647"


def transliterate(text: str, *, language: str | None = None, strict: bool = True) -> str:
    """The name in A-Z, components parted by single fillers.

    `language` is an ISO 639-1 code and chooses the national variants. A character of another script is
    refused, or, when not `strict`, left out.
    """
    if len(text) > MAX_CHARACTERS:
        raise CannotTransliterate(
            f"A name has at most {MAX_CHARACTERS} characters.", position=MAX_CHARACTERS, code_point=0
        )
    plain = _composed(text)
    variants = VARIANTS.get(language or "", {})
    first_letters = VARIANTS_OF_FIRST_LETTER.get(language or "", {})
    components: list[list[str]] = [[]]
    for position, character in enumerate(plain):
        component = components[-1]
        if _separates(character):
            components.append([])
        elif character in _MRZ_LETTERS:
            component.append(character)
        elif character == _SHADDA:
            # The letter before it is written twice, with all that it is written with.
            component += component[-1:]
        elif character == _TEH_MARBUTA:
            component.append("XAH" if _ends_component(plain, position) else "XTA")
        else:
            latin = variants.get(character, _TABLE.get(character))
            if not component:
                latin = first_letters.get(character, latin)
            if latin is None:
                latin = _beyond_the_tables(character)
            if latin is None and strict:
                raise CannotTransliterate(
                    f"Character {position + 1} of a name has no transliteration in Doc 9303-3.",
                    position=position,
                    code_point=ord(character),
                )
            if latin:
                component.append(latin)
    return FILLER.join("".join(component) for component in components if component)


def _composed(text: str) -> str:
    """Upper case with every letter in the one form in which the tables have it."""
    composed = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).upper()
    composed = unicodedata.normalize("NFC", composed).translate(_APOSTROPHES)
    # Both lams are written already: their shadda is not a third (appendix B.5.5.11).
    return composed.replace(_ALLAH, _ALLAH.replace(_SHADDA, ""))


def _separates(character: str) -> bool:
    return character in _SEPARATORS or character.isspace() or unicodedata.category(character) == "Pd"


def _is_left_out(character: str) -> bool:
    """Punctuation, marks such as the Arabic short vowels, what is invisible, and the tatwheel."""
    return character == _TATWHEEL or unicodedata.category(character) in _LEFT_OUT


def _ends_component(text: str, position: int) -> bool:
    following = next((other for other in text[position + 1 :] if not _is_left_out(other)), FILLER)
    return _separates(following)


def _beyond_the_tables(character: str) -> str | None:
    """A letter under marks that no table has is written as the letter; what is no letter is left out."""
    if _is_left_out(character):
        return ""
    bare = unicodedata.normalize("NFD", character)[0]
    return bare if bare in _MRZ_LETTERS else _TABLE.get(bare)
