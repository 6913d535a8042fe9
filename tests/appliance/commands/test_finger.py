"""`borne finger`: pictures and records from files, and the simulated sensor."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from finger_prints import print_of

from appliance.biometrics.finger.image_record import read_images
from appliance.biometrics.finger.minutiae_record import read_minutiae
from hal.discovery import Inventory

CONFIG = """
[box]
device = "x"
post = "x"
profile = "demo"
[central]
sealing_key = "x"
watermark_key = "x"
[finger]
fmr = {fmr}
quality = {quality}
"""
SENSOR = """
[[device]]
kind = "fingerprint_sensor"
driver = "simulated"
"""


@pytest.fixture
def lay(tmp_path: Path):
    def put(name: str, content: np.ndarray | bytes | str) -> Path:
        path = tmp_path / name
        if isinstance(content, np.ndarray):
            assert cv2.imwrite(str(path), content)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


def test_ok__compare_json(borne, lay) -> None:
    answer = borne("finger", "compare", lay("a.png", print_of(5)), lay("b.png", print_of(5, 2)), "--json")
    assert (answer.code, answer.err) == (0, "")
    said = answer.json
    assert (said["verdict"], said["reason"], said["threshold"]) == ("PASS", "same_finger", 30.0)
    assert said["score"] > 50
    assert said["fmr"] <= 1e-5
    assert said["paired"] > 15


def test_ok__two_fingers(borne, lay) -> None:
    answer = borne("finger", "compare", lay("a.png", print_of(5)), lay("b.png", print_of(8)))
    assert answer.code == 1
    assert answer.out.startswith("FAIL  score ")


def test_ok__the_configuration_sets_the_rate(borne, lay) -> None:
    config = lay("borne.toml", CONFIG.format(fmr=0.01, quality=30))
    said = borne(
        "finger",
        "compare",
        lay("a.png", print_of(5)),
        lay("b.png", print_of(8)),
        "--json",
        "--config",
        config,
    )
    assert said.json["threshold"] == 20.0


def test_fail__compare_what_cannot_be(could_not, lay) -> None:
    good = lay("a.png", print_of(5))
    assert "cannot be read" in could_not("finger", "compare", good, "/nowhere.png")
    assert "no picture" in could_not("finger", "compare", good, lay("b.png", b"not a picture"))
    assert "too few" in could_not("finger", "compare", good, lay("c.png", np.zeros((10, 10), np.uint8)))
    empty = lay("d.png", np.full((200, 200), 230, np.uint8))
    assert "d.png shows too little" in could_not("finger", "compare", good, empty)
    assert "a.toml" in could_not("finger", "compare", good, good, "--config", lay("a.toml", "x"))


def test_ok__quality_and_minutiae(borne, lay, tmp_path: Path) -> None:
    kept = tmp_path / "a.fmr"
    answer = borne("finger", "quality", lay("a.png", print_of(5)), "--json", "--minutiae", kept)
    assert answer.code == 0
    said = answer.json
    assert said["verdict"] == "PASS"
    record = read_minutiae(kept.read_bytes())
    assert len(record.views[0].minutiae) == said["minutiae"]
    assert record.views[0].quality == said["quality"]
    assert "quality" in borne("finger", "quality", tmp_path / "a.png").out


def test_ok__below_the_profile(borne, lay) -> None:
    config = lay("borne.toml", CONFIG.format(fmr=0.001, quality=100))
    answer = borne("finger", "quality", lay("a.png", print_of(5)), "--json", "--config", config)
    assert (answer.code, answer.json["reason"]) == (1, "below_quality")


def test_fail__quality_of_nothing(could_not, lay, tmp_path: Path) -> None:
    empty = lay("a.png", np.full((200, 200), 230, np.uint8))
    assert "No finger" in could_not("finger", "quality", empty)
    good = lay("b.png", print_of(5))
    assert "one picture" in could_not("finger", "quality", good, good, "--minutiae", tmp_path / "x")
    assert "cannot be kept" in could_not("finger", "quality", good, "--minutiae", tmp_path / "no" / "x")
    assert "dpi" in could_not("finger", "quality", good, "--dpi", "50")


def test_ok__capture_from_the_simulated_sensor(borne, tmp_path: Path) -> None:
    picture, record = tmp_path / "a.png", tmp_path / "a.fir"
    answer = borne(
        "finger", "capture", "--simulated", "3", "--json", "--picture", picture, "--record", record
    )
    assert answer.code == 0
    assert answer.json["simulated"] is True
    assert read_images(record.read_bytes()).fingers[0].width == answer.json["width"]
    assert borne("finger", "compare", picture, record).code == 0


def test_ok__capture_as_configured(borne, lay) -> None:
    config = lay("borne.toml", CONFIG.format(fmr=0.001, quality=30) + SENSOR)
    assert borne("finger", "capture", "--config", config, "--json").json["verdict"] == "PASS"


def test_fail__capture_without_a_sensor(
    could_not, lay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("hal.discovery.enumerate_devices", lambda: Inventory((), ()))
    assert "No fingerprint sensor" in could_not("finger", "capture")
    config = lay("borne.toml", CONFIG.format(fmr=0.001, quality=30))
    assert "configures no fingerprint sensor" in could_not("finger", "capture", "--config", config)
    assert "cannot be read" in could_not("finger", "capture", "--config", tmp_path / "no.toml")
    wrong = lay("wrong.toml", CONFIG.format(fmr=0.001, quality=30) + SENSOR.replace("simulated", "nothing"))
    assert "line 15" in could_not("finger", "capture", "--config", wrong)
    assert "cannot be written" in could_not(
        "finger", "capture", "--simulated", "--picture", tmp_path / "no" / "x"
    )


def test_ok__capture_takes_what_is_plugged_in(borne, monkeypatch: pytest.MonkeyPatch) -> None:
    from hal.discovery import Found
    from hal.families import FAMILIES

    family = next(one for one in FAMILIES if one.kind == "fingerprint_sensor" and one.driver == "simulated")
    plugged = Inventory((Found(family, "usb:0000:0000:1", None, {"finger": 2}),), ())
    monkeypatch.setattr("hal.discovery.enumerate_devices", lambda: plugged)
    assert borne("finger", "capture", "--json").json["sensor"].startswith("fingerprint_sensor/simulated")
