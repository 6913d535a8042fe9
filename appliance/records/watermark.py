"""Central's signed word on what it has committed: only this, never a broker's PUBACK, is delivery."""

from collections.abc import Callable
from typing import Final

import msgspec
from nacl.signing import SigningKey, VerifyKey

from appliance import cose
from appliance.records.errors import WatermarkError

CONTENT_TYPE: Final = "application/vnd.borne.watermark"
MAX_WATERMARK_BYTES: Final = 2048


class Watermark(msgspec.Struct, frozen=True, kw_only=True):
    """All records of this device's epoch up to and including `seq` are committed.

    `chain` says which records: a journal that was put back from a copy numbers others alike.
    """

    device: str
    epoch: str
    seq: int
    chain: bytes
    """The chain hash of record `seq`; 32 zero bytes for 0."""
    issued_at: str
    """ISO 8601 in UTC, by central's clock."""


def sign_watermark(watermark: Watermark, *, signing_key: SigningKey) -> bytes:
    """The acknowledgement as it travels; everything is in the signed header, the payload is empty."""
    protected: dict[cose.HeaderLabel, cose.HeaderValue] = {
        cose.CONTENT_TYPE: CONTENT_TYPE,
        "dev": watermark.device,
        "epoch": watermark.epoch,
        "seq": watermark.seq,
        "chain": watermark.chain,
        "iat": watermark.issued_at,
    }
    return cose.sign1(b"", protected=protected, signing_key=signing_key)


def read_watermark(data: bytes, *, verify_key_for: Callable[[bytes], VerifyKey | None]) -> Watermark:
    """The acknowledgement, verified.

    Raises:
        WatermarkError: not signed by central, or no acknowledgement.
    """
    try:
        named, payload = cose.verify1(data, verify_key_for=verify_key_for, max_bytes=MAX_WATERMARK_BYTES)
    except cose.CoseError as error:
        raise WatermarkError(str(error)) from error
    if named.get(cose.CONTENT_TYPE) != CONTENT_TYPE or payload:
        raise WatermarkError("The message is signed, but it is no acknowledgement.")
    plain = {
        "device": named.get("dev"),
        "epoch": named.get("epoch"),
        "seq": named.get("seq"),
        "chain": named.get("chain"),
        "issued_at": named.get("iat"),
    }
    try:
        watermark = msgspec.convert(plain, Watermark)
    except msgspec.ValidationError as error:
        raise WatermarkError("The acknowledgement lacks a value, or has one of another kind.") from error
    if watermark.seq < 0:
        raise WatermarkError("The acknowledgement has a number below zero.")
    return watermark
