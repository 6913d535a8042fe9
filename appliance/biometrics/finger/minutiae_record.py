"""Finger minutiae records of ISO/IEC 19794-2:2005 (clause 8, the record format), to the byte.

What is read is written again exactly; a record that is not wholly as the standard has it is refused. The card
formats of clause 9 are not read. Angles are the standard's: 1/256 of a turn, counter-clockwise from the
right.
"""

import struct
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from appliance.biometrics.finger.minutiae import MAX_MINUTIAE, Minutiae
from appliance.biometrics.finger.picture import WORKING_DPI

FORMAT: Final = b"FMR\0"
VERSION: Final = b" 20\0"
MAX_RECORD_BYTES: Final = 256 * 1024
"""Ten fingers, each with 255 minutiae, have 16 kB; the rest is room for extended data."""
MAX_VIEWS: Final = 176
"""11 positions with 16 views each (8.3.13)."""
MAX_POSITION: Final = 10
MAX_QUALITY: Final = 100
IMPRESSION_TYPES: Final = frozenset({0, 1, 2, 3, 8})
"""Live-scan plain and rolled, nonlive-scan plain and rolled, swipe (table 5)."""
PER_CENTIMETRE: Final = round(WORKING_DPI / 2.54)
"""197 pixels, as the standard counts 500 dpi."""

_HEADER: Final = struct.Struct(">4s4sIHHHHHBB")
"""Format, version, length, equipment, width, height, resolutions, views, reserved (8.3)."""
_VIEW: Final = struct.Struct(">BBBB")
"""Position, view number and impression type, quality, number of minutiae (8.4)."""
_MINUTIA: Final = struct.Struct(">HHBB")
"""Type and x, reserved and y, angle, quality (8.5)."""
_LENGTH: Final = struct.Struct(">H")
_AREA: Final = struct.Struct(">HH")
"""An extended data area's type and its length, these four bytes included (8.6)."""


class MinutiaeRecordError(ValueError):
    """Bytes that are no record of ISO/IEC 19794-2:2005, or values that none can hold, in one plain
    sentence."""


@dataclass(frozen=True, slots=True)
class RecordMinutia:
    """One minutia as the record has it."""

    kind: int
    """0 other, 1 ending, 2 bifurcation."""
    x: int
    y: int
    angle: int
    """0 to 255."""
    quality: int
    """1 to 100; 0 is not stated."""


@dataclass(frozen=True, slots=True)
class MinutiaeView:
    """One finger's impression."""

    position: int
    """Table 2: 0 unknown, 1 right thumb to 10 left little finger."""
    quality: int
    """0 to 100"""
    minutiae: tuple[RecordMinutia, ...]
    number: int = 0
    impression_type: int = 0
    extended: tuple[tuple[int, bytes], ...] = ()
    """(type, data) of extended data areas, which are kept and not understood."""


@dataclass(frozen=True, slots=True)
class MinutiaeRecord:
    """A whole record."""

    width: int
    height: int
    views: tuple[MinutiaeView, ...]
    resolution_x: int = PER_CENTIMETRE
    """Pixels a centimetre."""
    resolution_y: int = PER_CENTIMETRE
    equipment: int = field(default=0)
    """Four bits of certification, twelve of device type."""


def write_minutiae(record: MinutiaeRecord) -> bytes:
    """The record's bytes.

    Raises:
        MinutiaeRecordError: a value that its field cannot hold.
    """
    body = b"".join(_written(view) for view in record.views)
    try:
        header = _HEADER.pack(
            FORMAT, VERSION, _HEADER.size + len(body), record.equipment, record.width, record.height,
            record.resolution_x, record.resolution_y, len(record.views), 0,
        )  # fmt: skip
    except struct.error as error:
        raise MinutiaeRecordError("A size or resolution does not fit into a minutiae record.") from error
    written = header + body
    if read_minutiae(written) != record:
        raise MinutiaeRecordError("The minutiae record would not be read as it was meant.")
    return written


def read_minutiae(content: bytes) -> MinutiaeRecord:
    """What the bytes say.

    Raises:
        MinutiaeRecordError: these bytes are no whole record of the 2005 edition.
    """
    if len(content) > MAX_RECORD_BYTES:
        raise MinutiaeRecordError("The minutiae record is larger than any of ten fingers.")
    reader = _Reader(content)
    form, version, length, equipment, width, height, per_x, per_y, count, reserved = reader.take(_HEADER)
    if form != FORMAT or version != VERSION:
        raise MinutiaeRecordError("These bytes are no minutiae record of ISO/IEC 19794-2:2005.")
    if length != len(content):
        raise MinutiaeRecordError("The minutiae record is not as long as it says.")
    if reserved or not per_x or not per_y or not width or not height:
        raise MinutiaeRecordError("The minutiae record has no size or resolution, or a reserved byte is set.")
    if count > MAX_VIEWS:
        raise MinutiaeRecordError(f"A minutiae record has {MAX_VIEWS} views at the most.")
    views = tuple(_view(reader, width, height) for _ in range(count))
    if reader.left:
        raise MinutiaeRecordError("Bytes follow the last view of the minutiae record.")
    return MinutiaeRecord(width, height, views, per_x, per_y, equipment)


