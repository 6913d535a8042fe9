"""What central does with a batch before it is acknowledged: verify, open, hold against the chain, store.

All of it in one open transaction. What is derived from records waits in a queue: `central.deriving`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeGuard

from appliance import cose
from appliance.contracts.movement import (
    RECORD_TYPE_COMMAND,
    RECORD_TYPE_LATE_HIT,
    RECORD_TYPE_TAMPER,
    Movement,
)
from appliance.records import envelope as envelopes
from appliance.records.errors import EnvelopeError, Erased
from appliance.records.key_change import NEW
from central.deriving import Source, derives, movement_of
from central.fleet.alerts import alerts_of, raise_alert
from central.fleet.box_keys import GIVEN_UP, KeyRing
from central.fleet.box_keys import follow as follow_change
from central.fleet.commands import note_done
from central.keys import Keys
from central.rights.find import ERASED
from central.store import Arrived, Batch, Device

MAX_CROSSING = 64


@dataclass(frozen=True, slots=True)
class Examined:
    """A message as its signature and seal show it; the error is why it is not believed."""

    message: bytes
    sealed: envelopes.Sealed | None = None
    opened: envelopes.Opened | None = None
    """None of one whose key was destroyed: it verifies, holds its place in the chain, and nobody opens it."""
    movement: Movement | None = None
    error: str = ""
    copy: tuple[str, int] | None = None
    """Epoch and number under which the same bytes are stored already: verified then, and not again."""


@dataclass(slots=True)
class Ingested:
    """What became of a batch."""

    device: str
    movements: list[tuple[envelopes.Sealed, Movement]] = field(default_factory=list)
    """New ones, for the live table."""
    epochs: set[str] = field(default_factory=set)
    """Whose watermark is to be published: something was stored, or came again."""
    refused: list[str] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    """What was opened and has something derived from it, later."""
    links: dict[str, dict[int, tuple[bytes, bytes]]] = field(default_factory=dict)
    """By epoch and number, chain hash and `prev` of what is stored, as far as this batch touches it."""
    ring: KeyRing | None = None
    """The box's signing keys, as far as this batch has brought them."""
    commands_done: bool = False
    """The box has recorded a command: it needs not be told any more."""


def examine(
    registered: Device | None,
    messages: Iterable[bytes],
    keys: Keys,
    *,
    copies: Mapping[bytes, tuple[str, int]] | None = None,
) -> tuple[Examined, ...]:
    """Signatures verified and bodies opened: the costly part, which needs no transaction.

    `copies` are messages that are stored already, byte for byte.
    """
    known = copies or {}
    found: list[Examined] = []
    ring = None if registered is None else registered.ring
    for message in messages:
        if message in known:
            found.append(Examined(message, copy=known[message]))
            continue
        one = _examined(registered, ring, message, keys)
        found.append(one)
        if ring is not None and one.sealed is not None and one.sealed.change and not ring.fault(one.sealed):
            ring = ring.followed(one.sealed)  # what follows in the batch may be signed by the new key
    return tuple(found)


def copies_among(batch: Batch, device: str, messages: Sequence[bytes]) -> dict[bytes, tuple[str, int]]:
    """Those of one batch that are stored already, when its first one is: a box sends whole batches again.

    After an outage, when many boxes come back and central is slow, most of what comes are copies.
    """
    first = _number_of(messages[0]) if messages else None
    if first is None or batch.chain_hash(device, *first) is None:
        return {}
    numbers: dict[str, list[int]] = {}
    for message in messages:
        if (number := _number_of(message)) is not None:
            numbers.setdefault(number[0], []).append(number[1])
    stored = {
        envelope: (epoch, seq)
        for epoch, seqs in numbers.items()
        for seq, envelope in batch.envelopes(device, epoch, seqs)
    }
    return {message: stored[message] for message in messages if message in stored}


def _number_of(message: bytes) -> tuple[str, int] | None:
    """Epoch and number that a message says it has; nothing of it is believed."""
    try:
        named = cose.unverified_header(message)
    except cose.CoseError:
        return None
    if NEW in named:
        return (
            None  # a change of keys: followed when it comes again, if it was stored by one that knew of none
        )
    epoch, seq = named.get("epoch"), named.get("seq")
    if not isinstance(epoch, str) or type(seq) is not int or not 0 < seq < 2**53 or "\0" in epoch:
        return None
    return epoch, seq


def ingest(
    batch: Batch,
    *,
    device: str,
    messages: Sequence[bytes],
    keys: Keys,
    examined: tuple[Device | None, Sequence[Examined]] | None = None,
) -> Ingested:
    """Take each envelope by itself: one that cannot be believed is kept apart and holds up no other.

    `examined` is what was examined before, and with which keys; when these have changed it is done anew.
    """
    registered = batch.device(device, hold=True)
    result = Ingested(device, ring=None if registered is None else registered.ring)
    if examined is None or examined[0] != registered:
        examined = registered, examine(registered, messages, keys)
    numbers: dict[str, list[int]] = {}
    for one in examined[1]:
        if one.sealed is not None:
            numbers.setdefault(one.sealed.header.epoch, []).append(one.sealed.header.seq)
    result.links = {epoch: batch.links(device, epoch, seqs) for epoch, seqs in numbers.items()}
    arrived = Arrived()
    for one in examined[1]:
        try:
            _take(batch, one, arrived, result)
        except EnvelopeError as error:
            batch.refuse(device, str(error), one.message)
            result.refused.append(str(error))
            if registered is not None:
                raise_alert(batch.connection, "refused", device, f"Something was refused: {error}")
    batch.add(arrived, waiting=[source.name for source in result.sources])
    return result


