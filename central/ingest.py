"""What central does with a batch: verify, open, hold against the chain, store, in one open transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec

from appliance.contracts.cases import RECORD_TYPE_CASE_CLOSED, RECORD_TYPE_RELEASE_REVIEW
from appliance.contracts.movement import (
    RECORD_TYPE_CLOCK,
    RECORD_TYPE_COMMAND,
    RECORD_TYPE_CORRECTION,
    RECORD_TYPE_GROUP,
    RECORD_TYPE_LATE_HIT,
    RECORD_TYPE_MOVEMENT,
    RECORD_TYPE_TAMPER,
    Movement,
    from_plain,
)
from appliance.records import envelope as envelopes
from appliance.records.commands import Action
from appliance.records.errors import EnvelopeError, Erased
from central.fleet.alerts import alerts_of, raise_alert
from central.fleet.box_keys import GIVEN_UP, KeyRing
from central.fleet.box_keys import follow as follow_change
from central.fleet.commands import note_done
from central.keys import Keys
from central.merge.cases import note_closing
from central.merge.clocks import follow, has_corrections, note_correction
from central.merge.rules import Task
from central.merge.settle import add_task, settle
from central.rights.change import apply_known
from central.rights.change import note_correction as note_box_correction
from central.rights.erase import erase
from central.statistics.groups import note_group
from central.statistics.tables import add_facts
from central.store import Batch, Device
from central.tables import fits

MAX_CROSSING = 64


@dataclass(frozen=True, slots=True)
class Examined:
    """A message as its signature and seal show it; the error is why it is not believed."""

    message: bytes
    sealed: envelopes.Sealed | None = None
    opened: envelopes.Opened | None = None
    movement: Movement | None = None
    erased: bool = False
    """Its key was destroyed: it verifies, holds its place in the chain, and nobody can open it."""
    error: str = ""


@dataclass(slots=True)
class Ingested:
    """What became of a batch."""

    movements: list[tuple[envelopes.Sealed, Movement]] = field(default_factory=list)
    """New ones, for the live table."""
    epochs: set[str] = field(default_factory=set)
    """Whose watermark is to be published: something was stored, or came again."""
    refused: list[str] = field(default_factory=list)
    persons: set[str] = field(default_factory=set)
    """Whose crossings are to be put together anew."""
    links: dict[str, dict[int, tuple[bytes, bytes]]] = field(default_factory=dict)
    """By epoch and number, chain hash and `prev` of what is stored, as far as this batch touches it."""
    erased: int = 0
    """Records whose keys were destroyed because the box was ordered to."""
    ring: KeyRing | None = None
    """The box's signing keys, as far as this batch has brought them."""
    commands_done: bool = False
    """The box has recorded a command: it needs not be told any more."""


def examine(registered: Device | None, messages: Iterable[bytes], keys: Keys) -> tuple[Examined, ...]:
    """Signatures verified and bodies opened: the costly part, which needs no transaction."""
    found: list[Examined] = []
    ring = None if registered is None else registered.ring
    for message in messages:
        one = _examined(registered, ring, message, keys)
        found.append(one)
        if ring is not None and one.sealed is not None and one.sealed.change and not ring.fault(one.sealed):
            ring = ring.followed(one.sealed)  # what follows in the batch may be signed by the new key
    return tuple(found)


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
    result = Ingested(ring=None if registered is None else registered.ring)
    if examined is None or examined[0] != registered:
        examined = registered, examine(registered, messages, keys)
    numbers: dict[str, list[int]] = {}
    for one in examined[1]:
        if one.sealed is not None:
            numbers.setdefault(one.sealed.header.epoch, []).append(one.sealed.header.seq)
    result.links = {epoch: batch.links(device, epoch, seqs) for epoch, seqs in numbers.items()}
    for one in examined[1]:
        try:
            _take(batch, one, result)
        except EnvelopeError as error:
            batch.refuse(device, str(error), one.message)
            result.refused.append(str(error))
            if registered is not None:
                raise_alert(batch.connection, "refused", device, f"Something was refused: {error}")
    settle(batch.connection, result.persons)
    return result


def derive_from(batch: Batch, opened: Iterable[envelopes.Opened]) -> int:
    """What records that are stored already give rise to now; of how many something was derived."""
    result = Ingested()
    count = 0
    for one in opened:
        movement = _movement_of(one)
        _follow(batch, one, result)
        if movement is not None:
            batch.add_crossing(one.sealed, movement)
            result.persons |= _add_facts(batch, one.sealed, movement)
        count += 1
    settle(batch.connection, result.persons)
    return count


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
        return Examined(message, sealed, erased=True)
    except EnvelopeError as error:
        # It may be one that is stored, whose copy is counted and not opened; `_take` decides.
        return Examined(message, sealed, error=str(error))
    return Examined(message, sealed, opened, _movement_of(opened))


