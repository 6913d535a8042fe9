"""Believed, held against the chain, stored once; what cannot be believed holds up nothing else."""

import cbor2
import pytest
from central_common import STRANGER, acknowledged, movement, rows, take
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox
from nacl.secret import SecretBox

from appliance import cose
from appliance.contracts.movement import DocumentFacts, to_plain
from appliance.records import envelope
from central.ingest import copies_among, examine, ingest

HELD = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_ok__stored_in_order(store, keys, box, tmp_path) -> None:
    result = take(store, keys, "box-1", *box.record(5))
    assert [(sealed.header.seq, one.crossing) for sealed, one in result.movements] == [
        (number, f"box-1-crossing-{number}") for number in range(1, 6)
    ]
    assert result.epochs == {box.epoch}
    assert result.refused == []
    assert store.counts() == {"records": 5, "crossings": 5, "refused": 0, "duplicates": 0, "devices": 1}
    assert acknowledged(store, "box-1", box.epoch) == 5
    stored = rows(tmp_path / "central.db", "SELECT envelope FROM records ORDER BY seq")
    assert [row[0] for row in stored] == box.envelopes()
    facts = "crossing, document_number, birth_date, simulated, recommendation, outcome, time_quality"
    assert rows(tmp_path / "central.db", f"SELECT {facts} FROM crossings WHERE seq = 1") == [
        (
            "box-1-crossing-1",
            "L898902C3",
            "1974-08-12",
            1,
            "AMBER",
            "admitted",
            "rtc",
        )
    ]


def test_ok__a_record_that_comes_again_is_counted_and_acknowledged_again(store, keys, box) -> None:
    envelopes = box.record(3)
    take(store, keys, "box-1", *envelopes)
    again = take(store, keys, "box-1", *envelopes[1:], envelopes[2])
    assert again.movements == []
    assert again.epochs == {box.epoch}
    counts = store.counts()
    assert (counts["records"], counts["crossings"], counts["duplicates"]) == (3, 3, 3)


def test_ok__any_order_and_the_gap_is_not_acknowledged(store, keys, box) -> None:
    first, second, third, fourth = box.record(4)
    take(store, keys, "box-1", fourth)
    assert acknowledged(store, "box-1", box.epoch) == 0
    take(store, keys, "box-1", second, first)
    assert acknowledged(store, "box-1", box.epoch) == 2
    assert acknowledged(store, "box-1", box.epoch, above=2) == 2
    assert take(store, keys, "box-1", third).refused == []
    assert acknowledged(store, "box-1", box.epoch, above=2) == 4


def test_ok__a_new_journal_of_the_same_box(store, keys, box, tmp_path) -> None:
    take(store, keys, "box-1", *box.record(2))
    other = box.sealed()
    take(store, keys, "box-1", other)
    assert acknowledged(store, "box-1", box.epoch) == 2
    assert acknowledged(store, "box-1", "20261102T080000Z-00000000") == 1
    assert rows(tmp_path / "central.db", "SELECT count(*) FROM epochs") == [(2,)]


def test_fail__forged(store, keys, box) -> None:
    forged = box.sealed(signing_key=STRANGER, epoch=box.epoch)
    good = box.record(1)[0]
    result = take(store, keys, "box-1", forged, good)
    assert len(result.refused) == 1
    assert "not known here" in result.refused[0]
    assert len(result.movements) == 1
    assert store.counts()["refused"] == 1


def test_fail__unknown_device(store, keys, make_box) -> None:
    stranger = make_box("box-9")
    result = take(store, keys, "box-9", *stranger.record(2))
    assert result.refused == ["The device is not registered."] * 2
    assert result.epochs == set()
    assert store.counts()["records"] == 0


def test_fail__under_another_device_s_name(store, keys, box, make_box) -> None:
    other = make_box("box-2")
    other.register(store)
    own, foreign = box.record(1)[0], other.record(1)[0]
    assert "not known here" in take(store, keys, "box-1", foreign).refused[0]
    named = box.sealed(device="box-2")  # signed by box-1, says that it is box-2
    assert "another device's name" in take(store, keys, "box-1", named).refused[0]
    assert "not known here" in take(store, keys, "box-2", own).refused[0]
    assert store.counts()["records"] == 0


def test_fail__two_records_with_the_same_number(store, keys, box, tmp_path) -> None:
    take(store, keys, "box-1", *box.record(3))
    second = envelope.verify(box.envelopes()[1], verify_key_for=lambda _: box.keys.signing.verify_key)
    fork = box.sealed(epoch=box.epoch, seq=2, prev=second.header.prev)
    result = take(store, keys, "box-1", fork)
    assert result.refused == ["The device has signed two different records with the same number."]
    assert result.epochs == {box.epoch}
    assert acknowledged(store, "box-1", box.epoch, above=3) == 1
    take(store, keys, "box-1", *box.record(1))  # taken, but never acknowledged beyond the fork
    assert store.counts()["records"] == 4
    assert acknowledged(store, "box-1", box.epoch) == 1
    stored = rows(tmp_path / "central.db", "SELECT envelope FROM records ORDER BY seq")
    assert [row[0] for row in stored] == box.envelopes()
    third = envelope.verify(box.envelopes()[2], verify_key_for=lambda _: box.keys.signing.verify_key)
    take(store, keys, "box-1", box.sealed(epoch=box.epoch, seq=3, prev=third.header.prev))
    assert acknowledged(store, "box-1", box.epoch) == 1  # a later fork gives nothing back


