"""The paths of a day in a real browser: an alarm arrives, is understood, and is settled."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from msgspec import Struct
from playwright.async_api import Browser, Page, expect

from forecourt.access import store
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.ui.assets import STATIC_DIR
from tests.browsers import NEEDS_BROWSER, close_pages, live, new_page, sign_in
from tests.care.console import console
from tests.care.yard import Yard
from tests.conftest import Database
from tests.ground import Ground
from tests.http import PASSWORD_HASH
from tests.looks import AXE, breaks_no_rule_in_any_view
from tests.support import FakeClock
from tests.ui.conftest import served

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *NEEDS_BROWSER,
    pytest.mark.skipif(not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built"),
]

EMAIL = "ada@example.org"


class Desk(Yard):
    """A yard with its console behind a real server; `open_page` signs in and goes to a page."""

    address: str
    browser: Browser

    async def open_page(self, path: str, **arguments: Any) -> tuple[Page, list[str]]:
        complaints: list[str] = []
        page = await new_page(self.browser, complaints, **arguments)
        await sign_in(page, self.address, EMAIL)
        await page.goto(f"{self.address}{path}")
        return page, complaints

    async def look_at(self, station_id: int) -> None:
        """What the worker does when a fault begins or ends."""
        self.clock.set(datetime.now(UTC))
        await self.jobs.watch_station(tenant_id=self.tenant_id, subject=str(station_id))


class Office(Struct, frozen=True, kw_only=True):
    """The application of all tests here."""

    address: str
    db: Pool
    worker: Pool
    bus: Bus


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(database: Database, nats_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """To put all the routes together takes longer than most tests."""
    async with (
        console(database, nats_url, SystemClock(), tmp_path_factory.mktemp("office")) as (db, bus, app),
        Pool(database.url, "forecourt_worker", size=1) as worker,
        served(app) as address,
    ):
        yield Office(address=address, db=db, worker=worker, bus=bus)


@pytest_asyncio.fixture(loop_scope="module")
async def desk(ground: Ground, office: Office, browser: Browser) -> AsyncIterator[Desk]:
    """Of an organisation of the test's own."""
    made = Desk(ground.admin, office.worker, office.db, FakeClock(datetime.now(UTC)), bus=office.bus)
    made.address, made.browser = office.address, browser
    made.admin.execute("TRUNCATE people, memberships, person_sessions CASCADE")
    async with office.db.tenant(made.tenant_id) as conn:
        await store.insert_member(
            conn, made.tenant_id, email=EMAIL, name="Ada", role="owner", password_hash=PASSWORD_HASH
        )
    yield made
    await close_pages(browser)


