"""The trainer's view over several seats: who got what right, and which travellers were missed by how many."""

import html
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from appliance.contracts.checks import Outcome
from appliance.simulation.training.debrief import Attempt, ResultError, Session, by_grade, load, score_of

MAX_FILES: Final = 2000
"""A course of fifty seats keeps some hundred."""


def gather(folders: Iterable[Path]) -> tuple[Session, ...]:
    """Every session kept below these folders, the oldest first.

    Raises:
        ResultError: there is none, one cannot be read, or there are too many.
    """
    folders = tuple(folders)
    paths = sorted(path for folder in folders for path in folder.rglob("*.json"))
    if not paths:
        raise ResultError(f"There are no results in {', '.join(map(str, folders))}.")
    if len(paths) > MAX_FILES:
        raise ResultError(f"There are {len(paths)} files; a report takes at most {MAX_FILES}.")
    sessions = (load(path) for path in paths)
    return tuple(sorted(sessions, key=lambda one: (one.seat, one.started)))


def report(sessions: Sequence[Session]) -> dict[str, Any]:
    """Seats with their scores, and travellers with who missed them, the most missed first."""
    return {"seats": [_seat(one) for one in sessions], "travellers": list(_travellers(sessions))}


def _seat(session: Session) -> dict[str, Any]:
    score = score_of(session.attempts)
    times = sorted(one.seconds for one in session.attempts)
    return {
        "seat": session.seat,
        "started": session.started,
        "book": session.book,
        "done": score.of,
        "of": session.travellers,
        "right": score.right,
        "points": score.points,
        "of_points": score.of_points,
        "share": round(score.share, 3),
        "grades": {str(grade): f"{one.right}/{one.of}" for grade, one in by_grade(session.attempts).items()},
        "let_through": list(score.let_through),
        "held_up": list(score.held_up),
        "hasty": score.hasty,
        "median_seconds": times[len(times) // 2] if times else None,
    }


def _travellers(sessions: Sequence[Session]) -> Iterator[dict[str, Any]]:
    tried: dict[str, list[tuple[str, Attempt]]] = {}
    for session in sessions:
        for one in session.attempts:
            tried.setdefault(one.traveller, []).append((session.seat, one))
    rows: list[dict[str, Any]] = [
        {
            "traveller": id_,
            "title": pairs[0][1].title,
            "grade": pairs[0][1].grade,
            "right_act": pairs[0][1].right_act.value,
            "tried": len(pairs),
            "missed": sum(not one.right for _seat, one in pairs),
            "missed_by": sorted({seat for seat, one in pairs if not one.right}),
            "admitted": sum(one.act is Outcome.ADMITTED for _seat, one in pairs),
            "notice": list(pairs[0][1].notice),
        }
        for id_, pairs in tried.items()
    ]
    yield from sorted(rows, key=lambda row: (-row["missed"], row["traveller"]))


_SEAT_HEADS: Final = ("Seat", "Started", "Done", "Right", "Points", "Grade 1", "Grade 2", "Grade 3",
                      "Let through", "Held up", "Hasty", "Median s")  # fmt: skip
_MISSED_HEADS: Final = ("Missed", "Of", "Traveller", "Grade", "Right was", "Missed by", "To be noticed")


def _seat_cells(row: dict[str, Any]) -> tuple[str, ...]:
    grades = row["grades"]
    return (
        row["seat"],
        row["started"][:16].replace("T", " "),
        f"{row['done']}/{row['of']}",
        str(row["right"]),
        f"{row['points']}/{row['of_points']}",
        *(grades.get(grade, "-") for grade in "123"),
        str(len(row["let_through"])),
        str(len(row["held_up"])),
        str(row["hasty"]),
        "-" if row["median_seconds"] is None else f"{row['median_seconds']:.1f}",
    )


def _missed_cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(row["missed"]),
        str(row["tried"]),
        row["title"],
        str(row["grade"]),
        row["right_act"],
        ", ".join(row["missed_by"]),
        ", ".join(row["notice"]),
    )


def table(found: dict[str, Any]) -> str:
    """The report for a terminal."""
    missed = [_missed_cells(row) for row in found["travellers"] if row["missed"]]
    parts = [_aligned(_SEAT_HEADS, [_seat_cells(row) for row in found["seats"]])]
    parts.append(_aligned(_MISSED_HEADS, missed) if missed else "Nobody missed anything.")
    return "\n\n".join(parts)


def _aligned(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads))]
    lines = (zip(row, widths, strict=True) for row in (heads, *rows))
    return "\n".join("  ".join(cell.ljust(width) for cell, width in line).rstrip() for line in lines)


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Training: who missed what</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.45 "DejaVu Sans", system-ui, sans-serif; margin: 2rem; color: #1d2430; }}
table {{ border-collapse: collapse; margin-block: 0.6rem 2rem; }}
th, td {{ text-align: start; padding: 0.25rem 0.9rem 0.25rem 0; border-block-end: 1px solid #d8d4e2; }}
th {{ border-block-end: 2px solid #5b2a86; }}
td:first-child {{ font-weight: 700; }}
</style></head><body>
<h1>Training: who missed what</h1>
<h2>Seats</h2>
{seats}
<h2>Travellers that were missed</h2>
{missed}
</body></html>
"""


def page(found: dict[str, Any]) -> str:
    """The report as one HTML page that needs nothing else."""
    missed = [_missed_cells(row) for row in found["travellers"] if row["missed"]]
    return _PAGE.format(
        seats=_html(_SEAT_HEADS, [_seat_cells(row) for row in found["seats"]]),
        missed=_html(_MISSED_HEADS, missed) if missed else "<p>Nobody missed anything.</p>",
    )


def _html(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>"
