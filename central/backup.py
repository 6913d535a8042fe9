"""Backup and restore of central's database; what is lost since a backup comes again from the boxes.

A restored central finds by its own retained watermarks what it has acknowledged and no longer holds, and
asks the boxes for it (`central.fleet.lacking`); they keep acknowledged records for two weeks.
"""

import argparse
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from sqlalchemy.engine import make_url

from central.database import StoreError
from central.store import Store


class CannotBackUp(Exception):
    """The backup was not made, or not put back; nothing was overwritten."""


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to `borne-central`."""
    for name, words, run in (
        ("backup", "a copy of the database, while it is in use", _backup),
        ("restore", "put a copy back where there is none; boxes then send what it lacks", _restore),
    ):
        parser = actions.add_parser(name, help=words)
        parser.add_argument("--database", required=True, help="a file (SQLite) or postgresql+psycopg://...")
        parser.add_argument("file", type=Path)
        parser.set_defaults(run=run)


def backup(database: str, file: Path) -> None:
    """One consistent copy; it holds travellers' data and the pseudonyms' key, as the database does.

    Raises:
        CannotBackUp: the file is there already, or the database does not give it.
    """
    if file.exists():
        raise CannotBackUp(f"{file} is there already; a backup is never overwritten.")
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        if "://" in database and not database.startswith("sqlite"):
            _run(database, "pg_dump", "--format=custom", f"--file={file}")
            return
        source = sqlite3.connect(f"file:{_path(database)}?mode=ro", uri=True)
        target = sqlite3.connect(file)
        try:
            source.backup(target)
        finally:
            source.close()
            target.close()
    except (OSError, sqlite3.Error, CannotBackUp) as error:
        file.unlink(missing_ok=True)
        raise CannotBackUp(f"The backup was not made: {_said(error)}") from error


def restore(database: str, file: Path) -> None:
    """Put a copy back, into a database that is not there yet, or, of PostgreSQL, is empty.

    Raises:
        CannotBackUp: it is there already, or the copy cannot be read.
    """
    if not file.exists():
        raise CannotBackUp(f"There is no {file}.")
    if "://" in database and not database.startswith("sqlite"):
        _run(database, "pg_restore", "--exit-on-error", "--single-transaction", str(file))
        return
    path = Path(_path(database))
    if any(Path(f"{path}{tail}").exists() for tail in ("", "-wal", "-journal")):
        raise CannotBackUp(f"{path} is there already; move it away first.")
    new = path.with_name(f"{path.name}.restoring")
    try:
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        shutil.copyfile(file, new)
        copy = sqlite3.connect(new)
        try:
            whole = copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        finally:
            copy.close()
        if not whole:
            raise CannotBackUp(f"{file} is damaged.")
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.rename(path)
    except (OSError, sqlite3.Error) as error:
        raise CannotBackUp(f"The backup was not put back: {_said(error)}") from error
    finally:
        new.unlink(missing_ok=True)


def _backup(arguments: argparse.Namespace) -> int:
    backup(arguments.database, arguments.file)
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    restore(arguments.database, arguments.file)
    try:
        Store(arguments.database).close()  # tables that are newer than the copy
    except StoreError as error:
        raise CannotBackUp(str(error)) from error
    return 0


def _run(database: str, *command: str) -> None:
    """PostgreSQL's program, the password in its environment and not where every user sees it."""
    url = make_url(database).set(drivername="postgresql")
    known = {"PGPASSWORD": str(url.password)} if url.password else {}
    where = url._replace(password=None).render_as_string()
    try:
        done = subprocess.run(
            [command[0], f"--dbname={where}", *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | known,
        )
    except OSError as error:
        raise CannotBackUp(f"{command[0]} is not installed.") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise CannotBackUp(f"{command[0]} says: {said[0] if said else done.returncode}")


def _path(database: str) -> str:
    return database.removeprefix("sqlite:///")


def _said(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
