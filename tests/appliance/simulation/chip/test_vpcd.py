"""A chip in the virtual reader, as the reader's driver sees it across the socket."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from appliance.simulation.chip.vpcd import InsertedChip, VpcdError
from hal.device import ChipRemoved


class Echo:
    """A chip that answers with what it was told; 00 makes it leave."""

    atr = bytes.fromhex("3B80800101")

    def __init__(self) -> None:
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def transmit(self, message: bytes) -> bytes:
        if message.startswith(b"\x00"):
            raise ChipRemoved("gone")
        return message


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        yield server


def insert(listener: socket.socket, chip: Echo) -> tuple[InsertedChip, socket.socket]:
    inserted = InsertedChip(chip, port=listener.getsockname()[1])
    inserted.insert()
    driver, _ = listener.accept()
    driver.settimeout(5)
    return inserted, driver


def ask(driver: socket.socket, message: bytes) -> bytes:
    driver.sendall(len(message).to_bytes(2) + message)
    return answer(driver)


def answer(driver: socket.socket) -> bytes:
    length = int.from_bytes(driver.recv(2, socket.MSG_WAITALL))
    return driver.recv(length, socket.MSG_WAITALL)


def test_ok__atr_power_and_commands(listener: socket.socket):
    chip = Echo()
    inserted, driver = insert(listener, chip)
    with driver:
        assert ask(driver, b"\x04") == chip.atr
        for control in (b"\x00", b"\x01", b"\x02", b"\x07"):  # the last means nothing
            driver.sendall(b"\x00\x01" + control)
        assert ask(driver, b"hello") == b"hello"
        assert ask(driver, b"\x01" * 60_000) == b"\x01" * 60_000
        assert chip.resets == 3
        inserted.remove()
        assert driver.recv(1) == b""


def test_ok__messages_in_pieces(listener: socket.socket):
    inserted, driver = insert(listener, Echo())
    with driver:
        for byte in b"\x00\x05hello":
            driver.sendall(bytes((byte,)))
            time.sleep(0.002)
        assert answer(driver) == b"hello"
        inserted.remove()


def test_ok__chip_that_leaves_hangs_up(listener: socket.socket):
    inserted, driver = insert(listener, Echo())
    with driver:
        driver.sendall(b"\x00\x02\x00\x00")
        assert driver.recv(1) == b""
        inserted.remove()


def test_ok__in_and_out_leaves_nothing_behind(listener: socket.socket):
    before = threading.active_count()
    inserted = InsertedChip(Echo(), port=listener.getsockname()[1])
    for _ in range(3):
        with inserted:
            inserted.insert()  # once more does nothing
            driver, _ = listener.accept()
            with driver:
                assert ask(driver, b"hello") == b"hello"
        inserted.remove()
    assert threading.active_count() == before


def test_ok__reader_that_hangs_up_first(listener: socket.socket):
    inserted, driver = insert(listener, Echo())
    driver.close()
    inserted.remove()


def test_fail__no_reader(listener: socket.socket):
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(VpcdError, match=str(port)):
        InsertedChip(Echo(), port=port).insert()
