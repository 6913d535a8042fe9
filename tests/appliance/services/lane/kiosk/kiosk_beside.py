"""A real lane with its page in one loop, and the browser beside it in a thread."""

import asyncio
import os
from pathlib import Path

import uvicorn
from kiosk_browser import Kiosk
from selenium.webdriver.common.action_chains import ActionChains

from appliance.services.lane.kiosk import kiosk_app


def beside(lane, browser_work, *, languages=("en", "fr", "ru"), language: str = "en", first=None):
    """What to run a lane with: `browser_work(officer, address, call)` in a thread, where `call` runs a
    coroutine in the lane's loop. `first` is awaited before."""

    async def work(officer):
        app = kiosk_app(lane, languages=languages, default_language=language)
        config = uvicorn.Config(
            app, port=0, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=0
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        try:
            while not server.started:
                await asyncio.sleep(0.02)
            if first is not None:
                await first()
            port = server.servers[0].sockets[0].getsockname()[1]
            loop = asyncio.get_running_loop()

            def call(coroutine):
                return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

            return await asyncio.to_thread(browser_work, officer, f"http://127.0.0.1:{port}", call)
        finally:
            server.should_exit = True
            await serving

    return work


def keys(kiosk: Kiosk, *typed: str) -> None:
    """Typed into whatever has the focus."""
    ActionChains(kiosk.driver, duration=0).send_keys(*typed).perform()


def script(kiosk: Kiosk, text: str, *arguments):
    return kiosk.driver.execute_script(text, *arguments)


def picture(browser: Kiosk, name: str) -> None:
    """Where BORNE_SCREENSHOTS names a folder."""
    if folder := os.environ.get("BORNE_SCREENSHOTS"):
        browser.screenshot(Path(folder) / f"{name}.png")
