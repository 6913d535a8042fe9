"""`borne training`: scripted travellers before a trainee at a real kiosk, a score, the trainer's view."""

import argparse
import datetime as dt
import re
import sys
from pathlib import Path

from appliance.commands.output import CouldNot, add_json_flag, print_json

RESULTS = Path("borne-training")
"""Where results are kept unless said otherwise: in the folder that one is in."""
SEAT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
MAX_PORT = 65535
MAX_LISTS_HOURS = 480.0
MAX_NOTICE_SECONDS = 60
"""What is signed for training is good for 30 days."""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    training = subparsers.add_parser("training", help="scripted travellers for a trainee, and the score")
    _add_session_options(training)
    training.set_defaults(run=run_training)
    actions = training.add_subparsers(metavar="ACTION", required=False)
    report = actions.add_parser("report", help="who missed what, over several seats")
    report.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="results of one or more seats"
    )
    report.add_argument("--html", type=Path, metavar="FILE", help="write a page too")
    add_json_flag(report)
    report.set_defaults(run=run_report)
    check = actions.add_parser("check", help="whether scripts can be used, with line and sentence where not")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    check.set_defaults(run=run_check)


def _add_session_options(training: argparse.ArgumentParser) -> None:
    training.add_argument(
        "--script", type=Path, action="append", default=[], metavar="FILE",
        help="travellers of this file (TOML), also several times; otherwise those that ship",
    )  # fmt: skip
    training.add_argument("--grade", type=int, choices=(1, 2, 3), help="only travellers of this difficulty")
    training.add_argument(
        "--traveller",
        action="append",
        default=[],
        metavar="ID",
        help="only this traveller; several in this order",
    )
    training.add_argument(
        "--start",
        choices=("press", "document"),
        default="press",
        help="what begins a crossing, as in the policy",
    )
    training.add_argument(
        "--notice",
        type=_notice,
        metavar="SECONDS",
        help="how long a traveller is told what is taken before the picture, as in the policy: 0 to 60",
    )
    training.add_argument(
        "--lists-age", type=_hours, default=3.0, metavar="HOURS", help="how old the watchlists are: 0 to 480"
    )
    training.add_argument(
        "--clock", choices=("host", "auto"), default="host", help="auto: the box asks how sure the time is"
    )
    training.add_argument("--seat", type=_seat, default="seat-1", metavar="NAME", help="who sits here")
    training.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FOLDER", help="where scores are kept"
    )
    training.add_argument(
        "--headless", action="store_true", help="nobody sits here: an officer who acts rightly"
    )
    training.add_argument("--realistic", action="store_true", help="devices as slow as real ones")
    training.add_argument("--port", type=_port, default=8080, help="of the kiosk; 0 takes a free one")
    training.add_argument("--language", choices=("en", "fr", "ru"), default="en", help="of the kiosk")
    add_json_flag(training)


def _seat(text: str) -> str:
    if not SEAT.fullmatch(text):
        raise ValueError("no name of a seat")
    return text


def _port(text: str) -> int:
    if not 0 <= int(text) <= MAX_PORT:
        raise ValueError("out of range")
    return int(text)


def _notice(text: str) -> int:
    if not 0 <= int(text) <= MAX_NOTICE_SECONDS:
        raise ValueError("out of range")
    return int(text)


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 <= hours <= MAX_LISTS_HOURS:
        raise ValueError("out of range")
    return hours


_seat.__name__, _port.__name__, _hours.__name__, _notice.__name__ = "seat", "port", "hours", "seconds"
"""What argparse calls them in "invalid ... value"."""


def run_training(arguments: argparse.Namespace) -> int:
    """0: the session has ended; 1: headless, and not all was as the scripts say; 2: it cannot be."""
    from appliance.opening import CannotStart
    from appliance.simulation.training.debrief import Attempt, summary
    from appliance.simulation.training.script import ScriptError, chosen_of, load_book
    from appliance.simulation.training.session import SessionSettings, TrainingSession
    from appliance.simulation.training.setting import NotHere

    def say(words: str) -> None:
        print(words, file=sys.stderr if arguments.json else sys.stdout, flush=True)

    def done(attempt: Attempt) -> None:
        mark = "✓" if attempt.right else "✗"
        box = attempt.box.value if attempt.box else "-"
        say(f"{mark} {attempt.traveller:<28} {box:<6} {attempt.act.value:<9} {attempt.seconds:6.1f} s  "
            f"{', '.join(attempt.reasons)}")  # fmt: skip

    try:
        book = chosen_of(load_book(*arguments.script), grade=arguments.grade, ids=arguments.traveller)
        session = TrainingSession(
            SessionSettings(
                book=book,
                seat=arguments.seat,
                results=arguments.results,
                headless=arguments.headless,
                realistic=arguments.realistic,
                start=arguments.start,
                notice=arguments.notice,
                lists_age=dt.timedelta(hours=arguments.lists_age),
                clock=arguments.clock,
                port=arguments.port,
                language=arguments.language,
                say=say,
                done=done,
            )
        )
        ended = session.run()
    except (CannotStart, NotHere, ScriptError) as error:
        raise CouldNot(str(error)) from error
    except OSError as error:
        raise CouldNot(f"The results cannot be kept in {arguments.results} ({error.strerror}).") from error
    score = summary(ended)
    if arguments.json:
        print_json(score)
    else:
        say(f"{score['right']} of {score['done']} right, {score['points']} of {score['of_points']} points"
            + (f"; kept in {session.kept}" if session.kept else ""))  # fmt: skip
    if not arguments.headless:
        return 0
    as_written = all(one.right and one.box is one.expected_box for one in ended.attempts)
    return 0 if as_written and len(ended.attempts) == ended.travellers else 1


def run_report(arguments: argparse.Namespace) -> int:
    """0; 2: there are no results, or the page cannot be written."""
    from appliance.simulation.training.debrief import ResultError
    from appliance.simulation.training.report import gather, page, report, table
    from appliance.whole_files import write_whole

    try:
        found = report(gather(arguments.folders))
    except ResultError as error:
        raise CouldNot(str(error)) from error
    if arguments.html is not None:
        try:
            write_whole(arguments.html, page(found).encode(), mode=0o644)
        except OSError as error:
            raise CouldNot(f"{arguments.html} cannot be written ({error.strerror}).") from error
    if arguments.json:
        print_json(found)
    else:
        print(table(found))
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    """0: they can be used; 2: one cannot."""
    from appliance.simulation.training.script import ScriptError, load_book

    try:
        book = load_book(*arguments.files)
    except ScriptError as error:
        raise CouldNot(str(error)) from error
    print(f"{len(book.traveller)} travellers, {sum(one.honest for one in book.traveller)} of them honest")
    return 0
