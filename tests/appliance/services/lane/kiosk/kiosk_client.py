"""Asks the kiosk's application itself, without a socket or a browser."""

import asyncio

import httpx
from starlette.types import ASGIApp


class Client(httpx.Client):
    """An HTTP client whose every request is answered by the application in this process."""

    def __init__(self, app: ASGIApp, *, base_url: str = "http://127.0.0.1:8080") -> None:
        super().__init__(transport=_InProcess(app), base_url=base_url)
        self.app = app


class _InProcess(httpx.BaseTransport):
    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())
