"""The face: detection, landmarks, quality by group, comparison, time and memory.

    python benchmarks/face.py DATA [--json] [--peers] [--groups FILE.csv] [--threshold COSINE]

DATA is a folder with `manifest.csv` (file, person_id, and what else it has); a picture whose person is
`(no face)` holds none, one with a `.tem` beside it has landmarks (189 points of Face Research Lab London).
--groups names a person's group (person_id, group) for the quality report; without it people are put into
classes of skin tone by the individual typology angle of their cheeks. --peers runs MediaPipe 0.10.21 over the
same pictures on the same core, in an environment of its own that is made in `build/peers` when it is missing.
"""

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import time
import venv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from face_parts.intervals import share

from appliance.biometrics.face.finding import FaceFinder, FoundFace
from appliance.biometrics.face.look import look_at, measures_as_it_is
from appliance.face_settings import FaceSettings
from models.face.embedding import FaceEmbedding
from models.face.sampling import carry, sample, similarity

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = Path(__file__).resolve().with_name("face_parts")
NO_FACE = "(no face)"
LONGER_SIDE = 1280
"""What a camera of the station gives; larger pictures are shrunk to it first."""
FMR = 1e-3
TRUTH = {
    "pupils": ((0, 468), (1, 473)),
    "eye_corners": ((18, 33), (22, 133), (23, 362), (27, 263)),
    "lids": ((20, 159), (29, 145), (25, 386), (32, 374)),
    "mouth_corners": ((87, 61), (93, 291)),
    "lips": ((90, 0), (106, 17), (96, 13), (101, 14)),
    "chin": ((129, 152),),
}
"""Points of the truth files and of the mesh that mark the same place."""
TONES = ((55, "very light"), (41, "light"), (28, "intermediate"), (10, "tan"), (-30, "brown"), (-181, "dark"))
"""Classes of the individual typology angle, in degrees (Chardon et al. 1991)."""


@dataclass
class Seen:
    """One picture and what was found in it."""

    file: str
    person: str
    faces: tuple[FoundFace, ...]
    scale: float
    cpu: dict[str, float]
    measures: dict[str, Any] | None = None
    good: bool = False
    vector: Any = None
    truth: Any = None
    tone: float | None = None


def look_through(data: Path, rows: Sequence[dict[str, str]], settings: FaceSettings) -> list[Seen]:
    finder, embedding = FaceFinder(), FaceEmbedding()
    seen = []
    for number, row in enumerate(rows, start=1):
        progress(number, len(rows))
        picture = cv2.imread(str(data / row["file"]))
        if picture is None:
            sys.exit(f"face: {data / row['file']} cannot be read.")
        scale = min(1.0, LONGER_SIDE / max(picture.shape[:2]))
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        began = time.process_time()
        look = look_at(finder, picture, settings.profile)
        looked = time.process_time()
        one = Seen(row["file"], row["person_id"], finder.find(picture), scale, {"look": looked - began})
        if look.face is not None:
            one.measures, one.good = measures_as_it_is(look), look.good
            began = time.process_time()
            one.vector = embedding.embed(picture, look.face.mesh)
            one.cpu["embedding"] = time.process_time() - began
            one.truth = truth_of((data / row["file"]).with_suffix(".tem"))
            one.tone = typology_angle(picture, look.face)
        seen.append(one)
    return seen


def detection(seen: Sequence[Seen]) -> dict[str, Any]:
    with_face = [one for one in seen if one.person != NO_FACE]
    without = [one for one in seen if one.person == NO_FACE]
    return {
        "found": share(sum(bool(one.faces) for one in with_face), len(with_face)),
        "missed": [one.file for one in with_face if not one.faces],
        "more_than_one": [one.file for one in with_face if len(one.faces) > 1],
        "false": share(sum(bool(one.faces) for one in without), len(without)),
        "falsely_found": [one.file for one in without if one.faces],
    }


