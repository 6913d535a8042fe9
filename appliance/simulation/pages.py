"""Drawn data pages for invented travellers, as a camera over the counter sees them: nobody's document."""

import io
import random
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

OCR_B: Final = Path("/usr/share/fonts/opentype/ocr-b/OCRB.otf")
PLAIN: Final = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
PER_MM: Final = 9.0
PAGE_MM: Final = (125.0, 88.0)
"""A passport's data page, TD3 (Doc 9303-4, 3)."""
FRAME: Final = (1280, 960)
"""Width and height of the camera's picture."""
PITCH_MM, LEADING_MM = 2.54, 6.35
"""From letter to letter and from line to line (Doc 9303-3, 4.2)."""
FIRST_LINE_MM: Final = 16.6
"""The upper line's middle above the page's lower edge."""


class CannotDraw(Exception):
    """A typeface is missing, in one plain sentence."""


def draw_page(lines: tuple[str, ...], portrait: bytes, *, seed: int) -> npt.NDArray[np.uint8]:
    """The page with this MRZ (two lines) and portrait (JPEG), lying a little askew; BGR.

    Raises:
        CannotDraw: OCR-B or the captions' typeface is not installed.
    """
    for font in (OCR_B, PLAIN):
        if not font.is_file():
            raise CannotDraw(f"{font} is missing: install fonts-ocr-b and fonts-dejavu-core.")
    chance = random.Random(seed)
    page = np.asarray(_flat(lines, portrait, chance))[..., ::-1]
    return _photographed(np.ascontiguousarray(page), chance)


def _flat(lines: tuple[str, ...], portrait: bytes, chance: random.Random) -> Image.Image:
    width, height = (round(side * PER_MM) for side in PAGE_MM)
    page = Image.new("RGB", (width, height), chance.choice(["#e9eef2", "#efe9e2", "#e7efe6"]))
    draw = ImageDraw.Draw(page)
    for y in range(0, height, 9):  # what makes copying hard
        shade = 222 + 14 * ((y // 9) % 2)
        points = [(x, y + 5 * np.sin(x / 37 + y / 60)) for x in range(0, width, 8)]
        draw.line(points, fill=(shade, shade + 6, shade + 2), width=1)
    caption = ImageFont.truetype(str(PLAIN), round(2.6 * PER_MM))
    draw.text((4 * PER_MM, 3 * PER_MM), "UTOPIA  PASSPORT", font=caption, fill="#40506a")
    with Image.open(io.BytesIO(portrait)) as face:
        page.paste(
            face.convert("RGB").resize((round(30 * PER_MM), round(40 * PER_MM))),
            (round(5 * PER_MM), round(12 * PER_MM)),
        )
    draw.text((42 * PER_MM, 20 * PER_MM), "SPECIMEN – NOT A DOCUMENT", font=caption, fill="#8a3040")
    typeface = ImageFont.truetype(str(OCR_B), 100)
    typeface = ImageFont.truetype(str(OCR_B), 100 * PITCH_MM * PER_MM / (typeface.getlength("H" * 10) / 10))
    left = (width - len(lines[0]) * PITCH_MM * PER_MM) / 2
    for number, line in enumerate(lines):
        middle = height - (FIRST_LINE_MM - number * LEADING_MM) * PER_MM
        draw.text((left, middle), line, font=typeface, fill="#1a1a22", anchor="lm")
    return page


def _photographed(page: npt.NDArray[np.uint8], chance: random.Random) -> npt.NDArray[np.uint8]:
    """Laid on a counter, seen by a camera that is not quite above it."""
    width, height = FRAME
    tall, wide = page.shape[:2]
    share = chance.uniform(0.84, 0.93) * width / wide
    turn = np.deg2rad(chance.uniform(-4, 4))
    corners = (np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]]) - [wide / 2, tall / 2]) * share
    corners *= 1 + np.array([[chance.uniform(-0.02, 0.02) for _ in range(2)] for _ in range(4)])
    turned = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    place = (turned + np.array([width / 2, height / 2])).astype(np.float32)
    source = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
    counter = np.full((height, width, 3), (58, 66, 74), np.uint8)
    cv2.warpPerspective(
        page,
        cv2.getPerspectiveTransform(source, place),
        FRAME,
        counter,
        cv2.INTER_AREA,
        cv2.BORDER_TRANSPARENT,
    )
    seen = cv2.GaussianBlur(counter, (0, 0), 0.7).astype(np.float32)
    grain = np.random.default_rng(chance.randrange(2**32)).normal(0, 3, seen.shape)
    return np.asarray(np.clip(seen + grain, 0, 255), np.uint8)
