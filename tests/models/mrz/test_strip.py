"""Strips as the reader sees them."""

import numpy as np

from models.mrz.strip import HEIGHT, WIDTH, normalise


def test_ok__light_and_contrast_make_no_difference() -> None:
    rng = np.random.default_rng(1)
    strip = rng.integers(60, 120, (1, HEIGHT, WIDTH)).astype(np.uint8)
    brighter = (strip.astype(int) * 2 + 10).astype(np.uint8)
    assert np.allclose(normalise(strip), normalise(brighter), atol=0.02)


def test_ok__a_shadow_across_is_evened_out() -> None:
    rng = np.random.default_rng(2)
    text = np.where(rng.random((HEIGHT, WIDTH)) < 0.3, 0.3, 1.0)
    shade = np.linspace(240, 60, WIDTH)[None]
    seen = normalise((text * shade).astype(np.uint8)[None])[0, ..., 0]
    left, right = seen[:, 60:160], seen[:, -160:-60]
    assert abs(left.mean() - right.mean()) < 0.1
    assert abs(left.std() - right.std()) < 0.15


def test_ok__blank_paper_is_not_blown_up() -> None:
    paper = np.full((1, HEIGHT, WIDTH), 200, np.uint8)
    paper[0, ::7, ::5] = 201
    assert np.abs(normalise(paper)).max() < 0.5


def test_ok__shape_and_bounds() -> None:
    seen = normalise(np.random.default_rng(3).integers(0, 256, (3, HEIGHT, 320)).astype(np.uint8))
    assert seen.shape == (3, HEIGHT, 320, 1)
    assert seen.dtype == np.float32
    assert np.isfinite(seen).all()
    assert np.abs(seen).max() <= 4
