"""The syntax below PAXLST: what the library is given, what it never gets to do, and its bounds."""

import json
import subprocess
import sys

import pydifact
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.contracts.advance import AdvanceLine
from appliance.paxlst import MAX_BYTES, MAX_PARTS, MAX_SEGMENTS, PaxlstError, read_paxlst, segments

GOOD = (
    "UNB+UNOA:4+BUSLINE+BORDER+261126:1200+REF1'UNH+MSG1+PAXLST:D:12B:UN:IATA'BGM+745'"
    "TDT+20+BUS17+3++BL+++01KG123ABC'DTM+232:2611261400:201'NAD+FL+++ERIKSSON:ANNA:MARIA'"
    "NAD+FM+++O?'NEIL:JO'CNT+42:2'UNT+8+MSG1'UNZ+1+REF1'"
)
UNA = "UNA:+.? '"

TEXT = st.text(
    st.one_of(st.sampled_from("?:+'.* A|~\x1c\x1d\x1f"), st.characters(exclude_categories=["Cs"])),
    max_size=12,
).map(lambda text: "".join(text.splitlines()).strip())
"""Without ends of lines and outer spaces, which say nothing in EDIFACT."""
COMPONENTS = st.lists(TEXT, min_size=1, max_size=5)
SEGMENT = st.tuples(st.from_regex(r"[A-Z]{3}", fullmatch=True), st.lists(COMPONENTS, max_size=5))
SERVICE = st.permutations(":+.?'|~*!\x1c\x1d\x1f").map(lambda used: "".join(used[:4]) + " " + used[4])


def written(service: str, *messages: tuple[str, list[list[str]]]) -> str:
    """As ISO 9735 has it, every service character in the data released."""
    component, element, _, release, _, end = service

    def released(text: str) -> str:
        return "".join(release + one if one in (component, element, release, end) else one for one in text)

    return "".join(
        element.join([tag, *(component.join(map(released, parts)) for parts in elements)]) + end
        for tag, elements in messages
    )


def without_trailing(parts: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Components left out at an element's end may as well not be there; an element has one."""
    kept = list(parts)
    while len(kept) > 1 and not kept[-1]:
        kept.pop()
    return tuple(kept)


@settings(max_examples=300)
@given(SERVICE, st.lists(SEGMENT, max_size=6))
def test_ok__what_is_released_comes_back(service: str, said: list[tuple[str, list[list[str]]]]) -> None:
    found = list(segments("UNA" + service + written(service, *said)))
    assert [(tag, [without_trailing(one) for one in elements]) for tag, elements in found] == [
        (tag, [without_trailing(one) for one in elements]) for tag, elements in said
    ]


def test_ok__ends_of_lines_say_nothing_wherever_they_stand() -> None:
    wrapped = "\r\n".join(GOOD[at : at + 7] for at in range(0, len(GOOD), 7))
    assert list(segments(wrapped)) == list(segments(GOOD))
    cut = (UNA + GOOD).replace("?'", "?\n'")
    assert read_paxlst(cut.encode(), direction="entry")[1].primary_identifier == "O'NEIL"


@pytest.mark.parametrize("una", ["UNA:+. *'", "UNA:+.? \n", "UNA +.? '", "UNA:\t.? '"])
def test_fail__a_space_is_no_service_character(una: str) -> None:
    with pytest.raises(PaxlstError, match="no service characters"):
        list(segments(una + GOOD))


def test_ok__a_una_in_the_middle_changes_nothing() -> None:
    """The library's own reading would begin anew there, and forget what stood before."""
    middle = GOOD.replace("NAD+FM", "UNA|;.! '\nNAD+FM", 1)
    with pytest.raises(PaxlstError, match="tag"):
        list(segments(middle))
    middle = GOOD.replace("UNH+", UNA + "UNH+", 1)
    assert [tag for tag, _ in segments(middle) if tag != "UNA"] == [tag for tag, _ in segments(GOOD)]


@pytest.mark.parametrize(
    "error",
    [
        pydifact.parser.EDISyntaxError("x"),
        ValueError("x"),
        TypeError("x"),
        IndexError("x"),
        EOFError("x"),
        RecursionError("x"),
        AssertionError("x"),
    ],
)
def test_fail__whatever_the_library_raises_has_one_type(error: Exception, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(pydifact.Tokenizer, "get_next_token", broken)
    with pytest.raises(PaxlstError, match="cannot be read"):
        read_paxlst(GOOD.encode(), direction="entry")


PIECES = st.one_of(
    st.sampled_from(
        ["'", "+", ":", "?", "''", "?'", "??", "\n", "?\n", " ", "\0", "\xff", "UNA:+.? '", "UNA", ""]
    ),
    st.sampled_from(
        ["'UNH+2+PAXLST'", "'UNT+9+MSG1'", "'UNZ+1+R'", GOOD, "'UNB+../../etc:../../etc'", "9" * 5000]
    ),
    st.text(max_size=8),
)


@settings(max_examples=500)
@given(
    st.sampled_from(["", UNA]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9), PIECES), max_size=4),
)
def test_ok__a_spoiled_message_ends_in_lines_or_a_typed_error(
    una: str, spoils: list[tuple[int, int, str]]
) -> None:
    text = una + GOOD
    for at, taken, piece in spoils:
        text = text[:at] + piece + text[at + taken :]
    try:
        lines = read_paxlst(text.encode("utf-8", "replace"), direction="entry")
    except PaxlstError:
        return
    assert {type(one) for one in lines} == {AdvanceLine}


