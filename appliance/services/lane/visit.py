"""A visit to a page of its own at the lane: one person who has proved a role, while nobody stands there.

The page is known by a word that only its cookie has. A traveller who comes ends the visit at once, and so do
minutes without a key; both ends are records with the person's name.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Final

from appliance.contracts.officers import OfficerAnswer, Role
from appliance.services.lane.duty import Duty
from appliance.services.lane.workflow import Step

IDLE_SECONDS: Final = 600.0
"""Who has gone away has left the page, and what it holds, to nobody."""


class Visit:
    """What the desks of such pages are. Lives in the event loop's thread."""

    def __init__(self, *, role: Role, duty: Duty, step: Callable[[], Step]) -> None:
        self.ended = ""
        """Why the latest visit ended: leave, traveller, idle."""
        self._role = role
        self._duty = duty
        self._step = step
        self._idle_seconds = IDLE_SECONDS
        self._token = ""
        self._by = ""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Who may begin."""
        return tuple(one.name for one in self._duty.known if self._role in one.roles)

    @property
    def free(self) -> bool:
        """Whether nobody stands at the lane."""
        return self._step() is Step.WAITING

    def knows(self, token: str) -> bool:
        """Whether this is the word of the visit that goes on."""
        return bool(self._token) and secrets.compare_digest(token.encode(), self._token.encode())

    def look(self) -> None:
        """A traveller ends the visit; called whenever the lane has changed."""
        if self._token and not self.free:
            self._end("traveller")

    def leave(self, token: str) -> None:
        """They go."""
        if self.knows(token):
            self._end("leave")

    async def _proves(self, name: str, pin: str) -> OfficerAnswer:
        """Whether this is somebody with the role; looking at a PIN takes a while."""
        return await asyncio.to_thread(self._duty.proves, name, pin, frozenset({self._role}))

    async def _begin(self, name: str) -> tuple[OfficerAnswer, str]:
        """They are let in, in the place of whoever was: the answer, and the word by which the page is known.
        None of it where somebody has come to the lane meanwhile."""
        if not self.free:
            return OfficerAnswer(taken=False, problem="gone"), ""
        self._end("leave")
        self._token, self._by, self.ended = secrets.token_urlsafe(32), name, ""
        self._began()
        self._touch()
        await asyncio.to_thread(self._duty.visited, f"{self._role}_came", name)
        return OfficerAnswer(taken=True), self._token

    def _touch(self) -> None:
        """They are still there."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._end, "idle")

    def _end(self, why: str) -> None:
        """The visit is over, where there is one."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._token:
            return
        self._token, self.ended = "", why
        self._over()
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, self._duty.visited, f"{self._role}_went", self._by)

    def _began(self) -> None:
        """What a desk does besides."""

    def _over(self) -> None:
        """What a desk does besides, and what it forgets; `ended` says why."""
