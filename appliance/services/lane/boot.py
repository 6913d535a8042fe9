"""From the kernel's start to a screen that somebody can work at: measured once for each start of the box."""

import json
import logging
from pathlib import Path
from typing import Final

from appliance.clock import Kernel, linux
from appliance.whole_files import write_whole

FILE: Final = "boot-to-ready.json"
MAX_FILE_BYTES: Final = 4096
STARTED_WITHIN_SECONDS: Final = 900.0
"""Lane starts with the box: one that a person starts later, as on a developer's machine, measures nothing."""

log = logging.getLogger(__name__)


class BootToReady:
    """Remembers the figure of this start on disk, so that a restart of lane alone does not measure anew.

    Firmware and boot loader come before the kernel's clock begins, and are not in it.
    """

    def __init__(self, folder: Path | None, *, kernel: Kernel | None = None) -> None:
        self._file = folder / FILE if folder is not None else None
        self._kernel = kernel or linux()
        self._boot_id = self._kernel.boot_id()
        self._with_the_box = self._kernel.boottime_ns() / 1e9 <= STARTED_WITHIN_SECONDS
        self.seconds: float | None = self._read()

    def ready(self) -> None:
        """The officer's page is being followed."""
        if self.seconds is not None or not self._with_the_box:
            return
        self.seconds = round(self._kernel.boottime_ns() / 1e9, 1)
        if self._file is not None:
            known = {"boot_id": self._boot_id, "seconds": self.seconds}
            try:
                write_whole(self._file, json.dumps(known).encode("ascii"))
            except OSError as error:  # the figure is told all the same, until lane starts anew
                log.warning("The time to ready is not kept: %s", error.strerror)

    def _read(self) -> float | None:
        if self._file is None:
            return None
        try:
            with self._file.open("rb") as file:
                known = json.loads(file.read(MAX_FILE_BYTES))
            return float(known["seconds"]) if known["boot_id"] == self._boot_id else None
        except (OSError, ValueError, TypeError, KeyError):
            return None  # the first start, or a file that a power cut spoilt
