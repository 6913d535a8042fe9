"""A sensor of the U.are.U 4000 family behind a `Link`: registers, power, cipher; it takes a fault script.

The cipher is written here bit by bit, so that the driver's fast one is held against something else. What the
two say to each other is recorded, and can be written as the kernel's usbmon would have captured it: then the
same exchange runs once more through libusb and PyUSB, with umockdev playing the sensor.
"""

import struct
import threading
import time
from functools import lru_cache

import cv2
import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hal.device import DeviceGone
from hal.fingerprint_sensor.usb_bus import UsbIds

WIDTH, LINES = 384, 289
FIRST = 200  # lines of the first block
KEYS = {0: 0x1234ABCD, 1: 0x0BADCAFE, 255: 0x80000001}
AES_KEY = bytes.fromhex("79ac91795ca1478e98e00f3c598f5f4b")


@lru_cache(maxsize=8)
def hiding(key, count):
    """The cipher's bytes and the key after them: one step of the register a byte."""
    found = bytearray()
    for _ in range(count):
        found.append(
            sum(((key >> place) & 1) << bit for bit, place in enumerate((4, 8, 11, 14, 18, 21, 24, 29)))
        )
        key = (key >> 1) | ((key & 0x9248144D).bit_count() & 1) << 31
    return bytes(found), key


def finger(number, lines=LINES):
    """Nobody's finger, as the sensor sees it: ridges light; a block's last pixel is 0, as it is not sent."""
    rows, columns = np.mgrid[0:lines, 0:WIDTH]
    wave = np.sin((rows * np.cos(number) + columns * np.sin(number)) * 0.6)
    pixels = np.clip(60 + 50 * wave + rows / 4, 0, 255).astype(np.uint8)
    pixels[[min(FIRST, lines) - 1, -1], -1] = 0
    return pixels


def upright(pixels, *, turned):
    """What the driver makes of it: 290 lines, ridges dark."""
    whole = np.full((290, WIDTH), 255, np.uint8)
    whole[: len(pixels)] = 255 - pixels
    return whole[::-1, ::-1] if turned else whole


