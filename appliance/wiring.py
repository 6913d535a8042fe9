"""Builds the services from the configuration: each alone as systemd runs them, or all four in one process.

What a service does not need it does not import, so that `uplink` holds no parser of documents and
`capture` no client of the network.
"""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from appliance.clock import Clock, TimeQuality
from appliance.config import Config, KeyTier, Profile, Use, line_of
from appliance.contracts.capture import Capture, CaptureClient
from appliance.contracts.lane import Lane, LaneClient
from appliance.contracts.transport import Operation, application, listen_unix, serve
from appliance.contracts.uplink import Uplink, UplinkClient
from appliance.services import systemd

if TYPE_CHECKING:
    from nacl.public import PrivateKey

    from appliance.records.history import History
    from appliance.records.journal import Journal
    from appliance.records.keys import BoxKeys
    from appliance.records.memory import Memory
    from appliance.records.statistics.book import Book
    from appliance.reference_data.store import ReferenceStore
    from appliance.reference_data.trust_folder import TrustFolder
    from appliance.services.agent.service import AgentService
    from appliance.services.capture.service import CaptureService
    from appliance.services.lane.live import GatewayKeys
    from appliance.services.lane.service import LaneService
    from appliance.services.uplink.post.service import NoPost, PostService
    from appliance.services.uplink.service import UplinkService
    from hal.device import Device

LOOPBACK = "127.0.0.1"
SIMULATED_AUTHORITY = "Borne simulation"
"""The organization in the names of the simulator's certificates."""
Works = list[Coroutine[Any, Any, None]]
"""What a process runs side by side."""

log = logging.getLogger(__name__)


class CannotStart(Exception):
    """A service that cannot be built as configured, in one plain sentence; `key` is the one at fault."""

    def __init__(self, sentence: str, *, key: tuple[str | int, ...] = ()) -> None:
        super().__init__(sentence)
        self.key = key

    def in_file(self, path: Path) -> str:
        """The sentence, with the line of this configuration file to mend."""
        return f"{path}: line {line_of(path, *self.key)}: {self}" if self.key else str(self)


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
    return CaptureService(devices, chip_transport=chip_transport, document_cameras=pages, face=config.face)


def reference_store(
    folder: Path,
    keys: Path,
    root: Path | None = None,
    *,
    floor: Path | None = None,
    private_key: "PrivateKey | None" = None,
) -> "ReferenceStore":
    """The store of signed reference data. `root` is its root of trust; none: reference-root.json among the
    keys.

    `private_key` is what lists are sealed to; none: sealing.key among the keys. `floor` is the folder of its
    second copy of the highest versions seen; none: beside the store's folder.

    Raises:
        CannotStart: a key file is missing or is not one.
    """
    from nacl.public import PrivateKey

    from appliance.key_files import KeyFileError, read_key
    from appliance.reference_data.store import ReferenceStore

    root = root or keys / "reference-root.json"
    try:
        private_key = private_key or read_key(keys / "sealing.key", PrivateKey)
        trusted = root.read_bytes()
    except KeyFileError as error:
        raise CannotStart(str(error)) from error
    except OSError as error:
        raise CannotStart(
            f"{root} cannot be read ({error.strerror}): nobody may sign lists for this box."
        ) from error
    floor = floor or folder.with_name(f"{folder.name}-floor")
    return ReferenceStore(folder, root=trusted, private_key=private_key, floor_folders=(floor,))


def make_agent(config: Config, *, capture: Capture, lane: Lane, uplink: Uplink) -> "AgentService":
    """`agent`, asking the other three."""
    from appliance.services.agent.service import AgentService

    return AgentService(box=config.box, data=config.paths.data, capture=capture, lane=lane, uplink=uplink)


def box_keys(config: Config) -> "BoxKeys":
    """The box's keys, out of what protects them on this board.

    Raises:
        KeyFileError: one is missing, or was protected elsewhere.
        CannotStart: the configuration does not say where the board's key is.
    """
    from appliance.records.keys import load_box_keys
    from appliance.records.vault import BoardVault, TpmVault, Vault

    protection = config.protection
    vault: Vault | None = None
    if protection.keys is KeyTier.TPM:
        vault = TpmVault(protection.tpm)
    elif protection.keys is KeyTier.BOARD:
        if protection.board_key is None:
            raise CannotStart("keys = board needs board_key.", key=("protection", "keys"))
        vault = BoardVault.of_file(protection.board_key)
    return load_box_keys(config.paths.keys, vault)


