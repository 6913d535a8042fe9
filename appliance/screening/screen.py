"""One traveller against all lists of the box; never "no hit" without the list's age (promise 1)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from appliance.contracts.checks import Check, Direction, Verdict
from appliance.screening.dates import BirthDate, DateError
from appliance.screening.documents import normalise_number, normalise_state, search_documents
from appliance.screening.lists import (
    EntryDirection,
    ListAge,
    ListKind,
    ListUnreadable,
    OpenList,
    OpenLists,
    WhenStale,
)
from appliance.screening.names import PersonName
from appliance.screening.persons import PersonHit, PersonQuery, search_personal_number, search_persons

DOCUMENT: Final = "watchlist.document"
PERSONAL_NUMBER: Final = "watchlist.personal_number"
PERSON: Final = "watchlist.person"
MAX_HITS_SHOWN: Final = 5
"""More than an officer compares; the count of all is in the evidence."""

_GRAVITY: Final = ("old_list_hit", "possible_match", "match", "lost", "blank", "revoked", "stolen")


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is searched for, as the document says; what is empty is not known."""

    primary_identifier: str = ""
    secondary_identifier: str = ""
    name_truncated: bool = False
    birth_date: str = ""
    """ISO 8601, unknown parts as ?? or left out."""
    sex: str = ""
    nationality: str = ""
    issuing_state: str = ""
    document_number: str = ""
    personal_number: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry that was hit, on one list."""

    list: str
    kind: ListKind
    reason: str
    """What the check fails for: match, possible_match, old_list_hit, or the document's status."""
    score: float
    why: tuple[str, ...]
    entry: str
    """The owner's reference."""
    entry_reason: str
    age: ListAge
    action: str
    contact: str

    def evidence(self) -> dict[str, Any]:
        return {
            "list": self.list,
            "kind": self.kind.value,
            "score": self.score,
            "why": list(self.why),
            "list_age_hours": self.age.hours,
            "entry": self.entry,
            "entry_reason": self.entry_reason,
            "action": self.action,
            "contact": self.contact,
        }


def screen(
    subject: Subject, lists: OpenLists, *, direction: Direction | None, now: datetime, time_quality: str
) -> tuple[Check, ...]:
    """The three watchlist checks; without a direction, entries for either count."""
    moment = _Moment(lists, now, time_quality)
    number, state = normalise_number(subject.document_number), normalise_state(subject.issuing_state)
    personal = normalise_number(subject.personal_number or "")
    person = person_query(subject)
    return (
        moment.check(
            DOCUMENT,
            ListKind.DOCUMENTS,
            lambda one: document_hits(one, moment.age(one), number=number, issuing_state=state),
            anything=bool(number and state),
        ),
        moment.check(
            PERSONAL_NUMBER,
            ListKind.PERSONS,
            lambda one: _person_hits(
                one,
                moment.age(one),
                search_personal_number(
                    one, number=personal, states=(state, subject.nationality), direction=direction
                ),
            ),
            anything=bool(personal),
        ),
        moment.check(
            PERSON,
            ListKind.PERSONS,
            lambda one: person_hits(one, moment.age(one), person, direction=direction),
            anything=bool(person.name.parts or number),
        ),
    )


def person_query(subject: Subject) -> PersonQuery:
    """The subject's name and dates, ready to search with; a birth date nobody can read is not known."""
    try:
        born = BirthDate.parse(subject.birth_date)
    except DateError:
        born = BirthDate()
    return PersonQuery(
        name=PersonName.of(subject.primary_identifier, subject.secondary_identifier),
        birth_date=born,
        sex=subject.sex,
        nationality=subject.nationality,
        name_truncated=subject.name_truncated,
        document_number=subject.document_number,
        issuing_state=subject.issuing_state,
    )


def document_hits(one: OpenList, age: ListAge, *, number: str, issuing_state: str) -> Iterator[Hit]:
    """Hits of a document; they stand however old the list is, unless its owner says otherwise.

    Raises:
        ListUnreadable: the list is damaged.
    """
    for hit in search_documents(one, number=number, issuing_state=issuing_state):
        weak = age.stale and one.info.when_stale is WhenStale.ASK_OWNER
        yield _hit(
            one,
            age,
            reason="old_list_hit" if weak else hit.status.value,
            score=1.0,
            why=hit.why,
            entry=hit.reference,
            entry_reason=hit.status.value,
        )


