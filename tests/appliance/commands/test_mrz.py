import datetime as dt
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.services.capture.page_reader import PageReader
from appliance.simulation.pages import draw_page
from appliance.simulation.portraits import draw_portrait

# The specimen of ICAO Doc 9303-4, appendix B.
LINES = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
WRONG = (LINES[0], LINES[1][:9] + "9" + LINES[1][10:])


def test_ok__json(borne) -> None:
    answer = borne("mrz", "parse", *LINES, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["file"] is None
    assert (answer.json["format"], answer.json["lines"]) == ("TD3", list(LINES))
    assert answer.json["fields"]["document_number"] == "L898902C3"
    assert answer.json["fields"]["primary_identifier"] == "ERIKSSON"
    assert answer.json["confidence"] == 1.0
    assert all(set(check) >= {"id", "verdict", "reason", "evidence"} for check in answer.json["checks"])
    verdicts = {check["id"]: check["verdict"] for check in answer.json["checks"]}
    assert verdicts["mrz.composite_check_digit"] == "PASS"


def test_ok__for_people(borne) -> None:
    answer = borne("mrz", "parse", *LINES)
    assert answer.code == 0
    assert answer.out.startswith("TD3\n")
    assert "ERIKSSON" in answer.out


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_fail__a_wrong_check_digit_is_no(borne, flags: tuple[str, ...]) -> None:
    answer = borne("mrz", "parse", *WRONG, *flags)
    assert (answer.code, answer.err) == (1, "")
    assert "mrz.document_number_check_digit" in answer.out


def test_fail__no_mrz(borne, could_not) -> None:
    assert "in quotes" in could_not("mrz", "parse", "P<UTO", "1234")
    answer = borne("mrz", "parse", "P<UTO", "--json")
    assert (answer.code, answer.json["lines"], answer.json["format"]) == (2, [], None)


@pytest.mark.parametrize("lines", [("",), ("\x00" * 44,) * 2, ("é" * 44,) * 2, ("<" * 30,) * 3, ("A",) * 50])
def test_fail__odd_lines(borne, lines: tuple[str, ...]) -> None:
    answer = borne("mrz", "parse", *lines)
    assert answer.code in (1, 2)
    assert answer.err.count("\n") == (answer.code == 2)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return lay(tmp_path / "page.png", LINES)


def lay(path: Path, lines: tuple[str, ...]) -> Path:
    cv2.imwrite(str(path), draw_page(lines, draw_portrait(1), seed=1))
    return path


def test_ok__read_json(borne, picture: Path, tmp_path: Path) -> None:
    debug = tmp_path / "seen.png"
    answer = borne("mrz", "read", str(picture), "--json", "--debug", str(debug))
    assert (answer.code, answer.err) == (0, "")
    assert set(answer.json) >= {"file", "format", "lines", "fields", "checks", "confidence"}
    assert (answer.json["file"], answer.json["format"]) == (str(picture), "TD3")
    assert answer.json["lines"] == answer.json["read"] == list(LINES)
    assert answer.json["fields"]["primary_identifier"] == "ERIKSSON"
    assert 0.5 < answer.json["confidence"] <= 1
    assert {check["id"]: check["verdict"] for check in answer.json["checks"]}["mrz.legibility"] == "PASS"
    assert cv2.imread(str(debug)).shape[1] >= 900


def test_ok__read_for_people(borne, picture: Path) -> None:
    answer = borne("mrz", "read", str(picture))
    assert answer.code == 0
    assert "TD3, confidence" in answer.out
    assert LINES[1] in answer.out


def test_fail__read_a_wrong_check_digit_is_no(borne, tmp_path: Path) -> None:
    answer = borne("mrz", "read", str(lay(tmp_path / "wrong.png", WRONG)), "--json")
    assert answer.code == 1
    assert answer.json["lines"] == list(WRONG)


def test_fail__read_no_mrz(borne, tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((300, 400, 3), 200, np.uint8))
    answer = borne("mrz", "read", str(blank), "--json")
    assert (answer.code, answer.json["lines"], answer.json["hint"]) == (2, [], "show_document")
    assert answer.err.count("\n") == 1
    assert "show the page" in answer.err


def test_fail__read_no_picture(borne, could_not, tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.png"
    rubbish.write_bytes(b"no picture")
    assert "damaged" in could_not("mrz", "read", str(rubbish))
    assert "No such file" in could_not("mrz", "read", str(tmp_path / "none.png"))
    assert "no file" in could_not("mrz", "read", str(tmp_path))
    assert borne("mrz", "read", str(rubbish), "--json").json["lines"] == []


def test_ok__read_several_one_object_a_line(borne, picture: Path, tmp_path: Path) -> None:
    wrong = lay(tmp_path / "wrong.png", WRONG)
    folder = tmp_path / "debug"
    folder.mkdir()
    answer = borne("mrz", "read", str(picture), str(wrong), "--json", "--debug", str(folder))
    assert answer.code == 1
    assert [json.loads(line)["file"] for line in answer.out.splitlines()] == [str(picture), str(wrong)]
    assert sorted(path.name for path in folder.iterdir()) == ["page.debug.png", "wrong.debug.png"]


def test_fail__read_debug_that_cannot_be_written(could_not, picture: Path, tmp_path: Path) -> None:
    assert "no folder" in could_not(
        "mrz", "read", str(picture), str(picture), "--debug", str(tmp_path / "x.png")
    )
    assert "cannot be written" in could_not(
        "mrz", "read", str(picture), "--debug", str(tmp_path / "no" / "x.png")
    )


def test_ok__read_a_crop_of_one_line(borne, tmp_path: Path) -> None:
    whole = draw_page(LINES, draw_portrait(1), seed=4)
    middle = np.asarray(PageReader().read(whole, today=dt.date(2026, 11, 2)).zone.lines[1].middle)
    crop = tmp_path / "line.png"
    cv2.imwrite(str(crop), whole[round(middle[1]) - 32 : round(middle[1]) + 32, 80:1220])
    answer = borne("mrz", "read", str(crop), "--json")
    assert (answer.code, answer.json["format"]) == (1, None)
    assert len(answer.json["lines"]) == 1
