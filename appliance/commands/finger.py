"""`borne finger capture`, `quality` and `compare`: fingerprints from a sensor and from files."""

import argparse
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.commands.output import CouldNot, add_json_flag, print_json, read_bounded

if TYPE_CHECKING:
    from appliance.biometrics.finger.picture import FingerPicture
    from appliance.finger_settings import FingerSettings
    from hal.device import Device

EXIT = {"PASS": 0, "FAIL": 1, "CANNOT": 2}
USUAL_DPI = 500.0


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    finger = subparsers.add_parser("finger", help="fingerprints").add_subparsers(
        metavar="ACTION", required=True
    )
    capture = finger.add_parser("capture", help="take one print from the sensor")
    source = capture.add_mutually_exclusive_group()
    source.add_argument(
        "--simulated", metavar="NUMBER", type=int, nargs="?", const=1, help="an invented finger instead"
    )
    source.add_argument("--config", metavar="FILE", type=Path, help="the sensor of this configuration")
    capture.add_argument("--timeout", metavar="SECONDS", type=float, default=12.0)
    capture.add_argument("--picture", metavar="FILE", type=Path, help="keep the picture, as PNG")
    capture.add_argument(
        "--record", metavar="FILE", type=Path, help="keep the picture as a record of ISO/IEC 19794-4"
    )
    quality = finger.add_parser("quality", help="what a print is worth, and what to say to the traveller")
    quality.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="a picture, or a record")
    quality.add_argument(
        "--minutiae", metavar="FILE", type=Path, help="keep the minutiae as a record of ISO/IEC 19794-2"
    )
    compare = finger.add_parser("compare", help="whether two prints are one finger's")
    compare.add_argument("one", metavar="A", type=Path)
    compare.add_argument("other", metavar="B", type=Path)
    for command in (quality, compare):
        command.add_argument(
            "--dpi", type=float, default=None, help=f"of pictures that do not say ({USUAL_DPI:g})"
        )
        command.add_argument("--config", metavar="FILE", type=Path, help="take its [finger] table")
    for command, run in ((capture, take), (quality, judge), (compare, compare_two)):
        add_json_flag(command)
        command.set_defaults(run=run)


def take(arguments: argparse.Namespace) -> int:
    """0: good enough, 1: taken, but not good enough, 2: no sensor, or no finger."""
    from appliance.biometrics.finger.picture import FingerPicture, FingerPictureError
    from hal.device import HalError

    device, settings = _sensor(arguments)
    try:
        with closing(device):
            device.open()
            image = device.capture(arguments.timeout)  # type: ignore[attr-defined]
        picture = FingerPicture(image.pixels, float(image.dpi))
    except (HalError, FingerPictureError) as error:
        raise CouldNot(str(error)) from error
    _keep(picture, arguments.picture, arguments.record)
    answer = {"sensor": device.identity.key, "simulated": device.simulated} | _judged(picture, settings)
    return _told(answer, arguments.json)


def judge(arguments: argparse.Namespace) -> int:
    """0: good enough, 1: not, 2: no picture, or no finger in it. The worst of all pictures."""
    settings = _settings(arguments.config)
    if arguments.minutiae and len(arguments.images) > 1:
        raise CouldNot("--minutiae keeps one record: give one picture.")
    worst = 0
    for path in arguments.images:
        picture = read_picture(path, arguments.dpi)
        answer = {"file": str(path)} | _judged(picture, settings, arguments.minutiae)
        worst = max(worst, _told(answer, arguments.json))
    return worst


def compare_two(arguments: argparse.Namespace) -> int:
    """0: one finger, 1: not shown to be one, 2: no picture, or too little of a finger in one."""
    from appliance.biometrics.finger.comparison import PreparedFinger, compare
    from appliance.biometrics.finger.impression import extract
    from appliance.biometrics.finger.template import FingerTemplate

    threshold = _settings(arguments.config).threshold
    fingers = [
        PreparedFinger(FingerTemplate((extract(read_picture(path, arguments.dpi)).impression,)))
        for path in (arguments.one, arguments.other)
    ]
    compared = compare(*fingers)
    score = compared.score
    verdict = "CANNOT" if score is None else "PASS" if score >= threshold else "FAIL"
    evidence = compared.evidence
    answer = {
        "a": str(arguments.one),
        "b": str(arguments.other),
        "score": None if score is None else round(score, 2),
        "threshold": round(threshold, 2),
        "verdict": verdict,
        "reason": compared.problem or ("same_finger" if verdict == "PASS" else "not_alike"),
        "fmr": None if score is None else float(f"{10 ** (-score / 10):.3g}"),
        "minutiae": [len(each.impressions[0].impression.minutiae) for each in fingers],
        "paired": evidence.pairs if evidence else 0,
        "ridge_correlation": round(evidence.ridges.correlation, 3) if evidence and evidence.ridges else None,
        "overlap_mm2": round(evidence.ridges.area, 1) if evidence and evidence.ridges else None,
    }
    if arguments.json:
        print_json(answer)
    elif score is not None:
        alike = "one finger" if verdict == "PASS" else "not shown to be one finger"
        print(
            f"{verdict}  score {score:.1f}, at least {threshold:.1f}; "
            f"{answer['paired']} minutiae agree: {alike}"
        )
    if score is None:
        poor = arguments.one if not fingers[0].comparable else arguments.other
        raise CouldNot(f"{poor} shows too little of a finger to compare.")
    return EXIT[verdict]


