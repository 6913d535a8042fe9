"""Builds the services from the configuration: each alone as systemd runs them, or all four in one process.

What a service does not need it does not import, so that `uplink` holds no parser of documents and
`capture` no client of the network.
"""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from appliance.clock import Clock, TimeQuality
from appliance.config import Config, Profile, Use
from appliance.contracts.agent import AgentClient
from appliance.contracts.capture import Capture, CaptureClient
from appliance.contracts.lane import Lane, LaneClient
from appliance.contracts.post import Post, PostClient
from appliance.contracts.transport import Operation, application, listen_unix, serve
from appliance.contracts.uplink import Uplink, UplinkClient
from appliance.opening import (
    CannotStart,
    appointing_key,
    box_keys,
    content_checks,
    gateway_keys,
    of_post,
    officers_book,
    open_book,
    open_cases,
    open_expected,
    open_history,
    open_journal,
    open_memory,
    open_visas,
    post_keys,
    reference_store,
    trust_folder,
)
from appliance.services import systemd
from appliance.time_followed import FollowedNow

if TYPE_CHECKING:
    from appliance.services.agent.service import AgentService
    from appliance.services.capture.service import CaptureService
    from appliance.services.lane.service import LaneService
    from appliance.services.uplink.post.service import NoPost, PostService
    from appliance.services.uplink.service import UplinkService
    from hal.device import Device

LOOPBACK = "127.0.0.1"
SLOT = Path("/run/borne/slot")
"""The image's initrd writes which of the two slots it has opened; elsewhere there are none."""
BUNDLES = Path("/var/lib/borne-uplink/bundles")
ROUND_SECONDS = {"capture": 120.0, "lane": 90.0, "uplink": 240.0, "agent": 240.0}
"""The longest that one round of a service's work may honestly take: capture asks every device that is away,
lane waits for capture's answer, uplink for a broker and then its turn, agent for all three and its turn."""
Works = list[Coroutine[Any, Any, None]]
"""What a process runs side by side."""

log = logging.getLogger(__name__)


# The parts of each service


def make_devices(config: Config) -> "list[Device]":
    """The configured devices, not yet opened.

    Raises:
        CannotStart: a driver or an option that does not exist, or a simulated device in production.
    """
    from hal.drivers import ConfigurationError, make_device

    devices = []
    for number, entry in enumerate(config.device):
        try:
            device = make_device(entry.kind, entry.driver, entry.options)
        except ConfigurationError as error:
            raise CannotStart(str(error), key=("device", number, *error.key.split("."))) from error
        if device.simulated and config.box.profile is Profile.PRODUCTION:
            raise CannotStart(
                f"{device.identity.key} is simulated, which the production profile refuses; "
                "name a real device, or set profile to training.",
                key=("device", number, "driver"),
            )
        devices.append(device)
    return devices


def make_capture(config: Config, *, chip_transport: str = "pcscd") -> "CaptureService":
    """`capture` with the configured devices."""
    from appliance.services.capture.service import CaptureService

    devices = make_devices(config)
    pages = [
        device.identity.key
        for entry, device in zip(config.device, devices, strict=True)
        if entry.kind == "camera" and entry.use is Use.DOCUMENT
    ]
    cards = [
        device.identity.key
        for entry, device in zip(config.device, devices, strict=True)
        if entry.kind == "document_reader" and entry.use is Use.CARDS
    ]
    return CaptureService(
        devices,
        chip_transport=chip_transport,
        document_cameras=pages,
        card_readers=cards,
        face=config.face,
    )


def make_agent(config: Config, *, capture: Capture, lane: Lane, uplink: Uplink) -> "AgentService":
    """`agent`, asking the other three."""
    from appliance.services.agent.diagnostics import bundle, configuration
    from appliance.services.agent.installing import MEMORY, Installing
    from appliance.services.agent.power_fail import POWER_OFF, PowerWatch
    from appliance.services.agent.selftest import SelfTest
    from appliance.services.agent.service import AgentService
    from appliance.services.agent.updates import Rauc

    rauc = Rauc() if SLOT.exists() else None
    return AgentService(
        box=config.box,
        data=config.paths.data,
        capture=capture,
        lane=lane,
        uplink=uplink,
        power=PowerWatch(config.power, capture=capture, lane=lane) if POWER_OFF.parent.is_dir() else None,
        updater=rauc,
        installing=Installing(rauc, lane=lane, uplink=uplink) if rauc else None,
        self_test=SelfTest(
            capture=capture,
            lane=lane,
            uplink=uplink,
            data=config.paths.data,
            disk=MEMORY.parent if rauc else None,
            slots=rauc.slots if rauc else None,
        ),
        bundle=partial(bundle, config=configuration(config)),
    )


