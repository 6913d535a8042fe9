"""The demo: one box with all four services in this process, a world around it, and travellers before it."""

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.config import load_config
from appliance.simulation.booth import PAGE_CAMERA, Booth, Person, person_of, person_of_folder
from appliance.simulation.box import Box, beside
from appliance.simulation.chip import contactless, no_delay
from appliance.simulation.chip.pcscd import PcscdUnavailable, VirtualReader, virtual_reader
from appliance.simulation.chip.vpcd import PORT
from appliance.simulation.demo_officers import name_officers
from appliance.simulation.officer import Crossing, ScriptedOfficer, look_until
from appliance.simulation.world import DeviceTable, World, WorldUnavailable
from hal.camera.simulated import REALISTIC_SECONDS as CAMERA_SECONDS
from hal.device import HalError
from hal.document_reader.simulated import REALISTIC_SECONDS as READER_SECONDS
from hal.fingerprint_sensor.simulated import REALISTIC_SECONDS as FINGER_SECONDS

REALISTIC_KBIT = 424
"""What most of today's passports and readers agree on."""
DRAWN = "drawn"
"""Of a page camera: it sees a page that is drawn for each traveller."""
LISTS_SECONDS = 30.0
"""The lists travel through the broker to the box before the first traveller does."""
LONG_RUN = 20
"""More travellers than this are worth a word on how far it is."""
STEP_SECONDS = 120.0
"""A headless crossing that takes longer has failed."""
ACKNOWLEDGED_SECONDS = 60.0
"""After the last crossing, until central has spoken for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """What the command line says."""

    headless: bool = False
    travellers: int = 4
    realistic: bool = False
    serial: str | None = None
    reader: str | None = None
    camera: str | None = None
    page_camera: str | None = None
    """"drawn", or a picture, folder or device: a camera reads the page, and no MRZ reader is there."""
    chip: Path | None = None
    port: int = 8080
    language: str = "en"
    folder: Path | None = None
    json: bool = False
    database: str | None = None
    """Central's: a PostgreSQL URL; None: SQLite in the demo's folder."""


class Demo:
    """One run of the demo."""

    def __init__(self, settings: DemoSettings) -> None:
        self._settings = settings

    def run(self) -> int:
        """0 when it ended as it should; with --headless, when every record was acknowledged."""
        # A background job ignores SIGINT unless told; what was started here must be stopped here.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        try:
            return self._run()
        except KeyboardInterrupt:
            self._say("Stopped.")
            return 0 if not self._settings.headless else 1

    def _run(self) -> int:
        with contextlib.ExitStack() as stack:
            folder = self._settings.folder
            if folder is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="borne-demo-")))
            slot = stack.enter_context(self._chip_slot())
            self._say(f"Starting the broker and central in {folder} ...")
            try:
                world = stack.enter_context(World(folder.resolve(), database=self._settings.database))
                configuration = world.write_configuration(
                    self.devices(slot),
                    kiosk_port=0 if self._settings.headless else self._settings.port,
                    language=self._settings.language,
                    unattended=self._settings.headless,
                )
            except OSError as error:
                raise WorldUnavailable(
                    f"The demo cannot keep its files in {folder} ({error.strerror})."
                ) from error
            return asyncio.run(self._run_box(configuration, slot))

    async def _run_box(self, configuration: Path, slot: VirtualReader | None) -> int:
        pins = {} if self._settings.headless else name_officers(load_config(configuration))
        box = Box(configuration, transport=self._transport(slot))
        async with beside(box.run()):
            await self._wait_for_lists(box)
            await self._name_missing_devices(box)
            booth = Booth(
                screen=box.lane,
                devices=box.capture.all_devices,
                slot=slot,
                people=self._people(),
                chip_delay=contactless(REALISTIC_KBIT) if self._settings.realistic else no_delay,
            )
            async with beside(booth.run()):
                if self._settings.headless:
                    return await self._work_through(box, booth)
                self._greet(box, pins)
                await asyncio.Event().wait()
        return 0

    async def _work_through(self, box: Box, booth: Booth) -> int:
        """Press the button for every traveller, then wait for central's word on all of them."""
        officer = ScriptedOfficer(box.lane, booth)
        first = box.lane.view().crossings
        crossings: list[tuple[Crossing, dict[str, float]]] = []
        stuck: WorldUnavailable | None = None
        for number in range(first + 1, first + self._settings.travellers + 1):
            try:
                async with asyncio.timeout(STEP_SECONDS):
                    crossing = await officer.cross(number)
            except TimeoutError:
                stuck = WorldUnavailable(f"Traveller {number} was not through in {STEP_SECONDS:.0f} s.")
                break
            crossings.append((crossing, dict(box.lane.engine.step_seconds)))
            self._tell_progress(len(crossings))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ACKNOWLEDGED_SECONDS):
                await look_until(box.lane, lambda view: view.unsent == 0)
        view = box.lane.view()
        acknowledged = view.last_seq - view.unsent
        for crossing, steps in crossings:
            self._print_row(
                {
                    "traveller": crossing.number,
                    "recommendation": crossing.recommendation.value if crossing.recommendation else None,
                    "reasons": list(crossing.reasons),
                    "outcome": crossing.outcome.value if crossing.outcome else None,
                    "committed": crossing.number <= view.crossings,
                    "acknowledged": crossing.last_seq <= acknowledged,
                    "transport": box.transport,
                    "seconds": round(crossing.seconds, 3),
                    "steps": {name: round(took, 3) for name, took in steps.items()},
                }
            )
        if stuck is not None:
            raise stuck
        return 0 if view.unsent == 0 else 1

    def _tell_progress(self, through: int) -> None:
        """On long runs, to a person who watches: their answers come when central has spoken for all."""
        wanted = self._settings.travellers
        if wanted > LONG_RUN and sys.stderr.isatty():
            end = "\n" if through == wanted else "\r"
            print(f"{through} of {wanted} travellers are through", end=end, file=sys.stderr, flush=True)

    def _print_row(self, row: dict[str, Any]) -> None:
        if self._settings.json:
            print(json.dumps(row), flush=True)
        else:
            self._say(
                f"traveller {row['traveller']}: {row['recommendation'] or '?':<6} {row['outcome']:<9}"
                f" {row['seconds']:.2f} s  {', '.join(row['reasons'])}"
                f"{'' if row['acknowledged'] else '  NOT acknowledged'}"
            )

    async def _wait_for_lists(self, box: Box) -> None:
        """The lists come the whole way: central, broker, uplink, the gate in lane."""
        try:
            async with asyncio.timeout(LISTS_SECONDS):
                await look_until(box.lane, lambda view: len(view.lists) >= 2)
        except TimeoutError:
            self._say("The watchlists have not come; the demo goes on without them, and says so.")

    async def _name_missing_devices(self, box: Box) -> None:
        """A device that was named and is not there: the box goes on without it, and says so, and so do we."""
        for device in box.capture.all_devices:
            try:
                await asyncio.to_thread(device.open)
            except HalError as error:
                self._say(f"{error} The demo goes on without it.")

    # What stands in for what

    @contextlib.contextmanager
    def _chip_slot(self) -> Iterator[VirtualReader | None]:
        """pcscd's virtual reader, None where it cannot be had or another reader is to be used."""
        if self._settings.reader is not None:
            yield None
            return
        with contextlib.ExitStack() as stack:
            try:
                slot = stack.enter_context(virtual_reader())
                self._say(
                    f"The virtual reader listens on every interface (ports {PORT} and {PORT + 1}): "
                    "keep this machine off networks that you do not trust."
                )
            except PcscdUnavailable as error:
                self._say(f"{error} The chip is read directly, without PC/SC.")
                slot = None
            yield slot

    def _transport(self, slot: VirtualReader | None) -> str:
        return "direct" if slot is None and self._settings.reader is None else "pcscd"

    def devices(self, slot: VirtualReader | None) -> tuple[DeviceTable, ...]:
        """The box's devices: simulated ones, and real ones where the settings name them."""
        settings = self._settings
        devices = []
        pcsc_name = settings.reader or (slot.name if slot else None)
        if pcsc_name:
            devices.append(DeviceTable("document_reader", "pcsc", {"reader_name": pcsc_name}))
        if settings.serial:
            devices.append(DeviceTable("document_reader", "mrz_line", {"port": settings.serial}))
        elif settings.page_camera is None or not pcsc_name:
            delay = READER_SECONDS if settings.realistic else 0.0
            # The chips are on the other reader, and must not be answered for by this one.
            devices.append(
                DeviceTable("document_reader", "simulated", {"delay": delay, "chip": pcsc_name is None})
            )
        devices.append(self._camera_device())
        if settings.page_camera is not None:
            devices.append(self._page_camera_device(settings.page_camera))
        delay = FINGER_SECONDS if settings.realistic else 0.0
        devices.append(DeviceTable("fingerprint_sensor", "simulated", {"delay": delay}))
        devices.append(DeviceTable("panel", "simulated", {}))
        return tuple(devices)

    def _camera_device(self) -> DeviceTable:
        camera = self._settings.camera
        if camera is None:
            delay = CAMERA_SECONDS if self._settings.realistic else 0.0
            return DeviceTable("camera", "simulated", {"delay": delay})
        if camera.startswith("/dev/"):
            return DeviceTable("camera", "v4l2", {"device": camera})
        return DeviceTable("camera", "file", {"path": str(Path(camera).resolve())})

    def _page_camera_device(self, camera: str) -> DeviceTable:
        if camera == DRAWN:
            delay = CAMERA_SECONDS if self._settings.realistic else 0.0
            options = {"name": PAGE_CAMERA, "delay": delay}
            return DeviceTable("camera", "simulated", options, use="document")
        if camera.startswith("/dev/"):
            return DeviceTable("camera", "v4l2", {"device": camera}, use="document")
        return DeviceTable("camera", "file", {"path": str(Path(camera).resolve())}, use="document")

    def _people(self) -> Callable[[int], Person]:
        folder = self._settings.chip
        if folder is None:
            return person_of
        person = person_of_folder(folder)
        return lambda _number: person

    def _greet(self, box: Box, pins: dict[str, str]) -> None:
        self._say(f"\n  The kiosk: {box.address}")
        self._say(f"  The traveller's page, for a second screen: {box.address}traveller\n")
        self._say("  Space bar: press (start, accept).  Hold it: refer to the second line.")
        settings = self._settings
        if settings.chip is not None:
            self._say(f"  Every traveller has the chip of {settings.chip}.")
        else:
            self._say(
                "  Travellers 1 to 4 are scripted: ordinary, near match, stolen document, wrong check digit."
            )
        self._say("  SIMULATED officers, to log in with F3 and open the second line with F8 (no need to);")
        self._say("  the technician's page opens with Shift+F8:")
        for name, pin in pins.items():
            self._say(f"    {name}, PIN {pin} (of this run alone)")
        real = settings.serial or settings.reader or settings.camera
        what = "What is simulated here" if real else "Everything here is simulated, and"
        self._say(f"  {what} says so.  Ctrl-C ends the demo.\n")

    def _say(self, words: str) -> None:
        """To people; with --json standard output is for the program that reads it."""
        print(words, file=sys.stderr if self._settings.json else sys.stdout, flush=True)
