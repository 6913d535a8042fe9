"""A sealed file: content encrypted for the boxes that may read it, in pieces, so that a gigabyte fits a
small board.

    8 bytes      magic
    4 bytes      length of the header
    header       CBOR map: what it is, the content key sealed to each box (X25519), the first half of the
    nonce
    pieces       each XSalsa20-Poly1305 under nonce = first half, number of the piece; the last one is marked

One file serves a whole district, no two boxes share a secret, and a stolen box is left out of the next one.
Who may issue it is no matter of this file: it is a signed target (`gate`), header and all.
"""

import enum
import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import cbor2
import msgspec
import nacl.utils
from nacl.bindings import crypto_secretbox, crypto_secretbox_open
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from appliance import cbor, cose
from appliance.reference_data.errors import Reason, Refused

MAGIC: Final = b"BORNE\x00S1"
PIECE_BYTES: Final = 1 << 20
MAX_HEADER_BYTES: Final = 1024 * 1024
"""Room for the sealed keys of four thousand boxes."""
MAX_RECIPIENTS: Final = 4096
MAX_VERSION: Final = 2**53
MAX_CONTENT_BYTES: Final = 8 * 1024**3
NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}\Z"
"""Names become file names."""
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 24
_LAST: Final = 1 << 63
_MAC_BYTES: Final = 16

Progress = Callable[[int, int], None]


