"""`borne face quality` and `borne face compare`: pictures from files, judged as the station does."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.commands.output import CouldNot, add_json_flag, print_json, read_bounded

if TYPE_CHECKING:
    from appliance.biometrics.face.finding import FaceFinder
    from appliance.face_settings import FaceSettings
    from models.face.sampling import Picture

MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_SIDE = 4096
FORMATS = ("JPEG", "JPEG2000", "PNG", "BMP", "TIFF", "WEBP")
DG2_TAG = b"\x75"
RECORD_MAGIC = b"FAC\0"
EXIT = {"PASS": 0, "FAIL": 1, "CANNOT": 2}
LANDMARKS = {
    "right_eye": 468,
    "left_eye": 473,
    "right_eye_outer": 33,
    "right_eye_inner": 133,
    "left_eye_inner": 362,
    "left_eye_outer": 263,
    "nose_tip": 4,
    "mouth_right": 61,
    "mouth_left": 291,
    "chin": 152,
}
"""By their number in the mesh; right and left are the person's, the eyes are the pupils."""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    face = subparsers.add_parser("face", help="faces in pictures").add_subparsers(
        metavar="ACTION", required=True
    )
    quality = face.add_parser("quality", help="what a portrait is worth (ISO/IEC 29794-5)")
    quality.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="a picture, or a chip's DG2")
    quality.add_argument(
        "--record", metavar="FILE", type=Path, help="keep the crop as a record of ISO/IEC 19794-5"
    )
    compare = face.add_parser("compare", help="whether two pictures show one person")
    compare.add_argument("one", metavar="A", type=Path)
    compare.add_argument("other", metavar="B", type=Path)
    for command, run in ((quality, judge), (compare, compare_two)):
        command.add_argument(
            "--config", metavar="FILE", type=Path, help="take profile and model from its [face] table"
        )
        add_json_flag(command)
        command.set_defaults(run=run)


def judge(arguments: argparse.Namespace) -> int:
    """0: good enough for the profile, 1: not, 2: no picture, or no face in it. The worst of all pictures."""
    if arguments.record and len(arguments.images) > 1:
        raise CouldNot("--record keeps one crop: give one picture.")
    settings = _settings(arguments.config)
    finder = _finder()
    worst, without = 0, []
    for path in arguments.images:
        answer = _judged(path, finder, settings, arguments.record)
        worst = max(worst, EXIT[answer["verdict"]])
        without += [str(path)] if answer["verdict"] == "CANNOT" else []
        if arguments.json:
            print_json(answer)
        else:
            _print_quality(answer)
    if without:
        raise CouldNot(
            f"No face was found in {', '.join(without)}; it should be at least a tenth of the picture wide."
        )
    return worst


def compare_two(arguments: argparse.Namespace) -> int:
    """0: alike, 1: not alike, 2: no face in one of them, no picture, no model."""
    from appliance.biometrics.face.comparison import FaceComparer
    from models.runtime import ModelError

    settings = _settings(arguments.config)
    finder = _finder()
    pictures = [read_picture(path) for path in (arguments.one, arguments.other)]
    try:
        comparer = FaceComparer(settings.compares_with)
        faces = finder.find_reference(pictures[0])
        compared = comparer.compare(finder, pictures[0], faces[0] if faces else None, pictures[1])
    except ModelError as error:
        raise CouldNot(str(error)) from error
    threshold, cosine = settings.threshold, compared.cosine
    verdict = "CANNOT" if cosine is None else "PASS" if cosine >= threshold else "FAIL"
    calibrated = None if cosine is None else settings.calibrated(cosine)
    answer = {
        "a": str(arguments.one),
        "b": str(arguments.other),
        "score": None if cosine is None else round(cosine, 6),
        "threshold": round(threshold, 6),
        "verdict": verdict,
        "reason": compared.problem or ("same_person" if verdict == "PASS" else "not_alike"),
        "calibrated": None if calibrated is None else round(calibrated, 2),
        "fmr": settings.fmr,
        "model": comparer.choice.name,
        "model_sha256": comparer.choice.sha256,
    }
    if arguments.json:
        print_json(answer)
    elif cosine is not None:
        alike = "alike" if verdict == "PASS" else "not alike: a human compares"
        print(f"{verdict}  similarity {cosine:.3f}, at least {threshold:.3f}  ({answer['model']}): {alike}")
    if cosine is None:
        which = arguments.one if compared.problem == "no_face" else arguments.other
        raise CouldNot(f"No face was found in {which}.")
    return EXIT[verdict]


