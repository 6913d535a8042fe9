"""Every sensor that libfprint can take a picture with, through its GObject binding in a process of its own.

Optional: needs Debian's python3-gi and gir1.2-fprint-2.0. The binding is installed for the system's Python,
not for ours, so `libfprint_helper.py` runs there. Sensors that match on their own chip give no picture and
are refused. libfprint itself waits until the finger has left a sensor before it gives the picture out.
"""

import json
import os
import select
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import numpy as np

from hal.device import (
    Capability,
    DeviceBusy,
    DeviceError,
    DeviceFault,
    DeviceGone,
    Identity,
    NotSupported,
    RetryError,
    Timeout,
    Unreadable,
)
from hal.driver import POLL_SECONDS, Driver
from hal.fingerprint_sensor import FingerImage

SYSTEM_PYTHON = "/usr/bin/python3"
HELPER = Path(__file__).with_name("libfprint_helper.py")

START_SECONDS = 10.0
"""The binding is loaded from a card, and every driver looks for its sensor."""

CANCEL_SECONDS = 0.8
"""A helper that does not give up a capture in this time is ended: `close` is felt within a second."""

LINE_BYTES = 4096
MAX_PIXELS = 4_000_000
"""Four times a ten-print slap's: more is no image of one finger."""

MAKE_BELIEVE = "FP_"
"""libfprint takes pretended devices from environment variables that begin so."""

