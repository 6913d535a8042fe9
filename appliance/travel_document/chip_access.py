"""MRZ_information, from which the keys to a chip are derived (Doc 9303-11 sections 4.3, 4.4 and D.2)."""

from appliance.travel_document.check_digit import check_digit
from appliance.travel_document.document_number import read_document_number
from appliance.travel_document.layout import LAYOUTS
from appliance.travel_document.mrz import Mrz


def chip_access_fields(mrz: Mrz) -> str:
    """Document number, birth date and expiry date as read, each with its check digit.

    The digits are computed: where one was misread, the chip opens all the same. A short number keeps
    its fillers up to nine characters; a long one is whole.
    """
    layout = LAYOUTS[mrz.format]
    number = read_document_number(layout, mrz.lines).covered
    dates = (layout.birth_date.of(mrz.lines), layout.expiry_date.of(mrz.lines))
    return "".join(characters + check_digit(characters) for characters in (number, *dates))
