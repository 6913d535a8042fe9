"""Telemetry as it travels: one JSON object with plain values, so that any collector takes it as it is."""

from typing import Any, Final

MAX_FIELDS: Final = 500
"""A box has some dozens; more is not one of ours."""

Plain = str | int | float | bool | None


def flat(report: object) -> dict[str, Plain]:
    """The report on one level: `{"records": {"unsent": 3}}` is `{"records_unsent": 3}`, and parts of a list
    get their place, `devices_0_state`. What is flat stays as it is; a stranger's may be as deep as it likes.
    """
    found: dict[str, Plain] = {}
    waiting: list[tuple[str, Any]] = [("", report)]
    while waiting and len(found) < MAX_FIELDS:
        name, value = waiting.pop()
        if isinstance(value, dict):
            parts = [(f"{name}_{key}" if name else str(key), part) for key, part in value.items()]
            waiting += reversed(parts[:MAX_FIELDS])
        elif isinstance(value, list | tuple):
            waiting += reversed([(f"{name}_{place}", part) for place, part in enumerate(value[:MAX_FIELDS])])
        elif isinstance(value, str | int | float | bool | None):
            found[name] = value
        else:
            found[name] = str(value)
    return found
