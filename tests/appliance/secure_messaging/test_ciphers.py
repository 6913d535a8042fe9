"""Padding, and the retail MAC beyond what the published examples cover."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.secure_messaging.ciphers import TripleDesCipher, equal, pad, unpad


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
