"""The chain in the journal's database: where it stands, a record appended, and the walk along all of it."""

import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from nacl.signing import SigningKey, VerifyKey

from appliance import cbor, cose
from appliance.contracts.movement import Stamp
from appliance.records import envelope as envelopes
from appliance.records.central_keys import CentralRing
from appliance.records.counter import EVERY
from appliance.records.database import read_meta
from appliance.records.errors import EnvelopeError, StorageBroken
from appliance.records.key_change import OLD, KeyChange
from appliance.records.keys import BoxKeys
from appliance.records.timekeeping import certainly_past

FACTS: Final = "facts"
MEDIA: Final = "media"
"""Classes of records, for retention: media give up their bodies first."""
KEY_CHANGE: Final = "key_change/"
"""So the `crossing` of each change of the signing key begins; they are found by it."""


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """Where the journal stands."""

    epoch: str
    last_seq: int
    acknowledged_seq: int
    first_seq: int = 1
    """The oldest record that is still here."""
    gaps: tuple[tuple[int, int], ...] = ()
    """What central lacks above its word, as it last said."""
    records_per_second: float | None = None
    crossings: int = 0
    """Movements that were recorded; each has a record, and its media others."""

    @property
    def unsent(self) -> int:
        return self.last_seq - self.acknowledged_seq


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a walk along the chain found."""

    epoch: str
    records: int
    problems: tuple[str, ...]


@dataclass(slots=True)
class Sealer:
    """Who seals: the box and its keys, and whom it seals to."""

    device: str
    keys: BoxKeys
    central: CentralRing
    counter: int | None = None
    """The hardware counter's value; None where there is none."""
    due: bool = False
    """A record names the counter's next value: it must step once that record is on disk."""


def status_of(meta: Mapping[str, Any]) -> JournalStatus:
    """Where the journal stands, by its `meta`.

    Raises:
        StorageBroken: by that it stands nowhere.
    """
    rate = meta["records_per_second"]
    try:
        gaps = [int(number) for number in str(meta["gaps"]).split()]
        return JournalStatus(
            epoch=meta["epoch"],
            last_seq=meta["last_seq"],
            acknowledged_seq=meta["acknowledged_seq"],
            first_seq=meta["base_seq"] + 1,
            crossings=int(meta["crossings"]),
            gaps=tuple(zip(gaps[::2], gaps[1::2], strict=True)),
            records_per_second=float(rate) if rate != "" else None,
        )
    except (ValueError, TypeError) as error:
        raise StorageBroken("The journal does not know where it stands.") from error


def append(
    connection: sqlite3.Connection,
    sealer: Sealer,
    *,
    crossing: str,
    record_type: str,
    body: Mapping[str, Any],
    stamp: Stamp,
    alert: bool = False,
    kind: str = FACTS,
    next_key: SigningKey | None = None,
) -> int:
    """Seal a record and link it to the chain, in the caller's transaction; its number.

    With a `next_key` it is the record of a change of keys, and the caller signs all that follow with that.
    """
    meta = read_meta(connection)
    seq = int(meta["last_seq"]) + 1
    counter = sealer.counter
    if counter is not None and seq % EVERY == 0:
        counter, sealer.due = counter + 1, True
    envelope, chain_hash = envelopes.seal(
        record_type=record_type,
        body=body,
        device=sealer.device,
        epoch=meta["epoch"],
        seq=seq,
        prev=meta["last_hash"],
        stamp=stamp,
        signing_key=sealer.keys.signing,
        recipient=sealer.central.sealing(certainly_past(meta, stamp)),
        counter=counter,
        next_key=next_key,
    )
    connection.execute(
        "INSERT INTO records (seq, crossing, envelope, chain_hash, alert, class) VALUES (?, ?, ?, ?, ?, ?)",
        (seq, crossing, envelope, chain_hash, int(alert), kind),
    )
    last_stamp = msgspec.json.encode(stamp).decode()
    set_meta(connection, last_seq=seq, last_hash=chain_hash, last_stamp=last_stamp)
    return seq


def changes_of(connection: sqlite3.Connection, newest: VerifyKey) -> list[tuple[int, KeyChange]]:
    """The changes of the signing key that lead to the newest one, oldest first, with the records' numbers.

    A record that does not verify, or leads elsewhere, ends the way back: what lies before it has no signer.
    """
    found: list[tuple[int, KeyChange]] = []
    key = newest
    for seq, envelope in connection.execute(
        "SELECT seq, envelope FROM records WHERE crossing >= ? AND crossing < ? ORDER BY seq DESC",
        (KEY_CHANGE, KEY_CHANGE[:-1] + chr(ord(KEY_CHANGE[-1]) + 1)),
    ):
        change = _change_in(envelope)
        if change is None or change.new != key:
            break
        found.append((int(seq), change))
        key = change.old
    return found[::-1]


