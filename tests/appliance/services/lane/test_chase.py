"""Crossings that are screened again when a new list comes; pairs that an officer calls two persons."""

import asyncio
import datetime as dt
import importlib.util
from pathlib import Path

import pytest

from appliance.contracts.checks import Outcome, Recommendation
from appliance.contracts.lane import FetchOutbox, SignedData
from appliance.records import envelope
from appliance.reference_data.commands import sign
from appliance.reference_data.repository import Repository
from appliance.screening.build import build_persons
from appliance.screening.lists import ListInfo, ListKind
from appliance.screening.persons.entries import PersonEntry
from appliance.services.lane import service as services
from appliance.services.lane.chase import hit_ids
from appliance.simulation.travellers import traveller
from appliance.travel_document import parse_mrz

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).parent / "scripted.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


def capture_for(number: int):
    return _module.ScriptedCapture(traveller(number).lines)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LISTS_SECONDS", 0.05)


def new_list(repository: Repository, issuer, box_key, folder: Path, number: int) -> bytes:
    """A list that comes after the traveller has gone, and names them."""
    mrz = parse_mrz(traveller(number).lines, today=dt.datetime.now(dt.UTC).date())
    entry = PersonEntry(
        reference="NEW-1",
        names=((mrz.primary_identifier, mrz.secondary_identifier),),
        reason="wanted since this morning",
        birth_dates=(str(mrz.birth_date),),
    )
    now = dt.datetime.now(dt.UTC)
    info = ListInfo(
        name="urgent-persons",
        kind=ListKind.PERSONS,
        version=int(now.timestamp()),
        issued_at=now,
        owner="o",
        legal_basis="l",
        contact="duty desk",
        action="refer",
        stale_after_hours=48.0,
    )
    build_persons(folder / "new", [entry], info=info)
    sign(
        folder / "new",
        repository,
        recipients=[box_key],
        issuer_keys=[issuer],
        publisher_key=issuer,
        now=now,
    )
    return repository.message("urgent-persons")


@pytest.fixture
def copied(keys_and_lists, tmp_path: Path):
    """A repository of this test's own, so that the others' is left as it was."""
    import shutil

    keys, repository = keys_and_lists
    shutil.copytree(repository._folder, tmp_path / "repository")
    return keys, Repository(tmp_path / "repository")


def cross(officer, *, press: str = "press"):
    async def work():
        await officer.press()
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        await officer.press(press)
        return view

    return work()


def test_ok__a_new_list_finds_who_has_gone(make_lane, house, copied, tmp_path: Path, issuer) -> None:
    keys, repository = copied
    lane = make_lane(capture_for(1))

    async def work(officer):
        first = await cross(officer)
        await officer.until_recorded(1)
        message = new_list(repository, issuer, keys.sealing.public_key, tmp_path, 1)
        installed = await lane.install(SignedData(data=message))
        late = await officer.until(lambda view: bool(view.late_hits))
        page = await lane.fetch_outbox(FetchOutbox(after=0))
        await officer.until(lambda view: view.hold == "seen")
        await officer.press("hold")
        await officer.until(lambda view: not view.late_hits and view.press == "start")
        return first, installed, late, page

    first, installed, late, page = house.run(lane, work)
    assert first.recommendation is Recommendation.GREEN
    assert installed.lists == ("urgent-persons",)
    (hit,) = late.late_hits
    assert (hit.found, hit.entry, hit.contact, hit.reason) == ("new_list", "NEW-1", "duty desk", "match")
    assert [(one.seq, one.alert) for one in page.urgent] == [(page.last_seq, True)]
    sealed = envelope.verify(page.urgent[0].envelope, verify_key_for=lambda _: keys.signing.verify_key)
    body = envelope.open_(sealed, private_key=house.central_sealing).body
    assert (body["found"], body["checks"][0]["evidence"]["entry"]) == ("new_list", "NEW-1")
    again = make_lane(capture_for(1))  # a restart finds nothing new, and tells nothing twice
    assert asyncio.run(again._chaser.look_at_lists()) == 0
    assert again._chaser.late_hits() == ()


def test_ok__a_hit_that_was_shown_is_not_told_again(make_lane, house, copied) -> None:
    lane = make_lane(capture_for(2))

    async def work(officer):
        view = await cross(officer, press="hold")
        await officer.until_recorded(1)
        return view

    view = house.run(lane, work)
    assert hit_ids(view.checks)
    lane._memory.note_lists({name: (0, issued) for name, (_version, issued) in lane._memory.lists().items()})
    assert asyncio.run(lane._chaser.look_at_lists()) == 0


def test_ok__another_person_is_remembered_for_that_pair(make_lane, house, keys_and_lists) -> None:
    keys = keys_and_lists[0]
    lane = make_lane(capture_for(2))

    async def work(officer):
        first = await cross(officer)
        await officer.until_recorded(1)
        await officer.until(lambda view: view.press == "start")
        second = await cross(officer)
        await officer.until_recorded(2)
        return first, second

    first, second = house.run(lane, work)
    assert (first.recommendation, first.press, first.hold) == (Recommendation.AMBER, "not_same", "refer")
    check = next(one for one in second.checks if one.id == "watchlist.person")
    assert (check.verdict, check.reason) == ("PASS", "not_same_person")
    assert check.evidence["known"][0]["decided"]
    assert second.recommendation is Recommendation.GREEN
    page = asyncio.run(lane.fetch_outbox(FetchOutbox(after=0)))
    sealed = envelope.verify(page.records[0].envelope, verify_key_for=lambda _: keys.signing.verify_key)
    body = envelope.open_(sealed, private_key=house.central_sealing).body
    assert (len(body["not_same"]), body["outcome"]) == (1, Outcome.ADMITTED.value)


def test_ok__a_referred_near_match_is_not_remembered(make_lane, house) -> None:
    lane = make_lane(capture_for(2))

    async def work(officer):
        await cross(officer, press="hold")
        await officer.until_recorded(1)
        await officer.until(lambda view: view.press == "start")
        view = await cross(officer, press="hold")
        await officer.until_recorded(2)
        return view

    assert house.run(lane, work).recommendation is Recommendation.AMBER


def test_fail__a_memory_that_cannot_be_written_costs_no_record(make_lane, house) -> None:
    lane = make_lane(capture_for(1))
    lane._memory._connection.execute("DROP TABLE recent")

    async def work(officer):
        await cross(officer)
        return await officer.until_recorded(1)

    assert house.run(lane, work).crossings == 1
    lane._memory._connection.execute("DROP TABLE lists")
    assert asyncio.run(lane._chaser.look_at_lists()) == 0
    lane._memory._connection.execute("DROP TABLE late")
    assert lane._chaser.late_hits() == ()
