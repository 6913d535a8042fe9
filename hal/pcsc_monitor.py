"""Readers that come and go in PC/SC, as the daemon tells it (part 5; pcsc-lite's "PnP" pseudo-reader)."""

import logging
import threading
from collections.abc import Callable

from smartcard import scard

from hal.device import HalError
from hal.discovery import Found, found_by_name
from hal.document_reader import pcsc_calls

NOTIFICATION = "\\\\?PnP?\\Notification"
"""A reader of this name changes its state when readers are plugged in or out."""
SLICE_SECONDS = 1.0
"""One wait; then the list is read anyway, should a change have been missed."""
DAEMON_SECONDS = 1.0
"""How soon a daemon that does not run is asked for again."""
STOP_SECONDS = 3.0

log = logging.getLogger(__name__)

OnFound = Callable[[Found], None]


class PcscMonitor:
    """Reports every reader once when it comes and once when it goes, from a thread of its own.

    Without the daemon there are no readers: when it ends they all go, when it starts they come.
    """

    def __init__(self, *, on_add: OnFound, on_remove: OnFound) -> None:
        self._on_add = on_add
        self._on_remove = on_remove
        self._present: dict[str, Found] = {}
        self._stopping = threading.Event()
        self._context: int | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="pcsc hotplug", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            if self._context is not None:
                scard.SCardCancel(self._context)
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._watch()
            except HalError as error:  # the daemon does not run, or ended
                log.debug("PC/SC: %s", error)
                self._now_there(())
            self._stopping.wait(DAEMON_SECONDS)
        self._present.clear()

    def _watch(self) -> None:
        context = pcsc_calls.establish()
        try:
            with self._lock:
                self._context = context
            while not self._stopping.is_set():
                names = pcsc_calls.list_readers(context)
                self._now_there(names)
                # The state's high word is the number of readers that we know of: a change since then ends it.
                known = len(names) << 16
                result, _ = scard.SCardGetStatusChange(
                    context, int(SLICE_SECONDS * 1000), [(NOTIFICATION, known)]
                )
                if result not in (scard.SCARD_S_SUCCESS, scard.SCARD_E_TIMEOUT, scard.SCARD_E_CANCELLED):
                    pcsc_calls.fail(result)
        finally:
            with self._lock:
                self._context = None
            pcsc_calls.release(context)

    def _now_there(self, names: tuple[str, ...]) -> None:
        for name in [name for name in self._present if name not in names]:
            self._call(self._on_remove, self._present.pop(name))
        for name in names:
            found = found_by_name(name) if name not in self._present else None
            if found is not None:
                self._present[name] = found
                self._call(self._on_add, found)

    def _call(self, callback: OnFound, found: Found) -> None:
        try:
            callback(found)
        except Exception:  # one listener's mistake must not end hot-plug for all
            log.exception("A hot-plug listener failed for %s.", found.key)