def test_fail__does_not_follow_the_one_before_it(store, keys, box) -> None:
    take(store, keys, "box-1", box.record(1)[0])
    torn = box.sealed(epoch=box.epoch, seq=2, prev=bytes(range(32)))
    assert take(store, keys, "box-1", torn).refused == ["The record does not follow the one before it."]


def test_fail__not_the_one_that_the_next_one_follows(store, keys, box) -> None:
    envelopes = box.record(2)
    take(store, keys, "box-1", envelopes[1])
    other = box.sealed(epoch=box.epoch, seq=1)
    assert take(store, keys, "box-1", other).refused == [
        "The record is not the one that the next one follows."
    ]
    assert take(store, keys, "box-1", envelopes[0]).refused == []
    assert acknowledged(store, "box-1", box.epoch) == 2


def test_fail__a_first_record_that_follows_another(store, keys, box) -> None:
    first = box.sealed(prev=bytes(range(32)))
    assert "follows one that does not exist" in take(store, keys, "box-1", first).refused[0]


def test_fail__sealed_to_another_central(store, keys, box) -> None:
    data = box.sealed(recipient=PrivateKey.generate().public_key)
    assert take(store, keys, "box-1", data).refused == ["The record is sealed to another key."]
    assert acknowledged(store, "box-1", "20261102T080000Z-00000000") == 0


def changed(**changes):
    return to_plain(movement("box-1-odd")) | changes


@pytest.mark.parametrize(
    ("record_type", "body"),
    [
        ("correction", {"x": 1}),
        ("movement", {"x": 1}),
        ("movement", changed(outcome="thrown out")),
        ("movement", changed(device="box-2")),
        ("movement", changed(post="x" * 201)),
        ("movement", changed(crossing="a\0b")),
        ("movement", changed(document=to_plain(movement())["document"] | {"sex": "FEMALE"})),
        ("t" * 100, {}),
    ],
)
def test_ok__no_movement_known_here_is_kept(store, keys, box, tmp_path, record_type, body) -> None:
    result = take(store, keys, "box-1", box.sealed(record_type=record_type, body=body))
    assert (result.refused, result.movements) == ([], [])
    assert rows(tmp_path / "central.db", "SELECT readable, type FROM records") == [(0, record_type[:32])]
    assert store.counts()["crossings"] == 0
    assert acknowledged(store, "box-1", "20261102T080000Z-00000000") == 1


def test_ok__a_traveller_without_papers(store, keys, box, tmp_path) -> None:
    take(store, keys, "box-1", box.sealed(body=to_plain(movement("c", document=None))))
    assert rows(tmp_path / "central.db", "SELECT crossing, issuing_state FROM crossings") == [("c", None)]


def test_ok__the_same_crossing_in_two_records_counts_once(store, keys, box) -> None:
    first = box.sealed()
    second = box.sealed(seq=2, prev=box.chain_hash(first))
    result = take(store, keys, "box-1", first, second)
    assert len(result.movements) == 2  # both are kept and shown; columns and counts know the name once
    assert (store.counts()["records"], store.counts()["crossings"]) == (2, 1)


@HELD
@given(st.lists(st.binary(max_size=300), max_size=5))
def test_fail__garbage_is_kept_apart(store, keys, box, messages) -> None:
    result = take(store, keys, "box-1", *messages)
    assert len(result.refused) == len(messages)
    assert result.epochs == set()


@HELD
@given(st.data())
def test_fail__a_record_damaged_on_the_way(store, keys, box, data) -> None:
    good = box.envelopes() or box.record(1)
    at = data.draw(st.integers(0, len(good[0]) - 1))
    bad = bytearray(good[0])
    bad[at] ^= data.draw(st.integers(1, 255))
    result = take(store, keys, "box-1", bytes(bad), good[0][:at])
    assert len(result.refused) == 2
    assert store.counts()["records"] == 0


whole = st.integers(-(2**63), 2**64 - 1)
plain = st.recursive(
    st.none() | st.booleans() | whole | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | whole, inner, max_size=4)
    ),
    max_leaves=8,
)
known_fields = st.dictionaries(st.sampled_from(sorted(changed())), plain, max_size=3)
document_fields = st.dictionaries(
    st.sampled_from(DocumentFacts.__struct_fields__), st.text(max_size=90) | st.none(), max_size=4
)


