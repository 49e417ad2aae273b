"""Where drivers with an account come in: no script, the sandbox provider behind it, one station."""

import asyncio
import re
from typing import Any
from uuid import UUID

import httpx
from litestar import Litestar, Router
from litestar.di import Provide

from forecourt.app import problems
from forecourt.driver.account.door import asking_driver
from forecourt.driver.account.jobs import AccountJobs
from forecourt.driver.account.leaving import Leaving
from forecourt.driver.account.letters import DriverLetters
from forecourt.driver.account.pages import account_pages
from forecourt.driver.account.service import Members
from forecourt.driver.codes import HomeAddress
from forecourt.driver.gates import Gates
from forecourt.driver.pages import driver_pages
from forecourt.driver.scans import Scans
from forecourt.driver.service import Ways
from forecourt.driver.shell import DriverShell
from forecourt.driver.speech import Speech
from forecourt.drivers.accounts.entry import Entry
from forecourt.drivers.accounts.model import Driver
from forecourt.drivers.accounts.providers import DriverProviders
from forecourt.drivers.accounts.service import find_driver
from forecourt.ui.assets import Assets
from tests.payments.till import SECRET, Till

HOST = "https://drive.test"


class Porch:
    """Where drivers with an account come in, with nothing but a browser each."""

    def __init__(self, till: Till) -> None:
        self.till = till
        files = ("driver.css", "driver.js", "signin.js", "my.css", "find.css", "find.js")
        shell = DriverShell(Assets({name: f"/static/{name}" for name in files}, {}))
        gates = Gates(till.tenants, till.payments, till.clock, SECRET)
        ways = Ways(
            till.tenants, till.payments, till.charging, till.clock, gates, scans=Scans(till.tenants, till.clock, b"-")
        )
        entry = Entry(till.tenants, SECRET, till.clock, DriverLetters(HOST))
        self.members = Members(till.tenants, till.clock, SECRET, entry, till.payments, ways, till.cards)
        self.leaving = Leaving(till.tenants, till.clock, self.members)
        self.providers = DriverProviders(till.tenants, SECRET, till.clock, entry, private=True)
        self.jobs = AccountJobs(till.tenants, till.clock, DriverLetters(HOST))
        routes = [
            *account_pages(shell, self.members, self.leaving, HOST, self.providers),
            *driver_pages(shell, ways, till.tenants, till.clock, HOST),
        ]
        self.app: Any = Litestar(route_handlers=routes, exception_handlers=problems.HANDLERS, openapi_config=None)
        self.slug = f"porch-{till.tenant_id}"
        till.rows(
            "INSERT INTO driver_brands (tenant_id, slug, name, colour) VALUES (%s, %s, 'Volt', '#0a7a4b')",
            till.tenant_id,
            self.slug,
        )

    def browser(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=(f"10.9.0.{self.tenant % 250}", 1))
        return httpx.AsyncClient(transport=transport, base_url=HOST, follow_redirects=True)

    async def signed_in(self, email: str) -> tuple[httpx.AsyncClient, Driver]:
        """A browser by which somebody signed in by a letter, and who that is."""
        browser = self.browser()
        page = await browser.post(f"/my/sign-in/{self.slug}", data={"email": email})
        assert email in page.text
        [*_, letter] = self.till.rows("SELECT body FROM letters WHERE tenant_id = %s ORDER BY written_at", self.tenant)
        code = re.search(r"/my/enter\S*#(\w+)", letter["body"])
        assert code is not None
        # What signs in is in no address that is sent to a server.
        assert code[1] not in letter["body"].partition("#")[0]
        entered = await browser.post("/my/enter", data={"token": code[1]})
        assert (entered.status_code, entered.url.path) == (200, "/my"), entered.text
        [row] = self.till.rows(
            "SELECT driver_id FROM driver_accounts WHERE tenant_id = %s AND email = %s", self.tenant, email
        )
        return browser, await self.driver(row["driver_id"])

    async def driver(self, driver_id: int) -> Driver:
        async with self.till.tenants.tenant(self.tenant) as conn:
            return await find_driver(conn, self.tenant, driver_id)

    @property
    def tenant(self) -> int:
        return self.till.tenant_id

    @property
    def there(self) -> str:
        """Where a driver with an account begins to charge."""
        return f"/my/charge/{self.till.station}/1"

    async def pay_page(self, answer: httpx.Response, card: str = "visa") -> Any:
        """On the provider's page; the payment as it stands then."""
        found = re.search(r"/charging/([0-9a-f-]{36})", answer.url.path)
        [row] = self.till.rows(
            "SELECT intent_id FROM payment_intents WHERE tenant_id = %s ORDER BY number DESC LIMIT 1", self.tenant
        )
        intent_id = UUID(found[1]) if found else row["intent_id"]
        intent = await self.till.payments.find(self.tenant, intent_id)
        assert intent.reference is not None
        await asyncio.to_thread(self.till.box.pay, intent.reference, card)
        return await self.till.payments.returned(self.tenant, intent_id)


def an_api(porch: Porch, routes: Router) -> Any:
    """Routes of the API for an operator's app, with what they ask for."""

    def given(value: Any) -> Provide:
        return Provide(lambda: value, sync_to_thread=False)

    return Litestar(
        route_handlers=[routes], exception_handlers=problems.HANDLERS, openapi_config=None,
        dependencies={
            "members": given(porch.members), "leaving": given(porch.leaving), "speech": given(Speech()),
            "driver_providers": given(porch.providers), "home": given(HomeAddress(address=HOST)),
            "driver": Provide(asking_driver),
        },
    )  # fmt: skip


def leads_out(answer: httpx.Response) -> str:
    """Where a page of ours leads by itself. No redirect of a form does: browsers let none lead to another site."""
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.text)
    assert answer.status_code == 200, answer.headers
    assert found is not None, answer.text
    return found[1]
