"""What came out of the suite: case -> check -> `pass`, `fail`, `n/a: why` or `not here: why`."""

import json
import os
from pathlib import Path

RESULTS_FILE = "BORNE_CONFORMANCE_RESULTS"
"""The environment variable that names a file for what came out."""

Results = dict[str, dict[str, str]]
SEEN: Results = {}
"""Of this session."""
GIVES: dict[str, tuple[str, ...]] = {}
"""Case -> the capabilities that its device declared."""


def note(case: str, check: str, outcome: str) -> None:
    """A failure stays one, whatever comes after it (the look for leaks comes last)."""
    checks = SEEN.setdefault(case, {})
    if checks.get(check) != "fail":
        checks[check] = outcome


def take_over(path: Path) -> None:
    """What a process of its own has written."""
    written = json.loads(path.read_text("utf-8"))
    for case, checks in written["results"].items():
        for check, outcome in checks.items():
            note(case, check, outcome)
    GIVES.update({case: tuple(names) for case, names in written["gives"].items()})


def write() -> None:
    """Where the environment asks for it."""
    name = os.environ.get(RESULTS_FILE)
    if name is not None:
        text = json.dumps({"results": SEEN, "gives": GIVES}, indent=1, sort_keys=True)
        Path(name).write_text(text + "\n", "utf-8")
