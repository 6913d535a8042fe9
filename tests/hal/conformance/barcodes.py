"""Benches of barcode readers on a serial line, one for each way to end a code, and of the simulated one."""

from conformance.on_a_pty import OnAPty
from conformance.simulated import Scripted
from hal.barcode_reader import BarcodeReader, serial_line, simulated
from hal.framed_reader import FRESH_SECONDS


class SerialBarcode(OnAPty):
    protocol = BarcodeReader
    exchanges = 4
    stale_after = 0.0
    framing = "suffix"

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = serial_line.create(serial_line.Options(port=str(self.port), framing=self.framing))

    def bytes_of(self, number):
        return f"]d1SEAL{number}\r".encode()

    def operate(self, timeout):
        return self.device.read_barcode(timeout)

    def number_of(self, result):
        assert result.symbology == "d1"
        return int(result.data[-1:])

    def malform(self):
        self.send(b"x" * 3000)
        self.send(b"x" * 3000)


class StxEtx(SerialBarcode):
    framing = "stx_etx"

    def bytes_of(self, number):
        return f"\x02]d1SEAL{number}\x03".encode()

    def malform(self):
        self.send(b"\x02" + b"x" * 2500)
        self.send(b"x" * 2500)

    def mend(self):
        self.send(b"\x03")


class Silence(SerialBarcode):
    """A seal is binary: every byte may be in it."""

    framing = "silence"
    every = 0.4
    exchanges = 1  # any part of a code is a code when silence ends it

    def bytes_of(self, number):
        return b"]d1" + bytes(range(256)) + str(number).encode()


class SimulatedBarcode(Scripted):
    protocol = BarcodeReader
    stale_after = FRESH_SECONDS + 0.1

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = simulated.SimulatedBarcodeReader()

    def provide(self, number=0):
        self.device.present(bytes([number]), "Q1")

    def operate(self, timeout):
        return self.device.read_barcode(timeout)

    def number_of(self, result):
        return result.data[0]
