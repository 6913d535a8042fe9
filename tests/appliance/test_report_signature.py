"""The signature beside a report: what it holds together, and what is not taken for one."""

import random

import pytest
from nacl.signing import SigningKey

from appliance import cose
from appliance.report_signature import (
    COUNTER,
    KEY,
    MAX_COUNTER,
    SIGNATURE,
    ReportSignatureError,
    read_signature,
    sign_report,
)

BOX = SigningKey(bytes(range(32)))
TOPIC = "borne/v1/box-1/telemetry"
PAYLOAD = b'{"version":"1"}'


def signed(counter: int = 7) -> tuple[tuple[str, str], ...]:
    return sign_report(TOPIC, PAYLOAD, counter=counter, key=BOX)


def test_ok_signed_and_verified() -> None:
    found = read_signature((("historical", "true"), *signed()))
    assert found is not None
    assert (found.kid, found.counter) == (cose.key_id(BOX.verify_key), 7)
    found.verify(TOPIC, PAYLOAD, BOX.verify_key)


def test_ok_as_the_page_says_in_three_lines() -> None:
    """docs/wire/engineer.md: any Ed25519 library, and no parser."""
    user = dict(signed())
    message = b"borne report 1\n" + TOPIC.encode() + b"\n" + user["borne-ctr"].encode() + b"\n" + PAYLOAD
    BOX.verify_key.verify(message, bytes.fromhex(user["borne-sig"]))


@pytest.mark.parametrize("user", [(), (("historical", "true"),)])
def test_ok_an_older_box_signs_nothing(user: tuple[tuple[str, str], ...]) -> None:
    assert read_signature(user) is None


@pytest.mark.parametrize(
    ("topic", "payload", "counter"),
    [
        ("borne/v1/box-2/telemetry", PAYLOAD, 7),
        ("borne/v1/box-1/status", PAYLOAD, 7),
        (TOPIC, b'{"version":"2"}', 7),
        (TOPIC, PAYLOAD, 8),
        (TOPIC + "\n7\n", PAYLOAD[3:], 7),
    ],
)
def test_fail_another_topic_payload_or_counter(topic: str, payload: bytes, counter: int) -> None:
    user = tuple((name, str(counter) if name == COUNTER else value) for name, value in signed())
    found = read_signature(user)
    assert found is not None
    with pytest.raises(ReportSignatureError):
        found.verify(topic, payload, BOX.verify_key)


def test_fail_another_key() -> None:
    found = read_signature(signed())
    assert found is not None
    with pytest.raises(ReportSignatureError):
        found.verify(TOPIC, PAYLOAD, SigningKey.generate().verify_key)


@pytest.mark.parametrize("missing", [SIGNATURE, KEY, COUNTER])
def test_fail_a_part_is_missing_or_twice_there(missing: str) -> None:
    with pytest.raises(ReportSignatureError):
        read_signature([pair for pair in signed() if pair[0] != missing])
    with pytest.raises(ReportSignatureError):
        read_signature([*signed(), *(pair for pair in signed() if pair[0] == missing)])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (COUNTER, "0"),
        (COUNTER, "-1"),
        (COUNTER, "7\n"),
        (COUNTER, "٧"),
        (COUNTER, str(MAX_COUNTER + 1)),
        (COUNTER, "9" * 5000),
        (KEY, "zz" * 16),
        (SIGNATURE, "00" * 63),
        (SIGNATURE, "A0" * 64),
    ],
)
def test_fail_malformed(name: str, value: str) -> None:
    with pytest.raises(ReportSignatureError):
        read_signature([(one, value if one == name else said) for one, said in signed()])


def test_fail_any_text() -> None:
    chance = random.Random(3)
    for _ in range(2000):
        text = "".join(chr(chance.randrange(1, 0x2000)) for _ in range(chance.randrange(140)))
        user = [(name, text if chance.random() < 0.5 else value) for name, value in signed()]
        try:
            read_signature(user)
        except ReportSignatureError:
            continue
        assert user == list(signed())
