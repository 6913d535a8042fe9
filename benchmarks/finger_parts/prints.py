"""Invented fingers and their impressions on invented sensors, to measure by without anybody's print.

A finger is grown from noise by line filters along an orientation field (the zero-pole model of Sherlock &
Monro 1993 with bends after Vizcaya & Gerhardt 1996; growing after Cappelli et al. 2000). An impression of it
is turned, moved, twisted as skin is (after Cappelli, Maio & Maltoni 2001), pressed dry or wet, scratched, and
seen by a sensor with its own window, blur, noise, grey levels and resolution. All follows from numbers alone.

    python benchmarks/finger_parts/prints.py FOLDER [--fingers 20] [--impressions 6] [--sensor NAME ...]
"""

import argparse
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 448, 544
"""23 x 28 mm at 500 dpi: more than any window shows."""
ROUNDS = 14


@dataclass(frozen=True)
class Sensor:
    """How a sensor sees, and how people use it; lengths in pixels at 500 dpi."""

    name: str
    width: int
    height: int
    dpi: float = 500.0
    turn: float = 8.0
    """Degrees, standard deviation."""
    move: float = 22.0
    twist: float = 5.0
    """How far skin is carried at the most."""
    moisture: float = 0.25
    """How far the balance of ridge and valley strays."""
    lightness: float = 0.0
    """Its mean: above, skin hardly touches; below, it floods the valleys."""
    patch: float = 0.25
    """And from place to place."""
    grain: float = 0.5
    voids: int = 2
    scratches: int = 2
    blur: float = 0.7
    noise: float = 8.0
    levels: int = 256
    contrast: float = 0.8
    ghost: float = 0.0
    """What a former finger left."""
    line_jitter: float = 0.0
    fit: float = 0.9
    """The finger's contact, in window sides."""


SENSORS = {
    each.name: each
    for each in (
        Sensor("optical", 400, 480, twist=4.0, noise=5.0, grain=0.4),
        Sensor("optical_small", 320, 356, dpi=500, move=28.0, twist=6.0, patch=0.35, fit=1.0),
        Sensor("twisted", 320, 380, turn=18.0, move=36.0, twist=20.0, moisture=0.4, patch=0.45, grain=0.7),
        Sensor("dry", 320, 380, moisture=0.35, patch=0.45, grain=1.1, voids=5, scratches=4, contrast=0.5),
        Sensor("wet", 320, 380, moisture=0.45, patch=0.5, grain=0.5, voids=4, blur=1.3, ghost=0.3),
        Sensor(
            "capacitive", 256, 288, dpi=508, move=36.0, turn=12.0, levels=16, noise=14.0, patch=0.4, fit=1.2
        ),
        Sensor("sweep", 288, 460, dpi=512, line_jitter=1.2, noise=16.0, patch=0.4, turn=10.0),
        Sensor(
            "partial",
            256,
            256,
            turn=14.0,
            move=58.0,
            twist=9.0,
            moisture=0.4,
            patch=0.5,
            grain=0.8,
            noise=12.0,
            fit=1.1,
        ),
        Sensor(
            "worn",
            300,
            360,
            turn=10.0,
            move=30.0,
            moisture=0.5,
            patch=0.7,
            grain=1.7,
            voids=8,
            scratches=7,
            contrast=0.35,
            noise=12.0,
        ),
        Sensor(
            "wide", 560, 440, dpi=569, move=40.0, turn=12.0, twist=9.0, ghost=0.25, contrast=0.6, fit=0.62
        ),
    )
}


@lru_cache(maxsize=4)
def finger(number: int) -> Any:
    """(HEIGHT, WIDTH) float32, ridge -1 to valley 1."""
    random = np.random.default_rng((number, 1))
    angle = _field(random)
    period = _periods(random)
    ridges = (random.standard_normal((HEIGHT, WIDTH)) * (random.random((HEIGHT, WIDTH)) < 0.02)).astype(
        np.float32
    )
    cos, sin = np.cos(angle), np.sin(angle)
    for _ in range(ROUNDS):
        along = _line(ridges, cos * period, sin * period, np.linspace(-0.9, 0.9, 9), np.hanning(11)[1:-1])
        steps = np.linspace(-1, 1, 13)
        waves = np.cos(2 * np.pi * steps) * np.exp(-(steps**2) / 0.36)
        waves -= np.exp(-(steps**2) / 0.36) * waves.sum() / np.exp(-(steps**2) / 0.36).sum()
        across = _line(along, -sin * period, cos * period, steps, waves)
        strength = np.sqrt(cv2.GaussianBlur(across * across, (0, 0), 16.0)) + 1e-4
        ridges = np.tanh(across / strength * 1.6).astype(np.float32)
    ridges.setflags(write=False)
    return ridges


