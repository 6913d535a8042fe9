"""The book of visas: one decision, one label a visa, each number once; moved rows tell nobody anything."""

import datetime as dt
import sqlite3

import msgspec
import pytest
from nacl.secret import SecretBox
from nacl.utils import random
from records_common import STAMP

from appliance.contracts.checks import Direction, Outcome, Recommendation
from appliance.contracts.movement import DocumentFacts, Movement
from appliance.contracts.visas import (
    Fee,
    Label,
    LabelAct,
    LabelState,
    VisaApplication,
    VisaDecision,
    VisaGrant,
    VisaOutcome,
    VisaTerms,
)
from appliance.records.errors import StorageError
from appliance.records.visas import Unfit, Visas, WaitingAct, row_of

TERMS = VisaTerms(
    table="north/1",
    rule=1,
    issuing_state="KGZ",
    type="TOURIST",
    document_code="V",
    label="MRV-B",
    purposes=("visit",),
    days=30,
    validity_days=60,
    entries=2,
    fee=Fee(amount="60.00", currency="USD"),
)
APPLICATION = VisaApplication(
    purpose="visit", days=14, address="Hotel Ak-Keme", receipt="R 4711", terms=TERMS, officer="Aida"
)
DOCUMENT = DocumentFacts(
    format="TD3",
    lines=(),
    source="mrz_line",
    document_code="P",
    issuing_state="UTO",
    document_number="L898902C3",
    primary_identifier="ERIKSSON",
    secondary_identifier="ANNA MARIA",
    name_truncated=False,
    nationality="UTO",
    birth_date="1974-08-12",
    sex="F",
    expiry_date="2031-05-14",
    personal_number=None,
)
GRANTED = VisaDecision(
    outcome=VisaOutcome.GRANTED,
    type="TOURIST",
    grant=VisaGrant(days=14, entries=1, valid_from="2026-11-02", valid_until="2026-12-01"),
)
REFUSED = VisaDecision(outcome=VisaOutcome.REFUSED, type="TOURIST")


def movement(crossing: str = "c1", **changes) -> Movement:
    values = {
        "crossing": crossing,
        "device": "box-1",
        "post": "North Pass",
        "lane": "1",
        "profile": "training",
        "direction": Direction.ENTRY,
        "started": STAMP,
        "decided": STAMP,
        "document": DOCUMENT,
        "checks": (),
        "recommendation": Recommendation.AMBER,
        "reasons": (),
        "outcome": Outcome.REFERRED,
        "simulated": (),
        "policy": "default",
        "visa_application": APPLICATION,
    }
    return Movement(**(values | changes))


def label(number: str = "KV1", **changes) -> Label:
    values = {"number": number, "state": LabelState.ISSUED, "lines": ("V<", "KV"), "prints": 0, "at": "t"}
    return Label(**(values | changes))


def act(book: Visas, what: str, one: Label, crossing: str = "c1") -> WaitingAct:
    body = LabelAct(act=what, number=one.number, crossing=crossing)
    return WaitingAct(name=book.record_name(one.number, what), act=body, stamp=STAMP)


def issue(book: Visas, number: str = "KV1", crossing: str = "c1") -> Label:
    one = label(number)
    book.issue(crossing, one, act(book, "issued", one, crossing))
    return one


def decide(book: Visas, crossing: str = "c1", decision: VisaDecision = GRANTED, **more) -> bool:
    said = {"at": STAMP.wall, "officer": "Emil", "device": "box-1"} | more
    return book.decide(crossing, decision, **said)


def problem(work) -> str:
    with pytest.raises(Unfit) as unfit:
        work()
    return unfit.value.problem


@pytest.fixture
def key() -> SecretBox:
    return SecretBox(random(SecretBox.KEY_SIZE))


@pytest.fixture
def book(tmp_path, key):
    opened = Visas.open(tmp_path / "visas.db", storage=key)
    yield opened
    opened.close()


