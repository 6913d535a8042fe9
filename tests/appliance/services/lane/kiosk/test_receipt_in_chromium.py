"""The traveller's receipt in real Chromium: over the officer's page, on the traveller's, on paper, as a code
that is read off the screen.

BORNE_SCREENSHOTS=folder in the environment keeps pictures.
"""

import base64
import io
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zxingcpp
from kiosk_browser import SIZES, Kiosk, Server, wait_until
from kiosk_client import Client
from kiosk_looks import FAINT, MISFITS
from kiosk_scripted import WAITING, ScriptedSource
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from appliance.contracts.checks import Direction, Outcome
from appliance.contracts.receipt import Receipt
from appliance.services.capture.service import CaptureService
from appliance.services.lane.kiosk import kiosk_app
from appliance.services.lane.kiosk.receipt import MAX_CODE_BYTES, code_of, lines_of
from appliance.services.lane.kiosk.words import load_words
from appliance.services.lane.printing import PrintDesk
from hal.printer.simulated import Options as PrinterOptions
from hal.printer.simulated import SimulatedPrinter

LANGUAGES = ("en", "fr", "ru")
RECEIPT = Receipt(
    reference="abcdef012345",
    post="Utopia North Pass",
    direction=Direction.ENTRY,
    at="2026-11-24T14:32+06:00",
    sure_time=True,
    admitted=True,
    recorded=("document", "portrait", "fingers"),
    stay_days=90,
    stay_window_days=180,
    appeal={
        "en": "Border Appeals Office, 1 Main Street, Utopia City, within 15 days",
        "fr": "Bureau des recours, 1 rue Principale, Utopia, dans les 15 jours",
        "ru": "Отдел обжалования, Главная улица, 1, Утопия, в течение 15 дней",
    },
)
REFERRED = msgspec.structs.replace(RECEIPT, admitted=False, stay_days=None, stay_window_days=None)
OPEN = "return document.getElementById('receipt').open"


def gone(source: ScriptedSource, receipt: Receipt = RECEIPT) -> None:
    outcome = Outcome.ADMITTED if receipt.admitted else Outcome.REFERRED
    source.show(WAITING, last_outcome=outcome, receipt=receipt)


def keys(browser: Kiosk, *typed: str) -> None:
    ActionChains(browser.driver, duration=0).send_keys(*typed).perform()


def read_off(browser: Kiosk) -> list[str]:
    picture = Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("L")
    return [one.text for one in zxingcpp.read_barcodes(np.asarray(picture))]


def text_of(receipt: Receipt, language: str) -> str:
    return "\n".join(lines_of(receipt, load_words(language), simulated=True))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_ok__on_the_traveller_s_page_and_read_off_it(
    browser: Kiosk, source: ScriptedSource, server: Server, language: str, size: str
) -> None:
    for name, receipt in (("admitted", RECEIPT), ("with-officer", REFERRED)):
        gone(source, msgspec.structs.replace(receipt, shown=True))
        browser.resize(SIZES[size])
        browser.driver.get(f"{server.address}/traveller/language/{language}")
        wait_until(lambda: browser.driver.execute_script("return document.body.dataset.code") == "receipt")
        browser.settle()
        assert browser.driver.execute_script(MISFITS) == []
        looked, faint = browser.driver.execute_script(FAINT)
        assert looked >= 6
        assert faint == []
        assert read_off(browser) == [text_of(receipt, language)]
        if folder := os.environ.get("BORNE_SCREENSHOTS"):
            browser.screenshot(Path(folder) / f"receipt-{name}-{language}-{size}.png")


