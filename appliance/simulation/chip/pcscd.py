"""The PC/SC daemon with its virtual reader, for the time of a demo, a training or a test.

Its virtual reader listens on every interface, without authentication: never in a production image.
There is one daemon a machine, so whoever uses the virtual reader holds a lock on one file.
"""

import contextlib
import fcntl
import importlib
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from appliance.simulation import leash
from appliance.simulation.chip.vpcd import PORT, Chip, InsertedChip

PROGRAM = Path("/usr/sbin/pcscd")
READER_NAME_PREFIX = "Virtual PCD"
LOCK_PATH = Path("/tmp/borne-virtual-reader.lock")  # noqa: S108 - the one folder that all users share
"""Machine-wide like the daemon: not in TMPDIR, which may differ between two that must wait for each other."""
WAIT_SECONDS = float(os.environ.get("BORNE_VIRTUAL_READER_SECONDS", "60"))
"""How long to wait for another demo or test to finish with the reader; tests side by side wait longer."""
START_SECONDS = 30.0
STOP_SECONDS = 5.0
SETTLE_SECONDS = 3.0
"""How long a chip that was just taken out may still be seen: the daemon looks twice a second."""
POLL_SECONDS = 0.05


class PcscdUnavailable(Exception):
    """The virtual reader cannot be had here, in one plain sentence that says why."""


class VirtualReader:
    """The reader that is now ours, to put chips into and take them out, one at a time.

    The daemon looks for chips twice a second. A chip exchanged for another in between would not be
    noticed, as a hand never could, so a chip goes in only after the daemon has seen the reader empty.
    """

    def __init__(self, *, name: str, started: bool, scard: Any, context: int) -> None:
        self.name = name
        """As PC/SC lists it."""
        self.started = started
        """Whether the daemon runs only for us."""
        self._scard = scard
        self._context = context
        self._inserted: InsertedChip | None = None

    def insert(self, chip: Chip) -> None:
        """Put this chip into the reader, in place of one that may be there.

        Raises:
            PcscdUnavailable: another chip, not ours, lies there.
            VpcdError: the reader's driver does not take it.
        """
        self.remove()
        self.wait_until_empty()
        inserted = InsertedChip(chip)
        inserted.insert()
        self._inserted = inserted

    def remove(self) -> None:
        """Take the chip out; an empty reader stays empty."""
        inserted, self._inserted = self._inserted, None
        if inserted is not None:
            inserted.remove()

    @contextlib.contextmanager
    def inserted(self, chip: Chip) -> Iterator[None]:
        """The chip lies in the reader for as long."""
        self.insert(chip)
        try:
            yield
        finally:
            self.remove()

    def wait_until_empty(self) -> None:
        """Return when PC/SC sees no chip any more."""
        deadline = time.monotonic() + SETTLE_SECONDS
        look = [(self.name, self._scard.SCARD_STATE_UNAWARE)]
        while True:
            result, states = self._scard.SCardGetStatusChange(self._context, 0, look)
            if result == self._scard.SCARD_S_SUCCESS and states[0][1] & self._scard.SCARD_STATE_EMPTY:
                return
            if time.monotonic() >= deadline:
                raise PcscdUnavailable("A chip that is not ours lies in the virtual reader.")
            time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def virtual_reader(
    *, wait_seconds: float = WAIT_SECONDS, lock_path: Path = LOCK_PATH, program: Path = PROGRAM
) -> Iterator[VirtualReader]:
    """Hold the empty virtual reader: of the daemon that runs, or of one that runs for as long.

    A daemon started here ends by itself a minute after the last client, should this process be killed.

    Raises:
        PcscdUnavailable: not installed, not permitted, port taken, in use, ...
    """
    scard = _scard()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_locked(lock_path, wait_seconds))
        context = _connect(scard)
        started = context is None
        if context is None:
            daemon, output = stack.enter_context(_daemon(program))
            context = _wait_for_service(scard, daemon, output)
        # Held to the end: a daemon with a client does not end by itself.
        stack.callback(scard.SCardReleaseContext, context)
        name = _wait_for_reader(scard, context, started=started)
        reader = VirtualReader(name=name, started=started, scard=scard, context=context)
        reader.wait_until_empty()
        stack.callback(reader.remove)
        yield reader


def _scard() -> Any:
    try:
        return importlib.import_module("smartcard.scard")
    except ImportError as error:
        raise PcscdUnavailable("The PC/SC library (package libpcsclite1) is not installed.") from error


@contextlib.contextmanager
def _locked(path: Path, wait_seconds: float) -> Iterator[None]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise PcscdUnavailable(f"The lock file {path} cannot be opened: {error.strerror}.") from error
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise PcscdUnavailable("Another demo or test is using the virtual reader.") from None
                time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _daemon(program: Path) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    if not program.exists():
        raise PcscdUnavailable("The PC/SC daemon (package pcscd) is not installed.")
    _check_port_free()
    with tempfile.TemporaryFile() as output:
        try:
            daemon = subprocess.Popen(
                [program, "--foreground", "--auto-exit"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise PcscdUnavailable(f"The PC/SC daemon cannot be started: {error.strerror}.") from error
        leash.hold(daemon)
        try:
            yield daemon, output
        finally:
            daemon.terminate()
            try:
                daemon.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _check_port_free() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", PORT))
            probe.listen()
        except OSError as error:
            raise PcscdUnavailable(f"Port {PORT} of the virtual reader is taken.") from error


def _connect(scard: Any) -> int | None:
    """A context of the running daemon, None when none runs."""
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if result == scard.SCARD_S_SUCCESS:
        return int(context)
    if result in (scard.SCARD_E_NO_SERVICE, scard.SCARD_E_SERVICE_STOPPED):
        return None
    raise PcscdUnavailable(f"The PC/SC daemon refuses us: {scard.SCardGetErrorMessage(result)}")


def _wait_for_service(scard: Any, daemon: subprocess.Popen[bytes], output: IO[bytes]) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if daemon.poll() is not None:
            output.seek(0)
            words = output.read().decode(errors="replace").strip().splitlines()
            said = words[-1].strip() if words else f"exit status {daemon.returncode}"
            raise PcscdUnavailable(f"The PC/SC daemon ended at once: {said}")
        context = _connect(scard)
        if context is not None:
            return context
        time.sleep(POLL_SECONDS)
    raise PcscdUnavailable("The PC/SC daemon was started but does not answer.")


def _wait_for_reader(scard: Any, context: int, *, started: bool) -> str:
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        _, names = scard.SCardListReaders(context, [])
        for name in names or ():
            if name.startswith(READER_NAME_PREFIX):
                return str(name)
        if time.monotonic() >= deadline:
            raise PcscdUnavailable(
                "The PC/SC daemon has no virtual reader: install the package vsmartcard-vpcd"
                + (" and try again." if started else " and restart the daemon.")
            )
        time.sleep(POLL_SECONDS)
