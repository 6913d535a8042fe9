"""The simulated document reader: lines, chip, and the moments at which a document is taken away."""

import pytest

from hal.device import Capability, ChipRemoved, DeviceGone, NotSupported, Timeout
from hal.document_reader import ChipConnection
from hal.document_reader.simulated import DEFAULT_ATR, Options, SimulatedDocumentReader, create

LINES = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")


def echo(command):
    return command + b"\x90\x00"


@pytest.fixture
def reader():
    return SimulatedDocumentReader()


def test_ok__lines_until_the_document_is_removed(reader):
    reader.present(lines=LINES)
    for _ in range(2):
        raw = reader.read_lines(1.0)
        assert (raw.lines, raw.framing) == (LINES, "simulated")
    reader.remove()
    with pytest.raises(Timeout):
        reader.read_lines(0.1)


def test_fail__a_reader_of_pages_only():
    reader = create(Options(chip=False))
    assert reader.capabilities == {Capability.MRZ_LINES}
    reader.present(lines=LINES, transmit=echo)
    assert reader.read_lines(1.0).lines == LINES
    with pytest.raises(NotSupported, match="reads no chips"):
        reader.wait_for_chip(1.0)


def test_ok__a_document_from_the_configuration():
    assert create(Options(lines=LINES)).read_lines(1.0).lines == LINES


def test_ok__a_chip(reader):
    reader.present(lines=LINES, transmit=echo, atr=b"\x3b\x00")
    chip = reader.wait_for_chip(1.0)
    assert isinstance(chip, ChipConnection)
    assert chip.atr == b"\x3b\x00"
    assert chip.transmit(b"\x00\xa4") == b"\x00\xa4\x90\x00"


def test_ok__the_default_atr_has_a_correct_checksum():
    check = 0
    for byte in DEFAULT_ATR[1:]:
        check ^= byte
    assert check == 0


def test_fail__a_document_without_the_thing_asked_for(reader):
    reader.present(lines=LINES)
    with pytest.raises(Timeout):
        reader.wait_for_chip(0.1)
    reader.present(transmit=echo)
    with pytest.raises(Timeout):
        reader.read_lines(0.1)


def test_fail__the_chip_leaves(reader):
    reader.present(transmit=echo)
    chip = reader.wait_for_chip(1.0)
    reader.remove()
    with pytest.raises(ChipRemoved):
        chip.transmit(b"\x00")
    reader.present(transmit=echo)  # the same document again is another connection
    with pytest.raises(ChipRemoved):
        chip.transmit(b"\x00")


def test_fail__the_chip_leaves_during_an_exchange(reader):
    def leaves(command):
        reader.remove()
        return b"\x90\x00"

    reader.present(transmit=leaves)
    with pytest.raises(ChipRemoved):
        reader.wait_for_chip(1.0).transmit(b"\x00")


def test_fail__a_closed_connection(reader):
    reader.present(transmit=echo)
    chip = reader.wait_for_chip(1.0)
    chip.close()
    with pytest.raises(ChipRemoved):
        chip.transmit(b"\x00")


def test_fail__the_reader_is_unplugged(reader):
    reader.present(transmit=echo)
    chip = reader.wait_for_chip(1.0)
    reader.unplug()
    with pytest.raises(DeviceGone):
        chip.transmit(b"\x00")
