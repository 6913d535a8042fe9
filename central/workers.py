"""Several receivers on one machine: processes that share the boxes' batches; a dead one is started again."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Final

MAX_WORKERS: Final = 32
RESTART_SECONDS: Final = 1.0
STOP_SECONDS: Final = 15.0
_PR_SET_PDEATHSIG: Final = 1
PARENT: Final = "BORNE_FIRST_WORKER"
"""Environment of a worker: the process id of the first one."""

log = logging.getLogger(__name__)


class Workers:
    """The receivers besides the first, which is the process that starts them. Use it as a context manager."""

    def __init__(self, arguments: Sequence[str], *, count: int) -> None:
        """`arguments` of `borne-central`, without what says which worker it is; `count` with the first."""
        self._arguments = tuple(arguments)
        self._count = count
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="workers", daemon=True)

    def __enter__(self) -> "Workers":
        for worker in range(2, self._count + 1):
            self._processes[worker] = self._start(worker)
        if self._processes:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(process.pid for process in self._processes.values())

    def _start(self, worker: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "central.cli", *self._arguments, "--worker", str(worker)]
        known = os.environ | {PARENT: str(os.getpid())}
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=known)

    def _watch(self) -> None:
        while not self._stop.wait(RESTART_SECONDS):
            for worker, process in list(self._processes.items()):
                if process.poll() is not None and not self._stop.is_set():
                    log.warning("worker %d ended with %s; it is started again", worker, process.returncode)
                    self._processes[worker] = self._start(worker)


def end_with_parent() -> None:
    """A worker's first act: the kernel ends it when the first one is killed (prctl(2), PR_SET_PDEATHSIG).

    One that was started by itself, on another machine, has no first one to end with.
    """
    parent = os.environ.get(PARENT)
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        raise SystemExit(0)  # it was killed before we had asked to be told
