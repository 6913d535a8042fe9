"""The trust store on the card: whole or not at all, and read again when it changed."""

import datetime as dt
from pathlib import Path

import pytest

from appliance.reference_data.trust_folder import (
    FILE,
    TrustFolder,
    TrustUnavailable,
    install_trust_store,
    open_trust_store,
)
from appliance.simulation.chip.authority import trust_store_for

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
ONE = trust_store_for(["UTO"], now=NOW, crl_age=dt.timedelta(hours=1)).to_bytes()
TWO = trust_store_for(["UTO", "FRA"], now=NOW, crl_age=dt.timedelta(hours=1)).to_bytes()


def test_ok__installed_and_opened(tmp_path: Path) -> None:
    assert open_trust_store(tmp_path / "trust").empty
    assert install_trust_store(tmp_path / "trust", ONE).countries == ("UT",)
    assert open_trust_store(tmp_path / "trust").countries == ("UT",)
    assert [path.name for path in (tmp_path / "trust").iterdir()] == [FILE]


def test_ok__a_service_sees_the_new_one(tmp_path: Path) -> None:
    folder = TrustFolder(tmp_path)
    assert folder.store().empty
    install_trust_store(tmp_path, ONE)
    first = folder.store()
    assert folder.store() is first
    install_trust_store(tmp_path, TWO)
    assert folder.store().countries == ("FR", "UT")


def test_fail__not_a_store(tmp_path: Path) -> None:
    install_trust_store(tmp_path, ONE)
    with pytest.raises(TrustUnavailable, match="cannot be read"):
        install_trust_store(tmp_path, b"garbage")
    assert open_trust_store(tmp_path).countries == ("UT",), "what was there stays"


def test_fail__damaged(tmp_path: Path) -> None:
    folder = TrustFolder(tmp_path)
    install_trust_store(tmp_path, ONE)
    assert folder.store().countries == ("UT",)
    (tmp_path / FILE).write_bytes(ONE[:-5])
    for _ in range(2):
        with pytest.raises(TrustUnavailable, match="damaged"):
            folder.store()


def test_fail__nowhere(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrustUnavailable, match="cannot be written"):
        install_trust_store(tmp_path / "file", ONE)
    with pytest.raises(TrustUnavailable, match="cannot be read"):
        open_trust_store(tmp_path / "file")
