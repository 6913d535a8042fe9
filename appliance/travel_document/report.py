"""An MRZ as JSON, for commands and tools."""

from typing import Any

from appliance.travel_document.checks import UNREADABLE, MrzCheck
from appliance.travel_document.mrz import Mrz


def to_json(mrz: Mrz) -> dict[str, Any]:
    """Format, lines, fields and checks; a check over characters that could not be read CANNOT be done."""
    return {
        "format": mrz.format.value,
        "lines": list(mrz.lines),
        "fields": {
            "document_code": mrz.document_code,
            "issuing_state": mrz.issuing_state,
            "primary_identifier": mrz.primary_identifier,
            "secondary_identifier": mrz.secondary_identifier,
            "name_truncated": mrz.name_truncated,
            "document_number": mrz.document_number,
            "nationality": mrz.nationality,
            "birth_date": str(mrz.birth_date),
            "sex": mrz.sex,
            "expiry_date": str(mrz.expiry_date),
            "optional_data": mrz.optional_data,
            "optional_data_2": mrz.optional_data_2,
            "personal_number": mrz.personal_number,
        },
        "checks": [_check(check) for check in mrz.checks],
    }


def _check(check: MrzCheck) -> dict[str, Any]:
    evidence: dict[str, Any] = {"field": check.field}
    if not check.passed:
        evidence |= {
            "line": check.line,
            "position": check.position,
            "read": check.read,
            "expected": check.expected,
        }
        if check.suspect:
            evidence["suspect"] = check.suspect
    return {"id": check.id, "verdict": _verdict(check), "reason": check.reason, "evidence": evidence}


def _verdict(check: MrzCheck) -> str:
    if check.passed:
        return "PASS"
    # Nothing to expect: a covered character is none that an MRZ has, so nothing is known of the sum over it.
    return "CANNOT" if check.reason == UNREADABLE and not check.expected else "FAIL"
