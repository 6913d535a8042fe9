"""The trust store on the card: whole or not at all, and read again when it changed."""

import datetime as dt
from pathlib import Path

import pytest

from appliance.reference_data.errors import Reason, Refused
from appliance.reference_data.installer import ContentUnusable
from appliance.reference_data.sealed import ContentType
from appliance.reference_data.store import Standing
from appliance.reference_data.trust_folder import (
    CENTRAL_FILE,
    FILE,
    TrustFolder,
    TrustUnavailable,
    install_trust_store,
    open_trust_store,
    take_over,
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


class Signed:
    """Trust anchors that came through the gate."""

    def __init__(self, content: bytes | Exception, version: int = 1) -> None:
        self._content, self._version = content, version

    def standing(self, type_: ContentType) -> Standing:
        return Standing(type_, self._version, NOW, NOW)

    def content(self, standing: Standing) -> bytes:
        assert standing.type is ContentType.TRUST_ANCHORS
        if isinstance(self._content, Exception):
            raise self._content
        return self._content


def no_objection(_content: bytes) -> None:
    pass


def test_ok__what_central_signed_is_taken_over_once(tmp_path: Path) -> None:
    assert take_over(tmp_path, Signed(ONE), no_objection)
    assert open_trust_store(tmp_path).countries == ("UT",)
    install_trust_store(tmp_path, TWO)  # a technician's, later
    assert not take_over(tmp_path, Signed(ONE), no_objection)
    assert open_trust_store(tmp_path).countries == ("FR", "UT")
    assert take_over(tmp_path, Signed(ONE, version=2), no_objection)
    assert open_trust_store(tmp_path).countries == ("UT",)


def test_ok__a_power_cut_before_the_version_was_noted(tmp_path: Path) -> None:
    take_over(tmp_path, Signed(ONE), no_objection)
    (tmp_path / CENTRAL_FILE).write_bytes(b"")
    assert take_over(tmp_path, Signed(ONE), no_objection)
    assert not take_over(tmp_path, Signed(ONE), no_objection)


def test_fail__what_central_signed_cannot_be_gone_by(tmp_path: Path) -> None:
    def objects(_content: bytes) -> None:
        raise ContentUnusable("The simulator's.")

    install_trust_store(tmp_path, TWO)
    for signed, check, sentence in (
        (Signed(Refused(Reason.DAMAGED, "It is damaged.")), no_objection, "It is damaged"),
        (Signed(ONE), objects, "The simulator's"),
        (Signed(b"garbage"), no_objection, "cannot be read"),
    ):
        with pytest.raises(TrustUnavailable, match=sentence):
            take_over(tmp_path, signed, check)
    assert open_trust_store(tmp_path).countries == ("FR", "UT")
    (tmp_path / CENTRAL_FILE).mkdir()
    with pytest.raises(TrustUnavailable, match="cannot be written"):
        take_over(tmp_path, Signed(ONE), no_objection)
