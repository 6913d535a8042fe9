"""`borne records paper`: files as spreadsheets write them, into a lane that runs as its own process."""

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.commands.output import CouldNot
from appliance.commands.paper import read_file
from appliance.contracts.paper import PAPER_COLUMNS
from appliance.csv_lines import MAX_FILE_BYTES

TEMPLATE = Path(__file__).parents[3] / "docs/paper-template.csv"
HEAD = ",".join(PAPER_COLUMNS)
DAY = (dt.datetime.now().astimezone() - dt.timedelta(days=2)).date().isoformat()
GOOD = f"{DAY},14:05,entry,admitted,P,UTO,L898902C3,ERIKSSON,ANNA MARIA,UTO,1974-08-12,F,2031-05-14,A. Clerk"


def ledger(folder: Path, *lines: str, head: str = HEAD, encoding: str = "utf-8") -> Path:
    path = folder / "ledger.csv"
    path.write_text("\n".join((head, *lines)) + "\n", encoding)
    return path


def test_ok__checked_entered_and_entered_again(borne, config: Path, tmp_path: Path) -> None:
    file = ledger(tmp_path, GOOD, GOOD.replace("14:05", "14:20"))
    words = ("records", "paper", file, "--by", "B. Guard", "--config", config)
    checked = borne(*words, "--check")
    assert (checked.code, checked.out) == (
        0,
        "2 lines can be entered, 0 are wrong; nothing was recorded\n",
    )
    assert borne(*words).out == "2 lines recorded, 0 were there already, 0 are wrong, 0 with a hit\n"
    again = borne(*words, "--json")
    assert [json.loads(line) for line in again.out.splitlines()] == [
        {"line": number, "taken": True, "known": True, "problems": [], "hits": []} for number in (2, 3)
    ]


def test_fail__every_wrong_line_has_its_own_sentence_and_holds_up_no_other(
    borne, config: Path, tmp_path: Path
) -> None:
    file = ledger(
        tmp_path,
        GOOD.replace("L898902C3", "X1"),
        GOOD.replace("entry", "in").replace("1974-08-12", "12.8.1974"),
        "",
        "a,b",
        GOOD.replace("ERIKSSON", "E" * 201),
        GOOD.replace("L898902C3", "X2"),
    )
    answer = borne("records", "paper", file, "--by", "B. Guard", "--config", config)
    assert answer.code == 1
    assert answer.out.splitlines() == [
        "Line 3: direction must be entry or exit.",
        "Line 3: birth_date is no date: write 2026-11-20.",
        "Line 5: it has 2 fields and not 14.",
        "Line 6: primary_identifier is longer than it can be.",
        "2 lines recorded, 0 were there already, 3 are wrong, 0 with a hit",
    ]


def test_ok__more_lines_than_go_at_once(borne, config: Path, tmp_path: Path) -> None:
    file = ledger(tmp_path, *(GOOD.replace("L898902C3", f"M{number:05}") for number in range(120)))
    answer = borne("records", "paper", file, "--by", "B. Guard", "--config", config)
    assert answer.out == "120 lines recorded, 0 were there already, 0 are wrong, 0 with a hit\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_ok__as_spreadsheets_write_it(tmp_path: Path, encoding: str, delimiter: str) -> None:
    quoted = GOOD.replace("ANNA MARIA", f'"ANNA{delimiter} MARIA"').replace(",", delimiter)
    if delimiter == ",":
        quoted = GOOD.replace("ANNA MARIA", '"ANNA, MARIA"')
    file = ledger(tmp_path, quoted, head=HEAD.replace(",", delimiter).upper(), encoding=encoding)
    ((line,), wrong) = read_file(file)
    assert wrong == []
    assert (line.number, line.document_number, line.officer) == (2, "L898902C3", "A. Clerk")
    assert line.secondary_identifier == f"ANNA{delimiter} MARIA"


def test_ok__the_template_of_the_manual_is_read() -> None:
    lines, wrong = read_file(TEMPLATE)
    assert wrong == []
    assert [line.number for line in lines] == [2, 3, 4]
    assert lines[2].document_number == ""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "must name the template's columns"),
        (b"a,b\n1,2\n", "see to: a, b, birth_date"),
        ((HEAD + ",date\n").encode(), "see to: one of them twice"),
        ((HEAD + "\n").encode(), "has no line but the first"),
        ("дата\n".encode("cp1251"), "is not UTF-8"),
        ((HEAD + "\nx\ry\n").encode(), "no CSV"),
        (b"x" * (MAX_FILE_BYTES + 1), "is larger than 4 MiB"),
        ((HEAD + "\n" + (GOOD + "\n") * 5001).encode(), "more than 5000 lines"),
    ],
)
def test_fail__no_ledger(could_not, config: Path, tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    assert says in could_not("records", "paper", tmp_path / "x.csv", "--by", "B", "--config", config)


def test_fail__no_file_no_name_no_box(could_not, config: Path, tmp_path: Path) -> None:
    could_not("records", "paper", tmp_path / "none.csv", "--by", "B", "--config", config)
    file = ledger(tmp_path, GOOD)
    assert "--by takes a name" in could_not("records", "paper", file, "--by", " ", "--config", config)
    config_of_none = tmp_path / "borne.toml"
    config_of_none.write_text(config.read_text().replace("/run", "/elsewhere"))
    said = could_not("records", "paper", file, "--by", "B", "--config", config_of_none)
    assert "does not answer" in said


@settings(deadline=None, max_examples=100)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: f"{HEAD}\n{text}".encode())))
def test_fail__any_bytes_are_lines_or_a_sentence(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    try:
        lines, wrong = read_file(path)
    except CouldNot:
        return
    assert lines or wrong
