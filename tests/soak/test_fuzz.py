"""Ten million hostile inputs over all parsers, resumable: what was done is counted beside the corpus.

make soak ARGS="-k fuzz"        BORNE_FUZZ_FOLDER=... to keep corpus and counts elsewhere than in build/fuzz
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
FOLDER = Path(os.environ.get("BORNE_FUZZ_FOLDER", HERE.parents[1] / "build" / "fuzz"))
SHARE = float(os.environ.get("BORNE_FUZZ_SHARE", "1"))
"""Of the executions that each target is due."""


def due() -> dict[str, int]:
    from fuzz_targets import TARGETS

    return {name: int(runs * SHARE) for name, (_, runs) in TARGETS.items()}


def done(target: str) -> dict:
    state = FOLDER / f"{target}.json"
    return json.loads(state.read_text()) if state.exists() else {"executions": 0}


def test_ok__together_they_are_ten_million() -> None:
    from fuzz_targets import TARGETS

    assert sum(runs for _, runs in TARGETS.values()) >= 10_000_000


@pytest.mark.parametrize("target", list(due()))
def test_ok__the_kept_corpus(target: str) -> None:
    """In `make test`: all that fuzzing kept goes through the parsers of today."""
    from fuzz_targets import run_one
    from kept_corpus import kept_for

    for data in kept_for(target):
        run_one(target, data)


def test_ok__a_corpus_is_kept(tmp_path: Path) -> None:
    from kept_corpus import keep, kept_for

    (tmp_path / "der").mkdir()
    for content in (b"long enough", b"short", b"short", bytes(9_000)):
        (tmp_path / "der" / str(id(content))).write_bytes(content)
    archive = tmp_path / "corpus.zip"
    assert keep(tmp_path, archive) == 2
    assert kept_for("der", archive) == [b"short", b"long enough"]
    assert kept_for("sod", archive) == kept_for("der", tmp_path / "none.zip") == []


@pytest.mark.soak
@pytest.mark.parametrize("target", list(due()))
def test_ok__no_input_gets_past_the_typed_errors(target: str) -> None:
    left = due()[target] - done(target)["executions"]
    if left > 0:
        command = [sys.executable, str(HERE / "fuzz.py"), target, "--corpus", str(FOLDER / target)]
        ran = subprocess.run([*command, "--runs", str(left)], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr[-3000:]
    told = done(target)
    assert told["executions"] >= due()[target] - 2_000
    assert told["slowest_seconds"] < 5
    assert told["memory_growth_mb"] < 512
    assert not list(FOLDER.glob(f"crash-{target}-*"))


@pytest.mark.parametrize("target", list(due()))
def test_ok__honest_inputs_and_a_few_mutations(target: str) -> None:
    """What `make test` does of it: the seeds and some hundred mutations, in seconds."""
    import random

    from fuzz import mutate
    from fuzz_targets import run_one, seeds

    dice = random.Random(7)
    for seed in seeds(target):
        run_one(target, seed)
        for _ in range(20 if target == "reading" or target.endswith("decoded") else 150):
            run_one(target, mutate(seed, dice))
