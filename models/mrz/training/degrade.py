"""What happens to print between paper and pixels: ink, light, lenses, motion, sensors, scanners, JPEG.

All pictures are float32 grey, 0 to 255, changed in place or returned anew.
"""

import numpy as np
from numpy.typing import NDArray

from models.mrz.training.drawing import cv

Grey = NDArray[np.float32]
Rng = np.random.Generator


def spread_ink(ink: Grey, rng: Rng) -> Grey:
    """Ink (0 to 1) that runs, thins or breaks as on real paper."""
    blurred = cv.GaussianBlur(ink, (0, 0), rng.uniform(0.6, 1.8))
    threshold = rng.uniform(0.28, 0.62)
    ink = 1 / (1 + np.exp((threshold - blurred) * rng.uniform(6, 25)))
    if rng.random() < 0.2:  # worn or badly inked: specks are missing
        specks = rng.standard_normal((ink.shape[0] // 3 + 1, ink.shape[1] // 3 + 1)).astype(np.float32)
        ink *= cv.resize(specks, ink.shape[::-1]) < rng.uniform(0.8, 2.0)
    return ink.astype(np.float32)


def paper(shape: tuple[int, int], rng: Rng, pitch: float) -> Grey:
    """A background: plain, shaded, cloudy, printed with security lines; `pitch` is the size of a glyph."""
    height, width = shape
    grey = np.full(shape, 250 - 150 * rng.random() ** 1.5, np.float32)
    if rng.random() < 0.6:
        slope = rng.uniform(-30, 30, 2)
        grey += np.linspace(-0.5, 0.5, width, dtype=np.float32)[None] * slope[0]
        grey += np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * slope[1]
    if rng.random() < 0.6:
        cell = pitch * rng.uniform(0.3, 3)
        small = rng.standard_normal((int(height / cell) + 2, int(width / cell) + 2)).astype(np.float32)
        clouds = cv.resize(small, (width, height), interpolation=cv.INTER_CUBIC)
        grey += clouds * rng.uniform(1, 16)
    if rng.random() < 0.6:
        _security_lines(grey, rng, pitch)
    return grey


def _security_lines(grey: Grey, rng: Rng, pitch: float) -> None:
    """Guilloches: families of waves, darker or lighter than the paper."""
    height, width = grey.shape
    along = np.arange(0, width + 4, 4)
    for _ in range(rng.integers(1, 4)):
        wave, swing = rng.uniform(1, 12) * pitch, rng.uniform(0, 1.5) * pitch
        step, slope = rng.uniform(0.15, 1.2) * pitch, rng.uniform(-0.7, 0.7)
        phase, tone = rng.uniform(0, 6.3), float(rng.uniform(-60, 25))
        base = swing * np.sin(along / wave * 6.3 + phase) + slope * along
        level = float(grey[height // 2, width // 2]) + tone
        thick = max(1, round(rng.uniform(0.02, 0.12) * pitch))
        start = -abs(slope) * width - 2 * swing
        for offset in np.arange(start, height - start, max(step, 2.0))[:90]:
            points = np.stack([along, base + offset], 1).round().astype(np.int32).reshape(-1, 1, 2)
            cv.polylines(grey, [points], False, level, thick, cv.LINE_AA)


def light(grey: Grey, rng: Rng, strength: float) -> Grey:
    """Shadow edges, a fall of light, and glare."""
    height, width = grey.shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    if rng.random() < 0.4:
        angle = rng.uniform(0, 6.3)
        distance = (xx - rng.uniform(0, width)) * np.cos(angle) + (yy - rng.uniform(0, height)) * np.sin(
            angle
        )
        edge = 1 / (1 + np.exp(np.clip(-distance / rng.uniform(1, 0.4 * width), -50, 50)))
        grey = grey * (1 - strength * rng.uniform(0.1, 0.65) * edge)
    if rng.random() < 0.3:
        cx, cy = rng.uniform(0, width), rng.uniform(0, height)
        sx, sy = rng.uniform(0.03, 0.3) * width, rng.uniform(0.1, 1.0) * height
        spot = np.exp(-(((xx - cx) / sx) ** 2) - ((yy - cy) / sy) ** 2)
        grey = grey + strength * rng.uniform(20, 190) * spot
    return grey.astype(np.float32)


def lens(grey: Grey, rng: Rng, strength: float) -> Grey:
    """Defocus, motion, and the sharpening of scanners and phones."""
    grey = cv.GaussianBlur(grey, (0, 0), 0.25 + strength * rng.random() * 1.15)
    if rng.random() < 0.3 * strength + 0.1:
        length = int(rng.integers(2, 3 + round(3 * strength)))
        kernel = np.zeros((length, length), np.float32)
        cv.line(kernel, (0, int(rng.integers(length))), (length - 1, int(rng.integers(length))), 1)
        kernel = kernel.T if rng.random() < 0.5 else kernel
        grey = cv.filter2D(grey, -1, kernel / kernel.sum())
    if rng.random() < 0.3:
        grey = grey + rng.uniform(0.3, 2.0) * (grey - cv.GaussianBlur(grey, (0, 0), rng.uniform(0.7, 2)))
    return grey


def sensor(grey: Grey, rng: Rng, strength: float) -> NDArray[np.uint8]:
    """Exposure, noise, JPEG, and the fax look of a binarised scan."""
    grey = grey * rng.uniform(0.7, 1.15) + rng.uniform(-15, 15)
    if rng.random() < 0.8:
        grey = grey + rng.standard_normal(grey.shape).astype(np.float32) * rng.uniform(0, 14) * strength
    picture = np.clip(grey, 0, 255).astype(np.uint8)
    if rng.random() < 0.07 and min(picture.shape) > 24:
        block = int(rng.integers(7, 16)) * 2 + 1
        picture = cv.adaptiveThreshold(
            picture, 255, cv.ADAPTIVE_THRESH_GAUSSIAN_C, cv.THRESH_BINARY, block, rng.uniform(3, 15)
        )
    if rng.random() < 0.6:
        quality = int(rng.integers(30, 95))
        encoded = cv.imencode(".jpg", picture, [cv.IMWRITE_JPEG_QUALITY, quality])[1]
        picture = cv.imdecode(encoded, cv.IMREAD_GRAYSCALE)
    return np.asarray(picture, np.uint8)
