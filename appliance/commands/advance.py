"""`borne advance`: who is said to come, before they are here: lists taken in, and how many came of each."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from appliance.commands import csv_lines
from appliance.commands.output import CouldNot, add_json_flag, print_json
from appliance.commands.paper import CONFIG
from appliance.commands.paper import SAYS as PAPER_SAYS

if TYPE_CHECKING:
    from appliance.contracts.advance import AdvanceLine, AdvanceList
    from appliance.contracts.lane import LaneClient

SAYS: Final = PAPER_SAYS | {
    "too_old": "is over: its people would be forgotten at once",
    "too_early": "is more than 31 days ahead",
    "list_differs": "stands here already with another route, plate or state, or is over",
    "too_many": "has no room for more people",
}
CHOICES: Final = {
    "kind": "bus, train or crew",
    "direction": "entry or exit",
    "role": "passenger, driver or crew, or empty",
    "document_code": "P, I, V or O, or empty",
    "sex": "M, F or X, or empty",
}


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    advance = subparsers.add_parser("advance", help="lists of who is said to come by bus or train")
    actions = advance.add_subparsers(metavar="ACTION", required=True)
    take = actions.add_parser("import", help="take in a list: CSV, or UN/EDIFACT PAXLST")
    take.add_argument("file", type=Path, help="CSV, its columns as in docs/advance-template.csv; or PAXLST")
    take.add_argument("--by", required=True, metavar="WHO", help="who imports it")
    take.add_argument("--check", action="store_true", help="look at every line, keep nothing")
    take.add_argument(
        "--direction", choices=("entry", "exit"), default="entry", help="of a PAXLST's people; default entry"
    )
    take.add_argument(
        "--kind", choices=("bus", "train", "crew"), default="", help="where a PAXLST does not say"
    )
    _add_common(take)
    take.set_defaults(run=import_list)
    listing = actions.add_parser("list", help="each list, how many came, how many did not")
    _add_common(listing)
    listing.set_defaults(run=show_lists)


def _add_common(action: argparse.ArgumentParser) -> None:
    action.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
    add_json_flag(action)


def import_list(arguments: argparse.Namespace) -> int:
    """0: everybody of it is expected (or would be), 1: some lines are wrong, 2: could not."""
    lines, wrong = read_file(arguments.file, direction=arguments.direction, kind=arguments.kind)
    answer = _ask(arguments, lambda lane: _send(lane, lines, by=arguments.by, check=arguments.check))
    results = sorted([*answer, *wrong], key=lambda one: int(one["line"]))
    bad = sum(bool(one["problems"]) for one in results)
    if arguments.json:
        for one in results:
            print_json(one)
        return 1 if bad else 0
    for one in results:
        for text in one["problems"]:
            print(text)
    if arguments.check:
        print(f"{len(results) - bad} lines can be taken in, {bad} are wrong; nothing was kept")
    else:
        taken = sum(one["taken"] and not one["known"] for one in results)
        known = sum(one["known"] for one in results)
        print(f"{taken} people are expected now, {known} were already, {bad} lines are wrong")
    return 1 if bad else 0


def show_lists(arguments: argparse.Namespace) -> int:
    """0."""
    from appliance.contracts.capture import Nothing

    async def ask(lane: "LaneClient") -> "tuple[AdvanceList, ...]":
        return (await lane.advance_lists(Nothing())).lists

    lists = _ask(arguments, ask)
    for one in lists:
        if arguments.json:
            import msgspec

            print_json({**msgspec.to_builtins(one), "absent": one.absent, "sentence": sentence_of(one)})
        else:
            print(sentence_of(one))
    if not lists and not arguments.json:
        print("No list was taken in.")
    return 0


def sentence_of(list_: "AdvanceList") -> str:
    """How many came of a list, and how many did not: "not yet" until its people are forgotten, then never."""
    came = f"{list_.came} came" + (
        f", {list_.perhaps} perhaps (by name and birth date)" if list_.perhaps else ""
    )
    rest = f"{list_.absent} never came" if list_.ended else f"{list_.absent} not yet"
    which = f"{list_.reference} ({list_.kind}, {list_.direction}, {list_.expected})"
    return f"{which}: {list_.persons} listed, {came}, {rest}."


def read_file(
    path: Path, *, direction: str = "entry", kind: str = ""
) -> tuple[list["AdvanceLine"], list[dict[str, Any]]]:
    """The lines, and what is said of those that are none; the file's beginning says which format it is.

    Raises:
        CouldNot: the file is no list at all.
    """
    from appliance.advance_file import AdvanceFileError, read_advance

    try:
        lines, wrong = read_advance(csv_lines.whole_file(path), direction=direction, kind=kind)
    except AdvanceFileError as error:
        raise CouldNot(f"{path.name}: {error}") from error
    return lines, [_result(one.number, problems=list(one.sentences)) for one in wrong]


def _ask(arguments: argparse.Namespace, question: "Callable[[LaneClient], Awaitable[Any]]") -> Any:
    from appliance.config import ConfigError, load_config
    from appliance.contracts.errors import ServiceError
    from appliance.contracts.lane import LaneClient

    async def ask() -> Any:
        lane = LaneClient(load_config(arguments.config).paths.run / "lane.sock")
        try:
            return await question(lane)
        finally:
            await lane.close()

    try:
        return asyncio.run(ask())
    except ConfigError as error:
        raise CouldNot(str(error)) from error
    except ServiceError as error:
        raise CouldNot(f"{error.sentence} What was taken in stays: import the file again.") from error


async def _send(
    lane: "LaneClient", lines: list["AdvanceLine"], *, by: str, check: bool
) -> list[dict[str, Any]]:
    from appliance.contracts.advance import MAX_BY, MAX_LINES, ImportAdvance

    if not 0 < len(by.strip()) <= MAX_BY:
        raise CouldNot(f"--by takes a name of at most {MAX_BY} characters.")
    results: list[dict[str, Any]] = []
    for start in range(0, len(lines), MAX_LINES):
        piece = tuple(lines[start : start + MAX_LINES])
        answer = await lane.import_advance(ImportAdvance(lines=piece, by=by.strip(), check_only=check))
        for one in answer.results:
            problems = [_said(one.number, field, code) for field, code in one.problems.items()]
            results.append(_result(one.number, taken=one.taken, known=one.known, problems=problems))
    return results


def _said(number: int, field: str, code: str) -> str:
    what = f"must be {CHOICES[field]}" if code == "choose" else SAYS.get(code, code)
    return f"Line {number}: {field} {what}."


def _result(number: int, **values: Any) -> dict[str, Any]:
    return {"line": number, "taken": False, "known": False, "problems": []} | values
