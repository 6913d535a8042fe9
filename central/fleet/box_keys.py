"""Which signing key of a box counts for which of its records: central's manifest of boxes' keys.

A box changes its key by a record that both keys have signed (`appliance/records/key_change.py`). Old and new
overlap by number, not by date: up to that record the old key counts, however late these records come; behind
it only the new one. A key that was given up can name no other, begins no journal, and contradicts nothing
that is stored.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from nacl.signing import VerifyKey
from sqlalchemy.engine import Connection

from appliance.cose import key_id
from appliance.records.envelope import Sealed
from central.database import insert_once
from central.fleet.tables import ADMITTED, BOX_KEYS
from central.tables import DEVICES

UNKNOWN_KEY: Final = "The record is signed with a key that central does not know of this box."
GIVEN_UP: Final = "The record is signed with a key that the box has given up."
HAD_BEFORE: Final = "The record names a signing key that the box had before."
TOO_EARLY: Final = "The record is signed with a key that did not count yet."


class BoxKey(msgspec.Struct, frozen=True, kw_only=True):
    """One signing key of one box."""

    public: bytes
    since_at: str
    since: tuple[str, int] | None = None
    """Epoch and number of the record that named it; None: a person registered it."""
    until_at: str | None = None
    until: tuple[str, int] | None = None
    """Epoch and number of the record that named the next; None: it counts, or a person replaced it."""

    @property
    def kid(self) -> bytes:
        return key_id(VerifyKey(self.public))

    def fault(self, epoch: str, seq: int, admitted: frozenset[str]) -> str:
        """Why this key does not count for the record of this number; empty when it does."""
        if self.since is not None and epoch == self.since[0] and seq <= self.since[1]:
            return TOO_EARLY
        if self.until_at is None:
            return ""
        if self.until is not None and epoch == self.until[0]:
            return "" if seq <= self.until[1] else GIVEN_UP
        return "" if epoch in admitted else GIVEN_UP


class KeyRing:
    """The signing keys of one box; grows within a batch that brings a change and what follows it."""

    def __init__(
        self, current: bytes, keys: Iterable[BoxKey] = (), admitted: frozenset[str] = frozenset()
    ) -> None:
        self._keys = {key.kid: key for key in keys}
        self._admitted = admitted
        self.current = key_id(VerifyKey(current))
        if self.current not in self._keys:  # registered by a central that kept no history of keys
            self._keys[self.current] = BoxKey(public=current, since_at="")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyRing) and (self._keys, self._admitted, self.current) == (
            other._keys,
            other._admitted,
            other.current,
        )

    __hash__ = None  # type: ignore[assignment]

    def verifier(self, kid: bytes) -> VerifyKey | None:
        """The key of this name, whether it counts or not."""
        key = self._keys.get(kid)
        return None if key is None else VerifyKey(key.public)

    def fault(self, sealed: Sealed) -> str:
        """Why the record is not believed although its signature is good; empty when it is."""
        key = self._keys.get(sealed.kid)
        if key is None:
            return UNKNOWN_KEY
        if sealed.change is not None and sealed.kid != self.current:
            return GIVEN_UP
        if sealed.change is not None and key_id(sealed.change.new) in self._keys:
            return HAD_BEFORE
        return key.fault(sealed.header.epoch, sealed.header.seq, self._admitted)

    def followed(self, sealed: Sealed, *, now: str = "") -> "KeyRing":
        """The ring behind a record that changes the key."""
        assert sealed.change is not None
        place = sealed.header.epoch, sealed.header.seq
        public = bytes(sealed.change.new)
        ended = msgspec.structs.replace(self._keys[self.current], until_at=now, until=place)
        new = BoxKey(public=public, since_at=now, since=place)
        keys = self._keys | {ended.kid: ended, new.kid: new}
        return KeyRing(public, keys.values(), self._admitted)

    @property
    def keys(self) -> tuple[BoxKey, ...]:
        """The oldest first."""
        return tuple(sorted(self._keys.values(), key=lambda key: (key.since_at, key.until_at is None)))


def ring_of(connection: Connection, device: str, current: bytes) -> KeyRing:
    """All signing keys of a registered box."""
    keys = connection.execute(sa.select(BOX_KEYS).where(BOX_KEYS.c.device == device))
    admitted = connection.execute(sa.select(ADMITTED.c.epoch).where(ADMITTED.c.device == device))
    return KeyRing(current, (_key(row) for row in keys), frozenset(row.epoch for row in admitted))


def rings(connection: Connection) -> dict[str, KeyRing]:
    """Of every registered box, by name."""
    rows = connection.execute(
        sa.select(DEVICES.c.device, DEVICES.c.signing_key).order_by(DEVICES.c.device)
    ).all()
    return {row.device: ring_of(connection, row.device, bytes(row.signing_key)) for row in rows}


def note_registered(connection: Connection, device: str, public: bytes, *, before: bytes | None) -> None:
    """A person has registered this key; the one before it counts for nothing new."""
    now = _now()
    if before is not None and before != public:
        _remember(connection, device, before, {"since_at": now})
        _change(connection, device, before, {"until_at": now, "until_epoch": None, "until_seq": None})
    values = {"since_at": now, "since_epoch": None, "since_seq": None, "until_at": None}
    if not _remember(connection, device, public, values) and before != public:
        _change(connection, device, public, values | {"until_epoch": None, "until_seq": None})


def follow(connection: Connection, ring: KeyRing, sealed: Sealed) -> KeyRing:
    """The box signs with its new key from here on; the ring that says so."""
    header, now = sealed.header, _now()
    after = ring.followed(sealed, now=now)
    place = {"epoch": header.epoch, "seq": header.seq}
    for key in ring.keys:
        if key.kid == ring.current:
            _remember(connection, header.device, key.public, {"since_at": key.since_at or now})
            until = {f"until_{name}": value for name, value in place.items()}
            _change(connection, header.device, key.public, {"until_at": now, **until})
    assert sealed.change is not None
    new = bytes(sealed.change.new)
    since = {f"since_{name}": value for name, value in place.items()}
    _remember(connection, header.device, new, {"since_at": now, **since})
    connection.execute(sa.update(DEVICES).where(DEVICES.c.device == header.device).values(signing_key=new))
    return after


def admit(connection: Connection, device: str, epoch: str, *, by: str) -> None:
    """Records of an earlier journal come in, although their key was changed since."""
    insert_once(connection, ADMITTED, device=device, epoch=epoch, admitted_at=_now(), admitted_by=by)


def _remember(connection: Connection, device: str, public: bytes, values: Mapping[str, Any]) -> bool:
    kid = key_id(VerifyKey(public))
    return insert_once(connection, BOX_KEYS, device=device, kid=kid, public=public, **values)


def _change(connection: Connection, device: str, public: bytes, values: Mapping[str, Any]) -> None:
    kid = key_id(VerifyKey(public))
    connection.execute(
        sa.update(BOX_KEYS).where(BOX_KEYS.c.device == device, BOX_KEYS.c.kid == kid).values(**values)
    )


def _key(row: Any) -> BoxKey:
    return BoxKey(
        public=bytes(row.public),
        since_at=row.since_at,
        since=None if row.since_epoch is None else (row.since_epoch, int(row.since_seq)),
        until_at=row.until_at,
        until=None if row.until_epoch is None else (row.until_epoch, int(row.until_seq)),
    )


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
