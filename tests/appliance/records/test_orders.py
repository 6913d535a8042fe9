"""What the journal does on a signed command: sends again, slows down, carries out a person's request."""

import datetime as dt
from typing import Any

import pytest
from nacl.signing import SigningKey
from records_common import CENTRAL, NOW, STAMP, chain_of, commit, opened, order_of, word_for

from appliance.records.commands import Action, Rate, Resync, Rights
from appliance.records.errors import CommandError
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys
from appliance.records.retention import KEPT


def nothing(_order: Rights, _crossings: tuple[str, ...]) -> dict[str, Any]:
    return {}


def obey(book: Journal, data: bytes, *, now: dt.datetime = NOW, local: Any = nothing) -> bool:
    return book.command(data, stamp=STAMP, now=now, local=local)


@pytest.fixture
def book(open_journal) -> Journal:
    box = open_journal()
    for number in range(1, 6):
        commit(box, f"c{number}", picture=bytes(1000))
    box.acknowledge(word_for(box, 4))
    return box


def resync(book: Journal, from_seq: int) -> Resync:
    return Resync(epoch=book.status().epoch, from_seq=from_seq)


def rights(book: Journal, action: Action, *seqs: int) -> Rights:
    return Rights(
        request="R-7", purpose="subject_access", action=action, epoch=book.status().epoch, seqs=seqs
    )


def test_ok__send_again_from_a_number(book: Journal, open_journal) -> None:
    before = word_for(book, 4, at="2026-11-02T09:30:00+00:00")
    assert obey(book, order_of(resync(book, 2)))
    book = open_journal()
    assert book.status().acknowledged_seq == 1
    told = opened(book, 6)
    assert told.type == "command"
    assert told.body["kind"] == "resync"
    assert told.body["sent_from"] == 2
    # What central said before it was put back is still at the broker, and must not count.
    assert book.acknowledge(before).acknowledged_seq == 1
    assert book.acknowledge(word_for(book, 4, at="no moment")).acknowledged_seq == 1
    assert book.acknowledge(word_for(book, 3, at="2026-11-02T10:00:01+00:00")).acknowledged_seq == 3


def test_ok__once_only(book: Journal) -> None:
    data = order_of(resync(book, 2))
    assert obey(book, data)
    book.acknowledge(word_for(book, 5, at="2026-11-02T11:00:00+00:00"))
    assert not obey(book, data)
    assert not obey(book, order_of(resync(book, 1), 1))
    assert book.status().acknowledged_seq == 5
    assert book.status().last_seq == 6
    assert obey(book, order_of(resync(book, 3), 2))


def test_ok__from_a_number_that_is_not_acknowledged_yet(book: Journal) -> None:
    assert obey(book, order_of(resync(book, 6)))
    assert book.status().acknowledged_seq == 4


@pytest.mark.parametrize("rate", [2.5, None])
def test_ok__how_fast(book: Journal, open_journal, rate: float | None) -> None:
    assert obey(book, order_of(Rate(records_per_second=7)))
    assert book.status().records_per_second == 7
    assert obey(book, order_of(Rate(records_per_second=rate), 2))
    assert open_journal().status().records_per_second == rate


def test_ok__found(book: Journal) -> None:
    assert obey(
        book, order_of(rights(book, Action.FIND, 2, 5, 2)), local=lambda _, crossings: {"n": list(crossings)}
    )
    body = opened(book, 6).body
    assert (body["request"], body["purpose"], body["action"]) == ("R-7", "subject_access", "find")
    assert (body["held"], body["local"]) == ([2, 5], {"n": ["c2", "c5"]})


def test_ok__erased_and_the_chain_still_verifies(book: Journal, open_journal) -> None:
    chain = chain_of(book, 3)
    whole = len(book.page(2, 1)[0].envelope)
    assert obey(book, order_of(rights(book, Action.ERASE, 3)))
    book = open_journal()
    assert opened(book, 6).body["erased"] == [3]
    assert book.verify().problems == ()
    assert len(book.page(2, 1)[0].envelope) < whole - 1000
    assert chain_of(book, 3) == chain
    assert obey(book, order_of(rights(book, Action.ERASE, 3), 2))
    assert opened(book, 7).body["erased"] == [3]


def test_ok__only_what_is_still_here(book: Journal) -> None:
    assert book.retain(stamp=STAMP, now=NOW + KEPT + dt.timedelta(hours=1)).records_removed == 4
    later = NOW + dt.timedelta(days=30)
    assert obey(book, order_of(rights(book, Action.ERASE, 1, 2), expires=later))
    assert opened(book, 7).body["held"] == []
    assert book.verify().problems == ()
    assert obey(book, order_of(resync(book, 2), 2, expires=later))
    assert book.status().acknowledged_seq == 4, "what is gone cannot be sent again"


@pytest.mark.parametrize(
    ("make", "changes", "said"),
    [
        (lambda book: resync(book, 2), {"device": "box-2"}, "another box"),
        (lambda book: resync(book, 2), {"key": SigningKey(bytes(32))}, "signature"),
        (lambda book: resync(book, 2), {"expires": NOW - dt.timedelta(seconds=1)}, "too late"),
        (lambda book: resync(book, 7), {}, "has not made"),
        (lambda _: Resync(epoch="other", from_seq=1), {}, "earlier journal"),
        (lambda book: rights(book, Action.FIND, 6), {}, "has not made"),
        (lambda book: rights(book, Action.ERASE, 5), {}, "not committed"),
    ],
)
def test_fail__not_obeyed(book: Journal, make: Any, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        obey(book, order_of(make(book), **changes))
    assert (book.status().last_seq, book.status().acknowledged_seq) == (5, 4)
    assert obey(book, order_of(Rate(records_per_second=1))), "its counter is still free"


def test_fail__what_the_local_part_cannot_do_is_not_recorded(book: Journal) -> None:
    def broken(_order: Rights, _crossings: tuple[str, ...]) -> dict[str, Any]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        obey(book, order_of(rights(book, Action.ERASE, 3)), local=broken)
    assert book.status().last_seq == 5
    assert opened(book, 3).type == "movement"


def test_fail__no_operator(open_journal) -> None:
    book = open_journal(central=CentralKeys(CENTRAL.sealing, CENTRAL.watermark))
    with pytest.raises(CommandError, match="obeys nobody"):
        obey(book, order_of(Rate(records_per_second=1)))
