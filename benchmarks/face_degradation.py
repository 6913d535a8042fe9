"""What a known blur, darkness, rotation, compression, crop does to each measure, and to the comparison.

    python benchmarks/face_degradation.py DATA [--json] [--plots FOLDER] [--every N]

DATA as for `face.py`: portraits with a `.tem` beside them are degraded step by step, every N-th person. Each
curve is the median of the persons, with the 5th and 95th percentile. `monotone` says whether the median goes
the way that the standard gives it. --plots writes one SVG a degradation.
"""

import argparse
import csv
import itertools
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from face_parts.coverings import COVERINGS
from face_parts.intervals import share
from face_parts.plotting import Curve, draw

from appliance.biometrics.face.finding import FaceFinder
from appliance.biometrics.face.look import look_at
from appliance.biometrics.face.measures import measure_all
from appliance.face_settings import FaceSettings
from models.face.embedding import FaceEmbedding, cosine

EYES_APART = 100.0
"""Pixels to which every portrait is brought first, so that a pixel of blur is the same for all."""
COMPARISON = "cosine to the other picture"


@dataclass(frozen=True)
class Degradation:
    """One way to spoil a picture; `shows` are measures that must rise (1), fall (-1) or neither (0)."""

    title: str
    unit: str
    steps: tuple[float, ...]
    spoil: Callable[[Any, float], Any]
    shows: dict[str, int]


def blur(picture: Any, sigma: float) -> Any:
    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture


def gain(picture: Any, factor: float) -> Any:
    """In linear light, as an exposure would."""
    light = np.arange(256) / 255.0
    linear = np.where(light > 0.04045, ((light + 0.055) / 1.055) ** 2.4, light / 12.92) * factor
    coded = np.where(
        linear > 0.0031308, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055, linear * 12.92
    )
    return cv2.LUT(picture, np.clip(coded * 255 + 0.5, 0, 255).astype(np.uint8))


def turn(picture: Any, degrees: float) -> Any:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def compress(picture: Any, quality: float) -> Any:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1], 1)


def shrink(picture: Any, eyes_apart: float) -> Any:
    factor = eyes_apart / EYES_APART
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def side_light(picture: Any, stops: float) -> Any:
    """Darker towards the picture's right by so many stops across the face."""
    width = picture.shape[1]
    across = np.clip((np.arange(width) - width / 2) / (2 * EYES_APART) + 0.5, 0, 1)
    factors = 2.0 ** (-stops * across)
    return np.clip(picture * factors[None, :, None] ** (1 / 2.2), 0, 255).astype(np.uint8)


def cut_off(side: str) -> Callable[[Any, float], Any]:
    def cut(picture: Any, share: float) -> Any:
        height, width = picture.shape[:2]
        x, y = int(width * share), int(height * share)
        parts = {
            "left": picture[:, x:],
            "right": picture[:, : width - x],
            "above": picture[y:],
            "below": picture[: height - y],
        }
        return np.ascontiguousarray(parts[side])

    return cut


def cast(picture: Any, share: float) -> Any:
    """Towards blue."""
    tinted = picture * np.array([1 + share, 1.0, 1 - share])
    return np.clip(tinted, 0, 255).astype(np.uint8)


DEGRADATIONS = (
    Degradation("blur", "sigma, pixels", (0, 0.5, 1, 1.5, 2, 3, 4, 6), blur,
                {"own.focus": -1, "EyesOpen": 0, COMPARISON: 0}),
    Degradation("darkness", "stops", (0, 1, 2, 3, 4, 5), lambda p, x: gain(p, 2.0**-x),
                {"LuminanceMean": -1, "UnderExposurePrevention": 1, "DynamicRange": -1, "own.eye_light": -1,
                 "own.focus": 0, COMPARISON: 0}),
    Degradation("brightness", "stops", (0, 0.5, 1, 1.5, 2, 3), lambda p, x: gain(p, 2.0**x),
                {"LuminanceMean": 1, "OverExposurePrevention": 1, "own.eye_reflection": 1, COMPARISON: 0}),
    Degradation("light from one side", "stops across the face", (0, 1, 2, 3, 4), side_light,
                {"IlluminationUniformity": -1, "own.light_balance": 1, COMPARISON: 0}),
    Degradation("colour cast", "share taken from red, added to blue", (0, 0.1, 0.2, 0.3, 0.4), cast,
                {"NaturalColour": 1, COMPARISON: 0}),
    Degradation("rotation", "degrees", (0, 5, 10, 15, 20, 30), turn,
                {"HeadPoseRoll": 1, "LuminanceMean": 0, "InterEyeDistance": 0, COMPARISON: 0}),
    Degradation("compression", "JPEG quality", (95, 80, 60, 40, 20, 10, 5), compress,
                {"own.focus": 0, "EyesOpen": 0, "DynamicRange": 0, COMPARISON: 0}),
    Degradation("distance", "pixels between the eyes", (100, 80, 60, 45, 30, 20), shrink,
                {"InterEyeDistance": -1, "HeadSize": 0, "own.focus": 0, COMPARISON: 0}),
    *(
        Degradation(f"cut off {side}", "share of the picture", (0, 0.05, 0.1, 0.15, 0.2, 0.25), cut_off(side),
                    {name: -1, "HeadSize": 0 if side in ("left", "right") else 1})
        for side, name in (
            ("left", "LeftwardCropOfTheFaceImage"),
            ("right", "RightwardCropOfTheFaceImage"),
            ("above", "MarginAboveOfTheFaceImage"),
            ("below", "MarginBelowOfTheFaceImage"),
        )
    ),
)  # fmt: skip


