"""Who works at a real lane: whom central appoints, and what a supervisor may change."""

import asyncio
import datetime as dt
import json

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from nacl.signing import SigningKey
from naming_scripted import CardCapture
from second_line_scripted import records

from appliance.contracts.naming import ACTS, Act, Appoint, OpenOfficers
from appliance.contracts.officers import Login, Role
from appliance.officer_card import key_of, name_of
from appliance.records import appointments, officers
from appliance.records.appointment import make_appointment, sign_appointment
from appliance.records.errors import StorageBroken
from appliance.services.lane.kiosk import kiosk_app
from appliance.simulation.chip.piv_card import PivCard
from appliance.simulation.travellers import traveller

pytestmark = pytest.mark.usefixtures("quick_pins")

PIN, OTHER, WRONG = "271828", "161803", "314159"
AIDA, BEK = "Aida Osmonova", "Bek"
PRESS = {"x-borne-kiosk": "1", "content-type": "application/json"}
CENTRAL = SigningKey.generate()
KEY, OWN_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


@pytest.fixture
def capture() -> CardCapture:
    return CardCapture(traveller(1).lines)


@pytest.fixture
def lane(make_lane, capture):
    """Nobody is named here yet."""
    return make_lane(capture, appointing=CENTRAL.verify_key)


@pytest.fixture
def staffed(lane):
    """Aida is supervisor, Bek is not."""
    book = book_of(lane)
    book.add(AIDA, PIN, frozenset({Role.SUPERVISOR}))
    book.add(BEK, OTHER, frozenset({Role.OFFICER}))
    lane.naming.look()
    return lane


def book_of(lane):
    return lane.naming.duty._officers


def roles_of(lane) -> dict[str, tuple[Role, ...]]:
    return {one.name: one.roles for one in book_of(lane).all()}


def appointed(
    lane, tmp_path, *, name=AIDA, device="test-box", key=CENTRAL, now=None, file="appointment.cose"
):
    """On the stick, in the box's folder; its code."""
    made, code = make_appointment(
        device=device, name=name, now=now or dt.datetime.now(dt.UTC), lasts=dt.timedelta(hours=2)
    )
    folder = tmp_path / "stick" / "test-box"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(sign_appointment(made, signing_key=key))
    lane.naming.look()
    return code


def take(lane, code, *, name=AIDA, pin=PIN, again=None):
    return lane.naming.appointing.take(Appoint(name=name, code=code, pin=pin, again=again or pin))


def acts(lane, house) -> list[dict]:
    return [body for kind, body in asyncio.run(records(lane, house)) if kind == "officer"]


# Central's appointment


def test_ok__the_first_supervisor_of_a_box_without_a_shell(lane, house, tmp_path) -> None:
    code = appointed(lane, tmp_path)
    assert lane.naming.appointing.names == (AIDA,)
    assert take(lane, code.lower()).taken
    assert roles_of(lane) == {AIDA: (Role.SUPERVISOR,)}
    assert lane.naming.duty.name == AIDA, "who has just proved it is on duty"
    assert book_of(lane).check(AIDA, PIN, now=dt.datetime.now(dt.UTC)) is not None
    said = acts(lane, house)
    assert [(one["act"], one["officer"]) for one in said] == [("appointed", AIDA), ("login", AIDA)]
    assert said[0]["again"] is False
    assert len(said[0]["serial"]) == 16
    assert code not in json.dumps(said)


def test_ok__without_the_stick_it_waits(lane, make_lane, capture, tmp_path) -> None:
    code = appointed(lane, tmp_path)
    (tmp_path / "stick" / "test-box" / "appointment.cose").unlink()
    lane = make_lane(capture, appointing=CENTRAL.verify_key)
    lane.naming.look()
    assert lane.naming.appointing.names == (AIDA,)
    assert take(lane, code).taken


