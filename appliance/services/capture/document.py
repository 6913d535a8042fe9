"""The document station: reads the page before a camera, frame after frame, until certain or out of time."""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from appliance.contracts.capture import MrzEvidence, PageHint, WatchPage
from appliance.contracts.errors import ServiceError
from appliance.services.capture.page_picture import page_jpeg
from appliance.services.capture.page_reader import Hint, PageReader, PageReading, is_certain, read_rows
from appliance.services.capture.pictures import PictureError
from appliance.services.capture.seals import read_barcodes
from appliance.travel_document import Mrz
from appliance.travel_document.optical import Optical
from hal.camera import Camera, Frame
from models.mrz.alignment import Row, vote
from models.runtime import ModelError

Picture = npt.NDArray[np.uint8]

SETTLE_SECONDS: Final = 4.0
"""From the first reading on, so long more frames may make it certain; then comes the best guess, marked."""
FRAME_SECONDS: Final = 5.0
"""For one frame; a camera that takes longer is not well."""
AGREEING: Final = 2
"""Looks that say the same text, when no single one is certain: names have no check digit."""
STEADY: Final = 4
"""The same, of a page whose own check digits are wrong: looking longer does not mend them."""
SURE: Final = 0.9
"""Confidence of one look that needs no other."""
REMEMBERED: Final = 6
"""Looks that vote."""
SAME_PAGE: Final = 0.7
"""Share of equal characters from which on two readings are of one page."""
RETRY_SECONDS: Final = 0.2

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Looks:
    """Readings of one page that vote with each other."""

    rows: list[tuple[Row, ...]] = field(default_factory=list)
    optical: Optical | None = None
    mrz: Mrz | None = None
    picture: Picture | None = None
    """The frame that was read best."""
    best: float = -1.0
    agreed: int = 0
    since: float = 0.0

    def add(self, reading: PageReading, picture: Picture, *, today: dt.date) -> None:
        """One more look; a look at another page begins anew."""
        if reading.optical is None:
            return
        if self.optical is None or not _same_page(self.optical, reading.optical):
            self.rows, self.best, self.agreed, self.since = [], -1.0, 0, time.monotonic()
            self.optical = None
        before = self.optical.lines if self.optical else None
        self.rows = [*self.rows, reading.rows][-REMEMBERED:]
        found = read_rows([vote(looks) for looks in zip(*self.rows, strict=True)], today=today)
        self.optical, self.mrz = found or (reading.optical, reading.mrz)
        self.agreed = self.agreed + 1 if self.optical.lines == before else 1
        if reading.optical.confidence > self.best:
            self.best, self.picture = reading.optical.confidence, picture

    @property
    def certain(self) -> bool:
        """Nothing is doubtful; or every character is clear, and it is the page itself that is wrong."""
        if self.optical is None or self.mrz is None or self.optical.uncertain:
            return False
        if not is_certain(self.optical, self.mrz):
            return self.agreed >= STEADY
        return self.agreed >= AGREEING or self.best > SURE


class DocumentStation:
    """Reads pages before the document camera; one caller at a time."""

    def __init__(self, *, make_reader: Callable[[], PageReader] = PageReader) -> None:
        self._make_reader = make_reader
        self._reader: PageReader | None = None
        self._revision = 0
        self._hint: str | None = None
        self._changed = asyncio.Condition()

    async def watch(self, request: WatchPage) -> PageHint:
        """The hint, when it is newer than the caller's, or as it is after the time."""
        try:
            async with asyncio.timeout(request.timeout), self._changed:
                await self._changed.wait_for(lambda: self._revision > request.after)
        except TimeoutError:
            pass
        return PageHint(revision=self._revision, hint=self._hint)

    async def read(
        self, camera: Camera, timeout: float, capture: Callable[[float], Awaitable[Frame]]
    ) -> MrzEvidence:
        """The page before `camera`; `capture` asks it for a frame, in its turn.

        Raises:
            ServiceError: timeout (nothing was read), or a camera or networks that are missing.
        """
        reader = self._load()
        deadline = time.monotonic() + timeout
        looks = _Looks()
        try:
            while True:
                left = deadline - time.monotonic()
                settled = looks.optical is not None and time.monotonic() - looks.since > SETTLE_SECONDS
                if looks.certain or settled or left <= 0:
                    break
                picture = await self._frame(capture, min(left, FRAME_SECONDS))
                if picture is None:
                    continue
                today = dt.datetime.now(dt.UTC).date()
                reading = await asyncio.to_thread(reader.read, picture, today=today)
                looks.add(reading, picture, today=today)
                await self._say(reading.hint)
        finally:
            await self._say(Hint.NONE)
        return await asyncio.to_thread(_evidence, looks, camera)

    def _load(self) -> PageReader:
        if self._reader is None:
            try:
                self._reader = self._make_reader()
            except ModelError as error:
                raise ServiceError("device_error", str(error)) from error
        return self._reader

    async def _frame(self, capture: Callable[[float], Awaitable[Frame]], timeout: float) -> Picture | None:
        """A frame, None when this one was spoilt.

        Raises:
            ServiceError: the camera is gone or broken.
        """
        try:
            return (await capture(timeout)).pixels
        except ServiceError as error:
            if not error.retry:
                raise
            await asyncio.sleep(RETRY_SECONDS)
            return None

    async def _say(self, hint: Hint) -> None:
        word = None if hint is Hint.NONE else hint.value
        if word != self._hint:
            async with self._changed:
                self._hint, self._revision = word, self._revision + 1
                self._changed.notify_all()


def _same_page(known: Optical, other: Optical) -> bool:
    if known.format is not other.format:
        return False
    pairs = [
        (a, b)
        for one, two in zip(known.lines, other.lines, strict=True)
        for a, b in zip(one, two, strict=True)
    ]
    telling = [pair for pair in pairs if pair != ("<", "<")]
    return sum(a == b for a, b in telling) >= SAME_PAGE * len(telling)


def _evidence(looks: _Looks, camera: Camera) -> MrzEvidence:
    """What the looks came to.

    Raises:
        ServiceError: timeout: no page was read.
    """
    if looks.optical is None or looks.picture is None:
        raise ServiceError("timeout", "No page was read before the camera.", retry=True)
    try:
        page = page_jpeg(looks.picture)
    except PictureError as error:
        log.warning("the page's picture is not kept: %s", error)
        page = None
    optical = looks.optical
    return MrzEvidence(
        lines=optical.lines,
        source="camera",
        device=camera.identity.key,
        simulated=camera.simulated,
        uncertain=optical.uncertain,
        inferred=tuple((one.line, one.position, one.read) for one in optical.inferred),
        page=page,
        barcodes=read_barcodes(looks.picture),
    )
