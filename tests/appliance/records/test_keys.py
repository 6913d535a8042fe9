from pathlib import Path

import pytest
from nacl.public import PrivateKey, PublicKey
from nacl.signing import SigningKey, VerifyKey

from appliance.key_files import KeyFileError, read_key, write_key
from appliance.records.keys import load_box_keys, load_central_keys


def test_ok__made_once_and_read_again(tmp_path: Path) -> None:
    first = load_box_keys(tmp_path / "keys")
    again = load_box_keys(tmp_path / "keys")
    assert bytes(first.signing) == bytes(again.signing)
    assert again.storage.decrypt(first.storage.encrypt(b"x")) == b"x"
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "keys").glob("*.key")} == {
        "signing.key": 0o600,
        "sealing.key": 0o600,
        "storage.key": 0o600,
    }
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0


def test_ok__public_halves_lie_beside(tmp_path: Path) -> None:
    keys = load_box_keys(tmp_path)
    assert read_key(tmp_path / "signing.pub", VerifyKey) == keys.signing.verify_key
    assert read_key(tmp_path / "sealing.pub", PublicKey) == keys.sealing.public_key


def test_ok__secrets_are_not_in_the_repr(tmp_path: Path) -> None:
    keys = load_box_keys(tmp_path)
    assert bytes(keys.signing).hex() not in repr(keys)


@pytest.mark.parametrize("name", ["signing", "sealing", "storage"])
def test_fail__others_can_read_it(tmp_path: Path, name: str) -> None:
    load_box_keys(tmp_path)
    (tmp_path / f"{name}.key").chmod(0o640)
    with pytest.raises(KeyFileError, match="others can read it"):
        load_box_keys(tmp_path)


@pytest.mark.parametrize("name", ["signing", "sealing", "storage"])
def test_fail__one_was_taken_away(tmp_path: Path, name: str) -> None:
    """Another in its place would make records that central refuses."""
    load_box_keys(tmp_path)
    (tmp_path / f"{name}.key").unlink()
    with pytest.raises(KeyFileError, match=f"{name}.key is missing, and this box had one"):
        load_box_keys(tmp_path)
    assert not (tmp_path / f"{name}.key").exists()


@pytest.mark.parametrize(
    "made", [(), ("signing",), ("signing", "sealing"), ("signing", "sealing", "storage")]
)
def test_ok__a_first_start_that_was_cut_off_is_finished(tmp_path: Path, made: tuple[str, ...]) -> None:
    whole = load_box_keys(tmp_path / "whole")
    (tmp_path / "keys").mkdir(mode=0o700)
    for name in made:
        (tmp_path / "whole" / f"{name}.key").rename(tmp_path / "keys" / f"{name}.key")
    finished = load_box_keys(tmp_path / "keys")
    assert (bytes(finished.signing) == bytes(whole.signing)) is ("signing" in made)
    assert len(list((tmp_path / "keys").iterdir())) == 5


def test_fail__no_key_inside(tmp_path: Path) -> None:
    load_box_keys(tmp_path)
    (tmp_path / "signing.key").write_text("borne-ed25519-secret 00\n")
    with pytest.raises(KeyFileError, match="holds no key"):
        load_box_keys(tmp_path)


def test_fail__the_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    with pytest.raises(KeyFileError, match="cannot be made"):
        load_box_keys(tmp_path / "keys")


def test_ok__central_keys(tmp_path: Path) -> None:
    sealing, watermark = PrivateKey.generate().public_key, SigningKey.generate().verify_key
    write_key(tmp_path / "s", sealing)
    write_key(tmp_path / "w", watermark)
    keys = load_central_keys(tmp_path / "s", tmp_path / "w")
    assert (keys.sealing, keys.watermark) == (sealing, watermark)


def test_fail__central_keys_mixed_up(tmp_path: Path) -> None:
    write_key(tmp_path / "s", PrivateKey.generate().public_key)
    write_key(tmp_path / "w", SigningKey.generate().verify_key)
    with pytest.raises(KeyFileError, match="something other"):
        load_central_keys(tmp_path / "w", tmp_path / "s")
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_central_keys(tmp_path / "s", tmp_path / "missing")
