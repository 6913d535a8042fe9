"""The screens on which several rooms meet: the fullest bar, what is asked, groups, receipt, ledger, help."""

from collections.abc import Iterator
from typing import Final

import msgspec
from kiosk_browser import Kiosk, wait_until
from kiosk_ledger import enter_line
from kiosk_scripted import TRAVELLERS, WAITING, ScriptedSource
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from test_asked_in_chromium import ASKED, GROUP, OVERSTAYED, QUESTIONS, press_shift_f5
from test_duty_in_chromium import STAFF
from test_receipt_in_chromium import RECEIPT, REFERRED

from appliance.contracts.asked import AskedView, QuestionView
from appliance.contracts.cases import SecondLineView
from appliance.contracts.checks import Outcome
from appliance.contracts.lane import View
from appliance.contracts.visas import Fee, VisaOffer

SECOND_LINE: Final = SecondLineView(cases=11, reviews=1, overdue=1)
DUTY: Final = {"officers": STAFF, "officer": STAFF[0], "second_line": SECOND_LINE}
"""Everything that the bar can hold beside place and clock."""
SAID: Final = AskedView(
    questions=tuple(
        QuestionView(question=one, must=False, value=value)
        for one, value in zip(QUESTIONS, ("work", "UZB", "40", None), strict=True)
    ),
    takes_proof=True,
)
OPENED: Final = "return !!document.querySelector('dialog[open]')"


def keys(kiosk: Kiosk, *typed: str) -> None:
    ActionChains(kiosk.driver, duration=0).send_keys(*typed).perform()


def bars(source: ScriptedSource) -> Iterator[tuple[str, View]]:
    """The officer's bar at its fullest, between travellers and before one."""
    yield "bar", source.show(WAITING, **DUTY)
    yield "bar training", source.show(WAITING, **DUTY, profile="training", time_quality="carried")
    yield "bar unsure", source.show(WAITING, **DUTY, time_quality="unsure", receipt=RECEIPT)
    yield "bar nobody", source.show(WAITING, officers=STAFF, time_quality="gnss")
    yield "bar group", source.show(WAITING, **DUTY, group=msgspec.structs.replace(GROUP, role=""))


def decisions(source: ScriptedSource) -> Iterator[tuple[str, View]]:
    """What is asked, stays and groups beside the recommendation, and a visa asked for."""
    yield "asked", source.decide(TRAVELLERS["green"], asked=SAID, **DUTY)
    yield "to be asked", source.decide(TRAVELLERS["amber_check_digit"], asked=ASKED, crossing="c2", **DUTY)
    yield "overstay", source.decide(OVERSTAYED, asked=SAID, crossing="c3", **DUTY)
    red = TRAVELLERS["red_stolen"]
    yield "group", source.decide(red, asked=SAID, group=GROUP, may_release=True, **DUTY)
    working = {"step": "reading_visa", "press": "without_visa", "hold": "refer", "crossing": "c4"}
    document = TRAVELLERS["green"].document
    yield (
        "visa",
        source.show(WAITING, **working, **DUTY, document=document, asked=ASKED, takes_typed=True),
    )


def screens(source: ScriptedSource) -> Iterator[tuple[str, View]]:
    """Every joint screen without a dialog."""
    yield from bars(source)
    yield from decisions(source)
    yield "gone", source.show(WAITING, **DUTY, last_outcome=Outcome.ADMITTED, receipt=RECEIPT)


def dialogs(kiosk: Kiosk, source: ScriptedSource) -> Iterator[str]:
    """Every dialog that came with a room of its own, one after the other, open and filled."""

    def opened(view: View, key: str) -> None:
        kiosk.wait_for_revision(view.revision)
        keys(kiosk, key)
        wait_until(lambda: kiosk.driver.execute_script(OPENED))

    def close() -> None:
        keys(kiosk, Keys.ESCAPE)
        wait_until(lambda: not kiosk.driver.execute_script(OPENED))

    visa = msgspec.structs.replace(ASKED, visa_number="V123", takes_proof=True)
    opened(source.decide(TRAVELLERS["green"], asked=visa, **DUTY), Keys.F5)
    yield "asked open"
    close()
    kiosk.wait_for_revision(source.decide(OVERSTAYED, asked=visa, crossing="c2", **DUTY).revision)
    press_shift_f5(kiosk)
    wait_until(lambda: kiosk.driver.execute_script("return document.getElementById('proof').open"))
    yield "proof open"
    close()
    offer = VisaOffer(
        purposes=("visit", "holiday"),
        days=30,
        fee=Fee(amount="60.00", currency="USD"),
        says={"en": "Tourists, for 30 days."},
    )
    asked = msgspec.structs.replace(ASKED, takes_proof=True, visa_offer=offer)
    kiosk.wait_for_revision(source.decide(OVERSTAYED, asked=asked, crossing="c3", **DUTY).revision)
    chain = ActionChains(kiosk.driver, duration=0)
    chain.key_down(Keys.SHIFT).send_keys(Keys.F2).key_up(Keys.SHIFT).perform()
    wait_until(lambda: kiosk.driver.execute_script("return document.getElementById('arrival').open"))
    yield "visa on arrival"
    close()
    opened(source.show(WAITING, **DUTY), Keys.F11)
    yield "group to open"
    close()
    opened(source.decide(TRAVELLERS["green"], asked=SAID, group=GROUP, **DUTY), Keys.F11)
    yield "group open"
    close()
    closing = msgspec.structs.replace(GROUP, seen=3, decided=3, role="")
    opened(source.show(WAITING, group=closing, **DUTY), Keys.F11)
    yield "group to close"
    close()
    for name, receipt in (("receipt", RECEIPT), ("receipt referred", REFERRED)):
        outcome = Outcome.ADMITTED if receipt.admitted else Outcome.REFERRED
        opened(source.show(WAITING, **DUTY, last_outcome=outcome, receipt=receipt), Keys.F6)
        wait_until(lambda: kiosk.text("#receipt-page"))
        kiosk.settle()
        yield name
        close()
    source.paper.clear()
    opened(source.show(WAITING, **DUTY), Keys.F7)
    enter_line(kiosk, document_number="ST0481516")
    wait_until(lambda: kiosk.text("#paper-lines li"))
    enter_line(kiosk, time="?")
    wait_until(lambda: kiosk.text("#paper [data-problem=time]"))
    yield "paper"
    close()
    opened(source.decide(TRAVELLERS["amber_near_match"], **DUTY), Keys.F1)
    wait_until(lambda: kiosk.text("#help-page :is(h1, h2)"))
    yield "help"
    kiosk.driver.find_element("css selector", "[data-help=manual]").click()
    wait_until(lambda: kiosk.driver.execute_script("return document.querySelector('#help-page a')"))
    yield "manual's contents"
    kiosk.driver.find_element("css selector", "#help-page a[href$=operation]").click()
    wait_until(lambda: kiosk.driver.execute_script("return document.querySelector('#help-page img')"))
    kiosk.settle()
    yield "manual"
    close()
