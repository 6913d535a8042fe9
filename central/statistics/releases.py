"""Releases: a report as it was on a day, frozen; a later one says something new and changes none."""

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

import appliance
from appliance.records.statistics.csv_files import files_of
from appliance.records.statistics.page import page_of
from appliance.records.statistics.report import Choice, Report, make_report
from appliance.records.statistics.variables import zone_of
from central.database import insert_once
from central.statistics.coverage import coverage
from central.statistics.tables import RELEASES, read_facts

MANIFEST: Final = "release.json"
EARLIER_DAYS: Final = 400
"""Looked back for the entries of stays that ended in the period; a permit of a year, and a month."""


class CannotRelease(Exception):
    """The release is there already, or its folder cannot be written."""


def report_of(connection: Connection, choice: Choice, *, now: dt.datetime) -> Report:
    """The report over what is in the database now.

    Raises:
        ValueError: there is no such time zone.
    """
    zone = zone_of(choice.zone)
    begin = dt.datetime.combine(choice.first_day, dt.time(), zone).astimezone(dt.UTC)
    end = dt.datetime.combine(choice.last_day + dt.timedelta(days=1), dt.time(), zone).astimezone(dt.UTC)
    since = (begin - dt.timedelta(days=EARLIER_DAYS)).isoformat()
    return make_report(
        read_facts(connection, since=begin.isoformat(), until=end.isoformat()),
        choice,
        made_at=now.astimezone(dt.UTC).isoformat(timespec="seconds"),
        zone=zone,
        coverage=coverage(connection, first_day=choice.first_day, last_day=choice.last_day, zone=zone),
        earlier=read_facts(connection, since=since, until=begin.isoformat()),
    )


def release(connection: Connection, report: Report, folder: Path) -> Path:
    """Write it into a folder of its own, named by its period and day, and remember its digest.

    Raises:
        CannotRelease: there is one of this period and day, or the disk does not let us.
    """
    choice = report.choice
    name = f"{choice.first_day}_{choice.last_day}_made-{report.made_at[:10]}"
    target = folder / name
    if target.exists():
        raise CannotRelease(f"{target} is there already; a release is frozen.")
    files = {"index.html": page_of(report), **files_of(report)}
    manifest = json.dumps(
        {
            "name": name,
            "version": appliance.__version__,
            "made_at": report.made_at,
            "choice": msgspec.to_builtins(choice),
            "crossings": report.crossings,
            "simulated": report.simulated,
            "files": {file: hashlib.sha256(content).hexdigest() for file, content in files.items()},
        },
        indent=1,
    ).encode()
    digest = hashlib.sha256(manifest).hexdigest()
    row = {"name": name, "made_at": report.made_at, "digest": digest}
    if not insert_once(connection, RELEASES, **row):
        raise CannotRelease(f"{name} was released already.")
    new = folder / f".{name}.new"
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for file, content in {**files, MANIFEST: manifest}.items():
            (new / file).write_bytes(content)
            (new / file).chmod(0o444)
        new.rename(target)
    except OSError as error:
        raise CannotRelease(f"{target} cannot be written ({error.strerror}).") from error
    return target


def problems_of(connection: Connection, folder: Path) -> tuple[str, ...]:
    """In what a release's folder differs from what was released; empty when in nothing.

    Raises:
        CannotRelease: it is no release.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
        manifest = json.loads(text)
        files: Mapping[str, Any] = manifest["files"]
        name = str(manifest["name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotRelease(f"{folder} holds no release.") from error
    known = connection.execute(sa.select(RELEASES.c.digest).where(RELEASES.c.name == name)).scalar()
    problems = [] if known == hashlib.sha256(text).hexdigest() else [f"{MANIFEST}: not what was released"]
    there = {file.name for file in folder.iterdir()} - {MANIFEST}
    problems += [f"{file}: was not released" for file in sorted(there - set(files))]
    for file, digest in sorted(files.items()):
        if file not in there:
            problems.append(f"{file}: missing")
        elif hashlib.sha256((folder / file).read_bytes()).hexdigest() != digest:
            problems.append(f"{file}: was changed")
    return tuple(problems)
