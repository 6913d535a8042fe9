"""Fingers: error rates with intervals, quality against errors, time and memory, on one core.

    python benchmarks/finger.py DATA [--json] [--peers] [--dpi 500] [--plots FOLDER]

DATA is a folder (with any below it) of pictures named FINGER_IMPRESSION, as FVC's are. All pairs of one
finger are compared, and all of two fingers or, where these are more, an even sample of them. --peers runs
PyPI's afis 1.2.7 on a fixed sample of 300 pairs beside Borne, in an environment of its own that is made in
`build/peers` when it is missing.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402 - the libraries read these when they load
import json  # noqa: E402
import platform  # noqa: E402
import re  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import venv  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from itertools import combinations  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from finger_parts.plotting import error_versus_reject_plot  # noqa: E402
from finger_parts.rates import Scores, error_rates, error_versus_reject  # noqa: E402

from appliance.biometrics.finger.calibration import score_of  # noqa: E402
from appliance.biometrics.finger.comparison import Prepared, compare_impressions  # noqa: E402
from appliance.biometrics.finger.impression import extract  # noqa: E402
from appliance.biometrics.finger.picture import FingerPicture  # noqa: E402
from appliance.biometrics.finger.picture_file import decoded  # noqa: E402
from appliance.biometrics.finger.quality import quality_of  # noqa: E402
from appliance.finger_settings import FingerSettings  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = Path(__file__).resolve().with_name("finger_parts")
NAMED = re.compile(r"(.+)_(\d+)\.(tiff?|png|bmp|pgm|jpe?g|jp2|wsq)", re.IGNORECASE)
AFIS = "afis==1.2.7"
SAMPLE = 300
"""Pairs for peers: a third of one finger, two thirds of two."""
REJECTED = tuple(round(0.025 * step, 3) for step in range(13))
STARTS = (0.05, 0.02, 0.01)


@dataclass
class Seen:
    """One picture."""

    path: Path
    finger: int
    prepared: Prepared
    quality: int
    seconds: float


def pictures(data: Path) -> list[tuple[Path, str]]:
    """Paths and their fingers' names, sorted."""
    found = []
    for path in sorted(data.rglob("*")):
        named = NAMED.fullmatch(path.name)
        if named:
            found.append((path, f"{path.parent.relative_to(data)}/{named[1]}"))
    return found


def look_through(named: Sequence[tuple[Path, str]], dpi: float | None) -> list[Seen]:
    numbers = {name: number for number, name in enumerate(sorted({name for _, name in named}))}
    seen = []
    for number, (path, name) in enumerate(named, start=1):
        progress("pictures", number, len(named))
        file = decoded(path.read_bytes())
        picture = FingerPicture(file.pixels, dpi or file.dpi or 500.0)
        began = time.process_time()
        extracted = extract(picture)
        prepared = Prepared(extracted.impression)
        _ = prepared.surroundings
        seconds = time.process_time() - began
        quality = quality_of(extracted, picture.at_working_resolution()).score
        seen.append(Seen(path, numbers[name], prepared, quality, seconds))
    return seen


