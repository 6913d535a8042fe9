"""Central's keys, and moments, for the tests of records."""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance import cose
from appliance.contracts.movement import Stamp
from appliance.records import envelope as envelopes
from appliance.records.commands import Command, Order, sign_command
from appliance.records.envelope import GENESIS
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.records.watermark import Watermark, sign_watermark

CENTRAL_SEALING = PrivateKey(bytes(range(32)))
CENTRAL_WATERMARK = SigningKey(bytes(range(32, 64)))
CENTRAL_OPERATOR = SigningKey(bytes(range(64, 96)))
CENTRAL = CentralKeys(CENTRAL_SEALING.public_key, CENTRAL_WATERMARK.verify_key, CENTRAL_OPERATOR.verify_key)
STAMP = Stamp(boot_id="boot", monotonic_ns=7, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")


def acknowledgement(
    epoch: str,
    seq: int,
    *,
    chain: bytes = GENESIS,
    device: str = "box-1",
    at: str = "2026-11-02T09:00:00+00:00",
    key: SigningKey = CENTRAL_WATERMARK,
    gaps: tuple[tuple[int, int], ...] = (),
) -> bytes:
    watermark = Watermark(device=device, epoch=epoch, seq=seq, chain=chain, issued_at=at, gaps=gaps)
    return sign_watermark(watermark, signing_key=key)


def word_for(book: Journal, seq: int, **said: Any) -> bytes:
    """What central says when it has committed this journal up to there."""
    return acknowledgement(book.status().epoch, seq, chain=chain_of(book, seq), **said)


def chain_of(book: Journal, seq: int) -> bytes:
    if seq == 0:
        return bytes(32)
    (record,) = book.page(seq - 1, 1)
    return hashlib.sha256(cose.protected_bytes(record.envelope)).digest()


def open_in(folder: Path) -> Journal:
    """The journal of a box that keeps everything in this folder."""
    keys = load_box_keys(folder / "keys")
    return Journal.open(folder / "journal.db", keys=keys, central=CENTRAL, device="box-1")


def commit(box: Journal, crossing: str, **body: object) -> int:
    return box.commit(crossing, "movement", {"crossing": crossing} | body, STAMP)


NOW = dt.datetime(2026, 11, 2, 10, tzinfo=dt.UTC)


def order_of(
    order: Order,
    counter: int = 1,
    *,
    device: str = "box-1",
    at: dt.datetime = NOW,
    expires: dt.datetime = NOW + dt.timedelta(days=1),
    key: SigningKey = CENTRAL_OPERATOR,
) -> bytes:
    """What central's operator signs."""
    command = Command(device=device, counter=counter, issued_at=at, expires_at=expires, order=order)
    return sign_command(command, signing_key=key)


def opened(book: Journal, seq: int) -> envelopes.Opened:
    """The record, as central reads it."""
    (record,) = book.page(seq - 1, 1)
    sealed = envelopes.verify(record.envelope, verify_key_for=lambda _: book._keys.signing.verify_key)
    return envelopes.open_(sealed, private_key=CENTRAL_SEALING)
