"""A seal taken apart: header, features, signature (ICAO Doc 9303-13, 2.2 to 2.4)."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from appliance.travel_document.lds.errors import LimitExceeded, Malformed, UnsupportedEncoding
from appliance.travel_document.seal.c40 import decode_c40

MAGIC: Final = 0xDC
VERSION_3, VERSION_4 = 0x02, 0x03
SIGNATURE_TAG: Final = 0xFF
MAX_SEAL_BYTES: Final = 4_096
"""The largest two-dimensional barcodes hold some 3 kB."""
MAX_FEATURES: Final = 64

VISA: Final = 0x5D
EMERGENCY_DOCUMENT: Final = 0x5E
_MRZ_FEATURES: Final[Mapping[int, Mapping[int, tuple[int, int]]]] = {
    VISA: {0x01: (44, 28), 0x02: (36, 28)},
    EMERGENCY_DOCUMENT: {0x02: (36, 36)},
}
"""By definition and tag: how many characters of each line of the MRZ the feature holds."""


@dataclass(frozen=True, slots=True, repr=False)
class Seal:
    """What a seal says, undecided whether it is true. Without repr: features are the traveller's."""

    version: int
    country: str
    """The issuing state as in an MRZ, without fillers."""
    signer: str
    """Two letters of a country and two of a signer."""
    certificate_reference: str
    issued: dt.date | None
    signed: dt.date | None
    definition: int
    category: int
    features: Mapping[int, bytes] = field(repr=False)
    signature: bytes = field(repr=False)
    signed_bytes: bytes = field(repr=False)

    @property
    def mrz(self) -> tuple[str, ...]:
        """The lines of the MRZ as far as the seal holds them, fillers put back; nothing where it holds
        none."""
        for tag, lengths in _MRZ_FEATURES.get(self.definition, {}).items():
            content = self.features.get(tag)
            if content is None:
                continue
            text = decode_c40(content).replace(" ", "<").ljust(sum(lengths), "<")
            return text[: lengths[0]], text[lengths[0] : sum(lengths)]
        return ()


def looks_like_seal(data: bytes) -> bool:
    return len(data) > 2 and data[0] == MAGIC and data[1] in (VERSION_3, VERSION_4)


def read_seal(data: bytes) -> Seal:
    """A seal's bytes as a barcode holds them.

    Raises:
        Malformed: they are none.
        UnsupportedEncoding: of another version.
    """
    if len(data) > MAX_SEAL_BYTES:
        raise LimitExceeded(f"A seal has at most {MAX_SEAL_BYTES} bytes.")
    reader = _Reader(data)
    magic, version = reader.take(2)
    if magic != MAGIC:
        raise Malformed("A barcode is no visible digital seal.")
    if version not in (VERSION_3, VERSION_4):
        raise UnsupportedEncoding(f"Seals of version {version + 1} are not read here.")
    country = decode_c40(reader.take(2)).strip()
    signer, reference = _signer(reader, version)
    issued, signed = _date(reader.take(3)), _date(reader.take(3))
    definition, category = reader.take(2)
    features: dict[int, bytes] = {}
    while True:
        start = reader.position
        tag, content = reader.object()
        if tag == SIGNATURE_TAG:
            break
        if len(features) >= MAX_FEATURES:
            raise LimitExceeded(f"A seal has at most {MAX_FEATURES} features.")
        features.setdefault(tag, content)
    if reader.position != len(data):
        raise Malformed("Something stands behind a seal's signature.")
    return Seal(
        version=version + 1,
        country=country,
        signer=signer,
        certificate_reference=reference,
        issued=issued,
        signed=signed,
        definition=definition,
        category=category,
        features=features,
        signature=content,
        signed_bytes=data[:start],
    )


def _signer(reader: "_Reader", version: int) -> tuple[str, str]:
    """Signer and certificate reference: of five characters, since version 4 of a stated length."""
    if version == VERSION_3:
        text = decode_c40(reader.take(6))
        return text[:4], text[4:].strip()
    text = decode_c40(reader.take(4))
    try:
        length = int(text[4:6], 16)
    except ValueError as error:
        raise Malformed("A seal's certificate reference has no length.") from error
    return text[:4], decode_c40(reader.take((length + 2) // 3 * 2))[:length]


def _date(data: bytes) -> dt.date | None:
    """MMDDYYYY as one number (2.2.2); None for one that no calendar has."""
    number = int.from_bytes(data)
    try:
        return dt.date(number % 10_000, number // 1_000_000, number // 10_000 % 100)
    except ValueError:
        return None


class _Reader:
    """Takes bytes in order, never more than there are."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def take(self, count: int) -> bytes:
        taken = self._data[self.position : self.position + count]
        if len(taken) < count:
            raise Malformed("A seal ends too early.")
        self.position += count
        return taken

    def object(self) -> tuple[int, bytes]:
        """A feature or the signature: tag, length as in DER, value."""
        tag, length = self.take(2)
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 2:
                raise Malformed("A length in a seal cannot be read.")
            length = int.from_bytes(self.take(count))
        return tag, self.take(length)
