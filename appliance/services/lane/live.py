"""Live queries of the lane: asked as soon as the document is read, waited for until the checks, chased
after that.

Lane seals and opens; uplink only carries. An answer is believed once, for a question that was asked, and
only with the gateway's signature.
"""

import asyncio
import datetime as dt
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from nacl.public import PrivateKey, PublicKey
from nacl.signing import SigningKey, VerifyKey

from appliance.contracts.checks import Check, Direction, Verdict
from appliance.contracts.lane import FetchQueries, Installed, LiveQueries, LiveQuery, SignedData
from appliance.live_query import (
    ID_BYTES,
    Answer,
    LiveHit,
    LiveQueryError,
    LiveSubject,
    Query,
    open_answer,
    seal_query,
)
from appliance.screening import Subject

LIVE: Final = "watchlist.live"
MAX_WAITING: Final = 64
"""Questions without an answer that are remembered; the oldest are given up."""
MAX_WAIT_SECONDS: Final = 60.0
_GRAVITY: Final = ("possible_match", "match", "lost", "blank", "revoked", "stolen")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class GatewayKeys:
    """Whom the box asks, and what the answer is sealed to."""

    sealing: PrivateKey
    gateway_sealing: PublicKey
    gateway_signing: VerifyKey


@dataclass(slots=True)
class _Asked:
    crossing: str
    asked: float
    answer: "asyncio.Future[Answer]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    given_up: bool = False


class LiveDesk:
    """The questions under way. Lives in the event loop's thread."""

    def __init__(
        self,
        *,
        device: str,
        keys: GatewayKeys | None,
        signing: Callable[[], SigningKey],
        late: Callable[[str, Check], Any],
    ) -> None:
        self._device = device
        self._keys = keys
        self._signing = signing
        self._late = late
        self._asked: dict[bytes, _Asked] = {}
        self._by_crossing: dict[str, bytes] = {}
        self._outgoing: list[LiveQuery] = []
        self._woken = asyncio.Event()
        self.connected = False

    def ask(self, crossing: str, subject: Subject, direction: Direction, now: dt.datetime) -> None:
        """Put the question, once a crossing; without gateway or line nothing happens."""
        if self._keys is None or not self.connected or crossing in self._by_crossing:
            return
        id_ = secrets.token_bytes(ID_BYTES)
        query = Query(
            id=id_,
            device=self._device,
            asked_at=now.astimezone(dt.UTC).isoformat(timespec="seconds"),
            direction=direction,
            subject=live_subject(subject),
        )
        data = seal_query(query, signing_key=self._signing(), recipient=self._keys.gateway_sealing)
        while len(self._asked) >= MAX_WAITING:
            oldest = next(iter(self._asked))
            self._by_crossing.pop(self._asked.pop(oldest).crossing, None)
        self._asked[id_] = _Asked(crossing, time.monotonic())
        self._by_crossing[crossing] = id_
        self._outgoing.append(LiveQuery(id=id_, data=data))
        self._woken.set()

    async def result(self, crossing: str, *, seconds: float) -> Check:
        """The check: what the gateway said within `seconds` of the question."""
        if self._keys is None:
            return Check(id=LIVE, verdict=Verdict.NOT_DONE, reason="not_asked")
        asked = self._asked.get(self._by_crossing.get(crossing, b""))
        if asked is None:
            return Check(id=LIVE, verdict=Verdict.NOT_DONE, reason="no_link")
        left = asked.asked + seconds - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, left)):
                answer = await asyncio.shield(asked.answer)
        except TimeoutError:
            asked.given_up = True
            return Check(id=LIVE, verdict=Verdict.NOT_DONE, reason="no_answer", evidence={"seconds": seconds})
        self._forget(crossing)
        return check_of(answer, round(time.monotonic() - asked.asked, 1))

    async def fetch(self, request: FetchQueries) -> LiveQueries:
        """What waits to be sent; nothing is given out twice."""
        if not self._outgoing and request.wait > 0:
            self._woken.clear()
            try:
                async with asyncio.timeout(min(request.wait, MAX_WAIT_SECONDS)):
                    await self._woken.wait()
            except TimeoutError:
                pass
        out, self._outgoing = tuple(self._outgoing), []
        return LiveQueries(queries=out)

    async def take(self, request: SignedData) -> Installed:
        """An answer from the line; a late one that hits is chased."""
        if self._keys is None:
            return Installed(accepted=False, sentence="This box asks no gateway.")
        try:
            answer = open_answer(
                request.data,
                device=self._device,
                verify_key=self._keys.gateway_signing,
                private_key=self._keys.sealing,
            )
        except LiveQueryError as error:
            return Installed(accepted=False, sentence=str(error))
        asked = self._asked.get(answer.id)
        if asked is None or asked.answer.done():
            return Installed(accepted=False, sentence="The answer is to no question that is open here.")
        asked.answer.set_result(answer)
        if asked.given_up:
            self._forget(asked.crossing)
            check = check_of(answer, round(time.monotonic() - asked.asked, 1))
            if check.verdict is Verdict.FAIL:
                await self._late(asked.crossing, check)
        return Installed(accepted=True, sentence="Answered.")

    def _forget(self, crossing: str) -> None:
        id_ = self._by_crossing.pop(crossing, None)
        if id_ is not None:
            self._asked.pop(id_, None)


def live_subject(subject: Subject) -> LiveSubject:
    """What the gateway is told."""
    return LiveSubject(
        primary_identifier=subject.primary_identifier,
        secondary_identifier=subject.secondary_identifier,
        name_truncated=subject.name_truncated,
        birth_date=subject.birth_date,
        sex=subject.sex,
        nationality=subject.nationality,
        issuing_state=subject.issuing_state,
        document_number=subject.document_number,
        document_type=subject.document_type,
        personal_number=subject.personal_number or "",
    )


def check_of(answer: Answer, seconds: float) -> Check:
    """What the registers said, as a check."""
    hits = [(one.register, hit) for one in answer.registers for hit in one.hits if hit.reason in _GRAVITY]
    evidence: dict[str, Any] = {
        "registers": [
            {"register": one.register, "reached": one.reached, "hits": len(one.hits)}
            for one in answer.registers
        ],
        "seconds": seconds,
    }
    if hits:
        hits.sort(key=lambda pair: (-_GRAVITY.index(pair[1].reason), -pair[1].score))
        shown = [_shown(register, hit) for register, hit in hits]
        return Check(
            id=LIVE,
            verdict=Verdict.FAIL,
            reason=hits[0][1].reason,
            evidence=evidence | shown[0] | {"hits": len(hits), "others": shown[1:5]},
        )
    if not answer.registers or not all(one.reached for one in answer.registers):
        return Check(id=LIVE, verdict=Verdict.CANNOT, reason="register_unreachable", evidence=evidence)
    return Check(id=LIVE, verdict=Verdict.PASS, reason="no_hit", evidence=evidence)


def _shown(register: str, hit: LiveHit) -> dict[str, Any]:
    return {
        "list": register,
        "score": hit.score,
        "why": list(hit.why),
        "entry": hit.entry,
        "entry_reason": hit.entry_reason,
        "action": hit.action,
        "contact": hit.contact,
    }