def test_fail__spent_is_spent_however_often_the_stick_comes_back(lane, make_lane, capture, tmp_path) -> None:
    code = appointed(lane, tmp_path)
    assert take(lane, code).taken
    lane = make_lane(capture, appointing=CENTRAL.verify_key)
    lane.naming.look()
    assert lane.naming.appointing.names == ()
    assert lane.naming.appointing.refused == "appointment_spent"
    assert take(lane, code).problem == "not_appointed"


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"key": SigningKey.generate()}, "appointment_foreign"),
        ({"device": "other-box"}, "appointment_other_box"),
        ({"now": dt.datetime.now(dt.UTC) - dt.timedelta(hours=3)}, "appointment_over"),
        ({"now": dt.datetime.now(dt.UTC) + dt.timedelta(hours=3)}, "appointment_over"),
    ],
)
def test_fail__not_for_this_box_now(lane, tmp_path, changes, refused) -> None:
    code = appointed(lane, tmp_path, **changes)
    assert (lane.naming.appointing.names, lane.naming.appointing.refused) == ((), refused)
    assert take(lane, code).problem == "not_appointed"
    assert roles_of(lane) == {}


def test_fail__a_box_that_knows_no_key_is_appointed_by_nobody(make_lane, capture, tmp_path) -> None:
    lane = make_lane(capture)
    code = appointed(lane, tmp_path)
    assert lane.naming.appointing.names == ()
    assert take(lane, code).problem == "not_appointed"


def test_fail__what_is_no_appointment_is_passed_over(lane, tmp_path) -> None:
    folder = tmp_path / "stick" / "test-box"
    folder.mkdir(parents=True)
    (folder / "appointment.cose").write_bytes(b"\xd2" * 5000)
    (folder / "appointment-2.cose").symlink_to(folder / "appointment.cose")
    lane.naming.look()
    assert lane.naming.appointing.refused == "appointment_foreign"
    code = appointed(lane, tmp_path, file="appointment-3.cose")
    assert take(lane, code).taken


def test_fail__wrong_codes_are_counted_on_disk_and_lock(lane, house, make_lane, capture, tmp_path) -> None:
    code = appointed(lane, tmp_path)
    for _ in range(appointments.MAX_TRIES - 1):
        assert take(lane, "00000-00000").problem == "wrong_code"
    lane = make_lane(capture, appointing=CENTRAL.verify_key)  # pulling the plug gives no new tries
    lane.naming.look()
    assert take(lane, "00000-00000").problem == "locked"
    locked = take(lane, code)
    assert (locked.taken, locked.problem, locked.minutes) == (False, "locked", 15)
    said = [one["act"] for one in acts(lane, house)]
    assert said == ["wrong_code"] * (appointments.MAX_TRIES - 1) + ["code_locked"] * 2


@pytest.mark.parametrize(
    ("pin", "again", "problem"),
    [(PIN, OTHER, "pins_differ"), ("123", "123", "bad_pin"), ("123456", "123456", "easy_pin")],
)
def test_fail__a_pin_that_nobody_can_have_costs_no_try(lane, house, tmp_path, pin, again, problem) -> None:
    code = appointed(lane, tmp_path)
    assert take(lane, code, pin=pin, again=again).problem == problem
    assert acts(lane, house) == []
    assert take(lane, code).taken


def test_ok__the_way_back_for_a_supervisor_who_forgot_pin_and_lost_the_card(staffed, house, tmp_path) -> None:
    book = book_of(staffed)
    book.add(AIDA, PIN, frozenset({Role.OFFICER, Role.TRAINER}))
    book.give_card(AIDA, b"\x04" + b"\x01" * 64)
    assert take(staffed, appointed(staffed, tmp_path), pin=WRONG).taken
    assert set(roles_of(staffed)[AIDA]) == {Role.OFFICER, Role.TRAINER, Role.SUPERVISOR}
    assert book.cards.all() == {}
    assert book.check(AIDA, PIN, now=dt.datetime.now(dt.UTC)) is None
    assert acts(staffed, house)[0]["again"] is True


@pytest.mark.parametrize("cut", ["add", "take_away", "spend"])
def test_ok__a_power_cut_leaves_it_usable_or_done(
    lane, make_lane, capture, tmp_path, monkeypatch, cut
) -> None:
    """Whichever write is the last that comes to the disk."""
    code = appointed(lane, tmp_path)
    book = book_of(lane)
    owner = {"add": book, "take_away": book.cards, "spend": book.appointments}[cut]

    def broken(*_: object) -> None:
        raise StorageBroken("The power went.")

    monkeypatch.setattr(owner, cut, broken)
    assert take(lane, code).problem == "storage"
    lane = make_lane(capture, appointing=CENTRAL.verify_key)
    lane.naming.look()
    assert lane.naming.appointing.names == (AIDA,)
    assert take(lane, code, pin=OTHER).taken
    assert roles_of(lane) == {AIDA: (Role.SUPERVISOR,)}
    assert book_of(lane).check(AIDA, OTHER, now=dt.datetime.now(dt.UTC)) is not None


