"""What agent installs, from where, how often, and when it asks for the start."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.contracts.errors import ServiceError
from appliance.contracts.update import Fetched, UpdateOffer
from appliance.services.agent.installing import MOST_TRIALS, Installing, Release, newer, read_release
from appliance.services.agent.updates import Bundle, Slots, UpdaterUnavailable

RUNS = Slots(running="A", primary="A")
OFFER = UpdateOffer(compatible="borne-pi4", version="2.0", sha256="a" * 64, size=9, url="https://u.example/x")


class Updater:
    """RAUC's part: what each file says of itself, and which files it refuses to install."""

    def __init__(self) -> None:
        self.bundles: dict[str, Bundle] = {}
        self.refuses: set[str] = set()
        self.installed: list[str] = []
        self.described = 0

    def describe(self, bundle: Path) -> Bundle:
        self.described += 1
        if bundle.name not in self.bundles:
            raise UpdaterUnavailable("RAUC says no (1).")
        return self.bundles[bundle.name]

    def install(self, bundle: Path) -> None:
        if bundle.name in self.refuses:
            raise UpdaterUnavailable("RAUC says no (1).")
        self.installed.append(bundle.name)


class Box:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stick = folder / "stick"
        self.stick.mkdir()
        self.updater = Updater()
        self.offers: tuple[UpdateOffer, ...] = ()
        self.step = "waiting"
        self.fetched = Fetched(have=9, path=str(folder / "whole.raucb"))
        (folder / "whole.raucb").write_bytes(b"whole")
        self.asked = 0
        self.now = 1000.0
        self.lane_answers = True
        self.again()

    def again(self) -> None:
        """As after a start."""

        async def status(_):
            if not self.lane_answers:
                raise ServiceError("unreachable", "Nobody answers.")
            return SimpleNamespace(updates=self.offers, step=self.step)

        async def fetch_update(_):
            self.asked += 1
            if isinstance(self.fetched, ServiceError):
                raise self.fetched
            return self.fetched

        (self.folder / "restart").unlink(missing_ok=True)
        self.one = Installing(
            self.updater,
            lane=SimpleNamespace(status=status),
            uplink=SimpleNamespace(fetch_update=fetch_update),
            release=lambda: Release(compatible="borne-pi4", version="1.0"),
            stick=self.stick,
            memory=self.folder / "trials.json",
            restart=self.folder / "restart",
            quiet_seconds=100.0,
            clock=lambda: self.now,
        )

    def put(self, version: str, *, compatible: str = "borne-pi4", signed: bool = True) -> None:
        (self.stick / f"{version}.raucb").write_bytes(version.encode())
        if signed:
            self.updater.bundles[f"{version}.raucb"] = Bundle(compatible=compatible, version=version)

    def look(self, slots: Slots = RUNS, *, rounds: int = 3) -> dict:
        async def main():
            for _ in range(rounds):
                await self.one.look(slots)
                if self.one._task is not None:
                    await self.one._task

        asyncio.run(main())
        return self.one.state

    @property
    def restarts(self) -> bool:
        return (self.folder / "restart").exists()


@pytest.fixture
def box(tmp_path) -> Box:
    return Box(tmp_path)


def test_ok_a_stick_s_newest_bundle_is_installed_and_started_at_once(box) -> None:
    for version in ("1.9", "1.10", "0.9"):
        box.put(version)
    assert box.look()["state"] == "restarting"
    assert box.updater.installed == ["1.10.raucb"]
    assert box.restarts


def test_ok_a_stick_that_stays_in_is_not_installed_again(box) -> None:
    box.put("2.0")
    box.look()
    box.again()
    box.look(Slots(running="B", primary="B", version="2.0"))
    assert box.updater.installed == ["2.0.raucb"]
    assert not box.restarts


def test_fail_what_a_stick_must_not_bring(box) -> None:
    box.put("1.0")  # what runs
    box.put("0.9")  # an old hole
    box.put("3.0", compatible="borne-pi5")
    box.put("4.0", signed=False)
    state = box.look()
    assert box.updater.installed == []
    assert (state["state"], state["file"]) == ("refused", "4.0.raucb")
    assert box.updater.described == 4  # once each, however many rounds


