"""The three tables of Doc 9303-3 section 6, and a few letters beyond them that travellers' names have."""

from collections.abc import Mapping
from typing import Final


def _by_letter(rows: Mapping[str, str]) -> dict[str, str]:
    return {letter: mrz for mrz, letters in rows.items() for letter in letters}


LATIN: Final = _by_letter(
    {
        "A": "ÀÁÂÃĀĂĄ",
        "AA": "Å",
        "AE": "ÄÆ",
        "C": "ÇĆĈĊČ",
        "D": "ÐĎĐ",
        "E": "ÈÉÊËĒĔĖĘĚ",
        "G": "ĜĞĠĢ",
        "H": "ĤĦ",
        "I": "ÌÍÎÏĨĪĬĮİı",
        "IJ": "Ĳ",
        "J": "Ĵ",
        "K": "Ķ",
        "L": "ĹĻĽĿŁ",
        "N": "ÑŃŅŇŊ",
        "O": "ÒÓÔÕŌŎŐ",
        "OE": "ÖØŒ",
        "R": "ŔŖŘ",
        "S": "ŚŜŞŠ",
        "SS": "ẞ",
        "T": "ŢŤŦ",
        "TH": "Þ",
        "U": "ÙÚÛŨŪŬŮŰŲ",
        "UE": "Ü",
        "W": "Ŵ",
        "Y": "ÝŶŸ",
        "Z": "ŹŻŽ",
    }
) | {"Ə": "A"}
"""Table A; where it leaves a choice, the first. Beyond it the Azerbaijani schwa, as its passports have it."""

_WITHOUT_E: Final = {"Ö": "O", "Ü": "U"}

CYRILLIC: Final = {
    "Ё": "E",
    "Ђ": "D",
    "Є": "IE",
    "Ѕ": "DZ",
    "І": "I",
    "Ї": "I",
    "Ј": "J",
    "Љ": "LJ",
    "Њ": "NJ",
    "Ќ": "K",
    "Ў": "U",
    "Џ": "DZ",
    "А": "A",
    "Б": "B",
    "В": "V",
    "Г": "G",
    "Д": "D",
    "Е": "E",
    "Ж": "ZH",
    "З": "Z",
    "И": "I",
    "Й": "I",
    "К": "K",
    "Л": "L",
    "М": "M",
    "Н": "N",
    "О": "O",
    "П": "P",
    "Р": "R",
    "С": "S",
    "Т": "T",
    "У": "U",
    "Ф": "F",
    "Х": "KH",
    "Ц": "TS",
    "Ч": "CH",
    "Ш": "SH",
    "Щ": "SHCH",
    "Ъ": "IE",
    "Ы": "Y",
    "Ь": "",  # not in the table, and left out by every passport that follows it
    "Э": "E",
    "Ю": "IU",
    "Я": "IA",
    "Ѫ": "U",
    "Ѵ": "Y",
    "Ґ": "G",
    "Ғ": "G",
    # The table prints these two under the code points of look-alikes, U+0492 and U+04BA.
    "Ѓ": "G",
    "Ћ": "C",
    # Beyond the table: a letter derived from another is written as that one, as the passports of
    # Kyrgyzstan, Kazakhstan, Tajikistan, Uzbekistan and Mongolia do.
    "Ә": "A",
    "Җ": "ZH",
    "Қ": "K",
    "Ҡ": "K",
    "Ң": "N",
    "Ө": "O",
    "Ү": "U",
    "Ұ": "U",
    "Ҳ": "KH",
    "Һ": "KH",
    "Ҷ": "CH",
}
"""Table B."""

_MACEDONIAN: Final = {"Ќ": "KJ", "Џ": "DJ", "Х": "H", "Ц": "C", "Ѓ": "GJ"}
_SERBIAN: Final = {"Г": "H", "Ж": "Z", "Х": "H", "Ц": "C", "Ч": "C", "Ш": "S"}
"""As the table says, Г = H too."""

