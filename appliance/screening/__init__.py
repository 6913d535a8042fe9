"""Screening: documents and persons against opened lists; pure, no network, no clock of its own."""

from appliance.screening.errors import EntryError, ListUnreadable, ScreeningError
from appliance.screening.lists import (
    BrokenList,
    ListAge,
    ListInfo,
    ListKind,
    OpenedList,
    OpenLists,
    WhenStale,
    age_of,
)
from appliance.screening.screen import screen
from appliance.screening.subject import Subject

__all__ = [
    "BrokenList",
    "EntryError",
    "ListAge",
    "ListInfo",
    "ListKind",
    "ListUnreadable",
    "OpenLists",
    "OpenedList",
    "ScreeningError",
    "Subject",
    "WhenStale",
    "age_of",
    "screen",
]
