"""The application's own door for a provider's webhooks, on a real socket, and what it said to each that came."""

import asyncio
import hmac
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

from forecourt.app.web import create_app
from forecourt.payments.psp import MAX_HOOK_AGE_S
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from tests.conftest import Database
from tests.sandbox import Sandbox
from tests.ui.conftest import served

PATH = "/hooks/payments/deployment"


class Gate:
    """Stands before the application. Whether a webhook is signed by the account and fresh is reckoned here anew."""

    def __init__(self) -> None:
        self.app: Any = None
        self.secret = ""
        #: How often a webhook that is good, or isn't, was answered so.
        self.said: Counter[tuple[bool, int]] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        assert not message.get("more_body"), "a webhook is small"
        headers = {name.decode().lower(): value.decode() for name, value in scope.get("headers", ())}
        good = self._good(headers.get("stripe-signature", ""), message.get("body", b""))

        async def again() -> Any:
            return message

        async def hear(answer: Any) -> None:
            if answer["type"] == "http.response.start":
                self.said[good, answer["status"]] += 1
            await send(answer)

        await self.app(scope, again, hear)

    def _good(self, signature: str, body: bytes) -> bool:
        found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", signature)
        if found is None:
            return False
        signed = hmac.digest(self.secret.encode(), f"{found[1]}.".encode() + body, sha256).hex()
        return signed == found[2] and abs(time.time() - int(found[1])) <= MAX_HOOK_AGE_S


@asynccontextmanager
async def a_gate(database: Database, nats_url: str, box: Sandbox) -> AsyncIterator[Gate]:
    """Of the account at the provider, which tells it everything from now on."""
    gate, bus = Gate(), await Bus.connect(nats_url)
    try:
        async with Pool(database.url, "forecourt_app", size=2) as db, served(gate) as address:
            made: Any = await asyncio.to_thread(
                box.client.v1.webhook_endpoints.create, {"url": f"{address}{PATH}", "enabled_events": ["*"]}
            )
            gate.secret = made.secret
            settings = Settings(
                database_url=database.url, nats_url=nats_url, secret_key="a secret of the tests",
                stripe_key=box.key, stripe_hook_secret=made.secret, stripe_url=box.address, database_pool_size=2,
            )  # fmt: skip
            gate.app = create_app(settings, db, bus, SystemClock())
            yield gate
            await asyncio.to_thread(box.client.v1.webhook_endpoints.delete, made.id)
    finally:
        await bus.close()
