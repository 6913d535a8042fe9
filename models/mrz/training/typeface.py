"""Glyphs of OCR-B (ISO 1073-2) in its cuts, as pictures of equal pitch.

Debian's package fonts-ocr-b has them. Its inverse and outlined cuts are of no use here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from models.mrz.strip import ALPHABET

PITCH: Final = 24
"""Pixels from glyph to glyph in an atlas; 2.54 mm on paper (Doc 9303-3, 4.2)."""
HEIGHT: Final = 40
"""Of a glyph's picture; the middle of a capital letter lies on its middle."""
_OCR_B: Final = Path("/usr/share/fonts/opentype/ocr-b")
_WEIGHTS: Final = {"OCRB.otf": 6.0, "OCRBS.otf": 4.0, "OCRBL.otf": 0.5}
"""Upright, its other master, and slanted; and how often each is drawn."""


@dataclass(frozen=True, slots=True)
class Atlas:
    """`glyphs[i]` is the picture of `ALPHABET[i]`: float32, HEIGHT x 2 PITCH, ink 1, paper 0."""

    name: str
    weight: float
    glyphs: NDArray[np.float32]


def load_atlases() -> list[Atlas]:
    """Every usable cut.

    Raises:
        FileNotFoundError: OCR-B is missing; install fonts-ocr-b.
    """
    return [_atlas(_OCR_B / name, weight) for name, weight in _WEIGHTS.items()]


def _atlas(path: Path, weight: float) -> Atlas:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: apt-get install fonts-ocr-b")
    size = 100.0
    advance = ImageFont.truetype(str(path), size).getlength("HHHHHHHHHH") / 10
    # Drawn four times as large and shrunk, so that edges are smooth and places are exact.
    font = ImageFont.truetype(str(path), 4 * PITCH * size / advance)
    top, bottom = font.getbbox("H")[1], font.getbbox("H")[3]
    glyphs = []
    for letter in ALPHABET:
        picture = Image.new("L", (8 * PITCH, 4 * HEIGHT), 0)
        left = (8 * PITCH - font.getlength(letter)) / 2
        ImageDraw.Draw(picture).text((left, 2 * HEIGHT - (top + bottom) / 2), letter, font=font, fill=255)
        small = picture.resize((2 * PITCH, HEIGHT), Image.Resampling.BOX)
        glyphs.append(np.asarray(small, np.float32) / 255)
    return Atlas(path.stem, weight, np.stack(glyphs))
