"""A person sets up a webhook, sees it fail, mends it and has it sent again: the real application in a real browser."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from forecourt.access import Access
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.settings import Settings
from forecourt.ui.errors import AssetsMissing
from tests.http import PASSWORD, SECRET, House, Tenant
from tests.looks import AXE, DESK, PHONE
from tests.support import WAIT_S
from tests.ui.conftest import served
from tests.ui.test_browser import ARGUMENTS, CHROMIUM, REPORT_VIOLATIONS
from tests.webhooks.conftest import Receiver, Works

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=1_000 * WAIT_S)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture
async def address(house: House, nats_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """The whole application at an address of its own."""
    settings = Settings(data_dir=tmp_path, secret_key=SECRET, webhooks_private=True)
    bus = await Bus.connect(nats_url)
    access = Access(house.db, SECRET.encode(), house.clock)
    try:
        seen = screens(settings, house.db, bus, house.clock, access)
    except AssetsMissing as fault:
        pytest.skip(fault.detail)
    app = create_app(settings, house.db, bus, house.clock, access=access, shell=seen.shell, screens=seen.routes)
    async with served(app) as at:
        yield at
    await bus.close()


async def signed_in(browser: Browser, address: str, tenant: Tenant, complaints: list[str], **options: object) -> Page:
    context = await browser.new_context(**options)  # type: ignore[arg-type]
    page = await context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    await page.add_init_script(REPORT_VIOLATIONS)
    await page.goto(f"{address}/sign-in?next=/webhooks")
    await page.fill("[name=email]", await tenant.operator())
    await page.fill("[name=password]", PASSWORD)
    await page.click("form[action='/sign-in'] button")
    return page


async def violations(page: Page) -> list[str]:
    """What axe finds against WCAG A and AA; its script is put in past the page's own policy."""
    source = AXE.read_text(encoding="utf-8")
    await page.evaluate(source)
    rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}"
    found = await page.evaluate(
        f"axe.run(document, {rules}).then(r => r.violations.map(v => v.id + ' ' + v.nodes[0].html))"
    )
    return [str(each) for each in found]


async def test_a_webhook_is_made_fails_and_is_sent_again(
    browser: Browser, address: str, tenant: Tenant, works: Works, receiver: Receiver
) -> None:
    complaints: list[str] = []
    page = await signed_in(browser, address, tenant, complaints, viewport=DESK)
    await expect(page.get_by_role("heading", name="Make your first webhook")).to_be_visible()
    await page.fill("[name=url]", receiver.url)
    await page.fill("[name=description]", "Parking app")
    await page.get_by_label(re.compile("A token changes")).check()
    await page.get_by_role("button", name="Make the webhook").click()
    await expect(page.locator("[data-copy^=whsec_]")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("link", name="I have kept it").click()
    assert "whsec_" not in await page.content()

    receiver.status, receiver.body = 500, b"<script>alert(1)</script>"
    await page.get_by_role("button", name="Send a test").click()
    await works.work()
    await page.get_by_role("link", name="Look again").click()
    await expect(page.locator(".attempts")).to_contain_text("HTTP 500")
    await expect(page.locator(".attempts pre")).to_have_text("<script>alert(1)</script>")
    assert await violations(page) == []
    receiver.status = 204
    await page.get_by_role("button", name="Send again").click()
    await works.work()
    await page.get_by_role("link", name="Look again").click()
    await expect(page.locator(".head .state")).to_have_text("Delivered")

    await page.goto(f"{address}/webhooks")
    await page.get_by_role("link", name="Parking app").click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        await page.emulate_media(color_scheme=scheme)
        assert await violations(page) == []
    await page.set_viewport_size(PHONE)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
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
