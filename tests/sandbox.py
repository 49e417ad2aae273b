"""The sandbox provider for tests: in a thread of its own, so that the provider's blocking SDK can be used at ease."""

import asyncio
import json
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import stripe

from forecourt.simulator.provider.bank import Bank
from forecourt.simulator.provider.server import serving

START_WAIT_S = 10.0
Json = dict[str, Any]


class Refused(Exception):
    """The control door said no."""


class Sandbox:
    """A provider that runs, and an account of its own at it."""

    def __init__(self, address: str, key: str | None = None) -> None:
        self.address = address
        self.key = key or f"sk_test_{secrets.token_urlsafe(18).replace('-', 'a').replace('_', 'b')}"
        self.client = self.client_for(self.key)

    def client_for(self, key: str, **options: Any) -> stripe.StripeClient:
        """The unmodified SDK, pointed here; by itself it tries nothing again."""
        return stripe.StripeClient(key, base_addresses={"api": self.address}, max_network_retries=0, **options)

    def another(self) -> "Sandbox":
        """The same provider, for another account."""
        return Sandbox(self.address)

    def control(self, path: str, body: Json | None = None) -> Any:
        """Knocks at the control door: `control("clock", {"advance_s": 60})`; without a body it looks."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.address}/_sandbox/{path}".rstrip("/"), data=data, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode()) from None

    def pay(self, session: str, card: str = "visa", **more: Any) -> Any:
        """What a driver does on the hosted page, with a card by its name."""
        return self.control(f"sessions/{session}/pay", {"card": card, **more})

    def advance(self, seconds: int) -> int:
        now: int = self.control("clock", {"advance_s": seconds})["now"]
        return now

    def faults(self, **plan: Any) -> None:
        """What goes wrong from now on; nothing, without arguments."""
        self.control("faults", plan)

    def delivered(self) -> None:
        """Waits until every webhook that is due has been delivered or refused."""
        self.control("webhooks/idle")

    def ledger(self, account: str | None = None) -> list[Json]:
        """All that happened, the oldest first."""
        rows: list[Json] = []
        of = f"&account={account}" if account else ""
        while True:
            after = rows[-1]["seq"] if rows else 0
            page = self.control(f"ledger?after={after}{of}")
            rows += page["data"]
            if not page["has_more"]:
                return rows

    @property
    def account(self) -> str:
        return str(self.client.v1.accounts.retrieve_current().id)


@contextmanager
def sandbox(path: Path | str = ":memory:", port: int = 0) -> Iterator[Sandbox]:
    """Runs a provider until left; its books are in memory unless a file is named."""
    started: list[Bank] = []
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with serving(path, port=port) as bank:
            started.append(bank)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(START_WAIT_S), "the sandbox provider didn't start"
    try:
        yield Sandbox(started[0].address)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_WAIT_S)
        loop.close()
