"""What the officer of the pages notes beside a crossing: an exit stamp, a car and the people in it."""

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from kiosk_browser import Kiosk, wait_until
from scenario_hands import Officer, keep_picture, show, told_of, what_it_says
from scenario_pages import Then
from selenium.webdriver.common.keys import Keys

PLATE: Final = "01 TJ 4471"
IN_CAR: Final = 3
STAMP_DAYS_AGO: Final = 60
TELLS: Final = {
    "stay-within": "stay.allowed",
    "stay-used-up": "stay.allowed",
    "stay-missing-exit": "stay.legs",
    "car-back-seat": "watchlist.document",
}
"""Whose page shows the words of which check."""


def note_stamp(kiosk: Kiosk, officer: Officer, folder: Path) -> Iterable[Then]:
    """The exit stamp in the passport, by keyboard: which leg, day, kind, place, reason."""
    day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=STAMP_DAYS_AGO)
    officer.with_shift(Keys.F5)
    wait_until(lambda: is_open(kiosk, "proof"))
    officer.with_shift(Keys.TAB)
    officer.keys(
        Keys.ARROW_DOWN, Keys.TAB, day.isoformat(), Keys.TAB, Keys.TAB, "Korday", Keys.TAB, "stamp on page 9"
    )
    filled = "return [...document.querySelectorAll('#proof form:first-of-type [name]')].map(e => e.value)"
    assert kiosk.driver.execute_script(filled)[:2] == ["exit", day.isoformat()]
    send(kiosk, officer, "proof")
    wait_until(lambda: what_it_says(kiosk)["colour"] == "GREEN")
    seen = what_it_says(kiosk)
    picture = "14-stay-missing-exit-proved.png"
    show(kiosk, "stay.allowed")
    keep_picture(kiosk, folder / picture)
    told = told_of(kiosk, "stay.allowed")
    legs = told_of(kiosk, "stay.legs")
    assert "Korday" in legs, f"what was taken for proof stands with the sum: {legs}"
    yield Then("Shift+F5, the exit stamp with its day, place and reason.", seen["colour"], seen["detail"],
               told, picture)  # fmt: skip


def names(picture: str) -> Callable[[Kiosk, Officer, Path], Iterable[Then]]:
    """Who is with the child, by one key: the adult of its own name stands first."""

    def note(kiosk: Kiosk, officer: Officer, folder: Path) -> Iterable[Then]:
        question = kiosk.text(".company .question")
        who = kiosk.text("[data-company='1'] bdi")
        officer.keys("1")
        wait_until(lambda: what_it_says(kiosk)["colour"] == "GREEN")
        seen = what_it_says(kiosk)
        keep_picture(kiosk, folder / picture)
        yield Then(f"1: {who}.", seen["colour"], seen["detail"], question, picture)

    return note


def says_alone(kiosk: Kiosk, officer: Officer, folder: Path) -> Iterable[Then]:
    """By one key: nobody is with the child; it stays AMBER."""
    officer.keys("0")
    wait_until(lambda: "Alone" in kiosk.text("[data-check='child.guardian']"))
    seen = what_it_says(kiosk)
    picture = "11-child-alone-said.png"
    keep_picture(kiosk, folder / picture)
    told = told_of(kiosk, "child.guardian")
    yield Then("0: nobody is with him.", seen["colour"], seen["detail"], told, picture)


def sits(role: str) -> Callable[[Kiosk, Officer, Path], Iterable[Then]]:
    """A person's place in the car."""

    def note(kiosk: Kiosk, officer: Officer, folder: Path) -> Iterable[Then]:
        open_group(kiosk, officer)
        choose_role(kiosk, officer, role)
        send(kiosk, officer, "group")
        picture = f"13-car-{role}-placed.png"
        place = 1 if role == "driver" else 2
        wait_until(lambda: f"{place} of {IN_CAR} seen" in kiosk.text(".noted"))
        seen = what_it_says(kiosk)
        keep_picture(kiosk, folder / picture)
        yield Then(f"F11: the {role}.", seen["colour"], seen["detail"], kiosk.text(".noted .group"), picture)

    return note


def detach(kiosk: Kiosk, officer: Officer, folder: Path) -> Iterable[Then]:
    """This one stays for the second line; that refers him at once, and the car's others go on."""
    seen, group = what_it_says(kiosk), kiosk.text(".noted .group")
    open_group(kiosk, officer)
    focus(kiosk, "[data-note=DetachFromGroup] [name=reason]")
    officer.keys("stolen passport")
    picture = "13-car-detach.png"
    keep_picture(kiosk, folder / picture)
    send(kiosk, officer, "group")
    wait_until(lambda: "Referred" in kiosk.text(".stage"))
    yield Then("F11: he is detached, with a reason; that refers him, and no press is needed.",
               seen["colour"], seen["detail"], group, picture)  # fmt: skip


NOTES: Final = {
    "stay-missing-exit": note_stamp,
    "child-with-mother": names("11-child-with-mother-named.png"),
    "infant": names("15-infant-named.png"),
    "child-alone": says_alone,
    "car-driver": sits("driver"),
    "car-passenger": sits("passenger"),
    "car-back-seat": detach,
}


def open_car(kiosk: Kiosk, officer: Officer) -> None:
    """Between travellers: how many people, what comes, the plate, once."""
    wait_until(lambda: "Start" in kiosk.text(".button"))
    open_group(kiosk, officer)
    officer.keys(str(IN_CAR), Keys.TAB, Keys.TAB, PLATE)
    send(kiosk, officer, "group")
    wait_until(lambda: f"0 of {IN_CAR} seen" in kiosk.text(".noted"))


def close_car(kiosk: Kiosk, officer: Officer, folder: Path) -> Then:
    """All who were declared were seen: closed without a reason."""
    wait_until(lambda: "Start" in kiosk.text(".button"))
    told = kiosk.text(".noted .group")
    assert f"{IN_CAR} of {IN_CAR} seen" in told
    assert "1 detached" in told
    picture = "13-car-all-seen.png"
    keep_picture(kiosk, folder / picture)
    open_group(kiosk, officer)
    differs = "return document.querySelector('#group .differs').hidden"
    assert kiosk.driver.execute_script(differs), "the count is right: no reason is asked for"
    send(kiosk, officer, "group")
    wait_until(lambda: not kiosk.text(".noted .group"))
    return Then("F11 once more: the group is closed with its count.", "", "", told, picture)


def open_group(kiosk: Kiosk, officer: Officer) -> None:
    officer.keys(Keys.F11)
    wait_until(lambda: is_open(kiosk, "group"))


def send(kiosk: Kiosk, officer: Officer, name: str) -> None:
    officer.keys(Keys.ENTER)
    wait_until(lambda: not is_open(kiosk, name))


def is_open(kiosk: Kiosk, name: str) -> bool:
    return kiosk.driver.execute_script("return document.getElementById(arguments[0]).open", name)


def choose_role(kiosk: Kiosk, officer: Officer, role: str) -> None:
    focus(kiosk, f"#group [name=role][value={role}]")
    officer.keys(Keys.SPACE)


def focus(kiosk: Kiosk, selector: str) -> None:
    kiosk.driver.execute_script("document.querySelector(arguments[0]).focus()", selector)
