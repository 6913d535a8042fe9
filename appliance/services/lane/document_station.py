"""Where the document comes from: a reader, a camera with its guidance, or the officer's own hands."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from appliance.contracts.capture import Capture, MrzEvidence, Wait
from appliance.contracts.movement import DocumentFacts
from appliance.contracts.typed import TypedAnswer, TypedDocument, TypedEntry
from appliance.services.lane.page_guide import PageGuide
from appliance.services.lane.tasks import end
from appliance.services.lane.typed_entry import PROVISIONAL, read_entry


class DocumentStation:
    """Reads a document, or takes one that is typed. Lives in the event loop's thread."""

    def __init__(self, capture: Capture, changed: Callable[[], None]) -> None:
        self._capture = capture
        self._changed = changed
        self._typed: asyncio.Future[TypedDocument] | None = None
        self.page = PageGuide(capture, changed)

    @property
    def takes_typed(self) -> bool:
        """Whether a document may be typed now."""
        return self._typed is not None and not self._typed.done()

    @property
    def typed(self) -> TypedDocument | None:
        """What was typed since it may be."""
        return self._typed.result() if self._typed is not None and self._typed.done() else None

    @contextlib.contextmanager
    def typing(self) -> Iterator[None]:
        """While this lasts a document may be typed."""
        self._typed = asyncio.get_running_loop().create_future()
        self._changed()
        try:
            yield
        finally:
            self._typed = None

    async def read(self, wait: Wait) -> MrzEvidence:
        """What a reader or a camera sees of the document.

        Raises:
            ServiceError: nothing came, or no device is there to read it.
        """
        async with self.page.following():
            return await self._capture.read_mrz(wait)

    async def read_or_typed(self, wait: Wait) -> MrzEvidence | TypedDocument:
        """What comes first: lines from a reader, or the officer's form.

        Raises:
            ServiceError: nothing was typed, and `read` failed.
        """
        typed = self._typed
        assert typed is not None
        reading = asyncio.ensure_future(self.read(wait))
        either: set[asyncio.Future[Any]] = {reading, typed}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return typed.result() if typed.done() else reading.result()
        finally:
            await end(reading)

    def enter(
        self, entry: TypedEntry, *, today: dt.date, guardian: DocumentFacts | None = None
    ) -> TypedAnswer:
        """A form: what is wrong with it, what it would be, or that it is taken."""
        typed = self._typed
        if typed is None or typed.done():
            return TypedAnswer(taken=False)
        number = f"{PROVISIONAL}{entry.crossing[:8].upper()}"
        document, problems = read_entry(entry, today=today, provisional_number=number, guardian=guardian)
        if document is None or not entry.confirmed:
            return TypedAnswer(taken=False, problems=problems, document=document)
        typed.set_result(document)
        return TypedAnswer(taken=True, document=document)