def make_lane(config: Config, *, capture: Capture, post: Post | None = None) -> "LaneService":
    """`lane` with its journal, lists, policy and clock; `post` is uplink's, where there is one.

    Raises:
        CannotStart: a key is missing, the policy is wrong, or the journal cannot be opened.
    """
    from appliance.config import ConfigError
    from appliance.key_files import KeyFileError
    from appliance.reference_data.sealed import ContentType
    from appliance.services.lane.in_force import InForce
    from appliance.services.lane.policy import load_policy
    from appliance.services.lane.service import LaneService

    try:
        policy = load_policy(config.paths.policy)
    except ConfigError as error:
        raise CannotStart(str(error)) from error
    gateway = gateway_keys(config)
    of_post = post_keys(config) if post is not None else None
    production = config.box.profile is Profile.PRODUCTION
    try:
        sealing = box_keys(config).sealing
    except KeyFileError as error:
        raise CannotStart(str(error)) from error
    lists = reference_store(
        config.paths.data / "lists",
        config.paths.keys,
        config.central.reference_root,
        production=production,
        private_key=sealing,
    )
    in_force = InForce(
        policy,
        signed=lists,
        trust=config.paths.data / "trust",
        trust_check=content_checks(production=production)[ContentType.TRUST_ANCHORS],
    )
    in_force.look()
    with contextlib.ExitStack() as opened:  # what was opened before something failed is let go of
        journal = opened.enter_context(contextlib.closing(open_journal(config)))
        memory, enrolments = open_memory(config, pair_days=in_force.policy.memory.not_same_days)
        opened.callback(memory.close)
        opened.callback(enrolments.close)
        book = opened.enter_context(contextlib.closing(open_book(config)))
        history = opened.enter_context(contextlib.closing(open_history(config)))
        cases = opened.enter_context(contextlib.closing(open_cases(config)))
        expected = opened.enter_context(contextlib.closing(open_expected(config)))
        visas = opened.enter_context(contextlib.closing(open_visas(config)))
        clock = Clock(source=config.box.clock, disciplined_by=followed(config))
        floor = journal.time_floor()
        if floor is not None:
            clock.raise_floor(floor)
        lane = LaneService(
            box=config.box,
            in_force=in_force,
            capture=capture,
            journal=journal,
            lists=lists,
            trust=trust_folder(config),
            clock=clock,
            memory=memory,
            officers=officers_book(config),
            appointing=appointing_key(config),
            gateway=gateway,
            face=config.face,
            finger=config.finger,
            enrolments=enrolments,
            book=book,
            history=history,
            retention=config.retention,
            cases=cases,
            expected=expected,
            visas=visas,
            stick=config.paths.run / "stick",
            post=(post, of_post) if post is not None and of_post is not None else None,
            data=config.paths.data,
        )
        opened.pop_all()
    return lane


def followed(config: Config) -> TimeQuality | FollowedNow:
    """What disciplines the clock: where satellites may, the time daemon's word; else the configuration's."""
    follows = TimeQuality(config.box.clock_follows.value)
    if config.time.gnss is None and follows is not TimeQuality.GNSS:
        return follows
    return FollowedNow(TimeQuality.NTS if config.time.nts else TimeQuality.RTC)


def make_uplink(config: Config, *, lane: Lane) -> "UplinkService":
    """`uplink` with this box's certificate.

    Raises:
        CannotStart: no broker is configured.
    """
    from appliance.services.uplink.bundles import Bundles
    from appliance.services.uplink.link import Credentials
    from appliance.services.uplink.service import Settings, UplinkService

    broker = config.broker
    if broker is None:
        raise CannotStart("No [broker] is configured; uplink has nowhere to send to.")
    for path in (broker.ca, broker.certificate, broker.key):
        if not path.is_file():
            raise CannotStart(f"{path} is missing: the broker asks for this box's certificate.")
    credentials = Credentials(broker.host, broker.port, broker.ca, broker.certificate, broker.key)
    bundles = Bundles(BUNDLES, credentials) if SLOT.exists() else None
    return UplinkService(lane=lane, settings=Settings(config.box.device, credentials), bundles=bundles)


def make_post(config: Config) -> "PostService | NoPost":
    """This box's place on its post's own network.

    Raises:
        CannotStart: a certificate is missing, the hub's address is none to listen on, or the disk is broken.
    """
    from appliance.services.uplink.post.hub import HubError, PostCertificates
    from appliance.services.uplink.post.service import NoPost, PostService, PostSettings
    from appliance.services.uplink.post.store import PostStore, PostStoreError

    post = of_post(config)
    if post is None:
        return NoPost()
    settings = PostSettings(
        device=config.box.device,
        hub=post.hub,
        address=post.address,
        port=post.port,
        members=post.members,
        certificates=PostCertificates(post.ca, post.certificate, post.key),
    )
    try:
        store = PostStore.open(post.data / "post.db")
        return PostService(settings=settings, store=store, clock=Clock(source=config.box.clock))
    except HubError as error:
        raise CannotStart(str(error), key=("post", "address")) from error
    except PostStoreError as error:
        raise CannotStart(str(error)) from error


