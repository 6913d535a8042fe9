"""A PIV card's proof, APDU by APDU, against the simulated card; and cards that are none or misbehave."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.chip.errors import ChipError, ChipGone
from appliance.chip.piv import NotPiv, prove
from appliance.officer_card import CardError, digest_of, key_of, name_of, proves
from appliance.simulation.chip.piv_card import PivCard, Trick
from appliance.travel_document.lds.errors import EmrtdError, Malformed
from hal.device import ChipRemoved

DIGEST = digest_of("box-1", bytes(32))


def whole(card: PivCard, log: list[bytes] | None = None):
    """What the card answers, and what it was asked."""

    def transmit(command: bytes) -> bytes:
        if log is not None:
            log.append(command)
        return card.whole(command)

    return transmit


@pytest.mark.parametrize("compressed", [False, True])
def test_ok__the_card_proves_its_key(compressed: bool) -> None:
    card, log = PivCard(compressed=compressed), []
    answer = prove(whole(card, log), DIGEST)
    key = key_of(answer.certificate)
    assert key == card.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert proves(key, answer.signature, DIGEST)
    assert not proves(key, answer.signature, digest_of("box-2", bytes(32)))
    assert not proves(key, answer.signature, digest_of("box-1", b"\1" * 32))
    # As SP 800-73-4 part 2, A.4 and part 1, table 3 write them.
    assert log[0].hex() == "00a404000ba00000030800001000010000"
    assert log[1].hex() == "00cb3fff055c035fc10100"
    assert log[2].hex() == f"0087119e267c2482008120{DIGEST.hex()}00"


@pytest.mark.parametrize("trick", [Trick.CLONE, Trick.REPLAY])
def test_fail__a_copied_certificate_and_a_replayed_signature_prove_nothing(trick: Trick) -> None:
    card = PivCard(trick=trick)
    first = prove(whole(card), DIGEST)
    later = digest_of("box-1", b"\2" * 32)
    second = prove(whole(card), later)
    assert not proves(key_of(second.certificate), second.signature, later)
    assert proves(key_of(first.certificate), first.signature, DIGEST) == (trick is Trick.REPLAY)


@pytest.mark.parametrize(
    ("trick", "error"),
    [
        (Trick.NO_CERTIFICATE, ChipError),
        (Trick.REFUSES, ChipError),
        (Trick.NOISE, Malformed),
        (Trick.BOMB, Malformed),
    ],
)
def test_fail__a_card_that_does_not_prove_is_said(trick: Trick, error: type[Exception]) -> None:
    with pytest.raises(error):
        prove(whole(PivCard(trick=trick)), DIGEST)


def test_fail__a_passport_is_no_card_and_a_card_that_leaves() -> None:
    asked: list[bytes] = []

    def passport(command: bytes) -> bytes:
        asked.append(command)
        return bytes.fromhex("6A82")

    with pytest.raises(NotPiv):
        prove(passport, DIGEST)
    assert len(asked) == 1

    def gone(_command: bytes) -> bytes:
        raise ChipRemoved("x")

    with pytest.raises(ChipGone):
        prove(gone, DIGEST)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(min_size=2, max_size=60), min_size=3, max_size=3), st.integers(0, 2))
def test_ok__no_answer_breaks_the_reading(answers: list[bytes], honest: int) -> None:
    card, step = PivCard(_KEY), iter(range(3))
    reading = whole(card)

    def transmit(command: bytes) -> bytes:
        at = next(step)
        return reading(command) if at < honest else answers[at] + b"\x90\x00"

    try:
        answer = prove(transmit, DIGEST)
    except EmrtdError:
        return
    assert not proves(card.key.public_key().public_bytes(*_POINT), answer.signature, DIGEST)


_KEY = ec.generate_private_key(ec.SECP256R1())
_POINT = (Encoding.X962, PublicFormat.UncompressedPoint)


def test_fail__certificates_that_name_no_key_of_ours() -> None:
    for odd in (b"", b"\x30\x00", b"x" * 5000, PivCard(curve=ec.SECP384R1()).certificate):
        with pytest.raises(CardError):
            key_of(odd)
    key = key_of(PivCard(_KEY).certificate)
    for odd_key in (b"", b"\x04" + bytes(64), key[:-1]):
        assert not proves(odd_key, b"", DIGEST)
    assert not proves(key, b"x" * 100, DIGEST)
    assert len(name_of(key)) == 16
