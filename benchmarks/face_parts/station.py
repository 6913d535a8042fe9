"""The whole portrait station in a process of its own: CPU time a picture and a verdict, and peak memory.

    python benchmarks/face_parts/station.py LIVE REFERENCE [LIVE ...]      one JSON object

Every LIVE picture is what the camera sees (at most 1280 pixels wide), REFERENCE becomes a chip's DG2. One
core, one thread; times are CPU seconds of this process, so that a busy machine does not count.
"""

import io
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from appliance.face_settings import FaceSettings
from appliance.services.capture.portrait import PortraitStation
from appliance.simulation.chip.files import build_dg2
from hal.camera.simulated import SimulatedCamera

LONGER_SIDE = 1280
DG2_SIDE = 640


def load(path: Path, side: int) -> Image.Image:
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((side, side))
    return picture


def run(lives: list[Path], reference: Path) -> dict[str, Any]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import cv2

    cv2.setNumThreads(1)
    printed = io.BytesIO()
    load(reference, DG2_SIDE).save(printed, "JPEG", quality=80)
    dg2 = build_dg2(printed.getvalue())
    before = peak_mb()
    station = PortraitStation(FaceSettings())
    began = time.process_time()
    station.prepare()
    loading = time.process_time() - began
    camera = SimulatedCamera()
    verdicts, pictures, sizes = [], 0, []
    for path in lives:
        frame = np.ascontiguousarray(np.asarray(load(path, LONGER_SIDE))[:, :, ::-1])
        camera.present(frame)
        began = time.process_time()
        evidence = station.take(camera, timeout=5.0, reference=dg2, given_up=threading.Event())
        verdicts.append(time.process_time() - began)
        pictures += evidence.pictures
        sizes.append(len(evidence.record))
    finder = station._ready().finder  # type: ignore[union-attr]
    return {
        "runtime": finder._detector._model.runtime,
        "stations": len(lives),
        "pictures": pictures,
        "loading_ms": round(loading * 1e3, 1),
        "station_ms": spread(verdicts),
        "record_bytes": spread(sizes, 0),
        "rss_before_mb": before,
        "peak_rss_mb": peak_mb(),
    }


def peak_mb() -> float:
    """VmHWM of this process; getrusage counts its parent's memory too, from before the exec."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def spread(values: list[Any], places: int = 1) -> dict[str, float]:
    factor = 1e3 if places else 1
    low, middle, high = np.percentile(np.array(values, dtype=float) * factor, [0, 50, 95])
    return {"min": round(low, places), "p50": round(middle, places), "p95": round(high, places)}


if __name__ == "__main__":
    first, second, *more = (Path(name) for name in sys.argv[1:])
    print(json.dumps(run([first, *more], second)))
