"""Recorded USB traffic, played back by umockdev through libusb and PyUSB to the shipped driver.

The recordings here are made of a drawn finger by the fake sensor. A real sensor's recording, which may not be
ours to pass on, is read from BORNE_USB_RECORDINGS: a folder of folders with `device`, `capture.pcapng` and
`capture.png`.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from uru_fake import FakeUru, finger, upright

from hal.fingerprint_sensor.uru4500 import Options, Uru4500Sensor
from hal.fingerprint_sensor.uru_registers import MODELS

ROOT = Path(__file__).parents[3]
SEEDS = [0x51EA2124, 0x0BADF00D]

pytestmark = pytest.mark.skipif(shutil.which("umockdev-run") is None, reason="umockdev is not installed")


def figures(folder):
    command = [sys.executable, str(ROOT / "benchmarks/fingerprint_replay.py"), str(folder), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def record(folder, ids, **sensor):
    """One capture of the fake; returns it and the picture that its driver gave."""
    fake = FakeUru(*ids, **sensor)
    fake.stubborn = 2 if MODELS[ids].challenges else 0
    seeds = iter(SEEDS)
    driver = Uru4500Sensor(Options(), find_device=fake.find, open_device=fake.link, seed=lambda: next(seeds))
    driver.open()
    fake.present(3)
    image = driver.capture(5.0).pixels
    timer = threading.Timer(0.1, fake.remove)
    timer.start()
    driver.wait_for_removal(5.0)
    timer.join()
    driver.close()
    folder.mkdir()
    fake.write_recording(folder, upright(finger(3), turned=MODELS[ids].upside_down))
    return fake, image


def test_ok__encrypted_and_plain_recordings_give_their_picture_exactly(tmp_path):
    record(tmp_path / "challenged", (0x045E, 0x00CA), hwstat=0x80)
    record(tmp_path / "plain", (0x045E, 0x00BB), encrypted=False, hwstat=0x85)
    record(tmp_path / "two-keys", (0x05BA, 0x000A), blocks=[(0x02, 200), (0x82, 89)])
    (tmp_path / "other").mkdir()
    (tmp_path / "other/device").write_text("P: /devices/x\nE: PRODUCT=8ff/2580/623\n")
    code, found = figures(tmp_path)
    assert code == 0, found
    assert (found["recordings"], found["identical"]) == (3, 3)
    assert "other" in found["by_recording"]["other"]


def test_fail__a_picture_that_differs_is_told(tmp_path):
    fake, image = record(tmp_path / "one", (0x05BA, 0x000A))
    image[7, 7] ^= 1
    fake.write_recording(tmp_path / "one", image)
    code, found = figures(tmp_path / "one")
    assert code == 1
    assert found["by_recording"]["one"]["pixels_different"] == 1


def test_fail__no_recordings(tmp_path):
    assert figures(tmp_path) == (2, "fingerprint_replay: name a folder of USB recordings\n")


@pytest.mark.skipif("BORNE_USB_RECORDINGS" not in os.environ, reason="BORNE_USB_RECORDINGS names no folder")
def test_ok__real_sensors_recordings_give_their_picture_exactly():
    code, found = figures(Path(os.environ["BORNE_USB_RECORDINGS"]))
    assert code == 0, found
    assert found["recordings"] > 0