def load(data: Path, every: int) -> list[tuple[Any, Any]]:
    """Portraits with truth, brought to one size, each with the same person's other picture."""
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    finder, found = FaceFinder(), []
    for row in [row for row in rows if (data / row["file"]).with_suffix(".tem").is_file()][::every]:
        others = [other for other in rows if other["person_id"] == row["person_id"] and other is not row]
        if others:
            pair = [cv2.imread(str(data / one["file"])) for one in (row, others[0])]
            found.append(tuple(brought_to_size(finder, picture) for picture in pair))
    return found


def brought_to_size(finder: FaceFinder, picture: Any) -> Any:
    points = finder.find(picture)[0].mesh.points
    factor = EYES_APART / float(np.linalg.norm(points[468] - points[473]))
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def curves(degradation: Degradation, people: list[tuple[Any, Any]]) -> dict[str, Curve]:
    finder, embedding = FaceFinder(), FaceEmbedding()
    values: dict[str, list[list[float]]] = {name: [] for name in (*degradation.shows, "found")}
    others = [embedding.embed(other, finder.find(other)[0].mesh) for _, other in people]
    for step in degradation.steps:
        row: dict[str, list[float]] = {name: [] for name in values}
        for (picture, _), other in zip(people, others, strict=True):
            spoilt = degradation.spoil(picture, step)
            faces = finder.find(spoilt)
            row["found"].append(float(bool(faces)))
            if not faces:
                continue
            measures = measure_all(spoilt, faces[0].mesh, [face.detection for face in faces])
            for name in degradation.shows:
                if name == COMPARISON:
                    row[name].append(cosine(embedding.embed(spoilt, faces[0].mesh), other))
                else:
                    row[name].append(abs(measures[name].native or 0.0))
        for name, got in row.items():
            values[name].append(got)
    return {
        name: Curve(
            name=name,
            x=degradation.steps,
            low=tuple(percentile(row, 5) for row in rows),
            middle=tuple(percentile(row, 50) if name != "found" else float(np.mean(row)) for row in rows),
            high=tuple(percentile(row, 95) for row in rows),
        )
        for name, rows in values.items()
    }


def covered(people: list[tuple[Any, Any]]) -> dict[str, Any]:
    """What becomes of people who wear something: found, good enough, alike to their uncovered picture."""
    finder, embedding, settings = FaceFinder(), FaceEmbedding(), FaceSettings()
    answer = {}
    for name, cover in COVERINGS.items():
        found, good, told, scores = 0, 0, [], []
        for picture, other in people:
            worn = cover(picture, finder.find(picture)[0].mesh.points)
            look = look_at(finder, worn, settings.profile)
            if look.face is None:
                continue
            found, good = found + 1, good + look.good
            told.append(look.instruction(with_advice=True) or "good")
            reference = embedding.embed(other, finder.find(other)[0].mesh)
            scores.append(cosine(embedding.embed(worn, look.face.mesh), reference))
        answer[name] = {
            "found": share(found, len(people)),
            "good_enough": share(good, len(people)),
            "told": {code: told.count(code) for code in sorted(set(told))},
            "cosine": {"median": round(percentile(scores, 50), 3), "p5": round(percentile(scores, 5), 3)},
            "alike": share(sum(score >= settings.threshold for score in scores), len(people)),
        }
    return answer


def percentile(values: list[float], share: float) -> float:
    return float(np.percentile(values, share)) if values else float("nan")


def goes(curve: Curve, way: int) -> bool | None:
    """Whether the median goes this way at every step, while there are faces; it may also stand."""
    if way == 0:
        return None
    middle = [value for value in curve.middle if np.isfinite(value)]
    slack = 0.02 * (max(middle) - min(middle))
    return all(way * (after - before) >= -slack for before, after in itertools.pairwise(middle))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plots", type=Path)
    parser.add_argument("--every", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.data is None or not (arguments.data / "manifest.csv").is_file():
        print("face_degradation: needs a folder with manifest.csv; nothing was measured.", file=sys.stderr)
        return 2
    cv2.setNumThreads(1)
    people = load(arguments.data, arguments.every)
    answer: dict[str, Any] = {"persons": len(people), "eyes_apart": EYES_APART, "degradations": {}}
    for degradation in DEGRADATIONS:
        if sys.stderr.isatty():
            print(degradation.title, file=sys.stderr)
        found = curves(degradation, people)
        answer["degradations"][degradation.title] = {
            "steps": degradation.steps,
            "unit": degradation.unit,
            "measures": {
                name: {
                    "median": [round(value, 4) for value in curve.middle],
                    "monotone": goes(curve, degradation.shows.get(name, 0)),
                }
                for name, curve in found.items()
            },
        }
        if arguments.plots:
            arguments.plots.mkdir(parents=True, exist_ok=True)
            name = degradation.title.replace(" ", "-")
            (arguments.plots / f"{name}.svg").write_text(
                draw(degradation.title, degradation.unit, list(found.values())), "utf-8"
            )
    answer["covered"] = covered(people)
    print(json.dumps(answer) if arguments.json else json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sys.exit(main())
