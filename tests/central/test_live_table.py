import io
import json

import pytest
from central_common import DOCUMENT, STAMP, movement

from appliance.contracts.checks import Recommendation
from appliance.records.envelope import Header, Sealed
from central.live_table import COLUMNS, LiveTable

SEALED = Sealed(
    header=Header(
        device="box-1", epoch="e", seq=7, prev=bytes(32), body_hash=bytes(32), recipient=b"", stamp=STAMP
    ),
    kid=b"",
    chain_hash=bytes(32),
    version=2,
    body=None,
    key=None,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_ok__a_line_a_crossing_and_no_name() -> None:
    stream = io.StringIO()
    table = LiveTable(stream, as_json=False)
    for _ in range(21):
        table.show(SEALED, movement())
    lines = stream.getvalue().splitlines()
    assert (lines[0], lines[21]) == (COLUMNS, COLUMNS)
    assert lines[1].split() == [
        "2026-11-02T08:00:00", "box-1", "7", "entry", "UTO", "AMBER", "admitted", "(simulated)",
    ]  # fmt: skip
    assert "ERIKSSON" not in stream.getvalue()
    assert "L898902C3" not in stream.getvalue()


def test_ok__json() -> None:
    stream = io.StringIO()
    LiveTable(stream, as_json=True).show(SEALED, movement())
    assert json.loads(stream.getvalue()) == {
        "device": "box-1",
        "epoch": "e",
        "seq": 7,
        "crossing": "crossing-1",
        "recommendation": "AMBER",
        "outcome": "admitted",
    }


@pytest.mark.parametrize("colour", list(Recommendation))
def test_ok__colour_on_a_terminal_only(colour) -> None:
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        LiveTable(stream, as_json=False).show(SEALED, movement(recommendation=colour, document=None))
    assert "\x1b[" in terminal.getvalue()
    assert "\x1b" not in file.getvalue()
    assert colour.value in file.getvalue()


def test_fail__a_box_cannot_steer_the_terminal() -> None:
    import msgspec

    stream = io.StringIO()
    evil = movement(
        document=msgspec.structs.replace(DOCUMENT, issuing_state="\x1b[2J"),
        decided=msgspec.structs.replace(STAMP, wall="\x1b]0;x\x07\n"),
    )
    LiveTable(stream, as_json=False).show(SEALED, evil)
    assert "\x1b" not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 2


def test_fail__nobody_looks_any_more(caplog) -> None:
    class Closed(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    table = LiveTable(Closed(), as_json=True)
    table.show(SEALED, movement())
    table.show(SEALED, movement())
    assert caplog.text.count("can no longer be shown") == 1
