"""Pictures of every stage on one invented print, for `docs/finger.md`.

python benchmarks/finger_parts/stages.py FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from appliance.biometrics.finger.comparison import Prepared, compare_impressions  # noqa: E402
from appliance.biometrics.finger.impression import HALF, Extracted, extract  # noqa: E402
from appliance.biometrics.finger.minutiae import ENDING  # noqa: E402
from appliance.biometrics.finger.picture import FingerPicture  # noqa: E402
from finger_parts.prints import SENSORS, impression  # noqa: E402

SENSOR = SENSORS["optical_small"]
FINGER = 3006
ENDINGS, FORKS, REMOVED, LINE = (40, 40, 210), (190, 90, 20), (170, 170, 170), (60, 140, 40)


def main() -> int:
    if len(sys.argv) != 2:
        print("stages: needs the folder to write to.", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pixels = [impression(FINGER, touch, SENSOR) for touch in (1, 2)]
    one, other = (extract(FingerPicture(each, SENSOR.dpi)) for each in pixels)
    window = _window(pixels[0], one)
    stages = [
        ("1 picture", _coloured(window)),
        ("2 direction, where the finger is", directions(window, one)),
        ("3 period: dark narrow, light wide", _coloured(_scaled(one.enhanced.field.period, 6.0, 18.0))),
        ("4 ridges made plain", _coloured(_scaled(one.enhanced.ridges * one.enhanced.mask, -1.0, 1.0))),
        ("5 skeleton", _coloured(255 - one.found.skeleton * 255)),
        ("6 minutiae: kept, taken out", minutiae(one)),
    ]
    rows = [np.hstack([_titled(*stage) for stage in stages[start : start + 3]]) for start in (0, 3)]
    cv2.imwrite(str(folder / "extraction.png"), np.vstack(rows), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    pairs, overlay = comparison(pixels, one, other)
    pictures = [
        _titled("7 minutiae that agree", pairs),
        _titled("8 laid on each other: green agrees", overlay),
    ]
    cv2.imwrite(str(folder / "comparison.png"), np.hstack(pictures), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return 0


def directions(window: Any, extracted: Extracted) -> Any:
    canvas = _coloured(window // 2 + 110)
    angle, mask = extracted.enhanced.field.angle, extracted.enhanced.mask
    for y in range(6, mask.shape[0] - 6, 12):
        for x in range(6, mask.shape[1] - 6, 12):
            if mask[y, x]:
                dx, dy = 5 * np.cos(angle[y, x]), 5 * np.sin(angle[y, x])
                start, end = (round(x - dx), round(y - dy)), (round(x + dx), round(y + dy))
                cv2.line(canvas, start, end, (150, 60, 10), 1, cv2.LINE_AA)
    return canvas


def minutiae(extracted: Extracted) -> Any:
    canvas = _coloured(225 - extracted.found.skeleton * 70)
    for x, y in extracted.found.removed:
        cv2.circle(canvas, (int(x), int(y)), 2, REMOVED, 1, cv2.LINE_AA)
    m = extracted.found.minutiae
    for x, y, angle, kind in zip(m.x, m.y, m.angle, m.kind, strict=True):
        colour = ENDINGS if kind == ENDING else FORKS
        end = (round(x + 12 * np.cos(angle)), round(y + 12 * np.sin(angle)))
        cv2.circle(canvas, (int(x), int(y)), 3, colour, 1, cv2.LINE_AA)
        cv2.line(canvas, (int(x), int(y)), end, colour, 1, cv2.LINE_AA)
    return canvas


def comparison(pixels: list[Any], one: Extracted, other: Extracted) -> tuple[Any, Any]:
    evidence = compare_impressions(Prepared(one.impression), Prepared(other.impression))
    assert evidence.alignment is not None
    left, right = (_window(each, of) for each, of in zip(pixels, (one, other), strict=True))
    height = max(left.shape[0], right.shape[0])
    left, right = (
        cv2.copyMakeBorder(each, 0, height - each.shape[0], 0, 0, cv2.BORDER_CONSTANT, value=(255,))
        for each in (left, right)
    )
    canvas = _coloured(np.hstack([left, right]) // 2 + 120)
    a, b = one.impression.minutiae, other.impression.minutiae
    for i, j in evidence.alignment.pairs:
        start, end = (int(a.x[i]), int(a.y[i])), (int(b.x[j]) + left.shape[1], int(b.y[j]))
        cv2.line(canvas, start, end, LINE, 1, cv2.LINE_AA)
        cv2.circle(canvas, start, 3, ENDINGS, 1, cv2.LINE_AA)
        cv2.circle(canvas, end, 3, ENDINGS, 1, cv2.LINE_AA)
    return canvas, laid_together(one, other, evidence.alignment.back)


def laid_together(one: Extracted, other: Extracted, back: Any) -> Any:
    """Ridges of both where only one has them, and green where they run into each other."""
    height, width = other.impression.ridges.shape
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float64)
    points = back.carry(np.stack([xs.ravel(), ys.ravel()], axis=1) * HALF) / HALF
    x, y = (points[:, k].reshape(xs.shape).astype(np.float32) for k in (0, 1))
    ours = cv2.remap(one.impression.ridges.astype(np.float32), x, y, cv2.INTER_LINEAR)
    theirs = other.impression.ridges.astype(np.float32)
    first, second = ours < -20, theirs < -20
    canvas = np.full((height, width, 3), 255, np.uint8)
    canvas[first & (theirs != 0)] = (220, 170, 120)
    canvas[second & (ours != 0)] = (120, 170, 235)
    canvas[first & second] = LINE
    return cv2.resize(canvas, None, fx=HALF, fy=HALF, interpolation=cv2.INTER_LINEAR)


def _window(pixels: Any, extracted: Extracted) -> Any:
    height, width = extracted.impression.shape
    top, left = extracted.impression.top, extracted.impression.left
    return pixels[top : top + height, left : left + width]


def _scaled(values: Any, low: float, high: float) -> Any:
    return np.clip((values - low) / (high - low) * 255, 0, 255).astype(np.uint8)


def _coloured(grey: Any) -> Any:
    return cv2.cvtColor(np.ascontiguousarray(grey).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def _titled(title: str, picture: Any) -> Any:
    framed = cv2.copyMakeBorder(picture, 26, 8, 8, 8, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    cv2.putText(framed, title, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (50, 40, 30), 1, cv2.LINE_AA)
    return framed


if __name__ == "__main__":
    sys.exit(main())