@HELD
@given(known_fields, document_fields)
def test_ok__whatever_a_signed_body_holds_is_kept(store, keys, box, fields, facts) -> None:
    # From a registered box: believed, but it must neither stop the receiver nor be lost.
    body = changed(document=to_plain(movement())["document"] | facts) | fields
    with store.batch() as batch:
        seq = batch.acknowledged("box-1", "fuzz") + 1
        prev = envelope.GENESIS if seq == 1 else batch.chain_hash("box-1", "fuzz", seq - 1)
    data = box.sealed(epoch="fuzz", seq=seq, prev=prev, body=body)
    assert take(store, keys, "box-1", data).refused == []
    assert acknowledged(store, "box-1", "fuzz") == seq


@pytest.mark.parametrize("value", [2**70, cbor2.CBORTag(60_000, None)])
def test_fail__a_body_with_tags_or_numbers_that_no_box_writes(store, keys, box, value) -> None:
    data = box.sealed(body={"crossing": value})
    assert take(store, keys, "box-1", data).refused == ["The record's body cannot be opened."]


@HELD
@given(st.binary(max_size=60))
def test_fail__whatever_was_sealed_that_is_no_body(store, keys, box, inside) -> None:
    named: dict = cbor2.loads(cose.protected_bytes(box.sealed()))
    own = bytes(32)
    attached = {
        "body": bytes(SecretBox(own).encrypt(inside)),
        "key": SealedBox(keys.sealing.public_key).encrypt(own),
    }
    hashes = {"hash": attached["body"], "kh": attached["key"]}
    named |= {name: envelope.hashlib.sha256(value).digest() for name, value in hashes.items()}
    data = cose.sign1(b"", protected=named, signing_key=box.keys.signing, attachments=attached)
    assert len(take(store, keys, "box-1", data).refused) == 1


# Copies, which are the most of what comes after an outage


def again(store, keys, device: str, *messages: bytes):
    """As the receiver takes a batch."""
    with store.reading() as batch:
        registered = batch.device(device)
        copies = copies_among(batch, device, messages) if registered else {}
    examined = registered, examine(registered, messages, keys, copies=copies)
    with store.batch() as batch:
        result = ingest(batch, device=device, messages=messages, keys=keys, examined=examined)
    return result, copies


def test_ok__what_is_stored_byte_for_byte_is_not_verified_again(either, keys, make_box, monkeypatch) -> None:
    box = make_box()
    box.register(either)
    envelopes = box.record(4)
    take(either, keys, "box-1", *envelopes[:3])
    verified: list[bytes] = []
    verify = envelope.verify
    monkeypatch.setattr(
        envelope, "verify", lambda data, **more: (verified.append(data), verify(data, **more))[1]
    )
    result, copies = again(either, keys, "box-1", *envelopes)
    assert verified == envelopes[3:]
    assert sorted(copies.values()) == [(box.epoch, number) for number in (1, 2, 3)]
    assert (result.epochs, result.refused) == ({box.epoch}, [])
    assert (either.counts()["records"], either.counts()["duplicates"]) == (4, 3)


def test_fail__a_copy_that_was_changed_is_verified(store, keys, box) -> None:
    envelopes = box.record(3)
    take(store, keys, "box-1", *envelopes)
    other_signature = envelopes[1][:-1] + bytes([envelopes[1][-1] ^ 1])
    fork = box.sealed(epoch=box.epoch, seq=3, prev=box.chain_hash(envelopes[1]))
    result, copies = again(store, keys, "box-1", envelopes[0], other_signature, fork, b"garbage")
    assert list(copies) == [envelopes[0]]
    assert len(result.refused) == 3
    assert store.counts()["duplicates"] == 1
    assert acknowledged(store, "box-1", box.epoch) == 2  # up to the fork


def test_fail__a_copy_under_another_box_s_name(store, keys, box, make_box) -> None:
    other = make_box("box-2")
    other.register(store)
    take(store, keys, "box-1", *box.record(2))
    result, copies = again(store, keys, "box-2", *box.envelopes())
    assert (copies, len(result.refused)) == ({}, 2)


@HELD
@given(st.lists(st.binary(max_size=80), max_size=4))
def test_fail__copies_are_looked_for_in_any_bytes(store, box, messages) -> None:
    with store.reading() as batch:
        assert copies_among(batch, "box-1", messages) == {}


def test_fail__a_header_of_strange_kinds_is_no_copy(store, keys, box) -> None:
    (first,) = box.record(1)
    take(store, keys, "box-1", first)
    named = cbor2.loads(cose.protected_bytes(first))
    for changes in ({"seq": "1"}, {"seq": -1}, {"seq": 2**63}, {"epoch": 5}, {"epoch": "a\0b"}):
        odd = cose.sign1(b"", protected=named | changes, signing_key=box.keys.signing)
        _, copies = again(store, keys, "box-1", odd)
        assert copies == {}
