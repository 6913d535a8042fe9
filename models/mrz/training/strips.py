"""Strips for training the reader: pieces of a line as the finder cuts them, with a label for each column.

The generator knows where each glyph lies, so the network is trained column by column with cross entropy;
the columns between glyphs are CTC blanks. That costs a fifth of the CTC loss and settles sooner.
"""

import random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.mrz.strip import ALPHABET, BLANK, COLUMN, HEIGHT, PITCH
from models.mrz.training import degrade, typeface
from models.mrz.training.drawing import cv
from models.mrz.training.text import line

WIDTH: Final = 320
"""Of a training strip: enough for what the network sees around a glyph, with many glyphs beside."""
IGNORED: Final = -1
"""A column between glyph and gap: it counts neither way."""
_GLYPHS: Final = 34
_MARGIN: Final = 60


class StripMaker:
    """Makes strips; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._text = random.Random(seed)
        self._atlases = typeface.load_atlases()
        weights = np.array([atlas.weight for atlas in self._atlases])
        self._weights = weights / weights.sum()

    def batch(self, size: int, hard: float | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
        """Pictures (size, HEIGHT, WIDTH) and labels (size, WIDTH / COLUMN)."""
        pairs = [self.strip(self._rng.random() if hard is None else hard) for _ in range(size)]
        return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])

    def strip(self, hard: float) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
        """One strip; `hard` is 0 for a clean scan and 1 for what people can hardly read."""
        rng = self._rng
        atlas = self._atlases[rng.choice(len(self._atlases), p=self._weights)]
        canvas, centres, codes, middle = self._print(atlas, hard)
        # Paper to camera: how large a glyph arrives, and how it is turned against the sensor's rows.
        seen = float(np.exp(rng.uniform(np.log(5.2 if hard > 0.4 else 8.0), np.log(24))))
        scale = seen / typeface.PITCH
        aspect = rng.uniform(0.9, 1.12)
        turn = np.deg2rad(rng.normal(0, 4))
        camera = np.array(
            [
                [np.cos(turn) * scale, -np.sin(turn) * scale * aspect, 8.0],
                [
                    np.sin(turn) * scale,
                    np.cos(turn) * scale * aspect,
                    8 + max(0.0, -np.sin(turn)) * canvas.shape[1] * scale,
                ],
                [0, 0, 1],
            ]
        )
        height, width = canvas.shape
        corners = camera @ np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]])
        camera[0, 2] -= corners[0].min() - 1
        camera[1, 2] -= corners[1].min() - 1
        size = np.ceil(corners[:2].max(1) - corners[:2].min(1)).astype(int) + 2
        if scale < 0.9:
            canvas = cv.GaussianBlur(canvas, (0, 0), 0.42 / scale)
        photo = cv.warpAffine(
            canvas,
            camera[:2],
            (int(size[0]), int(size[1])),
            flags=cv.INTER_LINEAR,
            borderMode=cv.BORDER_REPLICATE,
        )
        photo = degrade.lens(degrade.light(photo, rng, 0.3 + 0.7 * hard), rng, hard * min(1.0, seen / 11))
        picture = degrade.sensor(photo, rng, 0.2 + 0.8 * hard)
        return self._cut(picture, camera, centres, codes, middle, hard=hard)

    def _print(
        self, atlas: typeface.Atlas, hard: float
    ) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[Any], float]:
        """A piece of a line with its neighbours above and below, on paper."""
        rng, pitch = self._rng, typeface.PITCH
        height, width = 7 * pitch, _GLYPHS * pitch + 2 * _MARGIN
        ink = np.zeros((height, width), np.float32)
        gap = rng.uniform(2.05, 2.7) * pitch
        middle = height / 2
        first, last = 0, _GLYPHS
        if rng.random() < 0.25:
            first = int(rng.integers(1, 12))
        elif rng.random() < 0.33:
            last = int(rng.integers(_GLYPHS - 14, _GLYPHS))
        wide = rng.uniform(0.86, 1.1)
        tall = rng.uniform(0.92, 1.1)
        shape = np.array([[wide, 0.0, pitch * (1 - wide)], [0.0, tall, typeface.HEIGHT / 2 * (1 - tall)]])
        shape[0, 1] = rng.normal(0, 0.03)
        shape[0, 2] -= shape[0, 1] * typeface.HEIGHT / 2
        glyphs = np.stack([cv.warpAffine(glyph, shape, glyph.shape[::-1]) for glyph in atlas.glyphs])
        codes = np.array([ALPHABET.index(letter) for letter in line(self._text, _GLYPHS)])
        places = _MARGIN + (np.arange(_GLYPHS) + 0.5) * pitch
        jitter = rng.choice([0.0, 0.3, 0.9])
        for row, offset in ((0, 0.0), (1, -gap), (2, gap)):
            if row and rng.random() < 0.25:
                continue
            text = codes if row == 0 else [ALPHABET.index(letter) for letter in line(self._text, _GLYPHS)]
            for index in range(first, last):
                x = round(places[index] - pitch + rng.normal(0, jitter))
                y = round(middle + offset - typeface.HEIGHT / 2 + rng.normal(0, jitter))
                if y >= 0 and y + typeface.HEIGHT <= height:
                    target = ink[y : y + typeface.HEIGHT, x : x + 2 * pitch]
                    np.maximum(target, glyphs[text[index]], out=target)
        ink = degrade.spread_ink(ink, rng)
        sheet = degrade.paper((height, width), rng, pitch)
        darkness = np.clip(sheet - rng.uniform(45 if hard > 0.5 else 90, 230), 0, None)
        sheet += ink * (darkness * rng.uniform(0.75, 1) - sheet) * rng.uniform(0.75, 1)
        if rng.random() < 0.15:  # the edge of the page or card
            edge = round(middle + gap * rng.uniform(0.55, 1.2) * rng.choice([-1, 1]))
            (sheet[edge:] if edge > middle else sheet[:edge])[:] = rng.uniform(0, 255)
        return sheet, places[first:last], codes[first:last], middle

    def _cut(
        self,
        picture: NDArray[np.uint8],
        camera: NDArray[Any],
        centres: NDArray[Any],
        codes: NDArray[Any],
        middle: float,
        *,
        hard: float,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
        """Cut the strip as inference would, with its errors of place, scale, slope and bend."""
        rng, pitch = self._rng, typeface.PITCH
        across = PITCH / pitch * float(np.exp(rng.normal(0, 0.1 + 0.03 * hard)))
        down = 32 / (1.62 * pitch) * float(np.exp(rng.normal(0, 0.12)))
        lean = rng.normal(0, 0.02 + 0.015 * hard)
        span = WIDTH / across
        left = rng.uniform(0, max(1.0, centres[-1] + 2.5 * pitch - span))
        left = max(left, centres[0] - 2.5 * pitch) if rng.random() < 0.9 else left
        squeeze = rng.normal(0, 0.05)  # perspective: the pitch changes along the line
        columns = np.arange(WIDTH, dtype=np.float64)
        share = columns / WIDTH
        on_paper_x = left + span * (share + squeeze * share * (1 - share))
        bend = rng.normal(0, 1.2 + hard) * np.sin(share * np.pi) + rng.normal(0, 1.6 + hard)
        rows = np.arange(HEIGHT, dtype=np.float64)[:, None]
        on_paper_y = (
            middle + (rows - (HEIGHT - 1) / 2 + bend[None] + lean * (columns - WIDTH / 2)[None]) / down
        )
        x, y = np.broadcast_to(on_paper_x[None], on_paper_y.shape), on_paper_y
        map_x = (camera[0, 0] * x + camera[0, 1] * y + camera[0, 2]).astype(np.float32)
        map_y = (camera[1, 0] * x + camera[1, 1] * y + camera[1, 2]).astype(np.float32)
        strip = cv.remap(picture, map_x, map_y, cv.INTER_LINEAR, borderMode=cv.BORDER_REPLICATE)
        heart = np.interp(np.arange(COLUMN / 2, WIDTH, COLUMN), columns, on_paper_x)
        distance = np.abs(heart[:, None] - centres[None]) / pitch
        nearest = distance.argmin(1)
        away = distance[np.arange(len(heart)), nearest]
        labels = np.where(away < 0.22, codes[nearest], np.where(away < 0.34, IGNORED, BLANK))
        return strip, labels.astype(np.int8)
