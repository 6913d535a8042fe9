"""Two MRZs of one document held against each other: the page's and the chip's (Doc 9303-10, 4.7.1)."""

from typing import Final

from appliance.travel_document.mrz import Mrz

COMPARED: Final = (
    "format",
    "document_code",
    "issuing_state",
    "document_number",
    "primary_identifier",
    "secondary_identifier",
    "nationality",
    "birth_date",
    "sex",
    "expiry_date",
    "optional_data",
    "optional_data_2",
    "personal_number",
)


def different_fields(page: Mrz, chip: Mrz) -> tuple[str, ...]:
    """The fields that differ; `check_digits` when only these do; nothing when the lines are equal."""
    if page.lines == chip.lines:
        return ()
    fields = tuple(name for name in COMPARED if getattr(page, name) != getattr(chip, name))
    return fields or ("check_digits",)