def test_ok__a_newer_one_takes_the_place_of_an_older(lane, tmp_path) -> None:
    earlier = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=20)
    old = appointed(lane, tmp_path, now=earlier)
    new = appointed(lane, tmp_path, file="appointment-new.cose")
    assert take(lane, old).problem == "wrong_code"
    assert take(lane, new).taken
    lane.naming.look()
    assert lane.naming.appointing.names == ()
    assert take(lane, old).problem == "not_appointed"


# The supervisor's desk


async def begun(lane, name=AIDA, pin=PIN) -> str:
    while lane.naming.duty._cards.loop is None:  # the lane has just begun to run
        await asyncio.sleep(0.01)
    answer, token = await lane.naming.desk.open(OpenOfficers(name=name, pin=pin))
    assert answer.taken
    return token


def act(what, name, **more) -> Act:
    return Act(what=what, name=name, **({"own_pin": PIN} | more))


@pytest.mark.parametrize(
    ("name", "pin", "problem"), [(AIDA, WRONG, "wrong_pin"), (BEK, OTHER, "not_allowed"), ("", "", "unknown")]
)
def test_fail__who_is_no_supervisor(staffed, house, name, pin, problem) -> None:
    async def work(_):
        answer, token = await staffed.naming.desk.open(OpenOfficers(name=name, pin=pin))
        assert (answer.taken, answer.problem, token) == (False, problem, "")
        refused = await staffed.naming.desk.act("", act("remove", BEK))
        assert refused.problem == "closed"

    house.run(staffed, work)
    assert BEK in roles_of(staffed)


def test_fail__where_nobody_is_named_nobody_begins(lane, house) -> None:
    async def work(_):
        answer, _token = await lane.naming.desk.open(OpenOfficers())
        assert answer.problem == "unknown"

    house.run(lane, work)


def test_ok__everything_that_a_supervisor_can_have_done(staffed, house) -> None:
    book = book_of(staffed)

    async def work(_):
        desk, token = staffed.naming.desk, await begun(staffed)
        new = act("add", " Emil  Asanov", roles=(Role.OFFICER, Role.SECOND_LINE), pin=WRONG, again=WRONG)
        assert (await desk.act(token, new)).taken
        assert "Emil Asanov" in {one.name for one in staffed.naming.duty.known}, "F3 knows at once"
        assert (await desk.act(token, act("pin", BEK, pin="141421", again="141421"))).taken
        assert book.check(BEK, "141421", now=dt.datetime.now(dt.UTC)) is not None
        assert roles_of(staffed)[BEK] == (Role.OFFICER,)
        for _ in range(officers.MAX_TRIES):
            try:
                book.check(BEK, "999998", now=dt.datetime.now(dt.UTC))
            except officers.OfficerLocked:
                break
        view = await desk.view()
        assert {one.name: one.locked_minutes for one in view.officers} == {
            AIDA: 0, BEK: 15, "Emil Asanov": 0,
        }  # fmt: skip
        assert (await desk.act(token, act("unlock", BEK))).taken
        assert book.check(BEK, "141421", now=dt.datetime.now(dt.UTC)) is not None
        assert (await desk.act(token, act("roles", BEK, roles=(Role.TECHNICIAN,)))).taken
        assert (await desk.act(token, act("remove", "Emil Asanov"))).taken
        desk.leave(token)
        assert not desk.knows(token)
        assert (await desk.act(token, act("remove", BEK))).problem == "leave"

    house.run(staffed, work)
    assert roles_of(staffed) == {AIDA: (Role.SUPERVISOR,), BEK: (Role.TECHNICIAN,)}
    said = [(one["act"], one["officer"], one.get("about")) for one in acts(staffed, house)]
    assert [one for one in said if not one[0].startswith("supervisor_")] == [
        ("officer_added", AIDA, "Emil Asanov"),
        ("officer_pin", AIDA, BEK),
        ("officer_unlocked", AIDA, BEK),
        ("officer_roles", AIDA, BEK),
        ("officer_removed", AIDA, "Emil Asanov"),
    ]
    assert said[0][0] == "supervisor_came"
    written = json.dumps(acts(staffed, house), default=str)
    assert not [pin for pin in (PIN, OTHER, WRONG, "141421") if pin in written]


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (act("add", "New", roles=(Role.OFFICER,), pin=WRONG, again=WRONG, own_pin=OTHER), "wrong_pin"),
        (act("add", BEK, roles=(Role.OFFICER,), pin=WRONG, again=WRONG), "there_already"),
        (act("add", " ", roles=(Role.OFFICER,), pin=WRONG, again=WRONG), "bad_name"),
        (act("add", "New", pin=WRONG, again=WRONG), "no_roles"),
        (act("add", "New", roles=(Role.OFFICER,), pin=WRONG, again=PIN), "pins_differ"),
        (act("pin", BEK, pin="111111", again="111111"), "easy_pin"),
        (act("pin", "Nobody", pin=WRONG, again=WRONG), "not_there"),
        (act("roles", BEK), "no_roles"),
        (act("remove", AIDA), "last_supervisor"),
        (act("roles", AIDA, roles=(Role.OFFICER,)), "last_supervisor"),
        (act("card_away", BEK), "no_card_here"),
        (act("dance", BEK), "closed"),
    ],
)
def test_fail__what_is_not_done(staffed, house, wanted, problem) -> None:
    before = roles_of(staffed)

    async def work(_):
        token = await begun(staffed)
        answer = await staffed.naming.desk.act(token, wanted)
        assert (answer.taken, answer.problem) == (False, problem)

    house.run(staffed, work)
    assert roles_of(staffed) == before
    assert book_of(staffed).check(BEK, OTHER, now=dt.datetime.now(dt.UTC)) is not None


