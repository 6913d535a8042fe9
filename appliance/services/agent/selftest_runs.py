"""The self-test with its state: run when it is due or asked for, watched as it goes on, with what a
technician has confirmed beside it."""

import asyncio
import contextlib
import datetime as dt
from typing import Any

import msgspec

from appliance.contracts.agent import NoteResults, SelfTestState, WatchSelfTest
from appliance.contracts.checks import Check
from appliance.contracts.errors import ServiceError
from appliance.services.agent.selftest import Result, SelfTest

MOST_RESULTS = 200
"""A box has some dozens; what is noted beyond is refused."""
MOST_WAIT_SECONDS = 30.0


class SelfTestRuns:
    """Lives in the event loop's thread."""

    def __init__(self, test: SelfTest | None) -> None:
        self._test = test
        self._task: asyncio.Task[None] | None = None
        self._noted: dict[str, Check] = {}
        self._changed = asyncio.Event()
        self.state = SelfTestState()

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin a run, unless one goes on; what was confirmed before it no longer counts.

        Raises:
            ServiceError: not_here: this box has no self-test.
        """
        if self._test is None:
            raise ServiceError("not_here", "This box has no self-test.")
        if not self.running:
            self._noted = {}
            self._tell(running=True, done=0, total=0, results=())
            self._task = asyncio.create_task(self._run(self._test))

    async def stop(self) -> None:
        """With the service."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def watch(self, request: WatchSelfTest) -> SelfTestState:
        """The state, when it is not the one that the caller knows, or as it is after the time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(request.timeout, 0.0), MOST_WAIT_SECONDS)):
                while self.state.revision == request.after:
                    await self._changed.wait()
        return self.state

    def note(self, request: NoteResults) -> SelfTestState:
        """What a person confirmed goes before what a run could not do.

        Raises:
            ServiceError: too_many: a box has no more than so many checks.
        """
        noted = self._noted | {one.id: one for one in request.results}
        if len(noted) > MOST_RESULTS:
            raise ServiceError("too_many", "That is more than a box has to test.")
        self._noted = noted
        self._tell(results=self.state.results)
        return self.state

    def telemetry(self) -> dict[str, Any]:
        """As it goes to central: how many passed, and each that did not, by its reason."""
        if not self.state.time:
            return {}
        results = self.state.results
        return {"time": self.state.time, "passed": sum(one.verdict == "PASS" for one in results)} | {
            verdict.lower(): [f"{one.id}: {one.reason}" for one in results if one.verdict == verdict]
            for verdict in ("FAIL", "CANNOT", "NOT_DONE")
        }

    async def _run(self, test: SelfTest) -> None:
        def told(done: int, total: int, results: list[Result]) -> None:
            self._tell(done=done, total=total, results=_checks(results))

        try:
            results = await test.run(told)
            now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            self._tell(done=self.state.total, results=_checks(results), time=now)
        finally:
            self._tell(running=False, results=self.state.results)

    def _tell(self, *, results: tuple[Check, ...], **changes: Any) -> None:
        merged = {one.id: one for one in results} | self._noted
        self.state = msgspec.structs.replace(
            self.state, results=tuple(merged.values()), revision=self.state.revision + 1, **changes
        )
        self._changed.set()  # wakes all who wait now
        self._changed.clear()


def _checks(results: list[Result]) -> tuple[Check, ...]:
    return msgspec.convert(results, tuple[Check, ...])
