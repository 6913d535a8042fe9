"""One training session: a box whose devices are simulated, scripted travellers, and what the trainee did."""

import asyncio
import datetime as dt
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from appliance.config import load_config
from appliance.contracts.lane import SignedData
from appliance.contracts.transport import serve
from appliance.simulation.booth import Booth, Person
from appliance.simulation.box import beside
from appliance.simulation.chip import contactless, no_delay
from appliance.simulation.chip.timing import Delay
from appliance.simulation.training.casting import Cast, cast_of
from appliance.simulation.training.debrief import Attempt, Session, keep
from appliance.simulation.training.faces import draw_nobody
from appliance.simulation.training.observer import Observer
from appliance.simulation.training.pages import Pages, house
from appliance.simulation.training.right_officer import Admits, RightOfficer, as_the_script_says
from appliance.simulation.training.script import Book
from appliance.simulation.training.setting import LISTS_AGE, NotHere, Setting, refuse_on_a_real_box
from appliance.simulation.world import DeviceTable
from appliance.wiring import kiosk, listen_loopback, make_capture, make_lane
from hal.camera.simulated import REALISTIC_SECONDS as CAMERA_SECONDS
from hal.document_reader.simulated import REALISTIC_SECONDS as READER_SECONDS
from hal.fingerprint_sensor.simulated import REALISTIC_SECONDS as FINGER_SECONDS