def to_record(
    minutiae: Minutiae, *, width: int, height: int, position: int = 0, quality: int = 0
) -> MinutiaeRecord:
    """The record of one impression's minutiae, whose pixels are at 500 dpi.

    Raises:
        MinutiaeRecordError: in `write_minutiae`, when sizes or codes do not fit.
    """
    best = minutiae.best(MAX_MINUTIAE)
    views = tuple(
        RecordMinutia(
            kind=int(kind),
            x=min(max(round(float(x)), 0), width - 1),
            y=min(max(round(float(y)), 0), height - 1),
            angle=round(-float(angle) * 128 / np.pi) % 256,
            quality=min(max(round(float(reliability) * 100), 1), MAX_QUALITY),
        )
        for x, y, angle, kind, reliability in zip(
            best.x, best.y, best.angle, best.kind, best.reliability, strict=True
        )
    )
    return MinutiaeRecord(width, height, (MinutiaeView(position, quality, views),))


def from_view(view: MinutiaeView, record: MinutiaeRecord) -> Minutiae:
    """A view's minutiae with pixels at 500 dpi, the best first."""
    scale_x, scale_y = PER_CENTIMETRE / record.resolution_x, PER_CENTIMETRE / record.resolution_y
    order = sorted(view.minutiae, key=lambda each: -each.quality)
    return Minutiae(
        np.array([each.x * scale_x for each in order], dtype=np.float64),
        np.array([each.y * scale_y for each in order], dtype=np.float64),
        np.array([-each.angle * np.pi / 128 % (2 * np.pi) for each in order], dtype=np.float64),
        np.array([each.kind for each in order], dtype=np.uint8),
        np.array([each.quality / MAX_QUALITY if each.quality else 0.5 for each in order], dtype=np.float64),
    )


class _Reader:
    """Fields one after another."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._content) - self._at

    def take(self, layout: struct.Struct) -> tuple[Any, ...]:
        return layout.unpack(self.bytes(layout.size))

    def bytes(self, count: int) -> bytes:
        if count < 0 or count > self.left:
            raise MinutiaeRecordError("The minutiae record ends too early.")
        self._at += count
        return self._content[self._at - count : self._at]


def _view(reader: _Reader, width: int, height: int) -> MinutiaeView:
    position, number_and_type, quality, count = reader.take(_VIEW)
    if position > MAX_POSITION or number_and_type & 15 not in IMPRESSION_TYPES or quality > MAX_QUALITY:
        raise MinutiaeRecordError(
            "A view has a finger, impression or quality that the standard does not know."
        )
    minutiae = tuple(_minutia(reader, width, height) for _ in range(count))
    (length,) = reader.take(_LENGTH)
    areas = _Reader(reader.bytes(length))
    extended = []
    while areas.left:
        kind, size = areas.take(_AREA)
        extended.append((kind, areas.bytes(size - _AREA.size)))
    return MinutiaeView(
        position, quality, minutiae, number_and_type >> 4, number_and_type & 15, tuple(extended)
    )


def _minutia(reader: _Reader, width: int, height: int) -> RecordMinutia:
    kind_and_x, reserved_and_y, angle, quality = reader.take(_MINUTIA)
    kind, x, y = kind_and_x >> 14, kind_and_x & 0x3FFF, reserved_and_y & 0x3FFF
    if kind == 3 or reserved_and_y >> 14 or x >= width or y >= height or quality > MAX_QUALITY:
        raise MinutiaeRecordError("A minutia lies outside the picture or has a value that is reserved.")
    return RecordMinutia(kind, x, y, angle, quality)


def _written(view: MinutiaeView) -> bytes:
    areas = b"".join(_AREA.pack(kind, _AREA.size + len(data)) + data for kind, data in view.extended)
    number_and_type = view.number << 4 | view.impression_type
    try:
        return b"".join((
            _VIEW.pack(view.position, number_and_type, view.quality, len(view.minutiae)),
            *(
                _MINUTIA.pack(each.kind << 14 | each.x, each.y, each.angle, each.quality)
                for each in view.minutiae
            ),
            _LENGTH.pack(len(areas)),
            areas,
        ))  # fmt: skip
    except struct.error as error:
        raise MinutiaeRecordError("A view has a value that does not fit into a minutiae record.") from error
