"""Holds the wire contract in prose to the code: its bytes, its labels, its fields, its numbers."""

import re
from pathlib import Path

import cbor2
import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

import central
from appliance import cose
from appliance.contracts import wire
from appliance.contracts.checks import Check
from appliance.contracts.movement import DocumentFacts, Movement, Stamp
from appliance.live_query import Answer, LiveHit, LiveSubject, Query, RegisterAnswer
from appliance.records import envelope
from appliance.records.watermark import Watermark, read_watermark, sign_watermark
from appliance.reference_data import delivery
from appliance.reference_data.sealed import Description
from central import receiver, tables

TEXT = (Path(central.__file__).parent / "README.md").read_text("utf-8")
BOX = SigningKey(bytes(range(32)))
SEALING = PrivateKey(bytes(range(32, 64)))
WATERMARK = SigningKey(bytes(range(64, 96)))


def block(name: str) -> bytes:
    found = re.search(rf"```{name}\n(.*?)```", TEXT, re.DOTALL)
    assert found
    return bytes.fromhex(found[1])


def section(title: str) -> str:
    found = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def verified() -> envelope.Sealed:
    (data,) = wire.unpack(block("batch"))
    return envelope.verify(
        data, verify_key_for=lambda kid: {cose.key_id(BOX.verify_key): BOX.verify_key}[kid]
    )


def test_ok__public_keys() -> None:
    for name, key in (
        ("box", BOX.verify_key),
        ("sealing", SEALING.public_key),
        ("watermark", WATERMARK.verify_key),
    ):
        assert re.search(rf"^{name} +{bytes(key).hex()}$", TEXT, re.MULTILINE)


def test_ok__the_record() -> None:
    sealed = verified()
    header = sealed.header
    assert (header.device, header.epoch, header.seq) == ("box-1", "20261102T080000Z-0a1b2c3d", 1)
    assert sealed.chain_hash == block("chain-hash")
    opened = envelope.open_(sealed, private_key=SEALING)
    assert (opened.type, opened.body) == ("example", {"n": 1})


def test_ok__signed_again_it_has_the_same_bytes() -> None:
    (data,) = wire.unpack(block("batch"))
    named, payload = cose.verify1(data, verify_key_for=lambda _: BOX.verify_key, max_bytes=10_000)
    assert cose.sign1(payload, protected=named, signing_key=BOX) == data
    assert wire.pack([data]) == block("batch")


def test_ok__the_watermark() -> None:
    mark = read_watermark(block("watermark"), verify_key_for=lambda _: WATERMARK.verify_key)
    assert mark == Watermark(
        device="box-1",
        epoch="20261102T080000Z-0a1b2c3d",
        seq=1,
        chain=block("chain-hash"),
        issued_at="2026-11-02T08:00:01.000+00:00",
    )
    assert sign_watermark(mark, signing_key=WATERMARK) == block("watermark")


@pytest.mark.parametrize("title", ["An envelope", "The watermark"])
def test_ok__every_header_label(title) -> None:
    data = wire.unpack(block("batch"))[0] if title == "An envelope" else block("watermark")
    header = cbor2.loads(cose.protected_bytes(data))
    for label, value in header.items():
        assert f'`"{label}"`' in section(title) or f"`{label}`" in section(title), label
        if label == cose.CONTENT_TYPE:
            assert f"`{value}`" in section(title)


def test_ok__every_field() -> None:
    movement = section("A Movement")
    for kind in (Movement, DocumentFacts, Stamp, Check):
        for name in kind.__struct_fields__:
            assert f"`{name}`" in movement, name
    for name in (*Description.__struct_fields__, "description", "size", "nonce", "recipients", "index_key"):
        assert f"`{name}`" in section("Reference packages"), name
    for kind in (Query, LiveSubject, Answer, RegisterAnswer, LiveHit):
        for name in kind.__struct_fields__:
            assert f"`{name}`" in section("Live queries"), name
    for name in tables.METADATA.tables:
        assert re.search(rf"^\|[^|]*`{name}`[^|]*\|", section("What the database holds"), re.MULTILINE), name


def test_ok__every_topic_and_number() -> None:
    names = section("Names on the wire")
    for what in ("records", "watermark", "status", "telemetry", "query", "answer"):
        assert f"`{wire.topic('DEVICE', what)}`" in names
    assert f"`{wire.REFERENCE}/NAME`" in names
    assert f"`{receiver.CLIENT_ID}`" in names
    assert f"Receive Maximum is {receiver.WAITING_MESSAGES}," in names
    assert receiver.SESSION_SECONDS == 7 * 24 * 3600
    assert receiver.MAX_PACKET_BYTES == (16 * 1024 + 4) * 1024
    assert f"at most {wire.MAX_BATCH_RECORDS} byte strings" in TEXT
    assert delivery.MAX_MESSAGE_BYTES == 64 * 1024 * 1024
    assert wire.MAX_BATCH_BYTES == 16 * 1024 * 1024
    assert envelope.MAX_ENVELOPE_BYTES == 8 * 1024 * 1024
