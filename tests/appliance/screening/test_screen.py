from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from appliance.contracts.checks import Check, Direction, Verdict
from appliance.screening import BrokenList, ListKind, OpenedList, OpenLists, Subject, WhenStale, screen
from appliance.screening.documents.entries import DocumentEntry, DocumentStatus
from appliance.screening.persons.entries import EntryDirection, Number, PersonEntry
from appliance.screening.screen import MAX_HITS_SHOWN

MakeList = Callable[..., OpenedList]
ISSUED = datetime(2027, 3, 1, tzinfo=UTC)
FRESH, OLD = ISSUED + timedelta(hours=5), ISSUED + timedelta(days=9)
STOLEN = DocumentEntry(number="ST0481516", issuing_state="UTO", status=DocumentStatus.STOLEN)
LOST = DocumentEntry(number="ST0481516", issuing_state="UTO", status=DocumentStatus.LOST)
WANTED = PersonEntry(
    reference="p1",
    names=(("MUHAMMADOV", "TIMUR"),),
    reason="wanted",
    birth_dates=("1984-02-29",),
    personal_numbers=(Number("123", "UTO"),),
)
BANNED = PersonEntry(
    reference="p2",
    names=(("OKAFOR", "GRACE"),),
    reason="exit ban",
    birth_dates=("1990-05-05",),
    direction=EntryDirection.EXIT,
)
NOBODY = Subject(
    primary_identifier="ERIKSSON",
    secondary_identifier="ANNA MARIA",
    birth_date="1974-08-12",
    sex="F",
    nationality="UTO",
    issuing_state="UTO",
    document_number="L898902C3",
    personal_number="ZE184226B",
)
TIMUR = replace(
    NOBODY, primary_identifier="MUHAMMADOV", secondary_identifier="TIMUR", birth_date="1984-02-29"
)
GRACE = replace(NOBODY, primary_identifier="OKAFOR", secondary_identifier="GRACE", birth_date="1990-05-05")


@pytest.fixture
def lists(make_list: MakeList) -> OpenLists:
    return OpenLists(
        (make_list(documents=[STOLEN], name="documents"), make_list(persons=[WANTED, BANNED], name="persons"))
    )


def check(
    what: str,
    subject: Subject,
    lists: OpenLists,
    *,
    now: datetime = FRESH,
    time_quality: str = "rtc",
    direction: Direction = Direction.ENTRY,
) -> Check:
    checks = screen(subject, lists, direction=direction, now=now, time_quality=time_quality)
    assert [one.id for one in checks] == [
        "watchlist.document",
        "watchlist.personal_number",
        "watchlist.person",
    ]
    return next(one for one in checks if one.id == f"watchlist.{what}")


@pytest.mark.parametrize("what", ["document", "personal_number", "person"])
def test_ok__no_hit_says_how_old_the_list_is(lists: OpenLists, what: str) -> None:
    found = check(what, NOBODY, lists)
    assert (found.verdict, found.reason) == (Verdict.PASS, "no_hit")
    assert found.evidence["list_age_hours"] == 5.0
    assert found.evidence["lists"][0]["entries"] in (1, 2)
    old = check(what, NOBODY, lists, now=OLD)
    assert (old.verdict, old.reason, old.evidence["list_age_hours"]) == (
        Verdict.PASS,
        "no_hit_old_list",
        216.0,
    )


@pytest.mark.parametrize(("now", "time_quality"), [(FRESH, "unsure"), (ISSUED - timedelta(days=1), "rtc")])
def test_ok__an_age_nobody_knows_is_never_fresh(lists: OpenLists, now: datetime, time_quality: str) -> None:
    assert check("person", NOBODY, lists, now=now, time_quality=time_quality).reason == "no_hit_old_list"


@pytest.mark.parametrize("now", [FRESH, OLD])
def test_ok__a_stolen_document_stays_stolen(lists: OpenLists, now: datetime) -> None:
    found = check("document", replace(NOBODY, document_number="ST0481516<"), lists, now=now)
    assert (found.verdict, found.reason) == (Verdict.FAIL, "stolen")
    assert {key: found.evidence[key] for key in ("list", "kind", "score", "action")} == {
        "list": "documents",
        "kind": "documents",
        "score": 1.0,
        "action": "refer",
    }
    assert ("list_old" in found.evidence["why"]) is (now is OLD)


def test_ok__the_gravest_hit_first(make_list: MakeList) -> None:
    both = OpenLists((make_list(documents=[LOST], name="a"), make_list(documents=[STOLEN], name="b")))
    found = check("document", replace(NOBODY, document_number="ST0481516"), both)
    assert (found.reason, found.evidence["hits"]) == ("stolen", 2)
    assert [one["list"] for one in found.evidence["others"]] == ["a"]


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        (TIMUR, "match"),
        (replace(TIMUR, primary_identifier="MUKHAMEDOV"), "possible_match"),
        (replace(TIMUR, birth_date="1984-??-??"), "possible_match"),
        (replace(TIMUR, birth_date="garbage"), "possible_match"),
    ],
)
def test_ok__person(lists: OpenLists, subject: Subject, reason: str) -> None:
    found = check("person", subject, lists)
    assert (found.verdict, found.reason, found.evidence["entry"]) == (Verdict.FAIL, reason, "p1")
    assert found.evidence["why"]


