"""What the page shows and offers of the officer's notes: answers, proofs, a visa, a group; in words."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from appliance.contracts.advance import AdvanceList
from appliance.contracts.asked import (
    GROUPS,
    MULTIPLE_ENTRIES,
    NOT_SAID,
    PROOFS,
    PURPOSES,
    ROLES,
    TRANSPORTS,
    AskedView,
    GroupView,
    NoteTaken,
    SentNote,
)
from appliance.contracts.errors import ServiceError
from appliance.contracts.lane import View
from appliance.contracts.visas import VisaOffer
from appliance.services.lane.kiosk.form import Choice
from appliance.services.lane.kiosk.guard import sent
from appliance.services.lane.kiosk.visas import fee_of
from appliance.services.lane.kiosk.words import Words

MAX_NOTE_BYTES: Final = 8 * 1024
"""A note of a few sentences, in any script."""
KEYS: Final = "1234567890A"
"""Of choices, in their order: the row of digits, and one more."""
RESIDENCES: Final = ("previous_residence", "next_residence")
VISA_ENTRIES: Final = "visa_entries"
SPANS: Final = (("D", 0), ("W", 7), ("M", 30), ("T", 90), ("Y", 365))
"""Intended stays with a key of their own: the same day, a week, a month, three, a year."""
ENTRIES: Final = (("1", 1), ("2", 2), ("3", 3), ("M", MULTIPLE_ENTRIES))


class NoteSource(Protocol):
    """What the page asks of the lane."""

    async def note(self, sent: SentNote) -> NoteTaken:
        """What the officer notes: what is wrong with it, or that it is kept."""
        ...


@dataclass(frozen=True, slots=True)
class Key:
    """A choice and the key that makes it."""

    key: str
    code: str
    word: str


@dataclass(frozen=True, slots=True)
class AskedForm:
    """What the dialogs of the page choose from."""

    purposes: tuple[Key, ...]
    transports: tuple[Key, ...]
    spans: tuple[Key, ...]
    entries: tuple[Key, ...]
    proofs: tuple[Choice, ...]
    groups: tuple[Choice, ...]
    roles: tuple[Key, ...]


class ArrivalUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """The form of an application for a visa on arrival, in words."""

    purposes: tuple[tuple[str, str], ...]
    days: str
    fee: str
    says: str
    purpose: str
    stay: str
    """Days that the traveller has said."""


class AskedUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What one event tells the dialogs."""

    crossing: str
    left: tuple[str, ...]
    """Questions that are open, what must be asked first."""
    questions: dict[str, str]
    """Those that may be asked: to the answer, empty where nobody has asked."""
    countries: tuple[tuple[str, str], ...]
    """Code and name of the likeliest residences."""
    proof: bool
    visa: bool
    arrival: ArrivalUpdate | None = None


class GroupUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What one event tells the group's dialog."""

    group: str
    """Empty: none is open, and one may be opened."""
    crossing: str
    """Who of the group stands here; empty: nobody."""
    differs: bool
    """More or fewer were seen than were declared."""
    members: tuple[tuple[str, str], ...]
    """Crossing and name of those who are through, as guardians."""
    role: str
    guardian: str
    shared: bool
    lists: tuple[tuple[str, str], ...] = ()
    """Id and words of the advance lists that it may be opened from."""


class NoteSaid(msgspec.Struct, frozen=True, kw_only=True):
    """The answer in words: field to sentence."""

    taken: bool
    problems: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Strip:
    """The line that says what was noted, and which keys note more."""

    answers: tuple[tuple[str, str], ...]
    """Question and answer, in words."""
    left: tuple[str, ...]
    """What was not asked, in words."""
    must: tuple[str, ...]
    """Of these, what must be."""
    ask: bool
    proof: bool
    proofs: int
    arrival: bool
    """An application for a visa on arrival may be taken."""
    group: str
    """The group in words; empty: none is open."""
    may_group: bool


def note_routes(source: NoteSource, words_of: Callable[[Request], Words]) -> list[Route]:
    """The one address to which the dialogs send."""

    async def note(request: Request) -> Response:
        one = await sent(request, SentNote, limit=MAX_NOTE_BYTES)
        if isinstance(one, Response):
            return one
        try:
            taken = await source.note(one)
        except ServiceError as error:
            return PlainTextResponse(error.sentence, status_code=503)
        words = words_of(request)
        problems = {field: words.say("note_problem", code) for field, code in taken.problems.items()}
        said = NoteSaid(taken=taken.taken, problems=problems)
        return Response(msgspec.json.encode(said), media_type="application/json")

    return [Route("/note", note, methods=["POST"])]


def asked_form(words: Words) -> AskedForm:
    """The dialogs in this language."""
    return AskedForm(
        purposes=_keys(PURPOSES, "purpose", words),
        transports=_keys(TRANSPORTS, "transport", words),
        spans=tuple(Key(key, str(days), _days(days, words)) for key, days in SPANS),
        entries=tuple(Key(key, str(number), _entries(number, words)) for key, number in ENTRIES),
        proofs=tuple(Choice(code, words.say("proof", code)) for code in PROOFS),
        groups=tuple(Choice(code, words.say("group_kind", code)) for code in GROUPS),
        roles=_keys(ROLES, "group_role", words),
    )


