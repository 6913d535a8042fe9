"""Fetches what a lock file names into a folder kept by hash; what has another hash is never used."""

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from board import Board
from lock import archive_sites, pip_platform
from lockfile import Deb, Lock, LockError, Superseded, Unfetchable

MAX_DEB_BYTES = 512 * 1024 * 1024
"""The largest, a kernel, has a quarter of it."""
SECONDS = 60.0
BLOCK = 1024 * 1024
NOT_THERE = (404, 410)
TRIES = 4
PAUSE_SECONDS = 2.0
"""A host that does not answer is asked again after 2, 4 and 8 s."""
NO_ANSWER = ("NewConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ProxyError")
"""pip's words (urllib3) for a host that it does not reach."""
OTHER_HASH = "DO NOT MATCH THE HASHES"
"""pip's words for a package that is another; whatever else it says, the version cannot be had."""

Progress = Callable[[int, int, str], None]


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(lock: Lock, board: Board, cache: Path, progress: Progress) -> tuple[list[Path], list[Path]]:
    """The packages and the wheels, in the lock's order; only what is not there yet is fetched.

    Raises:
        Unfetchable: the package hosts do not answer.
        Superseded: they do not have one any more.
        LockError: one has another hash than the lock says.
    """
    cache.mkdir(parents=True, exist_ok=True)
    total = len(lock.debs) + len(lock.wheels)
    debs = []
    for number, deb in enumerate(lock.debs, start=1):
        progress(number, total, deb.name)
        debs.append(_deb(deb, cache))
    progress(total, total, "wheels")
    return debs, _wheels(lock, board, cache)


def _deb(deb: Deb, cache: Path) -> Path:
    path = cache / f"{deb.sha256}.deb"
    if path.exists():
        _check(path, deb.sha256, f"{deb.name} {deb.version}")
        return path
    main, security = archive_sites()
    site = security if deb.path.startswith("pool/updates/") else main
    part = path.with_suffix(f".{os.getpid()}.part")  # another build may fetch the same
    for attempt in range(TRIES):
        try:
            _download(f"{site.rstrip('/')}/{deb.path}", part, deb.name)
            break
        except urllib.error.HTTPError as error:
            if error.code in NOT_THERE:
                raise Superseded(
                    f"{deb.name} {deb.version} is not there ({error}); write the lock anew."
                ) from error
            failed: OSError = error
        except (OSError, http.client.HTTPException) as error:
            failed = error if isinstance(error, OSError) else OSError(str(error))
        if attempt == TRIES - 1:
            raise Unfetchable(f"{deb.name} {deb.version} cannot be fetched ({failed}).") from failed
        time.sleep(PAUSE_SECONDS * 2**attempt)
    return _keep(part, path, deb.sha256, f"{deb.name} {deb.version}")


def _download(url: str, part: Path, name: str) -> None:
    with urllib.request.urlopen(url, timeout=SECONDS) as answer, part.open("wb") as file:
        left = MAX_DEB_BYTES
        while block := answer.read(BLOCK):
            left -= len(block)
            if left < 0:
                raise LockError(f"{name} is larger than {MAX_DEB_BYTES} bytes.")
            file.write(block)
        length = answer.headers.get("Content-Length")
        if length is not None and file.tell() != int(length):
            raise ConnectionError(f"{file.tell()} of {length} bytes came")


def _wheels(lock: Lock, board: Board, cache: Path) -> list[Path]:
    folder = cache / "wheels"
    folder.mkdir(exist_ok=True)
    missing = [wheel for wheel in lock.wheels if not (folder / wheel.file).exists()]
    if missing:
        part = cache / f"wheels.{os.getpid()}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        wanted = part / "requirements"
        wanted.write_text(
            "".join(f"{w.name}=={w.version} --hash=sha256:{w.sha256}\n" for w in missing), "utf-8"
        )
        asked = [
            *(
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--retries",
                "10",
                "--no-deps",
                "--require-hashes",
            ),
            *(
                "--only-binary",
                ":all:",
                "--dest",
                str(part),
                "--requirement",
                str(wanted),
                *pip_platform(board),
            ),
        ]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            kind: type[LockError] = (
                Unfetchable if any(word in done.stderr for word in NO_ANSWER) else Superseded
            )
            if OTHER_HASH in done.stderr:
                kind = LockError
            raise kind(f"pip: {said[0] if said else done.stderr[-200:]}")
        for wheel in missing:
            _keep(part / wheel.file, folder / wheel.file, wheel.sha256, wheel.file)
        shutil.rmtree(part)
    for wheel in lock.wheels:
        _check(folder / wheel.file, wheel.sha256, wheel.file)
    return [folder / wheel.file for wheel in lock.wheels]


def _keep(part: Path, path: Path, sha256: str, name: str) -> Path:
    _check(part, sha256, name)
    os.replace(part, path)
    return path


def _check(path: Path, sha256: str, name: str) -> None:
    try:
        found = sha256_of(path)
    except OSError as error:
        raise LockError(f"{name} did not come.") from error
    if found != sha256:
        path.unlink()
        raise LockError(f"{name} has another SHA-256 than the lock says ({found}); it is not used.")
