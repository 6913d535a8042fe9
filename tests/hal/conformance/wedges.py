"""Benches of readers that type: a named pipe stands in for /dev/input/event*, with the kernel's events."""

import os
import time

from conformance.case import Bench
from conformance.documents import lines_of, number_in
from hal import wedge
from hal.barcode_reader import BarcodeReader
from hal.barcode_reader.wedge import Options as BarcodeOptions
from hal.barcode_reader.wedge import WedgeBarcodeReader
from hal.document_reader import MrzLineReader
from hal.document_reader.wedge import Options, WedgeReader

TYPED = {pair[shift]: (code, shift) for code, pair in wedge.KEYS.items() for shift in (1, 0)}
SHIFT, SYN, KEY = 42, 0, 1


def event(kind, code, value):
    return wedge.EVENT.pack(0, 0, kind, code, value)


def strokes(text):
    """What a keyboard sends for this text: key down, key up, Shift around capitals, a report after each."""
    data = b""
    for character in text:
        code, shift = TYPED[character]
        moves = [(SHIFT, 1)] * shift + [(code, 1), (code, 0)] + [(SHIFT, 0)] * shift
        for key, value in moves:
            data += event(KEY, key, value) + event(SYN, 0, 0)
    return data


class Typing(Bench):
    """The plug is the pipe."""

    exchanges = 4
    stale_after = 0.0

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.node = tmp_path / "event9"
        self.grabs = []
        self.fd = None
        self.replug()
        self.device = self.make(str(self.node))

    def text_of(self, number):
        raise NotImplementedError

    def provide(self, number=0):
        self.type(strokes(self.text_of(number)))

    def type(self, data):
        if self.fd is not None:
            for start in range(0, len(data), 16 * wedge.EVENT.size):
                try:
                    os.write(self.fd, data[start : start + 16 * wedge.EVENT.size])
                except BlockingIOError:
                    return  # nobody reads: the kernel, too, drops what does not fit

    def unplug_at(self, exchange):
        """After a growing part of the text: nothing, the first key, half, all but Enter."""
        text = self.text_of(0)
        self.type(strokes(text[: (0, 1, len(text) // 2, len(text) - 1)[exchange]]))
        time.sleep(0.15)
        self.unplug()

    def malform(self):
        self.type(
            strokes("P<UTO") + event(SYN, 3, 0) + strokes(self.text_of(0))
        )  # SYN_DROPPED: keys were lost

    def unplug(self):
        fd, self.fd = self.fd, None
        os.close(fd)
        self.node.unlink()

    def replug(self):
        os.mkfifo(self.node)
        self.fd = os.open(self.node, os.O_RDWR | os.O_NONBLOCK)

    def tear_down(self):
        super().tear_down()
        assert self.grabs, "it was never grabbed"
        if self.fd is not None:
            self.unplug()


class WedgeLines(Typing):
    protocol = MrzLineReader

    def make(self, node):
        return WedgeReader(Options(device=node), take=self.grabs.append)

    def text_of(self, number):
        return "".join(line + "\r" for line in lines_of(number))

    def operate(self, timeout):
        return self.device.read_lines(timeout)

    def number_of(self, result):
        return number_in(result.lines)


class WedgeBarcode(Typing):
    protocol = BarcodeReader

    def make(self, node):
        return WedgeBarcodeReader(BarcodeOptions(device=node), take=self.grabs.append)

    def text_of(self, number):
        return f"]Q1https://example.org/{number}\r"

    def operate(self, timeout):
        return self.device.read_barcode(timeout)

    def number_of(self, result):
        assert result.symbology == "Q1"
        return int(result.data.decode().rpartition("/")[2])
