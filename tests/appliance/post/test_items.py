"""Items of a post: what is signed is what is opened, and nothing else is an item."""

import datetime as dt
from unittest import mock

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance import cose
from appliance.key_files import HashingKey
from appliance.post import items as post_items
from appliance.post.items import (
    CASE,
    CLOSED,
    ENTRY,
    ERASED,
    PostItemError,
    Signer,
    index_of,
    open_item,
    seal_item,
    verify_item,
)

SIGNING, SEALING, OTHER = SigningKey(bytes(32)), PrivateKey(bytes([1]) * 32), PrivateKey(bytes([2]) * 32)
EXPIRES = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


def signer(kid: bytes) -> Signer | None:
    return Signer("lane-1", SIGNING.verify_key) if kid == cose.key_id(SIGNING.verify_key) else None


def sealed(**changes) -> bytes:
    values = {"kind": CASE, "body": {"a": [1]}, "device": "lane-1", "signing_key": SIGNING,
              "recipients": [SEALING.public_key], "expires_at": EXPIRES}  # fmt: skip
    values |= changes
    return seal_item(values.pop("kind"), values.pop("body"), **values)[0]


def signed(payload: bytes = b"", **changes) -> bytes:
    header = {cose.CONTENT_TYPE: post_items.CONTENT_TYPE, "v": 1, "dev": "lane-1", "id": bytes(16),
              "kind": CASE, "about": b"", "index": b"", "exp": EXPIRES.isoformat()}  # fmt: skip
    header |= {cose.CONTENT_TYPE if name == "type" else name: value for name, value in changes.items()}
    return cose.sign1(payload, protected=header, signing_key=SIGNING)


def test_ok_there_and_back() -> None:
    data = sealed(recipients=[OTHER.public_key, SEALING.public_key])
    header = verify_item(data, signer_for=signer)
    assert (header.device, header.kind, header.expires_at) == ("lane-1", CASE, EXPIRES)
    for key in (SEALING, OTHER):
        assert open_item(header, private_key=key).body == {"a": [1]}


def test_ok_an_index_needs_its_key() -> None:
    key, other = HashingKey(bytes(32)), HashingKey(bytes([1]) * 32)
    assert index_of(key, "UTO", "123") == index_of(key, "UTO", "123")
    assert len({index_of(key, "UTO", "123"), index_of(other, "UTO", "123"), index_of(key, "UT", "O123")}) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "rumour"}, "no kind"),
        ({"kind": CLOSED}, "no kind"),
        ({"kind": ERASED}, "no kind"),
        ({"kind": ENTRY, "about": bytes(16)}, "no kind"),
        ({"about": b"short"}, "another length"),
        ({"index": b"short"}, "another length"),
        ({"device": "x" * 2000}, None),
    ],
)
def test_fail_what_others_would_refuse_is_not_sealed(changes, said) -> None:
    with pytest.raises((PostItemError, ValueError), match=said):
        sealed(**changes)


def changed_at_its_end(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lambda: bytes(post_items.MAX_ITEM_BYTES + 1), "at most"),
        (lambda: b"rubbish", "no COSE_Sign1"),
        (lambda: sealed(signing_key=SigningKey(bytes([9]) * 32)), "does not belong to this post"),
        (lambda: changed_at_its_end(sealed()), "signature is not that"),
        (lambda: sealed(device="lane-2"), "another box"),
        (lambda: signed(type="application/vnd.borne.record+cbor"), "no item of this version"),
        (lambda: signed(v=2), "no item of this version"),
        (lambda: signed(id=b""), "lacks a number"),
        (lambda: signed(id=7), "lacks a number"),
        (lambda: signed(kind=7), "lacks a name"),
        (lambda: signed(exp="soon"), "when it expires"),
        (lambda: signed(exp="2026-12-01T00:00:00"), "when it expires"),
        (lambda: signed(exp=7), "lacks a name"),
    ],
)
def test_fail_no_item(data, said) -> None:
    with pytest.raises(PostItemError, match=said):
        verify_item(data(), signer_for=signer)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "cannot be opened"),
        (b"\xa0", "not sealed to this box"),
        (b"\x01", "not sealed to this box"),
        (cbor2.dumps({"to": {cose.key_id(SEALING.public_key): b"x" * 80}, "box": b""}), "cannot be opened"),
        (cbor2.dumps({"to": {cose.key_id(SEALING.public_key): 5}, "box": b""}), "not sealed to this box"),
        (b"\x81" * 5000, "cannot be opened"),
    ],
)
def test_fail_a_payload_that_cannot_be_opened(payload: bytes, said: str) -> None:
    header = verify_item(signed(payload), signer_for=signer)
    with pytest.raises(PostItemError, match=said):
        open_item(header, private_key=SEALING)


def test_fail_sealed_to_others() -> None:
    header = verify_item(sealed(recipients=[OTHER.public_key]), signer_for=signer)
    with pytest.raises(PostItemError, match="not sealed to this box"):
        open_item(header, private_key=SEALING)


def test_fail_a_body_under_another_header() -> None:
    """Stripped and put under a header of one's own: what is inside says whose it was."""
    payload = verify_item(sealed(), signer_for=signer).payload
    header = verify_item(signed(payload), signer_for=signer)
    with pytest.raises(PostItemError, match="another header"):
        open_item(header, private_key=SEALING)


def test_fail_no_body() -> None:
    with mock.patch.object(post_items, "dict", return_value=5, create=True):
        data = sealed()
    with pytest.raises(PostItemError, match="no body"):
        open_item(verify_item(data, signer_for=signer), private_key=SEALING)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400), at=st.integers(0, 600), bit=st.integers(0, 7), cut=st.integers(0, 600))
def test_ok_hostile_bytes_are_refused_in_a_sentence(data: bytes, at: int, bit: int, cut: int) -> None:
    good = sealed()
    flipped = bytearray(good)
    flipped[at % len(good)] ^= 1 << bit
    for hostile in (data, bytes(flipped), good[: cut % len(good)], good + data):
        if hostile == good:
            continue
        with pytest.raises(PostItemError):
            verify_item(hostile, signer_for=signer)