def open_journal(config: Config, *, begin: bool = True) -> "Journal":
    """The box's journal; one process at a time has it. Whoever only looks does not `begin` one.

    Raises:
        CannotStart: a key is missing, or the journal cannot be opened.
    """
    from appliance.key_files import KeyFileError
    from appliance.records.counter import TpmCounter
    from appliance.records.errors import StorageError
    from appliance.records.journal import Journal, must_exist
    from appliance.records.keys import load_central_keys

    central, path = config.central, (config.paths.outbox or config.paths.data) / "journal.db"
    old = config.paths.data / "journal.db"
    if old != path and old.exists() and not path.exists():
        raise CannotStart(f"The journal still lies at {old}; move it, and what begins like it, to {path}.")
    try:
        if not begin:
            must_exist(path)
        return Journal.open(
            path,
            keys=box_keys(config),
            central=load_central_keys(
                central.sealing_key, central.watermark_key, central.operator_key, central.authority_key
            ),
            device=config.box.device,
            begin=begin,
            steps=config.paths.data / "steps.db",
            counter=TpmCounter(config.protection.tpm) if config.protection.counter else None,
        )
    except (KeyFileError, StorageError) as error:
        raise CannotStart(str(error)) from error


def make_lane(config: Config, *, capture: Capture) -> "LaneService":
    """`lane` with its journal, lists, policy and clock.

    Raises:
        CannotStart: a key is missing, the policy is wrong, or the journal cannot be opened.
    """
    from appliance.config import ConfigError
    from appliance.key_files import KeyFileError
    from appliance.services.lane.policy import load_policy
    from appliance.services.lane.service import LaneService

    try:
        policy = load_policy(config.paths.policy)
    except ConfigError as error:
        raise CannotStart(str(error)) from error
    gateway = gateway_keys(config)
    try:
        sealing = box_keys(config).sealing
    except KeyFileError as error:
        raise CannotStart(str(error)) from error
    lists = reference_store(
        config.paths.data / "lists", config.paths.keys, config.central.reference_root, private_key=sealing
    )
    journal = open_journal(config)
    try:
        memory = open_memory(config, pair_days=policy.memory.not_same_days)
        book = open_book(config)
        history = open_history(config)
    except CannotStart:
        journal.close()
        raise
    clock = Clock(source=config.box.clock, disciplined_by=TimeQuality(config.box.clock_follows.value))
    floor = journal.time_floor()
    if floor is not None:
        clock.raise_floor(floor)
    trust = trust_folder(config)
    return LaneService(
        box=config.box,
        policy=policy,
        capture=capture,
        journal=journal,
        lists=lists,
        trust=trust,
        clock=clock,
        memory=memory,
        gateway=gateway,
        face=config.face,
        book=book,
        history=history,
        retention=config.retention,
    )


def trust_folder(config: Config) -> "TrustFolder":
    """The trust store in the data folder; production refuses one that trusts the simulator's authority.

    Raises:
        CannotStart: it does.
    """
    from appliance.reference_data.trust_folder import TrustFolder, TrustUnavailable

    folder = TrustFolder(config.paths.data / "trust")
    try:
        store = folder.store()
    except TrustUnavailable as error:
        log.error("%s", error)  # noqa: TRY400 - the box works without it, and every check says so
        return folder
    if config.box.profile is Profile.PRODUCTION and any(
        SIMULATED_AUTHORITY in (value for _, value in one.subject.attributes)
        for one in store.all_authorities()
    ):
        raise CannotStart(
            "The trust store holds the simulator's authority, which the production profile refuses; "
            f"remove {config.paths.data / 'trust'} and import a real list."
        )
    return folder


def open_memory(config: Config, *, pair_days: float) -> "Memory":
    """What the box remembers of its last crossings.

    Raises:
        CannotStart: a key is missing, or the disk does not let us.
    """
    from appliance.key_files import KeyFileError
    from appliance.records.errors import StorageError
    from appliance.records.memory import Memory

    try:
        storage = box_keys(config).storage
        return Memory.open(config.paths.data / "memory.db", storage=storage, pair_days=pair_days)
    except (KeyFileError, StorageError) as error:
        raise CannotStart(str(error)) from error


def open_book(config: Config) -> "Book":
    """The box's own statistics of its last weeks.

    Raises:
        CannotStart: a key is missing, or the disk does not let us.
    """
    from appliance.key_files import KeyFileError
    from appliance.records.errors import StorageError
    from appliance.records.statistics.book import Book

    try:
        return Book.open(config.paths.data / "statistics.db", storage=box_keys(config).storage)
    except (KeyFileError, StorageError) as error:
        raise CannotStart(str(error)) from error