class FakeUru:
    """The sensor, and the hands around it. `link` is what a driver opens."""

    def __init__(
        self, vendor=0x05BA, product=0x000A, *, encrypted=True, blocks=None, hwstat=0x01, deaf_starts=0
    ):
        self.ids = UsbIds(vendor, product, "1-10", "{FAKE}")
        self.encrypted = encrypted
        self.blocks = blocks or [(0x02 if encrypted else 0x04, lines) for lines in (FIRST, LINES - FIRST)]
        self.hwstat = hwstat
        self.stubborn = 0
        """How many times it must be challenged before it powers up."""
        self.deaf_starts = deaf_starts
        """How many times the interrupt that tells of power does not come."""
        self.plugged = True
        self.on = None
        self.pictures = []
        """Bytes to send instead of the finger's picture, first one first."""
        self.unplug_at = None
        self.hang_at = None
        self.exchanges, self.mode, self.events = 0, 0, []
        self.said = []
        self.trace = []
        self.open_links = 0
        self.changed = threading.Condition()

    # the hands

    def present(self, number=1):
        with self.changed:
            self.on = number
            self._tell_of_finger()

    def remove(self):
        with self.changed:
            self.on = None
            self._tell_of_finger()

    def unplug(self):
        with self.changed:
            self.plugged = False
            self.changed.notify_all()

    def replug(self):
        with self.changed:
            self.plugged, self.hwstat = True, 0x80

    # what a driver calls

    def find(self, _options=None):
        if not self.plugged:
            raise DeviceGone("There is no fingerprint sensor.")
        return self.ids

    def link(self, _ids=None, check=lambda: None):
        self.exchanges = 0
        self.check, self.mode, self.events, self.bulk_length, self.answered = check, 0, [], None, True
        self.key_index, self.seed, self.challenge = 0, 0, bytes(16)
        self.listening = False
        self.open_links += 1
        return self

    def control_in(self, request, value, length):
        assert request == 4
        self._exchange()
        data = self._read(value, length)
        setup = struct.pack("<BBHHH", 0xC0, request, value, 0, length)
        self._record("ctrl", setup, b"", data)
        self.said.append((value, None))
        return data

    def control_out(self, request, value, data):
        assert request == 4
        self._exchange()
        setup = struct.pack("<BBHHH", 0x40, request, value, 0, len(data))
        self._record("ctrl", setup, data, b"")
        self.said.append((value, data))
        self._write(value, data)

    def listen(self):
        self._exchange()
        self.listening = True
        self.trace.append(("S", 1, 0x81, None, b"", 64))

    def heard(self, timeout):
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                if timeout > 0:
                    self._check()
                if self.events:
                    return self.events.pop(0)
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self.changed.wait(min(left, 0.05))

    def begin_bulk(self, length):
        self._exchange()
        self.bulk_length = length
        self.trace.append(("S", 3, 0x82, None, b"", length))

    def bulk(self, timeout):
        self._exchange()
        deadline = time.monotonic() + min(timeout, 0.3)
        while self.mode != 0x20 or self.pictures[:1] == [None]:
            self._check()
            if time.monotonic() > deadline:
                return None
            time.sleep(0.01)
        data = self.pictures.pop(0) if self.pictures else self._picture()
        self.trace.append(("C", 3, 0x82, None, data, len(data)))
        self.bulk_length = None
        return data

    def cancel_bulk(self):
        self.bulk_length = None

    def close(self):
        self.listening = False
        self.open_links -= 1

    # the sensor

    def _exchange(self):
        self.exchanges += 1
        if self.exchanges == self.unplug_at:
            self.unplug_at = None
            self.unplug()
        while self.exchanges == self.hang_at:
            self._check()
            time.sleep(0.01)
        self._check()

    def _check(self):
        self.check()
        if not self.plugged:
            raise DeviceGone("The USB device was unplugged.")

    def _read(self, register, length):
        if register == 0x07:
            return bytes([self.hwstat])
        if register == 0xF0:
            return bytes.fromhex("1a0a1a0a01150000002000108b211130")
        if register == 0x2010:
            self.challenge = bytes(np.random.default_rng(self.stubborn).integers(0, 256, 16, np.uint8))
            return self.challenge
        assert register == 0x34
        return (KEYS[self.key_index] ^ self.seed).to_bytes(4, "little")

    def _write(self, register, data):
        if register == 0x07:
            self._power(data[0])
        elif register == 0x33:
            self.key_index, self.seed = data[0], int.from_bytes(data[1:], "little")
        elif register == 0x2000:
            aes = Cipher(algorithms.AES(AES_KEY), modes.ECB()).encryptor()
            if data == aes.update(self.challenge):
                self.stubborn -= 1
        else:
            assert register == 0x4E
            with self.changed:
                self.mode = data[0]
                self._tell_of_finger()

    def _power(self, status):
        if status & 0x80:
            self.hwstat = status
        elif self.stubborn <= 0:
            self.hwstat = status | 0x01
            if self.deaf_starts > 0:
                self.deaf_starts -= 1
            else:
                with self.changed:
                    self._say("56aa03910efe0c5402010dee0c4014040c441604")

    def _tell_of_finger(self):
        if self.mode == 0x10 and self.on is not None:
            self._say("0101020008001000")
        elif self.mode == 0x12 and self.on is None:
            self._say("0200800010002000")

    def _say(self, text):
        data = bytes.fromhex(text).ljust(64, b"\0")
        self.events.append(data)
        self.trace += [("C", 1, 0x81, None, data, 64), ("S", 1, 0x81, None, b"", 64)]
        self.changed.notify_all()

    def _picture(self):
        plain = finger(self.on if self.on is not None else 0)
        return picture(plain, self.blocks, encrypted=self.encrypted)

    def _record(self, _kind, setup, out, data):
        self.trace.append(("S", 2, setup[0] & 0x80, setup, out, struct.unpack("<H", setup[6:])[0]))
        self.trace.append(("C", 2, setup[0] & 0x80, None, data, len(data or out)))

    def usbmon(self):
        """The recording as a pcapng file of link type 220 (Linux usbmon, memory-mapped)."""
        packets, submitted = [], {}
        for number, (what, kind, endpoint, setup, data, length) in enumerate(self.trace):
            if what == "S":
                submitted[kind] = number
            packets.append(
                struct.pack(
                    "<QcBBBHBBqiiII8siiII",
                    0x1000 + submitted[kind],
                    what.encode(),
                    kind,
                    endpoint,
                    50,
                    1,
                    0 if setup else ord("-"),
                    0 if data else ord("<" if what == "S" else ">"),
                    number,
                    0,
                    -115 if what == "S" else 0,
                    length,
                    len(data),
                    setup or bytes(8),
                    8 if kind == 1 else 0,
                    0,
                    0,
                    0,
                )
                + data
            )
        section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
        interface = struct.pack("<IIHHII", 1, 20, 220, 0, 0, 20)
        return section + interface + b"".join(_enhanced(one) for one in packets)

    def write_recording(self, folder, image):
        """What `benchmarks/fingerprint_replay.py` takes; `image` is what should come out."""
        (folder / "device").write_text(self.umockdev_device())
        (folder / "capture.pcapng").write_bytes(self.usbmon())
        assert cv2.imwrite(str(folder / "capture.png"), image)

    def umockdev_device(self):
        """The sensor as `umockdev-record` would describe it."""
        vendor, product = self.ids.vendor, self.ids.product
        ids = vendor.to_bytes(2, "little").hex() + product.to_bytes(2, "little").hex()
        descriptors = (
            f"1201000200000040{ids}030101020301"
            "0902200001010080640904000002FFFFFF000705810340000807058202400000"
        )
        return f"""P: /devices/pci0000:00/0000:00:14.0/usb1/1-10
N: bus/usb/001/050={descriptors.upper()}
E: DEVNAME=/dev/bus/usb/001/050
E: DEVTYPE=usb_device
E: PRODUCT={vendor:x}/{product:x}/103
E: BUSNUM=001
E: DEVNUM=050
E: MAJOR=189
E: MINOR=49
E: SUBSYSTEM=usb
A: bConfigurationValue=1\\n
A: busnum=1\\n
H: descriptors={descriptors.upper()}
A: devnum=50\\n
A: idProduct={product:04x}\\n
A: idVendor={vendor:04x}\\n
A: serial={self.ids.serial}\\n
A: speed=12\\n
A: version= 2.00\\n
"""


