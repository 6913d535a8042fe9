"""The receipt on a receipt printer's paper: drawn, sent through the kiosk's page and capture, read again."""

import msgspec
import numpy as np
import pytest
import zxingcpp
from kiosk_client import Client
from kiosk_scripted import WAITING, ScriptedSource
from test_receipt_in_chromium import RECEIPT, REFERRED

from appliance.services.capture.service import CaptureService
from appliance.services.lane import printing
from appliance.services.lane.kiosk import kiosk_app, receipt_paper
from appliance.services.lane.kiosk.receipt import code_text, lines_of
from appliance.services.lane.kiosk.receipt_paper import receipt_rows
from appliance.services.lane.kiosk.words import LANGUAGES, load_words
from hal.printer.simulated import Options, SimulatedPrinter

OURS = {"x-borne-kiosk": "1"}
ASK = {"reference": RECEIPT.reference, "language": "fr"}


def read_off(page: np.ndarray) -> list[str]:
    """What a telephone reads off the paper, dots drawn twice as large and a margin around."""
    picture = np.kron(np.where(page, 0, 255).astype(np.uint8), np.ones((2, 2), np.uint8))
    return [one.text for one in zxingcpp.read_barcodes(np.pad(picture, 20, constant_values=255))]


def drawn(language: str, dots: int) -> np.ndarray:
    words = load_words(language)
    lines = lines_of(RECEIPT, words, simulated=True)
    rows = receipt_rows(words.ui("receipt"), lines, code_text(lines), words, dots)
    return np.unpackbits(np.frombuffer(rows, np.uint8).reshape(-1, dots // 8), axis=1).astype(bool)


@pytest.fixture
def source() -> ScriptedSource:
    source = ScriptedSource()
    source.show(WAITING, receipt=RECEIPT)
    return source


@pytest.fixture
def printer(source: ScriptedSource) -> SimulatedPrinter:
    printer = SimulatedPrinter(Options(dots=576))
    source.printing = printing.PrintDesk(CaptureService((printer,)))
    return printer


def client(source: ScriptedSource) -> Client:
    return Client(kiosk_app(source, languages=("en", "fr", "ar"), default_language="en"))


@pytest.mark.parametrize("dots", [384, 576])
@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__every_language_on_both_papers(language: str, dots: int) -> None:
    page = drawn(language, dots)
    words = load_words(language)
    assert read_off(page) == [code_text(lines_of(RECEIPT, words, simulated=True))]
    assert not page[:, : receipt_paper.MARGIN // 2].any(), "nothing is cut off at the left"
    assert not page[:, -receipt_paper.MARGIN // 2 :].any(), "nor at the right"
    assert 200 < len(page) < 2200


@pytest.mark.parametrize("language", LANGUAGES)
def test_ok__no_letter_is_missing(language: str) -> None:
    words = load_words(language)
    own = msgspec.structs.replace(RECEIPT, post="", appeal={})
    for line in lines_of(own, words, simulated=True):
        font = receipt_paper._font_for(line, receipt_paper.SIZE)
        assert [letter for letter in line if not receipt_paper._has(font, letter)] == []


def test_ok__a_word_wider_than_the_paper_is_cut_and_not_lost() -> None:
    font = receipt_paper._font_for("W", receipt_paper.SIZE)
    rows = list(receipt_paper._broken("a " + "W" * 200, font, 300, "ltr"))
    assert "".join(rows) == "a" + "W" * 200
    assert all(font.getlength(row) <= 300 for row in rows)


def test_ok__printed_from_the_page(source: ScriptedSource, printer: SimulatedPrinter) -> None:
    answer = client(source).post("/receipt/print", json=ASK, headers=OURS)
    assert (answer.status_code, answer.text) == (200, "Imprimé")
    assert printer.page is not None
    assert read_off(printer.page) == [code_text(lines_of(RECEIPT, load_words("fr"), simulated=True))]


def test_ok__without_a_printer_the_browser_is_told(source: ScriptedSource) -> None:
    assert client(source).post("/receipt/print", json=ASK, headers=OURS).status_code == 404


def test_ok__who_was_not_admitted_gets_the_same_neutral_paper(
    source: ScriptedSource, printer: SimulatedPrinter
) -> None:
    source.show(WAITING, receipt=REFERRED)
    assert client(source).post("/receipt/print", json=ASK, headers=OURS).status_code == 200
    assert printer.page is not None
    assert read_off(printer.page) == [code_text(lines_of(REFERRED, load_words("fr"), simulated=True))]


@pytest.mark.parametrize("paper", [True, False])
def test_fail__a_printer_that_cannot(
    source: ScriptedSource, printer: SimulatedPrinter, monkeypatch: pytest.MonkeyPatch, paper: bool
) -> None:
    monkeypatch.setattr(printing, "PRINT_SECONDS", 0.2)
    printer.load(paper=paper)
    if paper:
        printer.unplug()
    answer = client(source).post("/receipt/print", json=ASK | {"language": "en"}, headers=OURS)
    assert (answer.status_code, answer.text) == (503, "Not printed: look at its paper and its cover")
    assert printer.page is None


def test_fail__another_traveller_s_and_strangers(source: ScriptedSource, printer: SimulatedPrinter) -> None:
    ask = client(source)
    assert ask.post("/receipt/print", json=ASK | {"reference": "other"}, headers=OURS).status_code == 409
    source.show(WAITING, receipt=None)
    assert ask.post("/receipt/print", json=ASK, headers=OURS).status_code == 409
    assert ask.post("/receipt/print", json=ASK).status_code == 403
    assert ask.post("/receipt/print", json=ASK | {"x": 1}, headers=OURS).status_code == 400
    assert printer.page is None
