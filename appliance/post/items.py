"""What the boxes of one post say to each other: signed by one, sealed to all of them, indexed without names.

COSE_Sign1 (RFC 9052) over a body under a fresh key (libsodium secretbox), which is sealed to each box of the
post. The header says whose it is and what it closes, and no more. An index is a keyed BLAKE2b (RFC 7693): who
has not the post's index key cannot find out whom it stands for.
"""

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cbor2
import nacl.hash
import nacl.utils
from nacl.encoding import RawEncoder
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey

from appliance import cbor, cose
from appliance.key_files import HashingKey

CONTENT_TYPE: Final = "application/vnd.borne.post-item+cbor"
VERSION: Final = 1
CASE, ENTRY, CLOSED, ERASED = "case", "entry", "closed", "erased"
KINDS: Final = (CASE, ENTRY, CLOSED, ERASED)
ABOUT: Final = (CLOSED, ERASED)
"""What is said of another item. Erased: its own box takes it back, by a person's request."""
MAX_ITEM_BYTES: Final = 512 * 1024
"""A referred case with two pictures has some 80 kB."""
ID_BYTES: Final = 16
INDEX_BYTES: Final = 32
MAX_BOXES: Final = 32
"""Boxes of one post: a small crossing has three lanes and a second line."""
MAX_DAYS: Final = 400
"""No item outlives the longest stay that an exit can end, and a little."""


class PostItemError(Exception):
    """The bytes are no item of this post, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A box of the post, and what it signs with."""

    device: str
    key: VerifyKey


@dataclass(frozen=True, slots=True)
class ItemHeader:
    """What everybody who carries an item may know of it."""

    device: str
    id: bytes
    kind: str
    """case, entry, closed or erased."""
    about: bytes
    """Of closed and erased: the id of what it closes or takes back; else empty."""
    index: bytes
    """Of entry: by what an exit finds it; else empty."""
    expires_at: dt.datetime
    payload: bytes


@dataclass(frozen=True, slots=True)
class Item:
    """An opened item."""

    header: ItemHeader
    body: Mapping[str, Any]


def index_of(index_key: HashingKey, *parts: str) -> bytes:
    """The index of an entry: the parts of a traveller's document, in this order, under the post's key."""
    text = "\0".join(parts).encode()
    return bytes(nacl.hash.blake2b(text, digest_size=INDEX_BYTES, key=bytes(index_key), encoder=RawEncoder))


def seal_item(
    kind: str,
    body: Mapping[str, Any],
    *,
    device: str,
    signing_key: SigningKey,
    recipients: list[PublicKey],
    expires_at: dt.datetime,
    about: bytes = b"",
    index: bytes = b"",
) -> tuple[bytes, bytes]:
    """The item, and its id.

    Raises:
        PostItemError: it would be refused by the others.
    """
    id_ = secrets.token_bytes(ID_BYTES)
    key = nacl.utils.random(SecretBox.KEY_SIZE)
    inside = {"dev": device, "id": id_, "kind": kind, "about": about, "index": index, "body": dict(body)}
    payload = cbor2.dumps(
        {
            "to": {cose.key_id(one): bytes(SealedBox(one).encrypt(key)) for one in recipients},
            "box": bytes(SecretBox(key).encrypt(cbor2.dumps(inside))),
        }
    )
    protected: dict[cose.HeaderLabel, cose.HeaderValue] = {
        cose.CONTENT_TYPE: CONTENT_TYPE,
        "v": VERSION,
        "dev": device,
        "id": id_,
        "kind": kind,
        "about": about,
        "index": index,
        "exp": expires_at.astimezone(dt.UTC).isoformat(timespec="seconds"),
    }
    data = cose.sign1(payload, protected=protected, signing_key=signing_key)
    verify_item(data, signer_for=lambda _kid: Signer(device, signing_key.verify_key))
    return data, id_


def verify_item(data: bytes, *, signer_for: Callable[[bytes], Signer | None]) -> ItemHeader:
    """The header of an item that a box of this post has signed; `signer_for` knows the boxes by key id.

    Raises:
        PostItemError: it is none.
    """
    signer: list[Signer] = []

    def key_for(kid: bytes) -> VerifyKey | None:
        found = signer_for(kid)
        signer[:] = [] if found is None else [found]
        return None if found is None else found.key

    try:
        named, payload = cose.verify1(data, verify_key_for=key_for, max_bytes=MAX_ITEM_BYTES)
    except cose.UnknownKey as error:
        raise PostItemError("The item is of a box that does not belong to this post.") from error
    except cose.CoseError as error:
        raise PostItemError(str(error)) from error
    if named.get(cose.CONTENT_TYPE) != CONTENT_TYPE or named.get("v") != VERSION:
        raise PostItemError("The message is signed, but it is no item of this version.")
    if named.get("dev") != signer[0].device:
        raise PostItemError("The item names another box than the one that signed it.")
    header = ItemHeader(
        device=signer[0].device,
        id=_bytes(named.get("id"), ID_BYTES),
        kind=_text(named.get("kind")),
        about=_bytes(named.get("about"), ID_BYTES, empty=True),
        index=_bytes(named.get("index"), INDEX_BYTES, empty=True),
        expires_at=_moment(named.get("exp")),
        payload=payload,
    )
    if header.kind not in KINDS or bool(header.about) != (header.kind in ABOUT):
        raise PostItemError("The item is of no kind that is known, or closes nothing.")
    return header


def open_item(header: ItemHeader, *, private_key: PrivateKey) -> Item:
    """The item's body, held against its header.

    Raises:
        PostItemError: it is not sealed to this box, damaged, or made for another header.
    """
    try:
        outside: Any = cbor.loads(header.payload)
        wrapped = outside["to"][cose.key_id(private_key.public_key)]
        key = SealedBox(private_key).decrypt(wrapped)
        inside = cbor.loads(SecretBox(key).decrypt(outside["box"]))
    except (KeyError, TypeError) as error:
        raise PostItemError("The item is not sealed to this box.") from error
    except (CryptoError, ValueError, OverflowError, MemoryError) as error:
        raise PostItemError("The item cannot be opened.") from error
    expected = {
        "dev": header.device,
        "id": header.id,
        "kind": header.kind,
        "about": header.about,
        "index": header.index,
    }
    if not isinstance(inside, dict) or any(inside.get(name) != value for name, value in expected.items()):
        raise PostItemError("The item's body was made for another header.")
    if not isinstance(inside.get("body"), dict):
        raise PostItemError("The item has no body.")
    return Item(header, inside["body"])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise PostItemError("The item's header lacks a name.")
    return value


def _bytes(value: object, length: int, *, empty: bool = False) -> bytes:
    if not isinstance(value, bytes) or len(value) not in ((0, length) if empty else (length,)):
        raise PostItemError("The item's header lacks a number, or has one of another length.")
    return value


def _moment(value: object) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(_text(value))
    except ValueError as error:
        raise PostItemError("The item does not say when it expires.") from error
    if moment.tzinfo is None:
        raise PostItemError("The item does not say when it expires.")
    return moment
