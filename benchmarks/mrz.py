"""How well and how fast MRZs are read in pictures: `python benchmarks/mrz.py DATA [--json] [--peers]`.

DATA has `manifest.csv` (file, gt1, gt2, gt3, and type or level) and `images/`. A picture without gt1 shows no
MRZ. One thread; times are CPU milliseconds of this process. With --peers, PyPI's passporteye and Debian's
tesseract read the same pictures in the same run (`--peers-python` names an interpreter that has passporteye).
"""

import argparse
import csv
import datetime as dt
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_THREAD_LIMIT", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

SMALL = 400
"""Pixels across: a picture below has some 8 to a character or fewer."""
MRZ_LENGTHS = (30, 36, 44)
PEER = Path(__file__).with_name("peers") / "passporteye_lines.py"


@dataclass(slots=True)
class Tally:
    """What one reader made of all pictures."""

    exact: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    right: float = 0.0
    false_answers: list[str] = field(default_factory=list)
    negatives: int = 0
    confident_wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def add(
        self, row: dict[str, str], group: Iterable[str], lines: Sequence[str], *, sure: bool, cpu: float
    ) -> None:
        """One picture."""
        self.cpu_ms.append(1000 * cpu)
        truth = [row[name] for name in ("gt1", "gt2", "gt3") if row.get(name)]
        if not truth:
            self.negatives += 1
            if lines:
                self.false_answers.append(row["file"])
            return
        exact = list(lines) == truth
        for name in ("all", *group):
            self.exact[name].append(exact)
        self.right += similarity("".join(truth), "".join(lines))
        if not exact:
            self.missed.append(row["file"])
            if sure:
                self.confident_wrong.append(row["file"])

    def figures(self) -> dict[str, Any]:
        """As JSON."""
        every = self.exact["all"]
        cpu = sorted(self.cpu_ms)
        return {
            "pictures": len(every),
            "exact": share(every),
            "characters": round(self.right / max(len(every), 1), 4),
            "by_group": {name: share(found) for name, found in sorted(self.exact.items()) if name != "all"},
            "negatives": self.negatives,
            "false_answers": self.false_answers,
            "confident_wrong": self.confident_wrong,
            "confident_wrong_upper_95": round(upper(len(self.confident_wrong), len(every)), 5),
            "not_exact": self.missed,
            "cpu_ms": {
                "median": round(statistics.median(cpu), 1),
                "p95": round(cpu[max(0, math.ceil(0.95 * len(cpu)) - 1)], 1),
            },
        }


def share(found: Sequence[bool]) -> dict[str, Any]:
    """A fraction with its Wilson interval at 95 %."""
    n, z = len(found), 1.96
    p = sum(found) / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    return {"n": n, "share": round(p, 4), "low": round(max(low, 0), 4), "high": round(min(high, 1), 4)}


def upper(hits: int, n: int) -> float:
    """The 95 % upper bound of a rate: exact for none seen, Wilson's for others."""
    if n == 0:
        return 1.0
    return 1 - 0.05 ** (1 / n) if hits == 0 else float(share([True] * hits + [False] * (n - hits))["high"])


def similarity(truth: str, read: str) -> float:
    """1 - edit distance / length, 0 for an empty answer."""
    from rapidfuzz.distance import Levenshtein

    return max(0.0, 1 - Levenshtein.distance(truth, read) / len(truth)) if read else 0.0


def ours() -> Callable[[Path], tuple[Sequence[str], bool, float]]:
    """Our reader: lines, whether it is certain, CPU seconds with decoding."""
    from appliance.services.capture.page_reader import PageReader
    from appliance.services.capture.pictures import decode_picture, read_file

    reader, today = PageReader(), dt.datetime.now(dt.UTC).date()

    def read(image: Path) -> tuple[Sequence[str], bool, float]:
        began = time.process_time()
        reading = reader.read(decode_picture(read_file(image)), today=today)
        took = time.process_time() - began
        return (() if reading.optical is None else reading.optical.lines), reading.certain, took

    return read


def tesseract(image: Path) -> tuple[Sequence[str], bool, float]:
    """The whole page through Debian's tesseract (eng), the last lines that look like MRZ."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ["tesseract", str(image), "-", "--psm", "6"], capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = [line.replace(" ", "") for line in done.stdout.upper().splitlines()]
    lines = [line for line in lines if len(line) in MRZ_LENGTHS]
    if lines:
        length = len(lines[-1])
        lines = [line for line in lines if len(line) == length][-(3 if length == 30 else 2) :]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return lines, False, cpu


def passporteye(python: str) -> Callable[[Path], tuple[Sequence[str], bool, float]]:
    """PyPI's passporteye in a process of its own; its CPU time includes tesseract's."""
    process = subprocess.Popen([python, str(PEER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def read(image: Path) -> tuple[Sequence[str], bool, float]:
        stdin.write(f"{image}\n")
        stdin.flush()
        answer = json.loads(stdout.readline())
        return answer["lines"], bool(answer["valid"]), float(answer["cpu"])

    return read


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--peers-python", default=sys.executable)
    chosen = parser.parse_args()
    if chosen.data is None or not (chosen.data / "manifest.csv").is_file():
        print("mrz: name a folder with manifest.csv and images/.", file=sys.stderr)
        return 2
    import cv2

    cv2.setNumThreads(1)
    with (chosen.data / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("use", "bench").startswith(("bench", "neg"))]
    readers: dict[str, Callable[[Path], tuple[Sequence[str], bool, float]]] = {"borne": ours()}
    if chosen.peers and shutil.which("tesseract"):
        readers["tesseract"] = tesseract
        readers["passporteye"] = passporteye(chosen.peers_python)
    tallies = {name: Tally() for name in readers}
    for number, row in enumerate(rows, start=1):
        image = chosen.data / "images" / row["file"]
        group = [f"level {row['level']}"] if row.get("level") else []
        group.append(row.get("type") or "")
        if row.get("width"):
            group.append(f"{'below' if int(row['width']) < SMALL else 'from'} {SMALL} px")
        for name, read in readers.items():
            lines, sure, cpu = read(image)
            tallies[name].add(row, group, lines, sure=sure, cpu=cpu)
        if sys.stderr.isatty():
            print(f"\r{number}/{len(rows)}", end="", file=sys.stderr)
    answer: dict[str, Any] = {name: tally.figures() for name, tally in tallies.items()}
    answer["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    print(json.dumps(answer, indent=None if chosen.json else 2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
