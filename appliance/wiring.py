"""Builds the services from the configuration: each alone as systemd runs them, or all four in one process.

What a service does not need it does not import, so that `uplink` holds no parser of documents and
`capture` no client of the network.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.clock import Clock
from appliance.config import Config
from appliance.contracts.capture import Capture, CaptureClient
from appliance.contracts.lane import Lane, LaneClient
from appliance.contracts.transport import Operation, application, listen_unix, serve
from appliance.contracts.uplink import Uplink, UplinkClient
from appliance.services import systemd

if TYPE_CHECKING:
    from appliance.reference_data.store import ReferenceStore
    from appliance.services.agent.service import AgentService
    from appliance.services.capture.service import CaptureService
    from appliance.services.lane.service import LaneService
    from appliance.services.uplink.service import UplinkService
    from hal.device import Device

log = logging.getLogger(__name__)


class CannotStart(Exception):
    """A service that cannot be built as configured, in one plain sentence."""


# The parts of each service


def make_devices(config: Config) -> "list[Device]":
    """The configured devices, not yet opened.

    Raises:
        CannotStart: a driver or an option that does not exist.
    """
    from hal.drivers import ConfigurationError, make_device

    try:
        return [make_device(entry.kind, entry.driver, entry.options) for entry in config.device]
    except ConfigurationError as error:
        raise CannotStart(str(error)) from error


def make_capture(config: Config, *, chip_transport: str = "pcscd") -> "CaptureService":
    """`capture` with the configured devices."""
    from appliance.services.capture.service import CaptureService

    return CaptureService(make_devices(config), chip_transport=chip_transport)


def reference_store(folder: Path, keys: Path, signers: Iterable[Path] = ()) -> "ReferenceStore":
    """The store of signed lists; `signers` are the public keys that may sign, by default all in the keys folder.

    Raises:
        CannotStart: a key file is missing or is not one.
    """
    from nacl.public import PrivateKey
    from nacl.signing import VerifyKey

    from appliance import cose
    from appliance.reference_data.keys import KeyFileError, read_key
    from appliance.reference_data.store import ReferenceStore

    try:
        verify_keys = [read_key(path, VerifyKey) for path in signers or sorted(keys.glob("reference*.pub"))]
        private_key = read_key(keys / "sealing.key", PrivateKey)
    except KeyFileError as error:
        raise CannotStart(str(error)) from error
    return ReferenceStore(
        folder, verify_keys={cose.key_id(key): key for key in verify_keys}, private_key=private_key
    )


def make_agent(config: Config, *, capture: Capture, lane: Lane, uplink: Uplink) -> "AgentService":
    """`agent`, asking the other three."""
    from appliance.services.agent.service import AgentService

    return AgentService(
        box=config.box, data=config.paths.data, capture=capture, lane=lane, uplink=uplink
    )