RETRIES = {
    "too-short": "The finger was taken away too soon.",
    "center-finger": "The finger must lie in the middle of the sensor.",
    "remove-finger": "The finger must be lifted and laid anew.",
}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the configuration may say of this driver."""

    libfprint_driver: Annotated[str, msgspec.Meta(pattern="^[a-z0-9_]{1,40}\\Z")] | None = None
    """As libfprint names it (elan, aes3500, ...); None: the first sensor that gives pictures."""
    dpi: Annotated[int, msgspec.Meta(ge=100, le=2000)] = 500
    """Where libfprint does not know it; it seldom does."""
    virtual: bool = False
    """Devices pretended by environment variables (FP_VIRTUAL_IMAGE) are let through, and are simulated."""
    model: str = "libfprint sensor"


class LibfprintSensor(Driver):
    """A sensor behind a helper process, which lives from `open` to `close`."""

    capabilities = frozenset({Capability.FINGERPRINT_IMAGE})

    def __init__(
        self, options: Options, *, command: tuple[str, ...] = (SYSTEM_PYTHON, "-I", str(HELPER))
    ) -> None:
        super().__init__(
            Identity(
                kind="fingerprint_sensor",
                driver="libfprint",
                model=options.model,
                port=options.libfprint_driver,
            )
        )
        self.simulated = options.virtual
        self._options = options
        self._command = (*command, *([options.libfprint_driver] if options.libfprint_driver else ()))
        self._helper: subprocess.Popen[bytes] | None = None
        self._read = b""

    def capture(self, timeout: float) -> FingerImage:
        deadline = time.monotonic() + timeout
        with self._operation():
            self._ask("capture")
            try:
                answer = self._answer(deadline)
                if answer is None:
                    raise self._give_up()
                self._wait_is_over()
                return self._image(answer)
            except (RetryError, NotSupported):
                raise
            except BaseException:
                self._end()  # nobody may read the answer to this question later
                raise

    def wait_for_removal(self, timeout: float) -> None:  # noqa: ARG002 - the Protocol's
        raise NotSupported(
            "libfprint gives a picture out when the finger has left; there is nothing to wait for."
        )

    def _image(self, answer: Mapping[str, Any]) -> FingerImage:
        if (error := _error(answer)) is not None:
            raise error
        try:
            about = answer["image"]
            width, height, size = int(about["width"]), int(about["height"]), int(answer["bytes"])
            ppmm = float(about["ppmm"])
        except (KeyError, TypeError, ValueError, OverflowError) as wrong:
            raise DeviceFault("The libfprint helper answers with something else than an image.") from wrong
        if not (0 < width * height == size <= MAX_PIXELS) or width <= 0:
            raise DeviceFault("The libfprint helper's image is not of the size that it tells.")
        data = self._exactly(size, time.monotonic() + START_SECONDS)
        pixels = np.frombuffer(data, np.uint8).reshape(height, width).copy()
        if pixels.min() == pixels.max():
            raise Unreadable("The fingerprint sensor sent an empty image.")
        dpi = round(ppmm * 25.4) if 4.0 <= ppmm <= 80.0 else self._options.dpi
        return FingerImage(pixels=pixels, dpi=dpi)

    def _give_up(self) -> DeviceError | Timeout:
        """The time is over: take the question back. A finger that comes now is nobody's."""
        self._ask("cancel")
        answer = self._answer(time.monotonic() + CANCEL_SECONDS)
        if answer is None:
            return DeviceFault("The libfprint helper does not give up its wait for a finger.")
        if "bytes" in answer:
            self._image(answer)
        error = _error(answer)
        return error if isinstance(error, DeviceError) else Timeout("No finger was put on the sensor.")

    def _take_hold(self) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if self._options.virtual or not name.startswith(MAKE_BELIEVE)
        }
        try:
            self._helper = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                bufsize=0,
            )
        except OSError as error:
            raise DeviceFault(f"{self._command[0]} cannot be started.") from error
        self._read = b""
        try:
            self._meet()
        except BaseException:
            self._let_go()
            raise

    def _meet(self) -> None:
        try:
            hello = self._answer(time.monotonic() + START_SECONDS)
        except DeviceGone as error:
            self._check_not_closed()
            raise DeviceFault(
                "libfprint cannot be used: it needs the packages python3-gi and gir1.2-fprint-2.0."
            ) from error
        if hello is None:
            raise DeviceFault("The libfprint helper does not start.")
        if hello.get("hello") is None:
            if hello.get("devices"):
                raise NotSupported("This fingerprint sensor gives no pictures: it matches on its own chip.")
            raise DeviceGone("libfprint finds no fingerprint sensor of this kind.")

    def _let_go(self) -> None:
        self._end()

    def _end(self) -> None:
        helper, self._helper = self._helper, None
        if helper is None:
            return
        helper.kill()
        helper.wait()
        for stream in (helper.stdin, helper.stdout):
            if stream is not None:
                stream.close()

    def _ask(self, question: str) -> None:
        assert self._helper is not None
        stdin = self._helper.stdin
        assert stdin is not None
        try:
            stdin.write(question.encode() + b"\n")
        except OSError as error:
            raise DeviceGone("The libfprint helper has ended.") from error

    def _answer(self, deadline: float) -> dict[str, Any] | None:
        """A line of the helper; None: it did not come in time."""
        while b"\n" not in self._read:
            if len(self._read) > LINE_BYTES:
                raise DeviceFault("The libfprint helper answers without an end.")
            if not self._more(deadline):
                return None
        line, _, self._read = self._read.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise DeviceFault("The libfprint helper answers with something else than JSON.") from error
        if not isinstance(answer, dict):
            raise DeviceFault("The libfprint helper answers with something else than an object.")
        return answer

    def _exactly(self, size: int, deadline: float) -> bytes:
        while len(self._read) < size:
            if not self._more(deadline):
                raise DeviceFault("The libfprint helper's image is not sent to its end.")
        data, self._read = self._read[:size], self._read[size:]
        return data

    def _more(self, deadline: float) -> bool:
        """Read what there is; False: nothing came until the deadline."""
        assert self._helper is not None
        stdout: IO[bytes] | None = self._helper.stdout
        assert stdout is not None
        while True:
            self._check_not_closed()
            left = deadline - time.monotonic()
            ready, _, _ = select.select([stdout], [], [], max(0.0, min(POLL_SECONDS, left)))
            if ready:
                data = os.read(stdout.fileno(), 1 << 16)
                if not data:
                    raise DeviceGone("The libfprint helper has ended.")
                self._read += data
                return True
            if left <= 0:
                return False


def create(options: Options) -> LibfprintSensor:
    """The driver for `hal.discovery.make_device`."""
    return LibfprintSensor(options)


def _error(answer: Mapping[str, Any]) -> RetryError | DeviceError | None:
    """libfprint's two kinds of errors: what a person can mend, and what a technician must."""
    if "retry" in answer:
        return Unreadable(RETRIES.get(str(answer["retry"]), "The finger could not be read: lay it anew."))
    if "cancelled" in answer:
        return Timeout("No finger was put on the sensor.")
    match answer.get("device"):
        case None:
            return None
        case "removed":
            return DeviceGone("The fingerprint sensor was unplugged.")
        case "busy" | "already-open":
            return DeviceBusy("Another program holds the fingerprint sensor.")
        case "too-hot":
            return DeviceBusy("The fingerprint sensor is too hot, and rests until it has cooled down.")
        case "not-supported":
            return NotSupported("This fingerprint sensor gives no pictures.")
        case _:
            return DeviceFault("libfprint reports an error of the fingerprint sensor.")
