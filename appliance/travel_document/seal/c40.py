"""C40, three characters in two bytes, as seals write text (ICAO Doc 9303-13, 2.3.2; ISO/IEC 16022)."""

from typing import Final

from appliance.travel_document.lds.errors import Malformed

_ALPHABET: Final = "   " + " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""By value: three shifts that no seal uses, the space, digits, letters."""
_SINGLE: Final = 0xFE
"""One character is left over: it follows in ASCII, one higher."""


def decode_c40(data: bytes) -> str:
    """The text; spaces stand for fillers.

    Raises:
        Malformed: these bytes are no C40.
    """
    if len(data) % 2:
        raise Malformed("C40 comes in pairs of bytes.")
    out: list[str] = []
    for at in range(0, len(data), 2):
        first, second = data[at], data[at + 1]
        if first == _SINGLE:
            if second == 0 or at + 2 != len(data):
                raise Malformed("A single character ends a C40 text.")
            out.append(chr(second - 1))
            continue
        value = 256 * first + second - 1
        parts: tuple[int, ...] = (value // 1600, value % 1600 // 40, value % 40)
        if parts[2] == 0 and at + 2 == len(data):  # two characters were left over
            parts = parts[:2]
        for part in parts:
            if not 3 <= part < len(_ALPHABET):
                raise Malformed("C40 has a character that seals do not use.")
            out.append(_ALPHABET[part])
    return "".join(out)


def encode_c40(text: str) -> bytes:
    """Text of digits, capitals and spaces (or fillers) in C40.

    Raises:
        Malformed: another character.
    """
    values = []
    for character in text.replace("<", " "):
        value = _ALPHABET.rfind(character)
        if value < 3:
            raise Malformed("C40 in seals has digits, capital letters and spaces.")
        values.append(value)
    out = bytearray()
    whole = len(values) - len(values) % 3
    for at in range(0, whole, 3):
        number = 1600 * values[at] + 40 * values[at + 1] + values[at + 2] + 1
        out += number.to_bytes(2)
    rest = values[whole:]
    if len(rest) == 2:
        out += (1600 * rest[0] + 40 * rest[1] + 1).to_bytes(2)
    elif rest:
        out += bytes((_SINGLE, ord(_ALPHABET[rest[0]]) + 1))
    return bytes(out)
