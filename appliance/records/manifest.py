"""Whose keys count, and until when: a list of keys signed by an authority, with a version that only grows.

Keys are changed by overlap and never by a hard switch: the next key is announced while the last still counts,
boxes seal to the newest that has begun, and believe what either has signed. The authority's own key signs
nothing else, and can stay offline. A COSE_Sign1 (RFC 9052) like everything signed here.
"""

import datetime as dt
import enum
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import cbor2
import msgspec
from nacl.public import PublicKey
from nacl.signing import SigningKey, VerifyKey

from appliance import cbor, cose
from appliance.records.errors import ManifestError

CONTENT_TYPE: Final = "application/vnd.borne.keys+cbor"
VERSION: Final = 1
MAX_MANIFEST_BYTES: Final = 32 * 1024
MAX_KEYS: Final = 128
KEY_BYTES: Final = 32
_MAX_VERSION: Final = 2**53 - 1
_Public = TypeVar("_Public", PublicKey, VerifyKey)


class Use(enum.StrEnum):
    """What a key is for; one key has one use."""

    SEALING = "sealing"
    """Of central: records are sealed to it."""
    WATERMARK = "watermark"
    OPERATOR = "operator"
    SIGNING = "signing"
    """Of a box: it signs its records."""
    BOX_SEALING = "box_sealing"
    """Of a box: lists and answers are sealed to it."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key and its time."""

    use: Use
    public: bytes
    not_before: dt.datetime
    not_after: dt.datetime

    @property
    def kid(self) -> bytes:
        """As in the headers of what it signs, or of what is sealed to it."""
        return cose.key_id(VerifyKey(self.public))


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of one owner: `central`, or a box by its name."""

    owner: str
    version: int
    issued_at: dt.datetime
    keys: tuple[Key, ...]


def sign_manifest(manifest: Manifest, *, signing_key: SigningKey) -> bytes:
    """The list as it travels."""
    protected: dict[cose.HeaderLabel, cose.HeaderValue] = {
        cose.CONTENT_TYPE: CONTENT_TYPE,
        "v": VERSION,
        "own": manifest.owner,
        "ver": manifest.version,
        "iat": manifest.issued_at.isoformat(timespec="milliseconds"),
    }
    keys = [
        {
            "use": key.use.value,
            "public": key.public,
            "not_before": key.not_before.isoformat(timespec="seconds"),
            "not_after": key.not_after.isoformat(timespec="seconds"),
        }
        for key in manifest.keys
    ]
    return cose.sign1(cbor2.dumps(keys, canonical=True), protected=protected, signing_key=signing_key)


def read_manifest(data: bytes, *, verify_key_for: Callable[[bytes], VerifyKey | None]) -> Manifest:
    """The list, verified; keys of uses that are not known here are passed over.

    Raises:
        ManifestError: not signed by the authority, or no list of keys.
    """
    try:
        named, payload = cose.verify1(data, verify_key_for=verify_key_for, max_bytes=MAX_MANIFEST_BYTES)
    except cose.CoseError as error:
        raise ManifestError(str(error)) from error
    if named.get(cose.CONTENT_TYPE) != CONTENT_TYPE or named.get("v") != VERSION:
        raise ManifestError("The message is signed, but it is no list of keys of this version.")
    try:
        listed = cbor.loads(payload)
        if not isinstance(listed, list) or len(listed) > MAX_KEYS:
            raise ManifestError("The list of keys is none, or longer than any owner needs.")
        known = [one for one in listed if not isinstance(one, Mapping) or one.get("use") in set(Use)]
        manifest = msgspec.convert(_plain(named, known), Manifest)
    except (cbor.CborError, msgspec.MsgspecError, ValueError, TypeError, OverflowError) as error:
        raise ManifestError("The list of keys lacks a value, or has one of another kind.") from error
    _check(manifest)
    return manifest


def _plain(named: cose.Header, keys: list[Any]) -> dict[str, Any]:
    return {
        "owner": named.get("own"),
        "version": named.get("ver"),
        "issued_at": named.get("iat"),
        "keys": keys,
    }


def _check(manifest: Manifest) -> None:
    moments = [manifest.issued_at, *(m for key in manifest.keys for m in (key.not_before, key.not_after))]
    if any(moment.tzinfo is None for moment in moments):
        raise ManifestError("The list of keys has a moment without a time zone.")
    if not 0 < manifest.version <= _MAX_VERSION or not manifest.owner.isprintable():
        raise ManifestError("The list of keys has a version or an owner that nobody writes.")
    for key in manifest.keys:
        if len(key.public) != KEY_BYTES or key.not_after <= key.not_before:
            raise ManifestError("The list of keys has a key of another length, or of no time.")


class KeyRing:
    """The keys of one owner that count at a moment."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest

    def verifiers(self, use: Use, *, certainly_past: dt.datetime) -> dict[bytes, VerifyKey]:
        """By key id, those whose signatures are believed: what has not certainly expired.

        One that has not begun is believed too: only its owner could sign with it, and the reader's clock may
        be behind.
        """
        return {key.kid: VerifyKey(key.public) for key in self._of(use) if certainly_past <= key.not_after}

    def newest(self, use: Use, *, certainly_past: dt.datetime) -> PublicKey | None:
        """The key to seal to: of those that have begun and not expired the one that began last.

        Where all have expired the one that expires last: a record that central can open with an old key is
        better than none.
        """
        begun = [key for key in self._of(use) if key.not_before <= certainly_past]
        good = [key for key in begun if certainly_past <= key.not_after]
        if good:
            return PublicKey(max(good, key=lambda key: key.not_before).public)
        if begun:
            return PublicKey(max(begun, key=lambda key: key.not_after).public)
        return None

    def _of(self, use: Use) -> list[Key]:
        return [key for key in self.manifest.keys if key.use is use]