def read_picture(path: Path, dpi: float | None = None) -> "FingerPicture":
    """The print in a file: a picture, or the first finger of a record of ISO/IEC 19794-4.

    Raises:
        CouldNot: there is none that can be read.
    """
    from appliance.biometrics.finger import image_record
    from appliance.biometrics.finger.picture import FingerPicture, FingerPictureError
    from appliance.biometrics.finger.picture_file import MAX_FILE_BYTES, decoded

    content = read_bounded(path, MAX_FILE_BYTES)
    try:
        if content.startswith(image_record.FORMAT):
            return image_record.picture_of(image_record.read_images(content))
        picture = decoded(content)
        return FingerPicture(picture.pixels, dpi or picture.dpi or USUAL_DPI)
    except (FingerPictureError, image_record.ImageRecordError) as error:
        raise CouldNot(f"{path}: {error}") from error


def _judged(
    picture: "FingerPicture", settings: "FingerSettings", minutiae: Path | None = None
) -> dict[str, Any]:
    from appliance.biometrics.finger.impression import extract
    from appliance.biometrics.finger.quality import quality_of

    window = picture.at_working_resolution()
    extracted = extract(picture)
    quality = quality_of(extracted, window)
    if minutiae is not None:
        _keep_minutiae(extracted, window.shape, quality.score, minutiae)
    nothing = quality.instruction == "lay_finger"
    verdict = "CANNOT" if nothing else "PASS" if quality.score >= settings.quality else "FAIL"
    return {
        "width": picture.pixels.shape[1],
        "height": picture.pixels.shape[0],
        "dpi": round(picture.dpi, 1),
        "verdict": verdict,
        "reason": "no_finger" if nothing else "good_enough" if verdict == "PASS" else "below_quality",
        "quality": quality.score,
        "least_quality": settings.quality,
        "instruction": quality.instruction,
        "minutiae": quality.minutiae,
        "area_mm2": quality.area,
        "clarity": quality.clarity,
        "contrast": quality.contrast,
        "darkness": quality.darkness,
        "wet": quality.wet,
        "broken": quality.broken,
        "cut": quality.cut,
    }


def _told(answer: dict[str, Any], as_json: bool) -> int:
    """Print it; the exit code."""
    where = answer.get("file") or answer["sensor"]
    if as_json:
        print_json(answer)
    else:
        advice = f"; tell them: {answer['instruction']}" if answer["instruction"] else ""
        print(
            f"{where}: {answer['verdict']} quality {answer['quality']} of 100, "
            f"{answer['minutiae']} minutiae on {answer['area_mm2']} mm2{advice}"
        )
    if answer["verdict"] == "CANNOT":
        raise CouldNot(f"No finger is to be seen in what came from {where}.")
    return EXIT[answer["verdict"]]


def _keep(picture: "FingerPicture", plain: Path | None, record: Path | None) -> None:
    from appliance.biometrics.finger.image_record import PNG, record_of, write_images
    from appliance.biometrics.finger.picture_file import png_of

    try:
        if plain is not None:
            plain.write_bytes(png_of(picture.pixels))
        if record is not None:
            record.write_bytes(write_images(record_of(picture, compression=PNG)))
    except OSError as error:
        raise CouldNot(f"{error.filename} cannot be written ({error.strerror}).") from error


def _keep_minutiae(extracted: Any, shape: tuple[int, ...], quality: int, path: Path) -> None:
    from appliance.biometrics.finger.minutiae_record import to_record, write_minutiae

    record = to_record(extracted.minutiae_in_picture(), width=shape[1], height=shape[0], quality=quality)
    try:
        path.write_bytes(write_minutiae(record))
    except OSError as error:
        raise CouldNot(f"The minutiae cannot be kept as {path} ({error.strerror}).") from error


def _sensor(arguments: argparse.Namespace) -> "tuple[Device, FingerSettings]":
    """The sensor to use, not yet opened."""
    from appliance.finger_settings import FingerSettings
    from hal.discovery import enumerate_devices
    from hal.drivers import make_device

    if arguments.simulated is not None:
        return make_device(
            "fingerprint_sensor", "simulated", {"finger": arguments.simulated}
        ), FingerSettings()
    if arguments.config is not None:
        return _configured_sensor(arguments.config)
    for found in enumerate_devices():
        if found.kind == "fingerprint_sensor" and found.driver:
            return make_device(found.kind, found.driver, found.options), FingerSettings()
    raise CouldNot(
        "No fingerprint sensor with a driver is plugged in; `borne devices` shows what is. "
        "--simulated invents a finger."
    )


def _configured_sensor(path: Path) -> "tuple[Device, FingerSettings]":
    from appliance.config import ConfigError, load_config
    from appliance.opening import CannotStart
    from appliance.wiring import make_devices

    try:
        config = load_config(path)
        devices = make_devices(config)
    except CannotStart as error:
        raise CouldNot(error.in_file(path)) from error
    except ConfigError as error:
        raise CouldNot(str(error)) from error
    for device in devices:
        if device.identity.kind == "fingerprint_sensor":
            return device, config.finger
    raise CouldNot(f"{path} configures no fingerprint sensor.")


def _settings(config: Path | None) -> "FingerSettings":
    from appliance.config import ConfigError, load_config
    from appliance.finger_settings import FingerSettings

    if config is None:
        return FingerSettings()
    try:
        return load_config(config).finger
    except ConfigError as error:
        raise CouldNot(str(error)) from error