STEP_SECONDS: Final = 180.0
"""A traveller whom the headless officer has not seen through by then has got stuck."""
REALISTIC_KBIT: Final = 424


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What the command line says."""

    book: Book
    seat: str
    results: Path
    headless: bool = False
    realistic: bool = False
    """Devices as slow as real ones."""
    unhurried: bool = False
    """Headless, with all the time that the shipped policy gives."""
    start: str = "press"
    """What begins a crossing: press, or document."""
    notice: int | None = None
    """Seconds that a traveller is told what is taken; None: as the shipped policy says."""
    lists_age: dt.timedelta = LISTS_AGE
    clock: str = "host"
    """auto: the box asks the kernel how sure the time is, as at a post."""
    port: int = 8080
    language: str = "en"
    say: Callable[[str], None] = field(default=print)
    done: Callable[[Attempt], None] = field(default=lambda _attempt: None)
    admits: Admits = as_the_script_says
    """Headless: who is admitted."""
    thinks: float = 0.0
    """Headless: seconds before each answer, note and decision."""


class TrainingBox:
    """`capture` and `lane` of a box whose profile is training, its kiosk, and no network at all."""

    def __init__(self, configuration: Path) -> None:
        config = load_config(configuration)
        self.capture = make_capture(config, chip_transport="direct")
        self.lane = make_lane(config, capture=self.capture)
        self._config = config
        self._listener = listen_loopback(config.kiosk.port)

    @property
    def address(self) -> str:
        host, port = self._listener.getsockname()
        return f"http://{host}:{port}/"

    async def run(self, pages: Pages, observer: Observer) -> None:
        """Until cancelled."""
        app = house(kiosk(self._config, self.lane), pages.app, pressed=observer.pressed, sent=observer.sent)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.capture.run())
            tasks.create_task(self.lane.run())
            tasks.create_task(serve(app, self._listener))

    def close(self) -> None:
        self.lane.close()


class TrainingSession:
    """Runs one sitting."""

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        self._casts: dict[int, Cast] = {}
        self._day = dt.datetime.now(dt.UTC).date()
        self.session = Session(
            seat=settings.seat,
            book=settings.book.name,
            started=dt.datetime.now(dt.UTC).astimezone().isoformat(timespec="seconds"),
            travellers=len(settings.book.traveller),
        )
        self.pages = Pages()
        self.kept: Path | None = None

    def run(self) -> Session:
        """The whole session; what was done is kept after each traveller.

        Raises:
            NotHere: this machine serves real travellers.
            CannotStart: the port is taken.
            OSError: nothing can be kept.
        """
        refuse_on_a_real_box()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:  # nohup is kept to
                signal.signal(number, signal.default_int_handler)
        # Records of training are nobody's movements: they go when the session ends, and only results stay.
        with tempfile.TemporaryDirectory(prefix="borne-training-") as folder:
            try:
                asyncio.run(self._run(Path(folder)))
            except KeyboardInterrupt:
                self._settings.say("Stopped.")
        return self.session

    async def _run(self, folder: Path) -> None:
        settings = self._settings
        setting = Setting(folder, settings.book, now=dt.datetime.now(dt.UTC), lists_age=settings.lists_age)
        configuration = setting.write_configuration(
            devices(realistic=settings.realistic),
            port=0 if settings.headless else settings.port,
            language=settings.language,
            hurried=settings.headless and not settings.unhurried,
            start=settings.start,
            notice=settings.notice,
            clock=settings.clock,
        )
        setting.remember_passages()
        box = TrainingBox(configuration)
        try:
            await self._train(box, setting)
        finally:
            box.close()

    async def _train(self, box: TrainingBox, setting: Setting) -> None:
        settings = self._settings
        observer = Observer(box.lane, settings.book.traveller, self._through)
        async with beside(box.run(self.pages, observer)):
            for package in setting.packages():
                installed = await box.lane.install(SignedData(data=package))
                if not installed.accepted:
                    raise NotHere(f"The training lists were not installed: {installed.sentence}")
            delay: Delay = contactless(REALISTIC_KBIT) if settings.realistic else no_delay
            booth = Booth(
                screen=box.lane,
                devices=box.capture.all_devices,
                slot=None,
                people=self._person,
                chip_delay=delay,
            )
            async with beside(booth.run()):
                if settings.headless:
                    await self._work_through(box, booth, observer)
                    return
                self._greet(box)
                await observer.run()
                settings.say("That was the last one.  Ctrl-C ends the session; the score stays on the page.")
                await asyncio.Event().wait()

    async def _work_through(self, box: TrainingBox, booth: Booth, observer: Observer) -> None:
        settings = self._settings
        officer = RightOfficer(
            box.lane,
            pressed=observer.pressed,
            sent=observer.sent,
            admits=settings.admits,
            thinks=settings.thinks,
        )
        async with beside(_watch(observer)):
            for number in range(1, len(settings.book.traveller) + 1):
                try:
                    async with asyncio.timeout(STEP_SECONDS):
                        await booth.standing(number)
                        await officer.see(self._casts[number], number)
                        await observer.gone(number)
                except TimeoutError as error:
                    id_ = settings.book.traveller[number - 1].id
                    raise NotHere(f"Traveller `{id_}` was not through in {STEP_SECONDS:.0f} s.") from error

    def _person(self, number: int) -> Person:
        """Who steps up; after the last one nobody does."""
        travellers = self._settings.book.traveller
        if number > len(travellers):
            self.pages.nobody(self.session)
            return Person(traveller=None, lines=(), files={}, portrait=draw_nobody(), chip=False, fingers=())
        if number not in self._casts:
            self._casts = {number: cast_of(self._settings.book, travellers[number - 1], day=self._day)}
        cast = self._casts[number]
        self.pages.stands(cast, number=number, of=len(travellers))
        return cast.person

    def _through(self, attempt: Attempt) -> None:
        self.session = msgspec.structs.replace(self.session, attempts=(*self.session.attempts, attempt))
        self.kept = keep(self.session, self._settings.results)
        self.pages.through(self.session)
        self._settings.done(attempt)

    def _greet(self, box: TrainingBox) -> None:
        say = self._settings.say
        say(f"\n  TRAINING, {len(self._settings.book.traveller)} travellers, seat {self._settings.seat}\n")
        say(f"  The kiosk:    {box.address}")
        say(f"  The counter:  {box.address}training    (who stands there and what they hold; the debrief)\n")
        say("  Open both side by side.  Space bar: press.  Hold it: refer.  F2: type a document in.")
        say("  Everything is simulated, nothing leaves this machine.  Ctrl-C ends the session.\n")


async def _watch(observer: Observer) -> None:
    await observer.run()
    await asyncio.Event().wait()  # `beside` takes an end for a failure


def devices(*, realistic: bool) -> tuple[DeviceTable, ...]:
    """All simulated; `realistic`: as slow as real ones."""
    pace = {"document_reader": READER_SECONDS, "camera": CAMERA_SECONDS, "fingerprint_sensor": FINGER_SECONDS}
    slow = {kind: {"delay": seconds if realistic else 0.0} for kind, seconds in pace.items()}
    return (*(DeviceTable(kind, "simulated", options) for kind, options in slow.items()),
            DeviceTable("panel", "simulated", {}))  # fmt: skip
