"""COSE_Sign1 with Ed25519 and nothing else (RFC 9052 section 4.2): what every signed thing here is made of.

The outer shell is read by hand, and a byte that strict deterministic encoding (RFC 8949 section
4.2.1) would not have written is refused: no stranger's CBOR reaches a general decoder before its
signature is verified, except the small header, whose size and types are bounded.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import cbor2
from nacl.exceptions import BadSignatureError
from nacl.public import PublicKey
from nacl.signing import SigningKey, VerifyKey

from appliance import cbor

ALGORITHM: Final = 1
"""Header label alg."""
CONTENT_TYPE: Final = 3
"""Header label content type: text here, so that a list can never pass for a record."""
KEY_ID: Final = 4
"""Header label kid."""
EDDSA: Final = -8

MAX_HEADER_BYTES: Final = 1024
"""Room for a few names and numbers; the header is decoded before the signature is verified."""
_SHELL: Final = b"\xd2\x84"
"""Tag 18, array of four."""
_NO_HEADERS: Final = b"\xa0"
"""Unprotected headers: none, because nobody vouches for them, but for attachments a reader asked for."""
_MAX_ATTACHMENTS: Final = 23
_SIGNATURE_BYTES: Final = 64
_EXTRA: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_LEAST: Final = {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}
"""Bytes of a length that does not fit into the first one, and the least that needs so many."""
_PLAIN: Final = frozenset((int, str, bytes))

HeaderLabel = int | str
HeaderValue = int | str | bytes
Header = dict[HeaderLabel, HeaderValue]


class Signed(NamedTuple):
    """A message's parts."""

    named: Header
    """The protected header, decoded."""
    protected: bytes
    """The same as it was signed."""
    attached: dict[str, bytes]
    """What travels outside the signature."""
    payload: bytes


# Errors
#
# CoseError
# ├── Malformed       not a COSE_Sign1 as this module writes it
# ├── TooLarge        more bytes than its reader allows
# ├── UnknownKey      signed by no one whom its reader knows
# └── BadSignature    the key is known, but it did not sign this


class CoseError(Exception):
    """Why a signed message is not believed, in one plain sentence."""


class Malformed(CoseError):
    """The bytes are not a COSE_Sign1 as this module writes it."""


class TooLarge(CoseError):
    """The message is larger than its reader allows."""


class UnknownKey(CoseError):
    """The key id names no key that the reader knows."""


class BadSignature(CoseError):
    """The named key did not sign these bytes."""


def key_id(key: VerifyKey | PublicKey) -> bytes:
    """A signing or sealing key's name, in headers and key files: the first 16 bytes of its SHA-256."""
    return hashlib.sha256(bytes(key)).digest()[:16]


def sign1(
    payload: bytes,
    *,
    protected: Mapping[HeaderLabel, HeaderValue],
    signing_key: SigningKey,
    attachments: Mapping[str, bytes] | None = None,
) -> bytes:
    """The payload, signed; alg is set here, and kid is `key_id` unless the caller names the key otherwise.

    `attachments` travel in the unprotected header, outside the signature: the protected header should name
    their hashes, so that they can be taken away later but not changed.

    Raises:
        ValueError: a header that `verify1` would not take back.
    """
    named: Header = {ALGORITHM: EDDSA, KEY_ID: key_id(signing_key.verify_key), **protected}
    header = cbor2.dumps(named, canonical=True)
    try:
        _decode_header(header)
    except CoseError as error:
        raise ValueError(str(error)) from error
    signature = signing_key.sign(_to_be_signed(header, payload)).signature
    return _shell(header, attachments or {}, bytes(payload), signature)


def verify1(
    data: bytes,
    *,
    verify_key_for: Callable[[bytes], VerifyKey | None],
    max_bytes: int,
    attachments: frozenset[str] = frozenset(),
) -> tuple[Header, bytes]:
    """Protected header and payload; `verify_key_for` is asked for the key that kid names.

    Unprotected headers are refused, unless they are byte strings under the names in `attachments`.

    Raises:
        TooLarge: more than `max_bytes`.
        Malformed: not strictly a COSE_Sign1 with EdDSA and a kid.
        UnknownKey: `verify_key_for` knows no such key.
        BadSignature: the key did not sign it.
    """
    signed = verified(data, verify_key_for=verify_key_for, max_bytes=max_bytes, attachments=attachments)
    return signed.named, signed.payload


def verified(
    data: bytes,
    *,
    verify_key_for: Callable[[bytes], VerifyKey | None] | None,
    max_bytes: int,
    attachments: frozenset[str] = frozenset(),
) -> Signed:
    """As `verify1`, with all parts of the message; None asks for no signature, of what was verified before.

    Raises:
        CoseError: as `verify1`.
    """
    if len(data) > max_bytes:
        raise TooLarge(f"The signed message has {len(data)} bytes; at most {max_bytes} are taken.")
    header, attached, payload, signature = _open_shell(data)
    if not attachments.issuperset(attached):
        raise Malformed("The message has unprotected headers, which nobody vouches for.")
    named = _decode_header(header)
    if verify_key_for is None:
        return Signed(named, header, attached, payload)
    kid = named[KEY_ID]
    assert isinstance(kid, bytes)
    verify_key = verify_key_for(kid)
    if verify_key is None:
        raise UnknownKey(f"The message is signed with the key {kid.hex()}, which is not known here.")
    try:
        verify_key.verify(_to_be_signed(header, payload), signature)
    except BadSignatureError as error:
        raise BadSignature(f"The signature is not that of the key {kid.hex()}.") from error
    return Signed(named, header, attached, payload)


