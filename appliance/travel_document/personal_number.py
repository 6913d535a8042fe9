"""Personal numbers in the optional data: the field of TD3, and the cards whose States put theirs there.

Doc 9303-4 names the field of TD3; for cards nothing but the issuer's custom says so. The shapes below
are those of published specimens: optional data of another shape is left as optional data.
"""

import re
from dataclasses import dataclass
from typing import Final

from appliance.travel_document.check_digit import FILLER
from appliance.travel_document.layout import MrzFormat


@dataclass(frozen=True, slots=True)
class Place:
    """Which optional data holds the number (the second is TD1's middle line), and its shape."""

    shape: re.Pattern[str]
    second: bool = False
    prefix: str = ""


_ELEVEN_DIGITS: Final = re.compile(r"[0-9]{11}")
_TWELVE_DIGITS: Final = re.compile(r"[0-9]{12}")
_FOURTEEN_DIGITS: Final = re.compile(r"[0-9]{14}")

_TD1: Final = {
    "ALB": Place(re.compile(r"[A-Z][0-9]{8}[A-Z]")),
    "ARE": Place(re.compile(r"784[0-9]{12}")),
    "AZE": Place(re.compile(r"[0-9A-Z]{7}")),
    "BEL": Place(_ELEVEN_DIGITS, second=True),
    "ESP": Place(re.compile(r"([0-9]{8}|[XYZ][0-9]{7})[A-Z]")),
    "EST": Place(_ELEVEN_DIGITS),
    "KAZ": Place(_TWELVE_DIGITS),
    "KGZ": Place(_FOURTEEN_DIGITS),
    "LTU": Place(_ELEVEN_DIGITS),
    "LVA": Place(re.compile(r"[0-9]{6}<?[0-9]{5}")),
    "NLD": Place(re.compile(r"[0-9]{9}")),
    "SWE": Place(_TWELVE_DIGITS),
    "TUR": Place(_ELEVEN_DIGITS, prefix=FILLER),
    "UKR": Place(re.compile(r"[0-9]{8}<?[0-9]{5}")),
    "UZB": Place(_FOURTEEN_DIGITS),
}
_TD2: Final = {"AZE": Place(re.compile(r"[0-9A-Z]{7}"))}
_ANY: Final = Place(re.compile(r"[0-9A-Z][0-9A-Z<]*"))


def place_of(format_: MrzFormat, issuing_state: str) -> Place | None:
    """Where this State's document of this format has the personal number, if it has one."""
    match format_:
        case MrzFormat.TD3:
            return _ANY
        case MrzFormat.TD1:
            return _TD1.get(issuing_state)
        case MrzFormat.TD2:
            return _TD2.get(issuing_state)
    return None


def read_personal_number(
    format_: MrzFormat, issuing_state: str, optional_data: str, optional_data_2: str
) -> str | None:
    """The personal number as read; fillers inside it stay, for what they replaced is not known."""
    place = place_of(format_, issuing_state)
    if place is None:
        return None
    number = (optional_data_2 if place.second else optional_data).strip(FILLER)
    return number if place.shape.fullmatch(number) else None
