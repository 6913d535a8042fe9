"""A box changes its own signing key: one record in the chain, signed by the old key and by the new.

The record is signed as every other, by the key that counted so far. Its signed header names both keys and
holds the new key's own signature over where in the chain this happens: nobody can name a key that is not
theirs, and no such record fits anywhere else. From the next record on only the new key counts. So the chain
verifies over the change with the newest public key alone: each change names the key before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cbor2
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from appliance import cose
from appliance.records.errors import EnvelopeError

OLD, NEW, PROOF = "old_key", "new_key", "new_sig"
"""Labels in the signed header: two public keys of 32 bytes, and a signature of 64."""
_KEY_BYTES: Final = 32
_PROOF_BYTES: Final = 64
_CONTEXT: Final = "Borne key change 1"
"""What the new key signs begins with this, and with no context of COSE's: it passes for nothing else."""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """From one key to the next."""

    old: VerifyKey
    new: VerifyKey


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a box's chain a record stands."""

    device: str
    epoch: str
    seq: int
    prev: bytes


def change_labels(old: SigningKey, new: SigningKey, place: Place) -> dict[cose.HeaderLabel, cose.HeaderValue]:
    """What the header of the record of a change says more than others do."""
    change = KeyChange(old.verify_key, new.verify_key)
    return {
        OLD: bytes(change.old),
        NEW: bytes(change.new),
        PROOF: new.sign(_statement(change, place)).signature,
    }


def read_change(named: Mapping[cose.HeaderLabel, cose.HeaderValue], place: Place) -> KeyChange | None:
    """The change that a verified header tells of; None when it tells of none.

    Raises:
        EnvelopeError: it names keys that are none or not its signer's, or the new key has not signed it.
    """
    if not {OLD, NEW, PROOF} & set(named):
        return None
    old, new, proof = named.get(OLD), named.get(NEW), named.get(PROOF)
    if not (_is_bytes(old, _KEY_BYTES) and _is_bytes(new, _KEY_BYTES) and _is_bytes(proof, _PROOF_BYTES)):
        raise EnvelopeError("The record's change of keys lacks a key, or has one of another length.")
    assert isinstance(old, bytes)
    assert isinstance(new, bytes)
    assert isinstance(proof, bytes)
    change = KeyChange(VerifyKey(old), VerifyKey(new))
    if cose.key_id(change.old) != named[cose.KEY_ID] or old == new:
        raise EnvelopeError("The record's change of keys begins at a key that has not signed it.")
    try:
        change.new.verify(_statement(change, place), proof)
    except BadSignatureError as error:
        raise EnvelopeError("The record's change of keys is not signed by the new key.") from error
    return change


def _statement(change: KeyChange, place: Place) -> bytes:
    return cbor2.dumps(
        [_CONTEXT, place.device, place.epoch, place.seq, place.prev, bytes(change.old), bytes(change.new)]
    )


def _is_bytes(value: object, length: int) -> bool:
    return isinstance(value, bytes) and len(value) == length
