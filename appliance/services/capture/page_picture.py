"""Pictures of a page: small enough for a record, and with what was read drawn in, for people who look."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from appliance.services.capture.page_reader import PageReading
from appliance.services.capture.pictures import PictureError
from models.mrz.zone import Line, Zone, cut

Picture = npt.NDArray[np.uint8]

MAX_PAGE_BYTES: Final = 200_000
"""Of a page kept with a record: legible at some 1,200 points across."""
_SIDES: Final = (1400, 1100, 850, 640)
_QUALITIES: Final = (75, 60, 45)
_SURE, _INFERRED, _DOUBTFUL = (60, 160, 30), (0, 140, 255), (40, 40, 230)
"""BGR: as seen, chosen among close ones, and to be looked at."""
_TEXT: Final = cv2.FONT_HERSHEY_DUPLEX


def page_jpeg(picture: Picture, *, most: int = MAX_PAGE_BYTES) -> bytes:
    """The picture as a JPEG of at most so many bytes.

    Raises:
        PictureError: it cannot be made so small.
    """
    height, width = picture.shape[:2]
    for side in _SIDES:
        scale = min(1.0, side / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
        for quality in _QUALITIES:
            done, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if done and len(encoded) <= most:
                return encoded.tobytes()
    raise PictureError("The page's picture cannot be made small enough.")


def debug_picture(picture: Picture, reading: PageReading) -> bytes:
    """A PNG: the picture with the zone outlined, and below it each strip with its characters."""
    height, width = picture.shape[:2]
    scale = min(1.0, 1400 / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    if canvas.ndim == 2:
        canvas = np.asarray(cv2.cvtColor(canvas, cv2.COLOR_GRAY2BGR), np.uint8)
    parts = [canvas]
    if reading.zone is not None:
        _outline(canvas, reading.zone, scale)
        grey = (
            picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        )
        for number, line in enumerate(reading.zone.lines):
            parts.append(_strip(grey, line, reading, number))
    parts.append(_caption(reading))
    broad = max(part.shape[1] for part in parts)
    sheet = np.vstack([_widened(part, broad) for part in parts])
    done, encoded = cv2.imencode(".png", sheet)
    if not done:
        raise PictureError("The picture cannot be written as PNG.")
    return encoded.tobytes()


def _outline(canvas: Picture, zone: Zone, scale: float) -> None:
    corners = (zone.outline() * scale).round().astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [corners], True, _SURE, 2, cv2.LINE_AA)
    for line in zone.lines:
        path = line.points(np.linspace(line.start, line.end, 30)) * scale
        cv2.polylines(
            canvas, [path.round().astype(np.int32).reshape(-1, 1, 2)], False, _INFERRED, 1, cv2.LINE_AA
        )


def _strip(grey: Picture, line: Line, reading: PageReading, number: int) -> Picture:
    """The strip as the reader saw it, twice as large, and what it made of it."""
    characters = len(reading.rows[number].sure) if number < len(reading.rows) else 44
    strip = cv2.resize(cut(grey, line, characters), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    sheet = np.full((strip.shape[0] + 26, strip.shape[1], 3), 255, np.uint8)
    sheet[: strip.shape[0]] = strip[..., None]
    if reading.optical is None or number >= len(reading.optical.lines):
        return sheet
    optical = reading.optical
    inferred = {(one.line, one.position) for one in optical.inferred}
    for at, letter in enumerate(optical.lines[number]):
        place = (number, at)
        tone = _DOUBTFUL if place in optical.uncertain else _INFERRED if place in inferred else _SURE
        x = round(2 * float(reading.rows[number].places[at])) - 6
        cv2.putText(sheet, letter, (x, strip.shape[0] + 20), _TEXT, 0.55, tone, 1, cv2.LINE_AA)
    return sheet


def _caption(reading: PageReading) -> Picture:
    sheet = np.full((34, 900, 3), 255, np.uint8)
    if reading.optical is None:
        said = f"no MRZ was read; {reading.hint.value}"
    else:
        sure = f"confidence {reading.optical.confidence:.2f}"
        said = f"{reading.optical.format.value}, {sure}, {reading.hint.value}"
    cv2.putText(sheet, said, (8, 23), _TEXT, 0.6, (40, 40, 40), 1, cv2.LINE_AA)
    return sheet


def _widened(part: Picture, broad: int) -> Picture:
    sheet = np.full((part.shape[0], broad, 3), 255, np.uint8)
    sheet[:, : part.shape[1]] = part
    return sheet