def person_hits(
    one: OpenList, age: ListAge, query: PersonQuery, *, direction: Direction | None
) -> Iterator[Hit]:
    """Hits of a person.

    Raises:
        ListUnreadable: the list is damaged.
    """
    yield from _person_hits(one, age, search_persons(one, query, direction=direction))


def _person_hits(one: OpenList, age: ListAge, hits: tuple[PersonHit, ...]) -> Iterator[Hit]:
    for hit in hits:
        # An exit ban may have been lifted an hour after the last list came.
        may_be_lifted = one.info.when_stale is WhenStale.ASK_OWNER or hit.direction is EntryDirection.EXIT
        reason = "match" if hit.certain else "possible_match"
        yield _hit(
            one,
            age,
            reason="old_list_hit" if age.stale and may_be_lifted else reason,
            score=hit.score,
            why=hit.why,
            entry=hit.reference,
            entry_reason=hit.entry_reason,
        )


def _hit(
    one: OpenList,
    age: ListAge,
    *,
    reason: str,
    score: float,
    why: tuple[str, ...],
    entry: str,
    entry_reason: str,
) -> Hit:
    old = () if not age.stale else ("list_age_unknown",) if age.hours is None else ("list_old",)
    return Hit(
        list=one.info.name,
        kind=one.info.kind,
        reason=reason,
        score=score,
        why=why + old,
        entry=entry,
        entry_reason=entry_reason,
        age=age,
        action=one.info.action,
        contact=one.info.contact,
    )


class _Moment:
    """All lists at one moment, with their ages."""

    def __init__(self, lists: OpenLists, now: datetime, time_quality: str) -> None:
        self._lists = lists
        self._now = now
        self._time_quality = time_quality

    def age(self, one: OpenList) -> ListAge:
        return one.age(self._now, self._time_quality)

    def check(
        self, id_: str, kind: ListKind, search: Callable[[OpenList], Iterator[Hit]], *, anything: bool
    ) -> Check:
        lists = self._lists.of(kind)
        unreadable = [broken.name for broken in self._lists.broken_of(kind)]
        if not lists and not unreadable:
            return Check(id=id_, verdict=Verdict.NOT_DONE, reason="no_list")
        if not anything:
            return Check(id=id_, verdict=Verdict.NOT_DONE, reason="nothing_to_search")
        hits: list[Hit] = []
        searched: list[OpenList] = []
        for one in lists:
            try:
                hits.extend(search(one))
                searched.append(one)
            except ListUnreadable:
                unreadable.append(one.info.name)
        evidence: dict[str, Any] = {"lists": [self._searched(one) for one in searched]}
        ages = [self.age(one).hours for one in searched]
        evidence["list_age_hours"] = None if not ages or None in ages else max(age or 0.0 for age in ages)
        if unreadable:
            evidence["unreadable"] = unreadable
        if hits:
            hits.sort(key=lambda hit: (-_GRAVITY.index(hit.reason), -hit.score, hit.list, hit.entry))
            shown = [hit.evidence() for hit in hits[:MAX_HITS_SHOWN]]
            return Check(
                id=id_,
                verdict=Verdict.FAIL,
                reason=hits[0].reason,
                evidence=evidence | shown[0] | {"hits": len(hits), "others": shown[1:]},
            )
        return self._without_hit(id_, searched, evidence)

    def _without_hit(self, id_: str, searched: list[OpenList], evidence: dict[str, Any]) -> Check:
        ages = [self.age(one) for one in searched]
        if "unreadable" in evidence:
            return Check(id=id_, verdict=Verdict.CANNOT, reason="list_unreadable", evidence=evidence)
        if any(age.expired for age in ages):
            # Its owner no longer answers for it: it can still hit, but it clears nobody.
            return Check(id=id_, verdict=Verdict.CANNOT, reason="list_expired", evidence=evidence)
        reason = "no_hit_old_list" if any(age.stale for age in ages) else "no_hit"
        return Check(id=id_, verdict=Verdict.PASS, reason=reason, evidence=evidence)

    def _searched(self, one: OpenList) -> dict[str, Any]:
        age = self.age(one)
        return {
            "list": one.info.name,
            "version": one.info.version,
            "entries": one.info.entries,
            "list_age_hours": age.hours,
            "age_sure": age.sure,
            "stale": age.stale,
        }
