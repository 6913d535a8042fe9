"""What central does with a batch: verify, open, hold against the chain, store, in one open transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from nacl.signing import VerifyKey

from appliance.contracts.movement import RECORD_TYPE_MOVEMENT, Movement, from_plain
from appliance.records import envelope as envelopes
from appliance.records.errors import EnvelopeError
from central.keys import Keys
from central.store import Batch, Device
from central.tables import fits


@dataclass(slots=True)
class Ingested:
    """What became of a batch."""

    movements: list[tuple[envelopes.Sealed, Movement]] = field(default_factory=list)
    """New ones, for the live table."""
    epochs: set[str] = field(default_factory=set)
    """Whose watermark is to be published: something was stored, or came again."""
    refused: list[str] = field(default_factory=list)


def ingest(batch: Batch, *, device: str, messages: Iterable[bytes], keys: Keys) -> Ingested:
    """Take each envelope by itself: one that cannot be believed is kept apart and holds up no other."""
    result = Ingested()
    registered = batch.device(device)
    for message in messages:
        try:
            if registered is None:
                raise EnvelopeError("The device is not registered.")
            _take(batch, registered, message, keys, result)
        except EnvelopeError as error:
            batch.refuse(device, str(error), message)
            result.refused.append(str(error))
    return result


def _take(batch: Batch, device: Device, message: bytes, keys: Keys, result: Ingested) -> None:
    sealed = envelopes.verify(message, verify_key_for=lambda _kid: VerifyKey(device.signing_key))
    header = sealed.header
    if header.device != device.name:
        raise EnvelopeError("The record was sent under another device's name.")
    known = batch.record(header.device, header.epoch, header.seq)
    if known is not None:
        if known[1] != message:
            batch.note_fork(header.device, header.epoch, header.seq)
            result.epochs.add(header.epoch)  # the box hears how far it may believe itself
            raise EnvelopeError("The device has signed two different records with the same number.")
        batch.count_copy(header.device, header.epoch, header.seq)
        result.epochs.add(header.epoch)
        return
    _check_links(batch, sealed)
    opened = envelopes.open_(sealed, private_key=keys.sealing)
    movement = _movement_of(opened)
    if header.epoch not in result.epochs:
        batch.note_epoch(header.device, header.epoch)
    batch.add_record(sealed, message, record_type=opened.type, readable=movement is not None)
    if movement is not None and not batch.has_crossing(movement.crossing):
        batch.add_crossing(sealed, movement)
        result.movements.append((sealed, movement))
    result.epochs.add(header.epoch)


def _check_links(batch: Batch, sealed: envelopes.Sealed) -> None:
    """The chain on both sides, as far as its neighbours have arrived."""
    header = sealed.header
    before = batch.record(header.device, header.epoch, header.seq - 1)
    if header.seq == 1 and header.prev != envelopes.GENESIS:
        raise EnvelopeError("The first record of an epoch follows one that does not exist.")
    if before is not None and before[0] != header.prev:
        raise EnvelopeError("The record does not follow the one before it.")
    after = batch.previous_link(header.device, header.epoch, header.seq + 1)
    if after is not None and after != sealed.chain_hash:
        raise EnvelopeError("The record is not the one that the next one follows.")


def _movement_of(opened: envelopes.Opened) -> Movement | None:
    """The movement; None for another type or version, or facts that no column holds: kept all the same."""
    if opened.type != RECORD_TYPE_MOVEMENT:
        return None
    try:
        movement = from_plain(opened.body)
    except (msgspec.ValidationError, RecursionError):
        return None
    return movement if movement.device == opened.sealed.header.device and fits(movement) else None
