"""All of central's tables and views, from the rooms that they belong to."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from central import waiting
from central.fleet import tables as fleet
from central.merge import tables as merge
from central.rights import tables as rights
from central.statistics import tables as statistics
from central.statistics.views import create_views
from central.tables import METADATA

ROOMS: Final[tuple[sa.MetaData, ...]] = tuple(
    room.METADATA for room in (fleet, merge, rights, statistics, waiting)
)
"""Each room that is named here has put its tables into the one METADATA."""


def create_schema(connection: Connection) -> None:
    """Tables and views that are not there yet."""
    for metadata in {id(one): one for one in (METADATA, *ROOMS)}.values():
        metadata.create_all(connection)
    create_views(connection)
