"""Notes from the page, whatever is in them: a note that is kept, or a code that has words; never an error."""

import datetime as dt

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from appliance.contracts.asked import (
    MAX_PROOFS,
    NOTE_PROBLEMS,
    Say,
    SayPapers,
    SayProof,
    SentNote,
)
from appliance.contracts.checks import Direction
from appliance.services.lane import asked_desk
from appliance.services.lane.workflow import State, decode, encode

TODAY = dt.date(2026, 11, 26)
texts = st.text(max_size=400)


def judged(made) -> None:
    """Either an event that the journal gives back as it was, or a problem with words."""
    make, problems = made
    assert (make is None) is bool(problems)
    assert set(problems.values()) <= set(NOTE_PROBLEMS)
    if make is not None:
        event = make(State())
        assert decode(encode(event)) == event


@given(
    texts | st.sampled_from(("purpose", "intended_stay_days", "previous_residence", "transport")),
    texts | st.integers().map(str) | st.sampled_from(("work", "KGZ", "-", "", "٣", "1e9", "+5", " 7 ")),
)
def test_ok__answers(question: str, value: str) -> None:
    judged(asked_desk._say(Say(crossing="c", question=question, value=value)))


@given(
    texts | st.sampled_from([one.value for one in Direction]),
    texts | st.dates().map(dt.date.isoformat) | st.just("20261126"),
    texts | st.just("stamp"),
    texts,
    texts,
    st.integers(0, 2 * MAX_PROOFS),
)
def test_ok__proofs(direction: str, day: str, kind: str, place: str, reason: str, noted: int) -> None:
    note = SayProof(crossing="c", direction=direction, day=day, kind=kind, place=place, reason=reason)
    judged(asked_desk._proof(note, today=TODAY, officer="A", noted=noted))


@given(texts | st.just("KGZ"), texts | st.just("UTO"), texts)
def test_ok__papers(nationality: str, state: str, number: str) -> None:
    note = SayPapers(crossing="c", nationality=nationality, issuing_state=state, document_number=number)
    judged(asked_desk._papers(note))


@given(st.binary(max_size=300))
def test_fail__bytes_that_are_no_note(data: bytes) -> None:
    try:
        msgspec.json.decode(data, type=SentNote)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
