"""A finger's template: one or several of its impressions, and the bytes it is kept as.

The format is this house's own, because ISO/IEC 19794-2 has no room for ridge maps: `minutiae_record.py`
writes the standard's. One impression has 5 to 15 kB.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.biometrics.finger.impression import HALF, MOST_COMPARED, RIDGE_STEP, Impression
from appliance.biometrics.finger.minutiae import FORK, Minutiae
from appliance.biometrics.finger.picture import MAX_SIDE, MAX_WORKING_PIXELS
from appliance.biometrics.finger.ridge_field import CELL

MAGIC: Final = b"BFT1"
MAX_IMPRESSIONS: Final = 6
"""Each costs a comparison; the sixth adds little that five had not."""
MAX_TEMPLATE_BYTES: Final = 512 * 1024

_HEADER: Final = struct.Struct(">4sB")
_IMPRESSION: Final = struct.Struct(">HHHHBI")
"""Left, top, height and width at 500 dpi, minutiae, bytes of maps."""
_MINUTIA: Final = struct.Struct(">HHHBB")
"""x, y, angle in 1/65536 turn, kind, reliability in 1/255."""


class TemplateError(ValueError):
    """Bytes that are no template of this house, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class FingerTemplate:
    """One finger."""

    impressions: tuple[Impression, ...]

    def __post_init__(self) -> None:
        """Raises TemplateError: none or too many impressions."""
        if not 1 <= len(self.impressions) <= MAX_IMPRESSIONS:
            raise TemplateError(f"A template has 1 to {MAX_IMPRESSIONS} impressions.")


def to_bytes(template: FingerTemplate) -> bytes:
    """The template to be kept."""
    parts = [_HEADER.pack(MAGIC, len(template.impressions))]
    for each in template.impressions:
        height, width = each.shape
        m = each.minutiae
        maps = zlib.compress(
            each.turn.tobytes() + each.period.tobytes() + each.weight.tobytes() + _packed(each.ridges), 9
        )
        parts.append(_IMPRESSION.pack(each.left, each.top, height, width, len(m), len(maps)))
        angles = np.round(m.angle * (65536 / (2 * np.pi))).astype(int) % 65536
        parts += [
            _MINUTIA.pack(int(x), int(y), int(angle), int(kind), round(float(reliability) * 255))
            for x, y, angle, kind, reliability in zip(m.x, m.y, angles, m.kind, m.reliability, strict=True)
        ]
        parts.append(maps)
    return b"".join(parts)


def from_bytes(content: bytes) -> FingerTemplate:
    """The template again.

    Raises:
        TemplateError: not what `to_bytes` writes.
    """
    if len(content) > MAX_TEMPLATE_BYTES:
        raise TemplateError("The template is larger than any.")
    try:
        magic, count = _HEADER.unpack_from(content)
        if magic != MAGIC:
            raise TemplateError("These bytes are no finger template.")
        at, impressions = _HEADER.size, []
        for _ in range(min(count, MAX_IMPRESSIONS + 1)):
            impression, at = _impression(content, at)
            impressions.append(impression)
    except struct.error as error:
        raise TemplateError("The template ends too early.") from error
    if at != len(content):
        raise TemplateError("Bytes follow the template.")
    return FingerTemplate(tuple(impressions))


def _impression(content: bytes, at: int) -> tuple[Impression, int]:
    left, top, height, width, count, size = _IMPRESSION.unpack_from(content, at)
    at += _IMPRESSION.size
    if not height or not width or max(height, width) > MAX_SIDE or height * width > MAX_WORKING_PIXELS:
        raise TemplateError("An impression has an impossible size.")
    if count > MOST_COMPARED or at + count * _MINUTIA.size + size > len(content):
        raise TemplateError("An impression reaches over the end of its template.")
    rows = np.array(
        [_MINUTIA.unpack_from(content, at + k * _MINUTIA.size) for k in range(count)], dtype=np.float64
    ).reshape(-1, 5)
    at += count * _MINUTIA.size
    if (rows[:, 0] >= width).any() or (rows[:, 1] >= height).any() or (rows[:, 3] > FORK).any():
        raise TemplateError("A minutia lies outside its impression.")
    minutiae = Minutiae(
        rows[:, 0],
        rows[:, 1],
        rows[:, 2] * (2 * np.pi / 65536),
        rows[:, 3].astype(np.uint8),
        rows[:, 4] / 255,
    )
    cells = cells_of(height, width)
    half = (height // HALF, width // HALF)
    maps = _inflated(content[at : at + size], 3 * cells[0] * cells[1] + -(-half[0] * half[1] // 2))
    plane = cells[0] * cells[1]
    turn, period, weight = (np.frombuffer(maps, np.uint8, plane, k * plane).reshape(cells) for k in range(3))
    ridges = _unpacked(maps[3 * plane :], half)
    return Impression(left, top, (height, width), minutiae, ridges, turn, period, weight), at + size


def cells_of(height: int, width: int) -> tuple[int, int]:
    """How many cells the coarse maps have."""
    return (-(-(height - CELL // 2) // CELL), -(-(width - CELL // 2) // CELL))


def _inflated(content: bytes, size: int) -> bytes:
    """Exactly `size` bytes, whatever the stream would become."""
    stream = zlib.decompressobj()
    try:
        maps = stream.decompress(content, size + 1)
    except zlib.error as error:
        raise TemplateError("The maps of an impression are damaged.") from error
    if len(maps) != size or not stream.eof or stream.unused_data:
        raise TemplateError("The maps of an impression have another size.")
    return maps


def _packed(ridges: NDArray[np.int8]) -> bytes:
    """Two pixels a byte."""
    levels = (ridges.ravel().astype(np.int16) // RIDGE_STEP + 8).astype(np.uint8)
    levels = np.append(levels, np.uint8(8)) if len(levels) % 2 else levels
    return bytes((levels[0::2] << 4 | levels[1::2]).tobytes())


def _unpacked(content: bytes, shape: tuple[int, int]) -> NDArray[np.int8]:
    pairs = np.frombuffer(content, np.uint8)
    levels = np.stack([pairs >> 4, pairs & 15], axis=1).ravel()[: shape[0] * shape[1]]
    return np.asarray((np.maximum(levels, 1).astype(np.int16) - 8) * RIDGE_STEP, dtype=np.int8).reshape(shape)