def test_ok__personal_number(lists: OpenLists) -> None:
    found = check("personal_number", replace(NOBODY, personal_number="123"), lists)
    assert (found.verdict, found.reason, found.evidence["entry"]) == (Verdict.FAIL, "match", "p1")


def test_ok__an_old_exit_ban_names_whom_to_ask(lists: OpenLists) -> None:
    fresh = check("person", GRACE, lists, direction=Direction.EXIT)
    old = check("person", GRACE, lists, direction=Direction.EXIT, now=OLD)
    assert (fresh.reason, old.reason) == ("match", "old_list_hit")
    assert (old.verdict, old.evidence["contact"]) == (Verdict.FAIL, "desk")
    assert check("person", GRACE, lists, direction=Direction.ENTRY).verdict is Verdict.PASS
    assert check("person", TIMUR, lists, now=OLD).reason == "match"


def test_ok__a_list_may_say_that_its_old_hits_are_to_be_asked_about(make_list: MakeList) -> None:
    persons = make_list(persons=[WANTED], name="persons", when_stale=WhenStale.ASK_OWNER)
    documents = make_list(documents=[STOLEN], name="documents", when_stale=WhenStale.ASK_OWNER)
    lists = OpenLists((persons, documents))
    assert check("person", TIMUR, lists, now=OLD).reason == "old_list_hit"
    assert (
        check("document", replace(NOBODY, document_number="ST0481516"), lists, now=OLD).reason
        == "old_list_hit"
    )
    assert check("person", TIMUR, lists).reason == "match"


def test_ok__no_list_and_nothing_to_search(lists: OpenLists) -> None:
    none = {
        one.reason
        for one in screen(TIMUR, OpenLists(), direction=Direction.ENTRY, now=FRESH, time_quality="rtc")
    }
    assert none == {"no_list"}
    checks = screen(Subject(), lists, direction=Direction.ENTRY, now=FRESH, time_quality="rtc")
    assert {(one.verdict, one.reason) for one in checks} == {(Verdict.NOT_DONE, "nothing_to_search")}
    assert check("personal_number", replace(TIMUR, personal_number=None), lists).reason == "nothing_to_search"


@pytest.mark.parametrize("kind", [ListKind.PERSONS, None])
def test_fail__an_unreadable_list_clears_nobody(lists: OpenLists, kind: ListKind | None) -> None:
    with_broken = replace(lists, broken=(BrokenList("other", kind),))
    found = check("person", NOBODY, with_broken)
    assert (found.verdict, found.reason, found.evidence["unreadable"]) == (
        Verdict.CANNOT,
        "list_unreadable",
        ["other"],
    )
    assert check("person", TIMUR, with_broken).reason == "match"
    alone = check("person", TIMUR, replace(with_broken, lists=()))
    assert (alone.verdict, alone.reason) == (Verdict.CANNOT, "list_unreadable")


def test_fail__a_list_that_breaks_while_it_is_searched(lists: OpenLists) -> None:
    lists.close()
    checks = screen(TIMUR, lists, direction=Direction.ENTRY, now=FRESH, time_quality="rtc")
    assert {(one.verdict, one.reason) for one in checks} == {(Verdict.CANNOT, "list_unreadable")}


def test_fail__an_expired_list_still_hits_but_clears_nobody(make_list: MakeList) -> None:
    expired = OpenLists((make_list(persons=[WANTED, BANNED], name="persons", expires_at=FRESH),))
    found = check("person", NOBODY, expired, now=OLD)
    assert (found.verdict, found.reason) == (Verdict.CANNOT, "list_expired")
    assert check("person", TIMUR, expired, now=OLD).reason == "match"
    assert check("person", NOBODY, expired, now=OLD, time_quality="unsure").reason == "no_hit_old_list"


def test_ok__no_more_hits_than_an_officer_compares(make_list: MakeList) -> None:
    many = [replace_reference(WANTED, f"p{index}") for index in range(12)]
    found = check("person", TIMUR, OpenLists((make_list(persons=many),)))
    assert found.evidence["hits"] == 12
    assert len(found.evidence["others"]) == MAX_HITS_SHOWN - 1


def replace_reference(entry: PersonEntry, reference: str) -> PersonEntry:
    return PersonEntry(
        reference=reference, names=entry.names, reason=entry.reason, birth_dates=entry.birth_dates
    )


