"""The door for webhooks of one till, by the real handler: asked directly, or over a real socket by the provider."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiohttp import web
from litestar import Litestar

from forecourt.app import problems
from forecourt.app.web import given
from forecourt.payments.accounts.model import PREFIX
from forecourt.payments.intents.hooks import payment_hook
from tests.payments.till import Till


class Door:
    """Where the provider of a till sends to. `url` is what it listens at."""

    def __init__(self, till: Till) -> None:
        app: Any = Litestar(
            route_handlers=[payment_hook],
            dependencies={
                "db": given(till.tenants), "providers": given(till.providers), "clock": given(till.clock),
            },
            exception_handlers=problems.HANDLERS, openapi_config=None, logging_config=None,
        )  # fmt: skip
        self.till = till
        self.path = f"{PREFIX}/{till.account_id}"
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door.test")
        self.url = ""
        self.came = self._heard = 0

    async def post(self, body: bytes) -> httpx.Response:
        return await self.client.post(self.path, content=body, headers={"content-type": "application/json"})

    async def hear(self, *, backwards: bool = False, times: int = 1) -> None:
        """Takes every webhook that was told since the last time."""
        assert self.till.adyen is not None
        found = self.till.adyen.events(self._heard)
        self._heard += len(found)
        for body in sorted(found * times, key=found.index, reverse=backwards):
            answer = await self.post(body)
            assert (answer.status_code, answer.text) == (200, "[accepted]")

    def miss(self) -> None:
        """What was told since the last time never arrives."""
        assert self.till.adyen is not None
        self._heard += len(self.till.adyen.events(self._heard))

    async def forward(self, request: web.Request) -> web.Response:
        """Over the socket."""
        self.came += 1
        answer = await self.post(await request.read())
        return web.Response(status=answer.status_code, body=answer.content, content_type="text/plain")


@asynccontextmanager
async def a_door(till: Till) -> AsyncIterator[Door]:
    """One that listens as long as the block."""
    made = Door(till)
    app = web.Application()
    app.router.add_post("/{tail:.*}", made.forward)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}{made.path}"
    yield made
    await runner.cleanup()
    await made.client.aclose()
