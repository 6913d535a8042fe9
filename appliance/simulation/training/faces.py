"""Drawn faces that differ from each other, so that the box's comparison can tell a stranger.

Those of `portraits.py` are all alike to a network that knows people: cosine 0.57 and more. Between these the
cosine is 0.47 in the mean, and the same face before the post's camera reaches 0.88 and more: of seeds 1 to
130 the 112 that are found. Nobody's face, the same for the same seed.
"""

import io
import random
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

from appliance.simulation.portraits import CLOTHES, HAIR, SIZE, SKIN, shade

EYES: Final = ("#33281f", "#3a5a78", "#4a6b3a")
BACKGROUND, WALL = "#e9edf0", "#b9c3c9"
"""Of a passport's picture, and of the post behind whoever stands there."""
_MIDDLE: Final = 290
NEAR_EYES: Final = 104.0
"""Pixels between the eyes of who stands as near to the post's camera as they are asked to."""


@dataclass(frozen=True, slots=True)
class _Features:
    """What is drawn; lengths are pixels of a picture of SIZE."""

    skin: str
    hair: str
    clothes: str
    eyes: str
    half: float
    tall: float
    eye_gap: float
    eye: tuple[float, float]
    brow: tuple[float, float]
    nose: tuple[float, float]
    mouth: tuple[float, float]
    mouth_at: float
    wears: frozenset[str]


_WEARS: Final = {
    "bald": 0.25,
    "long": 0.4,
    "beard": 0.35,
    "moustache": 0.35,
    "glasses": 0.35,
    "fringe": 0.4,
    "cheeks": 0.4,
    "freckles": 0.3,
}


def draw_face(seed: int, *, live: bool = False) -> bytes:
    """The invented person of this seed as JPEG; `live` is the same person before the post's camera."""
    features = _features(seed)
    picture = Image.new("RGB", SIZE, WALL if live else BACKGROUND)
    pen = ImageDraw.Draw(picture)
    middle = SIZE[0] / 2 + (9 if live else 0)
    _head(pen, features, middle)
    _eyes(pen, features, middle)
    _nose_and_mouth(pen, features, middle)
    _freckles(pen, features, middle, seed)
    if live:
        picture = _step_nearer(picture, features, middle)
        shadow = Image.linear_gradient("L").rotate(90).resize(SIZE)
        picture = Image.composite(picture, picture.point(lambda value: int(value * 0.82)), shadow)
    return _jpeg(picture.filter(ImageFilter.GaussianBlur(1.1)))


def _step_nearer(picture: Image.Image, one: _Features, x: float) -> Image.Image:
    share = min(1.0, 2 * one.eye_gap / NEAR_EYES)
    width, height = SIZE[0] * share, SIZE[1] * share
    left = min(x - width / 2, SIZE[0] - width)
    top = _MIDDLE * (1 - share)
    return picture.resize(SIZE, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))


def draw_nobody() -> bytes:
    """The wall of the post, as its camera sees it when nobody looks in."""
    return _jpeg(Image.new("RGB", SIZE, WALL))


def _features(seed: int) -> _Features:
    person = random.Random(seed * 7919)
    skin, hair, clothes, eyes = (person.choice(some) for some in (SKIN, HAIR, CLOTHES, EYES))
    between = person.uniform
    return _Features(
        skin=skin,
        hair=hair,
        clothes=clothes,
        eyes=eyes,
        half=112 * between(0.8, 1.2),
        tall=150 * between(0.88, 1.12),
        eye_gap=between(36, 62),
        eye=(between(12, 26), between(6, 15)),
        brow=(between(3, 16), between(-75, -40)),
        nose=(between(8, 34), nose := between(25, 65)),
        mouth=(between(22, 62), between(5, 24)),
        mouth_at=nose + between(30, 55),
        wears=frozenset(what for what, share in _WEARS.items() if person.random() < share),
    )