def landmark_error(pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Distance to the truth, in distances between the pupils, over pairs of (mesh, truth)."""
    errors: dict[str, list[float]] = defaultdict(list)
    pictures = 0
    for points, truth in pairs:
        pictures += 1
        apart = float(np.linalg.norm(truth[0] - truth[1]))
        for name, places in TRUTH.items():
            gaps = [np.linalg.norm(points[ours] - truth[theirs]) / apart for theirs, ours in places]
            errors[name].append(float(np.mean(gaps)))
    answer: dict[str, Any] = {"pictures": pictures}
    for name, values in errors.items():
        half = 1.96 * np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
        answer[name] = {
            "mean": round(float(np.mean(values)), 4),
            "interval_95": [round(float(np.mean(values) + sign * half), 4) for sign in (-1, 1)],
            "p95": round(float(np.percentile(values, 95)), 4),
        }
    return answer


def grouped(seen: Sequence[Seen], groups: dict[str, str]) -> dict[str, list[Seen]]:
    """Pictures with a face by their person's group; without one, by a class of skin tone."""
    by_group: dict[str, list[Seen]] = defaultdict(list)
    lit = {Path(one.file).parent for one in seen if one.truth is not None}
    for one in seen:
        if one.measures is None:
            continue
        if one.person in groups:
            by_group[groups[one.person]].append(one)
        elif Path(one.file).parent in lit:  # an angle says something of skin only where the light is the same
            by_group[tone_class(one.tone)].append(one)
    order = [name for _, name in TONES]
    names = sorted(by_group, key=lambda name: (order.index(name) if name in order else -1, name))
    return {name: by_group[name] for name in names}


def by_group(members: Sequence[Seen], threshold: float) -> dict[str, Any]:
    """Quality, and false matches among people of one group, who are more alike than any two."""
    names = [name for name, measure in (members[0].measures or {}).items() if measure.scalar is not None]
    pairs = [
        float(one.vector @ other.vector)
        for one, other in combinations(members, 2)
        if one.person != other.person
    ]
    return {
        "pictures": len(members),
        "persons": len({one.person for one in members}),
        "passes_profile": share(sum(one.good for one in members), len(members)),
        "fmr_within": share(sum(score >= threshold for score in pairs), len(pairs)),
        "most_alike_within": round(max(pairs), 4) if pairs else None,
        "median_scalar": {
            name: float(np.median([one.measures[name].scalar for one in members if one.measures]))
            for name in names
        },
    }


def comparison(seen: Sequence[Seen], threshold: float) -> dict[str, Any]:
    known = [one for one in seen if one.vector is not None]
    vectors = np.array([one.vector for one in known])
    persons = [one.person for one in known]
    scores = vectors @ vectors.T
    genuine, impostor = [], []
    for a in range(len(known)):
        for b in range(a):
            if persons[a] == persons[b]:
                genuine.append(scores[a, b])
            elif "?" not in persons[a] + persons[b]:  # a manifest that is not sure who it is
                impostor.append(scores[a, b])
    same, different = np.array(genuine), np.sort(np.array(impostor))
    allowed = int(FMR * len(different))  # so many false matches are within the rate
    at_fmr = float(np.nextafter(different[-1 - allowed], 2)) if len(different) else float("nan")
    return {
        "persons": len(set(persons)),
        "genuine": {
            "pairs": len(same),
            "mean": round(float(same.mean()), 4),
            "min": round(float(same.min()), 4),
        },
        "impostor": {
            "pairs": len(different),
            "mean": round(float(different.mean()), 4),
            "deviation": round(float(different.std()), 4),
            "quantiles": {str(q): round(float(np.quantile(different, q)), 4) for q in (0.9, 0.99, 0.999)},
            "max": round(float(different[-1]), 4),
        },
        "at_fmr_0.001": {"threshold": round(at_fmr, 4), "fnmr": share(int((same < at_fmr).sum()), len(same))},
        "at_configured_threshold": {
            "threshold": round(threshold, 4),
            "fnmr": share(int((same < threshold).sum()), len(same)),
            "fmr": share(int((different >= threshold).sum()), len(different)),
        },
        "eer": round(equal_error_rate(same, different), 6),
        "note": "pairs share persons, so that the intervals are narrower than they should be",
    }


def equal_error_rate(same: Any, different: Any) -> float:
    cuts = np.unique(np.concatenate([same, different]))
    rates = [(abs((same < cut).mean() - (different >= cut).mean()), cut) for cut in cuts]
    cut = min(rates)[1]
    return float(((same < cut).mean() + (different >= cut).mean()) / 2)


def typology_angle(picture: Any, face: FoundFace) -> float:
    """ITA of the cheeks: atan((L - 50) / b) in degrees; the higher, the lighter."""
    points = face.mesh.points
    matrix = similarity(points[[468, 473, 4]], np.array([[40.0, 40.0], [80.0, 40.0], [60.0, 65.0]]))
    cut, cheeks = sample(picture, matrix, (120, 120)), carry(points[[50, 280]], matrix)
    patches = [cut[int(y) - 4 : int(y) + 4, int(x) - 4 : int(x) + 4].reshape(-1, 3) for x, y in cheeks]
    colour = np.concatenate(patches).mean(axis=0).astype(np.float32) / 255
    lightness, _, b = cv2.cvtColor(colour[None, None], cv2.COLOR_BGR2Lab)[0, 0]
    return float(np.degrees(np.arctan2(lightness - 50, b)))


def tone_class(angle: float | None) -> str:
    return "unknown" if angle is None else next(name for least, name in TONES if angle > least)


def truth_of(path: Path) -> Any:
    if not path.is_file():
        return None
    lines = path.read_text().splitlines()
    return np.array([[float(value) for value in line.split()[:2]] for line in lines[1 : int(lines[0]) + 1]])


def station(data: Path, rows: Sequence[dict[str, str]]) -> dict[str, Any]:
    """The station of ten travellers in a process of its own."""
    faces = [str(data / row["file"]) for row in rows if row["person_id"] != NO_FACE]
    command = [
        sys.executable,
        str(PARTS / "station.py"),
        faces[0],
        faces[-1],
        *faces[1:10],
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY,
                          env={**os.environ, "PYTHONPATH": str(REPOSITORY)})  # fmt: skip
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def peers(data: Path, rows: Sequence[dict[str, str]]) -> dict[str, Any]:
    """MediaPipe over the same pictures."""
    folder = REPOSITORY / "build" / "peers" / "mediapipe"
    python = folder / "bin" / "python"
    if not python.exists():
        print("peers: making an environment with mediapipe 0.10.21 ...", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "mediapipe==0.10.21"], check=True)
    pictures = [[row["file"], str((data / row["file"]).resolve())] for row in rows]
    done = subprocess.run(
        [str(python), str(PARTS / "mediapipe_mesh.py")],
        input=json.dumps({"pictures": pictures, "longer_side": LONGER_SIDE}),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout)
    found = theirs["faces"]
    with_face = [row for row in rows if row["person_id"] != NO_FACE]
    without = [row for row in rows if row["person_id"] == NO_FACE]
    truths = {row["file"]: truth_of((data / row["file"]).with_suffix(".tem")) for row in rows}
    return {
        "mediapipe": {
            "version": theirs["version"],
            "found": share(sum(found[row["file"]]["faces"] > 0 for row in with_face), len(with_face)),
            "false": share(sum(found[row["file"]]["faces"] > 0 for row in without), len(without)),
            "landmark_error": landmark_error(
                (np.array(found[name]["points"]), truth)
                for name, truth in truths.items()
                if truth is not None and found[name]["points"]
            ),
            "cpu_ms": percentiles(theirs["cpu_ms"]),
            "peak_rss_mb": theirs["peak_rss_mb"],
        }
    }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    low, middle, high = np.percentile(values, [0, 50, 95])
    return {"min": round(float(low), 2), "p50": round(float(middle), 2), "p95": round(float(high), 2)}


