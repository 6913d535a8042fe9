"""The receipt for a receipt printer: its lines and its code, drawn in dots for the paper's width.

Pillow shapes and orders the letters (HarfBuzz and FriBidi through Raqm), so that Arabic, Dari and Pashto are
joined and run from right to left as on the screen.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import zxingcpp
from PIL import Image, ImageDraw, ImageFont

from appliance.contracts.errors import ServiceError
from appliance.services.lane.kiosk.words import Words

FONTS: Final = Path("/usr/share/fonts/truetype")
LETTERS: Final = (
    FONTS / "dejavu" / "DejaVuSans.ttf",
    FONTS / "noto" / "NotoSansArabicUI-Regular.ttf",
)
"""Debian's fonts-dejavu-core and fonts-noto-ui-core, as on the screen: DejaVu lacks letters of Pashto."""
NOWHERE: Final = "\U0010ffff"
"""No font has it: what is drawn for it stands for any letter that is missing."""
SIZE: Final = 26
"""Dots: 3.3 mm at 203 dpi, to be read without glasses."""
TITLE_SIZE: Final = 34
MARGIN: Final = 8
GAP: Final = 10
MOST_DOTS_A_MODULE: Final = 6
"""A short code need not fill the paper; a long one may, its quiet zone included."""


def receipt_rows(title: str, lines: Sequence[str], code: str, words: Words, dots: int) -> bytes:
    """Rows of `dots` / 8 bytes, 1 is black: title, lines, then `code` as a QR code.

    Raises:
        ServiceError: no_letters: the fonts are not installed.
    """
    pieces = [_text(title, TITLE_SIZE, words, dots), *(_text(line, SIZE, words, dots) for line in lines)]
    pieces.append(_code(code, dots))
    gap = np.zeros((GAP, dots), dtype=bool)
    page = np.concatenate([part for piece in pieces for part in (piece, gap)])
    return np.packbits(page, axis=1).tobytes()


def _text(text: str, size: int, words: Words, dots: int) -> npt.NDArray[np.bool_]:
    """One paragraph, broken at its spaces."""
    font = _font_for(text, size)
    ascent, descent = font.getmetrics()
    step = ascent + descent
    right_to_left = words.direction == "rtl"
    rows = list(_broken(text, font, dots - 2 * MARGIN, words.direction))
    picture = Image.new("L", (dots, step * len(rows)), 255)
    draw = ImageDraw.Draw(picture)
    for number, row in enumerate(rows):
        at = (dots - MARGIN if right_to_left else MARGIN, number * step)
        draw.text(
            at, row, fill=0, font=font, anchor="ra" if right_to_left else "la", direction=words.direction
        )
    return np.asarray(picture) < 128


def _broken(text: str, font: ImageFont.FreeTypeFont, width: int, direction: str) -> Iterator[str]:
    """Rows that fit; a word that is wider than the paper is cut."""
    row = ""
    for word in text.split():
        longer = f"{row} {word}" if row else word
        if font.getlength(longer, direction=direction) <= width:
            row = longer
            continue
        if row:
            yield row
        row = word
        while font.getlength(row, direction=direction) > width and len(row) > 1:
            fits = next(
                count
                for count in range(len(row) - 1, 0, -1)
                if count == 1 or font.getlength(row[:count], direction=direction) <= width
            )
            yield row[:fits]
            row = row[fits:]
    yield row


def _code(text: str, dots: int) -> npt.NDArray[np.bool_]:
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    modules = np.asarray(zxingcpp.write_barcode_to_image(barcode, add_quiet_zones=True)) < 128
    scale = min(MOST_DOTS_A_MODULE, max(1, dots // modules.shape[1]))
    drawn = np.kron(modules, np.ones((scale, scale), dtype=bool))
    page = np.zeros((len(drawn), dots), dtype=bool)
    left = (dots - drawn.shape[1]) // 2
    page[:, left : left + drawn.shape[1]] = drawn
    return page


def _font_for(text: str, size: int) -> ImageFont.FreeTypeFont:
    """The first font that has all letters of the text, or the one that lacks the fewest."""
    fonts = [font for path in LETTERS if (font := _font(path, size)) is not None]
    if not fonts:
        raise ServiceError("no_letters", "The fonts for printing are not installed.")
    return min(fonts, key=lambda font: sum(not _has(font, letter) for letter in set(text)))


@functools.cache
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont | None:
    return ImageFont.truetype(path, size) if path.exists() else None


def _has(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    return letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask(NOWHERE))
