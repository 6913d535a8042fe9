"""States as public lists name them, in the codes of the MRZ; what nobody knows is left out, never guessed."""

from functools import cache
from typing import Final

from appliance.screening.numbers import normalise_state
from appliance.travel_document.codes import is_known_code, state_codes, state_name

_OTHER_NAMES: Final = {
    "russia": "RUS",
    "syria": "SYR",
    "iran (islamic republic of)": "IRN",
    "islamic republic of iran": "IRN",
    "north korea": "PRK",
    "korea, north": "PRK",
    "south korea": "KOR",
    "korea, south": "KOR",
    "vietnam": "VNM",
    "venezuela (bolivarian republic of)": "VEN",
    "bolivia (plurinational state of)": "BOL",
    "tanzania": "TZA",
    "moldova": "MDA",
    "laos": "LAO",
    "burma": "MMR",
    "turkey": "TUR",
    "united states": "USA",
    "usa": "USA",
    "congo, democratic republic of the": "COD",
    "congo, republic of the": "COG",
    "palestine": "PSE",
    "palestinian": "PSE",
    "united kingdom of great britain and northern ireland": "GBR",
    "czech republic": "CZE",
    "ivory coast": "CIV",
    "cote d ivoire": "CIV",
    "macedonia": "MKD",
    "taiwan": "TWN",
    "brunei": "BRN",
    "kyrgyz republic": "KGZ",
    "the gambia": "GMB",
    "swaziland": "SWZ",
    "hong kong, china": "HKG",
    "libyan arab jamahiriya": "LBY",
    "sudan, the republic of": "SDN",
    "kosovo": "RKS",
    "germany": "D",
}


@cache
def _by_name() -> dict[str, str]:
    names = {(state_name(code) or "").lower(): code for code in state_codes()}
    return names | _OTHER_NAMES


def state_of(text: str) -> str:
    """The code of a state by its name, or by its two- or three-letter code; empty when it is not known."""
    plain = " ".join(text.replace("_", " ").split())
    code = normalise_state(plain)
    if len(code) == 2 and code.isalpha():
        from babel.core import get_global

        threes = [
            three
            for three, two in get_global("territory_aliases").items()
            if two == [code] and len(three) == 3
        ]
        code = next((three for three in sorted(threes) if is_known_code(three)), "")
        return normalise_state(code)
    if is_known_code(code):
        return code
    return normalise_state(_by_name().get(plain.lower().removeprefix("the ").strip(" ."), ""))
