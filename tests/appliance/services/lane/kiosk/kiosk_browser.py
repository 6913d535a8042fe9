"""Real headless Chromium and a real server for the kiosk's tests.

Plain helpers, no fixtures, so that another folder's tests may import them too (see conftest.py).
"""

import contextlib
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import uvicorn
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.action_chains import ActionChains
from starlette.types import ASGIApp

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
SIZES = {"small": (800, 480), "large": (1920, 1080)}
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--force-device-scale-factor=1"),
    *("--autoplay-policy=no-user-gesture-required", "--mute-audio"),
)
PATIENCE_SECONDS = 60.0

T = TypeVar("T")


class Server:
    """The kiosk on a loopback port; `stop` and `start` again for a restart."""

    def __init__(self, app: ASGIApp, *, port: int = 0) -> None:
        self._app = app
        self.port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app, log_level="error", access_log=False, timeout_graceful_shutdown=0, lifespan="off"
        )
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        self._thread.start()
        wait_until(lambda: server.started)

    def stop(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


class Kiosk:
    """What an officer does at the page, and what they see."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver

    def open(self, address: str, *, size: tuple[int, int] = SIZES["small"]) -> None:
        self.resize(size)
        self.driver.get(address)
        self.wait_for_phase("idle", "working", "deciding", "trouble")

    def resize(self, size: tuple[int, int]) -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False},
        )

    @property
    def phase(self) -> str:
        return self.driver.execute_script("return document.body.dataset.phase")

    @property
    def revision(self) -> int:
        return int(self.driver.execute_script("return document.body.dataset.revision || 0"))

    def wait_for_phase(self, *phases: str, seconds: float = PATIENCE_SECONDS) -> None:
        wait_until(lambda: self.phase in phases, seconds)

    def wait_for_revision(self, revision: int) -> None:
        wait_until(lambda: self.revision == revision)
        self.settle()

    def settle(self) -> None:
        """Until every picture on the page is there."""
        ready = "return [...document.images].every(i => i.complete)"
        wait_until(lambda: bool(self.driver.execute_script(ready)))

    def text(self, selector: str) -> str:
        script = "return document.querySelector(arguments[0])?.innerText ?? ''"
        return self.driver.execute_script(script, selector)

    def press(self, seconds: float = 0.1) -> None:
        """The space bar, for so long."""
        ActionChains(self.driver, duration=0).key_down(" ").pause(seconds).key_up(" ").perform()

    def start(self, *phases: str) -> None:
        """Press at an idle page until it shows one of these phases.

        On a machine so slow that a tenth of a second between two keys becomes a second and a half, the page
        sees a hold, which does nothing there; a person would press again.
        """

        def pressed() -> bool:
            if self.phase == "idle":
                self.press()
            with contextlib.suppress(AssertionError):
                wait_until(lambda: self.phase in phases, 5.0)
            return self.phase in phases

        wait_until(pressed)

    def screenshot(self, path: Path) -> None:
        self.settle()
        path.parent.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(path))


@contextmanager
def chromium() -> Iterator[Kiosk]:
    """A browser with a fresh profile."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = Options()
        options.binary_location = str(CHROMIUM)
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
        try:
            yield Kiosk(driver)
        finally:
            driver.quit()


@contextmanager
def served(app: ASGIApp) -> Iterator[Server]:
    """The application on a free loopback port."""
    server = Server(app)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def wait_until(condition: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """What the condition returns once it is true."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError("it did not happen in time")
        time.sleep(0.02)
