"""A PostgreSQL of its own for the tests: on a free port, under its own user, a new database for each test."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Its URL without the database's name; initdb refuses root, so root becomes postgres."""
    if not PROGRAMS:
        pytest.skip("PostgreSQL is not installed")
    pytest.importorskip("psycopg")
    become: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="borne-postgresql-", dir="/tmp"))
    if os.geteuid() == 0:
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("root cannot run PostgreSQL, and there is no user postgres")
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    programs = PROGRAMS[-1].parent
    data = folder / "data"
    made = [*become, programs / "initdb", "-D", data, "-A", "trust", "-U", "test", "-N"]
    subprocess.run(made, check=True, capture_output=True, cwd="/")
    running = subprocess.Popen(
        # -F: without fsync, because what it holds is thrown away.
        [*become, programs / "postgres", "-F", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    try:
        _wait(port)
        yield f"postgresql+psycopg://test@127.0.0.1:{port}"
    finally:
        running.send_signal(signal.SIGQUIT)  # at once, without a checkpoint
        running.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def new_database(url: str, name: str) -> str:
    """The URL of a new, empty database."""
    import psycopg

    plain = url.replace("+psycopg", "")
    with psycopg.connect(f"{plain}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{url}/{name}"


def _wait(port: int) -> None:
    import psycopg

    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(f"postgresql://test@127.0.0.1:{port}/postgres").close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL does not come up"
            time.sleep(0.1)
        else:
            return
