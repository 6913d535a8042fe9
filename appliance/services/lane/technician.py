"""The technician at the lane: the self-test part by part, while nobody stands here.

Whoever begins proves it with a PIN and the role; a traveller ends it at once, wherever it stands. What is
tried is noted with the agent's self-test and leaves with the telemetry; nothing of it is a crossing.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final

from appliance.clock import Clock
from appliance.contracts.agent import Agent, AgentStatus, NoteResults, SelfTestState
from appliance.contracts.capture import Capture, DeviceStatus, Looked, LookThrough, Nothing
from appliance.contracts.checks import Check, Verdict
from appliance.contracts.errors import ServiceError
from appliance.contracts.finger import TakeFinger
from appliance.contracts.lane import LaneStatus
from appliance.contracts.officers import OfficerAnswer, Role
from appliance.contracts.post_joining import PostReport
from appliance.contracts.technician import SIGNALS, BenchView, OpenBench, Specimen, Tried
from appliance.reference_data.trust_folder import TrustFolder
from appliance.services.lane.aside import Aside
from appliance.services.lane.duty import Duty
from appliance.services.lane.signals import show
from appliance.services.lane.specimen import read_specimen, results_of
from appliance.services.lane.visit import Visit
from appliance.services.lane.workflow import Step

FINGER: Final = "right_index"
FINGER_SECONDS: Final = 15.0
FINGER_QUALITY: Final = 30
"""Of 100: below, a sensor is dirty or a finger is; the finger's own settings say the same."""
LOOK_SECONDS: Final = 3.0