def _head(pen: ImageDraw.ImageDraw, one: _Features, x: float) -> None:
    y, half, tall = _MIDDLE, one.half, one.tall
    if "long" in one.wears:
        pen.rounded_rectangle((x - half - 26, 140, x + half + 26, 480), radius=110, fill=one.hair)
    pen.ellipse((x - 205, 480, x + 205, 860), fill=one.clothes)
    pen.rounded_rectangle((x - 48, 390, x + 48, 520), radius=40, fill=shade(one.skin, 0.88))
    for side in (-1, 1):
        ear = x + side * (half - 2)
        pen.ellipse((ear - 14, 270, ear + 14, 330), fill=shade(one.skin, 0.92))
    pen.ellipse((x - half, y - tall, x + half, y + tall), fill=one.skin)
    if "bald" not in one.wears:
        pen.pieslice((x - half - 4, y - tall - 15, x + half + 4, y + 70), 183, 357, fill=one.hair)
        brow = y - tall + (70 if "fringe" in one.wears else 45)
        pen.ellipse((x - half + 14, brow, x + half - 14, y + 74), fill=one.skin)
    if "cheeks" in one.wears:
        for side in (-1, 1):
            cheek = x + side * 60
            pen.ellipse((cheek - 28, y + 15, cheek + 28, y + 70), fill=shade(one.skin, 0.85))
    if "beard" in one.wears:
        pen.pieslice((x - half + 4, y - 30, x + half - 4, y + tall + 6), 2, 178, fill=one.hair)
        pen.ellipse((x - 56, y - 10, x + 56, y + one.mouth_at + 35), fill=one.skin)


def _eyes(pen: ImageDraw.ImageDraw, one: _Features, x: float) -> None:
    y, (width, height), (thick, brow) = _MIDDLE - 13, one.eye, one.brow
    iris = min(width, height) * 0.8
    for side in (-1, 1):
        eye = x + side * one.eye_gap
        above = _MIDDLE + brow
        pen.arc(
            (eye - width - 8, above, eye + width + 8, above + 34), 200, 340, fill=one.hair, width=int(thick)
        )
        pen.ellipse((eye - width, y - height, eye + width, y + height), fill="#fbfbf8")
        pen.ellipse((eye - iris, y - iris, eye + iris, y + iris), fill=one.eyes)
        if "glasses" in one.wears:
            pen.rounded_rectangle((eye - 34, y - 29, eye + 34, y + 29), radius=14, outline="#17181c", width=6)
    if "glasses" in one.wears and one.eye_gap > 34:
        bridge = (x - one.eye_gap + 34, y - 3, x + one.eye_gap - 34, y - 3)
        pen.line(bridge, fill="#17181c", width=6)


def _nose_and_mouth(pen: ImageDraw.ImageDraw, one: _Features, x: float) -> None:
    y, (wide, long) = _MIDDLE, one.nose
    corners = [
        (x - wide * 0.3, y - 5), (x - wide, y + long), (x + wide, y + long), (x + wide * 0.3, y - 5),
    ]  # fmt: skip
    pen.polygon(corners, fill=shade(one.skin, 0.93))
    pen.arc((x - wide, y + long - 14, x + wide, y + long + 10), 20, 170, fill=shade(one.skin, 0.75), width=6)
    half, height = one.mouth
    at = y + one.mouth_at
    if "moustache" in one.wears:
        pen.pieslice((x - half - 8, at - 26, x + half + 8, at + 14), 180, 360, fill=one.hair)
    pen.ellipse((x - half, at - height / 2, x + half, at + height / 2), fill="#a2564c")
    pen.line((x - half, at, x + half, at), fill="#6a2f2a", width=3)


def _freckles(pen: ImageDraw.ImageDraw, one: _Features, x: float, seed: int) -> None:
    if "freckles" not in one.wears:
        return
    where = random.Random(seed)
    for _ in range(60):
        left, top = x + where.uniform(-85, 85), _MIDDLE + where.uniform(-10, 70)
        pen.ellipse((left - 3, top - 3, left + 3, top + 3), fill=shade(one.skin, 0.7))


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=82)
    return out.getvalue()