def pairs_of(seen: Sequence[Seen], most: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(of one finger, of two), the second thinned out evenly to `most`."""
    every = list(combinations(range(len(seen)), 2))
    same = [(a, b) for a, b in every if seen[a].finger == seen[b].finger]
    different = [(a, b) for a, b in every if seen[a].finger != seen[b].finger]
    if len(different) > most:
        chosen = np.random.default_rng(1).choice(len(different), most, replace=False)
        different = [different[k] for k in sorted(chosen)]
    return same, different


def compared(seen: Sequence[Seen], pairs: Sequence[tuple[int, int]], seconds: list[float]) -> Scores:
    values = []
    for number, (a, b) in enumerate(pairs, start=1):
        progress("pairs", number, len(pairs))
        began = time.process_time()
        values.append(compare_impressions(seen[a].prepared, seen[b].prepared).value)
        seconds.append(time.process_time() - began)
    one, other = (np.array([seen[pair[k]].finger for pair in pairs], dtype=int) for k in (0, 1))
    return Scores(np.array(values), one, other)


def at_threshold(genuine: Scores, impostor: Scores, threshold: float) -> dict[str, Any]:
    """What happens at the threshold that the box has."""
    same = np.array([score_of(value) for value in genuine.values])
    different = np.array([score_of(value) for value in impostor.values])
    return {
        "threshold": round(threshold, 2),
        "fnmr": round(float((same < threshold).mean()), 6),
        "fmr": round(float((different >= threshold).mean()), 6),
        "highest_impostor": round(float(different.max()), 2),
    }


def sample_pairs(
    same: Sequence[tuple[int, int]], different: Sequence[tuple[int, int]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The fixed sample for peers."""
    random = np.random.default_rng(300)
    wanted = ((same, SAMPLE // 3), (different, SAMPLE - SAMPLE // 3))
    first, second = (
        [group[k] for k in sorted(random.choice(len(group), min(count, len(group)), replace=False))]
        for group, count in wanted
    )
    return first, second


def peers(seen: Sequence[Seen], same: Any, different: Any) -> dict[str, Any]:
    """afis and Borne on the same 300 pairs, in this run."""
    chosen = sample_pairs(same, different)
    folder = REPOSITORY / "build" / "peers" / "afis"
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"peers: making an environment with {AFIS} ...", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", AFIS, "numba"], check=True)
    task = {"pictures": [str(each.path.resolve()) for each in seen], "pairs": [*chosen[0], *chosen[1]]}
    done = subprocess.run(
        [str(python), str(PARTS / "afis_pairs.py")],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout)
    answer: dict[str, Any] = {"pairs": {"one_finger": len(chosen[0]), "two_fingers": len(chosen[1])}}
    ours: list[float] = []
    answer["borne"] = error_rates(*(compared(seen, pairs, ours) for pairs in chosen))
    for name, scores in theirs["scores"].items():
        values = np.array(scores)
        split = len(chosen[0])
        parts = []
        for pairs, part in zip(chosen, (values[:split], values[split:]), strict=True):
            one, other = (np.array([seen[pair[k]].finger for pair in pairs], dtype=int) for k in (0, 1))
            parts.append(Scores(part, one, other))
        answer[name] = error_rates(*parts)
    answer["afis_version"] = theirs["version"]
    answer["afis_cpu_ms"] = theirs["cpu_ms"]
    return answer


def percentiles(values: Sequence[float]) -> dict[str, float]:
    low, middle, high = np.percentile(np.array(values) * 1e3, [0, 50, 95])
    return {"min": round(float(low), 2), "p50": round(float(middle), 2), "p95": round(float(high), 2)}


def peak_mb() -> float:
    """VmHWM of this process."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def progress(what: str, number: int, of: int) -> None:
    if sys.stderr.isatty() and (number % 20 == 0 or number == of):
        print(f"\r{number} of {of} {what}  ", end="" if number < of else "\n", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, help="a folder of pictures named FINGER_IMPRESSION")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--dpi", type=float, help="of all pictures; without it what they say, or 500")
    parser.add_argument("--most-impostors", type=int, default=10_000)
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw quality against errors there")
    arguments = parser.parse_args()
    named = pictures(arguments.data) if arguments.data and arguments.data.is_dir() else []
    if len({name for _, name in named}) < 2 or len(named) == len({name for _, name in named}):
        print(
            "finger: needs a folder of pictures named FINGER_IMPRESSION, of two fingers at the least, "
            "one of them twice; nothing was measured.",
            file=sys.stderr,
        )
        return 2
    load = os.getloadavg()[0]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    seen = look_through(named, arguments.dpi)
    same, different = pairs_of(seen, arguments.most_impostors)
    seconds: list[float] = []
    genuine, impostor = compared(seen, same, seconds), compared(seen, different, seconds)
    worse = np.array([min(seen[a].quality, seen[b].quality) for a, b in same])
    curves = error_versus_reject(genuine.values, worse, fnmr=STARTS, shares=REJECTED)
    extraction, comparison = percentiles([each.seconds for each in seen]), percentiles(seconds)
    answer: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load_average": round(load, 1),
        "pictures": len(seen),
        "fingers": len({each.finger for each in seen}),
        "genuine_pairs": len(same),
        "impostor_pairs": len(different),
        **error_rates(genuine, impostor),
        "at_configured_threshold": at_threshold(genuine, impostor, FingerSettings().threshold),
        "extraction_cpu_ms": extraction,
        "comparison_cpu_ms": comparison,
        "extraction_plus_comparison_p50_ms": round(extraction["p50"] + comparison["p50"], 1),
        "peak_rss_mb": peak_mb(),
        "quality": {
            "percentiles_5_50_95": [
                int(v) for v in np.percentile([each.quality for each in seen], [5, 50, 95])
            ],
            "rejected": list(REJECTED),
            "fnmr_left_by_fnmr_at_start": curves,
        },
        "note": "intervals: bootstrap over fingers; CPU time of the process, one thread",
    }
    if arguments.plots:
        arguments.plots.mkdir(parents=True, exist_ok=True)
        plot = error_versus_reject_plot(REJECTED, curves, f"{len(same)} genuine pairs")
        (arguments.plots / "error-versus-reject.svg").write_text(plot, encoding="utf-8")
    if arguments.peers:
        answer["peers"] = peers(seen, same, different)
    print(json.dumps(answer) if arguments.json else json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
