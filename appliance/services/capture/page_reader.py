"""Reads the MRZ in one picture: find, cut, read, align, settle; the best of what was found, or nothing.

Several zones and both ways up are tried, and what was read must look like an MRZ before it is believed: a
text that only resembles one gives no answer.
"""

import datetime as dt
import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.travel_document import Mrz, MrzError, parse_mrz
from appliance.travel_document.optical import Glyph, Optical, settle
from models.mrz import FINDER_SHA256, READER_SHA256
from models.mrz.alignment import Row, align, seen, spacing, vote
from models.mrz.finder import Finder
from models.mrz.reader import Reader
from models.mrz.strip import ALPHABET, MARGIN, PITCH
from models.mrz.zone import Line, Zone, cut

Picture = NDArray[np.uint8]

LENGTHS: Final = {30: 3, 36: 2, 44: 2}
"""Characters a line, and lines (Doc 9303-4 to -7)."""
READABLE: Final = -0.9
"""Mean logarithm of what was read in a line; below it there is something else than MRZ."""
PLAIN: Final = -0.3
"""Above it print is so clear that an MRZ with wrong check digits is believed, and reported."""
LEAST_CHECKS: Final = 2
"""Check digits that hold: by chance two of them do once in a hundred pieces of noise."""
LEAST_SHAPE: Final = 4
"""Of the six things that are otherwise right with an MRZ, for one whose check digits do not hold."""
MAX_LINES_READ: Final = 24
"""The reader runs at most so often a picture."""
LEAST_SIDE: Final = 16
"""Pixels; a smaller picture shows nothing."""
LINE_SHAPE: Final = 13
"""A picture so many times as wide as high is a single line: two lines of 44 are not 12 times."""
LEAST_SEEN: Final = 15
"""Characters in a line; where fewer are seen, counting them tells nothing."""
KEPT: Final = 6
"""Candidates kept of each character."""


class Hint(enum.StrEnum):
    """What the officer can do for the next picture; one at a time, the most helpful first."""

    NONE = "none"
    SHOW_DOCUMENT = "show_document"
    CLOSER = "closer"
    WHOLE = "whole"
    GLARE = "glare"
    HOLD_STILL = "hold_still"


@dataclass(frozen=True, slots=True, eq=False)
class PageReading:
    """What one picture gave. `optical` and `mrz` are None when it shows no MRZ that could be read."""

    optical: Optical | None
    mrz: Mrz | None
    hint: Hint
    zone: Zone | None = None
    """Where: of what was read, or of what the finder saw first."""
    rows: tuple[Row, ...] = ()
    partial: str = ""
    """A single line that was read, when the rest is not in the picture."""
    single_line: str = ""
    """The picture is nothing but this line: a crop."""

    @property
    def certain(self) -> bool:
        """Whether everything that can be checked holds and no character is doubtful."""
        return self.mrz is not None and self.optical is not None and is_certain(self.optical, self.mrz)


@dataclass(slots=True, eq=False)
class _Read:
    """One line as read."""

    line: Line
    row: Row


