"""Benches of drivers that speak over a serial line or a terminal: byte-level emulators on a pty."""

import os
import time
import tty

from conformance.case import Bench
from conformance.documents import lines_of, number_in
from hal.document_reader import MrzLineReader, mrz_line
from hal.panel import Panel, keyboard
from hal.panel.button import FRESH_SECONDS


class OnAPty(Bench):
    """A device at the other end of a pty; its plug is a symbolic link, as /dev/serial/by-id is."""

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.port = tmp_path / "port"
        self.fds = ()
        self.replug()

    def bytes_of(self, number):
        """What the device sends for this document."""
        raise NotImplementedError

    def provide(self, number=0):
        if self.fds:
            os.write(self.fds[0], self.bytes_of(number))

    def unplug_at(self, exchange):
        """After a growing part of the frame: nothing, its first byte, half of it, all but its last byte."""
        frame = self.bytes_of(0)
        self.send(frame[: (0, 1, len(frame) // 2, len(frame) - 1)[exchange]])
        time.sleep(0.15)  # the driver has read it
        self.unplug()

    def send(self, data):
        if data:
            os.write(self.fds[0], data)

    def unplug(self):
        fds, self.fds = self.fds, ()
        for fd in fds:
            os.close(fd)
        self.port.unlink(missing_ok=True)

    def replug(self):
        self.fds = os.openpty()
        tty.setraw(self.fds[1])
        self.port.symlink_to(os.ttyname(self.fds[1]))

    def tear_down(self):
        super().tear_down()
        self.unplug()


class SerialLines(OnAPty):
    """A reader of MRZ lines: each framing is a subclass with its own frame."""

    protocol = MrzLineReader
    exchanges = 4
    stale_after = 0.0
    framing = "stx_etx"
    settings = {}
    malformed = b"\x02P<UTO\x80\x81\r\x03"

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = mrz_line.create(
            mrz_line.Options(port=str(self.port), framing=self.framing, **self.settings)
        )

    def bytes_of(self, number):
        return b"\x02" + "\r".join(lines_of(number)).encode() + b"\r\x03"

    def operate(self, timeout):
        return self.device.read_lines(timeout)

    def number_of(self, result):
        assert [len(line) for line in result.lines] == [44, 44]
        return number_in(result.lines)

    def malform(self):
        self.send(self.malformed)


class StxEtx(SerialLines):
    pass


class AccessIs(SerialLines):
    """STX, symbology, data, CR, ETX (ATR110 manual, p. 13); at 9600 7E1, but a pty has no parity."""

    framing = "access_is"
    malformed = b"\x02C\x01\x02\r\x03"

    def bytes_of(self, number):
        return b"\x02C" + "\r".join(lines_of(number)).encode() + b"\r\x03"


class CrLines(SerialLines):
    framing = "cr_lines"
    malformed = b"\x80" * 44 + b"\r" + b"\x80" * 44 + b"\r"

    def bytes_of(self, number):
        return "".join(line + "\r" for line in lines_of(number)).encode()


class Desko(SerialLines):
    framing = "desko"
    settings = {"start_of_data": "\x1e", "end_of_data": "\x04"}
    malformed = b"\x1e\x02\x80\x81\r\x03\x04"

    def bytes_of(self, number):
        return b"\x1e\x02" + "\r".join(lines_of(number)).encode() + b"\r\x03\x04"


class RteNative(SerialLines):
    framing = "rte_native"

    def bytes_of(self, number):
        upper, lower = (line.replace("<", "_") for line in lines_of(number))
        body = b"OU\x02\x20\r" + f"{upper}\r{lower}\r".encode() + b"\x03"
        frame = bytes([len(body) & 0x7F, len(body) >> 7]) + body
        bcc = 0
        for byte in frame:
            bcc ^= byte
        return b"\x01" + frame + bytes([bcc])

    @property
    def malformed(self):
        frame = self.bytes_of(0)
        return frame[:-1] + bytes([frame[-1] ^ 1])


class Elyctis(SerialLines):
    framing = "elyctis"
    malformed = b"\x49\x00\x04\x80\x81\x82\x83"

    def bytes_of(self, number):
        text = "\r".join(lines_of(number)).encode()
        return b"\x49" + len(text).to_bytes(2, "big") + text


class Auto(StxEtx):
    framing = "auto"


class Keyboard(OnAPty):
    protocol = Panel
    stale_after = FRESH_SECONDS + 0.1
    every = keyboard.REPEAT_SECONDS + 0.1  # faster is a key held down
    not_applicable = {"malformed": "any other key is passed over; the check of it is in test_keyboard.py"}

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.device = keyboard.create(keyboard.Options(terminal=str(self.port)))

    def bytes_of(self, number):
        return (b"x ", b"xh")[number]

    def unplug_at(self, exchange):
        self.unplug()

    def operate(self, timeout):
        return self.device.wait_for_button(timeout)

    def number_of(self, result):
        return ("press", "hold").index(result.value)