VARIANTS: Final[Mapping[str, Mapping[str, str]]] = {
    "az": _WITHOUT_E,
    "be": {"Ё": "IO", "Г": "H"},
    "bg": {"Щ": "SHT"},
    "es": _WITHOUT_E,
    "mk": _MACEDONIAN,
    "pt": _WITHOUT_E,
    "sr": _SERBIAN,
    "tk": _WITHOUT_E,
    "tr": _WITHOUT_E,
    "uk": {"Г": "H", "И": "Y"},
}
"""What a language (ISO 639-1) writes otherwise: the exceptions of table B, the choices of table A."""

VARIANTS_OF_FIRST_LETTER: Final[Mapping[str, Mapping[str, str]]] = {
    "uk": {"Є": "YE", "Ї": "YI", "Й": "Y", "Ю": "YU", "Я": "YA"},
}
"""The same, for the first letter of a name component."""

ARABIC: Final = {
    "\u0621": "XE",  # hamza
    "\u0622": "XAA",  # alef with madda above
    "\u0623": "XAE",  # alef with hamza above
    "\u0624": "U",  # waw with hamza above
    "\u0625": "I",  # alef with hamza below
    "\u0626": "XI",  # yeh with hamza above
    "\u0627": "A",  # alef
    "\u0628": "B",  # beh
    "\u062a": "T",  # teh
    "\u062b": "XTH",  # theh
    "\u062c": "J",  # jeem
    "\u062d": "XH",  # hah
    "\u062e": "XKH",  # khah
    "\u062f": "D",  # dal
    "\u0630": "XDH",  # thal
    "\u0631": "R",  # reh
    "\u0632": "Z",  # zain
    "\u0633": "S",  # seen
    "\u0634": "XSH",  # sheen
    "\u0635": "XSS",  # sad
    "\u0636": "XDZ",  # dad
    "\u0637": "XTT",  # tah
    "\u0638": "XZZ",  # zah
    "\u0639": "E",  # ain
    "\u063a": "G",  # ghain
    "\u0641": "F",  # feh
    "\u0642": "Q",  # qaf
    "\u0643": "K",  # kaf
    "\u0644": "L",  # lam
    "\u0645": "M",  # meem
    "\u0646": "N",  # noon
    "\u0647": "H",  # heh
    "\u0648": "W",  # waw
    "\u0649": "XAY",  # alef maksura
    "\u064a": "Y",  # yeh
    "\u0671": "XXA",  # alef wasla
    "\u0679": "XXT",  # tteh
    "\u067c": "XRT",  # teh with ring
    "\u067e": "P",  # peh
    "\u0681": "XKE",  # hah with hamza above
    "\u0685": "XXH",  # hah with 3 dots above
    "\u0686": "XC",  # tcheh
    "\u0688": "XXD",  # ddal
    "\u0689": "XDR",  # dal with ring
    "\u0691": "XXR",  # rreh
    "\u0693": "XRR",  # reh with ring
    "\u0696": "XRX",  # reh with dot below and dot above
    "\u0698": "XJ",  # jeh
    "\u069a": "XXS",  # seen with dot below and dot above
    "\u069c": "",  # seen with 3 dots below and 3 dots above
    "\u06a2": "",  # feh with dot moved below
    "\u06a4": "V",  # veh
    "\u06a5": "XF",  # feh with 3 dots below
    "\u06a7": "",  # qaf with dot above
    "\u06a8": "",  # qaf with 3 dots above
    "\u06a9": "XKK",  # keheh
    "\u06ab": "XXK",  # kaf with ring
    "\u06ad": "XNG",  # ng
    "\u06af": "XGG",  # gaf
    "\u06ba": "XNN",  # noon ghunna
    "\u06bc": "XXN",  # noon with ring
    "\u06be": "XDO",  # heh doachashmee
    "\u06c0": "XYH",  # heh with yeh above
    "\u06c1": "XXG",  # heh goal
    "\u06c2": "XGE",  # heh goal with hamza above
    "\u06c3": "XTG",  # teh marbuta goal
    "\u06cc": "XYA",  # farsi yeh
    "\u06cd": "XXY",  # yeh with tail
    "\u06d0": "Y",  # yeh (Pashto)
    "\u06d2": "XYB",  # yeh barree
    "\u06d3": "XBE",  # yeh barree with hamza above
}
"""Table C, with the two letters for foreign names of appendix B.5.4; teh marbuta and shadda are rules."""