def impression(number: int, touch: int, sensor: Sensor) -> Any:
    """The uint8 picture of one touch of a finger."""
    random = np.random.default_rng((number, touch, sum(map(ord, sensor.name))))
    sensor = replace(sensor, moisture=sensor.moisture, twist=sensor.twist * random.uniform(0.3, 1.0))
    x, y, reach = _places(random, sensor)
    ridges = cv2.remap(finger(number), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    height, width = ridges.shape
    balance = (
        sensor.lightness
        + random.normal(0, sensor.moisture)
        + sensor.patch * _smooth(random, height, width, 40.0)
    )
    grain = sensor.grain * (
        0.6 * _smooth(random, height, width, 1.6) + 0.4 * _smooth(random, height, width, 0.8)
    )
    ink = 1 / (1 + np.exp((ridges + balance + grain) * 3.0))  # 1: skin touches
    for _ in range(random.poisson(sensor.voids)):
        ink *= 1 - 0.9 * _blob(random, height, width, random.uniform(8, 30))
    for _ in range(random.poisson(sensor.scratches)):
        ink *= 1 - 0.95 * _scratch(random, height, width)
    ragged = reach + 0.12 * _smooth(random, height, width, 14.0) + 0.05 * _smooth(random, height, width, 3.0)
    ink *= 1 / (1 + np.exp((ragged - 1) * 22))
    if sensor.ghost:
        other = np.roll(finger(number), random.integers(40, 120, 2), axis=(0, 1))[:height, :width]
        ghost = cv2.copyMakeBorder(
            other, 0, height - other.shape[0], 0, width - other.shape[1], cv2.BORDER_REFLECT
        )
        faint = sensor.ghost * (1 / (1 + np.exp(ghost * 3))) * _blob(random, height, width, 90)
        ink = np.maximum(ink, faint * 0.6)
    ink = cv2.GaussianBlur(ink.astype(np.float32), (0, 0), sensor.blur)
    if sensor.line_jitter:
        shift = np.cumsum(random.normal(0, sensor.line_jitter / 6, height)).astype(np.float32)
        shift -= cv2.GaussianBlur(shift[:, None], (1, 61), 14.0)[:, 0]
        xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        ink = cv2.remap(ink, xs + shift[:, None], ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    ground = 225 + 15 * _smooth(random, height, width, 90.0)
    grey = ground - sensor.contrast * random.uniform(0.75, 1.1) * 190 * ink
    scale = sensor.dpi / 500
    grey = cv2.resize(grey.astype(np.float32), None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    grey = grey + random.normal(0, sensor.noise, grey.shape)
    if sensor.line_jitter:
        grey += random.normal(0, 5, (grey.shape[0], 1))
    step = 256 / sensor.levels
    return np.clip(np.floor(grey / step) * step, 0, 255).astype(np.uint8)


def _field(random: Any) -> Any:
    """Radians: arch, tented arch, loops, whorls, double loops in about their natural shares."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    x, y = columns - WIDTH / 2, rows - HEIGHT / 2
    kind = random.choice(["arch", "tented", "loop", "whorl", "double"], p=[0.08, 0.06, 0.56, 0.2, 0.1])
    side = random.choice([-1.0, 1.0])
    up = random.uniform(-70, -20)
    centre = random.uniform(-20, 20)
    if kind == "arch":
        lift = random.uniform(0.7, 1.2)
        slope = -lift * np.sin(np.clip(x / 190, -1, 1) * np.pi) * np.exp(-(((y - 40) / 170) ** 2))
        return np.arctan(-slope) + 0.05 * _smooth(random, HEIGHT, WIDTH, 60.0)
    if kind == "tented":
        cores, deltas = [(centre, up)], [(centre + side * 8, up + random.uniform(70, 120))]
    elif kind == "loop":
        cores, deltas = (
            [(centre, up)],
            [(centre + side * random.uniform(95, 150), up + random.uniform(90, 150))],
        )
    else:
        apart = random.uniform(18, 60) if kind == "whorl" else random.uniform(50, 90)
        tilt = random.normal(0, 0.35) if kind == "whorl" else side * random.uniform(0.5, 1.1)
        cores = [(centre, up), (centre + apart * math.sin(tilt), up + apart * math.cos(tilt))]
        deltas = [
            (centre - random.uniform(110, 160), up + random.uniform(110, 170)),
            (centre + random.uniform(110, 160), up + random.uniform(110, 170)),
        ]
    total = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    for sign, points in ((1.0, cores), (-1.0, deltas)):
        for px, py in points:
            around = np.arctan2(y - py, x - px)
            bend = random.normal(0, 0.18)
            total += sign * (around + bend * np.sin(around) + random.normal(0, 0.12) * np.sin(2 * around))
    return (total / 2 + 0.12 * _smooth(random, HEIGHT, WIDTH, 55.0)).astype(np.float32)


def _periods(random: Any) -> Any:
    rows = np.linspace(-1, 1, HEIGHT)[:, None]
    base = random.normal(9.0, 0.9)
    whole = base * (1 + 0.08 * np.maximum(rows, 0)) * (1 + 0.1 * _smooth(random, HEIGHT, WIDTH, 50.0))
    return np.clip(whole, 5.5, 13.0).astype(np.float32)


def _places(random: Any, sensor: Sensor) -> tuple[Any, Any, Any]:
    """Where on the finger each pixel of the window lies, and how far from the middle of the contact (1: its
    rim)."""
    rows, columns = np.mgrid[0 : sensor.height, 0 : sensor.width].astype(np.float32)
    turn = math.radians(random.normal(0, sensor.turn))
    off_x, off_y = np.clip(random.normal(0, sensor.move, 2), -2.5 * sensor.move, 2.5 * sensor.move)
    x, y = columns - sensor.width / 2, rows - sensor.height / 2
    reach_x = min(sensor.width, 370) * sensor.fit * random.uniform(0.42, 0.55)
    reach_y = min(sensor.height, 460) * sensor.fit * random.uniform(0.42, 0.55)
    in_x, in_y = x - off_x * 0.6, y - off_y * 0.6
    reach = np.sqrt((in_x / reach_x) ** 2 + (in_y / reach_y) ** 2)
    # what is pressed stays, the rest is pulled and twisted
    pressed = np.sqrt((in_x / (0.5 * reach_x)) ** 2 + (in_y / (0.5 * reach_y)) ** 2)
    loose = np.clip((pressed - 1) / 1.2, 0, 1)
    loose = loose * loose * (3 - 2 * loose)
    pull = random.normal(0, 0.6, 2) * sensor.twist
    spin = random.normal(0, 0.5) * sensor.twist / 130
    dx = loose * (pull[0] - spin * in_y) + 0.35 * sensor.twist * _smooth(random, *x.shape, 70.0)
    dy = loose * (pull[1] + spin * in_x) + 0.35 * sensor.twist * _smooth(random, *x.shape, 70.0)
    x, y = x + dx - off_x, y + dy - off_y
    cos, sin = math.cos(turn), math.sin(turn)
    at_x = (cos * x - sin * y + WIDTH / 2).astype(np.float32)
    at_y = (sin * x + cos * y + HEIGHT / 2).astype(np.float32)
    return at_x, at_y, reach


def _smooth(random: Any, height: int, width: int, sigma: float) -> Any:
    """Noise of mean 0 and deviation 1 that changes over `sigma` pixels."""
    shrink = max(int(sigma / 3), 1)
    small = random.standard_normal((height // shrink + 8, width // shrink + 8)).astype(np.float32)
    small = cv2.GaussianBlur(small, (0, 0), max(sigma / shrink, 0.3))
    whole = cv2.resize(
        small / (small.std() + 1e-6), None, fx=shrink, fy=shrink, interpolation=cv2.INTER_CUBIC
    )
    return whole[:height, :width]


def _blob(random: Any, height: int, width: int, size: float) -> Any:
    rows, columns = np.mgrid[0:height, 0:width]
    x, y = random.uniform(0, width), random.uniform(0, height)
    stretch = random.uniform(0.5, 2.0)
    far = ((columns - x) / size * stretch) ** 2 + ((rows - y) / size / stretch) ** 2
    return np.exp(-np.maximum(far + 0.4 * _smooth(random, height, width, 6.0), 0.0))


def _scratch(random: Any, height: int, width: int) -> Any:
    line = np.zeros((height, width), np.float32)
    start = random.uniform(0, 1, 2) * (width, height)
    way = random.uniform(0, 2 * np.pi)
    end = start + np.array([math.cos(way), math.sin(way)]) * random.uniform(60, 250)
    cv2.line(line, [int(v) for v in start], [int(v) for v in end], 1.0, int(random.integers(1, 4)))
    return cv2.GaussianBlur(line, (0, 0), 0.8)


def _line(picture: Any, dx: Any, dy: Any, steps: Any, weights: Any) -> Any:
    xs = np.arange(picture.shape[1], dtype=np.float32)[None, :]
    ys = np.arange(picture.shape[0], dtype=np.float32)[:, None]
    total = np.zeros_like(picture)
    for step, weight in zip(steps, weights, strict=True):
        total += np.float32(weight) * cv2.remap(
            picture, xs + np.float32(step) * dx, ys + np.float32(step) * dy,
            cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT,
        )  # fmt: skip
    return total


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Write invented impressions as FOLDER/SENSOR/finger_impression.png."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fingers", type=int, default=20)
    parser.add_argument("--impressions", type=int, default=6)
    parser.add_argument("--first", type=int, default=1000, help="the first finger's number")
    parser.add_argument("--sensor", nargs="*", choices=SENSORS, default=list(SENSORS))
    arguments = parser.parse_args()
    for number in range(arguments.first, arguments.first + arguments.fingers):
        for name in arguments.sensor:
            folder = arguments.folder / name
            folder.mkdir(parents=True, exist_ok=True)
            for touch in range(1, arguments.impressions + 1):
                picture = impression(number, touch, SENSORS[name])
                dpi = (SENSORS[name].dpi,) * 2
                Image.fromarray(picture).save(folder / f"{number}_{touch}.png", dpi=dpi)


if __name__ == "__main__":
    main()
