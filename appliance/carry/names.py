"""File names on the stick: what a file is stands in its name, and nothing else in a name is believed."""

import re
from dataclasses import dataclass
from typing import Final

from appliance.contracts import wire

DIGEST_DIGITS: Final = 32
"""Of the SHA-256 in a batch's name: against damage, not against people, whom the signatures are against."""
MAX_SEQ: Final = 2**53 - 1
_EPOCH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_BATCH: Final = re.compile(rf"([0-9]{{16}})-([0-9]{{16}})-([0-9a-f]{{{DIGEST_DIGITS}}})\.batch")


@dataclass(frozen=True, slots=True)
class BatchName:
    """The records `first` to `last`, every one of them, in a file of this digest."""

    first: int
    last: int
    digest: str

    def __str__(self) -> str:
        return f"{self.first:016}-{self.last:016}-{self.digest}.batch"


def read_batch_name(name: str) -> BatchName | None:
    """None for any other file: a stick may hold whatever its owner put there."""
    found = _BATCH.fullmatch(name)
    if found is None:
        return None
    first, last = int(found[1]), int(found[2])
    numbers_hold = 1 <= first <= last <= MAX_SEQ and last - first < wire.MAX_BATCH_RECORDS
    return BatchName(first, last, found[3]) if numbers_hold else None


def is_device(name: str) -> bool:
    """Whether this is a device's folder."""
    try:
        wire.check_name(name)
    except wire.WireError:
        return False
    return True


def is_epoch(name: str) -> bool:
    """Whether this is an epoch's folder, which can reach nowhere else."""
    return _EPOCH.fullmatch(name) is not None
