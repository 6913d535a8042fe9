"""Whole camera frames for training the finder: documents lying about, and where their MRZ lines are.

A frame is FRAME_HEIGHT x FRAME_WIDTH, grey. Its truth has a quarter of that resolution and four planes: how
much of a cell the core of an MRZ line covers (0 to 1), the direction of reading as cosine and sine, and the
logarithm of the characters' pitch in frame pixels; the last three are meant only where there is core.
"""

import random
import string
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.mrz.frame import CELL, CORE, FRAME_HEIGHT, FRAME_WIDTH
from models.mrz.strip import ALPHABET
from models.mrz.training import degrade, typeface
from models.mrz.training.drawing import cv
from models.mrz.training.text import LENGTHS, document, noise

Points = NDArray[np.float64]
_SIZES: Final = {"TD3": (125, 88), "TD2": (105, 74), "TD1": (85.6, 54), "MRVA": (120, 80), "MRVB": (105, 74)}
"""Millimetres (Doc 9303-4 to -7)."""
_GLYPH_MM: Final = 2.54
_PER_MM: Final = 6.0
"""Pixels of the drawn page; more than the frame ever shows."""
_FACES: Final = (
    cv.FONT_HERSHEY_SIMPLEX,
    cv.FONT_HERSHEY_PLAIN,
    cv.FONT_HERSHEY_DUPLEX,
    cv.FONT_HERSHEY_COMPLEX,
    cv.FONT_HERSHEY_TRIPLEX,
    cv.FONT_HERSHEY_COMPLEX_SMALL,
)


