"""Lists of keys: signed, growing, overlapping; and what a box does when central changes its own."""

import dataclasses
import datetime as dt
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey
from nacl.signing import SigningKey
from records_common import (
    CENTRAL,
    CENTRAL_SEALING,
    CENTRAL_WATERMARK,
    STAMP,
    chain_of,
    commit,
    opened,
    order_of,
)

from appliance import cose
from appliance.records import envelope
from appliance.records.commands import Rate
from appliance.records.errors import CommandError, ManifestError, StorageBroken, WatermarkError
from appliance.records.journal import Journal
from appliance.records.manifest import (
    CONTENT_TYPE,
    MAX_KEYS,
    Key,
    KeyRing,
    Manifest,
    Use,
    read_manifest,
    sign_manifest,
)
from appliance.records.watermark import Watermark, sign_watermark

AUTHORITY = SigningKey(bytes(range(96, 128)))
NEW_SEALING, NEW_WATERMARK = PrivateKey(bytes([5]) * 32), SigningKey(bytes([6]) * 32)
NEW_OPERATOR = SigningKey(bytes([7]) * 32)
DAY = dt.timedelta(days=1)
NOW = dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
"""The moment of `STAMP`."""


def key(use: Use, public: object, begins: float = -1, ends: float = 100) -> Key:
    """Of so many days from now."""
    return Key(use=use, public=bytes(public), not_before=NOW + begins * DAY, not_after=NOW + ends * DAY)


OLD = (
    key(Use.SEALING, CENTRAL.sealing),
    key(Use.WATERMARK, CENTRAL.watermark),
    key(Use.OPERATOR, CENTRAL.operator),
)
NEW = (
    key(Use.SEALING, NEW_SEALING.public_key, -0.5),
    key(Use.WATERMARK, NEW_WATERMARK.verify_key, -0.5),
    key(Use.OPERATOR, NEW_OPERATOR.verify_key, -0.5),
)


def listed(*keys: Key, version: int = 1, owner: str = "central", signer: SigningKey = AUTHORITY) -> bytes:
    manifest = Manifest(owner=owner, version=version, issued_at=NOW, keys=keys)
    return sign_manifest(manifest, signing_key=signer)


def read(data: bytes) -> Manifest:
    return read_manifest(data, verify_key_for=lambda _: AUTHORITY.verify_key)


def signed(keys: object = (), **changes: object) -> bytes:
    named = {
        cose.CONTENT_TYPE: CONTENT_TYPE,
        "v": 1,
        "own": "central",
        "ver": 1,
        "iat": NOW.isoformat(),
    } | changes
    payload = keys if isinstance(keys, bytes) else cbor2.dumps(keys)
    return cose.sign1(payload, protected=named, signing_key=AUTHORITY)


# The list


def test_ok__round_trip() -> None:
    assert read(listed(*OLD, *NEW)) == Manifest(owner="central", version=1, issued_at=NOW, keys=(*OLD, *NEW))
    assert OLD[1].kid == cose.key_id(CENTRAL.watermark)
    assert OLD[0].kid == cose.key_id(CENTRAL.sealing)


