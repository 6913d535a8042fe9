"""Recorded USB traffic of U.are.U sensors, played back to the shipped driver, and its picture compared.

    python benchmarks/fingerprint_replay.py DATA [--json]

DATA is a recording (a folder with `device` and `capture.pcapng` as umockdev takes them, and `capture.png`),
or a folder of such. umockdev stands in for the kernel: PyUSB, libusb and the driver are the real ones. The
random seeds are read from the recording, as the replay compares all that is sent. What is not of this family
is named and left out.
"""

import argparse
import json
import re
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hal.device import HalError
from hal.fingerprint_sensor.uru4500 import Options, Uru4500Sensor
from hal.fingerprint_sensor.uru_registers import MODELS, REQUEST, Register

SECONDS = 60
"""A replay that differs from its recording stops without a word: it is ended after this long."""

USBMON_BYTES = 64
"""The header of each packet, of link type 220."""

SUBMIT, CONTROL = ord("S"), 2
ENHANCED_PACKET = 6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(play(arguments.data)))
        return 0
    if arguments.data is None or not (folders := recordings(arguments.data)):
        print("fingerprint_replay: name a folder of USB recordings", file=sys.stderr)
        return 2
    if shutil.which("umockdev-run") is None:
        print("fingerprint_replay: needs umockdev-run (Debian package umockdev)", file=sys.stderr)
        return 2
    rows = {folder.name: replay(folder) for folder in folders}
    ours = [row for row in rows.values() if "other" not in row]
    figures = {
        "recordings": len(ours),
        "identical": sum(row.get("pixels_different") == 0 for row in ours),
        "by_recording": rows,
    }
    print(json.dumps(figures, indent=None if arguments.json else 2))
    return 0 if figures["identical"] == len(ours) else 1


def recordings(data: Path) -> list[Path]:
    """The folder itself, or those in it, that hold a recording."""
    return [one for one in (data, *sorted(data.glob("*/"))) if (one / "device").is_file()]


def replay(folder: Path) -> dict[str, Any]:
    """One recording, in a process of its own under umockdev."""
    device = (folder / "device").read_text("utf-8", errors="replace")
    product = re.search(r"^E: PRODUCT=([0-9a-f]+)/([0-9a-f]+)/", device, re.MULTILINE)
    if product is None or (int(product[1], 16), int(product[2], 16)) not in MODELS:
        return {"other": "not of the U.are.U 4000 family"}
    capture = folder / "capture.pcapng"
    path = device.splitlines()[0].removeprefix("P: ")
    wrapped = ["umockdev-run", "-d", str(folder / "device"), "-p", f"/sys{path}={capture}", "--"]
    command = [*wrapped, sys.executable, __file__, str(folder), "--inside"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"nothing more came of it in {SECONDS} s"}
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it ended"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def play(folder: Path) -> dict[str, Any]:
    """Inside umockdev: open, one picture, close."""
    seeds = recorded_seeds((folder / "capture.pcapng").read_bytes())
    sensor = Uru4500Sensor(Options(), seed=lambda: next(seeds))
    began = time.perf_counter()
    try:
        sensor.open()
        opened = time.perf_counter()
        image = sensor.capture(10.0)
        captured = time.perf_counter()
        removed = felt_removal(sensor)
    except HalError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        sensor.close()
    wanted = cv2.imread(str(folder / "capture.png"), cv2.IMREAD_GRAYSCALE)
    same_shape = wanted is not None and wanted.shape == image.pixels.shape
    return {
        "firmware": sensor.firmware,
        "width": image.width,
        "height": image.height,
        "pixels_different": int(np.count_nonzero(wanted != image.pixels)) if same_shape else None,
        "removal_felt": removed,
        "open_seconds": round(opened - began, 3),
        "capture_seconds": round(captured - opened, 3),
    }


def felt_removal(sensor: Uru4500Sensor) -> bool:
    """Whether the recording goes on to where the finger was lifted."""
    try:
        sensor.wait_for_removal(10.0)
    except HalError:
        return False
    return True


def recorded_seeds(pcapng: bytes) -> Iterator[int]:
    """What was written to the key index register: a number, and the seed behind it."""
    at = 0
    while at + 12 <= len(pcapng):
        kind, size = struct.unpack_from("<II", pcapng, at)
        packet = pcapng[at + 28 : at + size - 4]
        at += max(size, 12)
        if kind != ENHANCED_PACKET or len(packet) < USBMON_BYTES + 5:
            continue
        setup = struct.unpack_from("<BBHHH", packet, 40)
        if (packet[8], packet[9], *setup[:3]) == (SUBMIT, CONTROL, 0x40, REQUEST, Register.KEY_INDEX):
            yield int.from_bytes(packet[USBMON_BYTES + 1 : USBMON_BYTES + 5], "little")


if __name__ == "__main__":
    sys.exit(main())