def test_ok__an_application_is_known_once_and_decided_once(book: Visas) -> None:
    book.applied(movement())
    book.applied(movement(visa_application=msgspec.structs.replace(APPLICATION, days=30)))
    assert book.row("c1").application.days == 14
    assert book.undecided() == ("c1",)
    assert not decide(book, "c2"), "of this one nobody knows"
    assert decide(book)
    assert not decide(book, decision=REFUSED), "it was decided"
    row = book.row("c1")
    assert (row.decision, row.officer, row.decided_device) == (GRANTED, "Emil", "box-1")
    assert book.undecided() == ()
    assert [one.crossing for one in book.granted()] == ["c1"]


def test_ok__a_crossing_without_one_is_none_of_its_business(book: Visas) -> None:
    for other in (movement(visa_application=None), movement(document=None)):
        assert row_of(other) is None
        book.applied(other)
    assert book.row("c1") is None


def test_ok__receipts_and_earlier_applications_are_found_by_what_they_are(book: Visas) -> None:
    book.applied(movement())
    assert book.receipt_used("R 4711", by_other_than="c2")
    assert not book.receipt_used("R 4711", by_other_than="c1")
    assert not book.receipt_used("R 4712", by_other_than="c2")
    assert [one.crossing for one in book.of_passport("UTO", "L898902C3")] == ["c1"]
    assert book.of_passport("KGZ", "L898902C3") == ()
    assert book.of_passport("UTO", "") == ()


def test_ok__a_visa_is_known_while_it_has_a_label(book: Visas) -> None:
    book.applied(movement())
    decide(book)
    assert book.known("UTO", "L898902C3") == ()
    one = issue(book)
    (known,) = book.known("UTO", "L898902C3")
    assert (known.number, known.days, known.entries, known.valid_until) == ("KV1", 14, 1, "2026-12-01")
    void = msgspec.structs.replace(one, state=LabelState.VOID, reason="torn")
    book.void("c1", void, act(book, "voided", void))
    assert book.known("UTO", "L898902C3") == ()
    issue(book, "KV2")
    assert [one.number for one in book.known("UTO", "L898902C3")] == ["KV2"]
    assert [(one.number, one.state) for one in book.labels("c1")] == [("KV2", "issued"), ("KV1", "void")]


def test_fail__every_order_that_does_not_fit(book: Visas) -> None:
    one = label()
    assert problem(lambda: issue(book)) == "unknown_visa"
    book.applied(movement())
    assert problem(lambda: issue(book)) == "unknown_visa", "not decided"
    book.applied(movement("c2"))
    decide(book, "c2", REFUSED)
    assert problem(lambda: issue(book, crossing="c2")) == "unknown_visa", "refused"
    decide(book)
    assert problem(lambda: book.printed("c1", one, act(book, "printed", one))) == "no_label"
    issue(book)
    assert problem(lambda: issue(book, "KV2")) == "has_label"
    book.applied(movement("c3"))
    decide(book, "c3")
    assert problem(lambda: issue(book, "KV1", "c3")) == "number_used"
    void = label(state=LabelState.VOID)
    assert problem(lambda: book.void("c3", void, act(book, "voided", void, "c3"))) == "number_used"
    twice = msgspec.structs.replace(one, prints=2)
    assert problem(lambda: book.printed("c1", twice, act(book, "printed", twice))) == "no_label"
    book.void("c1", void, act(book, "voided", void))
    assert problem(lambda: book.void("c1", void, act(book, "voided", void))) == "number_used"
    assert len(book.waiting_acts()) == 2, "what did not fit left no record to be written"


def test_ok__a_spoiled_blank_is_used_up(book: Visas) -> None:
    blank = label("KV9", state=LabelState.VOID, lines=())
    book.void("c1", blank, act(book, "voided", blank, ""))
    assert book.was_used("KV9")
    assert book.labels("c1") == ()


