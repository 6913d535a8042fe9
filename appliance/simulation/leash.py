"""What this process has started ends with it, however it ends: kill -9 of a demo leaves no broker behind.

PR_SET_PDEATHSIG would fire when the thread that started a child ends, and brokers are started from worker
threads. So one small process holds the other end of a pipe: when the pipe closes, because its writer is gone,
it kills what it was told of. It knows its charges by pidfd, so a number that was given out anew is nobody's.
"""

import contextlib
import os
import signal
import subprocess
import sys
from typing import IO, Final

_LINE_BYTES: Final = 32
"""A word of ours is a sign and a number."""


class _Leash:
    """One watcher a process; a forked child has none yet, and begins its own."""

    owner = 0
    watcher: "subprocess.Popen[bytes] | None" = None

    def pipe(self) -> IO[bytes]:
        if self.watcher is None or self.owner != os.getpid() or self.watcher.poll() is not None:
            self.owner = os.getpid()
            self.watcher = subprocess.Popen(
                [sys.executable, "-S", "-E", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        assert self.watcher.stdin is not None
        return self.watcher.stdin


_LEASH: Final = _Leash()


def hold(process: "subprocess.Popen[bytes]") -> None:
    """Have this child killed when this process is gone."""
    with contextlib.suppress(BrokenPipeError):  # somebody has killed the watcher: the child runs all the same
        pipe = _LEASH.pipe()
        pipe.write(b"%d\n" % process.pid)
        pipe.flush()


def watch(pipe: IO[bytes]) -> None:
    """The watcher: learn of processes until the pipe closes, then kill those that still run."""
    charges: list[int] = []
    while line := pipe.readline(_LINE_BYTES):
        with contextlib.suppress(ProcessLookupError, ValueError):  # it has ended already
            charges.append(os.pidfd_open(int(line)))
    for charge in charges:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(charge, signal.SIGKILL)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends when its pipe does, and after everybody else
    watch(sys.stdin.buffer)
