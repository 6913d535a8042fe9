"""Who works at the second line, and in which role."""

from typing import Final

from appliance.contracts.officers import OfficerView, Role

CLOSES: Final = frozenset({Role.SECOND_LINE, Role.SUPERVISOR})
"""Roles that decide a referred case."""


def role_of(officer: OfficerView | None) -> Role | None:
    """In which role they work there, the higher one of two; None: they do not."""
    roles = officer.roles if officer else ()
    return next((role for role in (Role.SUPERVISOR, Role.SECOND_LINE) if role in roles), None)
