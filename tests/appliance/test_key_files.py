from pathlib import Path

import pytest
from nacl.public import PrivateKey, PublicKey
from nacl.signing import SigningKey, VerifyKey

from appliance.key_files import KeyFileError, read_key, write_key

KEYS = [
    SigningKey(bytes(range(32))),
    SigningKey(bytes(range(32))).verify_key,
    PrivateKey(bytes(range(32))),
    PrivateKey(bytes(range(32))).public_key,
]


@pytest.mark.parametrize("key", KEYS)
def test_ok__round_trip(tmp_path: Path, key) -> None:
    write_key(tmp_path / "key", key)
    assert bytes(read_key(tmp_path / "key", type(key))) == bytes(key)
    others = (tmp_path / "key").stat().st_mode & 0o077
    assert others == (0 if isinstance(key, SigningKey | PrivateKey) else 0o044)


def test_fail__never_overwritten(tmp_path: Path) -> None:
    write_key(tmp_path / "key", KEYS[0])
    with pytest.raises(KeyFileError, match="never overwritten"):
        write_key(tmp_path / "key", KEYS[0])
    with pytest.raises(KeyFileError, match="cannot be written"):
        write_key(tmp_path / "none/key", KEYS[0])


def test_fail__secret_that_others_can_read(tmp_path: Path) -> None:
    write_key(tmp_path / "key", KEYS[0])
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_key(tmp_path / "key", SigningKey)


def test_fail__another_kind(tmp_path: Path) -> None:
    write_key(tmp_path / "key", KEYS[1])
    with pytest.raises(KeyFileError, match="other than a borne-x25519-public"):
        read_key(tmp_path / "key", PublicKey)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"borne-ed25519-public",
        b"borne-ed25519-public xyz",
        b"borne-ed25519-public 00",
        b"borne-ed25519-public " + b"00" * 33,
        b"\xff\xff \xff",
        b"a b c",
    ],
)
def test_fail__no_key(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "key").write_bytes(text)
    with pytest.raises(KeyFileError, match="key"):
        read_key(tmp_path / "key", VerifyKey)


def test_fail__no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_key(tmp_path / "none", VerifyKey)
