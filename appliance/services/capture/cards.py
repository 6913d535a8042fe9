"""Officers' cards at the reader: a signature is asked of the card that lies there, and carried to lane.

It is asked for when lane asks, and not otherwise: whatever else is laid down is left alone.
"""

import asyncio
from collections.abc import Awaitable, Callable

from appliance.chip.errors import ChipGone
from appliance.chip.piv import CardAnswer, NotPiv, prove
from appliance.contracts.card import CardProof, ProveCard
from appliance.contracts.errors import ServiceError
from appliance.services.capture.chips import Ask
from appliance.travel_document.lds.errors import EmrtdError
from hal.device import Device
from hal.document_reader import ChipConnection, ChipReader

Find = Callable[[Device, float], Awaitable[ChipConnection]]
"""Wait so many seconds for a chip on the reader."""


class CardDesk:
    """`own`: whether the reader is for cards alone."""

    def __init__(self, *, ask: Ask, find: Find) -> None:
        self._ask = ask
        self._find = find
        self._turn = asyncio.Lock()
        """Looking for a card ends an earlier look."""

    async def prove(self, reader: Device, request: ProveCard, *, own: bool) -> CardProof:
        """Raises:
        ServiceError: no_card, foreign_card, card_error, or the device's own codes.
        """
        async with self._turn:
            return await self._prove(reader, request, own=own)

    async def _prove(self, reader: Device, request: ProveCard, *, own: bool) -> CardProof:
        assert isinstance(reader, ChipReader)
        try:
            connection = await self._find(reader, request.timeout)
        except ServiceError as error:
            if error.code == "unreadable":
                raise ServiceError(
                    "foreign_card", "What lies there answers as no card.", retry=True
                ) from error
            if error.code != "timeout":
                raise
            raise ServiceError("no_card", "No card came onto the reader.", retry=True) from error

        def work() -> CardAnswer:
            try:
                return prove(connection.transmit, request.digest)
            finally:
                connection.close()

        try:
            answer = await self._ask(reader, work)
        except NotPiv as error:
            raise ServiceError("foreign_card", str(error), retry=True) from error
        except ChipGone as error:
            raise ServiceError("no_card", "The card was taken away too early.", retry=True) from error
        except EmrtdError as error:
            raise ServiceError("card_error", str(error), retry=True) from error
        except ServiceError as error:
            if error.code != "removed":
                raise
            raise ServiceError("no_card", "The card was taken away too early.", retry=True) from error
        return CardProof(
            certificate=answer.certificate,
            signature=answer.signature,
            device=reader.identity.key,
            simulated=reader.simulated,
            own_reader=own,
        )
