"""A check's reason in words, with what it saw and how old that was (promise 1).

Evidence comes from many rooms and may lack anything: what is there and of the right kind is said.
"""

import math
from typing import Any, Final

from appliance.contracts.checks import Check
from appliance.services.lane.kiosk.seat_words import seat_words
from appliance.services.lane.kiosk.stay_words import stay_words
from appliance.services.lane.kiosk.words import Words

BIOMETRICS: Final = ("portrait", "face", "fingerprint")
"""Ids of three rooms that are one matter to the officer."""
JOURNEY: Final = ("stated", "stay", "visa", "group", "child", "advance", "risk")
"""Likewise: how long, with whom, on what visa."""
CHECK_DIGIT: Final = "_check_digit"
"""How the ids of the checks end that compare one digit."""


def area_of(check: Check) -> str:
    """The heading that the check stands under: the part of its id before the dot."""
    area = check.id.partition(".")[0]
    return "biometrics" if area in BIOMETRICS else "journey" if area in JOURNEY else area


def reason_of(check: Check, words: Words) -> str:
    """Why, in words: "No hit – list 9 days old"."""
    parts = [_reason(check, words)]
    evidence = check.evidence
    if (fields := evidence.get("fields")) and isinstance(fields, list | tuple):
        parts.append(words.comma.join(words.say("field", str(field)) for field in fields))
    if (name := evidence.get("list")) and isinstance(name, str):
        parts.append(name)
    if (short := evidence.get("short")) and isinstance(short, list | tuple):
        parts.append(words.comma.join(words.say("measure", str(measure)) for measure in short))
    similarity, threshold = _number(evidence.get("similarity")), _number(evidence.get("threshold"))
    if similarity is not None and threshold is not None:
        parts.append(words.ui("similarity", value=words.decimal(similarity), least=words.decimal(threshold)))
    if (matched := evidence.get("matched")) and isinstance(matched, str):
        parts.append(words.ui("on_list", name=matched))
    if (spelling := evidence.get("spelling")) and isinstance(spelling, str):
        parts.append(words.ui("as_listed", number=spelling))
    if check.reason == "old_list_hit" and (contact := evidence.get("contact")) and isinstance(contact, str):
        parts.append(words.ui("ask", contact=contact))  # it may have been lifted since
    if (said := rule_words(evidence, words)) is not None:
        parts.append(said)
    parts += stay_words(check, words)
    parts += seat_words(evidence, words)
    if (questions := evidence.get("questions")) and isinstance(questions, list | tuple):
        parts.append(", ".join(words.say("question", str(one)) for one in questions))
    score = _number(evidence.get("score"))
    if score is not None and 0 <= score < 1:  # an exact hit is not "alike"
        parts.append(words.ui("alike", percent=words.percent(score)))
    if (
        "list_age_hours" in evidence
        and evidence["list_age_hours"] is None
        and check.reason != "list_unreadable"
    ):
        parts.append(words.ui("list_age_unknown"))
    elif (age := list_age_hours(evidence)) is not None:
        parts.append(words.ui("list_age", span=words.span(age)))
    return " – ".join(parts)


def headline_of(check: Check, words: Words) -> str:
    """The same in the few words that stand under the recommendation."""
    short = words.of_check("headline", check.id, check.reason)
    if short is None and check.id.endswith(CHECK_DIGIT):
        short = words.find("headline.check_digit")
    return short or f"{words.say('check', check.id)}: {_reason(check, words)}"


def rule_words(evidence: dict[str, Any], words: Words) -> str | None:
    """What the rule itself says: in the officer's language, else in English, else in any."""
    says = evidence.get("says")
    if not isinstance(says, dict):
        return None
    sentences = {code: said for code, said in says.items() if isinstance(said, str)}
    return sentences.get(words.code) or sentences.get("en") or next(iter(sentences.values()), None)


def list_age_hours(evidence: dict[str, Any]) -> float | None:
    """The age of the list that was leaned on; of several, the oldest."""
    ages = [_number(evidence.get("list_age_hours"))]
    lists = evidence.get("lists")
    if isinstance(lists, list | tuple):
        ages += [_number(entry.get("list_age_hours")) for entry in lists if isinstance(entry, dict)]
    return max((age for age in ages if age is not None), default=None)


def _reason(check: Check, words: Words) -> str:
    evidence = check.evidence
    reason = words.of_check("reason", check.id, check.reason) or check.reason
    read, expected = evidence.get("read"), evidence.get("expected")
    if check.id.endswith(CHECK_DIGIT) and isinstance(read, str) and expected and isinstance(expected, str):
        digits = words.ui("digit", read=read, expected=expected)
        return digits if check.reason == "check_digit_differs" else f"{digits} – {reason}"
    date = evidence.get("expiry_date")
    if check.reason == "expired" and isinstance(date, str):
        return words.ui("expired_on", date=words.date(date))
    if check.reason == "valid" and isinstance(date, str):
        return words.ui("valid_to", date=words.date(date))
    return reason


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
