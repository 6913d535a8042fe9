"""Pictures of the U.are.U 4000 family: header, cipher, blocks. Pure.

    0 ..       4 lines 2   6 key number 1   16 fifteen blocks of {flags 1, lines 1}   64 lines of 384 pixels

The protocol was worked out by libfprint's authors (driver uru4000); this is written from its facts alone. The
cipher is a shift register of 32 bits, of which eight make the byte that hides a pixel. As the register is
linear, so is its 2^k-th step, and the whole keystream is made by a few dozen XORs of long rows of bits.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hal.device import Unreadable

WIDTH, HEIGHT = 384, 290
HEADER_BYTES = 64
IMAGE_BYTES = HEADER_BYTES + WIDTH * HEIGHT
BLOCKS = 15

NOT_PRESENT, ENCRYPTED, NO_KEY_UPDATE, CHANGE_KEY = 0x01, 0x02, 0x04, 0x80
"""A block's flags."""

NOISE = 5000
"""The variance along a line, summed over two lines, from which on it can only be a cipher's noise."""

FEEDBACK = (0, 2, 3, 6, 10, 12, 19, 22, 25, 28, 31)
"""Bits of the register, 0 the one that leaves it, whose parity enters it."""

HIDING = (4, 8, 11, 14, 18, 21, 24, 29)
"""Bits of the register that make the byte, its bit 0 first."""

REGISTER = 32

Pixels = npt.NDArray[np.uint8]
Bits = npt.NDArray[np.uint8]
KeyOf = Callable[[int], int]
"""Key number -> key, by an exchange with the sensor."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines of a picture."""

    flags: int
    lines: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What the sensor sent, its lengths checked."""

    key_number: int
    blocks: tuple[Block, ...]
    lines: Pixels
    """(lines, 384)"""

    @property
    def is_encrypted(self) -> bool:
        """By its noise, not by its flags: some sensors set the flags and send the picture plain."""
        present = sum(block.lines for block in self.blocks if not block.flags & NOT_PRESENT)
        if present < 2 or len(self.lines) < 2:
            return False
        both = self.lines[0].astype(np.int64) + self.lines[1]
        mean = int(both.sum()) // WIDTH
        return int(((both - mean) ** 2).sum()) // WIDTH >= NOISE


def parse(data: bytes) -> Picture:
    """Raises:
    Unreadable: it is cut short, or says that it has more lines than there are.
    """
    if len(data) < HEADER_BYTES:
        raise Unreadable("The fingerprint sensor sent no picture.")
    lines, key_number = struct.unpack_from("<HB", data, 4)
    if lines >= HEIGHT or len(data) < HEADER_BYTES + lines * WIDTH:
        raise Unreadable("The fingerprint sensor sent a damaged picture.")
    blocks = []
    for at in range(16, 16 + 2 * BLOCKS, 2):
        block = Block(data[at], data[at + 1])
        if block.lines == 0:
            break
        blocks.append(block)
    pixels = np.frombuffer(data, np.uint8, lines * WIDTH, HEADER_BYTES).reshape(lines, WIDTH)
    return Picture(key_number, tuple(blocks), pixels)


def decrypt(picture: Picture, key_of: KeyOf) -> Picture:
    """The picture with its lines made plain. `key_of` is asked once, and again wherever the key changes."""
    lines = picture.lines.copy()
    number = picture.key_number
    key, at = key_of(number), 0
    for block in picture.blocks:
        if at >= len(lines):
            break
        if block.flags & CHANGE_KEY:
            number = (number + 1) & 0xFF
            key = key_of(number)
        present = not block.flags & NOT_PRESENT
        here = lines[at : at + block.lines] if present else lines[:0]
        if block.flags & (NO_KEY_UPDATE | ENCRYPTED) == ENCRYPTED and present:
            hidden = here.reshape(-1)
            stream, key = keystream(key, hidden.size)
            hidden[:-1] = hidden[1:] ^ stream[:-1]
            hidden[-1] = 0  # its value is not sent
        elif not block.flags & NO_KEY_UPDATE:
            _, key = keystream(key, block.lines * WIDTH)
        at += len(here)
    return Picture(number, picture.blocks, lines)


def assemble(picture: Picture) -> Pixels:
    """(290, 384), as the sensor sees it: ridges light. What was not sent stays 0.

    Where a block is missing the sensor's own software shows the lines that follow it, and so do we.
    """
    whole = np.zeros((HEIGHT, WIDTH), np.uint8)
    to = at = 0
    for block in picture.blocks:
        if at >= len(picture.lines) or to >= HEIGHT:
            break
        part = picture.lines[at : at + min(block.lines, HEIGHT - to)]
        whole[to : to + len(part)] = part
        to += block.lines
        if not block.flags & NOT_PRESENT:
            at += block.lines
    return whole


def keystream(key: int, count: int) -> tuple[Pixels, int]:
    """`count` hiding bytes from this key on, and the key after them."""
    bits = _register_bits(key, REGISTER + count)
    stream = np.zeros(count, np.uint8)
    for index, place in enumerate(HIDING):
        stream |= bits[place : place + count] << np.uint8(index)
    after = int.from_bytes(np.packbits(bits[count : count + REGISTER], bitorder="little").tobytes(), "little")
    return stream, after


def _register_bits(key: int, count: int) -> Bits:
    """Every bit that ever was in the register: its state after n steps is the 32 bits from n on.

    One step: bit[n + 32] is the XOR of bit[n + f]. Squared k times over GF(2): bit[n + 32 s] is the XOR of
    bit[n + f s] with s = 2^k, so that s bits are made at once as soon as 32 s are known.
    """
    bits = np.zeros(max(count, REGISTER), np.uint8)
    bits[:REGISTER] = [(key >> place) & 1 for place in range(REGISTER)]
    known = REGISTER
    while known < count:
        stride = 1 << ((known // REGISTER).bit_length() - 1)
        new = min(stride, count - known)
        start = known - REGISTER * stride
        for place in FEEDBACK:
            bits[known : known + new] ^= bits[start + place * stride :][:new]
        known += new
    return bits[:count]
