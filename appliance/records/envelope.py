"""A record on its way: COSE_Sign1 (RFC 9052) by the box over a body sealed to central (libsodium SealedBox).

Encrypted first, then signed, so that a broker or a gateway can verify where a record comes from and
read none of it. Signer and recipient stand in the signed header and inside the sealed body as well:
nobody can strip a signature and put their own on. The header is what the chain is made of.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import cbor2
import msgspec
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey, VerifyKey

from appliance import cose
from appliance.contracts.movement import Stamp
from appliance.records.errors import EnvelopeError

CONTENT_TYPE: Final = "application/vnd.borne.record+cbor"
VERSION: Final = 1
MAX_ENVELOPE_BYTES: Final = 8 * 1024 * 1024
"""A movement with two pictures has some 60 kB; this leaves room for full pages and fingers."""
GENESIS: Final = bytes(32)
"""`prev` of an epoch's first record."""
_HASH_BYTES: Final = 32
_MAX_SEQ: Final = 2**53 - 1
"""Exact in every database and language, with its neighbours."""
_MAX_NANOSECONDS: Final = 2**63 - 1
_TEXT: Final = re.compile(r"[\x21-\x7e]{1,64}")
"""Every text of a header: a name, a number or a moment that any database and log can take."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The signed header: what everybody may know of a record. Labels on the wire are in parentheses."""

    device: str
    """(dev)"""
    epoch: str
    """(epoch) the database that numbered it; a new database is a new epoch"""
    seq: int
    """(seq) from 1, without a gap within its epoch"""
    prev: bytes
    """(prev) SHA-256 of the previous record's protected header; 32 zero bytes for the first"""
    body_hash: bytes
    """(hash) SHA-256 of the payload, the sealed body"""
    recipient: bytes
    """(enc) the key id that the body is sealed to"""
    stamp: Stamp
    """(boot, mono, ts, tsq)"""


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A verified envelope, not yet opened."""

    header: Header
    kid: bytes
    chain_hash: bytes
    """SHA-256 of this protected header: the next record's `prev`."""
    payload: bytes


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A verified and opened record."""

    sealed: Sealed
    type: str
    body: dict[str, Any]


def seal(
    *,
    record_type: str,
    body: Mapping[str, Any],
    device: str,
    epoch: str,
    seq: int,
    prev: bytes,
    stamp: Stamp,
    signing_key: SigningKey,
    recipient: PublicKey,
) -> tuple[bytes, bytes]:
    """The envelope, and its chain hash for the next record."""
    kid, enc = cose.key_id(signing_key.verify_key), cose.key_id(recipient)
    inside = {
        "dev": device,
        "epoch": epoch,
        "seq": seq,
        "kid": kid,
        "enc": enc,
        "type": record_type,
        "body": dict(body),
    }
    payload = SealedBox(recipient).encrypt(cbor2.dumps(inside))
    protected: dict[cose.HeaderLabel, cose.HeaderValue] = {
        cose.CONTENT_TYPE: CONTENT_TYPE,
        "v": VERSION,
        "dev": device,
        "epoch": epoch,
        "seq": seq,
        "prev": prev,
        "hash": hashlib.sha256(payload).digest(),
        "enc": enc,
        "boot": stamp.boot_id,
        "mono": stamp.monotonic_ns,
        "ts": stamp.wall,
        "tsq": stamp.quality,
    }
    envelope = cose.sign1(payload, protected=protected, signing_key=signing_key)
    return envelope, hashlib.sha256(cose.protected_bytes(envelope)).digest()


def verify(envelope: bytes, *, verify_key_for: Callable[[bytes], VerifyKey | None]) -> Sealed:
    """The envelope, verified: its signature, its header's types, and that its body is the signed one.

    Raises:
        EnvelopeError: it is not one of ours, in one sentence.
    """
    try:
        named, payload = cose.verify1(envelope, verify_key_for=verify_key_for, max_bytes=MAX_ENVELOPE_BYTES)
    except cose.CoseError as error:
        raise EnvelopeError(str(error)) from error
    if named.get(cose.CONTENT_TYPE) != CONTENT_TYPE or named.get("v") != VERSION:
        raise EnvelopeError("The message is signed, but it is no record of this version.")
    header = _header(named)
    if hashlib.sha256(payload).digest() != header.body_hash:
        raise EnvelopeError("The body is not the one that the header names.")
    kid = named[cose.KEY_ID]
    assert isinstance(kid, bytes)
    chain_hash = hashlib.sha256(cose.protected_bytes(envelope)).digest()
    return Sealed(header=header, kid=kid, chain_hash=chain_hash, payload=payload)


def open_(sealed: Sealed, *, private_key: PrivateKey) -> Opened:
    """The body, decrypted and held against the header.

    Raises:
        EnvelopeError: it is sealed to another key, damaged, or belongs to another header.
    """
    header = sealed.header
    if header.recipient != cose.key_id(private_key.public_key):
        raise EnvelopeError("The record is sealed to another key.")
    try:
        inside = cbor2.loads(SealedBox(private_key).decrypt(sealed.payload))
    except (CryptoError, cbor2.CBORError, ValueError, TypeError, RecursionError) as error:
        raise EnvelopeError("The record's body cannot be opened.") from error
    expected = {
        "dev": header.device,
        "epoch": header.epoch,
        "seq": header.seq,
        "kid": sealed.kid,
        "enc": header.recipient,
    }
    if not isinstance(inside, dict) or any(inside.get(name) != value for name, value in expected.items()):
        raise EnvelopeError("The record's body was made for another header.")
    record_type, body = inside.get("type"), inside.get("body")
    if not isinstance(record_type, str) or not isinstance(body, dict):
        raise EnvelopeError("The record's body has no type, or no content.")
    return Opened(sealed=sealed, type=record_type, body=body)


def _header(named: cose.Header) -> Header:
    plain = {
        "device": named.get("dev"),
        "epoch": named.get("epoch"),
        "seq": named.get("seq"),
        "prev": named.get("prev"),
        "body_hash": named.get("hash"),
        "recipient": named.get("enc"),
        "stamp": {
            "boot_id": named.get("boot"),
            "monotonic_ns": named.get("mono"),
            "wall": named.get("ts"),
            "quality": named.get("tsq"),
        },
    }
    try:
        header = msgspec.convert(plain, Header)
    except msgspec.ValidationError as error:
        raise EnvelopeError("The record's header lacks a value, or has one of another kind.") from error
    if not (0 < header.seq <= _MAX_SEQ and 0 <= header.stamp.monotonic_ns <= _MAX_NANOSECONDS):
        raise EnvelopeError("The record's header has a number out of range.")
    texts = (header.device, header.epoch, header.stamp.boot_id, header.stamp.wall, header.stamp.quality)
    if not all(_TEXT.fullmatch(text) for text in texts):
        raise EnvelopeError("The record's header has a text that no box writes.")
    if {len(header.prev), len(header.body_hash)} != {_HASH_BYTES}:
        raise EnvelopeError("The record's header has a hash of another length.")
    return header
