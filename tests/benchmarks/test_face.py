"""The face benchmark over drawn people: every figure is there, and no share without its interval."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from face_parts.intervals import clopper_pearson, share
from face_parts.plotting import Curve, draw
from face_pictures import drawn, nobody, turned

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    rows = []
    for seed in range(6):
        for number, picture in enumerate((drawn(seed), turned(drawn(seed, live=False), 4))):
            rows.append((f"{seed}-{number}.png", f"drawn{seed}", picture))
    rows += [(f"none-{number}.png", "(no face)", picture) for number, picture in enumerate(nobody())]
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "person_id"])
        for name, person, picture in rows:
            assert cv2.imwrite(str(folder / name), picture)
            writer.writerow([name, person])
    return folder


def run(script: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / script), *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_ok_one_object_of_figures(data: Path) -> None:
    done = run("face.py", data, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["detection"]["found"] == share(12, 12)
    assert answer["detection"]["false"] == share(0, 5)
    assert answer["comparison"]["genuine"]["pairs"] == 6
    assert answer["comparison"]["impostor"]["pairs"] == 60
    assert answer["station"]["peak_rss_mb"] < 300
    assert answer["cpu_ms"]["look"]["p50"] > 0
    assert "peers" not in answer


@pytest.mark.parametrize("script", ["face.py", "face_degradation.py"])
def test_fail_no_data_is_said(script: str, tmp_path: Path) -> None:
    for words in ((), (tmp_path,)):
        done = run(script, *words)
        assert done.returncode == 2
        assert "manifest.csv" in done.stderr


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (0, 51, 0.0, 0.0698),
        (0, 110, 0.0, 0.0330),
        (5, 20, 0.0866, 0.4910),
        (51, 51, 0.9302, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_ok_the_interval_is_clopper_s_and_pearson_s(hits: int, trials: int, low: float, high: float) -> None:
    """0 of n: 1 - 0.025 ** (1 / n); 5 of 20 as in any table."""
    assert clopper_pearson(hits, trials) == pytest.approx((low, high), abs=1e-4)


def test_ok_a_curve_is_drawn_also_where_nothing_was_found() -> None:
    nan = float("nan")
    curve = Curve("a < b", (0.0, 1.0, 2.0), (0.0, 1.0, nan), (0.5, 1.5, nan), (1.0, 2.0, nan))
    drawing = draw("title", "unit", [curve, Curve("flat", (1.0,), (0.0,), (0.0,), (0.0,))])
    assert drawing.startswith("<svg")
    assert "a &lt; b" in drawing
    assert "nan" not in drawing
