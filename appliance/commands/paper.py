"""`borne records paper`: a paper ledger's lines into the box, after an outage."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from appliance.commands import csv_lines
from appliance.commands.output import CouldNot, add_json_flag, print_json

if TYPE_CHECKING:
    from appliance.contracts.paper import PaperAnswer, PaperHit, PaperLine, PaperResult

CONFIG = Path("/etc/borne/borne.toml")
MAX_FILE_LINES: Final = 5000
"""Two weeks of a busy post."""
SAYS: Final = {
    "missing": "is missing",
    "unknown_code": "is no code of Doc 9303",
    "not_an_issuer": "is a nationality, and issues no documents",
    "not_a_date": "is no date: write 2026-11-20",
    "not_a_time": "is no time: write 14:05",
    "in_future": "has not come yet",
    "too_old": "is more than 180 days ago",
    "expires_before_birth": "is before the birth",
    "no_letters": "has characters that an MRZ cannot have",
    "too_long": "is longer than it can be",
    "differs": "differs",
}
CHOICES: Final = {
    "direction": "entry or exit",
    "outcome": "admitted or referred",
    "document_code": "P, I, V or O",
    "sex": "M, F or X",
}


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action to `borne records`."""
    paper = actions.add_parser("paper", help="enter a paper ledger's lines after an outage")
    paper.add_argument("file", type=Path, help="CSV, its columns as in docs/paper-template.csv")
    paper.add_argument("--by", required=True, metavar="WHO", help="who enters it")
    paper.add_argument("--check", action="store_true", help="look at every line, record nothing")
    paper.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
    add_json_flag(paper)
    paper.set_defaults(run=enter_paper)


def enter_paper(arguments: argparse.Namespace) -> int:
    """0: every line stands in the journal (or would), 1: some are wrong, 2: could not."""
    from appliance.config import ConfigError, load_config
    from appliance.contracts.errors import ServiceError

    lines, wrong = read_file(arguments.file)
    try:
        socket = load_config(arguments.config).paths.run / "lane.sock"
        answer = asyncio.run(_send(socket, lines, by=arguments.by, check=arguments.check)) if lines else ()
    except ConfigError as error:
        raise CouldNot(str(error)) from error
    except ServiceError as error:
        raise CouldNot(f"{error.sentence} What was entered stays: enter the file again.") from error
    results = sorted([*answer, *wrong], key=lambda one: int(one["line"]))
    _tell(arguments, results)
    return 1 if any(one["problems"] for one in results) else 0


def read_file(path: Path) -> tuple[list["PaperLine"], list[dict[str, Any]]]:
    """The lines, and what is said of those that are none.

    Raises:
        CouldNot: the file is not a ledger at all.
    """
    import msgspec

    from appliance.contracts.paper import PAPER_COLUMNS, PaperLine
    from appliance.contracts.typed import MAX_FIELD

    lines, wrong = csv_lines.read_lines(path, PAPER_COLUMNS, most=MAX_FILE_LINES, longest=MAX_FIELD)
    return (
        [msgspec.convert(one, PaperLine) for one in lines],
        [_result(one.number, problems=list(one.sentences)) for one in wrong],
    )


async def _send(socket: Path, lines: list["PaperLine"], *, by: str, check: bool) -> list[dict[str, Any]]:
    from appliance.contracts.lane import LaneClient
    from appliance.contracts.paper import MAX_BY, MAX_LINES, EnterPaper

    if not 0 < len(by.strip()) <= MAX_BY:
        raise CouldNot(f"--by takes a name of at most {MAX_BY} characters.")
    lane = LaneClient(socket)
    results: list[dict[str, Any]] = []
    try:
        for start in range(0, len(lines), MAX_LINES):
            piece = tuple(lines[start : start + MAX_LINES])
            answer: PaperAnswer = await lane.enter_paper(
                EnterPaper(lines=piece, by=by.strip(), check_only=check)
            )
            results += [_said(one) for one in answer.results]
    finally:
        await lane.close()
    return results


def _said(result: "PaperResult") -> dict[str, Any]:
    said = {
        field: f"must be {CHOICES[field]}" if code == "choose" else SAYS.get(code, code)
        for field, code in result.problems.items()
    }
    problems = [f"Line {result.number}: {field} {what}." for field, what in said.items()]
    hits = [hit_sentence(result.number, hit) for hit in result.hits]
    return _result(result.number, taken=result.taken, known=result.known, problems=problems, hits=hits)


def _result(number: int, **values: Any) -> dict[str, Any]:
    return {"line": number, "taken": False, "known": False, "problems": [], "hits": []} | values


def hit_sentence(number: int, hit: "PaperHit") -> str:
    """What a hit says to whoever enters the ledger."""
    age = "of unknown age" if hit.list_age_hours is None else f"{hit.list_age_hours:.0f} hours old"
    call = f"report it to {hit.contact}" if hit.contact else "report it as your post's procedure says"
    what = hit.reason.replace("_", " ")
    return (
        f"Line {number}: HIT, {hit.check} {what}, list {hit.list or '?'} {age}. "
        f"The person has gone: do not look for them, {call}. Central is told first."
    )


def _tell(arguments: argparse.Namespace, results: list[dict[str, Any]]) -> None:
    if arguments.json:
        for one in results:
            print_json(one)
        return
    for one in results:
        for text in (*one["problems"], *one["hits"]):
            print(text)
    wrong = sum(bool(one["problems"]) for one in results)
    if arguments.check:
        print(f"{len(results) - wrong} lines can be entered, {wrong} are wrong; nothing was recorded")
        return
    taken = sum(one["taken"] and not one["known"] for one in results)
    known = sum(one["known"] for one in results)
    hits = sum(bool(one["hits"]) for one in results)
    print(f"{taken} lines recorded, {known} were there already, {wrong} are wrong, {hits} with a hit")
