"""A person sets up a webhook, sees it fail, mends it and has it sent again: the real application in a real browser."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from forecourt.access import Access
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from forecourt.ui.errors import AssetsMissing
from tests.browsers import NEEDS_BROWSER, close_pages, new_page, sign_in
from tests.conftest import Database
from tests.http import SECRET, Tenant
from tests.looks import breaks_no_rule, breaks_no_rule_in_any_view
from tests.support import FakeClock
from tests.ui.conftest import served
from tests.webhooks.conftest import Receiver, Works

pytestmark = NEEDS_BROWSER


@pytest_asyncio.fixture(scope="module")
async def application(
    database: Database, nats_url: str, clock_of_process: FakeClock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Pool, Any]]:
    """The whole application, which may send to receivers on this machine."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), secret_key=SECRET, webhooks_private=True)
    bus, clock = await Bus.connect(nats_url), clock_of_process
    async with Pool(database.url, "forecourt_app", size=2) as db:
        access = Access(db, SECRET.encode(), clock)
        try:
            seen = screens(settings, db, bus, clock, access)
        except AssetsMissing as fault:
            pytest.skip(fault.detail)
        yield db, create_app(settings, db, bus, clock, access=access, shell=seen.shell, screens=seen.routes)
    await bus.close()


@pytest_asyncio.fixture
async def address(application: tuple[Pool, Any], browser: Browser) -> AsyncIterator[str]:
    """Where the application is for one test, whose pages are closed after it."""
    async with served(application[1]) as at:
        yield at
        await close_pages(browser)


async def signed_in(browser: Browser, address: str, tenant: Tenant, complaints: list[str], **options: Any) -> Page:
    page = await new_page(browser, complaints, **options)
    await sign_in(page, address, await tenant.operator())
    await page.goto(f"{address}/webhooks")
    return page


async def test_a_webhook_is_made_fails_and_is_sent_again(
    browser: Browser, address: str, tenant: Tenant, works: Works, receiver: Receiver
) -> None:
    complaints: list[str] = []
    page = await signed_in(browser, address, tenant, complaints)
    await expect(page.get_by_role("heading", name="Make your first webhook")).to_be_visible()
    await page.fill("[name=url]", receiver.url)
    await page.fill("[name=description]", "Parking app")
    await page.get_by_label(re.compile("A token changes")).check()
    await page.get_by_role("button", name="Make the webhook").click()
    await expect(page.locator("[data-copy^=whsec_]")).to_be_visible()
    await breaks_no_rule(page)
    await page.get_by_role("link", name="I have kept it").click()
    assert "whsec_" not in await page.content()

    receiver.status, receiver.body = 500, b"<script>alert(1)</script>"
    await page.get_by_role("button", name="Send a test").click()
    await works.work()
    await page.get_by_role("link", name="Look again").click()
    await expect(page.locator(".attempts")).to_contain_text("HTTP 500")
    await expect(page.locator(".attempts pre")).to_have_text("<script>alert(1)</script>")
    await breaks_no_rule(page)
    receiver.status = 204
    await page.get_by_role("button", name="Send again").click()
    await works.work()
    await page.get_by_role("link", name="Look again").click()
    await expect(page.locator(".head .state")).to_have_text("Delivered")

    await page.goto(f"{address}/webhooks")
    await page.get_by_role("link", name="Parking app").click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await breaks_no_rule_in_any_view(page)
    await page.get_by_role("button", name="Delete …").click()
    await expect(page.get_by_text("Nothing is sent to it any more")).to_be_visible()
    await page.get_by_role("button", name="Delete it").click()
    await expect(page.get_by_role("heading", name="Make your first webhook")).to_be_visible()
    assert complaints == []


async def test_it_speaks_german_and_works_without_javascript(
    browser: Browser, address: str, tenant: Tenant, works: Works, receiver: Receiver
) -> None:
    page = await signed_in(browser, address, tenant, [], locale="de-DE", java_script_enabled=False)
    await page.fill("[name=url]", "ftp://example.com")
    await page.get_by_role("button", name="Webhook anlegen").click()
    # The browser itself refuses what is no event; then the server says what is wrong with the address.
    await page.get_by_label(re.compile("Ein Token ändert sich")).check()
    await page.get_by_role("button", name="Webhook anlegen").click()
    await expect(page.get_by_role("alert")).to_contain_text("http://")
    await page.fill("[name=url]", receiver.url)
    await page.get_by_role("button", name="Webhook anlegen").click()
    await page.get_by_role("link", name="Ich habe es gesichert").click()
    await page.get_by_role("button", name="Erneut senden").click()
    await expect(page.get_by_role("status").first).to_have_text("0 Zustellungen werden erneut gesendet.")
