import io

import numpy as np
from PIL import Image

from appliance.simulation.portraits import SIZE, draw_portrait


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), dtype=float)


def test_ok__a_picture_of_a_passports_size() -> None:
    picture = Image.open(io.BytesIO(draw_portrait(1)))
    assert (picture.format, picture.size, picture.mode) == ("JPEG", SIZE, "RGB")
    assert len(draw_portrait(1)) < 40_000


def test_ok__the_same_for_the_same_seed_and_another_for_another() -> None:
    assert draw_portrait(3) == draw_portrait(3)
    assert len({draw_portrait(seed) for seed in range(20)}) == 20


def test_ok__live_is_another_picture_of_the_same_person() -> None:
    assert draw_portrait(3, live=True) != draw_portrait(3)
    centre = np.s_[150:400, 150:330]
    same = np.abs(pixels(draw_portrait(4))[centre] - pixels(draw_portrait(4, live=True))[centre]).mean()
    others = [
        np.abs(pixels(draw_portrait(4))[centre] - pixels(draw_portrait(seed, live=True))[centre]).mean()
        for seed in (5, 6, 7, 8)
    ]
    assert same < max(others)
