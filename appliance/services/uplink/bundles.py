"""Fetches the bundle of an offered update over HTTPS, with the box's own certificate: bounded, and resumed
where a line was lost. Nothing here believes what came; the updater verifies it before a byte is installed."""

import asyncio
import contextlib
import hashlib
import http.client
import logging
import os
import shutil
import ssl
import threading
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from appliance.contracts.errors import ServiceError
from appliance.contracts.update import Fetched, UpdateOffer
from appliance.services.uplink.link import Credentials
from appliance.whole_files import sync_folder

BLOCK: Final = 64 * 1024
SYNC_BYTES: Final = 8 * 1024 * 1024
"""So much at most is fetched again after a power cut."""
SECONDS: Final = 60.0
"""A line that is silent for so long is lost."""
MARGIN_BYTES: Final = 16 * 1024 * 1024
"""What stays free for the post's items on the same disk."""

log = logging.getLogger(__name__)


class NotFetched(Exception):
    """Why a bundle did not come, in one plain sentence."""


class Bundles:
    """One bundle at a time, in a folder of its own. Its file is readable: the updater opens it."""

    def __init__(self, folder: Path, credentials: Credentials) -> None:
        self._folder = folder
        self._credentials = credentials
        self._offer: UpdateOffer | None = None
        self._task: asyncio.Task[None] | None = None
        self._problem = ""

    async def fetch(self, offer: UpdateOffer) -> Fetched:
        """Begin to fetch it, or say how far it is; it comes in the background.

        Raises:
            ServiceError: storage_broken: the folder cannot be used.
        """
        if self._offer != offer:
            await self.close()
            self._offer, self._problem = offer, ""
        running = self._task is not None and not self._task.done()
        try:
            if not running and not self._whole(offer).exists():
                self._clear(offer)
                self._task = asyncio.create_task(self._fetch(offer))
            return self._state(offer)
        except OSError as error:
            raise ServiceError("storage_broken", f"{self._folder}: {error.strerror}.") from error

    async def close(self) -> None:
        """Stop; what came so far stays. The thread ends with its next block."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _state(self, offer: UpdateOffer) -> Fetched:
        whole, part = self._whole(offer), self._part(offer)
        if whole.exists():
            return Fetched(have=offer.size, path=str(whole))
        return Fetched(have=part.stat().st_size if part.exists() else 0, problem=self._problem)

    def _whole(self, offer: UpdateOffer) -> Path:
        return self._folder / f"{offer.sha256}.raucb"

    def _part(self, offer: UpdateOffer) -> Path:
        return self._folder / f"{offer.sha256}.part"

    def _clear(self, offer: UpdateOffer) -> None:
        """What another offer left behind."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o755)
        for path in self._folder.iterdir():
            if path != self._part(offer):
                path.unlink()

    async def _fetch(self, offer: UpdateOffer) -> None:
        stop = threading.Event()
        try:
            await asyncio.to_thread(self._take, offer, stop)
            self._problem = ""
        except NotFetched as error:
            self._problem = str(error)
            log.warning("%s", error)
        except OSError as error:
            self._problem = f"The update cannot be fetched: {error.strerror or type(error).__name__}."
            log.warning("%s", self._problem)
        except http.client.HTTPException as error:
            self._problem = f"The update's server speaks no proper HTTP ({type(error).__name__})."
        except asyncio.CancelledError:
            stop.set()
            raise

    def _take(self, offer: UpdateOffer, stop: threading.Event) -> None:
        """In a thread of its own."""
        part = self._part(offer)
        have = part.stat().st_size if part.exists() else 0
        if have > offer.size:
            part.unlink()
            have = 0
        if shutil.disk_usage(self._folder).free < offer.size - have + MARGIN_BYTES:
            raise NotFetched("The update does not fit the disk.")
        if have < offer.size:
            self._load(offer, part, have, stop)
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != offer.sha256:
            part.unlink()
            raise NotFetched("The update has another hash than the offer says; it was thrown away.")
        part.chmod(0o644)
        os.replace(part, self._whole(offer))
        sync_folder(self._folder)

    def _load(self, offer: UpdateOffer, part: Path, have: int, stop: threading.Event) -> None:
        parts = urlsplit(offer.url)
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port or 443, timeout=SECONDS, context=self._context()
        )
        with contextlib.closing(connection):
            place = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", place or "/", headers={"Range": f"bytes={have}-"})
            answer = connection.getresponse()
            if answer.status == http.HTTPStatus.OK:
                have = 0  # it knows no ranges (RFC 9110, 14.2)
            elif answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                raise NotFetched(f"The update's server answers {answer.status}.")
            elif not (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
                raise NotFetched("The update's server sends another part than the one that was asked for.")
            with part.open("r+b" if part.exists() else "w+b") as file:
                file.truncate(have)
                file.seek(have)
                unsynced = 0
                while block := answer.read(BLOCK):
                    have += len(block)
                    if have > offer.size:
                        raise NotFetched("The update's server sends more than the offer says.")
                    file.write(block)
                    unsynced += len(block)
                    if unsynced >= SYNC_BYTES:
                        os.fsync(file.fileno())
                        unsynced = 0
                    if stop.is_set():
                        return
                file.flush()
                os.fsync(file.fileno())
        if have < offer.size:
            raise NotFetched("The line to the update's server was lost.")

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._credentials.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._credentials.certificate, self._credentials.key)
        return context
