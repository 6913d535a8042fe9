"""What was done against what was right; the score; the trainer's view over several seats."""

from pathlib import Path

import msgspec
import pytest

from appliance.cli import main
from appliance.contracts.checks import Outcome, Recommendation
from appliance.simulation.training.debrief import (
    Attempt,
    ResultError,
    Session,
    by_grade,
    judge,
    keep,
    load,
    matrix,
    score_of,
    summary,
)
from appliance.simulation.training.report import gather, page, report, table
from appliance.simulation.training.script import load_book

BOOK = {one.id: one for one in load_book().traveller}


def attempt(id_: str, outcome: Outcome, box: Recommendation | None, *, decided: float = 5.0) -> Attempt:
    return judge(
        BOOK[id_],
        outcome=outcome,
        box=box,
        reasons=(),
        looked=3.0,
        decided=None if box is None else decided,
        seconds=8.0,
        presses=2,
        forms=0,
    )


ADMITTED, REFERRED = Outcome.ADMITTED, Outcome.REFERRED
GREEN, AMBER, RED = Recommendation.GREEN, Recommendation.AMBER, Recommendation.RED


@pytest.mark.parametrize(
    ("id_", "outcome", "right"),
    [
        ("ordinary-passport", ADMITTED, True),
        ("ordinary-passport", REFERRED, False),
        ("stolen-passport", REFERRED, True),
        ("stolen-passport", ADMITTED, False),
        ("child-alone", REFERRED, True),
        ("child-alone", ADMITTED, False),
        ("unreadable-page", ADMITTED, True),
    ],
)
def test_ok__an_act_is_right_as_the_script_says(id_: str, outcome: Outcome, right: bool) -> None:
    assert attempt(id_, outcome, GREEN).right is right


def test_ok__who_decides_before_reading_is_told() -> None:
    assert attempt("stolen-passport", REFERRED, RED, decided=0.8).hasty
    assert not attempt("stolen-passport", REFERRED, RED, decided=4.0).hasty
    assert not attempt("ordinary-passport", ADMITTED, GREEN, decided=0.8).hasty, "GREEN says nothing to read"
    assert not attempt("stolen-passport", REFERRED, None).hasty


def session(seat: str, *attempts: Attempt) -> Session:
    return Session(seat=seat, book="b", started="2026-11-26T10:00:00+00:00", travellers=3, attempts=attempts)


GOOD = session(
    "anna", attempt("ordinary-passport", ADMITTED, GREEN), attempt("second-sister", REFERRED, AMBER)
)
BAD = session("ben", attempt("ordinary-passport", REFERRED, GREEN), attempt("second-sister", ADMITTED, AMBER))


def test_ok__points_count_the_grade() -> None:
    score = score_of((*GOOD.attempts, *BAD.attempts))
    assert (score.right, score.of, score.points, score.of_points) == (2, 4, 3, 6)
    assert score.let_through == ("second-sister",)
    assert score.held_up == ("ordinary-passport",)
    assert by_grade(BAD.attempts)[2].right == 0
    assert matrix(GOOD.attempts) == {
        "honest": {"GREEN": 1, "AMBER": 0, "RED": 0, "unseen": 0},
        "dishonest": {"GREEN": 0, "AMBER": 1, "RED": 0, "unseen": 0},
    }
    assert summary(BAD)["grades"] == {1: {"right": 0, "of": 1}, 2: {"right": 0, "of": 1}}


def test_ok__kept_and_read_again(tmp_path: Path) -> None:
    path = keep(GOOD, tmp_path)
    assert path.parent.name == "anna"
    assert load(path) == GOOD
    keep(msgspec.structs.replace(GOOD, attempts=()), tmp_path)
    assert load(path).attempts == (), "the same session is the same file"


@pytest.mark.parametrize("content", [b"", b"{}", b'{"seat": 3}', b"\xff\xfe", b"[" * 5000])
def test_fail__a_file_that_holds_no_results(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ResultError, match=r"x\.json"):
        load(path)


def test_fail__no_results(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="no results"):
        gather([tmp_path])
    with pytest.raises(ResultError, match="cannot be read"):
        load(tmp_path / "none.json")


def test_ok__the_trainer_sees_who_missed_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(GOOD, tmp_path / "room")
    keep(BAD, tmp_path / "room")
    found = report(gather([tmp_path]))
    missed = {row["traveller"]: row["missed_by"] for row in found["travellers"] if row["missed"]}
    assert missed == {"ordinary-passport": ["ben"], "second-sister": ["ben"]}
    assert [row["points"] for row in found["seats"]] == [3, 0]
    said = table(found)
    assert "anna" in said
    assert "fingerprint.comparison" in said
    assert main(["training", "report", str(tmp_path), "--html", str(tmp_path / "r.html")]) == 0
    assert capsys.readouterr().out.strip() == said
    assert "<td>ben</td>" in (tmp_path / "r.html").read_text()


def test_ok__nobody_missed_anything() -> None:
    found = report([GOOD])
    assert "Nobody missed anything." in table(found)
    assert "Nobody missed anything." in page(found)


def test_ok__names_are_no_html() -> None:
    evil = msgspec.structs.replace(BAD, seat="<script>")
    assert "<script>" not in page(report([evil]))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "/nowhere"), "no results"),
        (("check", "/nowhere.toml"), "cannot be read"),
        (("--seat", "../etc"), "invalid seat value"),
        (("--port", "70000"), "invalid port value"),
        (("--lists-age", "481"), "invalid hours value"),
        (("--notice", "61"), "invalid seconds value"),
        (("--traveller", "nobody"), "no traveller `nobody`"),
    ],
)
def test_fail__a_command_that_cannot_be(capsys: pytest.CaptureFixture[str], words, said: str) -> None:
    try:
        code = main(["training", *words])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert said in capsys.readouterr().err


def test_ok__scripts_are_checked_without_a_session(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(__file__).parents[4] / "appliance/simulation/scripts"
    assert main(["training", "check", *map(str, sorted(folder.glob("*.toml")))]) == 0
    assert capsys.readouterr().out.startswith("63 travellers")
