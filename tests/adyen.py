"""The second provider for tests: Adyen's wire fake in a thread of its own, so that its blocking library can be used."""

import asyncio
import json
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from forecourt.payments.providers.adyen import AdyenKeys
from forecourt.simulator.adyen.acts import Bank
from forecourt.simulator.adyen.server import serving
from tests.sandbox import START_WAIT_S, Json, Refused


class AdyenBox:
    """A provider that runs, and a merchant account of its own at it."""

    def __init__(self, address: str) -> None:
        self.address = address
        name = "".join(each for each in secrets.token_urlsafe(18) if each.isalpha())
        self.keys = AdyenKeys(
            api_key=f"AQE{name}", hook_key=secrets.token_hex(32), merchant_account=f"Of{name}", report_key=f"Rep{name}"
        )
        self.send_to(None)

    def another(self) -> "AdyenBox":
        """The same provider, for another account."""
        return AdyenBox(self.address)

    def control(self, path: str, body: Json | None = None) -> Any:
        """Knocks at the control door; without a body it looks."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.address}/_adyen/{path}", data=data, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode()) from None

    def send_to(self, url: str | None) -> None:
        """Where webhooks go; None: nowhere."""
        keys = self.keys
        asked = {"merchant": keys.merchant_account, "key": keys.api_key, "hmac": keys.hook_key, "url": url}
        asked["reports"] = keys.report_key
        self.control("webhook", asked)

    def pay(self, link: str, card: str = "visa", **more: Any) -> Any:
        """What a driver does on the page, with a card by its name. Raises Refused where the bank does."""
        answer = self.control(f"pay/{link}", {"card": card, **more})
        if answer["refused"] and more.get("challenge") is None and not card.startswith("challenge"):
            raise Refused("The payment was refused.")
        return answer

    def events(self, after: int = 0) -> list[bytes]:
        """Every webhook of this account as it is sent, from a number on."""
        found = self.control(f"events?merchant={self.keys.merchant_account}&after={after}")
        return [each.encode() for each in found]

    def ledger(self) -> list[Json]:
        """All that happened on this account, the oldest first."""
        rows: list[Json] = self.control(f"ledger?merchant={self.keys.merchant_account}")
        return rows

    def settle(self) -> str | None:
        """Closes a batch and tells of its report; the report's name."""
        name: str | None = self.control("settle", {"merchant": self.keys.merchant_account})["report"]
        return name

    def report(self, name: str) -> str:
        """A report, as its user fetches it."""
        request = urllib.request.Request(
            f"{self.address}/reports/download/MerchantAccount/{self.keys.merchant_account}/{name}",
            headers={"x-api-key": str(self.keys.report_key)},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def faults(self, **plan: Any) -> None:
        """What goes wrong from now on; nothing, without arguments."""
        self.control("faults", plan)

    def advance(self, seconds: int) -> datetime:
        """Sets its clock ahead; what it shows then."""
        return datetime.fromtimestamp(self.control("clock", {"advance_s": seconds})["now"], UTC)


@contextmanager
def adyen_box() -> Iterator[AdyenBox]:
    """Runs a provider until left."""
    started: list[Bank] = []
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with serving() as bank:
            started.append(bank)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(START_WAIT_S), "the provider didn't start"
    try:
        yield AdyenBox(started[0].address)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_WAIT_S)
        loop.close()
