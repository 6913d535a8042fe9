"""`borne-central derive`: what is derived from records, for those that an earlier version stored.

Records are opened anew from their envelopes; what is there already stays as it is.
"""

import argparse
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from appliance.records import envelope as envelopes
from appliance.records.errors import EnvelopeError
from central.deriving import Source, catch_up, derive_from, movement_of
from central.fleet.box_keys import KeyRing, rings
from central.ingest import is_crossing
from central.keys import Keys, load_keys
from central.rights.find import ERASED
from central.store import Arrived, Store
from central.tables import RECORD_CROSSINGS, RECORDS

AT_ONCE: Final = 500
"""Records in one transaction, so that the receiver is not held up."""


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne-central`."""
    parser = actions.add_parser("derive", help="facts and stays of records that an earlier version stored")
    parser.add_argument("--database", required=True)
    parser.add_argument("--keys", type=Path, required=True)
    parser.set_defaults(run=_derive)


def derive(store: Store, keys: Keys) -> int:
    """Open the records of which nothing is derived yet, those in the queue first; of how many something was.

    Raises:
        StoreError: what was done in earlier transactions stays done.
    """
    count = catch_up(store, keys)
    place = ("", "", 0)
    while True:
        with store.batch() as batch:
            known = sa.and_(
                RECORD_CROSSINGS.c.device == RECORDS.c.device,
                RECORD_CROSSINGS.c.epoch == RECORDS.c.epoch,
                RECORD_CROSSINGS.c.seq == RECORDS.c.seq,
            )
            key = sa.tuple_(RECORDS.c.device, RECORDS.c.epoch, RECORDS.c.seq)
            rows = batch.connection.execute(
                sa.select(RECORDS.c.device, RECORDS.c.epoch, RECORDS.c.seq, RECORDS.c.envelope)
                .select_from(RECORDS.outerjoin(RECORD_CROSSINGS, known))
                .where(RECORD_CROSSINGS.c.crossing.is_(None), RECORDS.c.type != ERASED, key > place)
                .order_by(RECORDS.c.device, RECORDS.c.epoch, RECORDS.c.seq)
                .limit(AT_ONCE)
            ).all()
            if not rows:
                return count
            sources = []
            signers = rings(batch.connection)
            for row in rows:
                source = _opened(bytes(row.envelope), signers.get(row.device), keys)
                sources += [] if source is None else [source]
            crossings = [
                (*source.name, name)
                for source in sources
                if is_crossing(name := source.opened.body.get("crossing"))
            ]
            batch.add(Arrived(crossings=crossings), waiting=())
            derive_from(batch, sources)
            count += len(sources)
            place = (rows[-1].device, rows[-1].epoch, rows[-1].seq)


def _opened(envelope: bytes, signers: KeyRing | None, keys: Keys) -> Source | None:
    """None when it is erased, sealed to a key that is gone, or of a box that is not registered any more."""
    if signers is None:
        return None
    try:
        sealed = envelopes.verify(envelope, verify_key_for=signers.verifier)
        opened = envelopes.open_(sealed, private_key=keys.sealing_for(sealed.header.recipient))
    except EnvelopeError:
        return None
    return Source(opened=opened, movement=movement_of(opened))


def _derive(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    print(f"{derive(store, load_keys(arguments.keys))} records")
    store.close()
    return 0