WATCHED = """
import json, os, sys, warnings
from appliance.paxlst import read_paxlst
import pydifact

warnings.simplefilter("ignore")
asked, watching = [], False
stat = os.stat

def watched_stat(path, *others, **named):
    if watching:
        asked.append(str(path))
    return stat(path, *others, **named)

def hook(event, arguments):
    if watching and event in ("open", "import", "os.listdir", "os.scandir"):
        asked.append(f"{event} {arguments[0]}")

os.stat = watched_stat
sys.addaudithook(hook)
hostile = sys.argv[1]
readers = {
    "ours": lambda text: read_paxlst(text.encode(), direction="entry"),
    "theirs": lambda text: list(pydifact.Parser().parse(text)),
}
for read in readers.values():
    read(sys.argv[2])  # what is imported once is
found = {}
for name, read in readers.items():
    asked, watching = [], True
    read(hostile)
    watching, found[name] = False, asked
print(json.dumps(found))
"""


def test_ok__no_file_is_asked_for_by_what_a_message_names() -> None:
    """The library's whole way asks for `../../etc`: that it is seen here shows that the watch sees."""
    hostile = GOOD.replace("UNOA:4", "../../etc:../../etc")
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, hostile, GOOD], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["ours"] == []
    assert any("../../etc" in one for one in found["theirs"])


def test_ok__the_library_is_not_loaded_before_a_message_is_read() -> None:
    program = (
        "import sys\nimport appliance.advance_file as file\nassert 'pydifact' not in sys.modules\n"
        "file.read_advance(sys.argv[1].encode())\nassert 'pydifact' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, GOOD], check=True)


HEAD = "UNB+U'UNH+1+PAXLST'"


def filled(segment: str, times: int) -> bytes:
    return (HEAD + segment * times).encode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"+" * MAX_BYTES, "elements"),
        (b"'" * MAX_BYTES, "segments"),
        (b"?" * MAX_BYTES, "longer than"),
        (b"A" * MAX_BYTES, "longer than"),
        (b"?'" * (MAX_BYTES // 2), "segments"),
        (b"\r\n" * (MAX_BYTES // 2), "no end"),
        (filled("NAD" + "+" * 4000 + "'", 1000), "elements"),
        (filled("FTX'", MAX_SEGMENTS), "segments"),
    ],
)
def test_fail__the_largest_of_what_is_hostile(data: bytes, says: str) -> None:
    assert len(data) <= MAX_BYTES
    with pytest.raises(PaxlstError, match=says):
        read_paxlst(data, direction="entry")


PEAK = """
import sys, time
from pathlib import Path
from appliance.paxlst import PaxlstError, read_paxlst

def peak():
    # getrusage would count what the parent had before this program began
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

data = sys.stdin.buffer.read()
before = peak()
try:
    read_paxlst(data, direction="entry")
except PaxlstError as error:
    assert "no end" in str(error), error
else:
    raise SystemExit("it was read")
print(peak() - before, time.process_time())
"""


@pytest.mark.parametrize(
    "data",
    [
        # as many elements as may be, of characters that Python keeps at their largest
        filled("NAD" + "+\U0001f600a" * 199 + "'", MAX_PARTS // 200),
        filled("NAD+" + "?+" * 100 + "A" * 3800 + "'", MAX_BYTES // 4100),
        filled("FTX+" + "A" * 35 + "'", MAX_SEGMENTS - 9),
    ],
)
def test_ok__what_is_just_within_the_bounds_takes_seconds_and_little_memory(data: bytes) -> None:
    assert MAX_BYTES // 2 < len(data) <= MAX_BYTES
    done = subprocess.run([sys.executable, "-c", PEAK], input=data, capture_output=True, check=True)
    kilobytes, seconds = done.stdout.split()
    assert int(kilobytes) < 150 * 1024
    assert float(seconds) < 60
