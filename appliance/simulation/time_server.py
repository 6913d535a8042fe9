"""Debian's chronyd as a time server that proves who it is (NTS, RFC 8915), on loopback.

It gives out this machine's time and does not set it (`-x`). Boxes know no port but 4460 for the proof, so
that one must be free; where the time itself is asked, the server says in its proof (section 4.1.8).
"""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from appliance.simulation import leash

NTS_PORT: Final = 4460
STOP_SECONDS: Final = 10.0
LINES: Final = """
local stratum 8
port {port}
bindaddress 127.0.0.1
allow 127.0.0.1
ntsservercert {certificate}
ntsserverkey {key}
ntsprocesses 0
cmdport 0
bindcmdaddress {run}/cmd
pidfile {run}/pid
"""


def chronyd() -> str | None:
    """The program, where Debian's chrony is installed."""
    return shutil.which("chronyd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class TimeServer:
    """A context manager: it answers from `__enter__` on."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate, self._key = certificate, key
        self._folder = tempfile.TemporaryDirectory(prefix="borne-time-")
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = chronyd()
        if program is None:
            raise FileNotFoundError("Debian's chrony is not installed.")
        run = Path(self._folder.name)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        lines = LINES.format(port=port, certificate=self._certificate, key=self._key, run=run)
        (run / "chrony.conf").write_text(lines, "utf-8")
        self._daemon = subprocess.Popen(
            [program, "-x", "-U", "-d", "-u", getpass.getuser(), "-f", str(run / "chrony.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        leash.hold(self._daemon)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            try:
                self._daemon.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
        self._folder.cleanup()
