"""`borne seal`: from a picture to a verdict."""

import datetime as dt
from pathlib import Path

import pytest

from appliance.reference_data.trust_folder import install_trust_store, open_trust_store
from appliance.simulation.seal import build_seal, draw_seal, seal_signer
from appliance.travel_document.pki.trust_import import import_trust

VISA = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<")


@pytest.fixture
def trusted(trust: Path) -> Path:
    store = import_trust(
        open_trust_store(trust), seal_signer().certificate.raw, (), now=dt.datetime.now(dt.UTC)
    ).store
    install_trust_store(trust, store.to_bytes())
    return trust


def test_ok__a_picture_and_raw_bytes(borne, trusted: Path, tmp_path: Path) -> None:
    (tmp_path / "seal.png").write_bytes(draw_seal(build_seal(VISA)))
    (tmp_path / "seal.bin").write_bytes(build_seal(VISA))
    for name in ("seal.png", "seal.bin"):
        answer = borne("seal", tmp_path / name, "--store", trusted, "--json")
        assert answer.code == 0
        assert answer.json["lines"][0] == VISA[0]
        assert {check["verdict"] for check in answer.json["checks"]} == {"PASS", "NOT_DONE"}
    assert "seal.signature" in borne("seal", tmp_path / "seal.png", "--store", trusted).out


def test_fail__forged_unknown_and_broken(borne, trust: Path, trusted: Path, tmp_path: Path) -> None:
    (tmp_path / "forged").write_bytes(build_seal(VISA, signature=bytes(64)))
    assert borne("seal", tmp_path / "forged", "--store", trusted, "--json").code == 1
    (tmp_path / "good").write_bytes(build_seal(VISA))
    assert borne("seal", tmp_path / "good", "--store", tmp_path / "nothing", "--json").code == 2
    (tmp_path / "cut").write_bytes(build_seal(VISA)[:30])
    answer = borne("seal", tmp_path / "cut", "--store", trusted, "--json")
    assert (answer.code, "problem" in answer.json) == (1, True)


def test_fail__no_seal(could_not, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (50, 50), 255).save(tmp_path / "white.png")
    (tmp_path / "text").write_text("hello")
    assert "no visible digital seal" in could_not("seal", tmp_path / "white.png", "--store", tmp_path)
    assert "damaged" in could_not("seal", tmp_path / "text", "--store", tmp_path)
    assert "cannot be read" in could_not("seal", tmp_path / "nowhere", "--store", tmp_path)
