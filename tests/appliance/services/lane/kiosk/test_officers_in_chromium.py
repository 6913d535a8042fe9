"""Who works here, in real Chromium with keys alone: from central's appointment to an officer who decides."""

import os
from pathlib import Path

import pytest
from kiosk_axe import violations
from kiosk_beside import beside, keys, picture, script
from kiosk_browser import SIZES, Kiosk, Server, wait_until
from kiosk_looks import FAINT, MISFITS
from kiosk_scripted import WAITING, ScriptedSource
from nacl.signing import VerifyKey
from scripted import ScriptedCapture
from second_line_scripted import records
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from appliance.contracts.naming import Act, Appoint, Named, OfficerLine, OfficersView, OpenOfficers
from appliance.contracts.officers import OfficerAnswer, OfficerView, Role
from appliance.key_files import read_key
from appliance.services.lane.kiosk.words import LANGUAGES
from appliance.simulation.travellers import traveller
from central.cli import main as central

MANUAL = Path(__file__).parents[5] / "docs/screens"
PIN, NEW = "271828", "161803"
AIDA, BEK = "Aida Osmonova", "Bek Toktogulov"
TOKEN = "the-word-of-this-visit"
FITS = """
const form = document.getElementById("naming");
return form.scrollWidth <= form.clientWidth && form.scrollHeight <= form.clientHeight;
"""
VIEW = OfficersView(
    by=AIDA,
    officers=(
        OfficerLine(name=AIDA, roles=(Role.OFFICER, Role.SUPERVISOR), card=True),
        OfficerLine(name=BEK, roles=(Role.OFFICER,), card=False, locked_minutes=12),
        OfficerLine(name="Cholpon Ibraimova", roles=(Role.OFFICER, Role.SECOND_LINE), card=True),
        OfficerLine(name="Dinara Sadykova", roles=(Role.SUPERVISOR, Role.TRAINER), card=False),
        OfficerLine(name="Emil Asanov", roles=(Role.TECHNICIAN,), card=False),
    ),
)


class Appointing:
    def __init__(self) -> None:
        self.names: tuple[str, ...] = (AIDA,)
        self.refused = ""
        self.taken: list[Appoint] = []

    def take(self, request: Appoint) -> Named:
        self.taken.append(request)
        if request.pin != request.again:
            return Named(taken=False, problem="pins_differ")
        return Named(taken=True)


