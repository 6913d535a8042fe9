import pytest
from nacl.public import PublicKey
from nacl.signing import VerifyKey

from appliance.key_files import KeyFileError, read_key
from central.keys import create_keys, load_gateway_keys, load_keys


def test_ok__six_pairs(tmp_path) -> None:
    create_keys(tmp_path / "keys")
    assert {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "keys").iterdir()} == {
        "sealing.key": 0o600,
        "sealing.pub": 0o644,
        "watermark.key": 0o600,
        "watermark.pub": 0o644,
        "reference.key": 0o600,
        "reference.pub": 0o644,
        "gateway-sealing.key": 0o600,
        "gateway-sealing.pub": 0o644,
        "gateway-signing.key": 0o600,
        "gateway-signing.pub": 0o644,
        "operator.key": 0o600,
        "operator.pub": 0o644,
    }
    gateway = load_gateway_keys(tmp_path / "keys")
    assert read_key(tmp_path / "keys" / "gateway-sealing.pub", PublicKey) == gateway.sealing.public_key
    assert bytes(gateway.sealing).hex() not in repr(gateway)
    keys = load_keys(tmp_path / "keys")
    assert read_key(tmp_path / "keys" / "sealing.pub", PublicKey) == keys.sealing.public_key
    assert read_key(tmp_path / "keys" / "watermark.pub", VerifyKey) == keys.watermark.verify_key
    assert bytes(keys.sealing).hex() not in repr(keys)


def test_fail__never_overwritten(tmp_path) -> None:
    create_keys(tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(KeyFileError, match="never overwritten"):
        create_keys(tmp_path)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_fail__missing_or_open_to_others(tmp_path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_keys(tmp_path)
    create_keys(tmp_path)
    (tmp_path / "watermark.key").chmod(0o644)
    with pytest.raises(KeyFileError, match="others can read it"):
        load_keys(tmp_path)
