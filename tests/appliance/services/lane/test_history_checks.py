"""What the box's own history says of a document; and what a person's request does to it."""

import datetime as dt
from pathlib import Path

import nacl.utils
import pytest
from nacl.secret import SecretBox

from appliance.contracts.checks import CHECKS, Direction
from appliance.records.history import History, Passage, by_visa
from appliance.screening import Subject
from appliance.services.lane.history_checks import ID, history_check

NOW = dt.datetime(2027, 3, 1, 12, tzinfo=dt.UTC)
SUBJECT = Subject(issuing_state="UTO", document_number="L898902C3")


@pytest.fixture
def history(tmp_path: Path):
    one = History.open(tmp_path / "history.db", storage=SecretBox(nacl.utils.random(32)))
    yield one
    one.close()


def crossed(
    history: History, name: str, *, days: float, direction: str = "entry", outcome: str = "admitted"
) -> None:
    at = (NOW - dt.timedelta(days=days)).isoformat(timespec="milliseconds")
    passage = Passage(crossing=name, direction=direction, at=at, outcome=outcome)
    history.add(passage, issuing_state="UTO", document_number="L898902C3")


def look(
    history: History | None, *, direction: Direction = Direction.EXIT, quality: str = "rtc", **changes: object
):
    values = {"subject": SUBJECT, "stay_days": 90.0} | changes
    return history_check(history, direction=direction, now=NOW, time_quality=quality, **values)


def test_ok__nothing_before(history: History) -> None:
    check = look(history)
    assert (check.verdict, check.reason) == ("PASS", "ok")
    assert check.evidence == {"purpose": "stay_and_duplicate", "found": 0, "time_quality": "rtc"}


@pytest.mark.parametrize(
    ("days", "direction", "quality", "stay", "reason"),
    [
        (91, Direction.EXIT, "rtc", 90.0, "stay_exceeded"),
        (89, Direction.EXIT, "rtc", 90.0, "ok"),
        (91, Direction.EXIT, "carried", 90.0, "ok"),
        (91, Direction.EXIT, "rtc", 0.0, "ok"),
        (91, Direction.ENTRY, "rtc", 90.0, "ok"),
        (0.003, Direction.ENTRY, "rtc", 90.0, "same_direction_again"),
        (0.003, Direction.EXIT, "rtc", 90.0, "ok"),
    ],
)
def test_ok__stays_and_duplicates(history: History, days, direction, quality, stay, reason) -> None:
    crossed(history, "c1", days=days)
    check = look(history, direction=direction, quality=quality, stay_days=stay)
    assert (check.reason, check.evidence["found"]) == (reason, 1)
    assert reason in CHECKS[ID]


def test_ok__an_exit_since_then_ends_the_stay_and_a_referral_is_no_entry(history: History) -> None:
    crossed(history, "c1", days=200)
    crossed(history, "c2", days=150, direction="exit")
    assert look(history).reason == "ok"
    crossed(history, "c3", days=100, outcome="referred")
    assert look(history).reason == "ok"


def test_ok__what_cannot_be_searched(history: History) -> None:
    assert look(None).reason == "not_asked"
    assert look(history, subject=None).reason == "nothing_to_search"
    assert look(history, subject=Subject()).reason == "nothing_to_search"
    history._connection.execute("DROP TABLE searches")
    check = look(history)
    assert (check.verdict, check.reason) == ("CANNOT", "history_unreadable")


def test_ok__a_document_with_more_crossings_than_are_shown(history: History) -> None:
    """A commuter's stay needs them all."""
    for number in range(120):
        crossed(history, f"c{number}", days=number / 2)
    told = {"issuing_state": "UTO", "document_number": "L898902C3", "purpose": "test", "now": NOW}
    assert len(history.search(**told)) == 50
    assert len(history.search(**told, limit=1000)) == 120


def test_ok__forgotten_under_the_visa_s_number_too(history: History) -> None:
    crossed(history, "c1", days=1)
    passage = Passage(crossing=by_visa("c1"), direction="entry", at=NOW.isoformat(), outcome="admitted")
    history.add(passage, issuing_state="visa/KGZ", document_number="V1")
    history.forget(("c1",))
    assert history._count() == 0