def test_ok__a_use_of_a_later_version_is_passed_over() -> None:
    later = {"use": "attestation", "public": b"x"}
    assert read(signed([later])).keys == ()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (signed(v=2), "no list of keys of this version"),
        (signed(own=7), "lacks a value"),
        (signed(ver=0), "version or an owner"),
        (signed(own="a\n"), "version or an owner"),
        (signed(iat="2026-11-02T08:00:00"), "without a time zone"),
        (signed({}), "is none"),
        (signed([{}] * (MAX_KEYS + 1)), "is none"),
        (signed([7]), "lacks a value"),
        (signed(b"\xff"), "lacks a value"),
        (signed([{"use": "sealing", "public": bytes(31), "not_before": NOW.isoformat(),
                  "not_after": (NOW + DAY).isoformat()}]), "another length"),
        (listed(key(Use.SEALING, bytes(32), 1, 1)), "of no time"),
        (listed(*OLD, signer=CENTRAL_WATERMARK), "signature"),
    ],
)  # fmt: skip
def test_fail__no_list(data: bytes, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        read(data)


@given(st.binary(max_size=200))
def test_fail__any_bytes(data: bytes) -> None:
    with pytest.raises(ManifestError):
        read(data)


@given(st.binary(max_size=200))
def test_fail__signed_bytes_of_any_kind(data: bytes) -> None:
    try:
        read(signed(data))
    except ManifestError:
        return


# Which key counts


def ring(*keys: Key) -> KeyRing:
    return KeyRing(Manifest(owner="central", version=1, issued_at=NOW, keys=keys))


def test_ok__sealed_to_the_newest_that_has_begun() -> None:
    first, second = key(Use.SEALING, bytes([1]) * 32, 0, 20), key(Use.SEALING, bytes([2]) * 32, 10, 30)
    keys = ring(first, second)
    found = [keys.newest(Use.SEALING, certainly_past=NOW + days * DAY) for days in (-1, 0, 9, 10, 29, 31, 99)]
    assert [one and bytes(one)[0] for one in found] == [None, 1, 1, 2, 2, 2, 2]


def test_ok__both_are_believed_while_they_overlap() -> None:
    first, second = (
        key(Use.WATERMARK, CENTRAL.watermark, 0, 20),
        key(Use.WATERMARK, NEW_WATERMARK.verify_key, 10, 30),
    )
    keys = ring(first, second, *OLD[:1])
    found = [len(keys.verifiers(Use.WATERMARK, certainly_past=NOW + days * DAY)) for days in (0, 15, 21, 31)]
    assert found == [2, 2, 1, 0], "one that has not begun too: the box's clock may be behind"


# A box whose central changes its keys


@pytest.fixture
def book(open_journal) -> Journal:
    box = open_journal(central=with_central(authority=AUTHORITY.verify_key))
    commit(box, "c1")
    return box


def with_central(**changes: object):
    return dataclasses.replace(CENTRAL, **changes)


def word(book: Journal, seq: int, signer: SigningKey) -> bytes:
    mark = Watermark(
        device="box-1",
        epoch=book.status().epoch,
        seq=seq,
        chain=chain_of(book, seq),
        issued_at=NOW.isoformat(),
    )
    return sign_watermark(mark, signing_key=signer)


def test_ok__overlap_and_then_the_old_one_ends(book: Journal, open_journal) -> None:
    assert book.install_keys(listed(*OLD, *NEW), stamp=STAMP)
    assert not book.install_keys(listed(*OLD, *NEW), stamp=STAMP)
    commit(book, "c2")
    newest = envelope.verify(
        book.page(2, 1)[0].envelope, verify_key_for=lambda _: book._keys.signing.verify_key
    )
    assert envelope.open_(newest, private_key=NEW_SEALING).body == {"crossing": "c2"}
    assert opened(book, 1).type == "movement", "what was sealed before opens with the old key"
    told = envelope.verify(
        book.page(1, 1)[0].envelope, verify_key_for=lambda _: book._keys.signing.verify_key
    )
    assert envelope.open_(told, private_key=NEW_SEALING).body == {"owner": "central", "version": 1}
    # Both are believed.
    book.acknowledge(word(book, 1, CENTRAL_WATERMARK))
    book.acknowledge(word(book, 2, NEW_WATERMARK))
    assert book.status().acknowledged_seq == 2
    book.command(
        order_of(Rate(records_per_second=1), key=NEW_OPERATOR), stamp=STAMP, now=NOW, local=lambda *_: {}
    )
    # After a restart too; then the old ones are taken from the list.
    book = open_journal(central=with_central(authority=AUTHORITY.verify_key))
    book.install_keys(listed(*NEW, version=2), stamp=STAMP)
    with pytest.raises(WatermarkError, match="not known here"):
        book.acknowledge(word(book, 3, CENTRAL_WATERMARK))
    with pytest.raises(CommandError, match="not known here"):
        book.command(order_of(Rate(records_per_second=1), 2), stamp=STAMP, now=NOW, local=lambda *_: {})
    with pytest.raises(ManifestError, match="older than one"):
        book.install_keys(listed(*OLD, *NEW), stamp=STAMP)
    book.acknowledge(word(book, 3, NEW_WATERMARK))
    assert book.verify().problems == ()


def test_ok__a_list_without_an_operator_means_no_orders(book: Journal) -> None:
    book.install_keys(listed(*OLD[:2]), stamp=STAMP)
    with pytest.raises(CommandError, match="obeys nobody"):
        book.command(order_of(Rate(records_per_second=1)), stamp=STAMP, now=NOW, local=lambda *_: {})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (listed(*OLD, owner="box-1"), "another owner's"),
        (listed(*OLD[1:]), "nobody to report to"),
        (listed(*OLD, signer=NEW_WATERMARK), "signature"),
    ],
)
def test_fail__not_taken(book: Journal, data: bytes, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        book.install_keys(data, stamp=STAMP)
    assert book.status().last_seq == 1


def test_fail__no_authority(open_journal) -> None:
    with pytest.raises(ManifestError, match="No authority"):
        open_journal().install_keys(listed(*OLD), stamp=STAMP)


def test_fail__the_disk(book: Journal, tmp_path: Path) -> None:
    (tmp_path / "central-keys.cose").mkdir()
    with pytest.raises(StorageBroken):
        book.install_keys(listed(*OLD), stamp=STAMP)


def test_ok__a_damaged_list_is_none(book: Journal, open_journal, tmp_path: Path) -> None:
    book.install_keys(listed(*NEW), stamp=STAMP)
    (tmp_path / "central-keys.cose").write_bytes(b"rubbish")
    book = open_journal(central=with_central(authority=AUTHORITY.verify_key))
    commit(book, "c3")
    sealed = envelope.verify(
        book.page(2, 1)[0].envelope, verify_key_for=lambda _: book._keys.signing.verify_key
    )
    assert envelope.open_(sealed, private_key=CENTRAL_SEALING).body == {"crossing": "c3"}
