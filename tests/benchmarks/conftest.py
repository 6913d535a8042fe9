"""Lets the tests of this folder import the benchmarks' parts and what the whole house shares."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]
