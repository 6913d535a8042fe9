"""`borne chip read` against the chip simulator, with PC/SC's own calls replaced."""

import datetime as dt
from pathlib import Path

import pytest

from appliance.simulation.booth import person_of
from appliance.simulation.chip import VirtualChip
from appliance.simulation.travellers import traveller
from appliance.travel_document import chip_access_fields, parse_mrz
from hal.device import DeviceGone
from hal.document_reader import pcsc

LINES = traveller(1).lines
TODAY = dt.date(2026, 11, 2)
NAME = "Some Reader 00 00"
NOWHERE = "/nonexistent/trust"


class Connection:
    def __init__(self, chip: VirtualChip, closed: list[str]) -> None:
        self.transmit, self.atr, self._closed = chip.transmit, chip.atr, closed
        self.max_apdu_bytes = 65_535

    def close(self) -> None:
        self._closed.append("connection")


@pytest.fixture
def field(monkeypatch):
    """A reader with this traveller's chip in its field; what was closed is noted."""
    closed: list[str] = []

    def lay(number: int | None) -> list[str]:
        class Reader:
            def __init__(self, *, reader_name: str) -> None:
                assert reader_name == NAME

            def wait_for_chip(self, timeout: float) -> Connection:
                if number is None:
                    raise DeviceGone("No chip came into the field.")
                person = person_of(number)
                access = chip_access_fields(parse_mrz(person.lines, today=TODAY))
                chip = VirtualChip(person.files, mrz_information=access, secrets=person.secrets)
                return Connection(chip, closed)

            def close(self) -> None:
                closed.append("reader")

        monkeypatch.setattr(pcsc, "PcscReader", Reader)
        monkeypatch.setattr(pcsc, "reader_names", lambda: (NAME,))
        return closed

    return lay


