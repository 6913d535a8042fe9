"""EF.DG1, the MRZ in the chip (Doc 9303-10 section 4.7.1): tag 61, in it tag 5F1F, in it all lines."""

from collections.abc import Sequence
from typing import Final

from appliance.travel_document.errors import NotDataGroup1
from appliance.travel_document.layout import layout_of

MAX_LENGTH: Final = 128
"""The 90 characters of TD1 take 95 bytes with tags and lengths; a length may be written longer than that."""

_DATA_GROUP_1: Final = b"\x61"
_MRZ: Final = b"\x5f\x1f"
_LONGEST_LENGTH_FIELD: Final = 4
_LINE_LENGTHS: Final = {72: 36, 88: 44, 90: 30}
"""Characters of the whole MRZ, and of one line of it."""


def mrz_from_dg1(data: bytes) -> tuple[str, ...]:
    """The lines in an EF.DG1, as they are there."""
    if len(data) > MAX_LENGTH:
        raise NotDataGroup1(f"EF.DG1 has at most {MAX_LENGTH} bytes.")
    characters = _only(_only(data, _DATA_GROUP_1), _MRZ)
    length = _LINE_LENGTHS.get(len(characters))
    if length is None:
        raise NotDataGroup1("The MRZ in EF.DG1 has 72, 88 or 90 characters.")
    try:
        text = characters.decode("ascii")
    except UnicodeDecodeError:
        # From None: the chained error would show the traveller's data.
        raise NotDataGroup1("The MRZ in EF.DG1 is written in ASCII.") from None
    return tuple(text[at : at + length] for at in range(0, len(text), length))


def dg1_from_mrz(lines: Sequence[str]) -> bytes:
    """The EF.DG1 of these lines."""
    layout_of(lines)
    try:
        characters = "".join(lines).encode("ascii")
    except UnicodeEncodeError:
        raise NotDataGroup1("The MRZ in EF.DG1 is written in ASCII.") from None
    inner = _MRZ + bytes([len(characters)]) + characters
    return _DATA_GROUP_1 + bytes([len(inner)]) + inner


def _only(data: bytes, tag: bytes) -> bytes:
    """The value of the one data object that these bytes are."""
    if not data.startswith(tag) or len(data) == len(tag):
        raise NotDataGroup1(f"EF.DG1 has a data object {tag.hex().upper()} here.")
    first, rest = data[len(tag)], data[len(tag) + 1 :]
    if first < 0x80:
        length = first
    else:
        count = first - 0x80
        if not 1 <= count <= min(_LONGEST_LENGTH_FIELD, len(rest)):
            raise NotDataGroup1("A length in EF.DG1 cannot be read.")
        length, rest = int.from_bytes(rest[:count], "big"), rest[count:]
    if length != len(rest):
        raise NotDataGroup1("A length in EF.DG1 does not agree with its bytes.")
    return rest