def progress(number: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{number} of {of} pictures", end="" if number < of else "\n", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, help="a folder with manifest.csv")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--groups", type=Path)
    parser.add_argument("--threshold", type=float, default=FaceSettings().threshold)
    arguments = parser.parse_args()
    if arguments.data is None or not (arguments.data / "manifest.csv").is_file():
        print("face: needs a folder with manifest.csv; nothing was measured.", file=sys.stderr)
        return 2
    with (arguments.data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups: dict[str, str] = {}
    if arguments.groups:
        with arguments.groups.open(newline="", encoding="utf-8") as file:
            groups = {row["person_id"]: row["group"] for row in csv.DictReader(file)}
    load = os.getloadavg()[0]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    seen = look_through(arguments.data, rows, FaceSettings())
    answer: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load_average": round(load, 1),
        "pictures": len(rows),
        "detection": detection(seen),
        "landmark_error": landmark_error(
            (one.faces[0].mesh.points / one.scale, one.truth) for one in seen if one.truth is not None
        ),
        "comparison": comparison(seen, arguments.threshold),
        "by_group": {
            name: by_group(members, arguments.threshold) for name, members in grouped(seen, groups).items()
        },
        "cpu_ms": {
            name: percentiles([one.cpu[name] * 1e3 for one in seen if name in one.cpu and one.faces])
            for name in ("look", "embedding")
        },
        "station": station(arguments.data, rows),
    }
    if arguments.peers:
        answer["peers"] = peers(arguments.data, rows)
    print(json.dumps(answer) if arguments.json else json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
