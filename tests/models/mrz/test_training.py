"""What the networks learn from: right lines, right places, the same for the same seed."""

import random

import numpy as np
import pytest
from mrz_drawn import TODAY

from appliance.travel_document import MrzFormat, parse_mrz
from models.mrz.frame import CELL, FRAME_HEIGHT, FRAME_WIDTH
from models.mrz.strip import ALPHABET, BLANK, HEIGHT
from models.mrz.training import typeface
from models.mrz.training.pages import PageMaker
from models.mrz.training.strips import IGNORED, WIDTH, StripMaker
from models.mrz.training.text import LENGTHS, document, noise

FORMATS = {
    "TD1": MrzFormat.TD1,
    "TD2": MrzFormat.TD2,
    "TD3": MrzFormat.TD3,
    "MRVA": MrzFormat.MRV_A,
    "MRVB": MrzFormat.MRV_B,
}


@pytest.mark.parametrize("kind", LENGTHS)
def test_ok__documents_are_what_our_own_parser_accepts(kind: str) -> None:
    rng = random.Random(1)
    for _ in range(60):
        mrz = parse_mrz(document(rng, kind), today=TODAY)
        assert mrz.format is FORMATS[kind]
        assert all(check.passed for check in mrz.checks if check.id.endswith("_check_digit"))


def test_ok__noise_has_every_character() -> None:
    rng = random.Random(2)
    assert set("".join(noise(rng, 44) for _ in range(60))) == set(ALPHABET)


def test_ok__glyphs_lie_in_the_middle() -> None:
    for atlas in typeface.load_atlases():
        assert atlas.glyphs.shape == (len(ALPHABET), typeface.HEIGHT, 2 * typeface.PITCH)
        letter = atlas.glyphs[ALPHABET.index("H")]
        y, x = np.argwhere(letter > 0.5).mean(0)
        assert abs(y + 0.5 - typeface.HEIGHT / 2) < 1.5
        assert abs(x + 0.5 - typeface.PITCH) < 2.5


def test_ok__strips_are_labelled_where_their_glyphs_are() -> None:
    pictures, labels = StripMaker(5).batch(24, hard=0.0)
    assert pictures.shape == (24, HEIGHT, WIDTH)
    ink = []
    for picture, label in zip(pictures, labels, strict=True):
        columns = picture.reshape(HEIGHT, -1, 4).astype(float)
        contrast = columns.std((0, 2))
        glyph, gap = (label >= 0) & (label < BLANK), label == BLANK
        if glyph.any() and gap.any():
            ink.append(contrast[glyph].mean() > contrast[gap].mean())
    assert np.mean(ink) > 0.9
    assert labels.min() >= IGNORED
    assert labels.max() <= BLANK


def test_ok__frames_say_where_the_lines_are() -> None:
    maker = PageMaker(6)
    frames = [maker.frame() for _ in range(12)]
    for frame, truth in frames:
        assert frame.shape == (FRAME_HEIGHT, FRAME_WIDTH)
        assert truth.shape == (FRAME_HEIGHT // CELL, FRAME_WIDTH // CELL, 4)
        core = truth[..., 0] > 0.5
        turn = np.hypot(truth[..., 1], truth[..., 2])[core]
        assert np.allclose(turn, 1, atol=0.01)
        assert (truth[..., 3][core] < np.log(60)).all()
    marked = [truth[..., 0].max() > 0.5 for _, truth in frames]
    assert 6 <= sum(marked) <= 12


def test_ok__the_same_seed_makes_the_same() -> None:
    assert (StripMaker(7).batch(2)[0] == StripMaker(7).batch(2)[0]).all()
    assert (PageMaker(7).frame()[0] == PageMaker(7).frame()[0]).all()
