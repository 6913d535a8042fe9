"""Live queries: what a box asks central's gateway about one traveller, and what comes back; both sealed
and signed.

A query is sealed to the gateway (X25519) and signed by the box; an answer is sealed to the box and signed
by the
gateway, and holds the query's id, so that an answer to another question, or to another box, is none.
"""

from typing import Annotated, Any, Final

import cbor2
import msgspec
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey, VerifyKey

from appliance import cbor, cose
from appliance.contracts.checks import Direction

QUERY_TYPE: Final = "application/vnd.borne.query+cbor"
ANSWER_TYPE: Final = "application/vnd.borne.answer+cbor"
MAX_BYTES: Final = 64 * 1024
ID_BYTES: Final = 16
MAX_HITS: Final = 20
_TEXT: Final = msgspec.Meta(max_length=2000)
_ID: Final = msgspec.Meta(min_length=ID_BYTES, max_length=ID_BYTES)
Text = Annotated[str, _TEXT]


class LiveQueryError(Exception):
    """The message is not from whom it should be, or no query or answer; in one plain sentence."""


class LiveSubject(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asked about, as the document says; what is empty is not known."""

    primary_identifier: Text = ""
    secondary_identifier: Text = ""
    name_truncated: bool = False
    birth_date: Text = ""
    sex: Text = ""
    nationality: Text = ""
    issuing_state: Text = ""
    document_number: Text = ""
    document_type: Text = ""
    personal_number: Text = ""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One question."""

    id: Annotated[bytes, _ID]
    device: Text
    asked_at: Text
    direction: Direction
    subject: LiveSubject


class LiveHit(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a register; `reason` as the checks know it: match, possible_match, stolen, lost,
    revoked, blank."""

    reason: Text
    entry: Text
    entry_reason: Text = ""
    score: float = 1.0
    why: Annotated[tuple[Text, ...], msgspec.Meta(max_length=32)] = ()
    action: Text = ""
    contact: Text = ""


class RegisterAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one register said."""

    register: Text
    reached: bool
    hits: Annotated[tuple[LiveHit, ...], msgspec.Meta(max_length=MAX_HITS)] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What all registers said."""

    id: Annotated[bytes, _ID]
    device: Text
    answered_at: Text
    registers: Annotated[tuple[RegisterAnswer, ...], msgspec.Meta(max_length=32)]


def seal_query(query: Query, *, signing_key: SigningKey, recipient: PublicKey) -> bytes:
    """The query as it travels."""
    return _seal(query, QUERY_TYPE, signing_key, recipient)


def open_query(data: bytes, *, device: str, verify_key: VerifyKey, private_key: PrivateKey) -> Query:
    """A box's query, verified and opened.

    Raises:
        LiveQueryError: not signed by this box, not for this gateway, or no query.
    """
    query: Query = _open(data, QUERY_TYPE, verify_key, private_key, Query)
    if query.device != device:
        raise LiveQueryError("The query was sent under another device's name.")
    return query


def seal_answer(answer: Answer, *, signing_key: SigningKey, recipient: PublicKey) -> bytes:
    """The answer as it travels."""
    return _seal(answer, ANSWER_TYPE, signing_key, recipient)


def open_answer(data: bytes, *, device: str, verify_key: VerifyKey, private_key: PrivateKey) -> Answer:
    """The gateway's answer, verified and opened.

    Raises:
        LiveQueryError: not signed by the gateway, not for this box, or no answer.
    """
    answer: Answer = _open(data, ANSWER_TYPE, verify_key, private_key, Answer)
    if answer.device != device:
        raise LiveQueryError("The answer is for another box.")
    return answer


def _seal(message: msgspec.Struct, type_: str, signing_key: SigningKey, recipient: PublicKey) -> bytes:
    plain = cbor2.dumps(msgspec.to_builtins(message, builtin_types=(bytes,)), canonical=True)
    sealed = bytes(SealedBox(recipient).encrypt(plain))
    return cose.sign1(sealed, protected={cose.CONTENT_TYPE: type_}, signing_key=signing_key)


def _open(data: bytes, type_: str, verify_key: VerifyKey, private_key: PrivateKey, wanted: Any) -> Any:
    try:
        header, sealed = cose.verify1(data, verify_key_for=lambda _kid: verify_key, max_bytes=MAX_BYTES)
    except cose.CoseError as error:
        raise LiveQueryError(str(error)) from error
    if header.get(cose.CONTENT_TYPE) != type_:
        raise LiveQueryError("The message is signed, but it is another kind of message.")
    try:
        plain = cbor.loads(SealedBox(private_key).decrypt(sealed))
        return msgspec.convert(plain, wanted, builtin_types=(bytes,))
    except (CryptoError, cbor.CborError, msgspec.ValidationError, ValueError, TypeError, RecursionError,
            OverflowError, MemoryError) as error:  # fmt: skip
        raise LiveQueryError("The message cannot be opened, or is malformed.") from error