async def test_an_alarm_arrives_while_on_another_page_and_is_understood_and_closed(desk: Desk) -> None:
    station = desk.station(name="Yard 1", site_id=desk.site(name="North yard"))
    desk.says(station, "Available")
    page, complaints = await desk.open_page("/settings/alerts")
    await live(page)
    await page.locator("#toasts[data-ready]").wait_for(state="attached")
    badge = page.locator('.badge[data-live="totals.incidents"]')
    await expect(badge).to_be_hidden()
    desk.clock.advance(1)
    desk.says(station, "Faulted", "GroundFailure")
    await desk.look_at(station)
    toast = page.locator(".toast")
    await expect(toast).to_contain_text("The earth leakage protection has tripped")
    await expect(toast).to_contain_text("Yard 1")
    await expect(badge).to_have_text("1")
    await expect(page).to_have_title("(1) Alerts · Forecourt")
    await toast.get_by_role("link", name="Look at it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("The earth leakage protection has tripped")
    main = page.locator("main")
    for words in ("moisture, a damaged cable or the car", "Send an electrician", "Critical", "Nobody has seen it yet"):
        await expect(main).to_contain_text(words)
    await page.get_by_label("Note").fill("Cable replaced")
    await page.get_by_role("button", name="Close", exact=True).click()
    await expect(main).to_contain_text("Closed: Ada")
    await expect(page.locator(".timeline")).to_contain_text("Cable replaced")
    await expect(badge).to_be_hidden()
    await expect(page.locator(".toast")).to_have_count(0)
    assert complaints == []


async def test_the_attention_list_follows_what_happens_without_a_reload(desk: Desk) -> None:
    station = desk.station(name="Yard 2")
    desk.says(station, "Available")
    page, complaints = await desk.open_page("/")
    await live(page)
    attention = page.locator("#attention")
    await expect(attention).to_contain_text("Nothing needs attention.")
    desk.clock.advance(1)
    desk.says(station, "Faulted", "ConnectorLockFailure")
    await desk.look_at(station)
    await expect(attention.locator("[data-incident]")).to_have_count(1)
    await expect(attention).to_contain_text("The plug can't be locked or unlocked")
    await attention.get_by_role("button", name="Acknowledge").click()
    await expect(attention).to_contain_text("Seen by Ada")
    await attention.get_by_role("link", name="Unlock the connector").click()
    await expect(page.locator("main")).to_contain_text("anybody can take the cable out")
    await page.get_by_role("link", name="Cancel").click()
    await page.get_by_role("link", name="Overview").click()
    await live(page)
    desk.clock.set(datetime.now(UTC))
    desk.says(station, "Available")
    await desk.look_at(station)
    await expect(attention).to_contain_text("Nothing needs attention.")
    assert complaints == []


async def test_an_alarm_that_was_told_once_is_not_told_again_on_the_next_page(desk: Desk) -> None:
    station = desk.station(name="Yard 3")
    desk.says(station, "Faulted", "GroundFailure")
    await desk.look_at(station)
    page, _ = await desk.open_page("/")
    await live(page)
    await expect(page.locator('.badge[data-live="totals.incidents"]')).to_have_text("1")
    await page.get_by_role("link", name="Alerts").click()
    await live(page)
    await expect(page.locator('.badge[data-live="totals.incidents"]')).to_have_text("1")
    await expect(page.locator(".toast")).to_have_count(0)


async def test_an_alert_rule_is_made_in_the_browser_and_its_test_is_sent(desk: Desk) -> None:
    desk.station(site_id=desk.site())
    page, complaints = await desk.open_page("/settings/alerts")
    await page.get_by_role("link", name="Make the first alert rule").click()
    await page.get_by_role("textbox", name="Name").fill("On duty")
    await page.locator("[name=recipients]").check()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Send a test: On duty").click()
    await expect(page.get_by_text(f"A test is on its way to {EMAIL}.")).to_be_visible()
    await expect(page.locator(".sent-rows")).to_contain_text("A test")
    assert [letter["recipient"] for letter in desk.letters()] == [EMAIL]
    assert complaints == []


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed in web/")
async def test_no_page_breaks_a_rule_of_wcag_a_or_aa_or_of_the_policy(desk: Desk) -> None:
    incident = await _everything(desk)
    page, complaints = await desk.open_page("/")
    for path in (
        "/", "/incidents?status=all", f"/incidents/{incident}", f"/incidents/{incident}/act", "/settings/alerts",
        "/settings/alerts/new",
    ):  # fmt: skip
        await page.goto(f"{desk.address}{path}")
        await live(page)
        if path == "/":
            await page.locator("#load canvas").wait_for()
            await page.locator("#map canvas").wait_for(state="attached")
        await breaks_no_rule_in_any_view(page)
    assert complaints == []


async def _everything(desk: Desk) -> str:
    """One of each that looks different; the id of an incident that can be acted on."""
    site = desk.site(name="North yard", latitude=52.5, longitude=13.4)
    desk.station(connected=False, site_id=site, name="Yard 1")
    desk.says(desk.station(site_id=site), "Faulted", "WeakSignal")
    desk.says(desk.station(site_id=site), "Faulted")
    desk.quarantine(desk.station(site_id=site))
    desk.session(desk.station(site_id=site), timedelta(hours=1), energy_wh=8_000, power_w=11_000)
    desk.session(desk.station(site_id=site), timedelta(hours=2), timedelta(hours=1), energy_wh=8_000)
    await desk.look()
    [incident] = [row for row in desk.incidents() if row["kind"] == "fault" and row["severity"] == 3]
    return str(incident["incident_id"])
