"""What central has lost, by its own word: a retained watermark that says more than the database holds.

A watermark is signed after the commit, so the database always holds what it says, unless the database was
put back from an older copy. Then the box is asked to send again from the first number that is missing.
"""

import msgspec
from nacl.signing import VerifyKey

from appliance.records.errors import WatermarkError
from appliance.records.watermark import read_watermark
from central.store import Batch


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
