"""Codes that the officer's barcode reader was held at while the page was read: a seal is read with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from appliance.contracts.capture import MrzEvidence
from appliance.contracts.errors import ServiceError
from appliance.services.capture.device_desk import DeviceDesk
from hal.barcode_reader import BarcodeReader
from hal.device import Device

MAX_CODES: Final = 4
"""No page has more seals; somebody who scans for fun is no longer listened to."""
SLICE_SECONDS: Final = 1.0
"""One wait: how long the reader stays busy for a page that was read meanwhile."""
RETRY_SECONDS: Final = 1.0
"""How soon a reader that is away is asked again."""


@dataclass(slots=True)
class Heard:
    """What was scanned so far."""

    codes: list[bytes] = field(default_factory=list)
    simulated: bool = False

    def added_to(self, evidence: MrzEvidence) -> MrzEvidence:
        """The evidence with these codes beside those that a camera saw."""
        new = tuple(code for code in dict.fromkeys(self.codes) if code not in evidence.barcodes)
        if not new:
            return evidence
        return msgspec.structs.replace(
            evidence,
            barcodes=(*evidence.barcodes, *new),
            simulated=evidence.simulated or self.simulated,
        )


class BarcodeDesk:
    """Listens to the barcode reader beside the page's readers."""

    def __init__(self, desk: DeviceDesk) -> None:
        self._desk = desk

    @contextlib.asynccontextmanager
    async def listening(self, readers: Sequence[Device]) -> AsyncIterator[Heard]:
        """As long as this lasts, what is scanned is heard; a reader that fails is a state, not a stop."""
        heard = Heard()
        tasks = [asyncio.ensure_future(self._listen(reader, heard)) for reader in readers]
        try:
            yield heard
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, reader: Device, heard: Heard) -> None:
        assert isinstance(reader, BarcodeReader)
        while len(heard.codes) < MAX_CODES:
            try:
                barcode = await self._desk.ask(reader, lambda: reader.read_barcode(SLICE_SECONDS))
            except ServiceError as error:
                if error.code not in ("timeout", "unreadable"):
                    await asyncio.sleep(RETRY_SECONDS)
                continue
            heard.codes.append(barcode.data)
            heard.simulated = heard.simulated or reader.simulated
