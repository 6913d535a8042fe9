"""The browser, once for all tests of this folder.

To use the helpers elsewhere: put this folder on `sys.path` as here, then
`from kiosk_browser import chromium, served` and `from kiosk_scripted import ScriptedSource`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from kiosk_browser import CHROMIUM, DRIVER, Kiosk, Server, chromium, served
from kiosk_scripted import ScriptedSource

from appliance.services.lane.kiosk import kiosk_app
from appliance.services.lane.kiosk.words import LANGUAGES


@pytest.fixture(scope="session")
def _chromium() -> Iterator[Kiosk]:
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip("Debian's chromium and chromium-driver are not installed")
    with chromium() as kiosk:
        yield kiosk


@pytest.fixture
def browser(_chromium: Kiosk) -> Kiosk:
    """Chromium without cookies, on an empty page."""
    _chromium.driver.get("about:blank")
    _chromium.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    _chromium.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    _chromium.driver.get_log("browser")
    return _chromium


@pytest.fixture
def source() -> ScriptedSource:
    return ScriptedSource()


@pytest.fixture
def server(source: ScriptedSource) -> Iterator[Server]:
    with served(kiosk_app(source, languages=LANGUAGES, default_language="en")) as server:
        yield server
