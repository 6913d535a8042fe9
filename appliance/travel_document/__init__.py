"""What a travel document says in writing: MRZ, names, dates, codes (Doc 9303-3 to -7). Pure: no I/O."""

from appliance.travel_document.check_digit import check_digit
from appliance.travel_document.checks import MrzCheck
from appliance.travel_document.chip_access import chip_access_fields
from appliance.travel_document.codes import is_known_code, state_name
from appliance.travel_document.compare import different_fields
from appliance.travel_document.data_groups import dg1_from_mrz, mrz_from_dg1
from appliance.travel_document.dates import PartialDate
from appliance.travel_document.errors import (
    CannotRepresent,
    CannotTransliterate,
    ImpossibleDate,
    MrzError,
    NotAnMrz,
    NotDataGroup1,
    UnreadableCharacter,
)
from appliance.travel_document.generate import generate_mrz
from appliance.travel_document.layout import MrzFormat
from appliance.travel_document.mrz import Mrz, parse_mrz
from appliance.travel_document.report import to_json
from appliance.travel_document.transliteration import transliterate

__all__ = [
    "CannotRepresent",
    "CannotTransliterate",
    "ImpossibleDate",
    "Mrz",
    "MrzCheck",
    "MrzError",
    "MrzFormat",
    "NotAnMrz",
    "NotDataGroup1",
    "PartialDate",
    "UnreadableCharacter",
    "check_digit",
    "chip_access_fields",
    "dg1_from_mrz",
    "different_fields",
    "generate_mrz",
    "is_known_code",
    "mrz_from_dg1",
    "parse_mrz",
    "state_name",
    "to_json",
    "transliterate",
]
