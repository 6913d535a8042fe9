"""The shipped driver through the real PC/SC daemon, with chips in its virtual reader."""

import io
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image
from smartcard import scard

from appliance.chip.errors import ChipGone, ChipTimeout
from appliance.chip.reader import read_chip
from appliance.secure_messaging.errors import SecureMessagingError
from appliance.simulation.chip.card import ATR, VirtualChip
from appliance.simulation.chip.files import build_files, mrz_information_of
from appliance.simulation.chip.misbehaviour import Misbehaviour
from appliance.simulation.chip.pcscd import PcscdUnavailable, VirtualReader, virtual_reader
from hal.device import (
    Capability,
    ChipRemoved,
    DeviceBusy,
    DeviceError,
    DeviceGone,
    State,
    Timeout,
    Unreadable,
)
from hal.document_reader import ChipConnection, ChipReader
from hal.document_reader.pcsc import EXCHANGE_SECONDS, Options, PcscReader, create, reader_names

MRZ_LINES = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
SELECT = bytes.fromhex("00A4040C07A0000002471001")


def picture() -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (320, 240), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(noise).save(written, "JPEG", quality=25)
    return written.getvalue()


FILES = build_files(mrz_lines=MRZ_LINES, picture=picture())
MRZ_INFORMATION = mrz_information_of(FILES)


class Scripted:
    """A chip that answers from a function."""

    atr = ATR

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.transmit = answer

    def reset(self) -> None: ...


def chip(misbehaviour: Misbehaviour = Misbehaviour.NONE) -> VirtualChip:
    return VirtualChip(FILES, mrz_information=MRZ_INFORMATION, misbehaviour=misbehaviour)


@pytest.fixture(scope="module")
def virtual() -> Iterator[VirtualReader]:
    try:
        context = virtual_reader()
        held = context.__enter__()
    except PcscdUnavailable as error:
        pytest.skip(str(error))
    yield held
    context.__exit__(None, None, None)


@pytest.fixture
def reader(virtual: VirtualReader) -> Iterator[PcscReader]:
    opened = PcscReader(reader_name=virtual.name)
    yield opened
    opened.close()
    virtual.remove()


def test_ok__keeps_the_contract(virtual: VirtualReader, reader: PcscReader):
    assert isinstance(reader, ChipReader)
    assert reader.capabilities == {Capability.CHIP}
    assert reader.simulated
    assert reader.identity.key == f"document_reader/pcsc/{virtual.name}"
    assert reader.state is State.ABSENT
    reader.open()
    reader.open()
    assert reader.state is State.READY
    reader.close()
    reader.close()
    assert reader.state is State.ABSENT
    assert virtual.name in reader_names()


def test_ok__virtual_reader_is_simulated_under_any_name(virtual: VirtualReader):
    reader = PcscReader(reader_name="Virt")
    assert reader.simulated
    reader.open()
    assert reader.simulated
    reader.close()


def test_ok__whole_chip(virtual: VirtualReader, reader: PcscReader):
    with virtual.inserted(chip()):
        connection = reader.wait_for_chip(30)
        assert isinstance(connection, ChipConnection)
        assert connection.atr == ATR
        read = read_chip(connection.transmit, mrz_information=MRZ_INFORMATION, atr=connection.atr)
        connection.close()
    assert read.files == FILES
    assert reader.health.successes == read.apdus + 1
    assert reader.health.failures == 0


def test_ok__chip_that_lay_there_is_read_again(virtual: VirtualReader, reader: PcscReader):
    with virtual.inserted(chip()):
        for _ in range(2):
            read = read_chip(reader.wait_for_chip(30).transmit, mrz_information=MRZ_INFORMATION, want=["DG1"])
            assert read.files == {name: FILES[name] for name in ("COM", "SOD", "DG1")}


def test_ok__chip_that_died_and_came_back(virtual: VirtualReader, reader: PcscReader):
    with virtual.inserted(chip(Misbehaviour.DIES_MID_FILE)):
        connection = reader.wait_for_chip(30)
        with pytest.raises(ChipGone):
            read_chip(connection.transmit, mrz_information=MRZ_INFORMATION)
        with pytest.raises(ChipRemoved):
            connection.transmit(SELECT)
    with virtual.inserted(chip()):
        connection = reader.wait_for_chip(30)
        assert read_chip(connection.transmit, mrz_information=MRZ_INFORMATION).files == FILES