class PageReader:
    """Both networks. Safe to share between threads."""

    def __init__(self) -> None:
        """Load the networks. Raises ModelError."""
        self._finder = Finder(sha256=FINDER_SHA256)
        self._reader = Reader(sha256=READER_SHA256)

    def read(self, picture: Picture, *, today: dt.date) -> PageReading:
        """The MRZ of a picture (height, width, 3; BGR) or (height, width)."""
        grey = (
            picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        )
        if min(grey.shape) < LEAST_SIDE:
            return PageReading(None, None, Hint.CLOSER)
        budget = [MAX_LINES_READ]
        if grey.shape[1] > LINE_SHAPE * grey.shape[0]:
            return self._read_line(grey, budget)
        zones = self._finder.find(grey)
        best: PageReading | None = None
        for zone in zones:
            for reading in self._readings(grey, zone, budget, today=today):
                if best is None or _rank(reading) > _rank(best):
                    best = reading
            if best is not None and best.certain:
                return best
        if best is not None and picture.ndim == 3:
            best = self._look_again(picture, best, budget, today=today)
        if best is not None and best.optical is not None:
            return replace(best, hint=_hint(grey, best.zone, sure=best.certain))
        zone_seen = zones[0] if zones else None
        partial = best.partial if best is not None else ""
        return PageReading(None, None, _hint(grey, zone_seen, sure=False), zone_seen, partial=partial)

    def _read_line(self, grey: Picture, budget: list[int]) -> PageReading:
        """A picture that is one line and nothing else."""
        height, width = grey.shape
        whole = Line(
            np.array([0.0, height / 2]),
            np.array([1.0, 0.0]),
            np.zeros(3),
            0.0,
            float(width),
            width / 44,
            0.0,
            1.0,
        )
        found = self._counted(grey, whole, 44, budget)
        zone = Zone((found.line,), 0.0)
        if found.row.fit < READABLE:
            return PageReading(None, None, Hint.WHOLE, zone)
        return PageReading(None, None, Hint.WHOLE, zone, (found.row,), single_line=found.row.text)

    def _look_again(
        self, picture: Picture, first: PageReading, budget: list[int], *, today: dt.date
    ) -> PageReading:
        """The same lines in the brightest channel, where coloured backgrounds pale: a second vote."""
        if first.certain or first.zone is None or not first.rows or budget[0] < len(first.rows):
            return first
        brightest = np.ascontiguousarray(picture.max(2))
        rows = []
        for line, row in zip(first.zone.lines, first.rows, strict=True):
            other = self._line(brightest, line, len(row.sure), budget)
            rows.append(vote([row, other.row]) if other.row.fit > READABLE else row)
        second = _settled(first.zone, rows, today=today)
        return second if _rank(second) > _rank(first) else first

    def _readings(self, grey: Picture, zone: Zone, budget: list[int], *, today: dt.date) -> list[PageReading]:
        """What a zone may say, the finder's way up first."""
        found = self._lines(grey, zone.lines, budget)
        if not found or max(read.row.fit for read in found) < READABLE:
            turned = self._lines(grey, [_turned(line) for line in reversed(zone.lines)], budget)
            if turned and (not found or max(r.row.fit for r in turned) > max(r.row.fit for r in found)):
                found = turned
        readable = [read for read in found if read.row.fit > READABLE]
        if not readable:
            return []
        characters = _agreed(readable)
        whole = self._completed(grey, readable, characters, budget)
        if len(whole) < LENGTHS[characters]:
            clearest = max(readable, key=lambda read: read.row.fit)
            return [PageReading(None, None, Hint.WHOLE, zone, partial=clearest.row.text)]
        readings = []
        for start in range(len(whole) - LENGTHS[characters] + 1):
            chosen = whole[start : start + LENGTHS[characters]]
            placed = Zone(tuple(read.line for read in chosen), zone.score)
            readings.append(_settled(placed, [read.row for read in chosen], today=today))
        return readings

    def _lines(self, grey: Picture, lines: Sequence[Line], budget: list[int]) -> list[_Read]:
        length = max(line.length / line.pitch for line in lines)
        guess = 30 if len(lines) == 3 and length < 38 else min(LENGTHS, key=lambda n: abs(n - length))
        return [self._counted(grey, line, guess, budget) for line in lines]

    def _counted(self, grey: Picture, line: Line, guess: int, budget: list[int]) -> _Read:
        """A line read with as many characters as it turns out to have."""
        columns = self._columns(cut(grey, line, guess), budget)
        count = seen(columns)
        row = align(columns, guess, spacing(columns, PITCH))
        first = self._refined(grey, line, guess, row, budget)
        likelier = min(LENGTHS, key=lambda n: abs(n - count))
        if likelier == guess or count < LEAST_SEEN:
            return first
        other = self._line(grey, line, likelier, budget)
        return other if other.row.fit > first.row.fit else first

    def _line(self, grey: Picture, line: Line, characters: int, budget: list[int]) -> _Read:
        columns = self._columns(cut(grey, line, characters), budget)
        row = align(columns, characters, spacing(columns, PITCH))
        return self._refined(grey, line, characters, row, budget)

    def _refined(self, grey: Picture, line: Line, characters: int, row: Row, budget: list[int]) -> _Read:
        """Cut once more where the first reading shows that the ends were taken wrong."""
        first, last = float(row.places[0]), float(row.places[-1])
        early, late = first - MARGIN - PITCH / 2, last - MARGIN - (characters - 0.5) * PITCH
        if max(abs(early), abs(late)) < 0.5 * PITCH or row.fit < -2.5:
            return _Read(line, row)
        scale = line.length / (characters * PITCH)
        moved = replace(line, start=line.start + early * scale, end=line.end + late * scale)
        columns = self._columns(cut(grey, moved, characters), budget)
        again = align(columns, characters, spacing(columns, PITCH))
        return _Read(moved, again) if again.fit >= row.fit - 0.02 else _Read(line, row)

    def _completed(
        self, grey: Picture, found: list[_Read], characters: int, budget: list[int]
    ) -> list[_Read]:
        """Lines of one length, and those that the finder missed above, between and below."""
        lines = [
            read if len(read.row.sure) == characters else self._line(grey, read.line, characters, budget)
            for read in found
        ]
        lines = [read for read in lines if read.row.fit > READABLE]
        wanted = LENGTHS[characters]
        while lines and len(lines) < wanted and budget[0] > 0:
            beside = self._beside(grey, lines, characters, budget)
            if beside is None:
                break
            lines = beside
        return lines

    def _beside(
        self, grey: Picture, lines: list[_Read], characters: int, budget: list[int]
    ) -> list[_Read] | None:
        """One more line above or below those that are known, if one can be read there."""
        gaps = [float(np.linalg.norm(b.line.middle - a.line.middle)) for a, b in itertools.pairwise(lines)]
        pitch = lines[0].line.length / characters
        steps = [min(gaps)] if gaps else [2.5 * pitch, 2.1 * pitch]
        best: tuple[float, list[_Read]] | None = None
        for step in steps:
            for read, sign in ((lines[0], -1), (lines[-1], 1)):
                shifted = replace(read.line, origin=read.line.origin + sign * step * read.line.across)
                other = self._line(grey, shifted, characters, budget)
                if other.row.fit > READABLE and (best is None or other.row.fit > best[0]):
                    best = (other.row.fit, [other, *lines] if sign < 0 else [*lines, other])
            if best is not None:
                break
        return None if best is None else best[1]

    def _columns(self, strip: Picture, budget: list[int]) -> NDArray[np.float32]:
        budget[0] -= 1
        return self._reader.read(strip)