class PageMaker:
    """Makes frames; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._text = random.Random(seed)
        self._atlases = typeface.load_atlases()
        weights = np.array([atlas.weight for atlas in self._atlases])
        self._weights = weights / weights.sum()

    def frame(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """One frame and its truth (FRAME_HEIGHT / 4, FRAME_WIDTH / 4, 4)."""
        rng = self._rng
        scene = self._surroundings()
        lines: list[Points] = []
        pages = 0 if rng.random() < 0.06 else 1 if rng.random() < 0.85 else 2
        for number in range(pages):
            page, on_page = self._page(with_mrz=rng.random() < (0.95 if number == 0 else 0.4))
            place = self._place(page.shape, small=pages > 1)
            scene, lines = self._lay(scene, page, place, lines)
            lines += [_project(place, line) for line in on_page]
        if pages and rng.random() < 0.25:
            scene, lines = self._hand(scene, lines)
        hard = rng.random()
        scene = degrade.light(scene, rng, 0.2 + 0.7 * hard)
        coarse = (
            rng.uniform(0.4, 0.9) if rng.random() < 0.4 else 1.0
        )  # a small picture, enlarged to the frame
        if coarse < 1:
            scene = cv.resize(scene, None, fx=coarse, fy=coarse, interpolation=cv.INTER_AREA)
        seen = degrade.sensor(degrade.lens(scene, rng, 0.8 * hard * coarse), rng, 0.2 + 0.7 * hard)
        if coarse < 1:
            seen = np.asarray(cv.resize(seen, (FRAME_WIDTH, FRAME_HEIGHT)), np.uint8)
        return seen, _truth(lines)

    # The page

    def _page(self, *, with_mrz: bool) -> tuple[NDArray[np.float32], list[Points]]:
        """A drawn document, and its MRZ lines as points along their middle, with the pitch: (n, 3)."""
        rng = self._rng
        kind = self._text.choice(["TD3", "TD3", "TD1", "TD1", "TD2", "MRVA", "MRVB"])
        wide, high = (round(mm * _PER_MM) for mm in _SIZES[kind])
        above = (
            round(high * rng.uniform(0.3, 1.05)) if rng.random() < 0.35 else 0
        )  # a second page, or the front
        sheet = degrade.paper((high + above, wide), rng, _GLYPH_MM * _PER_MM)
        self._print_matter(sheet, (0, 0, wide, above)) if above > 40 else None
        zone = (
            round(rng.uniform(0.62, 0.72) * high) if kind != "TD1" else round(rng.uniform(0.45, 0.62) * high)
        )
        self._print_matter(sheet, (0, above, wide, above + zone))
        if rng.random() < 0.5:  # a rounded white border, or the gap between two cards
            cv.rectangle(
                sheet,
                (0, 0),
                (wide - 1, high + above - 1),
                float(rng.uniform(0, 255)),
                int(rng.integers(1, 7)),
            )
        if not with_mrz:
            self._print_matter(sheet, (0, above + zone, wide, above + high))
            return sheet, []
        texts = (
            document(self._text, kind)
            if rng.random() < 0.8
            else [noise(self._text, LENGTHS[kind][0]) for _ in range(LENGTHS[kind][1])]
        )
        return self._print_mrz(sheet, texts, above + zone, above + high)

    def _print_mrz(
        self, sheet: NDArray[np.float32], texts: list[str], top: int, bottom: int
    ) -> tuple[NDArray[np.float32], list[Points]]:
        rng = self._rng
        wide = sheet.shape[1]
        pitch = min(_GLYPH_MM * rng.uniform(0.9, 1.04) * _PER_MM, 0.97 * wide / len(texts[0]))
        gap = rng.uniform(2.0, 2.6) * pitch
        room = bottom - top
        gap = min(gap, 0.86 * room / len(texts))
        first = top + rng.uniform(0.2, 0.8) * (room - gap * len(texts)) + gap / 2
        left = rng.uniform(0.25, 0.75) * (wide - pitch * len(texts[0]))
        atlas = self._atlases[rng.choice(len(self._atlases), p=self._weights)]
        scale = pitch / typeface.PITCH
        size = (
            typeface.HEIGHT * scale * rng.uniform(0.9, 1.05),
            2 * typeface.PITCH * scale * rng.uniform(0.95, 1.05),
        )
        shape = max(3, round(size[1])), max(3, round(size[0]))
        glyphs = [cv.resize(glyph, shape, interpolation=cv.INTER_AREA) for glyph in atlas.glyphs]
        ink = np.zeros_like(sheet)
        lines = []
        for number, text in enumerate(texts):
            middle = first + number * gap
            for index, letter in enumerate(text):
                glyph = glyphs[ALPHABET.index(letter)]
                x = round(left + (index + 0.5) * pitch - glyph.shape[1] / 2)
                y = round(middle - glyph.shape[0] / 2)
                x0, y0 = max(x, 0), max(y, 0)
                part = ink[y0 : y + glyph.shape[0], x0 : x + glyph.shape[1]]
                np.maximum(
                    part, glyph[y0 - y : y0 - y + part.shape[0], x0 - x : x0 - x + part.shape[1]], out=part
                )
            along = np.linspace(left, left + pitch * len(text), 24)
            lines.append(np.stack([along, np.full(24, middle), np.full(24, pitch)], 1))
        ink = np.clip(cv.GaussianBlur(ink, (0, 0), rng.uniform(0.3, 0.9)) * rng.uniform(0.9, 1.5), 0, 1)
        if rng.random() < 0.3:
            sheet[top:bottom] = sheet[top:bottom] * 0.3 + 0.7 * rng.uniform(170, 250)
        dark = np.clip(sheet - rng.uniform(60, 230), 0, None)
        sheet += ink * (dark - sheet)
        return sheet, lines

    def _print_matter(self, sheet: NDArray[np.float32], box: tuple[int, int, int, int]) -> None:
        """A portrait, captions and values, stamps: everything that is on a page and is no MRZ."""
        rng = self._rng
        left, top, right, bottom = box
        if bottom - top < 30:
            return
        area = sheet[top:bottom, left:right]
        height, width = area.shape
        if rng.random() < 0.8:
            self._portrait(area)
        start = rng.uniform(0.02, 0.45) * width
        y = rng.uniform(0.05, 0.2) * height
        while y < height - 6:
            size = rng.uniform(0.3, 0.95)
            face = int(self._text.choice(_FACES))
            letters = rng.choice(["upper", "mixed", "digits", "mrz"], p=[0.4, 0.4, 0.15, 0.05])
            count = int(rng.integers(3, 40))
            text = self._words(str(letters), count)
            place = (round(start + rng.choice([0, 0, 0.25, 0.4]) * width * rng.random()), round(y))
            tone = float(rng.uniform(0, 120)) if rng.random() < 0.9 else float(rng.uniform(150, 255))
            if rng.random() < 0.25:
                self._in_ocr_b(area, text, place, size * 14, tone)
            else:
                cv.putText(area, text, place, face, size, tone, int(rng.choice([1, 1, 2])), cv.LINE_AA)
            y += rng.uniform(1.1, 3.2) * size * 22
        for _ in range(rng.integers(0, 3)):
            self._stamp(area)

    def _words(self, letters: str, count: int) -> str:
        pools = {
            "upper": string.ascii_uppercase + "   ",
            "mixed": string.ascii_letters + "    ",
            "digits": string.digits + " -./",
        }
        if letters == "mrz":
            return self._text.choice(["<" * self._text.randint(2, 9), noise(self._text, min(count, 14))])
        return "".join(self._text.choice(pools[letters]) for _ in range(count))

    def _in_ocr_b(
        self, area: NDArray[np.float32], text: str, place: tuple[int, int], pitch: float, tone: float
    ) -> None:
        """Many issuers print names and numbers in the MRZ's own typeface: too short to be one."""
        atlas = self._atlases[0]
        scale = max(0.25, pitch / typeface.PITCH)
        x, y = place
        for letter in text[:24].upper():
            if letter in ALPHABET:
                glyph = cv.resize(
                    atlas.glyphs[ALPHABET.index(letter)],
                    None,
                    fx=scale,
                    fy=scale,
                    interpolation=cv.INTER_AREA,
                )
                part = area[
                    max(y - glyph.shape[0] // 2, 0) : y + glyph.shape[0] // 2, max(x, 0) : x + glyph.shape[1]
                ]
                part += glyph[: part.shape[0], : part.shape[1]] * (tone - part)
            x += round(pitch)
            if x > area.shape[1]:
                return

    def _portrait(self, area: NDArray[np.float32]) -> None:
        rng = self._rng
        height, width = area.shape
        tall, broad = rng.uniform(0.4, 0.85) * height, rng.uniform(0.16, 0.32) * width
        x = rng.choice([rng.uniform(0.02, 0.1), rng.uniform(0.65, 0.75)]) * width
        y = rng.uniform(0.05, 0.95) * (height - tall)
        x0, y0, x1, y1 = (round(value) for value in (x, y, x + broad, y + tall))
        cloud = rng.standard_normal((7, 5)).astype(np.float32) * 45 + rng.uniform(90, 190)
        patch = area[y0:y1, x0:x1]
        if not patch.size:
            return
        patch[:] = cv.resize(cloud, patch.shape[::-1], interpolation=cv.INTER_CUBIC)
        middle = (round(x + broad / 2), round(y + tall * 0.45))
        cv.ellipse(
            area,
            middle,
            (round(broad * 0.27), round(tall * 0.27)),
            0,
            0,
            360,
            float(rng.uniform(60, 220)),
            -1,
        )
        cv.ellipse(
            area,
            (middle[0], round(y + tall)),
            (round(broad * 0.45), round(tall * 0.28)),
            0,
            180,
            360,
            float(rng.uniform(20, 200)),
            -1,
        )

    def _stamp(self, area: NDArray[np.float32]) -> None:
        rng = self._rng
        height, width = area.shape
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        tone, thick = float(rng.uniform(30, 200)), int(rng.integers(1, 4))
        shape = rng.integers(4)
        if shape == 0:
            cv.ellipse(
                area,
                centre,
                (int(rng.uniform(10, 90)), int(rng.uniform(10, 60))),
                float(rng.uniform(0, 180)),
                0,
                360,
                tone,
                thick,
            )
        elif shape == 1:
            cv.rectangle(
                area,
                centre,
                (centre[0] + int(rng.uniform(5, 160)), centre[1] + int(rng.uniform(5, 60))),
                tone,
                thick if rng.random() < 0.6 else -1,
            )
        elif shape == 2:  # a signature
            points = np.cumsum(rng.normal(0, 9, (25, 2)), 0) * [1.4, 0.6] + centre
            cv.polylines(
                area, [points.round().astype(np.int32).reshape(-1, 1, 2)], False, tone, thick, cv.LINE_AA
            )
        else:  # a barcode
            for offset in range(0, int(rng.uniform(40, 260)), 3):
                cv.line(
                    area,
                    (centre[0] + offset, centre[1]),
                    (centre[0] + offset, centre[1] + 30),
                    tone,
                    int(rng.integers(1, 3)),
                )

    # The frame

    def _surroundings(self) -> NDArray[np.float32]:
        """A table, a counter, a bag: shades, grain, edges, and print that is no MRZ."""
        rng = self._rng
        scene = degrade.paper((FRAME_HEIGHT, FRAME_WIDTH), rng, rng.uniform(4, 60))
        scene += rng.uniform(-200, 40)
        for _ in range(rng.integers(0, 6)):
            tone = float(rng.uniform(0, 255))
            corners = np.stack(
                [rng.uniform(-100, FRAME_WIDTH + 100, 4), rng.uniform(-100, FRAME_HEIGHT + 100, 4)], 1
            )
            if rng.random() < 0.5:
                hull = cv.convexHull(corners.astype(np.float32)).round().astype(np.int32)
                cv.fillConvexPoly(scene, hull, tone, cv.LINE_AA)
            else:
                cv.line(
                    scene,
                    tuple(corners[0].astype(int).tolist()),
                    tuple(corners[1].astype(int).tolist()),
                    tone,
                    int(rng.integers(1, 12)),
                )
        if rng.random() < 0.3:
            self._print_matter(scene, (0, 0, FRAME_WIDTH, FRAME_HEIGHT))
        if rng.random() < 0.3:
            fine = rng.standard_normal((FRAME_HEIGHT // 2, FRAME_WIDTH // int(rng.integers(2, 30)))).astype(
                np.float32
            )
            scene += cv.resize(fine, (FRAME_WIDTH, FRAME_HEIGHT)) * rng.uniform(3, 25)
        return np.clip(scene, 0, 255)

    def _place(self, shape: tuple[int, ...], *, small: bool) -> Points:
        """From the page to the frame: any turn, a tilt, a size; most of it in view."""
        rng = self._rng
        height, width = shape
        turn = rng.normal(0, 0.12) if rng.random() < 0.5 else rng.uniform(0, 2 * np.pi)
        turn += rng.choice([0, np.pi / 2, np.pi, 3 * np.pi / 2], p=[0.7, 0.1, 0.1, 0.1])
        cosine, sine = np.cos(turn), np.sin(turn)
        reach = np.array([abs(width * cosine) + abs(height * sine), abs(width * sine) + abs(height * cosine)])
        fits = min(FRAME_WIDTH / reach[0], FRAME_HEIGHT / reach[1])
        size = fits * (rng.uniform(0.35, 0.75) if small or rng.random() < 0.3 else rng.uniform(0.75, 1.06))
        spare = np.array([FRAME_WIDTH, FRAME_HEIGHT]) - reach * size
        middle = np.array([FRAME_WIDTH, FRAME_HEIGHT]) / 2 + spare * rng.uniform(-0.5, 0.5, 2)
        corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * [width, height] * size
        corners *= 1 + rng.normal(0, rng.choice([0.005, 0.04]), (4, 2))
        turned = corners @ np.array([[cosine, sine], [-sine, cosine]]) + middle
        source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        placed: Points = cv.getPerspectiveTransform(source, turned.astype(np.float32))
        return placed

    def _lay(
        self, scene: NDArray[np.float32], page: NDArray[np.float32], place: Points, lines: list[Points]
    ) -> tuple[NDArray[np.float32], list[Points]]:
        """The page over the scene; lines that it covers are no longer to be found."""
        rng = self._rng
        scale = np.sqrt(abs(np.linalg.det(place[:2, :2])))
        soft = cv.GaussianBlur(page, (0, 0), 0.4 / scale) if scale < 0.9 else page
        size = (FRAME_WIDTH, FRAME_HEIGHT)
        laid = cv.warpPerspective(soft, place, size, flags=cv.INTER_LINEAR)
        cover = cv.warpPerspective(np.ones(page.shape, np.float32), place, size, flags=cv.INTER_LINEAR)
        if rng.random() < 0.4:  # its shadow
            shadow = cv.GaussianBlur(cover, (0, 0), rng.uniform(2, 12))
            scene = scene * (1 - rng.uniform(0.2, 0.6) * shadow)
        return scene + cover * (laid - scene), _still_seen(lines, cover)

    def _hand(
        self, scene: NDArray[np.float32], lines: list[Points]
    ) -> tuple[NDArray[np.float32], list[Points]]:
        """Fingers that come in from a side."""
        rng = self._rng
        cover = np.zeros_like(scene)
        side = rng.uniform(0, 2 * np.pi)
        edge = np.array([FRAME_WIDTH / 2 + np.cos(side) * 420, FRAME_HEIGHT / 2 + np.sin(side) * 340])
        for _ in range(rng.integers(1, 5)):
            tip = (
                edge
                + (np.array([FRAME_WIDTH, FRAME_HEIGHT]) / 2 - edge) * rng.uniform(0.15, 0.6)
                + rng.normal(0, 45, 2)
            )
            start = edge + rng.normal(0, 50, 2)
            cv.line(
                cover,
                tuple(start.astype(int).tolist()),
                tuple(tip.astype(int).tolist()),
                1.0,
                int(rng.uniform(18, 60)),
                cv.LINE_AA,
            )
        cover = cv.GaussianBlur(cover, (0, 0), 1.2)
        skin = (
            rng.uniform(50, 230)
            + cv.GaussianBlur(rng.standard_normal(scene.shape).astype(np.float32), (0, 0), 6) * 40
        )
        return scene + cover * (skin - scene), _still_seen(lines, cover)


def _project(place: Points, line: Points) -> Points:
    """Points along a line, with the pitch as it comes out there."""
    ends = np.concatenate([line[:, :2], line[:, :2] + np.stack([line[:, 2], np.zeros(len(line))], 1)])
    projected = cv.perspectiveTransform(ends[None], place)[0]
    here, there = projected[: len(line)], projected[len(line) :]
    return np.concatenate([here, np.linalg.norm(there - here, axis=1)[:, None]], 1)


def _still_seen(lines: list[Points], cover: NDArray[np.float32]) -> list[Points]:
    """The longest stretch of each line that nothing lies on."""
    left = []
    for line in lines:
        x = np.clip(line[:, 0].round().astype(int), 0, FRAME_WIDTH - 1)
        y = np.clip(line[:, 1].round().astype(int), 0, FRAME_HEIGHT - 1)
        runs = np.split(np.arange(len(line)), np.flatnonzero(cover[y, x] > 0.4))
        kept = max(runs, key=len)
        kept = kept[cover[y[kept], x[kept]] <= 0.4]
        if len(kept) > 3:
            left.append(line[kept])
    return left


def _truth(lines: list[Points]) -> NDArray[np.float32]:
    """The four planes, drawn four times as fine and averaged."""
    fine = np.zeros((FRAME_HEIGHT, FRAME_WIDTH), np.float32)
    truth: NDArray[np.float32] = np.zeros((FRAME_HEIGHT // CELL, FRAME_WIDTH // CELL, 4), np.float32)
    for line in lines:
        points = (line[:, :2] * 16).round().astype(np.int32).reshape(-1, 1, 2)
        thick = max(2, round(float(line[:, 2].mean()) * CORE))
        cv.polylines(fine, [points], False, 1.0, thick, cv.LINE_AA, shift=4)
        near = np.zeros(truth.shape[:2], np.uint8)
        cells = (line[:, :2] / CELL * 16).round().astype(np.int32).reshape(-1, 1, 2)
        cv.polylines(near, [cells], False, 1, max(3, round(thick / CELL) + 2), shift=4)
        along = line[-1, :2] - line[0, :2]
        length = float(np.linalg.norm(along))
        rows, columns = np.nonzero(near)
        share = ((np.stack([columns, rows], 1) + 0.5) * CELL - line[0, :2]) @ along / max(length**2, 1e-6)
        truth[rows, columns, 1:3] = along / max(length, 1e-6)
        truth[rows, columns, 3] = np.log(np.interp(share, np.linspace(0, 1, len(line)), line[:, 2]))
    truth[..., 0] = cv.resize(fine, truth.shape[1::-1], interpolation=cv.INTER_AREA)
    return truth