def read_picture(path: Path) -> "Picture":
    """The picture in a file: JPEG, JPEG 2000, PNG and others, a chip's DG2, or a face record.

    Raises:
        CouldNot: there is none that can be read.
    """
    from appliance.contracts.face_record import RecordError, picture_of
    from appliance.services.capture.pictures import PictureError, decode_pixels
    from appliance.travel_document.lds.errors import EmrtdError
    from appliance.travel_document.lds.face_image import extract_face_image

    content = read_bounded(path, MAX_FILE_BYTES)
    try:
        if content.startswith(DG2_TAG):
            content = extract_face_image(content).content
        elif content.startswith(RECORD_MAGIC):
            content = picture_of(content)
        return decode_pixels(content, formats=FORMATS, max_bytes=MAX_FILE_BYTES, max_side=MAX_SIDE)
    except (EmrtdError, RecordError, PictureError) as error:
        raise CouldNot(f"{path}: {error}") from error


def _judged(
    path: Path, finder: "FaceFinder", settings: "FaceSettings", record: Path | None
) -> dict[str, Any]:
    import msgspec

    from appliance.biometrics.face.look import look_at, measures_as_it_is

    picture = read_picture(path)
    look = look_at(finder, picture, settings.profile)
    answer: dict[str, Any] = {
        "file": str(path),
        "width": picture.shape[1],
        "height": picture.shape[0],
        "faces": look.faces,
    }
    if look.face is None:
        return answer | {
            "verdict": "CANNOT", "reason": "no_face", "instruction": "stand_in_front", "short": [],
            "box": None, "landmarks": None, "measures": {},
        }  # fmt: skip
    measures = measures_as_it_is(look)
    short = settings.profile.falls_short(measures)
    if record is not None:
        _keep_record(look, record)
    found = look.face.detection
    points = look.face.mesh.points
    return answer | {
        "verdict": "FAIL" if short else "PASS",
        "reason": "below_profile" if short else "good_enough",
        "instruction": look.instruction(with_advice=True),
        "short": list(short),
        "box": [round(value, 1) for value in (found.left, found.top, found.width, found.height)],
        "landmarks": {
            name: [round(float(value), 2) for value in points[number]] for name, number in LANDMARKS.items()
        },
        "measures": {name: msgspec.to_builtins(measure) for name, measure in measures.items()},
    }


def _keep_record(look: Any, path: Path) -> None:
    from appliance.services.capture.pictures import PictureError
    from appliance.services.capture.portrait import recorded

    try:
        path.write_bytes(recorded(look)[0])
    except PictureError as error:
        raise CouldNot(str(error)) from error
    except OSError as error:
        raise CouldNot(f"The record cannot be kept as {path} ({error.strerror}).") from error


def _print_quality(answer: dict[str, Any]) -> None:
    advice = f"; tell them: {answer['instruction']}" if answer["instruction"] else ""
    print(f"{answer['file']}: {answer['verdict']} {answer['reason']}, faces: {answer['faces']}{advice}")
    for name, measure in answer["measures"].items():
        mark = "✗" if name in answer["short"] else " "
        if measure["state"] != "DONE":
            print(f"  – {name:<30} {measure['state']:<9} {measure['reason']}")
            continue
        note = "" if measure["comparable"] else f"  ({measure['reason']})"
        print(f"  {mark} {name:<30} {measure['scalar']:>3}  {measure['native']:>10.4f}{note}")


def _settings(config: Path | None) -> "FaceSettings":
    from appliance.config import ConfigError, load_config
    from appliance.face_settings import FaceSettings

    if config is None:
        return FaceSettings()
    try:
        return load_config(config).face
    except ConfigError as error:
        raise CouldNot(str(error)) from error


def _finder() -> "FaceFinder":
    from appliance.biometrics.face.finding import FaceFinder
    from models.runtime import ModelError

    try:
        return FaceFinder()
    except ModelError as error:
        raise CouldNot(str(error)) from error
