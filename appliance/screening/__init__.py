"""Screening: documents and persons against opened lists; pure, no network, no clock of its own."""

from appliance.screening.lists import (
    BrokenList,
    ListAge,
    ListInfo,
    ListKind,
    ListUnreadable,
    OpenList,
    OpenLists,
    WhenStale,
    open_list,
    open_list_file,
)
from appliance.screening.screen import Subject, screen

__all__ = [
    "BrokenList",
    "ListAge",
    "ListInfo",
    "ListKind",
    "ListUnreadable",
    "OpenList",
    "OpenLists",
    "Subject",
    "WhenStale",
    "open_list",
    "open_list_file",
    "screen",
]
