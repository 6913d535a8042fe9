"""A record on its way: COSE_Sign1 (RFC 9052) by the box, over the hashes of a body only central can open.

Encrypted first, then signed, so that a broker or a gateway can verify where a record comes from and
read none of it. Signer and recipient stand in the signed header and inside the sealed body as well:
nobody can strip a signature and put their own on. The header is what the chain is made of.

Each record has a key of its own, wrapped to central. Body and wrapped key travel outside the signature, in
the unprotected header, and the signed header names the hash of each. So the key can be destroyed (erasure)
or the body given up (retention), and what is left still verifies, in the chain and by any COSE library.
Version 1 had the body, sealed to central directly, as the signed payload; it is still read.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import cbor2
import msgspec
import nacl.utils
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey

from appliance import cbor, cose
from appliance.contracts.movement import Stamp
from appliance.records.errors import EnvelopeError, Erased
from appliance.records.key_change import KeyChange, Place, change_labels, read_change

CONTENT_TYPE: Final = "application/vnd.borne.record+cbor"
VERSION: Final = 2
"""What is written. A version is raised when readers of the last would misread; more labels, types and fields
are added without that, and readers pass over those that they do not know."""
READ_VERSIONS: Final = (1, 2)
SUITE: Final = 1
"""Ed25519, a libsodium sealed box (X25519, XSalsa20-Poly1305) around the record's key, and a libsodium secret
box (XSalsa20-Poly1305) around the body. Another suite is another number here."""
BODY, KEY = "body", "key"
"""The attachments' names."""
MAX_ENVELOPE_BYTES: Final = 8 * 1024 * 1024
"""A movement with two pictures has some 60 kB; this leaves room for full pages and fingers."""
GENESIS: Final = bytes(32)
"""`prev` of an epoch's first record."""
_ATTACHED: Final = frozenset((BODY, KEY))
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
    """(hash) SHA-256 of the sealed body"""
    key_hash: bytes = b""
    """(kh) SHA-256 of the wrapped key; empty in version 1, which has none"""
    suite: int = SUITE
    """(suite) what body and key are sealed with"""
    counter: int | None = None
    """(ctr) the box's hardware counter when this was signed, where it has one"""
    recipient: bytes
    """(enc) the key id that the body is sealed to"""
    stamp: Stamp
    """(boot, mono, ts, tsq, and tsu where the uncertainty is known)"""


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A verified envelope, not yet opened."""

    header: Header
    kid: bytes
    chain_hash: bytes
    """SHA-256 of this protected header: the next record's `prev`."""
    version: int
    body: bytes | None
    """Sealed; None when it was given up."""
    key: bytes | None
    """Wrapped to central; None when it was destroyed, and in version 1."""
    change: KeyChange | None = None
    """From the next record on the box signs with another key; both have signed this."""


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
    counter: int | None = None,
    next_key: SigningKey | None = None,
) -> tuple[bytes, bytes]:
    """The envelope, and its chain hash for the next record, which `next_key` signs if there is one."""
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
    own = nacl.utils.random(SecretBox.KEY_SIZE)
    sealed = bytes(SecretBox(own).encrypt(cbor2.dumps(inside)))
    wrapped = SealedBox(recipient).encrypt(own)
    protected: dict[cose.HeaderLabel, cose.HeaderValue] = {
        cose.CONTENT_TYPE: CONTENT_TYPE,
        "v": VERSION,
        "suite": SUITE,
        "dev": device,
        "epoch": epoch,
        "seq": seq,
        "prev": prev,
        "hash": hashlib.sha256(sealed).digest(),
        "kh": hashlib.sha256(wrapped).digest(),
        "enc": enc,
        "boot": stamp.boot_id,
        "mono": stamp.monotonic_ns,
        "ts": stamp.wall,
        "tsq": stamp.quality,
    }
    if stamp.uncertainty_ms is not None:
        protected["tsu"] = stamp.uncertainty_ms
    if counter is not None:
        protected["ctr"] = counter
    if next_key is not None:
        protected |= change_labels(signing_key, next_key, Place(device, epoch, seq, prev))
    envelope = cose.sign1(
        b"", protected=protected, signing_key=signing_key, attachments={BODY: sealed, KEY: wrapped}
    )
    return envelope, hashlib.sha256(cose.protected_bytes(envelope)).digest()


def verify(envelope: bytes, *, verify_key_for: Callable[[bytes], VerifyKey | None]) -> Sealed:
    """The envelope, verified: its signature, its header's types, and that body and key are the signed ones.

    Raises:
        EnvelopeError: it is not one of ours, in one sentence.
    """
    return _sealed(envelope, verify_key_for)


def verified_before(envelope: bytes) -> Sealed:
    """The same of an envelope whose signature was verified before it was stored: who signed is not asked.

    Raises:
        EnvelopeError: it was not.
    """
    return _sealed(envelope, None)