def test_fail__hostile_chip(virtual: VirtualReader, reader: PcscReader):
    with virtual.inserted(chip(Misbehaviour.WRONG_MAC)), pytest.raises(SecureMessagingError):
        read_chip(reader.wait_for_chip(30).transmit, mrz_information=MRZ_INFORMATION)
    assert reader.health.failures == 0  # the reader did its work


def test_fail__no_chip(virtual: VirtualReader, reader: PcscReader):
    virtual.wait_until_empty()
    began = time.monotonic()
    with pytest.raises(Timeout):
        reader.wait_for_chip(0.3)
    assert time.monotonic() - began < 1
    assert reader.state is State.READY
    assert reader.health.failures == 0


def test_fail__taken_away(virtual: VirtualReader, reader: PcscReader):
    with virtual.inserted(chip()):
        connection = reader.wait_for_chip(30)
        assert connection.transmit(SELECT) == b"\x90\x00"
    with pytest.raises(ChipRemoved):
        connection.transmit(SELECT)
    assert reader.state is State.READY
    virtual.wait_until_empty()
    with pytest.raises(Timeout):
        reader.wait_for_chip(0.2)


def test_fail__connection_after_its_end(virtual: VirtualReader, reader: PcscReader):
    with virtual.inserted(chip()):
        first = reader.wait_for_chip(30)
        second = reader.wait_for_chip(30)
        with pytest.raises(ChipRemoved):
            first.transmit(SELECT)
        assert second.transmit(SELECT) == b"\x90\x00"
        reader.close()
        with pytest.raises(ChipRemoved):
            second.transmit(SELECT)
        assert reader.state is State.ABSENT


def test_fail__chip_that_never_answers(virtual: VirtualReader, reader: PcscReader):
    reader._exchange_seconds = 0.5
    asleep = threading.Event()

    def sleep(_: bytes) -> bytes:
        asleep.wait(10)
        return b"\x90\x00"

    with virtual.inserted(Scripted(sleep)):
        connection = reader.wait_for_chip(30)
        began = time.monotonic()
        with pytest.raises(ChipTimeout):
            read_chip(connection.transmit, mrz_information=MRZ_INFORMATION)
        assert time.monotonic() - began < 8
        asleep.set()
    reader._exchange_seconds = EXCHANGE_SECONDS
    with virtual.inserted(chip()):
        assert reader.wait_for_chip(30).transmit(SELECT) == b"\x90\x00"


def test_ok__more_data_is_fetched(virtual: VirtualReader, reader: PcscReader):
    asked: list[str] = []
    answers = {"00B0000000": "41426103", "00C0000003": "4344456101", "00C0000001": "469000"}

    def answer(command: bytes) -> bytes:
        asked.append(command.hex().upper())
        return bytes.fromhex(answers[asked[-1]])

    with virtual.inserted(Scripted(answer)):
        assert reader.wait_for_chip(30).transmit(bytes.fromhex("00B0000000")) == b"ABCDEF\x90\x00"
    assert asked == list(answers)


def test_fail__more_data_without_end(virtual: VirtualReader, reader: PcscReader):
    with virtual.inserted(Scripted(lambda _: b"A\x61\xff")):
        connection = reader.wait_for_chip(30)
        with pytest.raises(Unreadable):
            connection.transmit(bytes.fromhex("00B0000000"))


@pytest.mark.parametrize(
    ("command", "asked_again"),
    [
        ("00B0000000", "00B0000004"),
        ("0CB00000020102FF", "0CB0000002010204"),
        ("00A4020C02011E", None),  # there is no Le that could be wrong
        ("00B000000000FF", None),  # extended
    ],
)
def test_ok__wrong_le_is_put_right_once(
    virtual: VirtualReader, reader: PcscReader, command: str, asked_again: str | None
):
    asked: list[str] = []

    def answer(message: bytes) -> bytes:
        asked.append(message.hex().upper())
        return bytes.fromhex("6C04")

    with virtual.inserted(Scripted(answer)):
        assert reader.wait_for_chip(30).transmit(bytes.fromhex(command)) == b"\x6c\x04"
    assert asked == [command, *([asked_again] if asked_again else [])]


