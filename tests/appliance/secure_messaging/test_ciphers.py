"""Padding, the retail MAC beyond what the published examples cover, and AES as RFC 4493 and the standard
have it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.secure_messaging.ciphers import AesCipher, TripleDesCipher, equal, pad, raw_cbc, unpad


@settings(deadline=None)
@given(st.binary(max_size=100), st.sampled_from([8, 16]))
def test_ok__padding_round_trip(message: bytes, block: int):
    padded = pad(message, block)
    assert len(padded) % block == 0
    assert len(padded) > len(message)
    assert unpad(padded, block) == message


@pytest.mark.parametrize("padded", [b"", bytes(8), b"12345678", b"1234567\x81", b"\x80" + bytes(15)])
def test_fail__no_padding(padded: bytes):
    assert unpad(padded, 8) is None


@settings(deadline=None)
@given(st.integers(1, 5), st.data())
def test_ok__decrypts_what_it_encrypted(blocks: int, data: st.DataObject):
    plain = data.draw(st.binary(min_size=8 * blocks, max_size=8 * blocks))
    cipher = TripleDesCipher(bytes(range(16)), bytes(range(16, 32)))
    assert cipher.decrypt(b"", cipher.encrypt(b"", plain)) == plain


def test_ok__mac_of_one_block_is_three_single_encryptions():
    # With both halves equal, encrypt-decrypt-encrypt is one DES: the known answer of FIPS 81's example key.
    key = bytes.fromhex("0123456789ABCDEF") * 2
    assert TripleDesCipher(key, key).mac(b"", b"Now is t").hex().upper() == "3FA40E8A984D4815"


def test_ok__equal():
    assert equal(b"ab", b"ab")
    assert not equal(b"ab", b"ac")
    assert not equal(b"ab", b"abc")


def test_ok__aes_cmac_as_published():
    """RFC 4493, section 4, cut to eight bytes."""
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    cipher = AesCipher(key, key)
    assert cipher.token(b"") == bytes.fromhex("BB1D6929E9593728")
    assert cipher.mac(b"", bytes.fromhex("6BC1BEE22E409F96E93D7E117393172A")) == bytes.fromhex(
        "070A16B46B4D4144"
    )


@pytest.mark.parametrize("size", [16, 24, 32])
def test_ok__aes_there_and_back_with_the_counter_as_iv(size: int):
    cipher = AesCipher(bytes(range(size)), bytes(size))
    one, two = (1).to_bytes(16), (2).to_bytes(16)
    padded = pad(b"message", 16)
    assert cipher.decrypt(one, cipher.encrypt(one, padded)) == padded
    assert cipher.encrypt(one, padded) != cipher.encrypt(two, padded)


@pytest.mark.parametrize(("name", "size"), [("3DES", 16), ("AES", 16), ("AES", 24), ("AES", 32)])
def test_ok__nonces_there_and_back(name: str, size: int):
    key, data = bytes(range(size)), bytes(range(32))
    assert raw_cbc(name, key, raw_cbc(name, key, data, encrypt=True), encrypt=False) == data