class Desk:
    """`free` is False once somebody has come; what was asked stands in `acts`."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = (AIDA,)
        self.free = True
        self.ended = ""
        self.shown = VIEW
        self.acts: list[Act] = []
        self.visiting = False

    async def open(self, request: OpenOfficers) -> tuple[OfficerAnswer, str]:
        if request.pin != PIN:
            return OfficerAnswer(taken=False, problem="wrong_pin"), ""
        self.visiting, self.ended = True, ""
        return OfficerAnswer(taken=True), TOKEN

    def knows(self, token: str) -> bool:
        return self.visiting and token == TOKEN

    def end(self, why: str) -> None:
        self.visiting, self.ended = False, why
        self.free = why != "traveller"

    def leave(self, token: str) -> None:
        assert self.knows(token)
        self.end("leave")

    async def view(self) -> OfficersView:
        return self.shown

    async def act(self, token: str, act: Act) -> Named:
        assert self.knows(token)
        self.acts.append(act)
        if act.own_pin != PIN:
            return Named(taken=False, problem="wrong_pin")
        if act.name == AIDA and act.what == "remove":
            return Named(taken=False, problem="last_supervisor")
        return Named(taken=True)


@pytest.fixture
def desk(source: ScriptedSource) -> Desk:
    source.naming.desk = Desk()
    source.naming.appointing = Appointing()
    return source.naming.desk


def ready(browser: Kiosk) -> bool:
    return bool(script(browser, "return document.body.dataset.ready !== undefined"))


def opened(browser: Kiosk, dialog: str) -> bool:
    return bool(script(browser, "return document.getElementById(arguments[0]).open", dialog))


def shift_f3(browser: Kiosk) -> None:
    shift = ActionChains(browser.driver, duration=0).key_down(Keys.SHIFT).send_keys(Keys.F3)
    shift.key_up(Keys.SHIFT).perform()
    wait_until(lambda: browser.driver.current_url.endswith("/officers") and ready(browser))


def begin(browser: Kiosk) -> None:
    """Past the form, to the page."""
    keys(browser, PIN, Keys.ENTER)
    wait_until(lambda: browser.driver.find_elements("css selector", ".officers-do") and ready(browser))


def enter(browser: Kiosk, server: Server, *, size: str = "small", language: str = "en") -> None:
    browser.resize(SIZES[size])
    browser.driver.get(f"{server.address}/language/{language}")
    browser.driver.get(f"{server.address}/officers")
    wait_until(lambda: ready(browser))
    begin(browser)
    wait_until(lambda: browser.driver.find_elements("css selector", "#list tbody tr"))


def choose(browser: Kiosk, name: str) -> None:
    """With the arrow keys, as everybody does."""
    for _ in VIEW.officers:
        if script(browser, "return document.querySelector('[name=person]:checked').value") == name:
            return
        keys(browser, Keys.ARROW_DOWN)
    raise AssertionError(name)


def test_ok__every_form_with_keys_alone(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: Desk
) -> None:
    browser.open(server.address)
    shift_f3(browser)
    keys(browser, "111", Keys.ENTER)
    wait_until(lambda: browser.text(".typing-failed") == "This is not the PIN. It is recorded.")
    begin(browser)
    wait_until(lambda: "locked for 12 more minutes" in browser.text("#list"))
    keys(browser, "1")
    wait_until(lambda: opened(browser, "naming"))
    keys(browser, "Emil  Berg", Keys.TAB, " ", Keys.TAB, Keys.TAB, Keys.TAB, Keys.TAB, Keys.TAB)
    keys(browser, NEW, Keys.TAB, NEW, Keys.TAB, "000000", Keys.ENTER)
    wait_until(lambda: browser.text("#naming .typing-failed") == "This is not the PIN. It is recorded.")
    assert script(browser, "return document.querySelector('#naming [name=own_pin]').value") == ""
    keys(browser, PIN, Keys.ENTER)
    wait_until(lambda: not opened(browser, "naming"))
    assert desk.acts[-1] == Act(
        what="add", name="Emil  Berg", roles=(Role.OFFICER,), pin=NEW, again=NEW, own_pin=PIN
    )
    choose(browser, BEK)
    keys(browser, "5")
    wait_until(lambda: opened(browser, "naming"))
    assert BEK in browser.text("#naming")
    keys(browser, Keys.F1)
    wait_until(lambda: "The last supervisor stays one" in browser.text("#help"))
    keys(browser, Keys.ESCAPE)
    wait_until(lambda: not opened(browser, "help"))
    assert script(browser, "return document.querySelector('#naming [name=pin]').checkVisibility()") is False
    keys(browser, PIN, Keys.ENTER)
    wait_until(lambda: not opened(browser, "naming"))
    assert desk.acts[-1] == Act(what="unlock", name=BEK, own_pin=PIN)
    keys(browser, "3")
    wait_until(lambda: opened(browser, "naming"))
    ticked = "return [...document.querySelectorAll('#naming :checked')].map((one) => one.value)"
    assert script(browser, ticked) == ["officer"]
    keys(browser, Keys.TAB, " ", Keys.TAB, Keys.TAB, Keys.TAB, Keys.TAB, PIN, Keys.ENTER)
    wait_until(lambda: not opened(browser, "naming"))
    assert desk.acts[-1].roles == (Role.OFFICER, Role.SECOND_LINE)
    choose(browser, AIDA)
    keys(browser, "4")
    wait_until(lambda: opened(browser, "naming"))
    keys(browser, PIN, Keys.ENTER)
    wait_until(lambda: browser.text("#naming .typing-failed").startswith("This is the last supervisor"))
    keys(browser, Keys.ESCAPE)
    wait_until(lambda: not opened(browser, "naming"))
    assert browser.driver.current_url.endswith("/officers"), "Esc leaves the form first"
    keys(browser, Keys.ESCAPE)
    wait_until(lambda: browser.driver.current_url == f"{server.address}/")
    assert desk.ended == "leave"
    assert source.presses == []


def test_ok__a_traveller_who_comes_ends_it_at_once(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: Desk
) -> None:
    enter(browser, server)
    keys(browser, "2")
    wait_until(lambda: opened(browser, "naming"))
    desk.end("traveller")
    wait_until(lambda: browser.driver.current_url == f"{server.address}/")
    browser.wait_for_phase("idle")
    browser.driver.get(f"{server.address}/officers")
    assert browser.driver.current_url == f"{server.address}/", "while somebody stands there"


def test_ok__a_box_without_supervisors_says_how_it_gets_one(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: Desk
) -> None:
    desk.names, source.naming.appointing.refused = (), "appointment_other_box"
    browser.driver.get(f"{server.address}/officers")
    wait_until(lambda: ready(browser))
    assert "Central appoints one" in browser.text("#open")
    assert "for another box" in browser.text("#open")
    assert browser.driver.find_elements("css selector", "#open button") == []
    assert violations(browser) == []


def test_ok__beside_the_login_where_others_work_already(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: Desk
) -> None:
    source.show(WAITING, officers=(OfficerView(name=BEK, roles=(Role.OFFICER,)),))
    browser.open(server.address)
    keys(browser, Keys.F3)
    wait_until(lambda: opened(browser, "login"))
    browser.driver.find_element("css selector", "#login [data-do=appoint]").click()
    wait_until(lambda: opened(browser, "appoint"))
    assert not opened(browser, "login")
    keys(browser, Keys.TAB, "k3v9q-0t2ab", Keys.TAB, NEW, Keys.TAB, PIN, Keys.ENTER)
    wait_until(lambda: browser.text("#appoint .typing-failed").startswith("The two PINs differ"))
    keys(browser, Keys.TAB, NEW, Keys.TAB, NEW, Keys.ENTER)
    wait_until(lambda: not opened(browser, "appoint"))
    taken = source.naming.appointing.taken[-1]
    assert (taken.name, taken.code, taken.pin) == (AIDA, "k3v9q-0t2ab", NEW)
    script(browser, "document.getElementById('appoint').showModal()")
    left = script(browser, "return [...document.querySelectorAll('#appoint input')].map((one) => one.value)")
    assert left == ["", "", ""], "nothing of it stays"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_ok__it_fits_can_be_read_and_axe_has_nothing_against_it(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: Desk, language: str, size: str
) -> None:
    desk.shown = OfficersView(by=AIDA, officers=VIEW.officers, card_for=BEK)
    browser.resize(SIZES[size])
    browser.driver.get(f"{server.address}/language/{language}")
    wait_until(lambda: browser.phase == "idle")
    keys(browser, Keys.F3)
    wait_until(lambda: opened(browser, "appoint"))
    assert [one for one in script(browser, MISFITS) if "DIALOG" in one] == []
    assert violations(browser) == []
    picture(browser, f"appointed-{language}-{size}")
    enter(browser, server, size=size, language=language)
    wait_until(lambda: BEK in browser.text("#now"))
    assert script(browser, "return document.documentElement.scrollWidth <= innerWidth")
    looked, faint = browser.driver.execute_script(FAINT)
    assert looked > 20
    assert faint == []
    assert violations(browser) == []
    picture(browser, f"officers-{language}-{size}")
    keys(browser, "1")
    wait_until(lambda: opened(browser, "naming"))
    assert script(browser, FITS)
    assert violations(browser) == []
    raw = [word for word in ("officers_", "naming_", "role.") if word in browser.text("body")]
    assert raw == []
    picture(browser, f"officers-add-{language}-{size}")


@pytest.mark.parametrize("look", [("sun", "normal"), ("night", "normal"), ("day", "large")])
def test_ok__in_every_look(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: Desk, look: tuple[str, str]
) -> None:
    enter(browser, server)
    for name, value in zip(("theme", "print"), look, strict=True):
        script(browser, "document.cookie = `${arguments[0]}=${arguments[1]}; path=/`", name, value)
    browser.driver.get(f"{server.address}/officers")
    wait_until(lambda: browser.driver.find_elements("css selector", "#list tbody tr"))
    keys(browser, "1")
    wait_until(lambda: opened(browser, "naming"))
    assert script(browser, "return document.documentElement.scrollWidth <= innerWidth")
    assert violations(browser) == []
    picture(browser, f"officers-{'-'.join(look)}")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_ok__the_manual_s_picture(
    browser: Kiosk, source: ScriptedSource, server: Server, desk: Desk, language: str
) -> None:
    """BORNE_MANUAL=1 writes it anew."""
    enter(browser, server, language=language)
    shown = MANUAL / f"officers.{language}.png"
    if os.environ.get("BORNE_MANUAL"):
        browser.screenshot(shown)
    assert shown.stat().st_size > 5000


def test_ok__from_central_s_word_to_an_officer_who_decides(
    browser: Kiosk, make_lane, house, tmp_path: Path, quick_pins, capsys
) -> None:
    """A box that nobody was ever named at, a stick, a telephone, and one traveller."""
    said = ["--by", "Zamira", "--purpose", "a new post"]
    central_keys, database = str(tmp_path / "central"), str(tmp_path / "central.db")
    claims = ["--claims", str(tmp_path / "claims"), "--keys", central_keys]
    assert central(["keys", "--folder", central_keys]) == 0
    assert central(["claim", *claims, "test-box"]) == 0
    folder = tmp_path / "stick" / "test-box"
    folder.mkdir(parents=True)
    capsys.readouterr()
    appoint = ["appoint", AIDA, "--device", "test-box", "--hours", "24", str(folder / "appointment.cose")]
    assert central([*appoint, "--keys", central_keys, "--database", database, *said]) == 0
    code = capsys.readouterr().out.strip()
    pinned = read_key(tmp_path / "central" / "provisioning.pub", VerifyKey)
    lane = make_lane(ScriptedCapture(traveller(1).lines), appointing=pinned)

    def officer_s_work(officer, address, call):
        browser.open(address)
        wait_until(lambda: lane.naming.appointing.names == (AIDA,))
        wait_until(lambda: opened(browser, "appoint") or keys(browser, Keys.F3))
        keys(browser, Keys.TAB, code.lower(), Keys.TAB, PIN, Keys.TAB, PIN, Keys.ENTER)
        wait_until(lambda: AIDA in browser.text(".officer"))
        shift_f3(browser)
        begin(browser)
        wait_until(lambda: "supervisor" in browser.text("#list"))
        keys(browser, "1")
        wait_until(lambda: opened(browser, "naming"))
        keys(browser, BEK, Keys.TAB, " ", Keys.TAB, Keys.TAB, Keys.TAB, Keys.TAB, Keys.TAB)
        keys(browser, NEW, Keys.TAB, NEW, Keys.TAB, PIN, Keys.ENTER)
        wait_until(lambda: not opened(browser, "naming") and BEK in browser.text("#list"))
        keys(browser, Keys.ESCAPE)
        wait_until(lambda: browser.driver.current_url == f"{address}/" and browser.phase == "idle")
        wait_until(lambda: opened(browser, "login") or keys(browser, Keys.F3))
        keys(browser, "B", Keys.TAB, NEW, Keys.ENTER)
        wait_until(lambda: BEK in browser.text(".officer"))
        browser.start("deciding")
        browser.press()
        browser.wait_for_phase("idle")
        return call(records(lane, house))

    found = house.run(lane, beside(lane, officer_s_work))
    said_of = [
        (body["act"], body["officer"], body.get("about"))
        for kind, body in found
        if kind == "officer" and not body["act"].startswith("supervisor_")
    ]
    assert said_of == [
        ("appointed", AIDA, None), ("login", AIDA, None), ("officer_added", AIDA, BEK), ("login", BEK, None),
    ]  # fmt: skip
    (movement,) = (body for kind, body in found if kind == "movement")
    assert movement["officer"] == BEK
