"""The scenarios of docs/scenarios/: scripted travellers before the real kiosk in Chromium, by keyboard."""

import dataclasses
import json
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

KIOSK_TESTS = Path(__file__).parents[1] / "services" / "lane" / "kiosk"
sys.path[:0] = [str(KIOSK_TESTS), str(Path(__file__).parent)]

from kiosk_browser import CHROMIUM, DRIVER, SIZES, Kiosk, chromium, wait_until  # noqa: E402
from scenario_hands import BOOK, Officer, see_through  # noqa: E402
from scenario_notes import NOTES, TELLS, close_car, open_car  # noqa: E402
from scenario_pages import PAGES, Seen, Then, masked, page, settle, writing  # noqa: E402
from training_process import running_training  # noqa: E402

from appliance.clock import Clock, TimeQuality  # noqa: E402
from appliance.config import ClockSource  # noqa: E402

PACE = ("--realistic",) if writing() else ("--notice", "0")
"""The pages tell the seconds of real devices, and of a traveller who is told what is taken."""

CAR = 13
"""The scenario whose people come as a group."""

pytestmark = pytest.mark.skipif(
    not (CHROMIUM.exists() and DRIVER.exists()), reason="chromium is not installed"
)


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One page: its travellers in order, and how the training is started."""

    number: int
    name: str
    title: str
    about: str
    travellers: tuple[str, ...]
    options: tuple[str, ...] = ()
    size: str = "small"
    """Of the screen: what passed is spelled out on a large one only."""


SCENARIOS = msgspec.convert(
    tomllib.loads(Path(__file__).with_name("scenarios.toml").read_text("utf-8"))["scenario"],
    tuple[Scenario, ...],
)


def nothing(_kiosk: Kiosk, _officer: Officer, _folder: Path) -> tuple[Then, ...]:
    """An ordinary traveller, beside whom nothing is noted."""
    return ()


def attempts_in(results: Path) -> list[dict]:
    (kept,) = results.rglob("*.json")
    return json.loads(kept.read_text("utf-8"))["attempts"]


def clock_quality() -> TimeQuality:
    return Clock(source=ClockSource.AUTO).now()[1]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: f"{one.number:02d}-{one.name}")
def test_ok__a_scenario_by_keyboard_alone(scenario: Scenario, tmp_path: Path) -> None:
    if "--clock" in scenario.options and clock_quality() is not TimeQuality.CARRIED:
        pytest.skip("this machine's clock is not one that was only carried over")
    folder = PAGES if writing() else tmp_path / "pictures"
    chosen = [word for id_ in scenario.travellers for word in ("--traveller", id_)]
    seen: list[Seen] = []
    with (
        running_training(tmp_path / "results", *PACE, *chosen, *scenario.options) as address,
        chromium() as kiosk,
    ):
        kiosk.open(address, size=SIZES[scenario.size])
        assert "TRAINING" in kiosk.text(".banner")
        if scenario.number == CAR:
            open_car(kiosk, Officer(kiosk))
        for id_ in scenario.travellers:
            seen += [
                see_through(
                    kiosk,
                    id_,
                    folder,
                    number=scenario.number,
                    by_document="document" in scenario.options,
                    tells=TELLS.get(id_, ""),
                    notes=NOTES.get(id_, nothing),
                )
            ]
        if scenario.number == CAR:
            closed = close_car(kiosk, Officer(kiosk), folder)
            seen[-1] = dataclasses.replace(seen[-1], then=(*seen[-1].then, closed))
        assert "TRAINING" in kiosk.text(".banner")
        wait_until(lambda: len(attempts_in(tmp_path / "results")) == len(seen))
    for one, attempt, id_ in zip(seen, attempts_in(tmp_path / "results"), scenario.travellers, strict=True):
        assert attempt["traveller"] == id_
        noted = next((then.colour for then in reversed(one.then) if then.colour), one.colour)
        assert attempt["box"] == noted, "what the officer decided under"
        if noted == one.colour:
            assert tuple(attempt["reasons"]) == one.reasons
        assert attempt["presses"] == one.presses, "what the page sent is what the officer pressed"
        assert attempt["right"], (id_, attempt)
        assert noted == BOOK[id_].right.box.value, one
    name = f"{scenario.number:02d}-{scenario.name}"
    settle(name, page(scenario.number, scenario.title, scenario.about, seen))


def test_fail__a_stale_page_is_found() -> None:
    assert masked("until | 7.1 s |") == masked("until | 12 s |")
    assert masked("until 3 Dec 2026") == masked("until 14 Jan 2027")
    assert masked("presses | 1 |") != masked("presses | 2 |")
