"""The whole box with full lists in a memory cgroup: 20 million numbers, 300,000 names, the demo's traffic.

    python benchmarks/whole_box.py DATA --json [--documents N] [--names N] [--travellers N] [--cpus 2.0]

All four services, the models and the kiosk's page are one process here, as in the demo; broker, central, its
gateway and the simulators are in the same cgroup, so that the box alone takes less. Devices and chip answer
with real delays. Document numbers are drawn hashes, names are parts of the names in `DATA` drawn anew; both
come to the box as on a stick: sealed, signed, through its gate. Needs root and cgroups of version 1; exit 2
without.
"""

import argparse
import datetime as dt
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from nacl.signing import SigningKey

from appliance.config import load_config
from appliance.key_files import read_key
from appliance.opening import box_keys, reference_store
from appliance.reference_data.commands import sign
from appliance.reference_data.repository import Repository
from appliance.screening.build import build_persons
from appliance.screening.lists import ListInfo, ListKind
from appliance.simulation.chip.pcscd import VirtualReader
from appliance.simulation.demo import Demo, DemoSettings
from benchmarks.screening_documents import KEY, build
from benchmarks.screening_latency import made
from benchmarks.screening_persons import read_list

CGROUPS = Path("/sys/fs/cgroup")
LIMIT_BYTES = 1_500_000_000
PERIOD_US = 100_000
SAMPLE_SECONDS = 0.2


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--documents", type=int, default=20_000_000)
    parser.add_argument("--names", type=int, default=300_000)
    parser.add_argument("--travellers", type=int, default=16)
    parser.add_argument("--cpus", type=float, default=2.0, help="of this machine's cores, what the box gets")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside is not None:
        return inside(arguments.inside, arguments.travellers)
    if not (CGROUPS / "memory").is_dir() or os.geteuid() != 0:
        print("whole_box: needs root and cgroups of version 1.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="borne-whole-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        make_lists(arguments.data, folder, arguments.documents, arguments.names)
        with Cgroup(arguments.cpus) as cgroup:
            answer = measured(folder, cgroup, arguments)
    print(json.dumps(answer) if arguments.json else json.dumps(answer, indent=1))
    return 0 if answer["exit_code"] == 0 else 1


def make_lists(data: Path, folder: Path, documents: int, names: int) -> None:
    build(folder / "documents", documents, np.random.default_rng(1))
    real = [name for entry in read_list(data) for name, _ in entry.names]
    info = ListInfo(
        name="fullnames", kind=ListKind.PERSONS, version=1, issued_at=dt.datetime.now(dt.UTC), owner="o",
        legal_basis="l", contact="c", action="a", stale_after_hours=48.0,
    )  # fmt: skip
    build_persons(folder / "persons", made(real, names), info=info)


class Cgroup:
    """What the box may have; gone again at the end."""

    def __init__(self, cpus: float) -> None:
        self.memory, self.cpu = (CGROUPS / kind / f"borne-{os.getpid()}" for kind in ("memory", "cpu"))
        self._cpus = cpus

    def __enter__(self) -> "Cgroup":
        self.memory.mkdir()
        self.cpu.mkdir()
        (self.memory / "memory.limit_in_bytes").write_text(str(LIMIT_BYTES))
        (self.cpu / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (self.cpu / "cpu.cfs_quota_us").write_text(str(int(self._cpus * PERIOD_US)))
        return self

    def __exit__(self, *_: object) -> None:
        for folder in (self.memory, self.cpu):
            for pid in (folder / "cgroup.procs").read_text().split():
                (folder.parent / "cgroup.procs").write_text(pid)
            folder.rmdir()

    def take(self) -> None:
        """This process and its children, from now on."""
        for folder in (self.memory, self.cpu):
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def resident(self) -> int:
        """Bytes that no other process could have: anonymous and mapped."""
        stat = dict(line.split() for line in (self.memory / "memory.stat").read_text().splitlines())
        return int(stat["total_rss"]) + int(stat["total_mapped_file"])

    def number(self, name: str) -> int:
        return int((self.memory / name).read_text())


def measured(folder: Path, cgroup: Cgroup, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, str(arguments.data), "--inside", str(folder)]
    command += ["--travellers", str(arguments.travellers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=cgroup.take)  # noqa: PLW1509
    peaks = [0]

    def watch() -> None:
        while process.poll() is None:
            peaks[0] = max(peaks[0], cgroup.resident())
            time.sleep(SAMPLE_SECONDS)

    watcher = threading.Thread(target=watch)
    watcher.start()
    said, _ = process.communicate()
    watcher.join()
    rows = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    crossings = [row for row in rows if "traveller" in row]
    box = next((row for row in rows if "lists" in row), {})
    return {
        "documents": arguments.documents,
        "names": arguments.names,
        "cpus": arguments.cpus,
        "limit_mb": LIMIT_BYTES // 10**6,
        "exit_code": process.returncode,
        "crossings": len(crossings),
        "acknowledged": sum(row["acknowledged"] for row in crossings),
        "seconds_median": float(np.median([row["seconds"] for row in crossings])) if crossings else None,
        "resident_peak_mb": peaks[0] // 10**6,
        "with_page_cache_peak_mb": cgroup.number("memory.max_usage_in_bytes") // 10**6,
        "limit_was_met": cgroup.number("memory.failcnt"),
        **box,
    }


class FullDemo(Demo):
    """The demo, whose box has the full lists before it starts."""

    def __init__(self, settings: DemoSettings, lists: Path) -> None:
        super().__init__(settings)
        self._lists = lists

    async def _run_box(self, configuration: Path, slot: VirtualReader | None) -> int:
        bring(configuration, self._lists)
        code = await super()._run_box(configuration, slot)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // 10**6
        print(json.dumps({"lists": list(installed(configuration)), "box_process_peak_mb": peak}))
        return code


def bring(configuration: Path, lists: Path) -> None:
    """Seal and sign both lists for this box, and take them through its gate, as from a stick."""
    config = load_config(configuration)
    reference = configuration.parents[1] / "central/reference"
    repository = Repository(reference)
    key = read_key(configuration.parents[1] / "central/keys/reference.key", SigningKey)
    own = box_keys(config).sealing
    now = dt.datetime.now(dt.UTC)
    for name, index_key in (("documents", KEY), ("persons", b"")):
        sign(
            lists / name,
            repository,
            recipients=[own.public_key],
            issuer_keys=[key],
            publisher_key=key,
            now=now,
            index_key=index_key,
        )
    store = reference_store(
        config.paths.data / "lists", config.paths.keys, config.central.reference_root, production=False,
        private_key=own,
    )  # fmt: skip
    store.bring(reference, now=now, time_quality="nts")


def installed(configuration: Path) -> Iterator[str]:
    config = load_config(configuration)
    for path in sorted((config.paths.data / "lists").rglob("*")):
        if path.is_file() and path.stat().st_size > 10**6:
            yield f"{path.name[:24]}: {path.stat().st_size // 10**6} MB"


def inside(folder: Path, travellers: int) -> int:
    settings = DemoSettings(
        headless=True, travellers=travellers, realistic=True, json=True, folder=folder / "demo"
    )
    return FullDemo(settings, folder).run()


if __name__ == "__main__":
    sys.exit(main())
