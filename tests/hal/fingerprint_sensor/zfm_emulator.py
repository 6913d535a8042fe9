"""A ZFM-20, R30x or R503 at the other end of a pty, from the makers' manuals; it takes a fault script.

Two readers of the protocol are held against it: our driver, and adafruit-circuitpython-fingerprint as it is.
Its packets are put together here, byte by byte, so that a mistake in the driver's own does not hide itself.
"""

import os
import select
import termios
import threading
import tty
from pathlib import Path

import numpy as np

BAUDS = {getattr(termios, f"B{rate}"): rate for rate in (9600, 19200, 38400, 57600, 115200)}

SHAPES = {"zfm20": (288, 256), "r503": (192, 192)}

FAULTS = (
    "bad_sum",  # every answer's or the middle data packet's sum is wrong
    "truncated",  # a packet loses its last five bytes
    "noise",  # bytes, one EF among them, before every header
    "lost_byte",  # the middle data packet loses one byte
    "lost_packet",  # the middle data packet is not sent
    "wrong_size",  # data packets are not of the size that ReadSysPara tells
    "silence",  # nothing is answered
    "late",  # an answer comes when it is no longer waited for, and the next a moment behind it
    "stall",  # an upload stops in the middle
    "endless",  # an upload never says that it has ended
    "garbage",  # random bytes instead of an answer
    "unplug",  # the plug is pulled instead of an answer
    "unplug_in_image",  # the plug is pulled between two data packets
)


LATE_SECONDS, PROBED_LATE_SECONDS = 1.2, 0.4
"""A driver waits for a second; for a third of one where it asks whether there is a module, and which."""
BEHIND_SECONDS = 0.05


def packet(kind, content, address=0xFFFFFFFF):
    body = bytes([kind]) + (len(content) + 2).to_bytes(2, "big") + bytes(content)
    return b"\xef\x01" + address.to_bytes(4, "big") + body + (sum(body) & 0xFFFF).to_bytes(2, "big")


