"""`borne-central statistics release|verify|paper`: what a planner gets, and what posts tell besides."""

import argparse
import datetime as dt
import json
from pathlib import Path

from appliance.records.statistics.report import Choice
from appliance.records.statistics.suppression import THRESHOLD
from central.statistics.coverage import tell_paper
from central.statistics.releases import problems_of, release, report_of
from central.store import Store


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne-central`."""
    statistics = actions.add_parser("statistics", help="frozen releases of what is counted").add_subparsers(
        metavar="WHAT", required=True
    )
    make = statistics.add_parser("release", help="a page with plots and CSV files, frozen")
    make.add_argument("folder", type=Path, help="of all releases")
    make.add_argument("--from", type=dt.date.fromisoformat, dest="first_day", required=True, metavar="DAY")
    make.add_argument("--to", type=dt.date.fromisoformat, dest="last_day", required=True, metavar="DAY")
    make.add_argument("--zone", default="UTC", help="the country's time zone, as Asia/Bishkek (default UTC)")
    make.add_argument("--threshold", type=int, default=THRESHOLD, help="smaller cells are not told (5)")
    make.add_argument("--permitted-days", type=float, metavar="N", help="a longer stay is an overstay")
    make.add_argument("--simulated", action="store_true", help="count simulated crossings too, loudly")
    make.set_defaults(run=_release)

    verify = statistics.add_parser("verify", help="whether a release is as it was released; exit 1 if not")
    verify.add_argument("folder", type=Path)
    verify.set_defaults(run=_verify)

    paper = statistics.add_parser("paper", help="how many crossed on paper while a box was down")
    paper.add_argument("post")
    paper.add_argument("day", type=dt.date.fromisoformat)
    paper.add_argument("direction", choices=("entry", "exit"))
    paper.add_argument("crossings", type=int)
    paper.add_argument("--by", required=True, help="who says so")
    paper.set_defaults(run=_paper)
    for action in (make, verify, paper):
        action.add_argument("--database", required=True, help="a file (SQLite) or postgresql+psycopg://...")
        action.add_argument("--json", action="store_true")


def _release(arguments: argparse.Namespace) -> int:
    if arguments.last_day < arguments.first_day:
        raise ValueError("The last day lies before the first one.")
    choice = Choice(
        first_day=arguments.first_day,
        last_day=arguments.last_day,
        zone=arguments.zone,
        threshold=arguments.threshold,
        permitted_days=arguments.permitted_days,
        simulated=arguments.simulated,
    )
    store = Store(arguments.database)
    with store.batch() as batch:
        report = report_of(batch.connection, choice, now=dt.datetime.now(dt.UTC))
        folder = release(batch.connection, report, arguments.folder)
    store.close()
    if arguments.json:
        print(json.dumps({"folder": str(folder), "crossings": report.crossings}))
    else:
        print(f"{report.crossings} crossings; {folder}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    with store.reading() as batch:
        problems = problems_of(batch.connection, arguments.folder)
    store.close()
    if arguments.json:
        print(json.dumps({"problems": list(problems)}))
    else:
        for problem in problems:
            print(problem)
    return 1 if problems else 0


def _paper(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    with store.batch() as batch:
        tell_paper(
            batch.connection,
            post=arguments.post,
            day=arguments.day,
            direction=arguments.direction,
            crossings=arguments.crossings,
            by=arguments.by,
        )
    store.close()
    return 0
