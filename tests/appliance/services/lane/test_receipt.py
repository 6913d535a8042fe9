"""The traveller's receipt: the same for all with the same outcome, whatever was found of them (promise 8)."""

import datetime as dt
import importlib.util
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.contracts.checks import CHECKS, Check, Direction, Outcome, Recommendation, Verdict
from appliance.contracts.movement import Stamp
from appliance.contracts.typed import TYPED_FOR, TypedDocument
from appliance.rules.table import RuleTable, StayRule
from appliance.services.lane.kiosk.receipt import lines_of
from appliance.services.lane.kiosk.words import load_words
from appliance.services.lane.receipt import KEPT_SECONDS, ReceiptDesk, receipt_of
from appliance.services.lane.workflow import Assessed, Decided, Started, State
from appliance.simulation.travellers import traveller
from appliance.simulation.watchlists import STOLEN_DOCUMENT

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).parent / "scripted.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

STAMP = Stamp(boot_id="b", monotonic_ns=1, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
RULES = RuleTable(name="r", version=1, stay=(StayRule(days=90, window_days=180),))
APPEAL = {"en": "Appeals Office, 1 Main Street", "fr": "Bureau des recours"}
TYPED = TypedDocument(
    typed_for="no_document",
    document_code="",
    issuing_state="",
    document_number="PROV1",
    primary_identifier="X",
    secondary_identifier="Y",
    nationality="UTO",
    birth_date="1980-05-31",
    sex="M",
    expiry_date="",
    primary_in_latin="X",
    secondary_in_latin="Y",
)
SECRETS = ("hit", "stolen", "watch", "protect", "asylum", "refuge", "RED", "AMBER", "signal", "recherch")


def state(outcome: Outcome = Outcome.ADMITTED, direction: Direction = Direction.ENTRY, **changes) -> State:
    fields = {
        "started": Started(crossing="abcdef0123456789", direction=direction, stamp=STAMP),
        "typed": TYPED,
        "decided": Decided(outcome=outcome, stamp=STAMP),
    }
    return State(**(fields | changes))


def receipt(one: State, rules: RuleTable | None = RULES):
    return receipt_of(one, post="North", rules=rules, appeal=APPEAL)


_checks = st.lists(
    st.builds(
        lambda id_, verdict, reason: Check(
            id=id_,
            verdict=verdict,
            reason=reason,
            evidence={"list": "stolen documents", "contact": "NCB", "entry": "E1"},
        ),
        st.sampled_from(sorted(CHECKS)),
        st.sampled_from(Verdict),
        st.sampled_from(sorted({reason for reasons in CHECKS.values() for reason in reasons})),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=200)
@given(
    checks=_checks,
    recommendation=st.sampled_from(Recommendation),
    outcome=st.sampled_from(Outcome),
    direction=st.sampled_from(Direction),
    officer=st.text(max_size=10),
    released=st.sampled_from(["", "protected person, let go on after a hit"]),
    asked=st.booleans(),
    typed_for=st.sampled_from(TYPED_FOR),
)
def test_ok__nothing_that_was_found_reaches_it(
    checks, recommendation, outcome, direction, officer, released, asked, typed_for
) -> None:
    plain = state(outcome, direction)
    found = state(
        outcome,
        direction,
        typed=msgspec.structs.replace(TYPED, typed_for=typed_for),
        assessed=Assessed(
            checks=tuple(checks),
            recommendation=recommendation,
            reasons=tuple(one.id for one in checks),
            policy="p",
        ),
        decided=Decided(outcome=outcome, stamp=STAMP, officer=officer, released=released, not_same=("pair",)),
        referral_asked=asked,
    )
    assert receipt(found) == receipt(plain)
    for code in ("en", "fr", "ru"):
        words = load_words(code)
        told = lines_of(receipt(found), words, simulated=False)
        assert told == lines_of(receipt(plain), words, simulated=False)
        assert not [secret for secret in SECRETS if secret in " ".join(told)]


@pytest.mark.parametrize("nationality", ["UTO", "XXA", "XXB", "XXC", "KGZ"])
def test_ok__whoever_is_not_admitted_gets_the_same_paper(nationality: str) -> None:
    referred = [
        state(Outcome.REFERRED, typed=msgspec.structs.replace(TYPED, nationality=nationality, typed_for=why))
        for why in TYPED_FOR
    ]
    assert {msgspec.json.encode(receipt(one)) for one in referred} == {
        msgspec.json.encode(receipt(state(Outcome.REFERRED)))
    }
    told = " ".join(lines_of(receipt(referred[0]), load_words("en"), simulated=False))
    assert "An officer goes on with your crossing" in told
    assert "stay" not in told


def test_ok__what_it_says_to_who_was_admitted() -> None:
    told = lines_of(receipt(state()), load_words("en"), simulated=False)
    assert told[1:] == (
        "You have been admitted.",
        "You may stay 90 days in any 180 days; earlier stays count.",
        "Recorded: your document.",
        "You may ask what is kept of you, have it corrected, and appeal: Appeals Office, 1 Main Street",
        "Reference: abcdef012345",
    )
    anew = RuleTable(name="r", version=1, stay=(StayRule(days=30),))
    assert "You may stay until 1 Dec 2026." in lines_of(
        receipt(state(), anew), load_words("en"), simulated=False
    )
    leaving = lines_of(receipt(state(direction=Direction.EXIT)), load_words("fr"), simulated=False)
    assert leaving[1] == "Votre départ est enregistré."
    assert "Bureau des recours" in leaving[-2]
    assert not any("séjour" in line for line in leaving)
    assert lines_of(receipt(state()), load_words("ru"), simulated=True)[0].startswith("ИМИТАЦИЯ")


def test_ok__without_a_rule_or_an_address_nothing_is_promised() -> None:
    bare = receipt_of(state(), post="North", rules=None, appeal={})
    told = " ".join(lines_of(bare, load_words("en"), simulated=False))
    assert "stay" not in told
    assert "ask the officer where" in told


def test_ok__an_unsure_clock_is_said() -> None:
    unsure = msgspec.structs.replace(STAMP, quality="unsure")
    told = lines_of(
        receipt(state(decided=Decided(outcome=Outcome.ADMITTED, stamp=unsure))),
        load_words("en"),
        simulated=False,
    )
    assert "(clock unsure)" in told[0]


def test_ok__it_comes_when_recorded_and_goes() -> None:
    now = [0.0]
    desk = ReceiptDesk(post="North", rules=lambda: RULES, appeal=lambda: APPEAL, clock=lambda: now[0])
    desk.look(State())
    assert desk.current is None
    desk.look(state(decided=None))
    desk.look(state())
    assert desk.current is None, "not before it is on disk"
    desk.look(State())
    assert desk.current is not None
    assert not desk.current.shown
    assert not desk.show("another")
    assert desk.show(desk.current.reference)
    assert desk.current.shown
    now[0] = KEPT_SECONDS
    assert desk.current is None
    assert not desk.show("abcdef012345")
    now[0] = 1.0
    desk.look(state(decided=None))
    assert desk.current is None, "the next traveller stands here"
    desk.look(State())
    assert desk.current is None, "of a crossing that nobody decided there is none"


@pytest.mark.parametrize(("press", "admitted"), [("press", True), ("hold", False)])
def test_ok__through_a_real_lane(make_lane, house, press: str, admitted: bool) -> None:
    lane = make_lane(_module.ScriptedCapture(traveller(1).lines))

    async def work(officer):
        await officer.press()
        await officer.until(lambda view: view.step == "deciding" and view.press)
        assert lane.view().receipt is None
        await officer.press(press)
        gone = await officer.until(lambda view: view.receipt is not None)
        await officer.press()
        await officer.until(lambda view: view.step != "waiting")
        assert lane.view().receipt is None
        return gone.receipt

    told = house.run(lane, work)
    (movement,) = _module.records_of(lane, house)[:1]
    assert movement.crossing.startswith(told.reference)
    assert told.admitted is admitted
    assert {"document", "portrait"} <= set(told.recorded)
    assert dt.datetime.fromisoformat(told.at).tzinfo


def test_ok__a_stolen_document_and_an_honest_one_referred_get_the_same(make_lane, house) -> None:
    papers = []
    for number in range(1, 5):
        lines = traveller(number).lines
        lane = make_lane(_module.ScriptedCapture(lines))

        async def work(officer):
            await officer.press()
            view = await officer.until(lambda view: view.step == "deciding" and view.press)
            await officer.press("hold")
            return view, (await officer.until(lambda view: view.receipt is not None)).receipt

        view, told = house.run(lane, work)
        papers.append((view.recommendation, told))
    assert len({recommendation for recommendation, _told in papers}) > 1
    same = [msgspec.structs.replace(told, reference="", at="") for _recommendation, told in papers]
    assert len({msgspec.json.encode(one) for one in same}) == 1
    assert STOLEN_DOCUMENT.number not in str(papers)
