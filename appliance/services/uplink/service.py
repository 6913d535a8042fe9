"""The uplink service: drains lane's outbox to the broker, and brings back central's word and signed data.

One connection after the other, each a new one. What goes out is `drain.py`'s to choose; what comes in goes to
lane, which verifies it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from appliance.contracts import wire
from appliance.contracts.capture import Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import FetchQueries, Lane, LinkState, SignedData, SignReport
from appliance.contracts.transport import Operation
from appliance.contracts.update import Fetched, UpdateOffer
from appliance.contracts.uplink import Telemetry, UplinkStatus
from appliance.services.uplink.bundles import Bundles
from appliance.services.uplink.drain import Drain
from appliance.services.uplink.link import Announcement, Credentials, Link, LinkError, User
from appliance.services.uplink.network import network_links
from appliance.services.uplink.pace import MIN_BACKOFF_SECONDS, Backoff

RESEND_SECONDS = 10.0
"""What the broker has is seldom lost. To send it again sooner makes the crowd worse that comes back after an
outage: with 44 boxes at one slow central, two seconds meant 2.5 copies of every record."""
GOOD_CONNECTION_SECONDS = 30.0
"""After this long the next loss begins with a short wait again."""
LANE_RETRY_SECONDS = 1.0
QUERY_WAIT_SECONDS = 20.0
QUERY_EXPIRES_SECONDS = 600
"""A late answer is still chased; an hour later the next list does that."""
SIGNING_SECONDS = 15.0
"""For lane to come up beside us; after that the box says unsigned that it is there."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """Who this box is at which broker; the times are for tests."""

    device: str
    credentials: Credentials
    resend_seconds: float = RESEND_SECONDS
    min_backoff_seconds: float = MIN_BACKOFF_SECONDS
    signing_seconds: float = SIGNING_SECONDS


class UplinkService:
    """`Uplink`; it holds no plain personal data, and no key but the one of its own TLS certificate."""

    def __init__(self, *, lane: Lane, settings: Settings, bundles: Bundles | None = None) -> None:
        """`bundles`: None where the software is not updated by slots."""
        self._lane = lane
        self._settings = settings
        self._bundles = bundles
        self._link: Link | None = None
        self._telemetry: bytes | None = None
        self._connections = 0
        self._last_problem = ""
        self._drain = Drain(
            lane=lane,
            device=settings.device,
            resend_seconds=settings.resend_seconds,
            problem=self._note_problem,
        )

    def operations(self) -> tuple[Operation, ...]:
        """What the service's socket offers."""
        return (
            Operation("publish_telemetry", Telemetry, self.publish_telemetry),
            Operation("status", Nothing, self.status),
            Operation("fetch_update", UpdateOffer, self.fetch_update),
        )

    async def publish_telemetry(self, request: Telemetry) -> Nothing:
        """Send the box's health now, or as soon as there is a connection; only the latest counts."""
        report = msgspec.json.encode(request.report)
        if len(report) > wire.MAX_REPORT_BYTES:
            raise ServiceError("too_large", "The health report is larger than a broker should carry.")
        self._telemetry = report
        await self._send_telemetry()
        return Nothing()

    async def status(self, request: Nothing) -> UplinkStatus:  # noqa: ARG002 - the Protocol's shape
        credentials = self._settings.credentials
        return UplinkStatus(
            connected=self._link is not None,
            broker=f"{credentials.host}:{credentials.port}",
            acknowledged_seq=self._drain.acknowledged,
            published=self._drain.published,
            repeated=self._drain.repeated,
            reconnects=max(0, self._connections - 1),
            last_problem=self._last_problem,
            links=network_links(),
        )

    async def fetch_update(self, request: UpdateOffer) -> Fetched:
        """Bring an offered bundle onto the box, beside all else; agent asks again until it is there."""
        if self._bundles is None:
            raise ServiceError("no_slots", "This box's software is not updated by itself.")
        return await self._bundles.fetch(request)

    async def run(self, *, progressed: Callable[[], None] = lambda: None) -> None:
        """Connect, drain, and begin again, until cancelled; `progressed` is called while that goes on."""
        backoff = Backoff(self._settings.min_backoff_seconds)
        while True:
            progressed()
            began = time.monotonic()
            announced = await self._announcement()
            link = Link(self._settings.device, self._settings.credentials, announced=announced)
            try:
                await link.connect()
                self._connections += 1
                await self._serve(link, progressed)
            except LinkError as error:
                self._last_problem = str(error)
            finally:
                self._link = None
                link.close()
            await self._tell_lane(connected=False, sentence=self._last_problem)
            log.warning("%s", self._last_problem)
            if time.monotonic() - began > GOOD_CONNECTION_SECONDS:
                backoff.reset()
            await asyncio.sleep(backoff.next())

    async def _serve(self, link: Link, progressed: Callable[[], None]) -> None:
        """One connection, until it is over."""
        self._link = link
        self._drain.begin()
        await self._tell_lane(connected=True)
        await self._send_telemetry()
        tasks = (
            asyncio.ensure_future(self._drain.run(link, progressed)),
            asyncio.ensure_future(self._take_in(link)),
            asyncio.ensure_future(self._carry_queries(link)),
        )
        try:
            either: set[asyncio.Future[Any]] = {link.ended, *tasks}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            raise LinkError(link.ended.result())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_in(self, link: Link) -> None:
        device = self._settings.device
        delivers = {
            wire.topic(device, "watermark"): self._lane.acknowledge,
            wire.topic(device, wire.COMMAND): self._lane.command,
            wire.topic(device, "answer"): self._lane.answer,
        }
        while True:
            incoming = await link.next_incoming()
            deliver = delivers.get(incoming.topic, self._lane.install)
            while True:
                try:
                    answer = await deliver(SignedData(data=incoming.payload))
                except ServiceError:
                    await asyncio.sleep(LANE_RETRY_SECONDS)
                    continue
                break
            if not answer.accepted:
                log.warning("lane does not take what came on %s: %s", incoming.topic, answer.sentence)

    async def _carry_queries(self, link: Link) -> None:
        """Live queries go out at once, past the records; one that meets a full line is not worth waiting
        for."""
        device = self._settings.device
        while True:
            try:
                found = await self._lane.fetch_queries(FetchQueries(wait=QUERY_WAIT_SECONDS))
            except ServiceError:
                await asyncio.sleep(LANE_RETRY_SECONDS)
                continue
            for query in found.queries:
                link.ask(
                    wire.topic(device, "query"),
                    query.data,
                    answer_to=wire.topic(device, "answer"),
                    correlation=query.id,
                    seconds=QUERY_EXPIRES_SECONDS,
                )

    async def _tell_lane(self, *, connected: bool, sentence: str = "") -> None:
        with contextlib.suppress(
            ServiceError
        ):  # lane asks nothing of us, and shows the link as it last heard
            await self._lane.link(LinkState(connected=connected, sentence=sentence))

    def _note_problem(self, sentence: str) -> None:
        self._last_problem = sentence

    async def _send_telemetry(self) -> None:
        """Now, if there is a line; what is not sent now the next connection sends, or the next report is."""
        report = self._telemetry
        if report is None or self._link is None or not self._link.has_room:
            return
        try:
            user = await self._signed(wire.TELEMETRY, report)
        except ServiceError:
            user = ()  # a box whose lane is down says so all the same, and central sees that nobody signed
        link = self._link
        if link is not None and report is self._telemetry:  # or it was lost meanwhile, or overtaken
            with contextlib.suppress(LinkError):
                link.publish(
                    wire.topic(self._settings.device, wire.TELEMETRY), report, retain=True, user=user
                )

    async def _announcement(self) -> Announcement:
        """Signed by lane, which may be starting beside us; the last will with the later counter."""
        until = time.monotonic() + self._settings.signing_seconds
        while True:
            try:
                online = await self._signed(wire.STATUS, wire.ONLINE)
                return Announcement(online, await self._signed(wire.STATUS, wire.OFFLINE))
            except ServiceError as error:
                if time.monotonic() >= until:
                    self._note_problem(error.sentence)
                    return Announcement()
                await asyncio.sleep(min(LANE_RETRY_SECONDS, self._settings.signing_seconds))

    async def _signed(self, what: str, payload: bytes) -> User:
        """Raises:
        ServiceError: lane does not answer, or cannot.
        """
        return (await self._lane.sign_report(SignReport(what=what, payload=payload))).user
