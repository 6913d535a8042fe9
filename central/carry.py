"""Central's end of the stick: batches in as from the broker; watermarks, commands and reference data out.

The same `ingest` as over MQTT, so that a record that comes both ways counts once. What is committed is signed
for on the stick at once, and the visit can end with one copy.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from appliance.carry.stick import BatchFile, Stick
from appliance.contracts import wire
from appliance.records.commands import pack_commands
from appliance.records.watermark import sign_watermark
from appliance.reference_data.repository import Repository
from central.deriving import catch_up
from central.fleet.commands import pending
from central.ingest import ingest
from central.keys import Keys
from central.store import Batch, Store, StoreError

TRIES = 5
"""The receiver writes to the same database; a transaction that meets it is begun again."""
RETRY_SECONDS = 1.0
NO_COMMANDS = pack_commands([])


@dataclass(slots=True)
class CarriedIn:
    """What the stick held."""

    batches: int = 0
    records: int = 0
    """Envelopes, those that were here already counted too."""
    refused: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    """Files that are not what was written; the box has their records, and copies them again."""
    acknowledged: dict[tuple[str, str], int] = field(default_factory=dict)
    """By device and epoch, how far central has signed."""


def carry_in(store: Store, keys: Keys, stick: Stick) -> CarriedIn:
    """Commit what lies there, batch by batch, and leave the watermarks on the stick.

    Raises:
        CarryError: the stick does not do as it is told; what was committed is.
        StoreError: the database does not take it; the same may be said again.
    """
    result = CarriedIn()
    seen: set[tuple[str, str]] = set()
    for file in stick.batches():
        _take(store, keys, stick, file, result)
        seen.add((file.device, file.epoch))
    for device, epoch in sorted(seen):
        with store.batch() as batch:
            signed = _watermark(batch, keys, device, epoch)
        if signed is not None:
            seq, data = signed
            result.acknowledged[device, epoch] = seq
            stick.write_word(device, f"{epoch}.watermark", data)
    catch_up(store, keys)
    return result


def carry_out(store: Store, keys: Keys, stick: Stick, *, repository: Repository | None) -> dict[str, int]:
    """Watermarks for every journal that central knows, waiting commands, the signed lists; how many of each.

    Raises:
        CarryError: the stick does not do as it is told.
        StoreError: the database does not answer.
    """
    written = {"watermarks": 0, "commands": 0, "references": 0}
    with store.batch() as batch:
        words = [
            (device, epoch, signed[1])
            for device, epoch in batch.epochs()
            if (signed := _watermark(batch, keys, device, epoch)) is not None
        ]
        orders = {device: pending(batch.connection, device) for device in sorted({one[0] for one in words})}
    for device, epoch, data in words:
        stick.write_word(device, f"{epoch}.watermark", data)
        written["watermarks"] += 1
    for device, message in orders.items():
        if message != NO_COMMANDS:
            stick.write_word(device, "waiting.command", message)
            written["commands"] += 1
    if repository is not None:
        for name in sorted({one.name for one in repository.targets().values()}):
            stick.write_reference(name, repository.message(name))
            written["references"] += 1
    return written


def _take(store: Store, keys: Keys, stick: Stick, file: BatchFile, result: CarriedIn) -> None:
    data = stick.read(file)
    if data is None:
        result.damaged.append(f"{file.device}/{file.epoch}/{file.name}")
        return
    try:
        messages = wire.unpack(data)
    except wire.WireError as error:
        result.refused.append(str(error))
        return
    result.refused.extend(_ingest(store, keys, file.device, messages))
    result.batches += 1
    result.records += len(messages)


def _ingest(store: Store, keys: Keys, device: str, messages: Sequence[bytes]) -> list[str]:
    for attempt in range(1, TRIES + 1):
        try:
            with store.batch() as batch:
                result = ingest(batch, device=device, messages=messages, keys=keys)
        except StoreError:
            if attempt == TRIES:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return result.refused
    raise AssertionError("the last try returns or raises")


def _watermark(batch: Batch, keys: Keys, device: str, epoch: str) -> tuple[int, bytes] | None:
    """Central's word on this journal; None when it has nothing of it."""
    word = batch.word(device, epoch)
    if not word.seq and not batch.knows_epoch(device, epoch):
        return None
    return word.seq, sign_watermark(word, signing_key=keys.watermark)
