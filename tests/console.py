"""The whole console in a real browser: the real web application and a real gateway in this process, over the real
PostgreSQL and NATS, and stations that speak frames by hand.

`async with console(servers) as made` gives a `Console`; `made.page(path)` is a page of a person who is signed in.
Whatever the browser complains of is in `made.complaints`.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from forecourt.access import Access, Role
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from forecourt.ui.errors import AssetsMissing
from tests.conftest import Servers
from tests.http import PASSWORD, SECRET, House, Tenant
from tests.looks import DESK
from tests.stations.gateway.conftest import Rig
from tests.support import WAIT_S, FakeClock
from tests.ui.conftest import served

YARD = {"name": "North yard", "slug": "north-yard", "city": "Berlin", "time_zone": "Europe/Berlin"}
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run"]
DEADLINE_MS = 1_000 * WAIT_S
REPORT_VIOLATIONS = (
    "addEventListener('securitypolicyviolation', (e) =>"
    " console.error('CSP', e.violatedDirective, e.blockedURI, e.sourceFile, e.lineNumber, e.columnNumber))"
)


class Console:
    """One deployment with one organisation, and a browser."""

    def __init__(self, browser: Browser, address: str, rig: Rig, house: House, tenant: Tenant) -> None:
        self.address = address
        self.rig = rig
        self.house = house
        self.tenant = tenant
        self.complaints: list[str] = []
        self._browser = browser

    async def page(self, path: str, *, role: Role = Role.OWNER, language: str = "en-GB", **arguments: Any) -> Page:
        """A page of this path, of a new person who is signed in."""
        context = await self._browser.new_context(**{"viewport": DESK, "locale": language, **arguments})
        page = await context.new_page()
        page.set_default_timeout(DEADLINE_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda fault: self.complaints.append(str(fault)))
        await page.add_init_script(REPORT_VIOLATIONS)
        await page.goto(f"{self.address}/sign-in?next={path.replace('?', '%3F').replace('&', '%26')}")
        await page.fill("[name=email]", await self.tenant.operator(role))
        await page.fill("[name=password]", PASSWORD)
        await page.press("[name=password]", "Enter")
        await page.wait_for_url(f"{self.address}{path}*")
        return page

    def _heard(self, said: ConsoleMessage) -> None:
        # A page that says that something is wrong with what was asked is no fault of the page.
        if said.type == "error" and not re.search(r"status of (404|422)", said.text):
            self.complaints.append(said.text)


async def live(page: Page) -> None:
    """Waits until the page hears what happens."""
    await expect(page.locator("html")).to_have_attribute("data-connection", "live")


@asynccontextmanager
async def console(servers: Servers) -> AsyncIterator[Console]:
    """A deployment that lives as long as the block, with Chromium."""
    expect.set_options(timeout=DEADLINE_MS)
    with servers.database() as database:
        rig = Rig(database, servers.nats.url, "picows")
        await rig.start()
        telling = asyncio.create_task(rig.live.run())
        settings = Settings(
            database_url=database.url, nats_url=servers.nats.url, secret_key=SECRET, webhooks_private=True
        )
        bus, clock = await Bus.connect(servers.nats.url), SystemClock()
        try:
            async with Pool(database.url, "forecourt_app", size=4) as db, async_playwright() as playwright:
                access = Access(db, settings.secret(), clock)
                seen = screens(settings, db, bus, clock, access)
                app = create_app(settings, db, bus, clock, access=access, shell=seen.shell, screens=seen.routes)
                house = House(database, db, app, cast("FakeClock", clock))
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                async with served(cast("Any", app)) as address:
                    yield Console(browser, address, rig, house, Tenant(house, rig.tenant()))
                await browser.close()
                await house.close()
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling
            await bus.close()
            await rig.stop()


async def furnished(servers: Servers) -> AsyncIterator[Console]:
    """A console with two sites, for a fixture to go through; skips where there are no assets."""
    try:
        async with console(servers) as made:
            api = await made.tenant.client()
            await api.post("/api/v1/sites", json={**YARD, "latitude": 52.5, "longitude": 13.4})
            await api.post("/api/v1/sites", json={"name": "Empty lot", "slug": "empty-lot"})
            yield made
    except AssetsMissing as fault:
        pytest.skip(fault.detail)