def finger(number, shape):
    """Nobody's finger: waves whose direction follows from the number; sixteen greys."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    wave = np.sin((rows * np.cos(number) + columns * np.sin(number)) * 0.7) + rows / shape[0]
    return np.clip(7.5 + 5 * wave, 0, 15).astype(np.uint8)


class ZfmEmulator:
    """`port` is the path to give to a driver; `fail` says what goes wrong."""

    def __init__(self, port: Path, *, model="zfm20", baud=57600, password=0, packet_bytes=128, paced=False):
        self.port, self.model, self.baud, self.password = port, model, baud, password
        self.packet_bytes = packet_bytes
        self.paced = paced
        """Data packets as slowly as the baud rate would have them."""
        self.faults = {}
        """Fault -> at how many more answers it strikes; -1: always."""
        self._behind = ()
        self.fault_at = None
        """The instruction code at which they strike; None: at each."""
        self.commands = []
        self.lit = None
        self.on = None
        self.templates = {}
        self._image = None
        self._verified = False
        self._fds = ()
        self._thread = None
        self.replug()

    # the hands

    def present(self, number=1):
        self.on = number

    def remove(self):
        self.on = None

    def fail(self, fault, times=1, at=None):
        assert fault in FAULTS
        self.faults, self.fault_at = {fault: times}, at

    def replug(self):
        self._image, self._verified = None, False
        master, slave = os.openpty()
        tty.setraw(slave)
        self._stop = os.pipe()
        self._fds = (master, slave)
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(os.ttyname(slave))
        self._thread = threading.Thread(
            target=self._serve, args=(master, slave, self._stop[0]), name="zfm", daemon=True
        )
        self._thread.start()

    def unplug(self):
        if not self._fds:
            return
        self.port.unlink(missing_ok=True)
        if threading.current_thread() is not self._thread:
            os.write(self._stop[1], b"x")
            self._thread.join()
        os.close(self._stop[1])
        self._fds = ()

    close = unplug

    # the module

    def _serve(self, master, slave, stop):
        held = b""
        try:
            while True:
                ready, _, _ = select.select([master, stop], [], [])
                if stop in ready:
                    return
                data = os.read(master, 4096)
                if self._speed(master) != self.baud:
                    if self.faults.get("silence", 0) < 0:
                        continue
                    os.write(
                        master, bytes(0x80 | (byte >> 1) for byte in data)
                    )  # what a wrong baud rate looks like
                    continue
                held += data
                while (start := held.find(b"\xef\x01")) >= 0 and len(held) >= start + 9:
                    end = start + 9 + int.from_bytes(held[start + 7 : start + 9], "big")
                    if len(held) < end:
                        break
                    command, held = held[start:end], held[end:]
                    self._obey(master, command, stop)
        except OSError:
            return  # closed under it
        finally:
            for fd in (master, slave, stop):
                os.close(fd)

    def _speed(self, master):
        return BAUDS.get(termios.tcgetattr(master)[5])

    def _obey(self, master, command, stop):
        address, kind, content = command[2:6], command[6], command[9:-2]
        if address != b"\xff\xff\xff\xff" or kind != 1:
            return
        if int.from_bytes(command[-2:], "big") != sum(command[6:-2]) & 0xFFFF:
            self._send(master, b"\x01", stop)
            return
        code, rest = content[0], content[1:]
        self.commands.append(code)
        answer = self._answer(code, rest)
        if self._strikes(code, "silence"):
            return
        if self._strikes(code, "late"):
            self._behind = PROBED_LATE_SECONDS if code in (0x13, 0x3C) else LATE_SECONDS, BEHIND_SECONDS
        if self._behind and select.select([stop], [], [], self._behind[0])[0]:
            raise OSError
        self._behind = self._behind[1:]
        if self._strikes(code, "unplug"):
            self.unplug()
            raise OSError
        if self._strikes(code, "garbage"):
            os.write(master, bytes(np.random.default_rng(code).integers(0, 256, 40, np.uint8)))
            return
        damage = next(
            (one for one in ("bad_sum", "truncated", "noise") if code != 0x0A and self._strikes(code, one)),
            "",
        )
        self._send(master, answer, stop, damage)
        if code == 0x0A and answer == b"\x00":
            self._upload(master, stop)
        elif code == 0x08 and answer == b"\x00":
            self._stream(master, bytes(range(256)) * 2, stop)

    def _strikes(self, code, fault):
        left = self.faults.get(fault, 0)
        if not left or self.fault_at not in (None, code):
            return False
        self.faults[fault] = left - 1 if left > 0 else left
        return True

    def _answer(self, code, rest):
        if code == 0x13:
            self._verified = int.from_bytes(rest, "big") == self.password
            return b"\x00" if self._verified else b"\x13"
        if not self._verified:
            return b"\x21"
        match code:
            case 0x0F:
                size = {32: 0, 64: 1, 128: 2, 256: 3}[self.packet_bytes]
                fields = (0, 0x0009, 200, 3, 0xFFFF, 0xFFFF, size, self.baud // 9600)
                return b"\x00" + b"".join(field.to_bytes(2, "big") for field in fields)
            case 0x3C if self.model == "r503":
                height, width = SHAPES["r503"]
                text = b"R503".ljust(16, b"\0") + b"2025" + b"EMULATED" + b"\x01\x02" + b"GR192RGB"
                return b"\x00" + text + b"".join(one.to_bytes(2, "big") for one in (width, height, 1536, 200))
            case 0x35 if self.model == "r503":
                self.lit = rest
                return b"\x00"
            case 0x01:
                if self.on is None:
                    return b"\x02"
                self._image = finger(self.on, SHAPES[self.model])
                return b"\x00"
            case 0x0A:
                return b"\x00" if self._image is not None else b"\x0f"
            case 0x02 | 0x05 | 0x08:
                return b"\x00" if self._image is not None else b"\x15"
            case 0x06:
                self.templates[int.from_bytes(rest[1:3], "big")] = self._image
                return b"\x00"
            case 0x04 | 0x1B:
                for number, known in self.templates.items():
                    if (known == self._image).all():
                        return b"\x00" + number.to_bytes(2, "big") + (100).to_bytes(2, "big")
                return b"\x09" + bytes(4)
            case 0x0D:
                self.templates.clear()
                return b"\x00"
            case 0x1D:
                return b"\x00" + len(self.templates).to_bytes(2, "big")
            case 0x1F:
                bits = sum(1 << number for number in self.templates if number < 256)
                return b"\x00" + (bits.to_bytes(32, "little") if rest == b"\x00" else bytes(32))
            case 0x53:
                return b"\x55"
            case _:
                return b"\x1a"

    def _send(self, master, content, stop, damage="", kind=7):
        data = packet(kind, content)
        if damage == "bad_sum":
            data = data[:-1] + bytes([data[-1] ^ 0x55])
        elif damage == "truncated":
            data = data[:-5]
        elif damage == "noise":
            data = b"\x55\xef\x00\x01\xef" + data
        elif damage == "lost_byte":
            data = data[:20] + data[21:]
        self._write(master, data, stop)

    def _write(self, master, data, stop):
        while data:  # a pty holds 4 kB: who does not read is waited for, until the plug is pulled
            ready, writable, _ = select.select([stop], [master], [])
            if ready:
                raise OSError
            data = data[os.write(master, data[:1024]) :]

    def _upload(self, master, stop):
        flat = self._image.reshape(-1)
        self._stream(master, (flat[0::2] << 4 | flat[1::2]).tobytes(), stop)

    def _stream(self, master, data, stop):
        size = self.packet_bytes // 2 if self._strikes(0x0A, "wrong_size") else self.packet_bytes
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        middle = len(parts) // 2
        endless = self._strikes(0x0A, "endless")
        for number, part in enumerate(parts):
            damage = ""
            if number == middle:
                if self._strikes(0x0A, "lost_packet"):
                    continue
                if self._strikes(0x0A, "stall"):
                    return
                if self._strikes(0x0A, "unplug_in_image"):
                    self.unplug()
                    raise OSError
                damage = next(
                    (
                        one
                        for one in ("bad_sum", "truncated", "noise", "lost_byte")
                        if self._strikes(0x0A, one)
                    ),
                    "",
                )
            if self.paced and select.select([stop], [], [], (len(part) + 11) * 10 / self.baud)[0]:
                raise OSError
            self._send(master, part, stop, damage, kind=8 if number == len(parts) - 1 and not endless else 2)
        while endless:
            self._send(master, parts[0], stop, kind=2)
