"""Key tiers: on the board, in a TPM (swtpm: emulated), in files."""

from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_counter import _patient, needs_swtpm, tcti  # noqa: F401 - the fixture

from appliance.key_files import KeyFileError
from appliance.records import keys as box_keys
from appliance.records.counter import TpmCounter
from appliance.records.keys import load_box_keys
from appliance.records.vault import BoardVault, TpmVault

BOARD = BoardVault(bytes(range(32)))


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


PROTECTED = ["sealing.pub", "sealing.sealed", "signing.pub", "signing.sealed", "storage.sealed"]


def test_ok__made_protected_and_read_again(tmp_path: Path) -> None:
    first = load_box_keys(tmp_path, BOARD)
    again = load_box_keys(tmp_path, BoardVault(bytes(range(32))))
    assert (first.tier, again.tier) == ("board", "board")
    assert bytes(first.signing) == bytes(again.signing)
    assert names(tmp_path) == PROTECTED
    for file in tmp_path.glob("*.sealed"):
        assert bytes(first.signing) not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0


def test_ok__plain_ones_are_protected_and_removed(tmp_path: Path) -> None:
    plain = load_box_keys(tmp_path)
    assert plain.tier == "software"
    protected = load_box_keys(tmp_path, BOARD)
    assert bytes(plain.signing) == bytes(protected.signing)
    assert bytes(plain.storage) == bytes(protected.storage)
    assert names(tmp_path) == PROTECTED


def test_ok__a_power_cut_before_the_plain_one_was_removed(tmp_path: Path) -> None:
    plain = load_box_keys(tmp_path)
    kept = (tmp_path / "signing.key").read_bytes()
    load_box_keys(tmp_path, BOARD)
    (tmp_path / "signing.key").write_bytes(kept)
    (tmp_path / "signing.key").chmod(0o600)
    (tmp_path / ".storage.sealed.new").write_bytes(b"half")
    assert bytes(load_box_keys(tmp_path, BOARD).signing) == bytes(plain.signing)
    assert not (tmp_path / "signing.key").exists()


def test_fail__elsewhere(tmp_path: Path) -> None:
    load_box_keys(tmp_path, BOARD)
    with pytest.raises(KeyFileError, match="not protected by this board"):
        load_box_keys(tmp_path, BoardVault(bytes(range(1, 33))))
    with pytest.raises(KeyFileError, match="does not say by what"):
        load_box_keys(tmp_path)
    (tmp_path / "signing.sealed").write_bytes((tmp_path / "storage.sealed").read_bytes())
    with pytest.raises(KeyFileError, match="not protected by this board"):
        load_box_keys(tmp_path, BOARD)
    (tmp_path / "signing.sealed").unlink()
    with pytest.raises(KeyFileError, match="is missing, and this box had one"):
        load_box_keys(tmp_path, BOARD)


def test_fail__a_vault_that_does_not_give_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoardVault, "reveal", lambda *_: bytes(32))
    with pytest.raises(KeyFileError, match="does not come back"):
        load_box_keys(tmp_path, BOARD)
    assert names(tmp_path) == []


def test_fail__the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(box_keys, "write_whole", full)
    with pytest.raises(KeyFileError, match="cannot be used"):
        load_box_keys(tmp_path, BOARD)


@pytest.mark.parametrize("content", [b"", b"\xff" * 32, bytes(32), b"zz" * 32, bytes(31)])
def test_fail__no_key_of_a_board(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "otp").write_bytes(content)
    with pytest.raises(KeyFileError):
        BoardVault.of_file(tmp_path / "otp")
    with pytest.raises(KeyFileError, match="cannot be read"):
        BoardVault.of_file(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [bytes(range(32)), bytes(range(32)).hex().encode() + b"\n"])
def test_ok__the_boards_key_from_a_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "otp").write_bytes(content)
    assert BoardVault.of_file(tmp_path / "otp").reveal("n", BOARD.protect("n", b"secret")) == b"secret"


@given(st.binary(max_size=200))
def test_fail__any_bytes(data: bytes) -> None:
    with pytest.raises(KeyFileError):
        BOARD.reveal("n", data)


# With a TPM


@needs_swtpm
def test_ok__sealed_to_a_tpm(tcti: str, tmp_path: Path) -> None:  # noqa: F811
    _patient(TpmCounter(tcti))
    vault = TpmVault(tcti)
    first = load_box_keys(tmp_path, vault)
    again = load_box_keys(tmp_path, vault)
    assert again.tier == "tpm"
    assert bytes(first.signing) == bytes(again.signing)
    assert names(tmp_path) == PROTECTED
    with pytest.raises(KeyFileError, match="another one's"):
        vault.reveal("sealing", (tmp_path / "signing.sealed").read_bytes())
    public, private = cbor2.loads((tmp_path / "signing.sealed").read_bytes())
    with pytest.raises(KeyFileError, match="refuses"):
        vault.reveal("signing", cbor2.dumps([public, private[:-1] + bytes([private[-1] ^ 1])]))


@pytest.mark.parametrize("data", [b"", b"\xff", cbor2.dumps([1, 2]), cbor2.dumps([b""])])
def test_fail__damaged(data: bytes) -> None:
    with pytest.raises(KeyFileError, match="damaged"):
        TpmVault("swtpm:host=127.0.0.1,port=1").reveal("n", data)
