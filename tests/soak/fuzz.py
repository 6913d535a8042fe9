"""Fuzz one parser with atheris, or with plain mutations where atheris is not installed.

    python tests/soak/fuzz.py TARGET --corpus FOLDER --runs N [--seconds S]

Adds to FOLDER.json as it goes (a run that is stopped loses at most a thousand executions): executions,
seconds, the slowest input, growth of memory. An input that crashes is kept beside the corpus as crash-...,
and ends the run.
"""

import argparse
import hashlib
import json
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

MAX_INPUT_BYTES = 4_096
MAX_PICTURE_BYTES = 32_768
"""A whole portrait, for the targets that decode it."""


class Count:
    """What this run and those before it have seen; on disk every thousand executions."""

    EVERY = 1_000

    def __init__(self, state: Path, engine: str) -> None:
        self._state = state
        self._told: dict[str, Any] = json.loads(state.read_text()) if state.exists() else {}
        self._engine = engine
        self.executions = 0
        self.slowest = 0.0
        self.began = self._last = time.monotonic()
        self.first_memory = 0

    def one(self, run: Any, target: str, data: bytes) -> None:
        began = time.process_time()
        run(target, data)
        self.slowest = max(self.slowest, time.process_time() - began)
        self.executions += 1
        if self.executions == 2 * self.EVERY:  # everything is loaded by then
            self.first_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if self.executions % self.EVERY == 0:
            self.keep(self.EVERY)

    def keep(self, executions: int) -> None:
        last, now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        growth = round((last - self.first_memory) / 1024, 1) if self.first_memory else 0.0
        told = self._told
        told["engine"] = self._engine
        told["executions"] = told.get("executions", 0) + executions
        told["seconds"] = round(told.get("seconds", 0.0) + now - self._last, 1)
        told["slowest_seconds"] = max(told.get("slowest_seconds", 0.0), round(self.slowest, 4))
        told["memory_growth_mb"] = max(told.get("memory_growth_mb", 0.0), growth)
        self._last = now
        self._state.write_text(json.dumps(told) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seconds", type=int, default=0)
    arguments = parser.parse_args()
    arguments.corpus.mkdir(parents=True, exist_ok=True)
    try:
        import atheris
    except ImportError:
        return fuzz_plainly(arguments)
    return fuzz_with_atheris(atheris, arguments)


def fuzz_with_atheris(atheris: Any, arguments: argparse.Namespace) -> int:
    with atheris.instrument_imports(
        include=["appliance.travel_document", "appliance.secure_messaging", "appliance.chip"]
    ):
        import fuzz_targets
    _seed(fuzz_targets, arguments)
    count = Count(_state(arguments), "atheris")

    def one(data: bytes) -> None:
        count.one(fuzz_targets.run_one, arguments.target, data)

    options = [
        sys.argv[0],
        str(arguments.corpus),
        f"-runs={arguments.runs}",
        f"-max_len={max_bytes(arguments.target)}",
        "-timeout=120",  # of the wall; a slow input shows in slowest_seconds, which is of the processor
        "-rss_limit_mb=1024",
        "-verbosity=0",
        "-print_final_stats=0",
        f"-artifact_prefix={arguments.corpus.parent}/crash-{arguments.target}-",
    ]
    if arguments.seconds:
        options.append(f"-max_total_time={arguments.seconds}")
    atheris.Setup(options, one)
    atheris.Fuzz()
    return 0


def fuzz_plainly(arguments: argparse.Namespace) -> int:
    """Mutations without feedback: slower to find anything, and better than nothing."""
    import fuzz_targets

    _seed(fuzz_targets, arguments)
    inputs = [path.read_bytes() for path in sorted(arguments.corpus.iterdir())] or [b""]
    count, dice = Count(_state(arguments), "plain"), random.Random(time.time_ns())
    while count.executions < arguments.runs:
        if arguments.seconds and time.monotonic() - count.began > arguments.seconds:
            break
        data = mutate(dice.choice(inputs), dice)[: max_bytes(arguments.target)]
        try:
            count.one(fuzz_targets.run_one, arguments.target, data)
        except Exception:
            name = f"crash-{arguments.target}-{hashlib.sha256(data).hexdigest()[:16]}"
            (arguments.corpus.parent / name).write_bytes(data)
            raise
    return 0


def _state(arguments: argparse.Namespace) -> Path:
    return arguments.corpus.with_suffix(".json")


def max_bytes(target: str) -> int:
    return MAX_PICTURE_BYTES if target.endswith("decoded") else MAX_INPUT_BYTES


def mutate(data: bytes, dice: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(out) + 1)
        match dice.randrange(4):
            case 0 if out:
                out[at % len(out)] = dice.randrange(256)
            case 1:
                out[at:at] = dice.randbytes(dice.randint(1, 4))
            case 2:
                del out[at : at + dice.randint(1, 8)]
            case _:
                out[at : at + 1] = bytes((dice.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF)),))
    return bytes(out)


def _seed(fuzz_targets: Any, arguments: argparse.Namespace) -> None:
    from kept_corpus import kept_for

    for seed in [*fuzz_targets.seeds(arguments.target), *kept_for(arguments.target)]:
        path = arguments.corpus / hashlib.sha1(seed).hexdigest()
        if not path.exists():
            path.write_bytes(seed)


if __name__ == "__main__":
    sys.exit(main())
