"""docs/devices.md: the tables between its markers, made from the suite's table and from what came out of it.

`make devices` runs the suite and writes them; a test fails when what is committed says anything else.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conformance.case import Case, Proof
from conformance.table import CASES
from hal.document_reader.pcsc_models import MODELS
from hal.families import FAMILIES, Configured, PcscName, SerialPort, Supply, Usb, VideoCapture

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "devices.md"
RESULTS = Path(__file__).with_name("results.json")
"""What came out of the last run that was kept: on a machine with umockdev and pcscd."""

REPLAYS = Path(__file__).with_name("replays.json")
"""What `benchmarks/fingerprint_replay.py` said of recordings of real sensors, which are others'."""
REPLAYED = ("fingerprint_sensor", "uru4500")

CHECKS = {
    "identity": "identity",
    "capabilities": "capa­bilities",
    "open_and_close": "open, close",
    "health": "health",
    "time_out": "time-out",
    "cancel": "cancel < 1 s",
    "one_at_a_time": "one at a time",
    "unplugged_and_back": "un­plugged, back",
    "unplugged_waiting": "un­plugged waiting",
    "unplugged_at_every_exchange": "un­plugged at every exchange",
    "nothing_stale": "nothing stale",
    "results_share_no_data": "no shared data",
    "malformed": "mal­formed",
}
"""The suite's checks, as the table's heads have them."""
MARKS = {"pass": "✓", "fail": "✗", "n/a": "–", "not here": "?"}

Results = Mapping[str, Mapping[str, str]]


def load() -> tuple[Results, Mapping[str, list[str]]]:
    kept = json.loads(RESULTS.read_text("utf-8"))
    return kept["results"], kept["gives"]


def tables(results: Results, gives: Mapping[str, list[str]]) -> dict[str, str]:
    """The page's tables, by the name of their marker."""
    return {
        "support": support(results, gives),
        "matrix": matrix(results),
        "families": families(),
        "replays": replays(),
        "pcsc": pcsc_models(),
    }


def support(results: Results, gives: Mapping[str, list[str]]) -> str:
    rows = ["| device | driver | gives | how proven | how to plug it in |", "|---|---|---|---|---|"]
    for case in CASES:
        driver = f"`{case.kind}/{case.driver}`" + (f", `{case.variant}`" if case.variant else "")
        given = ", ".join(gives.get(case.name, ["?"])).replace("_", " ")
        rows.append(f"| {case.devices} | {driver} | {given} | {proven(case, results)} | {case.plug_in} |")
    rows += [f"| {family} |" for family in untested()]
    return "\n".join(rows)


def proven(case: Case, results: Results) -> str:
    """How; and whether it holds, for a proof that failed is none."""
    outcomes = [results.get(case.name, {}).get(check, "not here").partition(":")[0] for check in CHECKS]
    if "fail" in outcomes:
        return "**fails**"
    if "pass" not in outcomes:
        return "untested"
    word = case.proof.value if case.proof is not Proof.ITSELF else "tested as it is"
    if case.proof is Proof.ITSELF:
        return word
    emulated = f"{word}: {case.means}"
    return f"**replay** (below); {emulated}" if (case.kind, case.driver) == REPLAYED else emulated


def untested() -> list[str]:
    """Drivers of the table of families that have no case."""
    tried = {(case.kind, case.driver) for case in CASES}
    return [
        f"{family.name} | `{family.kind}/{family.driver}` | ? | untested | ?"
        for family in FAMILIES
        if family.driver is not None and (family.kind, family.driver) not in tried
    ]


def matrix(results: Results) -> str:
    rows = ["| driver | " + " | ".join(CHECKS.values()) + " |", "|---|" + ":-:|" * len(CHECKS)]
    notes: dict[str, int] = {}
    for case in CASES:
        cells = []
        for check in CHECKS:
            outcome, _, why = results.get(case.name, {}).get(check, "not here: not run").partition(": ")
            mark = MARKS[outcome]
            if outcome == "n/a":
                number = notes.setdefault(why, len(notes) + 1)
                mark += f"<sup>{number}</sup>"
            cells.append(mark)
        name = f"{case.kind}/{case.driver}" + (f" {case.variant}" if case.variant else "")
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    rows += ["", *(f"{number}. {why}" for why, number in notes.items())]
    return "\n".join(rows)


def families() -> str:
    rows = ["| kind | driver | family | recognised by | source |", "|---|---|---|---|---|"]
    for family in FAMILIES:
        if not isinstance(family.rule, Configured):
            driver = f"`{family.driver}`" if family.driver else "none yet"
            rows.append(
                f"| {family.kind} | {driver} | {family.name} | {_rule(family.rule)} | {family.source} |"
            )
    return "\n".join(rows)


def _rule(rule: object) -> str:
    if isinstance(rule, Usb):
        return "USB " + ", ".join(f"{rule.vendor}:{product}" for product in rule.products or ("*",))
    if isinstance(rule, SerialPort):
        return f"serial port of USB {rule.vendor}:*"
    if isinstance(rule, PcscName):
        return f"PC/SC name `{rule.pattern.pattern}`".replace("|", "\\|")
    if isinstance(rule, VideoCapture):
        return "Video4Linux node that gives pictures"
    assert isinstance(rule, Supply)
    return "power supply of type Battery or UPS"


def replays() -> str:
    found = json.loads(REPLAYS.read_text("utf-8"))
    rows = ["| recording of a real sensor | picture | pixels that differ |", "|---|---|--:|"]
    for name, one in found["by_recording"].items():
        size, pixels = f"{one['width']} × {one['height']}", one["width"] * one["height"]
        rows.append(
            f"| {name}, firmware {one['firmware']} | {size} | {one['pixels_different']} of {pixels:,} |"
        )
    return "\n".join(rows)


def pcsc_models() -> str:
    rows = ["| reader | APDU | what to know |", "|---|--:|---|"]
    for model in MODELS:
        kind = "" if model.extended else ", short only"
        name = model.name.pattern.replace("|", ", ")
        rows.append(f"| {name} | {model.apdu_bytes:,} bytes{kind} | {model.quirk} |")
    return "\n".join(rows)


def filled(text: str, parts: Mapping[str, str]) -> str:
    """The page with its tables between their markers."""
    for name, table in parts.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, times = pattern.subn(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)
        assert times == 1, f"docs/devices.md has no place for {name}"
    return text


def main() -> None:
    """Keep the run that BORNE_CONFORMANCE_RESULTS holds, and write the page."""
    if len(sys.argv) > 1:
        RESULTS.write_text(Path(sys.argv[1]).read_text("utf-8"), "utf-8")
    PAGE.write_text(filled(PAGE.read_text("utf-8"), tables(*load())), "utf-8")


if __name__ == "__main__":
    main()
