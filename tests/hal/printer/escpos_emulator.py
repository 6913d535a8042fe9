"""An ESC/POS printer at the other end of a pty, written from Epson's command reference.

It takes bytes into a buffer, answers real-time commands (DLE) at once, and works the buffer off while it has
paper and its cover is closed. What it printed are rows of dots, a page for each cut.
"""

import contextlib
import os
import select
import threading
import tty

import numpy as np


class EscposEmulator:
    """Hands: `paper`, `cover_open`, `broken`, `rubbish`, `unplug`, `replug`; eyes: `pages`."""

    def __init__(self, port, *, dots=576):
        self.port, self.dots = port, dots
        self.paper, self.cover_open, self.broken, self.rubbish, self.silent = True, False, False, False, False
        self.paper_for = None
        """Rows after which the roll ends; None: a long one."""
        self.pages, self.cleared = [], 0
        self._rows, self._waiting = [], b""
        self._taken = 0
        self._fds = ()
        self._lock = threading.RLock()
        self._thread = None
        self.unplug_after = None
        """Bytes after which the plug is pulled."""
        self.replug()

    def replug(self):
        self._fds = os.openpty()
        tty.setraw(self._fds[1])
        self.port.symlink_to(os.ttyname(self._fds[1]))
        self._waiting, self._rows, self._taken, self.unplug_after = b"", [], 0, None
        self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, args=(self._fds[0], self._stop[0]), daemon=True)
        self._thread.start()

    def unplug(self):
        with self._lock:
            fds, self._fds = self._fds, ()
            self.port.unlink(missing_ok=True)
        if not fds:
            return
        os.write(self._stop[1], b"x")
        if threading.current_thread() is not self._thread:
            self._thread.join()
        for fd in (*fds, *self._stop):
            os.close(fd)

    def load(self):
        """A new roll; what waited is printed."""
        with self._lock:
            self.paper, self.paper_for = True, None
            self._work()

    def _run(self, fd, stop):
        while True:
            ready, _, _ = select.select([fd, stop], [], [])
            if stop in ready:
                return
            try:
                data = os.read(fd, 4096)
            except OSError:
                return
            with self._lock:
                self._take(data, fd)
            if self.unplug_after is not None and self._taken >= self.unplug_after:
                threading.Thread(target=self.unplug).start()
                return

    def _take(self, data, fd):
        self._taken += len(data)
        self._waiting += data
        self._work(fd)

    def _ready(self):
        return self.paper and not self.cover_open and not self.broken

    def _work(self, fd=None):
        while self._waiting:
            used = self._one(fd)
            if used == 0:
                self._answer_in_the_queue(fd)
                return
            self._waiting = self._waiting[used:]

    def _answer_in_the_queue(self, fd):
        """Real-time commands are answered wherever they stand behind what waits (for paper)."""
        if self._ready():
            return
        while (at := self._waiting.find(b"\x10\x04")) >= 0 and len(self._waiting) > at + 2:
            self._status(self._waiting[at + 2], fd)
            self._waiting = self._waiting[:at] + self._waiting[at + 3 :]
        if self._waiting.endswith(b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"):
            self._clear()

    def _clear(self):
        self._waiting, self._rows = b"", []
        self.cleared += 1

    def _one(self, fd):
        """One command at the head of what waits; 0: not whole yet, or there is no paper."""
        data = self._waiting
        if data[:2] == b"\x10\x04":
            if len(data) < 3:
                return 0
            self._status(data[2], fd)
            return 3
        if data[:2] == b"\x10\x14":
            if len(data) < 10:
                return 0
            self.cleared += 1
            self._rows = []
            return 10
        if not self._ready():
            return 0
        if data[:2] == b"\x1b@":
            return 2
        if data[:4] == b"\x1dv0\x00":
            return self._raster(data)
        if data[:3] == b"\x1dVB":
            if len(data) < 4:
                return 0
            self.pages.append(np.array(self._rows, dtype=bool))
            self._rows = []
            return 4
        if data[:2] == b"\x1dr":
            if len(data) < 3:
                return 0
            self._say(b"\x00", fd)
            return 3
        if data[:1] == b"\n":
            return 1
        if len(data) < 4:
            return 0
        raise AssertionError(f"no command of ESC/POS: {data[:8]!r}")

    def _raster(self, data):
        if len(data) < 8:
            return 0
        width, height = (int.from_bytes(data[at : at + 2], "little") for at in (4, 6))
        if len(data) < 8 + width * height:
            return 0
        assert width * 8 == self.dots
        band = np.frombuffer(data[8 : 8 + width * height], np.uint8).reshape(height, width)
        self._rows += list(np.unpackbits(band, axis=1).astype(bool))
        if self.paper_for is not None and len(self._rows) >= self.paper_for:
            self.paper = False
        return 8 + width * height

    def _status(self, what, fd):
        answer = 0x12
        if what == 2:
            answer |= 0x04 * self.cover_open | 0x20 * (not self.paper) | 0x40 * self.broken
        if what == 4:
            answer |= 0x60 * (not self.paper)
        if not self.silent:
            self._say(bytes([answer]), fd)

    def _say(self, data, fd):
        with contextlib.suppress(OSError):
            os.write(fd if fd is not None else self._fds[0], b"\xff" if self.rubbish else data)

    def close(self):
        self.unplug()
