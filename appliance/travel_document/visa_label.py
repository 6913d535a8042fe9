"""The MRZ of a visa's label (Doc 9303-7, section 4.2), read back by this room's reader before it counts."""

import datetime as dt

from appliance.travel_document.check_digit import FILLER
from appliance.travel_document.dates import PartialDate
from appliance.travel_document.errors import CannotRepresent
from appliance.travel_document.generate import generate_mrz
from appliance.travel_document.layout import LAYOUTS, MrzFormat
from appliance.travel_document.mrz import parse_mrz

SIZES_MM = {MrzFormat.MRV_A: (120, 80), MrzFormat.MRV_B: (105, 74)}
"""Width and height of the label, in millimetres."""


def visa_label_lines(
    format: MrzFormat,
    *,
    document_code: str,
    issuing_state: str,
    primary_identifier: str,
    secondary_identifier: str,
    visa_number: str,
    passport_number: str,
    nationality: str,
    birth_date: str,
    sex: str,
    valid_until: dt.date,
    today: dt.date,
) -> tuple[str, ...]:
    """Both lines. The visa's own number stands in the field of the number; the passport's stands in the
    optional data where it fits whole (16 characters of an MRV-A, 8 of an MRV-B), else nowhere: a piece of it
    would be another number. `birth_date` is ISO 8601 with unknown parts as ?.

    Raises:
        CannotRepresent: something of it has no place in such an MRZ, or reads otherwise than it was written.
    """
    if format not in SIZES_MM:
        raise CannotRepresent("format", "A visa is an MRV-A or an MRV-B.")
    optional = passport_number if len(passport_number) <= LAYOUTS[format].optional_data.width else ""
    lines = generate_mrz(
        format,
        document_code=document_code,
        issuing_state=issuing_state,
        primary_identifier=primary_identifier,
        secondary_identifier=secondary_identifier,
        document_number=visa_number,
        nationality=nationality,
        birth_date=PartialDate.parse(birth_date),
        sex=sex,
        expiry_date=valid_until,
        optional_data=optional,
    )
    read = parse_mrz(lines, today=today)
    same = (
        read.format is format
        and read.document_number == visa_number
        and read.expiry_date.as_date() == valid_until
        and read.optional_data == optional.rstrip(FILLER)
    )
    if not (same and read.passed):
        wrong = ", ".join(check.id for check in read.checks if not check.passed) or "a field"
        raise CannotRepresent("mrz", f"The label would read otherwise than it was written: {wrong}.")
    return lines
