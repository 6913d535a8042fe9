"""The trainee's counter in real Chromium: axe-core has nothing against it, whoever stands there or nobody."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "services" / "lane" / "kiosk"), str(HERE / "training")]

from kiosk_axe import violations  # noqa: E402
from kiosk_browser import CHROMIUM, DRIVER, SIZES, chromium, served, wait_until  # noqa: E402
from kiosk_looks import FAINT  # noqa: E402
from test_pages import session, standing  # noqa: E402

from appliance.contracts.checks import Outcome  # noqa: E402

pytestmark = pytest.mark.skipif(
    not (CHROMIUM.exists() and DRIVER.exists()), reason="chromium is not installed"
)


@pytest.mark.parametrize("size", SIZES)
def test_ok__axe_has_nothing_against_the_counter(size: str) -> None:
    wrong = session("stolen-passport", Outcome.ADMITTED)
    problems = []
    with chromium() as kiosk:
        kiosk.resize(SIZES[size])
        for id_ in ("altered-name", "handwritten-passport", "no-document", ""):
            pages = standing(id_ or "ordinary-passport")
            pages.through(wrong) if id_ else pages.nobody(wrong)
            with served(pages.app) as server:
                kiosk.driver.get(f"{server.address}/training")
                wait_until(lambda: kiosk.text("#counter .debrief"))
                kiosk.settle()
                problems += [f"{id_}: {found}" for found in violations(kiosk)]
                problems += [f"{id_}: {found}" for found in kiosk.driver.execute_script(FAINT)[1]]
    assert problems == []
