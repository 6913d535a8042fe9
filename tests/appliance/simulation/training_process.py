"""`borne training` as a trainer starts it, in a process of its own."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")


@contextmanager
def running_training(results: Path, *options: str) -> Iterator[str]:
    """The kiosk's address; the session ends as by Ctrl-C, without a fault."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "appliance.cli",
            "training",
            "--port",
            "0",
            "--results",
            str(results),
            *options,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    assert process.stdout is not None
    while not (found := ADDRESS.search(said)):
        line = process.stdout.readline()
        assert line, said
        said += line
    try:
        yield found.group()
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=90)
    assert process.returncode == 0, rest
    assert "Traceback" not in rest, rest
