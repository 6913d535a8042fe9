"""Active Authentication's arithmetic: ISO/IEC 9796-2 recovered, and everything that is not a signature."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.simulation.chip.secrets import ChipSecrets, iso9796_2
from appliance.simulation.chip.signing import ec_signing, rsa_signing
from appliance.travel_document.authentication.active import proves, read_dg15, response_bytes
from appliance.travel_document.lds.errors import Malformed
from appliance.travel_document.pki.groups import PRIME_FIELDS
from appliance.travel_document.pki.keys import DhKey

SIGNING = rsa_signing(1024, "sha1")
KEY = read_dg15(ChipSecrets(active_authentication=SIGNING).dg15())
CHALLENGE = bytes(range(8))


def sign(message: bytes) -> bytes:
    """A signature over any representative."""
    numbers = SIGNING.key.private_numbers()
    return pow(int.from_bytes(message), numbers.d, numbers.public_numbers.n).to_bytes(128)


def representative(
    *, header: bytes = b"\x6a", trailer: bytes = b"\xbc", digest: str = "sha1", recovered: bytes | None = None
) -> bytes:
    made = hashlib.new(digest)
    length = 128 - len(header) - len(trailer) - made.digest_size
    inside = bytes(length) if recovered is None else recovered
    made.update(inside + CHALLENGE)
    return header + inside + made.digest() + trailer


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
def test_ok__every_digest(digest: str):
    signature = iso9796_2(SIGNING.key, CHALLENGE, digest)
    assert proves(KEY, CHALLENGE, signature)
    assert not proves(KEY, bytes(8), signature)


def test_ok__either_of_the_two_roots():
    signature = iso9796_2(SIGNING.key, CHALLENGE, "sha256")
    other = (KEY.n - int.from_bytes(signature)).to_bytes(128)
    assert proves(KEY, CHALLENGE, other)


def test_ok__padding_before_the_recovered_part():
    assert proves(KEY, CHALLENGE, sign(representative(header=b"\x6b\xbb\xba")))
    assert proves(KEY, CHALLENGE, sign(representative(trailer=b"\x33\xcc")))


@pytest.mark.parametrize(
    "message",
    [
        representative(header=b"\x4a"),  # total recovery: the challenge is not in it
        representative(header=b"\x6c"),
        representative(header=b"\x6b\xbb\xbc"),
        b"\x6b" + b"\xbb" * 126 + b"\xbc",
        representative(trailer=b"\x99\xcc"),
        representative(trailer=b"\x0c"),
        representative()[:-2] + b"\x00\xbc",
        bytes(127) + b"\x0c",
    ],
)
def test_fail__representatives_that_prove_nothing(message: bytes):
    assert not proves(KEY, CHALLENGE, sign(message))


@pytest.mark.parametrize("signature", [b"", bytes(128), b"\xff" * 128, bytes(127), bytes(129)])
def test_fail__not_a_signature(signature: bytes):
    assert not proves(KEY, CHALLENGE, signature)


def test_ok__ecdsa_with_the_stated_digest_or_the_fitting_one():
    signing = ec_signing("secp384r1", "sha256")
    key = read_dg15(ChipSecrets(active_authentication=signing).dg15())
    assert proves(key, CHALLENGE, signing.sign_plain(CHALLENGE))
    odd = ec_signing("secp256r1", "sha512")
    key = read_dg15(ChipSecrets(active_authentication=odd).dg15())
    assert proves(key, CHALLENGE, odd.sign_plain(CHALLENGE), digest="sha512")
    assert not proves(key, CHALLENGE, odd.sign_plain(CHALLENGE))


def test_ok__lengths_of_answers():
    assert response_bytes(KEY) == 128
    signing = ec_signing("secp521r1")
    assert response_bytes(read_dg15(ChipSecrets(active_authentication=signing).dg15())) == 132


def test_fail__a_key_that_cannot_sign():
    key = DhKey(PRIME_FIELDS[0], PRIME_FIELDS[0].public(5))
    assert not proves(key, CHALLENGE, bytes(128))
    with pytest.raises(Malformed):
        response_bytes(key)


@settings(deadline=None)
@given(st.binary(min_size=128, max_size=128))
def test_fail__no_made_up_signature(signature: bytes):
    assert not proves(KEY, CHALLENGE, signature)