def _sealed(envelope: bytes, verify_key_for: Callable[[bytes], VerifyKey | None] | None) -> Sealed:
    try:
        signed = cose.verified(
            envelope, verify_key_for=verify_key_for, max_bytes=MAX_ENVELOPE_BYTES, attachments=_ATTACHED
        )
    except cose.CoseError as error:
        raise EnvelopeError(str(error)) from error
    named, attached = signed.named, signed.attached
    version = named.get("v")
    if named.get(cose.CONTENT_TYPE) != CONTENT_TYPE or version not in READ_VERSIONS:
        raise EnvelopeError("The message is signed, but it is no record of a version that is known here.")
    header = _header(named)
    if version == 1:
        if attached:
            raise EnvelopeError("A record of version 1 has nothing outside its signature.")
        attached = {BODY: signed.payload}
    elif signed.payload:
        raise EnvelopeError("A record of this version has its body outside its signature.")
    for name, digest in ((BODY, header.body_hash), (KEY, header.key_hash)):
        if name in attached and hashlib.sha256(attached[name]).digest() != digest:
            raise EnvelopeError(f"The {name} is not the one that the header names.")
    kid = named[cose.KEY_ID]
    assert isinstance(kid, bytes)
    assert isinstance(version, int)
    return Sealed(
        header=header,
        kid=kid,
        chain_hash=hashlib.sha256(signed.protected).digest(),
        version=version,
        body=attached.get(BODY),
        key=attached.get(KEY),
        change=read_change(named, Place(header.device, header.epoch, header.seq, header.prev)),
    )


def open_(sealed: Sealed, *, private_key: PrivateKey) -> Opened:
    """The body, decrypted and held against the header.

    Raises:
        Erased: its key was destroyed, or its body given up.
        EnvelopeError: it is sealed to another key, damaged, or belongs to another header.
    """
    header = sealed.header
    if header.recipient != cose.key_id(private_key.public_key):
        raise EnvelopeError("The record is sealed to another key.")
    if header.suite != SUITE:
        raise EnvelopeError("The record is sealed in a way that is not known here.")
    if sealed.body is None or (sealed.version > 1 and sealed.key is None):
        raise Erased("The record's key was destroyed, or its body given up.")
    try:
        plain = SealedBox(private_key).decrypt(sealed.body if sealed.key is None else sealed.key)
        inside = cbor.loads(plain if sealed.key is None else SecretBox(plain).decrypt(sealed.body))
    except (CryptoError, cbor.CborError, ValueError, TypeError, RecursionError) as error:
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


def without_key(envelope: bytes) -> bytes:
    """The same record, which nobody can open any more; of version 1, which has no key of its own, as it was.

    Raises:
        EnvelopeError: this is no COSE_Sign1.
    """
    return _keeping(envelope, BODY)


def without_body(envelope: bytes) -> bytes:
    """What is signed, and no more: it still verifies, and holds its place in the chain. Version 1 as it was.

    Raises:
        EnvelopeError: this is no COSE_Sign1.
    """
    return _keeping(envelope)


def _keeping(envelope: bytes, *names: str) -> bytes:
    try:
        attached = cose.attachments_of(envelope)
        return cose.with_attachments(envelope, {name: attached[name] for name in names if name in attached})
    except cose.CoseError as error:
        raise EnvelopeError(str(error)) from error


def _header(named: cose.Header) -> Header:
    plain = {
        "device": named.get("dev"),
        "epoch": named.get("epoch"),
        "seq": named.get("seq"),
        "prev": named.get("prev"),
        "body_hash": named.get("hash"),
        "key_hash": named.get("kh", b""),
        "suite": named.get("suite", SUITE),
        "counter": named.get("ctr"),
        "recipient": named.get("enc"),
        "stamp": {
            "boot_id": named.get("boot"),
            "monotonic_ns": named.get("mono"),
            "wall": named.get("ts"),
            "quality": named.get("tsq"),
            "uncertainty_ms": named.get("tsu"),
        },
    }
    try:
        header = msgspec.convert(plain, Header)
    except msgspec.ValidationError as error:
        raise EnvelopeError("The record's header lacks a value, or has one of another kind.") from error
    counts = (header.suite, header.counter or 0, header.stamp.uncertainty_ms or 0)
    if not (
        0 < header.seq <= _MAX_SEQ
        and 0 <= header.stamp.monotonic_ns <= _MAX_NANOSECONDS
        and all(0 <= count <= _MAX_SEQ for count in counts)
    ):
        raise EnvelopeError("The record's header has a number out of range.")
    texts = (header.device, header.epoch, header.stamp.boot_id, header.stamp.wall, header.stamp.quality)
    if not all(_TEXT.fullmatch(text) for text in texts):
        raise EnvelopeError("The record's header has a text that no box writes.")
    key_hash_bytes = 0 if named.get("v") == 1 else _HASH_BYTES
    if (len(header.prev), len(header.body_hash), len(header.key_hash)) != (
        _HASH_BYTES,
        _HASH_BYTES,
        key_hash_bytes,
    ):
        raise EnvelopeError("The record's header has a hash of another length.")
    return header
