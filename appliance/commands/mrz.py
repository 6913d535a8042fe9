"""`borne mrz parse` and `borne mrz read`: an MRZ typed or in pictures, with every check of it."""

import argparse
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.commands.output import (
    CouldNot,
    add_json_flag,
    any_failed,
    could_not,
    print_checks,
    print_fields,
    print_json,
)

if TYPE_CHECKING:
    from appliance.services.capture.page_reader import PageReader, PageReading

NOTHING: dict[str, Any] = {"format": None, "lines": [], "fields": {}, "checks": [], "confidence": 0.0}
HINTS = {
    "none": "",
    "show_document": "No machine readable zone is in sight: show the page with the lines of <<<.",
    "closer": "The letters are too small: go closer, or scan at a higher resolution.",
    "whole": "A part of the zone is missing: show all of its lines, from end to end.",
    "glare": "Light is mirrored in the zone: tilt the page a little.",
    "hold_still": "The letters are not sharp: hold still, and wipe the lens.",
}
"""What would help, for the person who took the picture."""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    mrz = subparsers.add_parser("mrz", help="machine readable zones").add_subparsers(
        metavar="ACTION", required=True
    )
    parse = mrz.add_parser("parse", help="parse the lines of one MRZ")
    parse.add_argument("lines", metavar="LINE", nargs="+", help="2 or 3 lines, as printed")
    add_json_flag(parse)
    parse.set_defaults(run=parse_lines)
    read = mrz.add_parser("read", help="read the MRZ in pictures")
    read.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="a photo or scan, any way up")
    read.add_argument(
        "--debug", metavar="OUT.png", type=Path, help="draw where and what was read; of several, a folder"
    )
    add_json_flag(read)
    read.set_defaults(run=read_images)


def parse_lines(arguments: argparse.Namespace) -> int:
    """0: every check digit holds, 1: one does not, 2: these lines are no MRZ."""
    from appliance.travel_document import MrzError, parse_mrz, to_json

    today = dt.datetime.now(dt.UTC).date()
    try:
        answer = to_json(parse_mrz(tuple(arguments.lines), today=today))
    except MrzError as error:
        if arguments.json:
            print_json({"file": None, **NOTHING})
        raise CouldNot(f"{error} Give each line in quotes, as printed, from the top.") from error
    answer = {"file": None, **answer, "confidence": 1.0}
    if arguments.json:
        print_json(answer)
    else:
        print(answer["format"])
        print_fields(answer["fields"])
        print_checks(answer["checks"])
    return 1 if any_failed(answer["checks"]) else 0


def read_images(arguments: argparse.Namespace) -> int:
    """0: read and every check holds, 1: one does not or a character is doubtful, 2: a picture has no MRZ."""
    from appliance.services.capture.page_reader import PageReader
    from models.runtime import ModelError

    several = len(arguments.images) > 1
    if arguments.debug is not None and several and not arguments.debug.is_dir():
        raise CouldNot(f"{arguments.debug} is no folder: of several pictures --debug wants one.")
    try:
        reader = PageReader()
    except ModelError as error:
        raise CouldNot(str(error)) from error
    worst = 0
    for image in arguments.images:
        debug = arguments.debug
        if debug is not None and several:
            debug = debug / f"{image.stem}.debug.png"
        worst = max(worst, _read_image(reader, image, debug=debug, as_json=arguments.json))
    return worst


def _read_image(reader: "PageReader", image: Path, *, debug: Path | None, as_json: bool) -> int:
    from appliance.services.capture.page_picture import debug_picture
    from appliance.services.capture.pictures import PictureError, decode_picture, read_file

    try:
        picture = decode_picture(read_file(image))
    except (OSError, PictureError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        if as_json:
            print_json({"file": str(image), **NOTHING, "hint": "no_picture"})
        return could_not(f"{image}: {said}")
    reading = reader.read(picture, today=dt.datetime.now(dt.UTC).date())
    if debug is not None:
        try:
            debug.write_bytes(debug_picture(picture, reading))
        except OSError as error:
            raise CouldNot(f"{debug} cannot be written ({error.strerror}).") from error
    return _report(image, reading, as_json=as_json)


def _report(image: Path, reading: "PageReading", *, as_json: bool) -> int:
    from appliance.travel_document import to_json
    from appliance.travel_document.optical import optical_json

    if reading.mrz is None or reading.optical is None:
        lines = [reading.single_line] if reading.single_line else []
        if as_json:
            print_json({"file": str(image), **NOTHING, "lines": lines, "hint": reading.hint.value})
        if lines:
            if not as_json:
                print(f"{image}: one line, no whole MRZ\n  {lines[0]}")
            return 1
        partly = " One line was made out." if reading.partial else ""
        return could_not(f"{image}: no MRZ was read.{partly} {HINTS[reading.hint.value]}")
    answer = {"file": str(image), **to_json(reading.mrz), **optical_json(reading.optical)}
    answer["checks"] = [*answer["checks"], answer.pop("legibility")]
    answer["hint"] = reading.hint.value
    if as_json:
        print_json(answer)
    else:
        print(f"{image}: {answer['format']}, confidence {answer['confidence']:.2f}")
        for line in answer["lines"]:
            print(f"  {line}")
        print_fields(answer["fields"])
        print_checks(answer["checks"])
        if reading.hint.value != "none":
            print(f"  {HINTS[reading.hint.value]}")
    return 1 if any_failed(answer["checks"]) or reading.optical.uncertain else 0
