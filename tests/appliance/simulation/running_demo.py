"""`borne demo` as a person starts it, in a process of its own."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")


@contextmanager
def running_demo(
    data: Path, *options: str, ends_within: float, told: list[str] | None = None
) -> Iterator[str]:
    """The demo's address, and in `told` its greeting; the demo ends as by Ctrl-C, and must end by itself
    within so many seconds, without a fault."""
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance.cli", "demo", "--port", "0", "--data", str(data), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    assert process.stdout is not None
    while "Ctrl-C ends the demo" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    found = ADDRESS.search(said)
    assert found, said
    if told is not None:
        told.append(said)
    try:
        yield found.group()
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=ends_within)
    assert process.returncode == 0, rest
    assert "Traceback" not in rest, rest