def test_ok__a_number_that_may_have_been_misread(lists: OpenLists) -> None:
    # G and 6 have the same weight: the check digit, which fits, cannot see the difference
    found = check("document", replace(NOBODY, document_number="ST04815I6", number_check=False), lists)
    assert (found.verdict, found.reason) == (Verdict.FAIL, "possible_misread")
    assert found.evidence["spelling"] == "ST0481516"
    assert "read_with_changed_character_1" in found.evidence["why"]
    assert (
        check("document", replace(NOBODY, document_number="ST04815I6", number_check=True), lists).reason
        == "no_hit"
    )


@pytest.mark.parametrize("state", ["", "U7O", "XXA"])
def test_ok__a_number_whose_issuing_state_is_not_known(lists: OpenLists, state: str) -> None:
    found = check("document", replace(NOBODY, document_number="ST0481516", issuing_state=state), lists)
    assert (found.verdict, found.reason) == (Verdict.FAIL, "issuing_state_not_known")
    assert (found.evidence["issuing_state"], found.evidence["entry_reason"]) == ("UTO", "stolen")
    assert found.evidence["score"] < 1.0
    # Only as it was read: with every issuer and every spelling, strangers would meet by chance.
    near = replace(NOBODY, document_number="ST04815I6", number_check=False, issuing_state=state)
    assert check("document", near, lists).reason == "no_hit"
    assert check("document", replace(NOBODY, issuing_state=state), lists).reason == "no_hit"


def test_ok__visas_and_vehicles_only_where_there_are_any(make_list: MakeList) -> None:
    visa = make_list(documents=[STOLEN], name="visas", kind=ListKind.VISAS)
    plate = DocumentEntry(number="01 KG 777 ABC", issuing_state="KGZ", status=DocumentStatus.STOLEN)
    plates = make_list(documents=[plate], name="plates", kind=ListKind.VEHICLES)
    both = OpenLists((visa, plates))
    subject = replace(NOBODY, visa_number="ST0481516", vehicle_plate="01KG777A8C", vehicle_state="KGZ")
    found = {
        one.id: one.reason for one in screen(subject, both, direction=None, now=FRESH, time_quality="rtc")
    }
    assert found["watchlist.visa"] == "stolen"
    assert found["watchlist.vehicle"] == "possible_misread"
    assert found["watchlist.document"] == "no_list"


class Remembered:
    def __init__(self) -> None:
        self.pairs: dict[str, str] = {}

    def decided(self, pair: str, *, now: datetime) -> str | None:
        return self.pairs.get(pair)


def test_ok__a_pair_that_is_known_to_be_two_persons(make_list: MakeList) -> None:
    near, memory = replace(TIMUR, primary_identifier="MUKHAMEDOV"), Remembered()

    def ask(subject: Subject, entry: PersonEntry) -> Check:
        lists = OpenLists((make_list(persons=[entry], name="persons"),))
        checks = screen(subject, lists, direction=None, now=FRESH, time_quality="rtc", known=memory)
        return checks[2]

    first = ask(near, WANTED)
    memory.pairs[first.evidence["pair"]] = "2027-02-01T00:00:00+00:00"
    again = ask(near, WANTED)
    assert (again.verdict, again.reason) == (Verdict.PASS, "not_same_person")
    assert again.evidence["known"][0]["decided"] == "2027-02-01T00:00:00+00:00"
    # another document, or an entry that its owner has changed, is another pair
    assert ask(replace(near, document_number="X1"), WANTED).reason == "possible_match"
    assert ask(near, msgspec.structs.replace(WANTED, reason="armed")).reason == "possible_match"
    # who is certainly meant is never passed over
    sure = ask(TIMUR, WANTED)
    assert sure.reason == "match"
    assert "pair" not in sure.evidence


def test_fail__a_list_of_another_kind_than_it_says(make_list: MakeList) -> None:
    one = make_list(persons=[WANTED], name="persons")

    class Liar:
        info = msgspec.structs.replace(one.info, kind=ListKind.DOCUMENTS)
        expires_at = None

        def close(self) -> None: ...

    class OtherLiar(Liar):
        info = one.info

    found = screen(NOBODY, OpenLists((Liar(), OtherLiar())), direction=None, now=FRESH, time_quality="rtc")
    assert {check.reason for check in found} == {"list_unreadable"}


def test_ok__a_review_that_is_overdue_is_said(make_list: MakeList) -> None:
    entry = msgspec.structs.replace(WANTED, review_date="2027-01-01", contact="the court", action="arrest")
    found = check(
        "person", TIMUR, OpenLists((make_list(documents=[STOLEN], name="d"), make_list(persons=[entry])))
    )
    assert "review_overdue" in found.evidence["why"]
    assert (found.evidence["contact"], found.evidence["action"], found.evidence["owner"]) == (
        "the court",
        "arrest",
        "owner",
    )
