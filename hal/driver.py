"""What drivers share: taking hold of a device, letting go of it, and being interrupted by `close`."""

import threading
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from hal.device import Device, DeviceError, DeviceGone, Identity, NotSupported, RetryError, State

POLL_SECONDS = 0.1
"""How often a wait looks whether it has been interrupted: `close` is felt well within a second."""

CLOSE_SECONDS = 2.0
"""How long `close` waits for a running exchange; one that hangs in the kernel lets go when it returns."""


class Driver(Device):
    """A device that holds a handle (a port, a file, pins) between `open` and `close`.

    A driver writes `_take_hold` and `_let_go`. After any error but a `RetryError` the handle is dropped,
    and the next call takes hold anew: that is how an unplugged device comes back.
    """

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity)
        self._life = threading.RLock()
        self._held = False
        self._closing = threading.Event()

    @abstractmethod
    def _take_hold(self) -> None:
        """Open the handle.

        Raises:
            DeviceError: it cannot be opened.
        """

    @abstractmethod
    def _let_go(self) -> None:
        """Close the handle, whatever state it is in. Never raises."""

    def open(self) -> None:
        with self._life:
            if self._held:
                return
            self._closing.clear()
            self._become(State.PROBING)
            try:
                self._take_hold()
            except DeviceError as error:
                self._become(State.ABSENT if isinstance(error, DeviceGone) else State.FAULT)
                raise
            except BaseException:  # a driver's mistake: it is in doubt, and may be tried again
                self._become(State.FAULT)
                raise
            self._held = True
            self._become(State.READY)

    def unplugged(self) -> None:
        """Hot-plug says that it is gone: whoever waits for it hears so at once, and the handle is dropped.

        Returns without waiting; an exchange that hangs in the kernel lets go when it returns.
        """
        with self._life:
            self._closing.set()
        if self._lock.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._lock.release()

    def close(self) -> None:
        with self._life:
            self._closing.set()
        if self._lock.acquire(timeout=CLOSE_SECONDS):
            try:
                self._drop()
            finally:
                self._lock.release()

    @contextmanager
    def _operation(self) -> Iterator[None]:
        with super()._operation():
            try:
                self.open()
                try:
                    yield
                except (RetryError, NotSupported):
                    self._check_not_closed()
                    raise
                self._check_not_closed()
            except (RetryError, NotSupported):
                raise
            except BaseException:
                self._drop()
                raise

    def _check_not_closed(self) -> None:
        if self._closing.is_set():
            raise DeviceGone(f"{self.identity.key} was closed, or unplugged, while it was in use.")

    def _drop(self) -> None:
        with self._life:
            if self._held:
                self._held = False
                self._let_go()
            self._become(State.ABSENT)
