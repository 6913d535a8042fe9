"""A box as central knows it: keys, a journal, movements of nobody."""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from nacl.signing import SigningKey, VerifyKey

from appliance.contracts.checks import Direction, Outcome, Recommendation
from appliance.contracts.movement import (
    RECORD_TYPE_MOVEMENT,
    DocumentFacts,
    Movement,
    Stamp,
    to_plain,
)
from appliance.records import envelope
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from central.deriving import catch_up
from central.ingest import Ingested, ingest
from central.keys import Keys
from central.store import Store
from central.tables import RECORDS

STAMP = Stamp(boot_id="boot", monotonic_ns=7, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
DOCUMENT = DocumentFacts(
    format="TD3",
    lines=(
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    ),
    source="simulated",
    document_code="P",
    issuing_state="UTO",
    document_number="L898902C3",
    primary_identifier="ERIKSSON",
    secondary_identifier="ANNA MARIA",
    name_truncated=False,
    nationality="UTO",
    birth_date="1974-08-12",
    sex="F",
    expiry_date="2012-04-15",
    personal_number="ZE184226B",
)


def movement(crossing: str = "crossing-1", device: str = "box-1", **changes: Any) -> Movement:
    values: dict[str, Any] = {
        "crossing": crossing,
        "device": device,
        "post": "Test post",
        "lane": "1",
        "profile": "demo",
        "direction": Direction.ENTRY,
        "started": STAMP,
        "decided": STAMP,
        "document": DOCUMENT,
        "checks": (),
        "recommendation": Recommendation.AMBER,
        "reasons": ("watchlist.person",),
        "outcome": Outcome.ADMITTED,
        "simulated": ("camera",),
        "policy": "default 00",
        "media": {},
    }
    return Movement(**(values | changes))


class Box:
    """A real journal with its keys; `sealed` makes what a journal never would."""

    def __init__(self, folder: Path, central: Keys, device: str, operator: VerifyKey | None = None) -> None:
        self.device = device
        self.folder = folder
        self.central = central
        self.keys = load_box_keys(folder / "keys")
        self.journal = Journal.open(
            folder / "journal.db",
            keys=self.keys,
            central=CentralKeys(central.sealing.public_key, central.watermark.verify_key, operator),
            device=device,
        )

    @property
    def epoch(self) -> str:
        return self.journal.status().epoch

    def register(self, store: Store) -> None:
        with store.batch() as batch:
            batch.register(
                self.device, bytes(self.keys.signing.verify_key), bytes(self.keys.sealing.public_key)
            )

    def cross(self, crossing: str, **changes: Any) -> bytes:
        """One crossing in the journal; returns its envelope."""
        one = movement(crossing, self.device, **changes)
        self.journal.commit(crossing, RECORD_TYPE_MOVEMENT, to_plain(one), one.decided)
        return self.envelopes()[-1]

    def record(self, count: int = 1, size: int = 0) -> list[bytes]:
        """So many more crossings in the journal; returns all its envelopes."""
        for _ in range(count):
            name = f"{self.device}-crossing-{self.journal.status().last_seq + 1}"
            media = {"portrait": bytes(size)} if size else {}
            one = movement(name, self.device, media=media)
            self.journal.commit(name, RECORD_TYPE_MOVEMENT, to_plain(one), STAMP)
        return self.envelopes()

    def envelopes(self) -> list[bytes]:
        found: list[bytes] = []
        while page := self.journal.page(len(found), 256):
            found += [record.envelope for record in page]
        return found

    def sealed(self, **changes: Any) -> bytes:
        values: dict[str, Any] = {
            "record_type": RECORD_TYPE_MOVEMENT,
            "body": to_plain(movement(f"{self.device}-odd", self.device)),
            "device": self.device,
            "epoch": "20261102T080000Z-00000000",
            "seq": 1,
            "prev": envelope.GENESIS,
            "stamp": STAMP,
            "signing_key": self.keys.signing,
            "recipient": self.central.sealing.public_key,
        }
        return envelope.seal(**(values | changes))[0]

    def chain_hash(self, data: bytes) -> bytes:
        return envelope.verify(data, verify_key_for=lambda _: self.keys.signing.verify_key).chain_hash


def take(store: Store, keys: Keys, device: str, *messages: bytes) -> Ingested:
    """One batch, committed; and what is derived from it, as the receiver does when nothing else comes."""
    with store.batch() as batch:
        result = ingest(batch, device=device, messages=messages, keys=keys)
    catch_up(store, keys)
    return result


def kept(store: Store, device: str, epoch: str, seq: int) -> bytes:
    """The envelope as central holds it."""
    here = sa.and_(RECORDS.c.device == device, RECORDS.c.epoch == epoch, RECORDS.c.seq == seq)
    with store.reading() as batch:
        return bytes(batch.connection.execute(sa.select(RECORDS.c.envelope).where(here)).scalar_one())


def acknowledged(store: Store, device: str, epoch: str, above: int = 0) -> int:
    with store.batch() as batch:
        return batch.acknowledged(device, epoch, above=above)


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    """What the database says when asked past central's own code."""
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


STRANGER = SigningKey(bytes(range(32)))
