"""Fetches what a lock file names into a folder kept by hash; what has another hash is never used."""

import hashlib
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from board import Board
from lock import archive_sites, pip_platform
from lockfile import Deb, Lock, LockError, Unfetchable

MAX_DEB_BYTES = 512 * 1024 * 1024
"""The largest, a kernel, has a quarter of it."""
SECONDS = 60.0
BLOCK = 1024 * 1024
NO_ANSWER = ("NewConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ProxyError")
"""pip's words (urllib3) for a host that it does not reach; a missing version or another hash has others."""

Progress = Callable[[int, int, str], None]


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(lock: Lock, board: Board, cache: Path, progress: Progress) -> tuple[list[Path], list[Path]]:
    """The packages and the wheels, in the lock's order; only what is not there yet is fetched.

    Raises:
        Unfetchable: the package hosts do not answer.
        LockError: one is not there any more, or has another hash than the lock says.
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
        return path
    main, security = archive_sites()
    site = security if deb.path.startswith("pool/updates/") else main
    part = path.with_suffix(f".{os.getpid()}.part")  # another build may fetch the same
    try:
        with (
            urllib.request.urlopen(f"{site.rstrip('/')}/{deb.path}", timeout=SECONDS) as answer,
            part.open("wb") as file,
        ):
            left = MAX_DEB_BYTES
            while block := answer.read(BLOCK):
                left -= len(block)
                if left < 0:
                    raise LockError(f"{deb.name} is larger than {MAX_DEB_BYTES} bytes.")
                file.write(block)
    except urllib.error.HTTPError as error:
        raise LockError(
            f"{deb.name} {deb.version} cannot be fetched ({error}); write the lock anew."
        ) from error
    except OSError as error:
        raise Unfetchable(f"{deb.name} {deb.version} cannot be fetched ({error}).") from error
    return _keep(part, path, deb.sha256, f"{deb.name} {deb.version}")


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
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"),
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
            silent = any(word in done.stderr for word in NO_ANSWER)
            raise (Unfetchable if silent else LockError)(f"pip: {said[0] if said else done.stderr[-200:]}")
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