def protected_bytes(data: bytes) -> bytes:
    """The protected header as it was signed, of a message that `verify1` took or `sign1` made.

    Raises:
        Malformed: this is neither.
    """
    return _open_shell(data)[0]


def unverified_header(data: bytes) -> Header:
    """What a message says of itself, of which nothing is to be believed yet.

    Raises:
        Malformed: this is no COSE_Sign1.
    """
    return _decode_header(_open_shell(data)[0])


def attachments_of(data: bytes) -> dict[str, bytes]:
    """What travels with a message outside its signature.

    Raises:
        Malformed: this is no COSE_Sign1.
    """
    return _open_shell(data)[1]


def with_attachments(data: bytes, attachments: Mapping[str, bytes]) -> bytes:
    """The same signed message with other attachments.

    Raises:
        Malformed: this is no COSE_Sign1.
    """
    header, _, payload, signature = _open_shell(data)
    return _shell(header, attachments, payload, signature)


def _shell(header: bytes, attachments: Mapping[str, bytes], payload: bytes, signature: bytes) -> bytes:
    attached = cbor2.dumps(dict(attachments), canonical=True) if attachments else _NO_HEADERS
    return b"".join((_SHELL, cbor2.dumps(header), attached, cbor2.dumps(payload), cbor2.dumps(signature)))


def _to_be_signed(header: bytes, payload: bytes) -> bytes:
    """Sig_structure, without external data."""
    return cbor2.dumps(["Signature1", header, b"", bytes(payload)])


def _open_shell(data: bytes) -> tuple[bytes, dict[str, bytes], bytes, bytes]:
    if not data.startswith(_SHELL):
        raise Malformed("The message is no COSE_Sign1.")
    header, at = _byte_string(data, len(_SHELL))
    attached, at = _attachments(data, at)
    payload, at = _byte_string(data, at)
    signature, at = _byte_string(data, at)
    if len(signature) != _SIGNATURE_BYTES or at != len(data):
        raise Malformed("The message is cut short, or something is appended to it.")
    return header, attached, payload, signature


def _attachments(data: bytes, at: int) -> tuple[dict[str, bytes], int]:
    """A map of short names to byte strings, its keys in the order of RFC 8949 section 4.2.1."""
    first = data[at] if at < len(data) else -1
    if not 0xA0 <= first <= 0xA0 + _MAX_ATTACHMENTS:
        raise Malformed("The message is cut short, or its unprotected headers are none that travel here.")
    found: dict[str, bytes] = {}
    before = b""
    at += 1
    for _ in range(first - 0xA0):
        length = (data[at] if at < len(data) else 0) - 0x60
        encoded = bytes(data[at : at + 1 + length])
        name = encoded[1:]
        if not 0 < length < 24 or len(name) != length or not name.isascii() or not before < encoded:
            raise Malformed("The message has unprotected headers, which nobody vouches for.")
        found[name.decode("ascii")], at = _byte_string(data, at + 1 + length)
        before = encoded
    return found, at


def _byte_string(data: bytes, at: int) -> tuple[bytes, int]:
    """The CBOR byte string that begins there, and where it ends; only the shortest form of its length."""
    first = data[at] if at < len(data) else -1
    if first >> 5 != 2 or first & 0x1F > 27:
        raise Malformed("The message is cut short, or holds something other than bytes.")
    extra = _EXTRA.get(first & 0x1F, 0)
    length = int.from_bytes(data[at + 1 : at + 1 + extra], "big") if extra else first & 0x1F
    start = at + 1 + extra
    if start + length > len(data):
        raise Malformed("The message is cut short.")
    if extra and length < _LEAST[extra]:
        raise Malformed("The message is not in deterministic encoding.")
    return bytes(data[start : start + length]), start + length


def _decode_header(encoded: bytes) -> Header:
    if len(encoded) > MAX_HEADER_BYTES:
        raise Malformed(f"The header has {len(encoded)} bytes; at most {MAX_HEADER_BYTES} are taken.")
    try:
        header: object = cbor.loads(encoded)
        deterministic = cbor2.dumps(header, canonical=True) == encoded
    except (cbor.CborError, cbor2.CBOREncodeError, ValueError, TypeError) as error:
        raise Malformed("The header is not CBOR.") from error
    if not isinstance(header, dict) or not deterministic:
        raise Malformed("The header is not a map in deterministic encoding.")
    # Labels of one byte, or text: for these cbor2's length-first order is RFC 8949's bytewise order.
    if not all(type(label) is str or (type(label) is int and -24 <= label < 24) for label in header):
        raise Malformed("The header has a label that is neither text nor a number from -24 to 23.")
    if not _PLAIN.issuperset(map(type, header.values())):
        raise Malformed("The header has a value that is not a number, text or bytes.")
    if header.get(ALGORITHM) != EDDSA:
        raise Malformed("The message is not signed with EdDSA.")
    if type(header.get(KEY_ID)) is not bytes:
        raise Malformed("The message does not name its key.")
    return header