def test_ok__acts_wait_until_they_are_recorded_also_over_a_restart(book: Visas, tmp_path, key) -> None:
    book.applied(movement())
    decide(book)
    one = issue(book)
    printed = msgspec.structs.replace(one, prints=1)
    book.printed("c1", printed, act(book, "print/1", printed))
    book.close()
    again = Visas.open(tmp_path / "visas.db", storage=key)
    waiting = again.waiting_acts()
    assert [one.act.act for _, one in waiting] == ["issued", "print/1"]
    assert all("KV1" not in one.name for _, one in waiting), "the name tells nobody the number"
    with pytest.raises(StorageError, match="being written down"):
        again.forget(["c1"])
    for id_, _ in waiting:
        again.act_recorded(id_)
    again.forget(["c1"])
    assert (again.row("c1"), again.labels("c1")) == (None, ())
    assert again.was_used("KV1")
    again.close()


def test_ok__another_box_takes_its_case_back(book: Visas) -> None:
    book.applied(movement())
    decide(book, item=b"item")
    book.forget_item(b"item", device="box-2")
    assert book.row("c1") is not None, "box-2 takes back nothing of box-1"
    book.forget_item(b"", device="box-1")
    assert book.row("c1") is not None
    book.forget_item(b"item", device="box-1")
    assert book.row("c1") is None


def test_ok__kept_until_the_visa_has_ended_and_so_long_after(book: Visas) -> None:
    for crossing in ("c1", "c2", "c3"):
        book.applied(movement(crossing))
    decide(book)
    decide(book, "c2", REFUSED)
    day = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    assert book.forget_old(now=day, days=14) == 1
    assert [book.row(one) is not None for one in ("c1", "c2", "c3")] == [True, False, True]
    assert book.forget_old(now=day + dt.timedelta(days=26), days=14) == 1
    assert book.row("c3") is not None, "nobody has decided it"
    assert book.forget_old(now=day + dt.timedelta(days=9999), days=0) == 0


def test_fail__rows_that_were_exchanged_or_are_another_key_s(book: Visas, tmp_path, key) -> None:
    book.applied(movement())
    book.applied(movement("c2", document=msgspec.structs.replace(DOCUMENT, document_number="X1")))
    book.close()
    with sqlite3.connect(tmp_path / "visas.db") as thief:
        raw = b"".join(path.read_bytes() for path in tmp_path.glob("visas.db*"))
        assert not any(secret in raw for secret in (b"ERIKSSON", b"L898902C3", b"R 4711", b"Ak-Keme"))
        (sealed,) = thief.execute("SELECT sealed FROM applications WHERE crossing = 'c1'").fetchone()
        thief.execute("UPDATE applications SET sealed = ? WHERE crossing = 'c2'", (sealed,))
    again = Visas.open(tmp_path / "visas.db", storage=key)
    assert again.row("c1") is not None
    assert again.row("c2") is None
    again.close()
    other = Visas.open(tmp_path / "visas.db", storage=SecretBox(random(SecretBox.KEY_SIZE)))
    assert other.row("c1") is None
    assert not other.receipt_used("R 4711", by_other_than="")
    other.close()


def test_fail__a_damaged_file_is_set_aside(tmp_path, key) -> None:
    (tmp_path / "visas.db").write_bytes(b"no database" * 500)
    book = Visas.open(tmp_path / "visas.db", storage=key)
    assert book.granted() == ()
    assert list(tmp_path.glob("visas.db.corrupt-*"))
    book.close()


def test_fail__a_disk_that_does_not_answer(book: Visas) -> None:
    book.close()
    for work in (
        lambda: book.applied(movement()),
        lambda: book.row("c1"),
        lambda: decide(book),
        lambda: issue(book),
        book.waiting_acts,
        lambda: book.forget(["c1"]),
    ):
        with pytest.raises(StorageError):
            work()
