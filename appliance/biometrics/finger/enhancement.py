"""Ridges made plain: a Gabor filter that is steered and scaled at every pixel.

Gabor enhancement is Hong, Wan & Jain (1998). A Gabor kernel is a product of a Gaussian along the ridges and a
damped cosine across them; here both are line integrals by `remap`, so that direction and period may change
from pixel to pixel without a bank of kernels. Lengths: pixels at 500 dpi.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from appliance.biometrics.finger.picture import FloatMap, GreyMap, Mask, floats
from appliance.biometrics.finger.ridge_field import (
    RidgeField,
    blurred,
    broadly_blurred,
    normalised,
    orientation_of,
    period_of,
    segmented,
)

_FIRST_SIGMA: Final = 9.0
_SECOND_SIGMA: Final = 5.0
"""How far the orientation is averaged, before and after the first filter."""
_ALONG: Final = np.array([-9.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 9.0])
_ALONG_WEIGHTS: Final = np.exp(-(_ALONG**2) / (2 * 4.5**2)) / np.exp(-(_ALONG**2) / (2 * 4.5**2)).sum()
_ACROSS: Final = np.arange(-4, 5) / 4.0
"""In ridge periods."""
_DAMPING: Final = np.exp(-(_ACROSS**2) / (2 * 0.42**2))
_WAVE: Final = _DAMPING * np.cos(2 * np.pi * _ACROSS)
_ACROSS_WEIGHTS: Final = _WAVE - _DAMPING * (_WAVE.sum() / _DAMPING.sum())
"""Without a mean, so that grey is nothing."""


@dataclass(frozen=True, slots=True)
class Enhanced:
    """One impression's ridges, its maps all of one size at 500 dpi."""

    ridges: FloatMap
    """-1 (middle of a ridge) to 1 (middle of a valley), of even strength everywhere."""
    field: RidgeField
    mask: Mask
    clarity: FloatMap
    """0 to 1: how much of the local picture is explained by ridges of one direction and period."""


def enhance(pixels: GreyMap) -> Enhanced:
    """All maps of a picture at 500 dpi."""
    picture, deviation = normalised(pixels)
    smooth = blurred(picture, 1.0)
    cos2, sin2, coherence = orientation_of(smooth, _FIRST_SIGMA)
    mask = segmented(deviation, coherence)
    angle = floats(np.arctan2(sin2, cos2) / 2)
    along = _along(picture, angle)
    period = period_of(along, angle, coherence * mask)
    first = _across(along, angle, period)
    first = _even(first)
    cos2, sin2, coherence2 = orientation_of(first, _SECOND_SIGMA)
    angle = floats(np.arctan2(sin2, cos2) / 2)
    mixed = 0.5 * picture + 0.5 * first
    ridges = _even(_across(_along(mixed, angle), angle, period))
    field = RidgeField(cos2=cos2, sin2=sin2, coherence=floats(coherence * coherence2), period=period)
    return Enhanced(ridges=ridges, field=field, mask=mask, clarity=_clarity(smooth, ridges))


def _clarity(picture: FloatMap, ridges: FloatMap) -> FloatMap:
    """The share of the picture's local variance that the ridges explain: their correlation, squared."""
    both = broadly_blurred(picture * ridges, 8.0)
    alone = broadly_blurred(picture * picture, 8.0) * broadly_blurred(ridges * ridges, 8.0)
    return floats(np.clip(both * np.abs(both) / (alone + 1e-3) / _PERFECT, 0.0, 1.0))


_PERFECT: Final = 0.9
"""What the share is for the clearest prints."""


def _even(ridges: FloatMap) -> FloatMap:
    """Every place at the same strength."""
    strength = np.sqrt(broadly_blurred(ridges * ridges, 8.0))
    return floats(np.clip(ridges / (1.414 * strength + 1e-3), -1.0, 1.0))


def _along(picture: FloatMap, angle: FloatMap) -> FloatMap:
    """The mean along the ridges."""
    return _line(picture, np.cos(angle), np.sin(angle), _ALONG, _ALONG_WEIGHTS)


def _across(picture: FloatMap, angle: FloatMap, period: FloatMap) -> FloatMap:
    """The cosine across them."""
    return _line(picture, -np.sin(angle) * period, np.cos(angle) * period, _ACROSS, _ACROSS_WEIGHTS)


def _line(picture: FloatMap, dx: FloatMap, dy: FloatMap, steps: FloatMap, weights: FloatMap) -> FloatMap:
    """The weighted sum of the picture at (x, y) + step * (dx, dy)."""
    height, width = picture.shape
    xs = np.arange(width, dtype=np.float32)[None, :]
    ys = np.arange(height, dtype=np.float32)[:, None]
    total = np.zeros_like(picture)
    for step, weight in zip(steps, weights, strict=True):
        here = picture if step == 0 else cv2.remap(
            picture, xs + np.float32(step) * dx, ys + np.float32(step) * dy,
            cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101,
        )  # fmt: skip
        total += np.float32(weight) * here
    return total
