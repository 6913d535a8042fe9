"""Erasure: a record's key is destroyed; what is left verifies, holds its place in the chain, says nothing.

With the key go the person's columns: name, number, dates. Of what is counted the count stays, without the
link to anybody.
"""

import secrets
from collections.abc import Iterable, Sequence

import cbor2
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from appliance import cbor, cose
from appliance.records import envelope as envelopes
from central.merge.settle import settle
from central.merge.tables import REVIEWS
from central.rights.find import ERASED
from central.rights.tables import CORRECTIONS
from central.statistics.groups import forget_member
from central.statistics.tables import FACTS
from central.tables import CROSSINGS, MAX_REFUSED_BYTES, RECORD_CROSSINGS, RECORDS, REFUSED

_NAMING = ("document_number", "primary_identifier", "secondary_identifier", "birth_date", "sex")


def erase(connection: Connection, device: str, epoch: str, seqs: Iterable[int]) -> int:
    """Destroy the keys of these records of a box, and what was read from them; how many were erased now."""
    count = 0
    crossings: set[str] = set()
    for seq in sorted(set(seqs)):
        here = sa.and_(RECORDS.c.device == device, RECORDS.c.epoch == epoch, RECORDS.c.seq == seq)
        row = connection.execute(sa.select(RECORDS.c.envelope, RECORDS.c.type).where(here)).one_or_none()
        if row is None:
            continue
        crossings |= set(
            connection.execute(
                sa.select(RECORD_CROSSINGS.c.crossing)
                .join(CROSSINGS, CROSSINGS.c.crossing == RECORD_CROSSINGS.c.crossing)
                .where(
                    RECORD_CROSSINGS.c.device == device,
                    RECORD_CROSSINGS.c.epoch == epoch,
                    RECORD_CROSSINGS.c.seq == seq,
                    CROSSINGS.c.device == device,  # no box makes another's crossing forgotten
                )
            ).scalars()
        )
        if row.type == ERASED:
            continue
        change = {"envelope": keyless(bytes(row.envelope)), "type": ERASED, "readable": False}
        connection.execute(sa.update(RECORDS).where(here).values(**change))
        _erase_refused(connection, device, epoch, seq)
        count += 1
    _forget(connection, sorted(crossings))
    return count


def keyless(envelope: bytes) -> bytes:
    """The envelope that nobody opens any more.

    A record of version 1 has no key of its own: its sealed body itself is given up, and of it only the
    header, which the chain is made of, can still be held against the others.
    """
    without = envelopes.without_key(envelope)
    if without != envelope:
        return without
    shell = cbor2.loads(envelope)  # verified before it was stored
    header, _, _, signature = shell.value
    return cbor2.dumps(cbor2.CBORTag(shell.tag, [header, {}, b"", signature]))


def _erase_refused(connection: Connection, device: str, epoch: str, seq: int) -> None:
    """Copies that were refused, of this box and number: a fork has the same traveller's body."""
    rows = connection.execute(sa.select(REFUSED.c.id, REFUSED.c.envelope).where(REFUSED.c.device == device))
    for row in rows.all():
        kept = bytes(row.envelope)
        # Of one that was cut when it was kept nobody can say whose it was: it goes too.
        if len(kept) == MAX_REFUSED_BYTES or _number_of(kept) == (epoch, seq):
            connection.execute(sa.update(REFUSED).where(REFUSED.c.id == row.id).values(envelope=b""))


def _number_of(envelope: bytes) -> tuple[object, object]:
    """Epoch and number that something refused says it has; nothing of it is believed."""
    try:
        protected = cose.protected_bytes(envelope)
        header = cbor.loads(protected) if len(protected) <= cose.MAX_HEADER_BYTES else None
    except (cose.CoseError, cbor.CborError):
        return None, None
    return (header.get("epoch"), header.get("seq")) if isinstance(header, dict) else (None, None)


def _forget(connection: Connection, crossings: Sequence[str]) -> None:
    persons = set(
        connection.execute(sa.select(FACTS.c.person).where(FACTS.c.crossing.in_(crossings))).scalars()
    )
    for crossing in crossings:
        nothing: dict[str, None] = dict.fromkeys(_NAMING)
        connection.execute(sa.update(CROSSINGS).where(CROSSINGS.c.crossing == crossing).values(**nothing))
        unlinked = {"person": secrets.token_hex(16), "document_link": None}
        connection.execute(sa.update(FACTS).where(FACTS.c.crossing == crossing).values(**unlinked))
        connection.execute(sa.delete(CORRECTIONS).where(CORRECTIONS.c.crossing == crossing))
        forget_member(connection, crossing)
    new = set(connection.execute(sa.select(FACTS.c.person).where(FACTS.c.crossing.in_(crossings))).scalars())
    settle(connection, persons | new)
    for person in persons:
        left = connection.execute(sa.select(FACTS.c.crossing).where(FACTS.c.person == person)).first()
        if left is None:
            connection.execute(sa.delete(REVIEWS).where(REVIEWS.c.person == person))
