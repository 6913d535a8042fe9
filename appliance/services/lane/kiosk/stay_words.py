"""A stay's arithmetic in words: which days count, how many are left, until when."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from appliance.contracts.checks import Check
from appliance.services.lane.kiosk.words import Words

STAYS_SHOWN: Final = 2
"""The latest; the record has more."""


def stay_words(check: Check, words: Words) -> Iterator[str]:
    """What a check of the stay adds to its reason; nothing for any other check."""
    if not check.id.startswith("stay."):
        return
    evidence = check.evidence
    for proof in _maps(evidence.get("proofs")):
        kind = words.say("proof", str(proof.get("kind")))
        way = words.say("direction", str(proof.get("direction")))
        day = words.date(str(proof.get("day")))
        yield " ".join(part for part in (kind, way.lower(), day, str(proof.get("place") or "")) if part)
    yield from _counted(evidence, words)
    for other in _maps(evidence.get("other_nationalities")):
        code = str(other.get("nationality"))
        told = list(_counted(other, words)) or [words.say("reason", str(other.get("reason")))]
        yield f"{words.issuer(code) or code}: {', '.join(told)}"


def _counted(evidence: Mapping[str, Any], words: Words) -> Iterator[str]:
    days, used, most = (_whole(evidence.get(name)) for name in ("days", "used", "used_most"))
    if days is None or used is None or most is None:
        return
    span = str(used) if used == most else words.ui("stay_span", fewest=used, most=most)
    window = _whole(evidence.get("window_days"))
    if window is None:
        yield words.ui("stay_used", used=span, days=days)
    else:
        since = words.date(str(evidence.get("window_from")))
        yield words.ui("stay_used_window", used=span, days=days, window=window, since=since)
    lines = list(_maps(evidence.get("lines")))
    for line in lines[-STAYS_SHOWN:]:
        yield _line(line, words)
    if len(lines) > STAYS_SHOWN:
        yield words.ui("stay_more", number=len(lines) - STAYS_SHOWN)
    over = _whole(evidence.get("overstayed"))
    last, visa, again = (evidence.get(name) for name in ("last_day", "visa_until", "again_from"))
    if over:
        span = words.count("days", over)
        yield words.ui("stay_over", span=span)
    elif last:
        yield words.ui("stay_until", date=words.date(str(last)))
    if visa and not over:
        yield words.ui("stay_visa_until", date=words.date(str(visa)))
    if again:
        yield words.ui("stay_again_from", date=words.date(str(again)))


def _line(line: Mapping[str, Any], words: Words) -> str:
    since, until = (words.date(str(line.get(name))) for name in ("since", "until"))
    fewest, most = _whole(line.get("days")) or 0, _whole(line.get("most")) or 0
    days = str(most) if fewest == most else words.ui("stay_span", fewest=fewest, most=most)
    span = since if since == until else f"{since} – {until}"
    gap = f" ({words.say('gap', str(line['gap']))})" if line.get("gap") else ""
    return f"{span}: {days}{gap}"


def _maps(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list | tuple) else ()


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