class ContentType(enum.StrEnum):
    """What may come through the gate."""

    WATCHLIST = "watchlist"
    CHANGES = "changes"
    """Of a watchlist of numbers: from one version to the next."""
    TRUST_ANCHORS = "trust_anchors"
    POLICY = "policy"
    RULES = "rules"
    """Which documents serve whom, and how long who may stay."""
    UPDATE = "update"
    """Which software central offers the boxes; the software itself is fetched, and signed by its builder."""

    @property
    def stands_alone(self) -> bool:
        """One of it is installed at a time, under the type's own name, which no list may bear."""
        return self not in (ContentType.WATCHLIST, ContentType.CHANGES)


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a sealed file says of its content."""

    type: ContentType
    name: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    version: Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]
    issued_at: Annotated[datetime, msgspec.Meta(tz=True)]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    kind: str = ""
    """Of a watchlist: persons, documents, vehicles, visas."""

    def __post_init__(self) -> None:
        alone = {one.value for one in ContentType if one.stands_alone}
        if self.name != self.type.value if self.type.stands_alone else self.name in alone:
            raise ValueError(f"A {self.type.value} cannot be called {self.name}.")


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: Description
    size: Annotated[int, msgspec.Meta(ge=0, le=MAX_CONTENT_BYTES)]
    nonce: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    recipients: Annotated[dict[bytes, bytes], msgspec.Meta(min_length=1, max_length=MAX_RECIPIENTS)]
    index_key: bytes = b""
    """Of a list of numbers: the key that they are hashed under, encrypted like the content."""


def seal(
    target: BinaryIO,
    source: BinaryIO,
    *,
    size: int,
    description: Description,
    recipients: Iterable[PublicKey],
    index_key: bytes = b"",
    progress: Progress = lambda _done, _total: None,
) -> None:
    """Write the sealed file of `size` bytes from `source`.

    Raises:
        ValueError: no boxes or too many, or a description that no reader takes.
    """
    key = nacl.utils.random(_KEY_BYTES)
    sealed_keys = {cose.key_id(box): bytes(SealedBox(box).encrypt(key)) for box in recipients}
    if not 1 <= len(sealed_keys) <= MAX_RECIPIENTS:
        raise ValueError(f"A sealed file is for 1 to {MAX_RECIPIENTS} boxes.")
    nonce = nacl.utils.random(16)
    header = _Header(
        description=description,
        size=size,
        nonce=nonce,
        recipients=sealed_keys,
        index_key=crypto_secretbox(index_key, _nonce(nonce, _LAST - 1), key) if index_key else b"",
    )
    plain = msgspec.to_builtins(header, builtin_types=(bytes,))
    try:
        msgspec.convert(plain, _Header, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise ValueError(f"Not a description: {error}.") from error
    encoded = cbor2.dumps(plain, canonical=True)
    if len(encoded) > MAX_HEADER_BYTES:
        raise ValueError("The header is longer than a box reads.")
    target.write(MAGIC + len(encoded).to_bytes(4, "big") + encoded)
    pieces = max(1, -(-size // PIECE_BYTES))
    for number in range(pieces):
        piece = source.read(PIECE_BYTES)
        mark = _LAST if number == pieces - 1 else 0
        target.write(crypto_secretbox(piece, _nonce(nonce, number | mark), key))
        progress(min(size, (number + 1) * PIECE_BYTES), size)


class SealedFile:
    """A sealed file whose header is read; the content comes piece by piece, each verified."""

    def __init__(self, file: BinaryIO, private_key: PrivateKey) -> None:
        """Raises:
        Refused: no sealed file, or not for this box.
        """
        head = file.read(12)
        if len(head) != 12 or head[:8] != MAGIC:
            raise Refused(Reason.MALFORMED, "The file is no sealed reference data.")
        length = int.from_bytes(head[8:], "big")
        if length > MAX_HEADER_BYTES:
            raise Refused(Reason.MALFORMED, "The file's header is longer than any.")
        encoded = file.read(length)
        try:
            if len(encoded) != length:
                raise ValueError("cut short")
            self._header = msgspec.convert(cbor.loads(encoded), _Header, builtin_types=(bytes,))
        except (cbor.CborError, msgspec.ValidationError, ValueError, TypeError, RecursionError,
                OverflowError, MemoryError) as error:  # fmt: skip
            raise Refused(Reason.MALFORMED, "The file's header is malformed, or of a newer kind.") from error
        sealed_key = self._header.recipients.get(cose.key_id(private_key.public_key))
        if sealed_key is None:
            raise Refused(Reason.NOT_FOR_THIS_BOX, "The file is not for this box: its issuer left it out.")
        try:
            self._key = SealedBox(private_key).decrypt(sealed_key)
            if len(self._key) != _KEY_BYTES:
                raise ValueError("a key of another length")
        except (CryptoError, ValueError, TypeError) as error:
            raise Refused(Reason.DAMAGED, "The file's key cannot be opened.") from error
        self._file = file

    @property
    def description(self) -> Description:
        return self._header.description

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return self._header.size

    def index_key(self) -> bytes:
        """The key that a list's numbers are hashed under; empty when it has none.

        Raises:
            Refused: it is damaged.
        """
        if not self._header.index_key:
            return b""
        return self._open(self._header.index_key, _LAST - 1)

    def pieces(self) -> Iterator[bytes]:
        """The content; when it ends, all of it has been there.

        Raises:
            Refused: it is damaged, or cut short.
        """
        left = self._header.size
        pieces = max(1, -(-left // PIECE_BYTES))
        for number in range(pieces):
            sealed = self._file.read(min(left, PIECE_BYTES) + _MAC_BYTES)
            piece = self._open(sealed, number | (_LAST if number == pieces - 1 else 0))
            left -= len(piece)
            yield piece
        if self._file.read(1):
            raise Refused(Reason.DAMAGED, "Something is appended to the file.")

    def content(self, *, limit: int) -> bytes:
        """All of it in memory.

        Raises:
            Refused: it is damaged, or has more than `limit` bytes.
        """
        if self._header.size > limit:
            raise Refused(
                Reason.TOO_LARGE, f"The content has {self._header.size} bytes; at most {limit} are taken."
            )
        return b"".join(self.pieces())

    def _open(self, sealed: bytes, number: int) -> bytes:
        try:
            return bytes(crypto_secretbox_open(sealed, _nonce(self._header.nonce, number), self._key))
        except (CryptoError, ValueError, TypeError) as error:
            raise Refused(
                Reason.DAMAGED, "The file cannot be decrypted: it is damaged or cut short."
            ) from error


def _nonce(first: bytes, number: int) -> bytes:
    return (first + number.to_bytes(8, "big"))[:_NONCE_BYTES]


def sha256_of(path: Path) -> str:
    """Of a file of any size, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