def open_history(config: Config) -> "History":
    """Which document crossed here when.

    Raises:
        CannotStart: a key is missing, or the disk does not let us.
    """
    from appliance.key_files import KeyFileError
    from appliance.records.errors import StorageError
    from appliance.records.history import History

    try:
        return History.open(config.paths.data / "history.db", storage=box_keys(config).storage)
    except (KeyFileError, StorageError) as error:
        raise CannotStart(str(error)) from error


def gateway_keys(config: Config) -> "GatewayKeys | None":
    """The keys for live queries; none when no gateway is configured.

    Raises:
        CannotStart: a key is missing, or only one of the two is configured.
    """
    from nacl.public import PublicKey
    from nacl.signing import VerifyKey

    from appliance.key_files import KeyFileError, read_key
    from appliance.services.lane.live import GatewayKeys

    central = config.central
    if central.gateway_sealing_key is None and central.gateway_signing_key is None:
        return None
    if central.gateway_sealing_key is None or central.gateway_signing_key is None:
        raise CannotStart("Live queries need both gateway_sealing_key and gateway_signing_key in [central].")
    try:
        own = box_keys(config)
        return GatewayKeys(
            signing=own.signing,
            sealing=own.sealing,
            gateway_sealing=read_key(central.gateway_sealing_key, PublicKey),
            gateway_signing=read_key(central.gateway_signing_key, VerifyKey),
        )
    except KeyFileError as error:
        raise CannotStart(str(error)) from error


def make_uplink(config: Config, *, lane: Lane) -> "UplinkService":
    """`uplink` with this box's certificate.

    Raises:
        CannotStart: no broker is configured.
    """
    from appliance.services.uplink.link import Credentials
    from appliance.services.uplink.service import Settings, UplinkService

    broker = config.broker
    if broker is None:
        raise CannotStart("No [broker] is configured; uplink has nowhere to send to.")
    for path in (broker.ca, broker.certificate, broker.key):
        if not path.is_file():
            raise CannotStart(f"{path} is missing: the broker asks for this box's certificate.")
    credentials = Credentials(broker.host, broker.port, broker.ca, broker.certificate, broker.key)
    return UplinkService(lane=lane, settings=Settings(config.box.device, credentials))


def make_post(config: Config) -> "PostService | NoPost":
    """This box's place on its post's own network.

    Raises:
        CannotStart: a certificate is missing, the hub's address is none to listen on, or the disk is broken.
    """
    from appliance.services.uplink.post.hub import HubError, PostCertificates
    from appliance.services.uplink.post.service import NoPost, PostService, PostSettings
    from appliance.services.uplink.post.store import PostStore, PostStoreError

    post = config.post
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
    builders: dict[str, Callable[[], Works]] = {
        "capture": lambda: _capture_alone(config, handed.get("capture")),
        "lane": lambda: _lane_alone(config, handed),
        "uplink": lambda: _uplink_alone(config, handed.get("uplink")),
        "agent": lambda: _agent_alone(config),
    }
    works = builders[service]()
    log.info("%s starts, sockets in %s", service, run)
    await _until_stopped([*works, _feed_watchdog()])


def _capture_alone(config: Config, handed: socket.socket | None) -> Works:
    capture = make_capture(config)
    return [capture.run(), _serve(capture.operations(), handed, config.paths.run / "capture.sock")]


def _lane_alone(config: Config, handed: dict[str, socket.socket]) -> Works:
    lane = make_lane(config, capture=CaptureClient(config.paths.run / "capture.sock"))
    app = kiosk(config, lane)
    page = handed.get("kiosk") or listen_loopback(config.kiosk.port)
    return [
        lane.run(),
        _serve(lane.operations(), handed.get("lane"), config.paths.run / "lane.sock"),
        serve(app, page),
    ]


def _uplink_alone(config: Config, handed: socket.socket | None) -> Works:
    uplink = make_uplink(config, lane=LaneClient(config.paths.run / "lane.sock"))
    post = make_post(config)
    operations = (*uplink.operations(), *post.operations())
    return [uplink.run(), post.run(), _serve(operations, handed, config.paths.run / "uplink.sock")]


def _agent_alone(config: Config) -> Works:
    run = config.paths.run
    agent = make_agent(
        config,
        capture=CaptureClient(run / "capture.sock"),
        lane=LaneClient(run / "lane.sock"),
        uplink=UplinkClient(run / "uplink.sock"),
    )
    return [agent.run()]


async def _serve(operations: Iterable[Operation], handed: socket.socket | None, path: Path) -> None:
    await serve(application(operations), handed or listen_unix(path))


async def _feed_watchdog() -> None:
    """Word that the event loop turns; a service that hangs in it falls silent and is started again."""
    systemd.notify("READY=1")
    interval = systemd.watchdog_seconds()
    while interval is not None:
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
