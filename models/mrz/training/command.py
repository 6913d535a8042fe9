"""The command line that both trainings have."""

import argparse
from collections.abc import Callable
from pathlib import Path


def train_as_asked(
    train: Callable[[Path, int, int, Path | None, int], None],
    description: str | None,
    *,
    steps: int,
    seed: int,
) -> None:
    """Runs `train(out, steps, makers, start, seed)` with what the command line says; steps and seed unless
    told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--makers", type=int, default=1, help="processes that make pictures")
    parser.add_argument("--start", type=Path, help="weights to begin from")
    parser.add_argument("--seed", type=int, default=seed)
    chosen = parser.parse_args()
    train(chosen.out, chosen.steps, chosen.makers, chosen.start, chosen.seed)