def is_certain(optical: Optical, mrz: Mrz) -> bool:
    """Whether nothing is doubtful: every check of the MRZ holds, and no character was seen badly."""
    return mrz.passed and not optical.uncertain


def read_rows(rows: Sequence[Row], *, today: dt.date) -> tuple[Optical, Mrz] | None:
    """The MRZ that aligned rows say; None when it is no MRZ."""
    try:
        optical = settle([_glyphs(row) for row in rows])
        return optical, parse_mrz(optical.lines, today=today)
    except MrzError:
        return None


def _settled(zone: Zone, rows: Sequence[Row], *, today: dt.date) -> PageReading:
    found = read_rows(rows, today=today)
    if found is None or not _believable(found[1], rows):
        clearest = max(rows, key=lambda row: row.fit)
        return PageReading(
            None, None, Hint.WHOLE, zone, partial=clearest.text if clearest.fit > PLAIN else ""
        )
    return PageReading(*found, Hint.NONE, zone, tuple(rows))


def _believable(mrz: Mrz, rows: Sequence[Row]) -> bool:
    """Whether this is an MRZ and not what looks like one."""
    digits = sum(
        check.passed for check in mrz.checks if check.id.endswith("_check_digit") and check.read != "<"
    )
    shape = sum(check.passed for check in mrz.checks if not check.id.endswith("_check_digit"))
    clear = float(np.mean([row.fit for row in rows]))
    return digits >= LEAST_CHECKS or (shape >= LEAST_SHAPE and clear > PLAIN)


def _rank(reading: PageReading) -> tuple[float, ...]:
    if reading.mrz is None or reading.optical is None:
        return (0.0, float(len(reading.partial)))
    passed = sum(check.passed for check in reading.mrz.checks)
    return (1.0, float(passed), -float(len(reading.optical.uncertain)), reading.optical.confidence)


def _agreed(found: Sequence[_Read]) -> int:
    """The length that the clearest lines have."""
    weights: dict[int, float] = {}
    for read in found:
        length = len(read.row.sure)
        weights[length] = weights.get(length, 0.0) + float(np.exp(2 * read.row.fit))
    return max(weights, key=lambda length: weights[length])


def _turned(line: Line) -> Line:
    """The same line read from the other side."""
    return replace(
        line,
        along=-line.along,
        bend=line.bend * np.array([-1.0, 1.0, -1.0]),
        start=-line.end,
        end=-line.start,
        growth=-line.growth,
    )


def _glyphs(row: Row) -> list[Glyph]:
    """Each character's likeliest candidates."""
    order = np.argsort(row.sure, 1)[:, ::-1][:, :KEPT]
    return [
        {ALPHABET[code]: float(sure[code]) for code in codes if sure[code] > 1e-4}
        or {ALPHABET[codes[0]]: 0.0}
        for codes, sure in zip(order, row.sure, strict=True)
    ]


def _hint(grey: Picture, zone: Zone | None, *, sure: bool) -> Hint:
    """What would help, from where the zone lies and how it looks."""
    if sure:
        return Hint.NONE
    if zone is None:
        return Hint.SHOW_DOCUMENT
    height, width = grey.shape
    if zone.pitch < 5.5:
        return Hint.CLOSER
    corners = zone.outline()
    low, high = corners.min(0), corners.max(0)
    if (low < -zone.pitch / 2).any() or high[0] > width + zone.pitch / 2 or high[1] > height + zone.pitch / 2:
        return Hint.WHOLE
    x0, y0 = np.maximum(low, 0).astype(int)
    x1, y1 = np.ceil(high).astype(int)
    piece = grey[y0:y1, x0:x1]
    if piece.size and float((piece > 250).mean()) > 0.2 and float(np.percentile(piece, 10)) > 60:
        return Hint.GLARE
    return Hint.HOLD_STILL
