"""Travellers step up as those before them are recorded, with page, chip and face of one person."""

import asyncio
import io

import pytest
from PIL import Image

from appliance.contracts.lane import Press, PressTaken
from appliance.simulation.booth import Booth, person_of, person_of_folder
from appliance.simulation.chip import VirtualChip
from appliance.simulation.portraits import SIZE
from appliance.simulation.travellers import traveller
from appliance.travel_document import mrz_from_dg1
from hal.camera.simulated import SimulatedCamera
from hal.document_reader.simulated import Options, SimulatedDocumentReader


class Seen:
    """The little of a View that a booth looks at."""

    def __init__(self, crossings: int, revision: int) -> None:
        self.crossings, self.revision = crossings, revision


class Screen:
    def __init__(self, recorded: int = 0) -> None:
        self._view = Seen(recorded, 0)
        self._changed = asyncio.Event()

    def view(self):
        return self._view

    async def wait_for_change(self, revision: int, timeout: float):
        if revision == self._view.revision:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 60)
        return self._view

    async def press(self, press: Press) -> PressTaken:
        raise AssertionError("a booth presses nothing")

    def record(self) -> None:
        self._view = Seen(self._view.crossings + 1, self._view.revision + 1)
        self._changed.set()


class Slot:
    def __init__(self) -> None:
        self.chips: list[VirtualChip | None] = []

    def insert(self, chip: VirtualChip) -> None:
        self.chips.append(chip)

    def remove(self) -> None:
        self.chips.append(None)


@pytest.fixture
def reader():
    reader = SimulatedDocumentReader()
    reader.open()
    yield reader
    reader.close()


@pytest.fixture
def camera():
    camera = SimulatedCamera()
    camera.open()
    yield camera
    camera.close()


def run(booth: Booth, what) -> None:
    async def beside() -> None:
        task = asyncio.create_task(booth.run())
        try:
            async with asyncio.timeout(60):
                await what()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(beside())


def test_ok__no_chip_is_laid_on_a_reader_of_pages_only() -> None:
    pages = SimulatedDocumentReader(Options(chip=False))
    booth = Booth(screen=Screen(), devices=(pages,), slot=None)

    async def look() -> None:
        standing = asyncio.ensure_future(booth.run())
        await booth.standing(1)
        standing.cancel()

    asyncio.run(look())
    assert pages.read_lines(1.0).lines == traveller(1).lines
    assert pages._document is not None
    assert pages._document.transmit is None


def test_ok__one_after_the_other(reader, camera) -> None:
    async def what() -> None:
        for number in (1, 2, 3):
            await booth.standing(number)
            lines = await asyncio.to_thread(reader.read_lines, 1.0)
            assert tuple(lines.lines) == traveller(number).lines
            screen.record()
        await booth.standing(4)

    screen = Screen()
    booth = Booth(screen=screen, devices=(camera, reader), slot=None)
    run(booth, what)


def test_ok__who_stands_here_follows_from_what_is_recorded(reader) -> None:
    async def what() -> None:
        await booth.standing(1)
        assert tuple((await asyncio.to_thread(reader.read_lines, 1.0)).lines) == traveller(8).lines

    booth = Booth(screen=Screen(recorded=7), devices=(reader,), slot=None)
    run(booth, what)


def test_ok__the_chip_lies_where_the_page_does_without_a_slot(reader) -> None:
    async def what() -> None:
        await booth.standing(1)
        connection = await asyncio.to_thread(reader.wait_for_chip, 1.0)
        assert connection.transmit(bytes.fromhex("00A4040C07A0000002471001"))[-2:] == b"\x90\x00"

    booth = Booth(screen=Screen(), devices=(reader,), slot=None)
    run(booth, what)


def test_ok__a_slot_is_emptied_between_people_and_at_the_end() -> None:
    async def what() -> None:
        await booth.standing(1)
        screen.record()
        await booth.standing(2)

    slot, screen = Slot(), Screen()
    booth = Booth(screen=screen, devices=(), slot=slot)
    run(booth, what)
    assert [chip is None for chip in slot.chips] == [True, False, True, False, True]


def test_ok__page_chip_and_face_of_one_person() -> None:
    person = person_of(4)
    assert person.lines == traveller(4).lines
    assert tuple(mrz_from_dg1(person.files["DG1"])) == person.lines
    assert Image.open(io.BytesIO(person.portrait)).size == SIZE


def test_ok__a_page_is_printed_from_a_folders_chip(tmp_path) -> None:
    for name, content in person_of(5).files.items():
        (tmp_path / f"EF.{name}").write_bytes(content)
    person = person_of_folder(tmp_path)
    assert (person.traveller, person.lines) == (None, traveller(5).lines)
