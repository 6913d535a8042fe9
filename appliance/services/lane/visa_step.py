"""The step in which a visa is asked for: read by the same reader, typed, or said to be missing."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Final

from appliance.contracts.capture import MrzEvidence, Wait
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import Trouble
from appliance.contracts.typed import TypedDocument
from appliance.services.lane.asking import Asking, Referred
from appliance.services.lane.button import Offer
from appliance.services.lane.document_station import DocumentStation
from appliance.services.lane.visa_checks import visa_mrz
from appliance.services.lane.workflow import AnyEvent, Step, StepMissed, VisaRead, VisaTyped

WITHOUT_VISA: Final = "without_visa"
"""What a press does while a visa is asked for: there is none."""
AGAIN_SECONDS: Final = 0.5
"""After a page that is no visa, as the passport's that still lies there."""


async def read_visa(
    documents: DocumentStation,
    asking: Asking,
    *,
    seconds: float,
    today: dt.date,
    keep: Callable[[AnyEvent], Awaitable[None]],
) -> None:
    """Wait for the visa as long as it takes: its MRZ, the officer's form, or the word that there is none.

    Raises:
        Referred: the officer held the button.
    """
    while True:
        try:
            with documents.typing():
                evidence = await asking.or_button(
                    _visa(documents, seconds=seconds, today=today), Offer(press=WITHOUT_VISA, hold="refer")
                )
        except ServiceError as error:
            if not await _without_reader(documents, asking, error.code, keep):
                continue
            return
        if evidence is None:
            await _pressed(asking.pressed, keep)
            return
        if isinstance(evidence, TypedDocument):
            await keep(VisaTyped(typed=evidence))
        else:
            await keep(VisaRead(evidence=evidence))
        return


async def _visa(documents: DocumentStation, *, seconds: float, today: dt.date) -> MrzEvidence | TypedDocument:
    """The next visa that is read or typed. What lies there and is none is passed over without a change of the
    screen, so that a press on it is taken.

    Raises:
        ServiceError: nothing reads.
    """
    while True:
        try:
            evidence = await documents.read_or_typed(Wait(timeout=seconds))
        except ServiceError as error:
            if error.code == "timeout":
                continue
            raise
        if isinstance(evidence, TypedDocument) or visa_mrz(evidence.lines, today=today) is not None:
            return evidence
        await asyncio.sleep(AGAIN_SECONDS)


async def _without_reader(
    documents: DocumentStation, asking: Asking, code: str, keep: Callable[[AnyEvent], Awaitable[None]]
) -> bool:
    """Nothing reads: the visa is typed, or there is none. Whether the step is over."""
    with documents.typing():
        trouble = Trouble(code="visa_not_read", evidence={"reason": code})
        pressed = await asking.in_trouble(trouble, Offer(press="retry", hold=WITHOUT_VISA))
        typed = documents.typed
    if typed is not None:
        await keep(VisaTyped(typed=typed))
        return True
    if pressed == "retry":
        return False
    await _pressed(pressed, keep)
    return True


async def _pressed(pressed: str | None, keep: Callable[[AnyEvent], Awaitable[None]]) -> None:
    if pressed != WITHOUT_VISA:
        raise Referred
    await keep(StepMissed(step=Step.READING_VISA, code="missing", tried=True))
