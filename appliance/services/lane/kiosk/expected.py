"""Who is on their way and whom a list names, in words: the second line's page, and no other."""

import datetime as dt
from dataclasses import dataclass

from appliance.contracts.advance import ExpectedHit
from appliance.services.lane.kiosk.reasons import reason_of
from appliance.services.lane.kiosk.seat_words import place_words
from appliance.services.lane.kiosk.words import Words


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    """One of them."""

    state: str
    name: str
    document: str
    why: str
    when: str
    where: str


def expected_line(hit: ExpectedHit, words: Words) -> ExpectedLine:
    """As the page shows it; the check is said as it would be at the booth."""
    list_ = hit.list
    contact = hit.check.evidence.get("contact")
    why = [f"{words.say('check', hit.check.id)}: {reason_of(hit.check, words)}"]
    if isinstance(contact, str) and contact:
        why.append(words.ui("ask", contact=contact))
    moment = dt.datetime.fromisoformat(list_.expected).astimezone()
    place = (list_.reference, list_.route, *place_words(hit.coach, hit.seat, words))
    return ExpectedLine(
        state=words.ui("expected_came" if hit.came else "expected_not_yet"),
        name=hit.name or words.ui("no_name"),
        document=hit.document or words.ui("no_document"),
        why=" – ".join(why),
        when=f"{words.date(moment.date().isoformat())}, {moment:%H:%M}",
        where=words.comma.join(one for one in place if one),
    )
