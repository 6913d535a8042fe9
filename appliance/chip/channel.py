"""The way to one chip: counts what passes, keeps the time, and lets nothing by that is not protected."""

import time
from collections.abc import Callable

from appliance.chip.errors import ChipGone, ChipTimeout
from appliance.secure_messaging.apdu import Command, Response
from appliance.secure_messaging.errors import SecureMessagingError
from appliance.secure_messaging.session import SecureMessaging
from hal.device import ChipRemoved, Timeout

Transmit = Callable[[bytes], bytes]
"""One C-APDU to the chip, its R-APDU with the two status bytes back.

It bounds its own waiting; it says `hal.device.ChipRemoved` or `hal.device.Timeout` of the chip, and
other errors of its device pass through here untouched.
"""


class Channel:
    """Commands out, answers in; protected from `protect_with` on."""

    def __init__(
        self, transmit: Transmit, *, max_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._transmit = transmit
        self._clock = clock
        self._max_seconds = max_seconds
        self._deadline = clock() + max_seconds
        self._protection: SecureMessaging | None = None
        self._broken = False
        self.apdus = 0
        self.bytes_sent = 0
        self.bytes_received = 0
        self.card_seconds = 0.0
        """How long card and reader had the word."""

    def send(self, command: Command) -> Response:
        """One exchange.

        Raises:
            ChipGone, ChipTimeout: no answer, or no time left for one.
            SecureMessagingError: the answer is not protected as it must be; nothing more is sent
                until `start_over`.
            Malformed: the answer is no response at all.
        """
        self._check()
        outgoing = self._protection.protect(command) if self._protection else command
        response = Response.decode(self._exchange(outgoing.encode()))
        if self._protection is None:
            return response
        try:
            return self._protection.unprotect(response)
        except SecureMessagingError:
            self._protection, self._broken = None, True
            raise

    def send_as_is(self, message: bytes) -> bytes:
        """One exchange that somebody else has protected and will judge; then nothing goes before
        `protect_with`.

        Raises:
            ChipGone, ChipTimeout: no answer, or no time left for one.
        """
        self._check()
        self._protection, self._broken = None, True
        return self._exchange(message)

    def _check(self) -> None:
        if self._broken:
            raise SecureMessagingError("The protected session has failed; nothing is sent without it.")
        if self._clock() > self._deadline:
            raise ChipTimeout(f"The chip was not read within {self._max_seconds:g} seconds.")

    def protect_with(self, protection: SecureMessaging) -> None:
        """From here on every command and every answer goes through `protection`."""
        self._protection, self._broken = protection, False

    def start_over(self) -> None:
        """Back to plain commands, for a new access protocol only."""
        self._protection, self._broken = None, False

    def _exchange(self, message: bytes) -> bytes:
        self.apdus += 1
        self.bytes_sent += len(message)
        began = time.perf_counter()
        try:
            answer = self._transmit(message)
        except ChipRemoved as error:
            raise ChipGone("The chip left the reader before it was read.") from error
        except Timeout as error:
            raise ChipTimeout("The chip stopped answering.") from error
        finally:
            self.card_seconds += time.perf_counter() - began
        self.bytes_received += len(answer)
        return answer
