"""The whole console in a real browser: the real web application and a real gateway in this process, over the real
PostgreSQL and NATS, and stations that speak frames by hand.

`async with console(servers, browser) as made` gives a `Console`; `made.page(path)` is a page of a person who is signed
in. Whatever the browser complains of is in `made.complaints`.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from forecourt.access import Access, Role
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from forecourt.ui.errors import AssetsMissing
from tests.browsers import another_page, close_pages, new_page, sign_in
from tests.conftest import Servers
from tests.ground import Ground
from tests.http import SECRET, House, Tenant
from tests.stations.gateway.conftest import Rig
from tests.support import FakeClock
from tests.ui.conftest import served

YARD = {"name": "North yard", "slug": "north-yard", "city": "Berlin", "time_zone": "Europe/Berlin"}
#: A page that says that something is wrong with what was asked is no fault of the page.
NO_FAULT = re.compile(r"status of (404|422)")


class Console:
    """One deployment with one organisation, and a browser."""

    def __init__(self, browser: Browser, address: str, rig: Rig, house: House, tenant: Tenant) -> None:
        self.address = address
        self.rig = rig
        self.house = house
        self.tenant = tenant
        self.complaints: list[str] = []
        self._browser = browser
        self._people: dict[tuple[Role, str], BrowserContext] = {}

    async def page(self, path: str, *, role: Role = Role.OWNER, language: str = "en-GB") -> Page:
        """A page of this path, of the person of this role and language, who is signed in once."""
        known = self._people.get((role, language))
        if known is None:
            page = await new_page(self._browser, self.complaints, no_fault=NO_FAULT, locale=language)
            await sign_in(page, self.address, await self.tenant.operator(role))
            self._people[role, language] = page.context
        else:
            page = await another_page(known, self.complaints, no_fault=NO_FAULT)
        await page.goto(f"{self.address}{path}")
        return page

    async def close_pages(self) -> None:
        """Every page, with what was complained of them; who is signed in stays so."""
        for page in [page for known in self._people.values() for page in known.pages]:
            await page.close()
        self.complaints.clear()


@asynccontextmanager
async def console(servers: Servers, browser: Browser) -> AsyncIterator[Console]:
    """A deployment that lives as long as the block."""
    with servers.database() as database:
        ground = Ground(database, servers.nats.url)
        rig = Rig(ground)
        await rig.start()
        telling = asyncio.create_task(rig.live.run())
        settings = Settings(
            database_url=database.url, nats_url=servers.nats.url, secret_key=SECRET, webhooks_private=True
        )
        bus, clock = await Bus.connect(servers.nats.url), SystemClock()
        try:
            async with Pool(database.url, "forecourt_app", size=4) as db:
                access = Access(db, settings.secret(), clock)
                seen = screens(settings, db, bus, clock, access)
                app = create_app(settings, db, bus, clock, access=access, shell=seen.shell, screens=seen.routes)
                house = House(ground, db, app, cast("FakeClock", clock))
                async with served(cast("Any", app)) as address:
                    made = Console(browser, address, rig, house, Tenant(house, rig.tenant()))
                    yield made
                    await close_pages(browser)
                await house.close()
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling
            await bus.close()
            await rig.stop()
            await ground.close()


async def furnished(servers: Servers, browser: Browser) -> AsyncIterator[Console]:
    """A console with two sites that are on no map, for a fixture to go through; skips where there are no assets."""
    try:
        async with console(servers, browser) as made:
            api = await made.tenant.client()
            await api.post("/api/v1/sites", json=YARD)
            await api.post("/api/v1/sites", json={"name": "Empty lot", "slug": "empty-lot"})
            yield made
    except AssetsMissing as fault:
        pytest.skip(fault.detail)
