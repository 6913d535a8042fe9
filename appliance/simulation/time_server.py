"""Debian's chronyd as a time server that proves who it is (NTS, RFC 8915), on loopback.

It gives out this machine's time and does not set it (`-x`). Boxes ask for the proof at port 4460; where the
time itself is asked, the server says in its proof (section 4.1.8).
"""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from appliance.simulation import leash

NTS_PORT: Final = 4460
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0
LINES: Final = """
local stratum 8
port {port}
bindaddress 127.0.0.1
allow 127.0.0.1
ntsport {nts_port}
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


class TimeServerUnavailable(Exception):
    """It cannot be had here, in one plain sentence."""


class TimeServer:
    """A context manager: it answers from `__enter__` on."""

    def __init__(self, certificate: Path, key: Path, *, nts_port: int = NTS_PORT) -> None:
        self._certificate, self._key, self._nts_port = certificate, key, nts_port
        self._folder = tempfile.TemporaryDirectory(prefix="borne-time-")
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Raises:
        TimeServerUnavailable: chrony is not installed, its port is taken, or it ended.
        """
        program = chronyd()
        if program is None:
            raise TimeServerUnavailable("Debian's chrony is not installed.")
        if self._answers():
            raise TimeServerUnavailable(f"Port {self._nts_port} is somebody else's.")
        run = Path(self._folder.name)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        lines = LINES.format(
            port=port, nts_port=self._nts_port, certificate=self._certificate, key=self._key, run=run
        )
        (run / "chrony.conf").write_text(lines, "utf-8")
        self._daemon = subprocess.Popen(
            [program, "-x", "-U", "-d", "-u", getpass.getuser(), "-f", str(run / "chrony.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        leash.hold(self._daemon)
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._daemon.poll() is not None or time.monotonic() > end:
                self._stop()
                raise TimeServerUnavailable("chronyd does not answer.")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _answers(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self._nts_port)) == 0

    def _stop(self) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            try:
                self._daemon.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
        self._folder.cleanup()
