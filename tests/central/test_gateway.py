"""The gateway with registers that hit, hang and fail; and the way there and back through a real broker."""

import datetime as dt
import threading
import time
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.contracts.checks import Direction
from appliance.live_query import (
    LiveHit,
    LiveQueryError,
    LiveSubject,
    Query,
    open_answer,
    open_query,
    seal_answer,
    seal_query,
)
from appliance.screening.build import build_documents, build_persons
from appliance.screening.documents.entries import DocumentEntry, DocumentStatus
from appliance.screening.errors import ListUnreadable
from appliance.screening.lists import ListInfo, ListKind
from appliance.screening.persons.entries import Number, PersonEntry
from central import gateway as gateways
from central.gateway import Gateway
from central.keys import GatewayKeys
from central.register import FileRegister, RegisterUnreachable
from central.store import Store

KEYS = GatewayKeys(sealing=PrivateKey(bytes([1]) * 32), signing=SigningKey(bytes([2]) * 32))
BOX_SIGNING, BOX_SEALING = SigningKey(bytes([3]) * 32), PrivateKey(bytes([4]) * 32)
SUBJECT = LiveSubject(
    primary_identifier="MUHAMMADOV",
    secondary_identifier="TIMUR",
    birth_date="1984-02-29",
    issuing_state="UTO",
    document_number="ST0481516",
    personal_number="77",
)


def asked(number: int = 1, *, device: str = "box-1", subject: LiveSubject = SUBJECT) -> bytes:
    query = Query(
        id=bytes([number]) * 16,
        device=device,
        asked_at="2027-03-01T00:00:00+00:00",
        direction=Direction.ENTRY,
        subject=subject,
    )
    return seal_query(query, signing_key=BOX_SIGNING, recipient=KEYS.sealing.public_key)


def answered(data: bytes):
    return open_answer(data, device="box-1", verify_key=KEYS.signing.verify_key, private_key=BOX_SEALING)


class Scripted:
    def __init__(self, name: str, does) -> None:
        self.name = name
        self._does = does

    def ask(self, query: Query, *, seconds: float):
        return self._does()


def fails(error: Exception):
    def raise_it():
        raise error

    return raise_it


@pytest.fixture
def store(tmp_path: Path):
    store = Store(str(tmp_path / "central.db"))
    with store.batch() as batch:
        batch.register("box-1", bytes(BOX_SIGNING.verify_key), bytes(BOX_SEALING.public_key))
        batch.register("box-2", bytes(BOX_SIGNING.verify_key), None)
    yield store
    store.close()


def info(kind: ListKind) -> ListInfo:
    return ListInfo(
        name="r",
        kind=kind,
        version=1,
        issued_at=dt.datetime(2027, 3, 1, tzinfo=dt.UTC),
        owner="o",
        legal_basis="l",
        contact="desk",
        action="refer",
        stale_after_hours=48.0,
    )


def test_ok__registers_that_hit_hang_and_fail(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "REGISTER_SECONDS", 0.5)
    ends = threading.Event()
    gateway = Gateway(
        store=store,
        keys=KEYS,
        registers=[
            Scripted("hits", lambda: (LiveHit(reason="stolen", entry="e1"),)),
            Scripted("hangs", lambda: ends.wait(30) and ()),
            Scripted("says so", fails(RegisterUnreachable("down"))),
            Scripted("breaks", fails(KeyError("a traveller's name"))),
            Scripted("has nothing", lambda: ()),
        ],
    )
    began = time.monotonic()
    answer = answered(gateway.answer("box-1", asked()))
    assert time.monotonic() - began < 10
    ends.set()
    assert [(one.register, one.reached, len(one.hits)) for one in answer.registers] == [
        ("hits", True, 1),
        ("hangs", False, 0),
        ("says so", False, 0),
        ("breaks", False, 0),
        ("has nothing", True, 0),
    ]
    gateway.close()


def test_fail__who_is_not_answered(store: Store) -> None:
    gateway = Gateway(store=store, keys=KEYS, registers=[])
    good = asked()
    for device, data in (
        ("box-9", good),
        ("box-2", asked(device="box-2")),
        ("box-1", asked(device="box-2")),
        ("box-1", b"rubbish"),
        ("box-1", good[:-1] + b"x"),
        (
            "box-1",
            seal_query(
                Query(id=bytes(16), device="box-1", asked_at="", direction=Direction.ENTRY, subject=SUBJECT),
                signing_key=SigningKey.generate(),
                recipient=KEYS.sealing.public_key,
            ),
        ),
        (
            "box-1",
            seal_query(
                Query(id=bytes(16), device="box-1", asked_at="", direction=Direction.ENTRY, subject=SUBJECT),
                signing_key=BOX_SIGNING,
                recipient=BOX_SEALING.public_key,
            ),
        ),
    ):
        with pytest.raises(LiveQueryError):
            gateway.answer(device, data)
    assert answered(gateway.answer("box-1", good)).registers == ()
    with pytest.raises(LiveQueryError, match="before"):
        gateway.answer("box-1", good)
    gateway.close()


def test_fail__answers_to_others(store: Store) -> None:
    gateway = Gateway(store=store, keys=KEYS, registers=[])
    data = gateway.answer("box-1", asked())
    with pytest.raises(LiveQueryError, match="another box"):
        open_answer(data, device="box-2", verify_key=KEYS.signing.verify_key, private_key=BOX_SEALING)
    with pytest.raises(LiveQueryError, match="another kind"):
        open_query(data, device="box-1", verify_key=KEYS.signing.verify_key, private_key=BOX_SEALING)
    with pytest.raises(LiveQueryError):
        open_answer(data, device="box-1", verify_key=BOX_SIGNING.verify_key, private_key=BOX_SEALING)
    again = answered(data)
    assert seal_answer(again, signing_key=KEYS.signing, recipient=BOX_SEALING.public_key) != data
    gateway.close()


def test_ok__forgets_the_oldest_questions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "MAX_REMEMBERED", 1)
    gateway = Gateway(store=store, keys=KEYS, registers=[])
    for number in (1, 2, 1):
        gateway.answer("box-1", asked(number))
    gateway.close()


def test_ok__a_register_of_list_files(tmp_path: Path) -> None:
    person = PersonEntry(
        reference="p1",
        names=(("MUHAMMADOV", "TIMUR"),),
        reason="wanted",
        birth_dates=("1984-02-29",),
        personal_numbers=(Number("77", "UTO"),),
    )
    build_persons(tmp_path / "p", [person], info=info(ListKind.PERSONS))
    document = DocumentEntry(number="ST0481516", issuing_state="UTO", status=DocumentStatus.STOLEN)
    build_documents(tmp_path / "d", [document], info=info(ListKind.DOCUMENTS), master_key=bytes(32), epoch="")
    query = Query(id=bytes(16), device="b", asked_at="", direction=Direction.ENTRY, subject=SUBJECT)
    persons = FileRegister("Wanted", tmp_path / "p")
    hits = persons.ask(query, seconds=1)
    assert {(hit.reason, hit.entry, hit.contact, hit.action) for hit in hits} == {
        ("match", "p1", "desk", "refer")
    }
    documents = FileRegister("Stolen", tmp_path / "d", index_key=bytes(32))
    assert [hit.reason for hit in documents.ask(query, seconds=1)] == ["stolen"]
    assert (documents.name, documents.info.entries) == ("Stolen", 1)
    with pytest.raises(ListUnreadable):
        FileRegister("Stolen", tmp_path / "d")
    persons._list.close()
    with pytest.raises(RegisterUnreachable):
        persons.ask(query, seconds=1)
