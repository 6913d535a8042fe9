"""One traveller against all lists of the box; never "no hit" without the list's age (promise 1)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from appliance.clock import TimeQuality
from appliance.contracts.checks import Check, Direction, Verdict
from appliance.screening.dates import BirthDate, DateError
from appliance.screening.documents.search import CHANGED_SCORE, NumberHit, NumberList
from appliance.screening.errors import ListUnreadable
from appliance.screening.lists import ListAge, ListKind, OpenedList, OpenLists, WhenStale, age_of
from appliance.screening.names import PersonName
from appliance.screening.numbers import normalise_number, normalise_state
from appliance.screening.pairs import KnownPairs, NoPairs, pair_key
from appliance.screening.persons.entries import EntryDirection
from appliance.screening.persons.search import PersonHit, PersonList, PersonQuery
from appliance.screening.subject import Subject

DOCUMENT: Final = "watchlist.document"
PERSONAL_NUMBER: Final = "watchlist.personal_number"
PERSON: Final = "watchlist.person"
VISA: Final = "watchlist.visa"
VEHICLE: Final = "watchlist.vehicle"
MAX_HITS_SHOWN: Final = 5
"""More than an officer compares; the count of all is in the evidence."""

_GRAVITY: Final = (
    *("not_same_person", "old_list_hit", "issuing_state_not_known", "possible_misread", "possible_match"),
    *("match", "lost", "blank", "revoked", "stolen"),
)


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
    more: dict[str, Any] = field(default_factory=dict)

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
            **self.more,
        }


def screen(
    subject: Subject,
    lists: OpenLists,
    *,
    direction: Direction | None,
    now: datetime,
    time_quality: str,
    known: KnownPairs | None = None,
) -> tuple[Check, ...]:
    """The watchlist checks; without a direction, entries for either count.

    `known` remembers pairs that an officer has found to be two persons. A visa and a vehicle are asked
    about only where there is one.
    """
    moment = _Moment(lists, now, time_quality, known or NoPairs(), subject)
    state = normalise_state(subject.issuing_state)
    personal = normalise_number(subject.personal_number or "")
    person = person_query(subject)
    checks = [
        moment.check(
            DOCUMENT,
            ListKind.DOCUMENTS,
            lambda one: moment.number_hits(one, subject.document_number, state, subject.number_check),
            anything=bool(normalise_number(subject.document_number)),
        ),
        moment.check(
            PERSONAL_NUMBER,
            ListKind.PERSONS,
            lambda one: moment.person_hits(
                one,
                moment.persons(one).search_personal_number(
                    personal, states=(state, subject.nationality), direction=direction, today=moment.today
                ),
            ),
            anything=bool(personal),
        ),
        moment.check(
            PERSON,
            ListKind.PERSONS,
            lambda one: moment.person_hits(
                one, moment.persons(one).search(person, direction=direction, today=moment.today)
            ),
            anything=bool(person.name.parts or person.document_number),
        ),
    ]
    if subject.visa_number:
        checks.append(
            moment.check(
                VISA,
                ListKind.VISAS,
                lambda one: moment.number_hits(one, subject.visa_number, state, subject.number_check),
                anything=bool(normalise_number(subject.visa_number)),
            )
        )
    if subject.vehicle_plate:
        checks.append(
            moment.check(
                VEHICLE,
                ListKind.VEHICLES,
                lambda one: moment.number_hits(one, subject.vehicle_plate, subject.vehicle_state, None),
                anything=bool(normalise_number(subject.vehicle_plate)),
            )
        )
    return tuple(checks)


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
        document_number=normalise_number(subject.document_number),
        issuing_state=subject.issuing_state,
    )


class _Moment:
    """All lists at one moment, with their ages."""

    def __init__(
        self, lists: OpenLists, now: datetime, time_quality: str, known: KnownPairs, subject: Subject
    ) -> None:
        self._lists = lists
        self._now = now
        self._time_quality = time_quality
        self._known = known
        self._subject = subject

    @property
    def today(self) -> date | None:
        """The day that validity is asked by; on an unsure clock it is not asked, and every entry counts."""
        return self._now.date() if TimeQuality(self._time_quality) is not TimeQuality.UNSURE else None

    def age(self, one: OpenedList) -> ListAge:
        return age_of(one, self._now, self._time_quality)

    def persons(self, one: OpenedList) -> PersonList:
        if not isinstance(one, PersonList):
            raise ListUnreadable(f"The list {one.info.name} is of another kind than it says.")
        return one

    def number_hits(
        self, one: OpenedList, number: str, state: str, check_digit_fits: bool | None
    ) -> Iterator[Hit]:
        """Hits of a number; they stand however old the list is, unless its owner says otherwise.

        Raises:
            ListUnreadable: the list is damaged.
        """
        if not isinstance(one, NumberList):
            raise ListUnreadable(f"The list {one.info.name} is of another kind than it says.")
        age = self.age(one)
        for hit in one.search(
            number,
            issuing_state=state,
            check_digit_fits=check_digit_fits,
            document_type=self._subject.document_type,
        ):
            yield self._number_hit(one, age, hit)

    def _number_hit(self, one: NumberList, age: ListAge, hit: NumberHit) -> Hit:
        weak = age.stale and one.info.when_stale is WhenStale.ASK_OWNER
        reason = "possible_misread" if hit.changed else hit.status.value
        more: dict[str, Any] = {"reported": hit.reported} if hit.reported else {}
        if hit.changed:
            more["spelling"] = hit.spelling
        if not hit.state_read:
            reason, more["issuing_state"] = "issuing_state_not_known", hit.state
        if weak:
            reason = "old_list_hit"
        return Hit(
            list=one.info.name,
            kind=one.info.kind,
            reason=reason,
            score=CHANGED_SCORE if hit.changed or not hit.state_read else 1.0,
            why=hit.why + _old(age),
            entry=hit.entry,
            entry_reason=hit.status.value,
            age=age,
            action=one.info.action,
            contact=one.info.contact,
            more=more,
        )

    def person_hits(self, one: OpenedList, hits: tuple[PersonHit, ...]) -> Iterator[Hit]:
        """Hits of a person; what may have been lifted since, and who is known to be another, is said."""
        age, info = self.age(one), one.info
        for hit in hits:
            # An exit ban may have been lifted an hour after the last list came.
            liftable = info.when_stale is WhenStale.ASK_OWNER or hit.entry.direction is EntryDirection.EXIT
            reason = "match" if hit.certain else "possible_match"
            if age.stale and liftable:
                reason = "old_list_hit"
            pair = pair_key(self._subject, info.name, hit.entry)
            more: dict[str, Any] = {"matched": hit.matched} if hit.matched else {}
            if not hit.certain:
                more["pair"] = pair
                said = self._known.decided(pair, now=self._now)
                if said is not None:
                    reason, more = "not_same_person", more | {"decided": said}
            why = hit.why + _old(age)
            if hit.entry.review_date and self.today and hit.entry.review_date < self.today.isoformat():
                why = (*why, "review_overdue")
            owner = hit.entry.owner or info.owner
            yield Hit(
                list=info.name,
                kind=info.kind,
                reason=reason,
                score=hit.score,
                why=why,
                entry=hit.reference,
                entry_reason=hit.entry.reason,
                age=age,
                action=hit.entry.action or info.action,
                contact=hit.entry.contact or info.contact,
                more=more | {"owner": owner, "legal_basis": hit.entry.legal_basis or info.legal_basis},
            )

    def check(
        self, id_: str, kind: ListKind, search: Callable[[OpenedList], Iterator[Hit]], *, anything: bool
    ) -> Check:
        lists = self._lists.of(kind)
        unreadable = [broken.name for broken in self._lists.broken_of(kind)]
        if not lists and not unreadable:
            return Check(id=id_, verdict=Verdict.NOT_DONE, reason="no_list")
        if not anything:
            return Check(id=id_, verdict=Verdict.NOT_DONE, reason="nothing_to_search")
        hits: list[Hit] = []
        searched: list[OpenedList] = []
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
        hits.sort(key=lambda hit: (-_GRAVITY.index(hit.reason), -hit.score, hit.list, hit.entry))
        if hits and hits[0].reason != "not_same_person":
            shown = [hit.evidence() for hit in hits[:MAX_HITS_SHOWN]]
            return Check(
                id=id_,
                verdict=Verdict.FAIL,
                reason=hits[0].reason,
                evidence=evidence | shown[0] | {"hits": len(hits), "others": shown[1:]},
            )
        return self._without_hit(id_, searched, evidence, hits)

    def _without_hit(
        self, id_: str, searched: list[OpenedList], evidence: dict[str, Any], known: list[Hit]
    ) -> Check:
        ages = [self.age(one) for one in searched]
        if "unreadable" in evidence:
            return Check(id=id_, verdict=Verdict.CANNOT, reason="list_unreadable", evidence=evidence)
        if any(age.expired for age in ages):
            # Its owner no longer answers for it: it can still hit, but it clears nobody.
            return Check(id=id_, verdict=Verdict.CANNOT, reason="list_expired", evidence=evidence)
        reason = "no_hit_old_list" if any(age.stale for age in ages) else "no_hit"
        if known:
            reason = "not_same_person"
            evidence["known"] = [hit.evidence() for hit in known[:MAX_HITS_SHOWN]]
        return Check(id=id_, verdict=Verdict.PASS, reason=reason, evidence=evidence)

    def _searched(self, one: OpenedList) -> dict[str, Any]:
        age = self.age(one)
        return {
            "list": one.info.name,
            "version": one.info.version,
            "entries": one.info.entries,
            "list_age_hours": age.hours,
            "age_sure": age.sure,
            "stale": age.stale,
        }


def _old(age: ListAge) -> tuple[str, ...]:
    return () if not age.stale else ("list_age_unknown",) if age.hours is None else ("list_old",)
