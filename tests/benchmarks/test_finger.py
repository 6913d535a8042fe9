"""The finger benchmark over invented prints, and its rates against what they are by hand."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from finger_parts.plotting import error_versus_reject_plot
from finger_parts.rates import Scores, error_rates, error_versus_reject
from finger_prints import SENSORS, print_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fingers")
    for finger in (5, 6, 8):
        for touch in (1, 2):
            assert cv2.imwrite(str(folder / f"{finger}_{touch}.png"), print_of(finger, touch))
    (folder / "notes.txt").write_text("no picture")
    return folder


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "finger.py"), *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_ok_one_object_of_figures(data: Path, tmp_path: Path) -> None:
    done = run(data, "--json", "--plots", tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["pictures"], answer["fingers"]) == (6, 3)
    assert (answer["genuine_pairs"], answer["impostor_pairs"]) == (3, 12)
    assert answer["eer"] == 0.0
    assert answer["fnmr_at_fmr_0.01"] == answer["fnmr_at_fmr_0.001"] == 0.0
    assert answer["eer_interval_95"] == [0.0, 0.0]
    assert answer["comparison_cpu_ms"]["p50"] > 0
    assert 20 < answer["peak_rss_mb"] < 600
    assert "peers" not in answer
    assert "<svg" in (tmp_path / "error-versus-reject.svg").read_text()


def test_fail_nothing_to_measure(tmp_path: Path) -> None:
    for words in ((), (tmp_path,), (tmp_path / "no",)):
        done = run(*words, "--json")
        assert done.returncode == 2
        assert "nothing was measured" in done.stderr


def scores(values: list[float], one: list[int], other: list[int]) -> Scores:
    return Scores(np.array(values), np.array(one), np.array(other))


def test_ok_rates_by_hand() -> None:
    genuine = scores([1.0, 5.0, 6.0, 7.0], [0, 1, 2, 3], [0, 1, 2, 3])
    impostor = scores([0.0] * 98 + [4.0, 5.5], [0] * 100, [1] * 100)
    rates = error_rates(genuine, impostor)
    assert rates["fnmr_at_fmr_0.01"] == 0.5  # above 5.0 one impostor is left, so that 1 and 5 fail
    assert rates["fnmr_at_fmr_0.001"] == 0.5
    low, high = rates["fnmr_at_fmr_0.01_interval_95"]
    assert low <= 0.5 <= high


def test_ok_rates_that_cross_in_the_middle() -> None:
    genuine = scores([1.0, 2.0, 3.0, 4.0], [0, 1, 2, 3], [0, 1, 2, 3])
    impostor = scores([0.0, 0.5, 1.5, 0.2], [0, 1, 2, 3], [1, 2, 3, 0])
    assert error_rates(genuine, impostor)["eer"] == pytest.approx(0.25)


def test_ok_turning_away_the_worst_helps_when_quality_tells() -> None:
    values, telling = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), np.array([1, 2, 3, 4, 5, 6])
    curves = error_versus_reject(values, telling, fnmr=(0.2,), shares=(0.0, 0.2, 0.5))
    assert curves["0.2"] == [pytest.approx(1 / 6, abs=1e-3), 0.0, 0.0]
    lying = error_versus_reject(values, -telling, fnmr=(0.2,), shares=(0.0, 0.5))
    assert lying["0.2"][1] > lying["0.2"][0]
    assert "from 20 %" in error_versus_reject_plot((0.0, 0.2, 0.5), curves, "six pairs")


def test_ok_invented_fingers_follow_from_their_numbers() -> None:
    first = print_of(5, 1).copy()
    print_of.cache_clear()
    assert np.array_equal(print_of(5, 1), first)
    assert not np.array_equal(print_of(5, 2), first)
    for sensor in SENSORS.values():
        pixels = print_of(6, 1, sensor)
        assert pixels.dtype == np.uint8
        assert len(np.unique(pixels)) <= sensor.levels
        assert pixels.std() > 8