def last_change(connection: sqlite3.Connection) -> KeyChange | None:
    """The newest change of the signing key that is here."""
    row = connection.execute(
        "SELECT envelope FROM records WHERE crossing >= ? AND crossing < ? ORDER BY seq DESC LIMIT 1",
        (KEY_CHANGE, KEY_CHANGE[:-1] + chr(ord(KEY_CHANGE[-1]) + 1)),
    ).fetchone()
    return None if row is None else _change_in(row[0])


def _change_in(envelope: bytes) -> KeyChange | None:
    """What a record says of a change, verified with the old key that it names itself."""
    try:
        header = cbor.loads(cose.protected_bytes(envelope))
        old = VerifyKey(header[OLD] if isinstance(header, dict) else b"")
        return envelopes.verify(envelope, verify_key_for=lambda _: old).change
    except (cose.CoseError, cbor.CborError, EnvelopeError, KeyError, TypeError, ValueError):
        return None


def last_counter(connection: sqlite3.Connection, verify_key: VerifyKey) -> int | None:
    """What the last record that is here says of the hardware counter, if it is ours and says something."""
    row = connection.execute("SELECT seq, envelope FROM records ORDER BY seq DESC LIMIT 1").fetchone()
    if row is None:
        return None
    changes = changes_of(connection, verify_key)
    key = changes[-1][1].old if changes and changes[-1][0] == row[0] else verify_key
    try:
        return envelopes.verify(row[1], verify_key_for=lambda _: key).header.counter
    except EnvelopeError:
        return None


def set_meta(connection: sqlite3.Connection, **values: object) -> None:
    """Change where the journal stands, in the caller's transaction."""
    connection.executemany(
        "UPDATE meta SET value = ? WHERE name = ?", [(value, name) for name, value in values.items()]
    )


def chain_hash_of(connection: sqlite3.Connection, seq: int) -> bytes | None:
    """Of the record with this number; before the first one the chain begins; None when it was removed."""
    row = connection.execute("SELECT chain_hash FROM records WHERE seq = ?", (seq,)).fetchone()
    if row is not None:
        return bytes(row[0])
    meta = read_meta(connection)
    return bytes(meta["base_hash"]) if seq == meta["base_seq"] else envelopes.GENESIS if seq == 0 else None


def walk(connection: sqlite3.Connection, *, device: str, newest: VerifyKey) -> VerifyReport:
    """The whole chain that is here: signatures, links, numbers, and the end that `meta` remembers.

    `newest` is the key that signs now; those before it follow from the records in which it was changed.
    """
    problems: list[str] = []
    meta = read_meta(connection)
    changes = dict(changes_of(connection, newest))
    key = next(iter(changes.values())).old if changes else newest
    prev, expected, count = bytes(meta["base_hash"]), int(meta["base_seq"]) + 1, 0
    for seq, envelope, kept in connection.execute(
        "SELECT seq, envelope, chain_hash FROM records ORDER BY seq"
    ):
        count += 1
        try:
            sealed = envelopes.verify(envelope, verify_key_for=_only(key))
        except EnvelopeError as error:
            problems.append(f"record {seq}: {error}")
            expected = seq + 1
            key = changes[seq].new if seq in changes else key
            continue
        header = sealed.header
        if (header.device, header.epoch, header.seq) != (device, meta["epoch"], seq):
            problems.append(f"record {seq}: it says that it is another one")
        if seq != expected:
            problems.append(f"record {expected}: missing")
        if header.prev != prev:
            problems.append(f"record {seq}: it does not follow the record before it")
        if kept != sealed.chain_hash:
            problems.append(f"record {seq}: the hash that is kept beside it is another")
        if seq in changes:
            key = changes[seq].new
        prev, expected = sealed.chain_hash, seq + 1
    if expected - 1 != meta["last_seq"]:
        problems.append(f"record {meta['last_seq']}: missing at the end")
    elif not problems and prev != meta["last_hash"]:
        problems.append(f"record {meta['last_seq']}: it is not the one that was recorded last")
    return VerifyReport(meta["epoch"], count, tuple(problems))


def hash_of(envelope: bytes) -> bytes:
    """The chain hash of an envelope that was verified before."""
    return hashlib.sha256(cose.protected_bytes(envelope)).digest()


def _only(key: VerifyKey) -> Callable[[bytes], VerifyKey]:
    """The one key that is believed, whatever key id a message names: the signature decides."""
    return lambda _kid: key