def _take(batch: Batch, one: Examined, result: Ingested) -> None:
    sealed, message = one.sealed, one.message
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
        batch.count_copy(header.device, header.epoch, header.seq)
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
        raise_alert(
            batch.connection,
            "new_epoch",
            header.device,
            "The box has begun a new journal.",
            epoch=header.epoch,
        )
    if sealed.change is not None:
        result.ring = _follow_change(batch, ring, sealed)
    record_type = "erased" if one.opened is None else one.opened.type
    batch.add_record(sealed, message, record_type=record_type, readable=one.movement is not None)
    links[header.seq] = sealed.chain_hash, header.prev
    result.epochs.add(header.epoch)
    if one.opened is not None:
        _follow(batch, one.opened, result)
    if record_type == RECORD_TYPE_LATE_HIT:
        sentence = "A hit came after its traveller had gone."
        raise_alert(batch.connection, "late_hit", header.device, sentence, epoch=header.epoch, seq=header.seq)
    if one.movement is not None:
        _keep_movement(batch, sealed, one.movement, result)


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


def _follow(batch: Batch, opened: envelopes.Opened, result: Ingested) -> None:
    """What a record of any type says of others: whose crossing it is, and what the box was ordered to do."""
    header, body = opened.sealed.header, opened.body
    crossing = body.get("crossing")
    if isinstance(crossing, str) and 0 < len(crossing) <= MAX_CROSSING and "\0" not in crossing:
        batch.note_crossing(opened.sealed, crossing)
    if opened.type == RECORD_TYPE_CORRECTION:
        made_at, key = header.stamp.wall, batch.link_key()
        result.persons |= note_box_correction(
            batch.connection, header.device, body, made_at=made_at, link_key=key
        )
    if opened.type in (RECORD_TYPE_CASE_CLOSED, RECORD_TYPE_RELEASE_REVIEW):
        place = (header.device, header.epoch, header.seq)
        persons, tasks = note_closing(batch.connection, place, body, made_at=header.stamp.wall)
        result.persons |= persons
        for person, task in tasks:
            add_task(batch.connection, person, task)
    if opened.type == RECORD_TYPE_GROUP:
        note_group(batch.connection, header.device, body, made_at=header.stamp.wall)
    if opened.type == RECORD_TYPE_CLOCK:
        result.persons |= note_correction(batch.connection, header.device, body)
    if opened.type == RECORD_TYPE_TAMPER:
        sentence = f"The box says that somebody was at it: {str(body.get('what'))[:64]!r}."
        raise_alert(batch.connection, "tamper", header.device, sentence, epoch=header.epoch, seq=header.seq)
    if opened.type != RECORD_TYPE_COMMAND:
        return
    result.commands_done |= note_done(batch.connection, header.device, body)
    if body.get("kind") == "rights" and body.get("action") == Action.ERASE:
        # Also when this central was put back from a copy that does not know of the request any more.
        seqs = body.get("seqs")
        if isinstance(seqs, list) and all(type(seq) is int and 0 < seq < header.seq for seq in seqs):
            result.erased += erase(batch.connection, header.device, header.epoch, seqs)


def _keep_movement(batch: Batch, sealed: envelopes.Sealed, movement: Movement, result: Ingested) -> None:
    header = sealed.header
    if not batch.add_crossing(sealed, movement):
        # Another record, maybe another box's, has this name already: both are kept, and a person looks.
        sentence = f"{header.device} recorded a crossing whose name is known already."
        task = Task(
            rule="crossing_twice",
            sentence=sentence,
            crossings=(movement.crossing, f"{header.device}/{header.epoch}/{header.seq}"),
        )
        add_task(batch.connection, "", task)
        return
    result.persons |= _add_facts(batch, sealed, movement)
    for kind, sentence in alerts_of(movement):
        raise_alert(batch.connection, kind, header.device, sentence, epoch=header.epoch, seq=header.seq)
    result.movements.append((sealed, movement))


def _add_facts(batch: Batch, sealed: envelopes.Sealed, movement: Movement) -> set[str]:
    """What is counted of a crossing, at its true time and corrected as far as that is known; its persons."""
    facts = add_facts(batch.connection, movement, link_key=batch.link_key())
    if has_corrections(batch.connection, sealed.header.device, movement.decided.boot_id):
        follow(batch.connection, movement.crossing)
    return {facts.person} | apply_known(batch.connection, movement.crossing, link_key=batch.link_key())


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


def _movement_of(opened: envelopes.Opened) -> Movement | None:
    """The movement; None for another type or version, or facts that no column holds: kept all the same."""
    if opened.type != RECORD_TYPE_MOVEMENT:
        return None
    try:
        movement = from_plain(opened.body)
    except (msgspec.ValidationError, RecursionError):
        return None
    return movement if movement.device == opened.sealed.header.device and fits(movement) else None
