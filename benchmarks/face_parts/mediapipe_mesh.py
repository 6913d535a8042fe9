"""MediaPipe's own face pipeline over the same pictures, in an environment of its own (mediapipe 0.10.21).

    python benchmarks/face_parts/mediapipe_mesh.py < TASK

TASK is {"pictures": [[NAME, PATH], ...], "longer_side": 1280}; the answer is one JSON object.
"""

import json
import os
import sys
import time

import cv2
import mediapipe as mp
import numpy as np


def peak_mb() -> float:
    """VmHWM of this process; getrusage counts its parent's memory too, from before the exec."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def main() -> None:
    task = json.load(sys.stdin)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    mesh = mp.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=4, refine_landmarks=True, min_detection_confidence=0.5
    )
    answer: dict[str, object] = {"version": mp.__version__}
    faces, seconds = {}, []
    for name, path in task["pictures"]:
        picture = cv2.imread(path)
        scale = min(1.0, task["longer_side"] / max(picture.shape[:2]))
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = picture.shape[:2]
        picture = np.ascontiguousarray(picture[:, :, ::-1])
        began = time.process_time()
        found = mesh.process(picture).multi_face_landmarks or []
        seconds.append(time.process_time() - began)
        points = [[(p.x * width / scale, p.y * height / scale) for p in face.landmark] for face in found]
        points.sort(key=lambda face: -np.ptp(np.array(face)[:, 1]))
        faces[name] = {"faces": len(points), "points": points[0] if points else None}
    answer["faces"] = faces
    answer["cpu_ms"] = [round(value * 1e3, 2) for value in seconds]
    answer["peak_rss_mb"] = peak_mb()
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