def kiosk(config: Config, lane: "LaneService") -> Starlette:
    """The officer's page for this lane.

    Raises:
        CannotStart: there are no words for a language.
    """
    from appliance.services.lane.kiosk.page import kiosk_app
    from appliance.services.lane.kiosk.words import UnknownLanguage, load_words

    for code in config.kiosk.languages:
        try:
            load_words(code)
        except UnknownLanguage as error:
            raise CannotStart(str(error), key=("kiosk", "languages")) from error
    try:
        return kiosk_app(lane, languages=config.kiosk.languages, default_language=config.kiosk.language)
    except UnknownLanguage as error:
        raise CannotStart(str(error), key=("kiosk", "language")) from error


def listen_loopback(port: int) -> socket.socket:
    """The kiosk's listener; port 0 takes a free one.

    Raises:
        CannotStart: the port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        sentence = f"Port {port} on {LOOPBACK} is taken: choose another for the kiosk."
        if error.errno == errno.EACCES:
            sentence = f"Port {port} on {LOOPBACK} is the system's: choose one above 1023 for the kiosk."
        raise CannotStart(sentence, key=("kiosk", "port")) from error
    listener.listen(64)
    listener.setblocking(False)
    return listener


# One service a process, as systemd runs them


async def run_alone(service: str, config: Config) -> None:
    """One service with its socket, until SIGTERM.

    Raises:
        CannotStart: it cannot be built as configured.
    """
    run = config.paths.run
    handed = systemd.handed_sockets()
    progress = systemd.Progress(ROUND_SECONDS[service])
    builders: dict[str, Callable[[], Works]] = {
        "capture": lambda: _capture_alone(config, handed.get("capture"), progress),
        "lane": lambda: _lane_alone(config, handed, progress),
        "uplink": lambda: _uplink_alone(config, handed.get("uplink"), progress),
        "agent": lambda: _agent_alone(config, handed.get("agent"), progress),
    }
    works = builders[service]()
    log.info("%s starts, sockets in %s", service, run)
    await _until_stopped([*works, _feed_watchdog(progress)])


def _capture_alone(config: Config, handed: socket.socket | None, progress: systemd.Progress) -> Works:
    capture = make_capture(config)
    return [
        capture.run(progressed=progress),
        _serve(capture.operations(), handed, config.paths.run / "capture.sock"),
    ]


def _lane_alone(config: Config, handed: dict[str, socket.socket], progress: systemd.Progress) -> Works:
    post = PostClient(config.paths.run / "uplink.sock") if of_post(config) is not None else None
    lane = make_lane(config, capture=CaptureClient(config.paths.run / "capture.sock"), post=post)
    lane.technician.agent = AgentClient(config.paths.run / "agent.sock")
    app = kiosk(config, lane)
    page = handed.get("kiosk") or listen_loopback(config.kiosk.port)
    return [
        lane.run(progressed=progress),
        _serve(lane.operations(), handed.get("lane"), config.paths.run / "lane.sock"),
        serve(app, page),
    ]


def _uplink_alone(config: Config, handed: socket.socket | None, progress: systemd.Progress) -> Works:
    uplink = make_uplink(config, lane=LaneClient(config.paths.run / "lane.sock"))
    post = make_post(config)
    operations = (*uplink.operations(), *post.operations())
    return [
        uplink.run(progressed=progress),
        post.run(),
        _serve(operations, handed, config.paths.run / "uplink.sock"),
    ]


def _agent_alone(config: Config, handed: socket.socket | None, progress: systemd.Progress) -> Works:
    run = config.paths.run
    agent = make_agent(
        config,
        capture=CaptureClient(run / "capture.sock"),
        lane=LaneClient(run / "lane.sock"),
        uplink=UplinkClient(run / "uplink.sock"),
    )
    return [agent.run(progressed=progress), _serve(agent.operations(), handed, run / "agent.sock")]


async def _serve(operations: Iterable[Operation], handed: socket.socket | None, path: Path) -> None:
    await serve(application(operations), handed or listen_unix(path))


async def _feed_watchdog(progress: systemd.Progress) -> None:
    """Word that the work goes round; a service that hangs falls silent and is started again."""
    systemd.notify("READY=1")
    interval = systemd.watchdog_seconds()
    while interval is not None:
        if progress.goes_on:
            systemd.notify("WATCHDOG=1")
        await asyncio.sleep(interval)


async def _until_stopped(works: Works) -> None:
    """Run all of it until SIGTERM or SIGINT, or until a part fails; then cancel the rest."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    tasks: set[asyncio.Future[Any]] = {asyncio.ensure_future(work) for work in works}
    waiter: asyncio.Future[Any] = asyncio.ensure_future(stopped.wait())
    try:
        pending = set(tasks)
        while pending and not waiter.done():
            await asyncio.wait({*pending, waiter}, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in pending if task.done()]:
                task.result()
                pending.discard(task)
    finally:
        for task in (*tasks, waiter):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        systemd.notify("STOPPING=1")
