"""Random MRZ lines for training: the five layouts of Doc 9303-4 to -7, and plain noise.

Check digits are right and codes are real, so that the networks see what documents look like; a third of
the lines is noise all the same, so that they learn glyphs and not language.
"""

import random
import string
from typing import Final

from models.mrz.strip import ALPHABET

LENGTHS: Final = {"TD1": (30, 3), "TD2": (36, 2), "TD3": (44, 2), "MRVA": (44, 2), "MRVB": (36, 2)}
"""Characters a line and lines of each format."""
_STATES: Final = (
    "AUT BEL BGR HRV CYP CZE DNK EST FIN FRA D GRC HUN IRL ITA LVA LTU LUX MLT NLD POL PRT ROU SVK SVN ESP"
    " SWE GBR USA CAN AUS JPN CHN IND BRA MEX TUR UKR EGY ZAF KEN NGA UTO XXA XXB XXC THA VNM KOR ISR MAR"
    " ARG CHL KGZ KAZ UZB TJK AFG IRN IRQ SYR PAK RUS GEO ARM AZE SEN MLI NER TCD CMR COD UGA ETH SOM"
).split()
_SYLLABLES: Final = (
    "A BA BE BO CHE CHI DA DI DU E EL FA FE GA GI GU HA HE HI I IA JA JO KA KE KHA KI KU LA LE LI LO MA ME MI"
    " MO MU NA NE NI NU O OU PA PE PO QA RA RE RI RO SA SE SHA SI SO STA TA TE TI TO TSU U UL VA VE VI WA WO"
    " XI YA YE YU ZA ZE ZHA ZO N R S L M T K D NG"
).split()
DIGITS_AND_LETTERS: Final = "0123456789" * 3 + string.ascii_uppercase


def check_digit(text: str) -> str:
    """Weights 7, 3, 1 (Doc 9303-3, 4.9)."""
    return str(sum(_value(letter) * (7, 3, 1)[place % 3] for place, letter in enumerate(text)) % 10)


def document(rng: random.Random, kind: str) -> list[str]:
    """The lines of one document of this format."""
    issuer, nationality = rng.choice(_STATES).ljust(3, "<"), rng.choice(_STATES).ljust(3, "<")
    number, born, until = _number(rng), _date(rng, 1930, 2020), _date(rng, 2018, 2040)
    middle = number + check_digit(number)
    dates = born + check_digit(born) + rng.choice("MF<") + until + check_digit(until)
    if kind == "TD1":
        first = rng.choice(["I<", "ID", "AR", "C<", "IR"]) + issuer + middle + _optional(rng, 15)
        second = dates + nationality + _optional(rng, 11)
        composite = check_digit(first[5:30] + second[:7] + second[8:15] + second[18:29])
        return [first, second + composite, _name(rng, 30)]
    if kind == "TD3":
        optional = _optional(rng, 14)
        digit = "<" if not optional.strip("<") and rng.random() < 0.5 else check_digit(optional)
        second = middle + nationality + dates + optional + digit
        composite = check_digit(second[:10] + second[13:20] + second[21:43])
        return [rng.choice(["P<", "P<", "PD", "PO", "PA"]) + issuer + _name(rng, 39), second + composite]
    if kind == "TD2":
        second = middle + nationality + dates + _optional(rng, 7)
        composite = check_digit(second[:10] + second[13:20] + second[21:35])
        return [rng.choice(["I<", "ID", "AC"]) + issuer + _name(rng, 31), second + composite]
    length = LENGTHS[kind][0]
    first = rng.choice(["V<", "VC", "VB"]) + issuer + _name(rng, length - 5)
    return [first, middle + nationality + dates + _optional(rng, length - 28)]


def noise(rng: random.Random, length: int) -> str:
    """Any characters, with as many fillers as documents have."""
    filler = rng.choice([0.05, 0.2, 0.5])
    return "".join("<" if rng.random() < filler else rng.choice(ALPHABET) for _ in range(length))


def line(rng: random.Random, length: int) -> str:
    """One line of a document, or noise, cut or continued to this length."""
    if rng.random() < 0.35:
        return noise(rng, length)
    text = rng.choice(document(rng, rng.choice(tuple(LENGTHS))))
    start = rng.randrange(len(text))
    return (text[start:] + noise(rng, length))[:length]


def _value(letter: str) -> int:
    return 0 if letter == "<" else int(letter, 36)


def _number(rng: random.Random) -> str:
    return "".join(rng.choice(DIGITS_AND_LETTERS) for _ in range(rng.choice([9, 9, 9, 8, 7]))).ljust(9, "<")


def _date(rng: random.Random, first: int, last: int) -> str:
    return f"{rng.randint(first, last) % 100:02}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"


def _optional(rng: random.Random, length: int) -> str:
    used = rng.choice([0, 0, length // 2, length])
    return "".join(rng.choice(DIGITS_AND_LETTERS + "<") for _ in range(used)).ljust(length, "<")


def _word(rng: random.Random) -> str:
    if rng.random() < 0.4:
        return "".join(rng.choice(string.ascii_uppercase) for _ in range(rng.randint(2, 11)))
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(1, 5)))


def _name(rng: random.Random, length: int) -> str:
    primary = "<".join(_word(rng) for _ in range(rng.choice([1, 1, 1, 2])))
    secondary = "<".join(_word(rng) for _ in range(rng.choice([0, 1, 1, 2, 2, 3])))
    return f"{primary}<<{secondary}"[:length].ljust(length, "<")
