"""How much it tells that a list has a part of a name: in nats, minus the logarithm of how many have it."""

import math
import re
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from appliance.screening.names.sounds import phones_of

FILE: Final = "common.txt"
LIGHT: Final = frozenset(
    (
        *("AL", "EL", "UL", "AR", "AS", "AD", "AT", "AN", "AZ", "ASH", "ABU", "ABOU", "ABI", "UMM", "BIN"),
        *("BEN", "IBN", "BINT", "BINTI", "UD", "UDDIN", "ADDIN", "EDDINE", "OULD", "WALAD", "VELAYAT"),
        *("OGLU", "OGLY", "OGLI", "UGLI", "OGHLU", "KYZY", "KIZI", "QIZI", "GYZY", "KYZI", "UULU", "ULY"),
        *("DE", "DA", "DI", "DO", "DU", "DOS", "DAS", "DEL", "DER", "DEN", "DELA", "VAN", "VON", "ZU"),
        *(
            "LA",
            "LE",
            "LAS",
            "LOS",
            "ST",
            "JR",
            "SR",
            "II",
            "III",
            "IV",
            "Y",
            "E",
            "I",
            "TER",
            "TEN",
            "AP",
            "MC",
        ),
        *("AP", "A", "SO", "TE"),
    )
)
"""Parts that come and go between two documents of one person."""
LIGHT_NATS: Final = 1.5
"""A particle tells little, and is left out as often as not."""
PATRONYMIC_SHARE: Final = 0.6
"""A father's name says again what his other children's do, and is left out of half of all documents."""
MIN_NATS: Final = 2.0
MAX_NATS: Final = 10.5
"""Even a name nobody has heard of runs in a family."""
_SHORT_NATS: Final = 3.0
_NATS_A_PHONE: Final = 0.85
"""A long part is rarer than a short one; read off names that are in no table."""


_SYLLABLE: Final = re.compile(
    r"(?:[BDFGHJKLMNPQRSTVWXYZ]|CH?|SH|ZH|TS|KW|GW|HW|PH|TH|KH|NG|SS)?[AEIOUWY]{1,3}(?:NG|[NKLMPTRH])?"
)
SYLLABLE_NATS: Final = 3.8
"""One syllable as Chinese, Korean and Vietnamese names are made of: there are some four hundred."""
_PATRONYMIC: Final = re.compile(r"(?:OVICH|EVICH|OVITCH|EVITCH|OVNA|EVNA|ICHNA|OVYCH|EVYCH|IVNA)$")


def is_light(part: str) -> bool:
    """Whether it is a particle that comes and goes."""
    return part in LIGHT


@lru_cache(maxsize=65536)
def is_patronymic(part: str) -> bool:
    """Whether it is a father's name by its ending, which many documents leave out."""
    return len(part) > 6 and _PATRONYMIC.search(part) is not None


@cache
def _common() -> dict[str, float]:
    text = (resources.files(__package__) / FILE).read_text(encoding="ascii")
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return {phones: float(nats) for phones, nats in (line for line in lines if len(line) == 2)}


@lru_cache(maxsize=131072)
def nats_of(part: str) -> float:
    """What it tells that two names share this part."""
    if len(part) == 1 or is_light(part):
        return LIGHT_NATS
    if len(part) <= 6 and _SYLLABLE.fullmatch(part):
        return min(SYLLABLE_NATS, _common().get(phones_of(part), SYLLABLE_NATS))
    phones = phones_of(part)
    return max(MIN_NATS, min(nats_of_length(phones), _common().get(phones, math.inf)))


def nats_of_length(phones: str) -> float:
    """What it tells to share a part that is in no table."""
    return min(MAX_NATS, _SHORT_NATS + _NATS_A_PHONE * len(phones))


def nats_of_parts(parts: tuple[str, ...]) -> tuple[float, ...]:
    """What each part of one name tells; a father's name counts as one only beside two others."""
    if len(parts) <= 2:
        return tuple(map(nats_of, parts))
    return tuple(nats_of(part) * (PATRONYMIC_SHARE if is_patronymic(part) else 1.0) for part in parts)


def nats_of_row(row: str) -> float:
    """What it tells to share parts that stand in a row: several parts, so without the one part's limit."""
    return _SHORT_NATS + _NATS_A_PHONE * len(phones_of(row))
