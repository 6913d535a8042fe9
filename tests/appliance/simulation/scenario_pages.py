"""docs/scenarios/: one page with a picture for each scenario, written by the run that went through it.

`BORNE_SCENARIOS=1 python -m pytest tests/appliance/simulation/test_scenarios_in_chromium.py` writes them;
otherwise what is committed is held to what the run saw. Seconds differ from run to run and are not compared.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

PAGES = Path(__file__).parents[3] / "docs" / "scenarios"
WRITES = "BORNE_SCENARIOS"
HOW = (
    "Written by its own test, through the real kiosk page in Chromium, with simulated devices as slow as "
    "real ones. Everybody is invented."
)
_SECONDS = re.compile(r"\d+(\.\d+)? s\b")
_DATE = re.compile(r"\b\d{1,2} [A-Z][a-z]{2} \d{4}\b")
"""Scripts count from the day of the run."""


@dataclass(frozen=True, slots=True)
class Then:
    """What an officer did before the decision, and what the screen said of it."""

    does: str
    colour: str
    detail: str
    told: str
    """Of the check that it was about."""
    picture: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One traveller as the run saw them through."""

    traveller: str
    tells: str
    colour: str
    detail: str
    """The sentence below it on the officer's screen."""
    reasons: tuple[str, ...]
    does: str
    outcome: str
    presses: int
    typed: int
    """Characters."""
    seconds: float
    """From the press that began it, or the document that was laid down, to the recommendation."""
    picture: str
    told: str = ""
    """What a check that the page is about says in words."""
    then: tuple[Then, ...] = ()


def writing() -> bool:
    return bool(os.environ.get(WRITES))


def page(number: int, title: str, about: str, seen: list[Seen]) -> str:
    """The page as Markdown."""
    parts = [
        f"# {number}. {title}",
        "",
        about,
        "",
        HOW,
        "",
    ]
    for one in seen:
        parts += [
            f"## {one.traveller}",
            one.tells,
            "",
            f"![{one.traveller}]({one.picture})",
            "",
            "| | |",
            "|---|---|",
            f"| the box says | **{one.colour}**: {one.detail} |",
            f"| because of | {', '.join(f'`{id_}`' for id_ in one.reasons) or 'nothing'} |",
            f"| the officer | {one.does} |",
            f"| recorded | {one.outcome} |",
            f"| button presses | {one.presses} |",
            f"| characters typed | {one.typed} |",
            f"| until the recommendation | {one.seconds:.1f} s |",
            *([f"| the screen tells | {one.told} |"] if one.told else []),
            "",
        ]
        for then in one.then:
            parts += [
                then.does + (f" The box says **{then.colour}**: {then.detail}." if then.colour else ""),
                "",
                *([f"> {then.told}", ""] if then.told else []),
                f"![{then.does}]({then.picture})",
                "",
            ]
    return "\n".join(parts)


def settle(name: str, text: str) -> None:
    """Write the page, or hold what is committed to it."""
    path = PAGES / f"{name}.md"
    if writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return
    assert path.exists(), f"{path} is missing: run with {WRITES}=1"
    assert masked(path.read_text("utf-8")) == masked(text), f"{path} is stale: run with {WRITES}=1"


def masked(text: str) -> str:
    return _DATE.sub("DATE", _SECONDS.sub("N s", text))
