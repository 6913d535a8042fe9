"""Who is searched for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is searched for, as the document says; what is empty is not known."""

    primary_identifier: str = ""
    secondary_identifier: str = ""
    name_truncated: bool = False
    birth_date: str = ""
    """ISO 8601, unknown parts as ?? or left out."""
    sex: str = ""
    nationality: str = ""
    issuing_state: str = ""
    document_number: str = ""
    document_type: str = ""
    number_check: bool | None = None
    """Whether the number's check digit fits; None: it has none, or nobody looked."""
    personal_number: str | None = None
    visa_number: str = ""
    vehicle_plate: str = ""
    vehicle_state: str = ""
