"""The names on the wire between the boxes and central; `central/README.md` tells it in prose."""

import re

import cbor2

from appliance import cbor

ROOT = "borne/v1"
REFERENCE = f"{ROOT}/reference"
ALL_RECORDS = f"{ROOT}/+/records"
ALL_TELEMETRY = f"{ROOT}/+/telemetry"
ALL_QUERIES = f"{ROOT}/+/query"
ALL_STATUS = f"{ROOT}/+/status"
REFERENCE_FILTER = f"{REFERENCE}/+"

CENTRAL_KEYS = "central-keys"
"""The name under REFERENCE of central's signed list of its own keys: see records/manifest.py."""
COMMAND = "command"
"""Retained: every signed command that the box has not recorded yet, or one alone; see records/commands.py."""

TELEMETRY, STATUS = "telemetry", "status"
REPORTS = (TELEMETRY, STATUS)
"""What a box says of itself: signed beside the payload, see appliance/report_signature.py."""
MAX_REPORT_BYTES = 64 * 1024

ONLINE = b"online"
OFFLINE = b"offline"

MAX_BATCH_BYTES = 16 * 1024 * 1024
"""One PUBLISH; the outbox gives at most half of it."""
MAX_BATCH_RECORDS = 256

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class WireError(Exception):
    """A name or a batch that does not belong on the wire, in one plain sentence."""


def check_name(name: str) -> str:
    """A device's or a list's name as a level of a topic.

    Raises:
        WireError: it could reach beyond its own level.
    """
    if not _NAME.fullmatch(name):
        raise WireError("A name has 1 to 64 letters, digits, - and _, and begins with a letter or digit.")
    return name


def topic(device: str, what: str) -> str:
    """The topic of one device: records, watermark, command, telemetry, status, query or answer."""
    return f"{ROOT}/{check_name(device)}/{what}"


def device_of(name: str) -> str:
    """The device whose topic this is.

    Raises:
        WireError: it is no device's topic.
    """
    parts = name.split("/")
    if len(parts) != len(ROOT.split("/")) + 2 or not name.startswith(f"{ROOT}/"):
        raise WireError("The topic is no device's.")
    return check_name(parts[2])


def pack(envelopes: list[bytes]) -> bytes:
    """A batch of records: a CBOR array of byte strings."""
    return cbor2.dumps(envelopes)


def unpack(batch: bytes) -> list[bytes]:
    """The envelopes of a batch; what is in them is verified one by one.

    Raises:
        WireError: it is too large, or no array of byte strings.
    """
    if len(batch) > MAX_BATCH_BYTES:
        raise WireError("The batch is larger than a box sends.")
    try:
        envelopes = cbor.loads(batch)
    except cbor.CborError as error:
        raise WireError("The batch is not CBOR.") from error
    if not isinstance(envelopes, list) or len(envelopes) > MAX_BATCH_RECORDS:
        raise WireError("The batch is no list of records.")
    if not all(isinstance(envelope, bytes) for envelope in envelopes):
        raise WireError("The batch holds something that is no record.")
    return envelopes