class TechnicianDesk(Visit):
    """Lives in the event loop's thread. `status` is the lane's own word on lists, clock and records."""

    def __init__(
        self,
        *,
        capture: Capture,
        duty: Duty,
        clock: Clock,
        trust: TrustFolder,
        aside: Aside,
        step: Callable[[], Step],
        devices: Callable[[], tuple[DeviceStatus, ...]],
        status: Callable[[Nothing], Coroutine[Any, Any, LaneStatus]],
    ) -> None:
        super().__init__(role=Role.TECHNICIAN, duty=duty, step=step)
        self.agent: Agent | None = None
        """Set by who builds the box; None: nobody runs the self-test here."""
        self.post: Callable[[], PostReport | None] = lambda: None
        """Set by who builds the box: how it stands in its post, as the errands say."""
        self._capture = capture
        self._clock = clock
        self._trust = trust
        self._aside = aside
        self._devices = devices
        self._status = status
        self._work: asyncio.Task[None] | None = None
        self._doing = ""
        self._signal = ""
        self._specimen: Specimen | None = None
        self._noted: dict[str, Check] = {}

    @property
    def open_to_all(self) -> bool:
        """Whether nobody at all has been named at this box, so that nobody has a PIN."""
        return self._duty.readable and not self._duty.known

    async def open(self, request: OpenBench) -> tuple[OfficerAnswer, str]:
        """Begin; the answer, and the word by which the page is known from now on."""
        if not self.open_to_all:
            answer = await self._proves(request.name, request.pin)
            if not answer.taken:
                return answer, ""
        return await self._begin(request.name)

    async def view(self) -> BenchView:
        """All that can be told now."""
        status = await self._status(Nothing())
        agent = await self._agent_status()
        test = agent.self_test if agent is not None else SelfTestState()
        results = {one.id: one for one in test.results} | self._noted
        return BenchView(
            devices=self._devices(),
            agent=agent,
            results=tuple(results.values()),
            running=test.running,
            done=test.done,
            total=test.total,
            doing=self._doing,
            signal=self._signal,
            specimen=self._specimen,
            lists=status.lists,
            trust=status.trust,
            time_quality=status.time_quality,
            uncertainty_ms=status.uncertainty_ms,
            unsent=status.unsent,
            boot_to_ready_seconds=status.boot_to_ready_seconds,
            post=await asyncio.to_thread(self.post),
        )

    async def try_(self, token: str, what: str) -> Tried:
        """Do one of TRIED; what takes a person's time goes on beside the page."""
        if not self.knows(token):
            return Tried(taken=False, problem=self.ended or "closed")
        self._touch()
        if what == "leave":
            self._end("leave")
            return Tried(taken=True)
        if what == "stop":
            await self._stop()
            return Tried(taken=True)
        if what in ("seen", "not_seen"):
            return await self._seen(what == "seen")
        if self._doing:
            return Tried(taken=False, problem="busy")
        if what == "run":
            return await self._run()
        if what == "signal":
            return await self._next_signal()
        work = self._try_specimen() if what == "specimen" else self._try_finger()
        self._doing = what
        self._work = asyncio.create_task(self._do(work))
        return Tried(taken=True)

    async def look_through(self, token: str, key: str) -> Looked:
        """A frame of one camera.

        Raises:
            ServiceError: closed: the visit is over; or as the camera fails.
        """
        if not self.knows(token):
            raise ServiceError("closed", "Nobody works at this box's devices.")
        looked = await self._capture.look_through(LookThrough(key=key, timeout=LOOK_SECONDS))
        if not self.knows(token):  # it is a traveller's picture by now
            raise ServiceError("closed", "Somebody stands at the lane.")
        self._touch()
        return looked

    # The parts

    async def _run(self) -> Tried:
        if self.agent is None:
            return Tried(taken=False, problem="no_agent")
        try:
            await self.agent.run_self_test(Nothing())
        except ServiceError:
            return Tried(taken=False, problem="no_agent")
        self._noted = {}
        return Tried(taken=True)

    async def _next_signal(self) -> Tried:
        """The signal after the one that is shown; each waits to be seen."""
        place = SIGNALS.index(self._signal) + 1 if self._signal else 0
        self._signal = SIGNALS[place % len(SIGNALS)]
        await show(self._capture, self._signal)
        return Tried(taken=True)

    async def _seen(self, seen: bool) -> Tried:
        signal, last = self._signal, self._signal == SIGNALS[-1]
        if not signal:
            return Tried(taken=False, problem="nothing_shown")
        verdict, reason = (Verdict.PASS, "seen") if seen else (Verdict.FAIL, "not_seen")
        await self._note(Check(id=f"panel.{signal}", verdict=verdict, reason=reason))
        if not last:
            return await self._next_signal()
        self._signal = ""
        await show(self._capture, SIGNALS[0])
        shown = [self._noted.get(f"panel.{one}") for one in SIGNALS]
        if all(one is not None and one.verdict is Verdict.PASS for one in shown):
            await self._note(Check(id="panel.lights", verdict=Verdict.PASS, reason="seen"))
        elif any(one is not None and one.verdict is Verdict.FAIL for one in shown):
            await self._note(Check(id="panel.lights", verdict=Verdict.FAIL, reason="not_seen"))
        return Tried(taken=True)

    async def _do(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            self._doing = ""

    async def _try_specimen(self) -> None:
        self._specimen = None
        try:
            specimen = await read_specimen(self._capture, clock=self._clock, trust=self._trust)
        except ServiceError as error:
            await self._note(Check(id="document.page", verdict=Verdict.CANNOT, reason=error.code))
            return
        self._specimen = specimen
        await self._note(*results_of(specimen))

    async def _try_finger(self) -> None:
        request = TakeFinger(finger=FINGER, attempts=1, seconds=FINGER_SECONDS, quality=FINGER_QUALITY)
        try:
            taken = await self._capture.take_finger(request)
        except ServiceError as error:
            verdict = Verdict.NOT_DONE if error.code == "no_device" else Verdict.CANNOT
            await self._note(Check(id="finger.image", verdict=verdict, reason=error.code))
            return
        good = taken.quality >= FINGER_QUALITY
        evidence = {"quality": taken.quality, "minutiae": taken.minutiae}  # nothing by which it is known
        verdict = Verdict.PASS if good else Verdict.FAIL
        reason = "taken" if good else "poor"
        await self._note(Check(id="finger.image", verdict=verdict, reason=reason, evidence=evidence))

    async def _note(self, *results: Check) -> None:
        self._noted |= {one.id: one for one in results}
        if self.agent is not None:
            with contextlib.suppress(ServiceError):  # they stand on the page all the same
                await self.agent.note_results(NoteResults(results=tuple(self._noted.values())))

    async def _agent_status(self) -> AgentStatus | None:
        if self.agent is None:
            return None
        try:
            return await self.agent.status(Nothing())
        except ServiceError:
            return None

    # The visit

    def _began(self) -> None:
        self._noted = {}
        self._aside.set(technician=True)

    async def _stop(self) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    def _over(self) -> None:
        """Nothing that was read stays."""
        if self._work is not None:
            self._work.cancel()
        self._signal, self._specimen = "", None
        self._aside.set(technician=False)
        if self.ended != "traveller":  # whose step has lights of its own
            self._work = asyncio.get_running_loop().create_task(show(self._capture, SIGNALS[0]))
