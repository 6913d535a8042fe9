"""The step in which the document is read, or typed; the officer judges a silent reader."""

from collections.abc import Awaitable, Callable

from appliance.contracts.capture import Wait
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import Trouble
from appliance.contracts.typed import TypedDocument
from appliance.services.lane.asking import Asking, Referred
from appliance.services.lane.button import Offer
from appliance.services.lane.document_station import DocumentStation
from appliance.services.lane.workflow import AnyEvent, DocumentRead, DocumentTyped, Step


async def read_document(
    documents: DocumentStation,
    asking: Asking,
    *,
    seconds: float,
    keep: Callable[[AnyEvent], Awaitable[None]],
    miss: Callable[[Step, str], Awaitable[None]],
) -> None:
    """Read until there is a document, or the officer refers a traveller who has none that can be read.

    Raises:
        Referred: the officer held the button.
    """
    with documents.typing():
        while True:
            try:
                evidence = await asking.unless_held(documents.read_or_typed(Wait(timeout=seconds)))
            except ServiceError as error:
                trouble = Trouble(code="document_not_read", evidence={"reason": error.code})
                if await asking.in_trouble(trouble, Offer(press="retry", hold="refer")) == "refer":
                    await miss(Step.READING_DOCUMENT, error.code)
                    raise Referred from error
                continue
            break
    if isinstance(evidence, TypedDocument):
        await keep(DocumentTyped(typed=evidence))
    else:
        await keep(DocumentRead(evidence=evidence))