def _enhanced(packet):
    """A pcapng packet block."""
    padded = packet.ljust((len(packet) + 3) // 4 * 4, b"\0")
    size = 32 + len(padded)
    head = struct.pack("<IIIIIII", 6, size, 0, 0, 0, len(packet), len(packet))
    return head + padded + struct.pack("<I", size)


def picture(plain, blocks, *, encrypted=True, key_number=0):
    """The bytes of a picture: header, and its lines hidden as the blocks' flags say."""
    sent, number = plain.copy(), key_number
    key, at = KEYS[number], 0
    for flags, lines in blocks:
        if flags & 0x80:
            number = (number + 1) & 0xFF
            key = KEYS[number]
        if flags & 0x01:  # not present: its part of the keystream is skipped
            key = hiding(key, lines * WIDTH)[1] if not flags & 0x04 else key
            continue
        part = sent[at : at + lines].reshape(-1)
        if encrypted and flags & 0x06 == 0x02:
            stream, key = hiding(key, part.size)
            part[1:] = part[:-1] ^ np.frombuffer(stream, np.uint8)[:-1]
        elif not flags & 0x04:
            _, key = hiding(key, lines * WIDTH)
        at += lines
    head = bytes(4) + struct.pack("<HB", len(plain), key_number) + bytes(9)
    listed = b"".join(bytes(one) for one in blocks).ljust(30, b"\0")
    return head + listed + bytes(18) + sent.tobytes()