def test_ok__a_supervisor_goes_once_there_is_another(staffed, house) -> None:
    async def work(_):
        desk, token = staffed.naming.desk, await begun(staffed)
        await asyncio.to_thread(staffed.naming.duty.login, Login(name=AIDA, pin=PIN))
        assert (await desk.act(token, act("roles", BEK, roles=(Role.SUPERVISOR,)))).taken
        assert (await desk.act(token, act("remove", AIDA))).taken
        assert not desk.knows(token), "nobody stays on a page that is no longer theirs"
        assert staffed.naming.duty.name == "", "nor on duty"

    house.run(staffed, work)
    assert roles_of(staffed) == {BEK: (Role.SUPERVISOR,)}


def test_ok__who_is_on_duty_in_other_roles_logs_in_again(staffed, house) -> None:
    async def work(_):
        desk, token = staffed.naming.desk, await begun(staffed)
        await asyncio.to_thread(staffed.naming.duty.login, Login(name=BEK, pin=OTHER))
        assert (await desk.act(token, act("pin", BEK, pin=WRONG, again=WRONG))).taken
        assert staffed.naming.duty.name == BEK
        assert (await desk.act(token, act("roles", BEK, roles=(Role.OFFICER, Role.SECOND_LINE)))).taken
        assert staffed.naming.duty.name == ""
        assert desk.knows(token)

    house.run(staffed, work)


def test_fail__a_card_that_comes_when_the_supervisor_has_gone(staffed, house, capture) -> None:
    async def work(_):
        desk, token = staffed.naming.desk, await begun(staffed)
        assert (await desk.act(token, act("card", BEK))).taken
        desk.leave(token)
        capture.card = KEY
        assert await given(staffed) == ""

    house.run(staffed, work)
    assert book_of(staffed).cards.all() == {}


def test_ok__a_traveller_ends_the_visit_and_the_crossing_goes_on(staffed, house) -> None:
    async def work(officer):
        desk, token = staffed.naming.desk, await begun(staffed)
        await officer.press()
        await officer.until(lambda view: view.step == "deciding")
        assert not desk.knows(token)
        assert desk.ended == "traveller"
        assert (await desk.act(token, act("remove", BEK))).problem == "traveller"
        answer, _token = await desk.open(OpenOfficers(name=AIDA, pin=PIN))
        assert answer.problem == "gone"

    house.run(staffed, work)


def test_ok__nobody_there_any_more(staffed, house) -> None:
    async def work(_):
        staffed.naming.desk._idle_seconds = 0.05
        token = await begun(staffed)
        while staffed.naming.desk.knows(token):
            await asyncio.sleep(0.02)
        assert staffed.naming.desk.ended == "idle"

    house.run(staffed, work)


