"""Central's signed word on what it has committed: only this, never a broker's PUBACK, is delivery."""

from collections.abc import Callable
from typing import Final

import cbor2
import msgspec
from nacl.signing import SigningKey, VerifyKey

from appliance import cbor, cose
from appliance.records.errors import WatermarkError

CONTENT_TYPE: Final = "application/vnd.borne.watermark"
VERSION: Final = 2
"""1 had no gaps and no "v". Who knows only 1 passes over both; who knows 2 takes 1 as one without gaps."""
MAX_WATERMARK_BYTES: Final = 2048
MAX_GAPS: Final = 32
"""The lowest so many: they are told again, and the header stays below its kilobyte."""
_MAX_SEQ: Final = 2**53 - 1


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
    gaps: tuple[tuple[int, int], ...] = ()
    """First and last number of each run that is missing while central has something above it: only these
    need to be sent again. In order, above `seq`, at most `MAX_GAPS`; more may be missing behind them."""
    top: int | None = None
    """The highest number that is committed, where there are gaps below it; None: that was not said."""


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
    if watermark.gaps:
        protected |= {"v": VERSION, "gaps": cbor2.dumps([n for gap in watermark.gaps for n in gap])}
        if watermark.top is not None:
            protected["top"] = watermark.top
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
        "gaps": _gaps(named.get("gaps", b"\x80")),
        "top": named.get("top"),
    }
    try:
        watermark = msgspec.convert(plain, Watermark)
    except msgspec.ValidationError as error:
        raise WatermarkError("The acknowledgement lacks a value, or has one of another kind.") from error
    if watermark.seq < 0:
        raise WatermarkError("The acknowledgement has a number below zero.")
    reached = watermark.seq
    if len(watermark.gaps) > MAX_GAPS:
        raise WatermarkError("The acknowledgement has more gaps than central tells.")
    for first, last in watermark.gaps:
        if not reached < first <= last <= _MAX_SEQ:
            raise WatermarkError("The acknowledgement has gaps that are none.")
        reached = last
    if watermark.top is not None and not reached < watermark.top <= _MAX_SEQ:
        raise WatermarkError("The acknowledgement ends below its own gaps.")
    return watermark


def _gaps(encoded: object) -> list[list[int]]:
    """The runs of missing numbers, from a flat CBOR array of first and last."""
    try:
        flat = cbor.loads(encoded) if isinstance(encoded, bytes) else None
    except cbor.CborError:
        flat = None
    if not isinstance(flat, list) or len(flat) % 2 or not all(type(number) is int for number in flat):
        raise WatermarkError("The acknowledgement has gaps that are none.")
    return [flat[at : at + 2] for at in range(0, len(flat), 2)]
