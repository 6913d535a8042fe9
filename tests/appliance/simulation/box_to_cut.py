"""A training box to be killed and begun again on the same folder: `python box_to_cut.py FOLDER PORT ID`.

The simulated traveller is the one of the script until their crossing is recorded. Every word to the chip is
written down, so that a test can see whether it was read again.
"""

import asyncio
import datetime as dt
import sys
from pathlib import Path

from appliance.contracts.lane import SignedData
from appliance.simulation.booth import Booth, Person
from appliance.simulation.box import beside
from appliance.simulation.chip import contactless
from appliance.simulation.chip.timing import Delay
from appliance.simulation.training.casting import cast_of
from appliance.simulation.training.faces import draw_nobody
from appliance.simulation.training.observer import Observer
from appliance.simulation.training.pages import Pages
from appliance.simulation.training.script import Book, chosen_of, load_book
from appliance.simulation.training.session import REALISTIC_KBIT, TrainingBox, devices
from appliance.simulation.training.setting import Setting

CONFIGURATION, CHIP_WORDS = "borne.toml", "chip-words"


async def run(folder: Path, port: int, book: Book) -> None:
    """Until killed."""
    packages = () if (folder / CONFIGURATION).exists() else prepare(folder, port, book)
    box = TrainingBox(folder / CONFIGURATION)
    observer = Observer(box.lane, book.traveller, lambda _attempt: None)
    booth = Booth(
        screen=box.lane,
        devices=box.capture.all_devices,
        slot=None,
        people=lambda number: standing(book, number),
        chip_delay=counted(contactless(REALISTIC_KBIT), folder / CHIP_WORDS),
    )
    async with beside(box.run(Pages(), observer)):
        for package in packages:
            assert (await box.lane.install(SignedData(data=package))).accepted
        async with beside(booth.run()):
            print(box.address, flush=True)
            await asyncio.Event().wait()


def prepare(folder: Path, port: int, book: Book) -> tuple[bytes, ...]:
    """The first time: keys, lists, policy, configuration; what is to be installed."""
    setting = Setting(folder, book, now=dt.datetime.now(dt.UTC))
    packages = tuple(setting.packages())
    setting.write_configuration(devices(realistic=True), port=port, language="en", hurried=False)
    return packages


def standing(book: Book, number: int) -> Person:
    if number > len(book.traveller):
        return Person(traveller=None, lines=(), files={}, portrait=draw_nobody(), chip=False, fingers=())
    return cast_of(book, book.traveller[number - 1], day=dt.datetime.now(dt.UTC).date()).person


def counted(delay: Delay, path: Path) -> Delay:
    """The same delay; each word to the chip makes the file one byte longer."""

    def count(sent: int, received: int) -> float:
        with path.open("ab") as file:
            file.write(b".")
        return delay(sent, received)

    return count


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2]), chosen_of(load_book(), ids=sys.argv[3:])))
