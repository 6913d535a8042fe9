"""Drawn portraits for invented travellers: nobody's face, the same for the same seed."""

import io
import random

from PIL import Image, ImageDraw, ImageFilter

SIZE = (480, 640)
"""Width and height in pixels: what a passport's DG2 commonly has."""
SKIN = ("#f3d3bd", "#e8bd9c", "#d49c74", "#b97a52", "#93583a", "#6d4029")
HAIR = ("#1d1714", "#3b2a20", "#5c4030", "#8a6a45", "#b9b3aa", "#6b2e1c")
CLOTHES = ("#2f4858", "#5a3d5c", "#3f5d45", "#6b4a36", "#31475e", "#70423f")


def draw_portrait(seed: int, *, live: bool = False) -> bytes:
    """The invented person of this seed as JPEG; `live` is the same person before the post's camera."""
    person = random.Random(seed)
    skin, hair, clothes = person.choice(SKIN), person.choice(HAIR), person.choice(CLOTHES)
    beard, long_hair = person.random() < 0.3, person.random() < 0.45
    broad = person.uniform(0.92, 1.08)
    picture = Image.new("RGB", SIZE, "#b9c3c9" if live else "#e9edf0")
    draw = ImageDraw.Draw(picture)
    centre_x, centre_y = SIZE[0] / 2 + (9 if live else 0), 290
    half = 112 * broad
    if long_hair:
        draw.rounded_rectangle((centre_x - half - 22, 150, centre_x + half + 22, 470), radius=110, fill=hair)
    draw.ellipse((centre_x - 205, 480, centre_x + 205, 860), fill=clothes)
    draw.rounded_rectangle((centre_x - 48, 390, centre_x + 48, 520), radius=40, fill=shade(skin, 0.88))
    draw.ellipse((centre_x - half - 12, 270, centre_x - half + 16, 330), fill=shade(skin, 0.92))
    draw.ellipse((centre_x + half - 16, 270, centre_x + half + 12, 330), fill=shade(skin, 0.92))
    draw.ellipse((centre_x - half, centre_y - 150, centre_x + half, centre_y + 150), fill=skin)
    draw.pieslice(
        (centre_x - half - 4, centre_y - 165, centre_x + half + 4, centre_y + 70), 183, 357, fill=hair
    )
    draw.ellipse((centre_x - half + 14, centre_y - 96, centre_x + half - 14, centre_y + 74), fill=skin)
    if beard:
        draw.pieslice(
            (centre_x - half + 6, centre_y - 20, centre_x + half - 6, centre_y + 156), 8, 172, fill=hair
        )
        draw.ellipse((centre_x - 60, centre_y + 2, centre_x + 60, centre_y + 92), fill=skin)
    for side in (-1, 1):
        eye = centre_x + side * 46
        draw.arc((eye - 26, centre_y - 52, eye + 26, centre_y - 22), 200, 340, fill=hair, width=7)
        draw.ellipse((eye - 19, centre_y - 24, eye + 19, centre_y - 2), fill="#fbfbf8")
        draw.ellipse((eye - 9, centre_y - 23, eye + 9, centre_y - 4), fill="#33281f")
    nose = shade(skin, 0.8)
    draw.line([(centre_x - 2, centre_y - 8), (centre_x - 14, centre_y + 42)], fill=nose, width=5)
    draw.arc((centre_x - 18, centre_y + 28, centre_x + 16, centre_y + 52), 20, 170, fill=nose, width=5)
    draw.rounded_rectangle(
        (centre_x - 38, centre_y + 80, centre_x + 38, centre_y + 92), radius=6, fill="#a2564c"
    )
    if live:
        shadow = Image.linear_gradient("L").rotate(90).resize(SIZE)
        picture = Image.composite(picture, picture.point(lambda value: int(value * 0.82)), shadow)
    out = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(1.1)).save(out, "JPEG", quality=82)
    return out.getvalue()


def shade(colour: str, factor: float) -> str:
    """The colour (#rrggbb), darker by this factor."""
    parts = [int(int(colour[at : at + 2], 16) * factor) for at in (1, 3, 5)]
    return "#{:02x}{:02x}{:02x}".format(*parts)