def test_fail_a_bundle_that_the_updater_refuses_is_not_tried_again(box) -> None:
    box.put("3.0")
    box.put("2.0")
    box.updater.refuses.add("3.0.raucb")
    box.look()
    assert box.updater.installed == ["2.0.raucb"]


def test_ok_central_s_offer_is_fetched_installed_and_started_when_nobody_is_there(box) -> None:
    box.offers = (OFFER,)
    assert box.look()["state"] == "installed"
    assert box.updater.installed == ["whole.raucb"]
    box.now += 99
    box.look()
    assert not box.restarts
    box.step = "deciding"
    box.now += 50
    box.look()  # somebody came
    box.step = "waiting"
    box.now += 99
    box.look()
    assert not box.restarts
    box.now += 2
    assert box.look()["state"] == "restarting"
    assert box.restarts


def test_ok_central_may_go_back_to_an_older_version(box) -> None:
    box.offers = (OFFER,)
    box.look(Slots(running="A", primary="A", version="3.0"))
    assert box.updater.installed == ["whole.raucb"]


def test_ok_while_it_is_fetched_the_report_says_how_far(box) -> None:
    box.offers, box.fetched = (OFFER,), Fetched(have=4, problem="The line was lost.")
    expected = {"state": "fetching", "version": "2.0", "have": 4, "size": 9, "problem": "The line was lost."}
    assert box.look() == expected


@pytest.mark.parametrize(
    "slots", [Slots(running="A", primary="A", version="2.0"), Slots(running="B", primary="A")]
)
def test_ok_nothing_to_do_where_it_runs_or_a_trial_is_on(box, slots) -> None:
    box.offers = (OFFER,)
    box.put("2.0")
    box.look(slots)
    assert (box.updater.installed, box.asked) == ([], 0)


def test_fail_an_offer_for_another_board_is_not_even_fetched(box) -> None:
    box.offers = (
        UpdateOffer(compatible="borne-pi5", version="2.0", sha256="a" * 64, size=9, url="https://u.example/"),
    )
    box.look()
    assert box.asked == 0


@pytest.mark.parametrize("by_stick", [True, False])
def test_fail_a_version_whose_trials_end_badly_is_given_up(box, by_stick) -> None:
    if by_stick:
        box.put("2.0")
    else:
        box.offers = (OFFER,)
    for _ in range(MOST_TRIALS + 2):
        box.again()  # the trial was not kept: the old slot runs again
        state = box.look()
    assert len(box.updater.installed) == MOST_TRIALS
    assert state == {"state": "given_up", "version": "2.0"}


def test_ok_another_version_begins_anew_and_a_spoilt_memory_is_none(box) -> None:
    (box.folder / "trials.json").write_text('{"2.0": 3}')
    box.put("2.1")
    box.look()
    assert box.updater.installed == ["2.1.raucb"]
    (box.folder / "trials.json").write_text("nonsense")
    box.again()
    box.look()
    assert len(box.updater.installed) == 2


def test_fail_others_that_do_not_answer(box) -> None:
    box.offers, box.fetched = (OFFER,), ServiceError("no_slots", "Not here.")
    assert box.look()["state"] == "not_fetched"
    box.put("2.0")
    box.lane_answers = False
    assert box.look()["state"] == "installed"  # the stick needs no lane; the start waits for its word
    assert not box.restarts


def test_fail_no_release_no_installation(tmp_path) -> None:
    with pytest.raises(UpdaterUnavailable):
        read_release(tmp_path / "none")
    (tmp_path / "release").write_text("BOARD=pi4\n")
    with pytest.raises(UpdaterUnavailable):
        read_release(tmp_path / "release")
    (tmp_path / "release").write_text("BOARD=pi4\nVERSION=0.1.0\nCOMPATIBLE=borne-pi4\n")
    assert read_release(tmp_path / "release") == Release(compatible="borne-pi4", version="0.1.0")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.10", "1.9"),
        ("2", "1.99"),
        ("1.0.1", "1.0"),
        ("1.0", "1.0rc1"),
        ("1.0rc2", "1.0rc1"),
        ("1.0", "0.9"),
    ],
)
def test_ok_which_version_is_newer(one, other) -> None:
    assert newer(one, other)
    assert not newer(other, one)
    assert not newer(one, one)
