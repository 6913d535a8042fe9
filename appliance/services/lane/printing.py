"""The print desk: a page drawn for the paper that this box has, and printed by capture."""

import asyncio
from collections.abc import Callable
from typing import Final

from appliance.contracts.capture import Capture, Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.printing import PrintPage

PRINT_SECONDS: Final = 25.0
"""For the whole page, a new roll included: the next traveller waits."""


class PrintDesk:
    """Prints for the kiosk's pages."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    async def print(self, draw: Callable[[int], bytes]) -> None:
        """Draw a page of so many dots across, as `PrintPage` has it, and print it.

        Raises:
            ServiceError: no_device: this box has no printer; or as capture says.
        """
        devices = (await self._capture.devices(Nothing())).devices
        dots = next((one.print_dots for one in devices if one.print_dots), None)
        if dots is None:
            raise ServiceError("no_device", "This box has no printer.")
        rows = await asyncio.to_thread(draw, dots)
        await self._capture.print_page(PrintPage(rows=rows, dots=dots, timeout=PRINT_SECONDS))
