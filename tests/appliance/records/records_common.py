"""Central's keys, and moments, for the tests of records."""

import hashlib
from pathlib import Path

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance import cose
from appliance.contracts.movement import Stamp
from appliance.records.envelope import GENESIS
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.records.watermark import Watermark, sign_watermark

CENTRAL_SEALING = PrivateKey(bytes(range(32)))
CENTRAL_WATERMARK = SigningKey(bytes(range(32, 64)))
CENTRAL = CentralKeys(CENTRAL_SEALING.public_key, CENTRAL_WATERMARK.verify_key)
STAMP = Stamp(boot_id="boot", monotonic_ns=7, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")


def acknowledgement(
    epoch: str,
    seq: int,
    *,
    chain: bytes = GENESIS,
    device: str = "box-1",
    at: str = "2026-11-02T09:00:00+00:00",
    key: SigningKey = CENTRAL_WATERMARK,
) -> bytes:
    watermark = Watermark(device=device, epoch=epoch, seq=seq, chain=chain, issued_at=at)
    return sign_watermark(watermark, signing_key=key)


def word_for(book: Journal, seq: int, **said: str) -> bytes:
    """What central says when it has committed this journal up to there."""
    return acknowledgement(book.status().epoch, seq, chain=chain_of(book, seq), **said)


def chain_of(book: Journal, seq: int) -> bytes:
    (record,) = book.page(seq - 1, 1)
    return hashlib.sha256(cose.protected_bytes(record.envelope)).digest()


def open_in(folder: Path) -> Journal:
    """The journal of a box that keeps everything in this folder."""
    keys = load_box_keys(folder / "keys")
    return Journal.open(folder / "journal.db", keys=keys, central=CENTRAL, device="box-1")


def commit(box: Journal, crossing: str, **body: object) -> int:
    return box.commit(crossing, "movement", {"crossing": crossing} | body, STAMP)