def test_ok__json(borne, field, tmp_path: Path) -> None:
    closed = field(1)
    answer = borne("chip", "read", "--store", NOWHERE, "--mrz", *LINES, "--out", tmp_path / "out", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert (answer.json["issuing_state"], answer.json["reader"]) == ("UTO", NAME)
    verdicts = {check["id"]: (check["verdict"], check["reason"]) for check in answer.json["checks"]}
    assert verdicts["chip.dg1_matches_mrz"][0] == "PASS"
    assert verdicts["chip.passive_authentication"] == ("CANNOT", "no_trust_store"), "what is not done is said"
    assert verdicts["chip.pace"] == ("PASS", "used")
    assert verdicts["chip.chip_authentication"] == ("NOT_DONE", "key_not_authenticated")
    sizes = {file.name.removeprefix("EF."): file.stat().st_size for file in (tmp_path / "out").iterdir()}
    assert sizes == answer.json["files"]
    assert "DG1" in sizes
    assert closed == ["connection", "reader"]


def test_ok__for_people(borne, field) -> None:
    field(1)
    answer = borne("chip", "read", "--store", NOWHERE, "--mrz", *LINES, "--reader", NAME)
    assert answer.code == 0
    assert "chip.dg1_matches_mrz" in answer.out


def test_fail__another_documents_chip(could_not, field) -> None:
    closed = field(2)
    could_not("chip", "read", "--store", NOWHERE, "--mrz", *LINES)
    assert closed == ["connection", "reader"]


def test_fail__no_chip(could_not, field) -> None:
    closed = field(None)
    assert "No chip" in could_not("chip", "read", "--store", NOWHERE, "--mrz", *LINES)
    assert closed == ["reader"]


def test_fail__no_reader(could_not, field, monkeypatch) -> None:
    field(1)
    monkeypatch.setattr(pcsc, "reader_names", lambda: ())
    assert "borne devices" in could_not("chip", "read", "--store", NOWHERE, "--mrz", *LINES)


def test_fail__nowhere_to_keep_the_files(could_not, field, tmp_path: Path) -> None:
    field(1)
    (tmp_path / "file").touch()
    assert "cannot be kept" in could_not(
        "chip", "read", "--store", NOWHERE, "--mrz", *LINES, "--out", tmp_path / "file"
    )


def test_ok__every_authentication_with_a_trust_store(borne, field, trust) -> None:
    field(1)
    answer = borne("chip", "read", "--store", trust, "--mrz", *LINES, "--json")
    verdicts = {check["id"]: check["verdict"] for check in answer.json["checks"]}
    assert answer.code == 0
    for id_ in ("passive_authentication", "chip_authentication", "card_access_matches_dg14", "revocation"):
        assert verdicts[f"chip.{id_}"] == "PASS", id_
    assert answer.json["contents"]["DG1"]["lines"] == list(LINES)
    assert answer.json["contents"]["DG2"]["kind"] == "image/jpeg"


def test_fail__neither_mrz_nor_can(could_not, field) -> None:
    field(1)
    assert "--mrz" in could_not("chip", "read")


def test_fail__a_can_that_is_none(could_not, field) -> None:
    field(1)
    assert "six digits" in could_not("chip", "read", "--store", NOWHERE, "--can", "12")


def keep(folder: Path, files: dict[str, bytes]) -> Path:
    """The files under names that say nothing, padded as dumps of chips are, beside some that are none."""
    folder.mkdir()
    for number, content in enumerate(files.values()):
        (folder / f"file-{number}").write_bytes(content + bytes(number % 3))
    (folder / "notes.txt").write_text("not a file of a chip")
    (folder / "EF.DIR").write_bytes(bytes.fromhex("61094F07A0000002471001"))
    (folder / "large").write_bytes(bytes(100_000))
    return folder


def test_ok__folder_is_verified(borne, trust, tmp_path: Path) -> None:
    files = person_of(1).files
    answer = borne("chip", "verify", keep(tmp_path / "chip", files), "--store", trust, "--json")
    assert (answer.code, answer.err) == (0, "")
    verdicts = {check["id"]: (check["verdict"], check["reason"]) for check in answer.json["checks"]}
    for id_ in ("sod_signature", "certificate_path", "data_group_hash.dg1", "data_group_hash.dg2"):
        assert verdicts[f"chip.{id_}"][0] == "PASS", id_
    assert verdicts["chip.passive_authentication"] == ("PASS", "verified")
    assert verdicts["chip.chip_authentication"] == ("NOT_DONE", "no_chip_to_ask")
    assert (answer.json["issuing_state"], set(answer.json["files"])) == ("UTO", set(files))


def test_ok__a_security_object_alone(borne, trust, tmp_path: Path) -> None:
    folder = keep(tmp_path / "chip", {"SOD": person_of(1).files["SOD"]})
    answer = borne("chip", "verify", folder, "--store", trust, "--json")
    verdicts = {check["id"]: (check["verdict"], check["reason"]) for check in answer.json["checks"]}
    assert answer.code == 0
    assert verdicts["chip.certificate_path"] == ("PASS", "trusted")
    assert verdicts["chip.passive_authentication"] == ("NOT_DONE", "no_data_groups")
    assert answer.json["issuing_state"] == "UT"


def test_ok__folder_for_people(borne, trust, tmp_path: Path) -> None:
    answer = borne("chip", "verify", keep(tmp_path / "chip", person_of(1).files), "--store", trust)
    assert "chip.passive_authentication" in answer.out
    assert "EF.DG1" in answer.out


def test_fail__a_changed_data_group(borne, trust, tmp_path: Path) -> None:
    files = dict(person_of(1).files)
    files["DG2"] = files["DG2"][:-1] + bytes((files["DG2"][-1] ^ 1,))
    answer = borne("chip", "verify", keep(tmp_path / "chip", files), "--store", trust, "--json")
    assert answer.code == 1
    verdicts = {check["id"]: (check["verdict"], check["reason"]) for check in answer.json["checks"]}
    assert verdicts["chip.data_group_hash.dg2"] == ("FAIL", "different")


def test_fail__nobody_is_trusted(borne, tmp_path: Path) -> None:
    folder = keep(tmp_path / "chip", person_of(1).files)
    answer = borne("chip", "verify", folder, "--store", tmp_path / "nothing", "--json")
    assert answer.code == 2
    assert "borne trust import" in answer.err


def test_fail__no_folder_no_files_two_of_one(could_not, tmp_path: Path) -> None:
    assert "cannot be read" in could_not("chip", "verify", tmp_path / "nowhere", "--store", NOWHERE)
    (tmp_path / "empty").mkdir()
    assert "no file of a chip" in could_not("chip", "verify", tmp_path / "empty", "--store", NOWHERE)
    folder = keep(tmp_path / "chip", person_of(1).files)
    (folder / "another").write_bytes(person_of(2).files["DG1"])
    assert "both EF.DG1" in could_not("chip", "verify", folder, "--store", NOWHERE)


def test_fail__a_damaged_trust_store(could_not, tmp_path: Path) -> None:
    (tmp_path / "trust.store").write_bytes(b"garbage")
    folder = keep(tmp_path / "chip", person_of(1).files)
    assert "damaged" in could_not("chip", "verify", folder, "--store", tmp_path)
