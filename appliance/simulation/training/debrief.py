"""What a trainee did with one traveller against what was right, and the score of a session."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from appliance.contracts.checks import Outcome, Recommendation
from appliance.simulation.training.script import Act, Traveller
from appliance.whole_files import write_whole

HASTY_SECONDS: Final = 2.0
"""Who decides sooner under AMBER or RED has not read why."""
MAX_RESULT_BYTES: Final = 4 * 1024 * 1024


class ResultError(Exception):
    """A results file that cannot be used, in one plain sentence."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One traveller, as the trainee saw them through."""

    traveller: str
    grade: int
    title: str
    honest: bool
    box: Recommendation | None
    """What the box recommended; None: the trainee did not wait for it."""
    expected_box: Recommendation
    reasons: tuple[str, ...]
    act: Outcome
    right_act: Act
    right: bool
    hasty: bool
    """Decided under AMBER or RED before anybody could have read why."""
    looked_seconds: float | None
    """From the start to the recommendation."""
    decided_seconds: float | None
    """From the recommendation to the decision."""
    seconds: float
    presses: int
    """Of the one button."""
    forms: int
    """Sent by keyboard: a document typed in (checked and confirmed), a finger excused, a release."""
    notice: tuple[str, ...]
    debrief: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One sitting at one seat."""

    seat: str
    book: str
    started: str
    """ISO 8601."""
    travellers: int
    """How many the book has; fewer attempts: the session was broken off."""
    attempts: tuple[Attempt, ...] = ()


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How much was right; a traveller of grade 3 counts thrice."""

    right: int
    of: int
    points: int
    of_points: int
    let_through: tuple[str, ...]
    """Ids of travellers who should not have been admitted, and were."""
    held_up: tuple[str, ...]
    """Ids of those who should have been admitted, and were not."""
    hasty: int

    @property
    def share(self) -> float:
        return self.points / self.of_points if self.of_points else 0.0


def judge(
    traveller: Traveller,
    *,
    outcome: Outcome,
    box: Recommendation | None,
    reasons: tuple[str, ...],
    looked: float | None,
    decided: float | None,
    seconds: float,
    presses: int,
    forms: int,
) -> Attempt:
    """What was done against the script; times in seconds."""
    right = (outcome is Outcome.ADMITTED) == (traveller.right.act is Act.ADMIT)
    grave = box in (Recommendation.AMBER, Recommendation.RED)
    return Attempt(
        traveller=traveller.id,
        grade=traveller.grade,
        title=traveller.title,
        honest=traveller.honest,
        box=box,
        expected_box=traveller.right.box,
        reasons=reasons,
        act=outcome,
        right_act=traveller.right.act,
        right=right,
        hasty=grave and decided is not None and decided < HASTY_SECONDS,
        looked_seconds=_rounded(looked),
        decided_seconds=_rounded(decided),
        seconds=round(seconds, 2),
        presses=presses,
        forms=forms,
        notice=traveller.right.notice,
        debrief=traveller.right.debrief,
    )


def score_of(attempts: Iterable[Attempt]) -> Score:
    """Right acts, and points by grade."""
    all_ = tuple(attempts)
    return Score(
        right=sum(one.right for one in all_),
        of=len(all_),
        points=sum(one.grade for one in all_ if one.right),
        of_points=sum(one.grade for one in all_),
        let_through=tuple(one.traveller for one in all_ if not one.right and one.act is Outcome.ADMITTED),
        held_up=tuple(one.traveller for one in all_ if not one.right and one.act is not Outcome.ADMITTED),
        hasty=sum(one.hasty for one in all_),
    )


def by_grade(attempts: Iterable[Attempt]) -> dict[int, Score]:
    """The score of each grade that occurs."""
    all_ = tuple(attempts)
    return {
        grade: score_of(one for one in all_ if one.grade == grade)
        for grade in sorted({a.grade for a in all_})
    }


def matrix(attempts: Iterable[Attempt]) -> dict[str, dict[str, int]]:
    """honest or dishonest -> GREEN, AMBER, RED or unseen -> how many: what the box said of whom."""
    columns = [*(colour.value for colour in Recommendation), "unseen"]
    table = {who: dict.fromkeys(columns, 0) for who in ("honest", "dishonest")}
    for one in attempts:
        table["honest" if one.honest else "dishonest"][one.box.value if one.box else "unseen"] += 1
    return table


def keep(session: Session, folder: Path) -> Path:
    """Write the session under its seat; the same file again after each traveller.

    Raises:
        OSError: it is not on disk.
    """
    seat = folder / session.seat
    seat.mkdir(parents=True, exist_ok=True)
    moment = dt.datetime.fromisoformat(session.started).strftime("%Y%m%dT%H%M%S")
    path = seat / f"{moment}.json"
    write_whole(path, msgspec.json.format(msgspec.json.encode(session), indent=1))
    return path


def load(path: Path) -> Session:
    """A kept session.

    Raises:
        ResultError: it cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_RESULT_BYTES + 1)
    except OSError as error:
        raise ResultError(f"{path} cannot be read ({error.strerror}).") from error
    if len(data) > MAX_RESULT_BYTES:
        raise ResultError(f"{path} is larger than {MAX_RESULT_BYTES} bytes: no session's results are.")
    try:
        return msgspec.json.decode(data, type=Session)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ResultError(f"{path} holds no results of a training session.") from error


def summary(session: Session) -> dict[str, Any]:
    """The session's score as plain values, for --json."""
    score = score_of(session.attempts)
    return {
        "seat": session.seat,
        "book": session.book,
        "started": session.started,
        "travellers": session.travellers,
        "done": score.of,
        "right": score.right,
        "points": score.points,
        "of_points": score.of_points,
        "grades": {
            grade: {"right": one.right, "of": one.of} for grade, one in by_grade(session.attempts).items()
        },
        "let_through": list(score.let_through),
        "held_up": list(score.held_up),
        "hasty": score.hasty,
        "box": matrix(session.attempts),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
