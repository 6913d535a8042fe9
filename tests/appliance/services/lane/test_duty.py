"""Officers at a real lane: logging in, handing over, and letting a traveller go on under RED."""

import importlib.util
from pathlib import Path

import cbor2
import pytest

from appliance.contracts.checks import Outcome, Recommendation
from appliance.contracts.lane import FetchOutbox
from appliance.contracts.officers import Login, Release, Role
from appliance.records import envelope, officers
from appliance.records.officers import Officers
from appliance.simulation.travellers import traveller

pytestmark = pytest.mark.usefixtures("quick_pins")

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).parent / "scripted.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

STOLEN = 3
REASON = "Reported found again; seen by telephone with the desk."


@pytest.fixture
def staff(keys_and_lists, tmp_path: Path) -> Officers:
    book = Officers(tmp_path, keys_and_lists[0].storage)
    book.add("Aida", "271828", frozenset({Role.OFFICER}))
    book.add("Bek", "314159", frozenset({Role.TECHNICIAN}))
    return book


def capture(number: int = 1):
    return _module.ScriptedCapture(traveller(number).lines)


def with_login(tmp_path: Path) -> Path:
    text = Path("appliance/services/lane/policy.toml").read_text("utf-8")
    changed = text.replace("login = false", "login = true").replace(
        "notice_seconds = 7", "notice_seconds = 0"
    )
    assert changed.count("login = true") == 2  # one of them in a comment
    path = tmp_path / "policy.toml"
    path.write_text(changed)
    return path


async def bodies(lane, house) -> list:
    """What is recorded: type and body."""
    page = await lane.fetch_outbox(FetchOutbox(after=0, limit=100))
    key = lane._journal._keys.signing.verify_key
    found = []
    for record in page.records:
        sealed = envelope.verify(record.envelope, verify_key_for=lambda _kid: key)
        opened = envelope.open_(sealed, private_key=house.central_sealing)
        found.append((opened.type, opened.body))
    return found


def test_ok__where_a_login_is_asked_for_nobody_is_served_before(make_lane, house, staff, tmp_path) -> None:
    lane = make_lane(capture(), policy=with_login(tmp_path))

    async def work(officer):
        view = await officer.until(lambda view: view.needs_login)
        assert (view.press, [one.name for one in view.officers]) == (None, ["Aida", "Bek"])
        for login, problem in (
            (Login(name="Aida", pin="000001"), "wrong_pin"),
            (Login(name="Nobody", pin="271828"), "unknown"),
            (Login(name="Bek", pin="314159"), "not_allowed"),
        ):
            answer = await lane.login(login)
            assert (answer.taken, answer.problem) == (False, problem)
        assert (await lane.login(Login(name="Aida", pin="271828"))).taken
        await officer.until(lambda view: view.officer is not None and view.press == "start")
        await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.press)
        await officer.press()
        await officer.until(lambda view: view.last_outcome is not None and view.press == "start")
        assert (await lane.login(Login(name=""))).taken
        return await bodies(lane, house)

    found = house.run(lane, work)
    acts = [body["act"] for type_, body in found if type_ == "officer"]
    assert acts == ["wrong_pin", "login", "logout"]
    (movement,) = [body for type_, body in found if type_ == "movement"]
    assert movement["officer"] == "Aida"
    assert "271828" not in cbor2.dumps(found).decode("latin-1")


def test_ok__the_shift_is_handed_over(make_lane, house, staff) -> None:
    staff.add("Cholpon", "161803", frozenset({Role.SUPERVISOR}))
    lane = make_lane(capture())

    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        for login in (Login(name="Aida", pin="271828"), Login(name="Cholpon", pin="161803")):
            assert (await lane.login(login)).taken
        view = await officer.until(lambda view: view.officer and view.officer.name == "Cholpon")
        assert view.officer.roles == (Role.SUPERVISOR,)
        return await bodies(lane, house)

    assert [body for _, body in house.run(lane, work)] == [
        {"act": "login", "officer": "Aida"},
        {"act": "login", "officer": "Cholpon", "from": "Aida"},
    ]


def test_ok__under_red_one_officer_lets_a_traveller_go_on(make_lane, house, staff) -> None:
    lane = make_lane(capture(STOLEN))

    async def work(officer):
        await officer.press()
        view = await officer.until(lambda view: view.press == "refer" and view.may_release)
        assert (view.press, view.hold) == ("refer", "refer")
        release = {"crossing": view.crossing, "name": "Aida", "pin": "271828", "reason": REASON}
        for changes, problem in (
            ({"pin": "000001"}, "wrong_pin"),
            ({"reason": "  fine     "}, "no_reason"),
            ({"crossing": "another"}, "gone"),
            ({"name": "Bek", "pin": "314159"}, "not_allowed"),
        ):
            answer = await lane.release(Release(**(release | changes)))
            assert (answer.taken, answer.problem) == (False, problem)
        assert (await lane.release(Release(**release))).taken
        await officer.until(lambda view: view.last_outcome is not None)
        assert (await lane.release(Release(**release))).problem == "gone"
        return await bodies(lane, house)

    found = house.run(lane, work)
    (movement,) = [body for type_, body in found if type_ == "movement"]
    assert movement["recommendation"] == Recommendation.RED
    assert (movement["outcome"], movement["officer"]) == (Outcome.ADMITTED, "Aida")
    assert movement["released"] == REASON


def test_fail__nobody_is_released_who_is_not_under_red(make_lane, house, staff) -> None:
    lane = make_lane(capture())

    async def work(officer):
        await officer.press()
        view = await officer.until(lambda view: view.step == "deciding" and view.press)
        assert not view.may_release
        release = Release(crossing=view.crossing, name="Aida", pin="271828", reason=REASON)
        return await lane.release(release)

    assert house.run(lane, work).problem == "gone"


def test_fail__too_many_wrong_pins(make_lane, house, staff) -> None:
    lane = make_lane(capture())

    async def work(officer):
        await officer.until(lambda view: view.press == "start")
        for _ in range(officers.MAX_TRIES - 1):
            assert (await lane.login(Login(name="Aida", pin="000001"))).problem == "wrong_pin"
        for pin in ("000001", "271828"):
            answer = await lane.login(Login(name="Aida", pin=pin))
            assert (answer.problem, answer.minutes) == ("locked", 15)
        return await bodies(lane, house)

    acts = [body["act"] for _, body in house.run(lane, work)]
    assert acts == ["wrong_pin"] * (officers.MAX_TRIES - 1) + ["locked"] * 2


def test_fail__a_book_that_cannot_be_read(make_lane, house, staff, tmp_path: Path) -> None:
    lane = make_lane(capture())
    (tmp_path / officers.FILE).write_bytes(b"rot")

    async def work(officer):
        await officer.until(lambda view: view.press == "start" and not view.officers)
        return await lane.login(Login(name="Aida", pin="271828"))

    assert house.run(lane, work).problem == "storage"
