"""`borne advance`: files as carriers send them, into a lane that runs as its own process."""

import csv
import datetime as dt
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.advance_file import MAX_FILE_LINES
from appliance.commands.advance import read_file, sentence_of
from appliance.commands.output import CouldNot
from appliance.contracts.advance import ADVANCE_COLUMNS, AdvanceList
from appliance.csv_lines import MAX_FILE_BYTES

TEMPLATE = Path(__file__).parents[3] / "docs/advance-template.csv"
SOON = dt.datetime.now().astimezone() + dt.timedelta(hours=3)
HEAD, *ROWS = TEMPLATE.read_text("utf-8").splitlines()
GOOD = [row.replace("2026-12-01,07:15", f"{SOON:%Y-%m-%d,%H:%M}") for row in ROWS]
PAXLST = "\n".join(
    (
        *("UNB+UNOA:4+A+B+261126:1200+R'", "UNH+1+PAXLST:D:12B:UN:IATA'", "BGM+745'", "TDT+20+TRAIN9+2'"),
        *(f"DTM+232:{SOON:%y%m%d%H%M}:201'", "NAD+FL+++DOE:JOHN'", "DTM+329:800101'", "DOC+P+PX00001'"),
        *("LOC+91+UTO'", "CNT+42:1'", "UNT+10+1'", "UNZ+1+R'"),
    )
)


def written(folder: Path, *rows: str, head: str = HEAD, name: str = "bus.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((head, *rows)) + "\n", "utf-8")
    return path


def test_ok__checked_taken_in_taken_in_again_and_counted(borne, config: Path, tmp_path: Path) -> None:
    file = written(tmp_path, *GOOD)
    words = ("advance", "import", file, "--by", "B. Guard", "--config", config)
    checked = borne(*words, "--check")
    assert (checked.code, checked.out) == (0, "3 lines can be taken in, 0 are wrong; nothing was kept\n")
    assert borne(*words).out == "3 people are expected now, 0 were already, 0 lines are wrong\n"
    again = borne(*words, "--json")
    assert [json.loads(line) for line in again.out.splitlines()] == [
        {"line": number, "taken": True, "known": True, "problems": []} for number in (2, 3, 4)
    ]
    edi = tmp_path / "train.edi"
    edi.write_text(PAXLST)
    taken = borne("advance", "import", edi, "--by", "B", "--config", config)
    assert (taken.code, taken.out) == (0, "1 people are expected now, 0 were already, 0 lines are wrong\n")
    listed = borne("advance", "list", "--config", config)
    assert listed.code == 0
    assert "3 listed, 0 came, 3 not yet." in listed.out
    assert listed.out.count("\n") == 2
    known = [
        json.loads(line) for line in borne("advance", "list", "--json", "--config", config).out.splitlines()
    ]
    assert {(one["reference"], one["kind"], one["persons"], one["absent"]) for one in known} == {
        *(("bus 17", "bus", 3, 3), ("TRAIN9", "train", 1, 1)),
    }


def test_fail__every_wrong_line_has_its_own_sentence(borne, config: Path, tmp_path: Path) -> None:
    row = GOOD[1].replace("bus 17", "bus 18")
    file = written(
        tmp_path,
        row.replace("bus,N", "ship,N"),
        "a,b",
        row.replace("L898902C3", "№").replace("1974-08-12", "12.8.1974"),
        row.replace("ERIKSSON", "E" * 201),
        row,
    )
    answer = borne("advance", "import", file, "--by", "B. Guard", "--config", config)
    assert answer.code == 1
    assert answer.out.splitlines() == [
        "Line 2: kind must be bus, train or crew.",
        "Line 3: it has 2 fields and not 20.",
        "Line 4: document_number has characters that an MRZ cannot have.",
        "Line 4: birth_date is no date: write 2026-11-20.",
        "Line 5: primary_identifier is longer than it can be.",
        "1 people are expected now, 0 were already, 4 lines are wrong",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "first line must name"),
        (b"list,kind\n", "see to: "),
        (HEAD.encode() + b"\n", "no line but the first"),
        ((HEAD + "\n" + (GOOD[1] + "\n") * (MAX_FILE_LINES + 1)).encode(), "more than 5000 lines"),
        (HEAD.encode() + b"\n\xff", "not UTF-8"),
        (b"x" * (MAX_FILE_BYTES + 1), "larger than 4 MiB"),
        (b"UNB+", "cut short"),
    ],
)
def test_fail__what_is_no_list(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(CouldNot, match=says):
        read_file(tmp_path / "x.csv")


def test_fail__without_a_box_or_a_name(borne, config: Path, tmp_path: Path) -> None:
    file = written(tmp_path, *GOOD)
    nobody = borne("advance", "import", file, "--by", " ", "--config", config)
    assert (nobody.code, "--by takes a name" in nobody.err) == (2, True)
    none = borne("advance", "import", file, "--by", "B", "--config", tmp_path / "none.toml")
    assert none.code == 2
    assert borne("advance", "import", tmp_path / "gone.csv", "--by", "B", "--config", config).code == 2


def test_ok__the_sentence_of_who_never_came() -> None:
    list_ = AdvanceList(
        id="0", reference="bus 17", kind="bus", route="", direction="entry",
        expected="2026-12-01T07:15:00+00:00", persons=40, came=36, perhaps=1, ended=True,
    )  # fmt: skip
    assert sentence_of(list_) == (
        "bus 17 (bus, entry, 2026-12-01T07:15:00+00:00): 40 listed, 36 came, "
        "1 perhaps (by name and birth date), 3 never came."
    )


def test_ok__the_template_has_the_columns() -> None:
    assert tuple(next(csv.reader(io.StringIO(HEAD)))) == ADVANCE_COLUMNS
    lines, wrong = read_file(TEMPLATE)
    assert (len(lines), wrong) == (3, [])


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_ok__no_text_breaks_a_file(tmp_path_factory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    for content in (text, f"{HEAD}\n{text}\n", f"UNB+{text}"):
        path.write_text(content, "utf-8", errors="surrogatepass")
        try:
            read_file(path)
        except CouldNot:
            continue
