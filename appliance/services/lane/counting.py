"""Each recorded crossing is counted for the post's own statistics."""

import asyncio
import logging

from appliance.clock import wall_of
from appliance.contracts.movement import Movement, Stamp
from appliance.records.errors import StorageError
from appliance.records.statistics.book import Book

log = logging.getLogger(__name__)


async def count(book: Book | None, movement: Movement, stamp: Stamp) -> None:
    """Count it. Its record stands already: if this fails, or the power goes just now, a count is lost and no
    record."""
    if book is None:
        return
    try:
        await asyncio.to_thread(book.note, movement, now=wall_of(stamp))
    except StorageError as error:
        log.warning("this crossing is not in the box's statistics: %s", error)
