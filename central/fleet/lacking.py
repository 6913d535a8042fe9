"""What central has lost, by its own word: a retained watermark that says more than the database holds.

A watermark is signed after the commit, so the database always holds what it says, unless the database was
put back from an older copy. Then the box is asked to send again from the first number that is missing.
"""

import datetime as dt
import logging

import msgspec
from nacl.signing import SigningKey, VerifyKey

from appliance.records.commands import Resync
from appliance.records.errors import WatermarkError
from appliance.records.watermark import read_watermark
from central.fleet.alerts import raise_alert
from central.fleet.commands import give, resync_waits
from central.store import Batch, Store

log = logging.getLogger(__name__)


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """Records that were acknowledged and are not here."""

    device: str
    epoch: str
    first: int
    last: int


def lack_of(batch: Batch, device: str, watermark: bytes, *, key: VerifyKey) -> Lack | None:
    """What a retained watermark of this box says more than the database; None for nothing, or no watermark
    of ours."""
    try:
        mark = read_watermark(watermark, verify_key_for=lambda _kid: key)
    except WatermarkError:
        return None
    if mark.device != device or batch.device(device) is None:
        return None
    held = batch.acknowledged(device, mark.epoch)
    if held >= mark.seq or batch.is_forked(device, mark.epoch):
        return None
    return Lack(device=device, epoch=mark.epoch, first=held + 1, last=mark.seq)


def ask_again(
    store: Store, device: str, watermark: bytes, *, key: VerifyKey, operator: SigningKey | None
) -> None:
    """What we said before this start: if it is more than we hold, the box is asked to send again.

    Without the operator's key a person is told, who gives the command.

    Raises:
        StoreError: nothing is kept, and it may be tried again.
    """
    with store.batch() as batch:
        lack = lack_of(batch, device, watermark, key=key)
        if lack is None:
            return
        sentence = f"Records {lack.first} to {lack.last} were acknowledged and are not here"
        sentence += "; the box is asked for them." if operator else ": borne-central resync."
        raise_alert(batch.connection, "lacking", device, sentence, epoch=lack.epoch, seq=lack.first)
        log.warning("%s: %s", device, sentence)
        if operator is None or resync_waits(batch.connection, device):
            return
        give(
            batch.connection,
            device,
            Resync(epoch=lack.epoch, from_seq=lack.first),
            by="receiver",
            purpose="central holds less than it has acknowledged",
            signing_key=operator,
            now=dt.datetime.now(dt.UTC),
        )
