"""A virtual chip in pcscd's virtual reader (vsmartcard's vpcd): two bytes of length, then the message.

Debian's vpcd listens on every interface, without authentication: demo, training and tests only, on a
machine kept from the network; never in a production image.
"""

import contextlib
import socket
import threading
from typing import Protocol

from hal.device import ChipRemoved

HOST = "127.0.0.1"
PORT = 35_963
"""The first slot; the second listens one above."""
CONNECT_SECONDS = 5.0
STOP_SECONDS = 5.0
"""A chip that is asleep over a command wakes up within this, or its thread is left behind."""

_LENGTH_BYTES = 2
_CONTROL_BYTES = 1
"""A message of one byte is the reader's own: power and reset; no command is that short."""
_POWER_OFF, _POWER_ON, _RESET, _GET_ATR = 0, 1, 2, 4


class VpcdError(Exception):
    """The virtual reader did not take the chip, in one plain sentence."""


class Chip(Protocol):
    """What can be put into the reader."""

    atr: bytes

    def reset(self) -> None: ...
    def transmit(self, message: bytes) -> bytes: ...


class InsertedChip:
    """A chip lying in the virtual reader for as long as its connection is open.

    `insert` and `remove` may be called in turns; as a context manager it does both.
    """

    def __init__(self, chip: Chip, *, host: str = HOST, port: int = PORT) -> None:
        self._chip = chip
        self._address = (host, port)
        self._connection: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def insert(self) -> None:
        """Put the chip into the reader; pcscd notices within half a second.

        Raises:
            VpcdError: nothing listens where the virtual reader should.
        """
        if self._connection is not None:
            return
        try:
            connection = socket.create_connection(self._address, timeout=CONNECT_SECONDS)
        except OSError as error:
            raise VpcdError(f"No virtual reader listens on port {self._address[1]}.") from error
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._thread = threading.Thread(
            target=self._serve, args=(connection,), name="virtual-chip", daemon=True
        )
        self._thread.start()

    def remove(self) -> None:
        """Take the chip out; taking it out twice does nothing."""
        connection, thread = self._connection, self._thread
        self._connection = self._thread = None
        if connection is not None:
            _hang_up(connection)
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_SECONDS)

    def __enter__(self) -> "InsertedChip":
        self.insert()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _serve(self, connection: socket.socket) -> None:
        # A closed connection, from either side, and a chip that leaves the field are the same end.
        with contextlib.suppress(OSError, EOFError, ChipRemoved):
            while True:
                message = _receive(connection)
                if len(message) == _CONTROL_BYTES:
                    self._control(connection, message[0])
                else:
                    _send(connection, self._chip.transmit(message))
        _hang_up(connection)

    def _control(self, connection: socket.socket, code: int) -> None:
        if code == _GET_ATR:
            _send(connection, self._chip.atr)
        elif code in (_POWER_OFF, _POWER_ON, _RESET):
            self._chip.reset()


def _receive(connection: socket.socket) -> bytes:
    return _receive_exactly(connection, int.from_bytes(_receive_exactly(connection, _LENGTH_BYTES)))


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        # Linux forgets it after a while; without it every command waits 40 ms for a delayed ACK.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise EOFError
        received += chunk
    return received


def _send(connection: socket.socket, message: bytes) -> None:
    connection.sendall(len(message).to_bytes(_LENGTH_BYTES) + message)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more is as good
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