def is_crossing(name: object) -> TypeGuard[str]:
    """Whether a record's body names a crossing as the columns take it."""
    return isinstance(name, str) and 0 < len(name) <= MAX_CROSSING and "\0" not in name


def _examined(registered: Device | None, ring: KeyRing | None, message: bytes, keys: Keys) -> Examined:
    try:
        if registered is None or ring is None:
            raise EnvelopeError("The device is not registered.")
        sealed = envelopes.verify(message, verify_key_for=ring.verifier)
        if sealed.header.device != registered.name:
            raise EnvelopeError("The record was sent under another device's name.")
    except EnvelopeError as error:
        return Examined(message, error=str(error))
    try:
        opened = envelopes.open_(sealed, private_key=keys.sealing_for(sealed.header.recipient))
    except Erased:
        return Examined(message, sealed)
    except EnvelopeError as error:
        # It may be one that is stored, whose copy is counted and not opened; `_take` decides.
        return Examined(message, sealed, error=str(error))
    return Examined(message, sealed, opened, movement_of(opened))


def _take(batch: Batch, one: Examined, arrived: Arrived, result: Ingested) -> None:
    sealed, opened = one.sealed, one.opened
    if one.copy is not None:
        arrived.copies.append((result.device, *one.copy))
        result.epochs.add(one.copy[0])
        return
    if sealed is None:
        raise EnvelopeError(one.error)
    header, ring = sealed.header, result.ring
    assert ring is not None
    links = result.links[header.epoch]
    known = links.get(header.seq)
    if known is not None:
        if known[0] != sealed.chain_hash:
            if sealed.kid != ring.current:  # whoever has an old key stops nothing with it
                _refuse_key(batch, header.device, GIVEN_UP)
            batch.note_fork(header.device, header.epoch, header.seq)
            result.epochs.add(header.epoch)  # the box hears how far it may believe itself
            sentence = "The device has signed two different records with the same number."
            raise_alert(batch.connection, "fork", header.device, sentence, epoch=header.epoch, seq=header.seq)
            raise EnvelopeError(sentence)
        arrived.copies.append((header.device, header.epoch, header.seq))
        if sealed.change is not None and not ring.fault(sealed):
            result.ring = _follow_change(batch, ring, sealed)  # stored by a central that did not know of it
        result.epochs.add(header.epoch)
        return
    if fault := ring.fault(sealed):
        _refuse_key(batch, header.device, fault)
    _check_links(links, sealed)
    if one.error:
        raise EnvelopeError(one.error)
    if header.epoch not in result.epochs and batch.note_epoch(header.device, header.epoch) > 1:
        sentence = "The box has begun a new journal."
        raise_alert(batch.connection, "new_epoch", header.device, sentence, epoch=header.epoch)
    if sealed.change is not None:
        result.ring = _follow_change(batch, ring, sealed)
    record_type = ERASED if opened is None else opened.type
    readable = one.movement is not None
    arrived.records.append((sealed, one.message, record_type, readable))
    links[header.seq] = sealed.chain_hash, header.prev
    result.epochs.add(header.epoch)
    if opened is None:
        return
    crossing = opened.body.get("crossing")
    if is_crossing(crossing):
        arrived.crossings.append((header.device, header.epoch, header.seq, crossing))
    source = Source(opened=opened, movement=one.movement)
    if derives(source):
        result.sources.append(source)
    if one.movement is not None:
        result.movements.append((sealed, one.movement))
    if opened.type == RECORD_TYPE_COMMAND:
        result.commands_done |= note_done(batch.connection, header.device, opened.body)
    for kind, sentence in _alerts(opened, one.movement):
        raise_alert(batch.connection, kind, header.device, sentence, epoch=header.epoch, seq=header.seq)


def _refuse_key(batch: Batch, device: str, sentence: str) -> NoReturn:
    raise_alert(batch.connection, "old_key", device, sentence)
    raise EnvelopeError(sentence)


def _follow_change(batch: Batch, ring: KeyRing, sealed: envelopes.Sealed) -> KeyRing:
    """The box has changed its signing key, by its present journal; one that is laid aside changes none."""
    header = sealed.header
    place: dict[str, Any] = {"epoch": header.epoch, "seq": header.seq}
    if batch.present_epoch(header.device) != header.epoch:
        sentence = "An earlier journal of the box names another signing key; it is not followed."
        raise_alert(batch.connection, "key_change", header.device, sentence, **place)
        return ring
    sentence = "The box has changed its signing key."
    raise_alert(batch.connection, "key_change", header.device, sentence, **place)
    return follow_change(batch.connection, ring, sealed)


def _alerts(opened: envelopes.Opened, movement: Movement | None) -> list[tuple[str, str]]:
    """What a person must see at once: before the acknowledgement, whatever waits to be derived."""
    if opened.type == RECORD_TYPE_LATE_HIT:
        return [("late_hit", "A hit came after its traveller had gone.")]
    if opened.type == RECORD_TYPE_TAMPER:
        return [("tamper", f"The box says that somebody was at it: {str(opened.body.get('what'))[:64]!r}.")]
    return [] if movement is None else alerts_of(movement)


def _check_links(links: Mapping[int, tuple[bytes, bytes]], sealed: envelopes.Sealed) -> None:
    """The chain on both sides, as far as its neighbours have arrived."""
    header = sealed.header
    before, after = links.get(header.seq - 1), links.get(header.seq + 1)
    if header.seq == 1 and header.prev != envelopes.GENESIS:
        raise EnvelopeError("The first record of an epoch follows one that does not exist.")
    if before is not None and before[0] != header.prev:
        raise EnvelopeError("The record does not follow the one before it.")
    if after is not None and after[1] != sealed.chain_hash:
        raise EnvelopeError("The record is not the one that the next one follows.")
