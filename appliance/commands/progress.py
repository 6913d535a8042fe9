"""A progress bar for long work: on standard error, only where somebody looks at it, at most ten times a
second."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

WIDTH = 30
PAUSE_SECONDS = 0.1


class Bar:
    """`with Bar("hashing") as bar: work(progress=bar)`; called with how much is done, and of how much."""

    def __init__(self, what: str, *, stream: TextIO | None = None) -> None:
        self._what = what
        self._stream = stream or sys.stderr
        self._seen = self._stream.isatty()
        self._next = 0.0
        self._drawn = False

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if not self._seen or (now < self._next and done < total):
            return
        self._next = now + PAUSE_SECONDS
        if total > done or total > 1000:
            full = WIDTH * done // max(total, 1)
            bar = f"{'█' * full}{'·' * (WIDTH - full)} {100 * done // max(total, 1):3d} %"
            self._stream.write(f"\r{self._what:<12} {bar} {done:,} \x1b[K")
            self._stream.flush()
            self._drawn = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