def _keys(codes: tuple[str, ...], kind: str, words: Words) -> tuple[Key, ...]:
    return tuple(Key(key, code, words.say(kind, code)) for key, code in zip(KEYS, codes, strict=False))


def asked_update(view: View, words: Words) -> AskedUpdate | None:
    """What may be noted of who stands here."""
    asked = view.asked
    if asked is None or view.crossing is None:
        return None
    left = sorted((one for one in asked.questions if one.value is None), key=lambda one: not one.must)
    questions = {one.question: one.value or "" for one in asked.questions}
    if asked.visa_number:
        questions[VISA_ENTRIES] = "" if asked.visa_entries is None else str(asked.visa_entries)
    unsaid = (VISA_ENTRIES,) if asked.visa_number and asked.visa_entries is None else ()
    return AskedUpdate(
        crossing=view.crossing,
        left=(*unsaid, *(one.question for one in left)),
        questions=questions,
        countries=tuple((code, words.issuer(code) or code) for code in asked.countries),
        proof=asked.takes_proof,
        visa=bool(asked.visa_number),
        arrival=_arrival(asked.visa_offer, words),
    )


def _arrival(offer: VisaOffer | None, words: Words) -> ArrivalUpdate | None:
    if offer is None:
        return None
    return ArrivalUpdate(
        purposes=tuple((code, words.say("purpose", code)) for code in offer.purposes),
        days=words.ui("arrival_days", days=offer.days),
        fee=words.ui("arrival_fee", fee=fee_of(offer.fee)),
        says=offer.says.get(words.code) or offer.says.get("en", ""),
        purpose=offer.purpose,
        stay="" if offer.stay_days is None else str(offer.stay_days),
    )


def group_update(view: View, words: Words) -> GroupUpdate | None:
    """What may be done about a group now; None while somebody stands here who belongs to none."""
    group, idle = view.group, view.step == "waiting" and view.press == "start"
    if group is None:
        empty = GroupUpdate(
            group="",
            crossing="",
            differs=False,
            members=(),
            role="",
            guardian="",
            shared=False,
            lists=tuple((one.id, _coming(one, words)) for one in view.coming),
        )
        return empty if idle else None
    return GroupUpdate(
        group=group.group,
        crossing=view.crossing or "",
        differs=group.decided != group.declared,
        members=tuple((one.crossing, f"{one.place} {one.name}".strip()) for one in group.members),
        role=group.role,
        guardian=group.guardian,
        shared=group.shared_document,
    )


def _coming(list_: AdvanceList, words: Words) -> str:
    moment = dt.datetime.fromisoformat(list_.expected).astimezone()
    return words.ui("group_listed", list=list_.reference, time=f"{moment:%H:%M}", persons=list_.persons)


def strip_of(view: View, words: Words) -> Strip | None:
    """The line below the page's board; None where there is nothing to say or to note."""
    asked = view.asked or AskedView()
    may_note = bool(asked.questions or asked.takes_proof or asked.visa_number or asked.visa_offer)
    if not may_note and view.group is None:
        return None
    answers = [
        (words.say("question", one.question), _answer(one.question, one.value, words))
        for one in asked.questions
        if one.value is not None
    ]
    if asked.visa_entries is not None:
        answers.append((words.say("question", VISA_ENTRIES), _entries(asked.visa_entries, words)))
    if asked.other_nationality:
        other = words.issuer(asked.other_nationality) or asked.other_nationality
        answers.append((words.ui("other_nationality"), other))
    left = [one for one in asked.questions if one.value is None]
    return Strip(
        answers=tuple(answers),
        left=tuple(words.say("question", one.question) for one in left if not one.must),
        must=tuple(words.say("question", one.question) for one in left if one.must),
        ask=bool(asked.questions or asked.visa_number),
        proof=asked.takes_proof,
        proofs=len(asked.proofs),
        arrival=asked.visa_offer is not None,
        group=_group(view.group, words) if view.group else "",
        may_group=group_update(view, words) is not None,
    )


def _answer(question: str, value: str, words: Words) -> str:
    if value == NOT_SAID:
        return words.ui("not_said")
    if question in RESIDENCES:
        return words.issuer(value) or value
    if question == "intended_stay_days":
        return _days(int(value), words)
    return words.say(question, value)


def _days(days: int, words: Words) -> str:
    return words.ui("same_day") if days == 0 else words.count("days", days)


def _entries(number: int, words: Words) -> str:
    return words.ui("entries_multiple") if number == MULTIPLE_ENTRIES else words.count("entries", number)


def _group(group: GroupView, words: Words) -> str:
    parts = [
        f"{words.say('group_kind', group.kind)} {group.plate}".strip(),
        words.ui("group_seen", seen=group.seen, declared=group.declared),
    ]
    if group.detached:
        parts.append(words.ui("group_detached", number=group.detached))
    if group.role:
        parts.append(words.say("group_role", group.role))
    return " – ".join(parts)
