"""The booth: scripted travellers step up to a real box, and a scripted officer may press its button.

It stands outside the box: it lays documents on simulated readers and looks at the screen, and knows
nothing else. Which traveller stands here follows from how many were recorded, so that a box that
was killed finds the same traveller before it.
"""

import asyncio
import datetime as dt
import io
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from PIL import Image

from appliance.contracts.lane import Press, PressTaken, View
from appliance.simulation.chip import Misbehaviour, VirtualChip, build_files, load_folder, no_delay
from appliance.simulation.chip.schemes import scheme_of
from appliance.simulation.chip.secrets import ChipSecrets
from appliance.simulation.chip.timing import Delay
from appliance.simulation.pages import draw_page
from appliance.simulation.portraits import draw_portrait
from appliance.simulation.travellers import Traveller, traveller
from appliance.travel_document import chip_access_fields, mrz_from_dg1, parse_mrz
from hal.camera.simulated import SimulatedCamera
from hal.device import Capability, Device
from hal.document_reader.simulated import SimulatedDocumentReader
from hal.fingerprint_sensor.simulated import SimulatedFingerprintSensor

Kind = TypeVar("Kind", bound=Device)

PAGE_CAMERA = "page"
"""The name of the simulated camera that looks at the page."""
LOOK_SECONDS = 1.0
"""How long one look at the screen waits for a change."""


class Screen(Protocol):
    """What can be seen of the box, and its button."""

    def view(self) -> View: ...
    async def wait_for_change(self, revision: int, timeout: float) -> View: ...
    async def press(self, press: Press) -> PressTaken: ...


class ChipSlot(Protocol):
    """A virtual PC/SC reader, where a chip is laid."""

    def insert(self, chip: VirtualChip) -> None: ...
    def remove(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Person:
    """Who stands here, with which files in the chip."""

    traveller: Traveller | None
    """None for a chip from a folder."""
    lines: tuple[str, ...]
    files: Mapping[str, bytes]
    portrait: bytes
    secrets: ChipSecrets | None = None
    """The chip's schemes and private keys; None for a chip from a folder, whose keys nobody has."""
    chip: bool = True
    """False: the document has none, or a dead one, or there is no document."""
    readable: bool = True
    """False: no reader makes lines of the page."""
    access: str | None = None
    """What opens the chip, where it is not what the page says."""
    misbehaviour: Misbehaviour = Misbehaviour.NONE
    fingers: tuple[int, ...] | None = None
    """The fingers laid on the sensor; None: those that follow from the page."""


def person_of(number: int) -> Person:
    """The scripted traveller of this number, with a chip made for them."""
    someone = traveller(number)
    printed = draw_portrait(someone.portrait_seed)
    secrets = scheme_of(number)
    return Person(
        traveller=someone,
        lines=someone.lines,
        files=build_files(mrz_lines=someone.lines, picture=printed, secrets=secrets),
        portrait=draw_portrait(someone.portrait_seed, live=True),
        secrets=secrets,
    )


def person_of_folder(folder: Path) -> Person:
    """Whoever the chip's files in this folder belong to; a page is printed from its DG1."""
    files = load_folder(folder)
    return Person(
        traveller=None,
        lines=tuple(mrz_from_dg1(files["DG1"])),
        files=files,
        portrait=draw_portrait(1, live=True),
    )


class Booth:
    """Brings travellers before the box, one after the other."""

    def __init__(
        self,
        *,
        screen: Screen,
        devices: tuple[Device, ...],
        slot: ChipSlot | None,
        people: Callable[[int], Person] = person_of,
        chip_delay: Delay = no_delay,
    ) -> None:
        self._screen = screen
        self._page = _first(devices, SimulatedDocumentReader)
        cameras = [device for device in devices if isinstance(device, SimulatedCamera)]
        self._camera = next((one for one in cameras if one.identity.serial != PAGE_CAMERA), None)
        self._page_camera = next((one for one in cameras if one.identity.serial == PAGE_CAMERA), None)
        self._sensor = _first(devices, SimulatedFingerprintSensor)
        self._slot = slot
        self._people = people
        self._chip_delay = chip_delay
        self._here = 0
        self._stepped_up = asyncio.Condition()

    async def standing(self, number: int) -> None:
        """Wait until this traveller, or a later one, stands before the box."""
        async with self._stepped_up:
            await self._stepped_up.wait_for(lambda: self._here >= number)

    async def run(self) -> None:
        """As each traveller leaves, let the next one step up, until cancelled."""
        view = self._screen.view()
        try:
            while True:
                number = view.crossings + 1
                if number != self._here:
                    await asyncio.to_thread(self._step_up, number)
                    async with self._stepped_up:
                        self._here = number
                        self._stepped_up.notify_all()
                view = await self._screen.wait_for_change(view.revision, LOOK_SECONDS)
        finally:
            if self._slot is not None:
                self._slot.remove()

    def _step_up(self, number: int) -> None:
        if self._page is not None:
            self._page.remove()  # the last traveller's page must not be read as the next one's
        if self._page_camera is not None:
            self._page_camera.remove()
        person = self._people(number)
        if self._camera is not None:
            picture = np.asarray(Image.open(io.BytesIO(person.portrait)).convert("RGB"))
            self._camera.present(np.ascontiguousarray(picture[:, :, ::-1]))
        if self._sensor is not None:
            self._sensor.present(*(fingers_of(person.lines) if person.fingers is None else person.fingers))
        if self._page_camera is not None and person.readable and person.lines:
            self._page_camera.present(draw_page(person.lines, person.portrait, seed=number))
        chip = self._chip_of(person)
        if self._slot is not None:
            self._slot.remove()
            if chip is not None:
                self._slot.insert(chip)
            self._lay_down(person, None)
        elif self._page is not None and Capability.CHIP in self._page.capabilities:
            self._lay_down(person, chip)
        else:  # the chips are real ones, on a reader that is
            self._lay_down(person, None)

    def _chip_of(self, person: Person) -> VirtualChip | None:
        if not person.chip:
            return None
        return VirtualChip(
            person.files,
            mrz_information=person.access or _access_of(person.lines),
            secrets=person.secrets,
            misbehaviour=person.misbehaviour,
            delay=self._chip_delay,
        )

    def _lay_down(self, person: Person, chip: VirtualChip | None) -> None:
        if self._page is None:
            return
        lines = person.lines if person.readable and person.lines else None
        if chip is None:
            self._page.present(lines=lines)
        else:
            self._page.present(lines=lines, transmit=chip.transmit, atr=chip.atr)


def fingers_of(lines: tuple[str, ...]) -> tuple[int, int]:
    """The numbers of two invented fingers: the same for who comes back with the same document."""
    first = 2 * (zlib.crc32("".join(lines).encode()) % 100_000)
    return first, first + 1


def _access_of(lines: tuple[str, ...]) -> str:
    """What opens the chip: the printed fields, with the check digits that they should have."""
    return chip_access_fields(parse_mrz(lines, today=dt.datetime.now(dt.UTC).date()))


def _first(devices: tuple[Device, ...], kind: type[Kind]) -> Kind | None:
    return next((device for device in devices if isinstance(device, kind)), None)
