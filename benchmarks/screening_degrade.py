"""How a document's name and birth date come to differ from a list's: the sixteen kinds that are measured.

Own rules, not the product's: whoever writes the degradations and the matcher should not use one table for
both.
"""

import datetime as dt
import random
import re
from dataclasses import dataclass

KINDS = (
    "clean",
    "ocr1",
    "ocr2",
    "spelling",
    "spelling_ocr_swap",
    "swap",
    "joined",
    "nogiven",
    "drop_token",
    "long_trunc",
    "alias",
    "dob_swap",
    "dob_year_only",
    "spelling_dob_year",
    "dob_slip",
    "un_treated",
)
_READ_FOR = dict(zip("OIBSZGDUCMNERALVHKTPFYWQJX", "QL8526OVGNMFK4IUNXIREVVOIK", strict=True))
_RESPELL = [
    pair.split(">")
    for text in (
        "KH>H KH>X SH>CH SH>SCH ZH>J ZH>DZH YU>IU IU>YU YA>IA IA>YA OU>U U>OU OO>U U>OO EE>I I>EE EI>AY",
        "AI>AY",
        "AY>AI Q>K K>Q C>K V>W W>V PH>F F>PH TS>C CH>TCH J>DJ J>ZH GH>G G>GH Y>I I>Y E>A A>E O>U U>O EV>YEV",
        "OV>OFF X>KS TH>T DH>D E>IE EY>EI Y>IY H>KH AA>A D>T Z>S",
    )
    for pair in text.split()
]
_MRZ_NAME = 39


@dataclass(frozen=True)
class Traveller:
    """What the document of a listed person says."""

    primary: str
    secondary: str
    birth_date: str
    truncated: bool = False


def degrade(
    kind: str, primary: list[str], secondary: list[str], born: str, play: random.Random
) -> Traveller | None:
    """The document, or None where this kind cannot happen to this name."""
    one, two, truncated = list(primary), list(secondary), False
    if kind in ("ocr1", "ocr2"):
        first, _, second = _slips("<".join((" ".join(one), " ".join(two))), int(kind[-1]), play).partition(
            "<"
        )
        return Traveller(first, second, born)
    if kind.startswith("spelling") or kind == "un_treated":
        one, two = [_respelled(part, play) for part in one], [_respelled(part, play) for part in two]
    if kind == "spelling_dob_year":
        born = f"{int(born[:4]) + play.choice((-1, 1))}{born[4:]}"
    elif kind == "spelling_ocr_swap":
        first, _, second = _slips("<".join((" ".join(two), " ".join(one))), 1, play).partition("<")
        return Traveller(first, second, born)
    elif kind == "un_treated":
        return Traveller(" ".join(two[: 1 if play.random() < 0.5 else None] + one), "", born)
    elif kind == "swap":
        one, two = two, one
    elif kind == "joined":
        one, two = (["".join(one)], ["".join(two)]) if play.random() < 0.5 else (["".join(one + two)], [])
    elif kind == "nogiven":
        two = two[:-1]
    elif kind == "drop_token":
        if len(one) + len(two) < 3:
            return None
        place = play.randrange(len(one) + len(two))
        if place < len(one) > 1:
            one.pop(place)
        else:
            two.pop(min(max(0, place - len(one)), len(two) - 1))
    elif kind == "long_trunc":
        text = f"{' '.join(one)}  {' '.join(two)}"
        cut = text[: _MRZ_NAME if len(text) >= _MRZ_NAME else max(12, int(len(text) * 0.7))].rstrip()
        first, _, second = cut.partition("  ")
        return Traveller(first, second, born, truncated=True)
    elif kind == "dob_swap":
        if int(born[8:]) > 12 or born[5:7] == born[8:]:
            return None
        born = f"{born[:4]}-{born[8:]}-{born[5:7]}"
    elif kind == "dob_year_only":
        born = born[:4]
    elif kind == "dob_slip":
        born = _slipped_date(born, play)
    return Traveller(" ".join(one), " ".join(two), born, truncated)


def _slips(text: str, count: int, play: random.Random) -> str:
    for _ in range(count):
        place = play.choice([i for i, letter in enumerate(text) if letter.isalnum()])
        dice = play.random()
        new = _READ_FOR.get(text[place], "X") if dice < 0.7 else "" if dice < 0.85 else text[place] * 2
        text = text[:place] + new + text[place + 1 :]
    return text


def _respelled(part: str, play: random.Random) -> str:
    rules = [(old, new) for old, new in _RESPELL if old in part]
    if not rules:
        return part
    old, new = play.choice(rules)
    place = play.choice([found.start() for found in re.finditer(old, part)])
    part = part[:place] + new + part[place + len(old) :]
    doubled = [found.start() for found in re.finditer(r"([B-DF-HJ-NP-TV-Z])\1", part)]
    if doubled and play.random() < 0.25:
        place = play.choice(doubled)
        part = part[:place] + part[place + 1 :]
    return part


def _slipped_date(born: str, play: random.Random) -> str:
    while True:
        place = play.choice((2, 3, 5, 6, 8, 9))
        changed = born[:place] + str(play.randrange(10)) + born[place + 1 :]
        try:
            dt.date.fromisoformat(changed)
        except ValueError:
            continue
        if changed != born:
            return changed
