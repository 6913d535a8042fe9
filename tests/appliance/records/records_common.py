"""Central's keys, and moments, for the tests of records."""

from pathlib import Path

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.contracts.movement import Stamp
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
    device: str = "box-1",
    at: str = "2026-11-02T09:00:00+00:00",
    key: SigningKey = CENTRAL_WATERMARK,
) -> bytes:
    return sign_watermark(Watermark(device=device, epoch=epoch, seq=seq, issued_at=at), signing_key=key)


def open_in(folder: Path) -> Journal:
    """The journal of a box that keeps everything in this folder."""
    keys = load_box_keys(folder / "keys")
    return Journal.open(folder / "journal.db", keys=keys, central=CENTRAL, device="box-1")


def commit(box: Journal, crossing: str, **body: object) -> int:
    return box.commit(crossing, "movement", {"crossing": crossing} | body, STAMP)
