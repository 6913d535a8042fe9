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


class Connection:
    def __init__(self, chip: VirtualChip, closed: list[str]) -> None:
        self.transmit, self.atr, self._closed = chip.transmit, chip.atr, closed

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
                return Connection(VirtualChip(person.files, mrz_information=access), closed)

            def close(self) -> None:
                closed.append("reader")

        monkeypatch.setattr(pcsc, "PcscReader", Reader)
        monkeypatch.setattr(pcsc, "reader_names", lambda: (NAME,))
        return closed

    return lay


def test_ok__json(borne, field, tmp_path: Path) -> None:
    closed = field(1)
    answer = borne("chip", "read", "--mrz", *LINES, "--out", tmp_path / "out", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert (answer.json["issuing_state"], answer.json["reader"]) == ("UTO", NAME)
    verdicts = {check["id"]: (check["verdict"], check["reason"]) for check in answer.json["checks"]}
    assert verdicts["chip.dg1_matches_mrz"][0] == "PASS"
    assert verdicts["chip.passive_authentication"][0] == "NOT_DONE", "what is not done is said"
    sizes = {file.name.removeprefix("EF."): file.stat().st_size for file in (tmp_path / "out").iterdir()}
    assert sizes == answer.json["files"]
    assert "DG1" in sizes
    assert closed == ["connection", "reader"]


def test_ok__for_people(borne, field) -> None:
    field(1)
    answer = borne("chip", "read", "--mrz", *LINES, "--reader", NAME)
    assert answer.code == 0
    assert "chip.dg1_matches_mrz" in answer.out


def test_fail__another_documents_chip(could_not, field) -> None:
    closed = field(2)
    could_not("chip", "read", "--mrz", *LINES)
    assert closed == ["connection", "reader"]


def test_fail__no_chip(could_not, field) -> None:
    closed = field(None)
    assert "No chip" in could_not("chip", "read", "--mrz", *LINES)
    assert closed == ["reader"]


def test_fail__no_reader(could_not, field, monkeypatch) -> None:
    field(1)
    monkeypatch.setattr(pcsc, "reader_names", lambda: ())
    assert "borne devices" in could_not("chip", "read", "--mrz", *LINES)


def test_fail__nowhere_to_keep_the_files(could_not, field, tmp_path: Path) -> None:
    field(1)
    (tmp_path / "file").touch()
    assert "cannot be kept" in could_not("chip", "read", "--mrz", *LINES, "--out", tmp_path / "file")