def test_fail__held_by_another(virtual: VirtualReader, reader: PcscReader):
    other = PcscReader(reader_name=virtual.name)
    with virtual.inserted(chip()):
        other.wait_for_chip(30)
        with pytest.raises(DeviceBusy):
            reader.wait_for_chip(30)
        other.close()
        assert reader.wait_for_chip(30).transmit(SELECT) == b"\x90\x00"


def test_fail__closed_while_waiting(virtual: VirtualReader, reader: PcscReader):
    errors: list[Exception] = []

    def wait() -> None:
        try:
            reader.wait_for_chip(30)
        except DeviceError as error:
            errors.append(error)

    virtual.wait_until_empty()
    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.2)
    reader.close()
    waiting.join(3)
    assert not waiting.is_alive()
    assert [type(error) for error in errors] == [DeviceGone]
    assert reader.state is State.ABSENT


def test_fail__no_such_reader(virtual: VirtualReader):
    reader = create(Options(reader_name="No such reader"))
    assert not reader.simulated
    with pytest.raises(DeviceGone, match="No such reader"):
        reader.open()
    with pytest.raises(DeviceGone):
        reader.wait_for_chip(1)
    assert reader.state is State.ABSENT


def test_ok__nothing_is_left_behind(virtual: VirtualReader, reader: PcscReader):
    before = threading.active_count()
    with virtual.inserted(chip()):
        for _ in range(20):
            reader.wait_for_chip(30).close()
    reader.close()
    assert threading.active_count() == before


def test_fail__daemon_does_not_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scard, "SCardEstablishContext", lambda scope: (scard.SCARD_E_NO_SERVICE, 0))
    with pytest.raises(DeviceGone, match="pcscd"):
        PcscReader(reader_name="Any").open()
    with pytest.raises(DeviceGone):
        reader_names()


def _status_change(monkeypatch: pytest.MonkeyPatch, result: int, event: int) -> PcscReader:
    monkeypatch.setattr(scard, "SCardEstablishContext", lambda scope: (scard.SCARD_S_SUCCESS, 1))
    monkeypatch.setattr(scard, "SCardReleaseContext", lambda context: scard.SCARD_S_SUCCESS)
    monkeypatch.setattr(
        scard, "SCardListReaders", lambda context, groups: (scard.SCARD_S_SUCCESS, ["Any 00"])
    )
    monkeypatch.setattr(
        scard, "SCardGetStatusChange", lambda context, ms, states: (result, [("Any 00", event, [])])
    )
    return PcscReader(reader_name="Any")


def test_fail__unplugged_while_waiting(monkeypatch: pytest.MonkeyPatch):
    reader = _status_change(monkeypatch, scard.SCARD_S_SUCCESS, scard.SCARD_STATE_UNAVAILABLE)
    with pytest.raises(DeviceGone, match="unplugged"):
        reader.wait_for_chip(1)
    assert reader.state is State.ABSENT


def test_fail__daemon_ends_while_waiting(monkeypatch: pytest.MonkeyPatch):
    reader = _status_change(monkeypatch, scard.SCARD_E_NO_SERVICE, 0)
    with pytest.raises(DeviceGone):
        reader.wait_for_chip(1)
    assert reader.health.failures == 1


def test_fail__no_chip_but_a_coin(monkeypatch: pytest.MonkeyPatch):
    reader = _status_change(
        monkeypatch, scard.SCARD_S_SUCCESS, scard.SCARD_STATE_PRESENT | scard.SCARD_STATE_MUTE
    )
    with pytest.raises(Unreadable):
        reader.wait_for_chip(0.1)


def test_fail__chip_that_only_passes_by(monkeypatch: pytest.MonkeyPatch):
    reader = _status_change(monkeypatch, scard.SCARD_S_SUCCESS, scard.SCARD_STATE_PRESENT)
    tries: list[str] = []

    def connect(context: int, name: str, mode: int, protocols: int) -> tuple[int, int, int]:
        tries.append(name)
        return (
            (scard.SCARD_E_NO_SMARTCARD, 0, 0) if len(tries) < 3 else (scard.SCARD_E_SHARING_VIOLATION, 0, 0)
        )

    monkeypatch.setattr(scard, "SCardConnect", connect)
    with pytest.raises(DeviceBusy):
        reader.wait_for_chip(30)
    assert tries == ["Any 00"] * 3