def test_ok__over_the_officer_s_page_in_any_language_and_to_print(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    gone(source)
    browser.open(server.address)
    assert "F6" in browser.text(".last")
    keys(browser, Keys.F6)
    wait_until(lambda: "admitted" in browser.text("#receipt-page"))
    browser.settle()
    wait_until(lambda: read_off(browser) == [text_of(RECEIPT, "en")])
    if folder := os.environ.get("BORNE_SCREENSHOTS"):
        browser.screenshot(Path(folder) / "receipt-officer-en-small.png")
    keys(browser, " ")
    assert source.presses == []
    browser.driver.find_element("css selector", "#receipt [data-language=ru]").click()
    wait_until(lambda: "Въезд разрешён" in browser.text("#receipt-page"))
    browser.settle()
    printed = browser.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": False})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    visible = "return [...document.querySelectorAll('.stage, .top, #receipt menu, .receipt-words')]"
    seen = browser.driver.execute_script(
        f"{visible}.filter((e) => e.checkVisibility()).map((e) => e.className)"
    )
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert seen == ["receipt-words"], "paper shows the receipt and nothing of the screen"
    source.show(WAITING, step="reading_document", press=None, hold="refer", crossing="c2", receipt=None)
    wait_until(lambda: not browser.driver.execute_script(OPEN))
    wait_until(lambda: "Въезд" not in browser.driver.page_source)  # nothing of a traveller stays behind


def test_ok__on_the_receipt_printer_by_one_click(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    printer = SimulatedPrinter(PrinterOptions())
    source.printing = PrintDesk(CaptureService((printer,)))
    gone(source)
    browser.open(server.address)
    keys(browser, Keys.F6)
    wait_until(lambda: "admitted" in browser.text("#receipt-page"))
    browser.driver.find_element("css selector", "#receipt [data-receipt=print]").click()
    wait_until(lambda: browser.text("#receipt-said") == "Printed")
    assert printer.page is not None
    if folder := os.environ.get("BORNE_SCREENSHOTS"):
        browser.screenshot(Path(folder) / "receipt-printed-en-small.png")
        Image.fromarray(~printer.page).save(Path(folder) / "receipt-paper.png")


def test_ok__the_traveller_sees_it_when_the_officer_says_so_and_not_before(
    browser: Kiosk, source: ScriptedSource, server: Server
) -> None:
    looks = set()
    for receipt in (RECEIPT, REFERRED):
        gone(source, receipt)
        browser.driver.get(f"{server.address}/traveller")
        wait_until(lambda: browser.driver.execute_script("return document.body.dataset.code"))
        looks.add(browser.driver.get_screenshot_as_png())
    assert len(looks) == 1, "until then nobody can tell the outcome from the traveller's screen"
    browser.open(server.address)
    keys(browser, Keys.F6)
    wait_until(lambda: browser.text("#receipt-page"))
    assert not source.view().receipt.shown
    browser.driver.find_element("css selector", "[data-receipt=show]").click()
    wait_until(lambda: source.view().receipt.shown)
    assert browser.driver.execute_script(OPEN)


def test_ok__with_nobody_gone_there_is_none(browser: Kiosk, source: ScriptedSource, server: Server) -> None:
    browser.open(server.address)
    assert "F6" not in browser.text(".stage")
    keys(browser, Keys.F6)
    wait_until(lambda: "There is no receipt" in browser.text("#receipt-page"))
    browser.driver.get_log("browser")


def test_fail__another_s_receipt_is_not_shown() -> None:
    source = ScriptedSource()
    client = Client(kiosk_app(source, languages=LANGUAGES, default_language="en"))
    assert client.get("/receipt").status_code == 404
    gone(source)
    assert client.get("/receipt").status_code == 200
    assert client.get("/receipt?whole&language=fr").text.startswith("<!doctype html>")
    assert client.get("/receipt/code").status_code == 404
    assert client.get("/receipt/code?reference=000000000000").status_code == 404
    assert client.get("/receipt/code?reference=abcdef012345").headers["content-type"] == "image/svg+xml"
    ours = {"x-borne-kiosk": "1"}
    assert client.post("/receipt/show", json={"reference": "abcdef012345"}).status_code == 403
    assert client.post("/receipt/show", json={"reference": "no"}, headers=ours).json() == {"taken": False}
    assert client.post("/receipt/show", json={"reference": "x" * 300}, headers=ours).status_code == 413
    assert not source.view().receipt.shown
    assert client.get("/receipt?language=../../x").status_code == 200, (
        "an unknown language is the traveller's"
    )


def test_ok__a_post_that_says_too_much_still_has_a_code() -> None:
    lines = lines_of(
        msgspec.structs.replace(RECEIPT, appeal={"en": "я" * 3000}), load_words("en"), simulated=True
    )
    assert len("\n".join(lines).encode()) > MAX_CODE_BYTES
    assert code_of(lines).startswith("<?xml")
