"""A signed package: content encrypted for the boxes that may read it, in a COSE_Sign1 of who may issue it.

Verified before anything is decrypted, decrypted before anything is parsed. The content is encrypted
once with a fresh key (XSalsa20-Poly1305), and that key is sealed to each box (X25519): one package
serves a whole district, no two boxes share a secret, and a stolen box is left out of the next one.
"""

import enum
import hashlib
import hmac
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Final

import cbor2
import msgspec
import nacl.secret
import nacl.utils
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey, VerifyKey

from appliance import cose

CONTENT_TYPE: Final = "application/vnd.borne.reference-data+cbor"
"""In the protected header: a record or a watermark, signed by the same key, is never taken for a package."""
MAX_CONTENT_BYTES: Final = 256 * 1024 * 1024
"""The largest list that a box opens."""
MAX_PACKAGE_BYTES: Final = MAX_CONTENT_BYTES + 1024 * 1024
"""Room around the content for the sealed keys of some thousand boxes."""
MAX_RECIPIENTS: Final = 4096
MAX_VERSION: Final = 2**53
NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}\Z"
"""Names become file names."""


class Reason(enum.StrEnum):
    """Why the gate turned something away."""

    TOO_LARGE = "too_large"
    NOT_SIGNED = "not_signed"
    UNKNOWN_SIGNER = "unknown_signer"
    BAD_SIGNATURE = "bad_signature"
    MALFORMED = "malformed"
    NOT_FOR_THIS_BOX = "not_for_this_box"
    DAMAGED = "damaged"
    EXPIRED = "expired"
    OLDER = "older"
    SAME_VERSION = "same_version_other_content"
    NOT_USABLE = "not_usable"
    STORAGE = "storage"


class Refused(Exception):
    """What arrived is not installed; what was there before stays."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class PackageType(enum.StrEnum):
    """What may come through the gate."""

    WATCHLIST = "watchlist"


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """What a package carries; verified and decrypted when it comes from `open_package`."""

    type: PackageType
    name: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    version: Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]
    issued_at: Annotated[datetime, msgspec.Meta(tz=True)]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    content: bytes


class _Sealed(Package, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As it travels: `content` is encrypted, with the key that `recipients` holds sealed for each box."""

    content_sha256: bytes
    """Of the content in the clear."""
    recipients: dict[bytes, bytes]


def sign_package(package: Package, *, signing_key: SigningKey, recipients: Iterable[PublicKey]) -> bytes:
    """The package for these boxes.

    Raises:
        ValueError: no boxes, or too many; a package that `open_package` would refuse.
    """
    key = nacl.utils.random(nacl.secret.SecretBox.KEY_SIZE)
    sealed_keys = {cose.key_id(box): SealedBox(box).encrypt(key) for box in recipients}
    if not 0 < len(sealed_keys) <= MAX_RECIPIENTS:
        raise ValueError(f"A package is for one box at least and {MAX_RECIPIENTS} at most.")
    if len(package.content) > MAX_CONTENT_BYTES:
        raise ValueError(f"The content has above {MAX_CONTENT_BYTES} bytes.")
    sealed = _Sealed(
        type=package.type,
        name=package.name,
        version=package.version,
        issued_at=package.issued_at,
        expires_at=package.expires_at,
        content=bytes(nacl.secret.SecretBox(key).encrypt(package.content)),
        content_sha256=hashlib.sha256(package.content).digest(),
        recipients=sealed_keys,
    )
    plain = msgspec.to_builtins(sealed, builtin_types=(bytes,))
    try:
        msgspec.convert(plain, _Sealed, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise ValueError(f"Not a package: {error}.") from error
    return cose.sign1(
        cbor2.dumps(plain, canonical=True),
        protected={cose.CONTENT_TYPE: CONTENT_TYPE},
        signing_key=signing_key,
    )


def open_package(
    data: bytes, *, verify_key_for: Callable[[bytes], VerifyKey | None], private_key: PrivateKey
) -> Package:
    """The package, verified, then decrypted for this box.

    Raises:
        Refused: not signed by one of the known keys, not for this box, damaged or malformed.
    """
    sealed = _verified(data, verify_key_for)
    sealed_key = sealed.recipients.get(cose.key_id(private_key.public_key))
    if sealed_key is None:
        raise Refused(Reason.NOT_FOR_THIS_BOX, "The package is not for this box: its issuer left it out.")
    try:
        content = nacl.secret.SecretBox(SealedBox(private_key).decrypt(sealed_key)).decrypt(sealed.content)
    except (CryptoError, ValueError, TypeError) as error:
        raise Refused(
            Reason.DAMAGED, "The package cannot be decrypted, although its signature is good."
        ) from error
    if not hmac.compare_digest(hashlib.sha256(content).digest(), sealed.content_sha256):
        raise Refused(Reason.DAMAGED, "The package's content is not what its issuer signed for.")
    return Package(
        type=sealed.type,
        name=sealed.name,
        version=sealed.version,
        issued_at=sealed.issued_at,
        expires_at=sealed.expires_at,
        content=bytes(content),
    )


def _verified(data: bytes, verify_key_for: Callable[[bytes], VerifyKey | None]) -> _Sealed:
    try:
        header, payload = cose.verify1(data, verify_key_for=verify_key_for, max_bytes=MAX_PACKAGE_BYTES)
    except cose.TooLarge as error:
        raise Refused(Reason.TOO_LARGE, str(error)) from error
    except cose.UnknownKey as error:
        raise Refused(Reason.UNKNOWN_SIGNER, str(error)) from error
    except cose.BadSignature as error:
        raise Refused(Reason.BAD_SIGNATURE, str(error)) from error
    except cose.CoseError as error:
        raise Refused(Reason.NOT_SIGNED, str(error)) from error
    if header.get(cose.CONTENT_TYPE) != CONTENT_TYPE:
        raise Refused(Reason.MALFORMED, "The message is signed, but it is no package of reference data.")
    try:
        return msgspec.convert(cbor2.loads(payload), _Sealed, builtin_types=(bytes,))
    except (cbor2.CBORError, msgspec.ValidationError, ValueError, TypeError, RecursionError) as error:
        raise Refused(
            Reason.MALFORMED, "The package is signed, but malformed, or of a newer kind."
        ) from error
