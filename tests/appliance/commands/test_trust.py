"""`borne trust`: lists come in under an anchor, and what is trusted is said."""

import base64
import datetime as dt
from pathlib import Path

import pytest

from appliance.simulation.chip.authority import Authority, authority_of

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
HOST = authority_of("UTO")
LIST = HOST.master_list(
    [HOST.root.certificate, authority_of("FRA").root.certificate, b"\x30\x03\x02\x01\x00"],
    signed_at=NOW - dt.timedelta(days=9),
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "list.ml").write_bytes(LIST)
    (tmp_path / "root.cer").write_bytes(HOST.root.certificate.raw)
    armour = base64.encodebytes(HOST.root.certificate.raw).decode()
    (tmp_path / "root.pem").write_text(f"-----BEGIN CERTIFICATE-----\n{armour}-----END CERTIFICATE-----\n")
    return tmp_path


@pytest.mark.parametrize("anchor", ["root.cer", "root.pem", "fingerprint", "colons"])
def test_ok__a_list_under_its_anchor(borne, files: Path, anchor: str) -> None:
    digest = HOST.root.certificate.fingerprint
    colons = ":".join(digest[at : at + 2] for at in range(0, 64, 2)).upper()
    given = {"fingerprint": digest, "colons": colons}.get(anchor, files / anchor)
    answer = borne("trust", "import", files / "list.ml", "--anchor", given, "--store", files / "t", "--json")
    assert (answer.code, answer.err) == (0, "")
    told = answer.json
    assert (told["certificates"], told["accepted"], told["countries"]) == (3, 2, 2)
    assert [one["reason"] for one in told["refused"]] == ["unreadable"]
    assert {check["id"]: check["verdict"] for check in told["checks"]} == {
        "trust.list_signature": "PASS",
        "trust.anchor": "PASS",
        "trust.signer_validity": "PASS",
        "trust.signer_usage": "PASS",
        "trust.not_older": "PASS",
    }
    listed = borne("trust", "list", "--store", files / "t", "--json")
    assert listed.code == 0
    assert [state["country"] for state in listed.json["states"]] == ["FR", "UT"]
    assert listed.json["sources"][0]["age_hours"] == pytest.approx(9 * 24, abs=1)


def test_ok__for_people(borne, files: Path) -> None:
    answer = borne(
        "trust", "import", files / "list.ml", "--anchor", files / "root.cer", "--store", files / "t"
    )
    assert "refused: unreadable" in answer.out
    listed = borne("trust", "list", "--store", files / "t")
    assert "FR UT" in listed.out
    assert "9.0 days old" in listed.out


def test_fail__without_an_anchor_nothing_is_installed(borne, files: Path) -> None:
    answer = borne("trust", "import", files / "list.ml", "--store", files / "t", "--json")
    assert answer.code == 1
    assert (answer.json["certificates"], answer.json["accepted"], answer.json["installed"]) == (3, 0, False)
    assert not (files / "t").exists()
    assert borne("trust", "import", files / "list.ml", "--store", files / "t").out.count("--anchor") == 1
    assert borne("trust", "list", "--store", files / "t").code == 1


def test_fail__under_another_anchor(borne, files: Path) -> None:
    other = Authority("DE").root.certificate.fingerprint
    answer = borne("trust", "import", files / "list.ml", "--anchor", other, "--store", files / "t", "--json")
    assert answer.code == 1
    assert {check["reason"] for check in answer.json["checks"]} == {"ok", "not_under_anchor"}


def test_fail__not_importable(could_not, files: Path) -> None:
    (files / "text").write_text("hello")
    assert "no master list" in could_not("trust", "import", files / "text", "--store", files / "t")
    assert "cannot be read" in could_not("trust", "import", files / "nowhere", "--store", files / "t")
    assert "64 hexadecimal" in could_not(
        "trust", "import", files / "list.ml", "--anchor", "abc", "--store", files / "t"
    )
    assert "--anchor" in could_not(
        "trust", "import", files / "list.ml", "--anchor", files / "text", "--store", files / "t"
    )


def test_fail__nowhere_to_write(could_not, files: Path) -> None:
    (files / "file").touch()
    said = could_not(
        "trust", "import", files / "list.ml", "--anchor", files / "root.cer", "--store", files / "file"
    )
    assert "cannot be" in said
