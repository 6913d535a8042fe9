"""How commands read files, and answer: JSON for programs, words for people, one error for "could not"."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

MARKS = {"PASS": "✓", "FAIL": "✗", "NOT_DONE": "–", "CANNOT": "?"}
COULD_NOT = 2
"""Exit code: bad input, or a missing device."""


def sentence(error: Exception) -> str:
    """What an error says, in a line for people."""
    if isinstance(error, OSError) and error.strerror:
        file = f"{error.filename}: " if error.filename else ""
        return f"{file}{error.strerror}."
    return str(error)


class CouldNot(Exception):
    """Bad input or a missing device: one line that says which, and what to do."""


def could_not(sentence: str) -> int:
    """Say it on standard error and go on; the exit code of what could not be done."""
    print(f"borne: {sentence}", file=sys.stderr)
    return COULD_NOT


def read_bounded(path: Path, limit: int) -> bytes:
    """The file's content, one byte beyond `limit` at the most: whoever reads it refuses what is longer.

    Raises:
        CouldNot: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise CouldNot(f"{path} cannot be read ({error.strerror}).") from error


def add_json_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def print_json(answer: Mapping[str, Any]) -> None:
    """One object on one line."""
    print(json.dumps(answer, ensure_ascii=False, default=str), flush=True)


def print_checks(checks: Iterable[Mapping[str, Any]]) -> None:
    """Checks as a table for people."""
    for check in checks:
        evidence = ", ".join(f"{key}={value}" for key, value in check["evidence"].items())
        mark = MARKS[check["verdict"]]
        print(f"  {mark} {check['verdict']:<8} {check['id']:<36} {check['reason']:<22} {evidence}")


def print_fields(fields: Mapping[str, Any]) -> None:
    """Named values, aligned."""
    for name, value in fields.items():
        print(f"  {name.replace('_', ' '):<24} {'' if value is None else value}")


def any_failed(checks: Iterable[Mapping[str, Any]]) -> bool:
    return any(check["verdict"] == "FAIL" for check in checks)