async def given(lane) -> str:
    async with asyncio.timeout(20):
        while (view := await lane.naming.desk.view()).card_for:
            await asyncio.sleep(0.02)
    return view.card_problem


def test_ok__the_card_on_the_reader_and_not_the_supervisor_s_own(staffed, house, capture) -> None:
    book = book_of(staffed)
    own, new = (key_of(PivCard(one).certificate) for one in (OWN_KEY, KEY))
    book.give_card(AIDA, own)

    async def work(_):
        desk = staffed.naming.desk
        capture.card = OWN_KEY
        token = await begun(staffed)
        assert (await desk.act(token, act("card", BEK))).taken
        assert (await desk.view()).card_for == BEK
        assert (await desk.act(token, act("remove", BEK))).problem == "busy"
        await asyncio.sleep(0.2)
        assert book.cards.all() == {AIDA: own}, "it lies there still"
        capture.card = KEY
        assert await given(staffed) == ""
        assert book.cards.all() == {AIDA: own, BEK: new}
        refused = await desk.act(token, act("card_away", BEK))
        assert refused.problem == "wrong_card", "a change needs the supervisor's card too"
        capture.card = OWN_KEY
        assert (await desk.act(token, act("card_away", BEK))).taken
        assert (
            await desk.act(token, act("add", "Emil", roles=(Role.OFFICER,), pin=WRONG, again=WRONG))
        ).taken
        assert (await desk.act(token, act("card", AIDA))).taken
        assert await given(staffed) == ""

    house.run(staffed, work)
    said = [(one["act"], one.get("about"), one.get("card")) for one in acts(staffed, house)]
    assert ("card_given", BEK, name_of(new)) in said
    assert ("card_taken_away", BEK, None) in said


def test_fail__no_card_comes_or_somebody_else_s(staffed, house, capture) -> None:
    book_of(staffed).add("Emil", WRONG, frozenset({Role.OFFICER}))
    book_of(staffed).give_card("Emil", key_of(PivCard(KEY).certificate))

    async def work(_):
        desk = staffed.naming.desk
        desk._card_seconds = 0.1
        token = await begun(staffed)
        assert (await desk.act(token, act("card", BEK))).taken
        assert await given(staffed) == "no_card"
        capture.card = KEY
        assert (await desk.act(token, act("card", BEK))).taken
        assert await given(staffed) == "card_taken"

    house.run(staffed, work)
    assert set(book_of(staffed).cards.all()) == {"Emil"}


# The routes


def page_of(lane) -> httpx.AsyncClient:
    app = kiosk_app(lane, languages=("en",), default_language="en")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url="http://127.0.0.1"
    )


def test_ok__the_page_s_word_is_a_cookie_and_who_lacks_it_does_nothing(staffed, house) -> None:
    async def work(_):
        async with page_of(staffed) as page:
            asked = {"name": AIDA, "pin": PIN}
            opened = await page.post("/officers/open", headers=PRESS, content=json.dumps(asked))
            assert opened.json() == {"taken": True, "sentence": ""}
            cookie = opened.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            assert "Path=/officers" in cookie
            removing = json.dumps({"what": "remove", "name": BEK, "own_pin": PIN})
            page.cookies.clear()
            refused = await page.post("/officers/act", headers=PRESS, content=removing)
            assert refused.json()["sentence"] == "The visit is over. Begin again."
            assert BEK in roles_of(staffed)
            for path in ("/officers/act", "/officers/open", "/officers/leave", "/appoint"):
                assert (await page.post(path, content="{}")).status_code == 403
                assert (await page.post(path, headers=PRESS, content='{"x": 1}')).status_code == 400
            assert "supervisor" in (await page.get("/officers")).text.lower()

    house.run(staffed, work)


def test_ok__every_act_has_a_key(staffed, house) -> None:
    async def work(_):
        async with page_of(staffed) as page:
            await page.post("/officers/open", headers=PRESS, content=json.dumps({"name": AIDA, "pin": PIN}))
            text = (await page.get("/officers")).text
            assert [f'data-act="{one}"' in text for one in ACTS] == [True] * len(ACTS)

    house.run(staffed, work)
