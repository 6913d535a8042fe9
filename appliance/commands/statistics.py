"""`borne records stats`: the last weeks' crossings of this box, counted; nothing that names anybody."""

import argparse
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.commands.output import CouldNot, add_json_flag, print_json, sentence

if TYPE_CHECKING:
    from appliance.records.statistics.report import Report

CONFIG = Path("/etc/borne/borne.toml")


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action to `borne records`."""
    stats = actions.add_parser("stats", help="the last weeks' crossings, counted")
    stats.add_argument("--weeks", type=int, default=4, help="how many, up to today (default 4)")
    stats.add_argument("--zone", default="UTC", help="the post's time zone, as Asia/Bishkek (default UTC)")
    stats.add_argument(
        "--small-cells", action="store_true", help="tell cells below 5 too: for the post, not to be published"
    )
    stats.add_argument("--permitted-days", type=float, metavar="N", help="a longer stay is an overstay")
    stats.add_argument("--folder", type=Path, help="write a page with plots and CSV files there")
    stats.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
    add_json_flag(stats)
    stats.set_defaults(run=show_statistics)


def show_statistics(arguments: argparse.Namespace) -> int:
    """0: told, 2: could not."""
    from appliance.records.statistics.csv_files import files_of
    from appliance.records.statistics.page import page_of

    report = _report(arguments)
    if arguments.folder is not None:
        try:
            arguments.folder.mkdir(parents=True, exist_ok=True)
            for name, content in {"index.html": page_of(report), **files_of(report)}.items():
                (arguments.folder / name).write_bytes(content)
        except OSError as error:
            raise CouldNot(sentence(error)) from error
    if arguments.json:
        print_json(_plain(report))
    else:
        _print(report)
    return 0


def _report(arguments: argparse.Namespace) -> "Report":
    from appliance.config import ConfigError, Profile, load_config
    from appliance.opening import CannotStart, open_book
    from appliance.records.errors import StorageError
    from appliance.records.statistics.report import Choice, make_report
    from appliance.records.statistics.suppression import THRESHOLD
    from appliance.records.statistics.variables import zone_of

    if arguments.weeks < 1:
        raise CouldNot("--weeks is at least 1.")
    try:
        zone = zone_of(arguments.zone)
        config = load_config(arguments.config)
        if not (config.paths.data / "statistics.db").exists():
            raise CouldNot("This box has not counted a crossing yet.")
        book = open_book(config)
        try:
            facts = book.facts()
        finally:
            book.close()
    except (ConfigError, CannotStart, StorageError, ValueError) as error:
        raise CouldNot(str(error)) from error
    now = dt.datetime.now(zone)
    choice = Choice(
        first_day=now.date() - dt.timedelta(days=7 * arguments.weeks - 1),
        last_day=now.date(),
        zone=arguments.zone,
        threshold=1 if arguments.small_cells else THRESHOLD,
        permitted_days=arguments.permitted_days,
        simulated=config.box.profile is not Profile.PRODUCTION,
    )
    made_at = now.astimezone(dt.UTC).isoformat(timespec="seconds")
    return make_report(facts, choice, made_at=made_at, zone=zone, earlier=facts)


def _plain(report: "Report") -> dict[str, Any]:
    import msgspec

    plain = msgspec.to_builtins(report)
    assert isinstance(plain, dict)
    return plain


def _print(report: "Report") -> None:
    print(f"{report.choice.first_day} to {report.choice.last_day}: {report.crossings} crossings")
    if report.simulated:
        print(f"SIMULATED: {report.simulated} of them; nobody crossed.")
    for table in report.tables:
        print(f"\n{table.title}{': not told, too small' if table.withheld else ''}")
        if table.withheld:
            continue
        print(f"  {'':<24}" + "".join(f"{column:>14}" for column in table.columns))
        for row, line in zip(table.rows, table.cells, strict=True):
            told = ("··" if cell.crossings is None else str(cell.crossings) for cell in line)
            print(f"  {row:<24.24}" + "".join(f"{value:>14}" for value in told))
    for listing in report.listings:
        print(f"\n{listing.title}")
        for values in listing.rows:
            print("  " + "  ".join("··" if value is None else str(value) for value in values))
