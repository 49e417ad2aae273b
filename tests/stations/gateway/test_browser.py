"""The paths of a day at stations, gone in a real browser: the real application, a real gateway, a station by hand."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from forecourt.access import Access
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from forecourt.stations.bulk import BulkJobs
from forecourt.stations.commands import Commander
from forecourt.ui.errors import AssetsMissing
from tests.browsers import NEEDS_BROWSER, close_pages, new_page, sign_in
from tests.conftest import Servers
from tests.ground import Ground
from tests.http import House, Tenant
from tests.looks import AXE, breaks_no_rule_in_any_view
from tests.stations.gateway.conftest import SECRET, Rig, StationClient
from tests.support import FakeClock
from tests.ui.conftest import served

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *NEEDS_BROWSER,
]
_numbers = itertools.count(1)
#: A station that is asked and does not answer well is told of by a status; what breaks the policy is a fault anyway.
NO_FAULT = re.compile(r"^Failed to load resource")


class Console:
    """The web of the rig's deployment and who looks at it."""

    def __init__(self, rig: Rig, pool: Pool, bus: Bus, address: str, browser: Browser) -> None:
        self.rig = rig
        self.pool = pool
        self.address = address
        self.complaints: list[str] = []
        self._bus = bus
        self._browser = browser

    async def close(self) -> None:
        """Close every page, so that none holds the server up."""
        await close_pages(self._browser)

    async def page(self, path: str = "/stations", **arguments: Any) -> Page:
        """A page of somebody who is signed in as owner."""
        page = await new_page(self._browser, self.complaints, no_fault=NO_FAULT, locale="en", **arguments)
        house = House(self.rig.ground, self.pool, None, FakeClock())
        await sign_in(page, self.address, await Tenant(house, self.rig.tenant()).operator())
        await page.goto(f"{self.address}{path}")
        return page

    async def work(self) -> None:
        """Do what a worker would: the bulk runs that were asked for."""
        clock = SystemClock()
        commander = Commander(self.pool, self._bus, clock, secret_key=SECRET.encode())
        jobs = BulkJobs(self.pool, commander, clock, SECRET.encode())
        asked = "SELECT subject FROM outbox WHERE event = 'bulk_run.asked' AND tenant_id = %s"
        for (run_id,) in self.rig.rows(asked, self.rig.tenant()):
            await jobs.run(tenant_id=self.rig.tenant(), subject=run_id)

    def name(self, identity: str, name: str) -> None:
        self.rig.admin.execute("UPDATE stations SET name = %s WHERE identity = %s", (name, identity))


@asynccontextmanager
async def looked_at(servers: Servers, browser: Browser, folder: Path) -> AsyncIterator[Console]:
    """A deployment and its web as long as the block lasts. The carrier makes no difference here."""
    with servers.database() as database:
        ground = Ground(database, servers.nats.url)
        rig = Rig(ground)
        await rig.start()
        settings = Settings(
            data_dir=folder, database_url=database.url, nats_url=rig.nats_url, secret_key=SECRET, database_pool_size=4
        )
        bus = await Bus.connect(rig.nats_url)
        clock = SystemClock()
        telling = asyncio.create_task(rig.live.run())
        try:
            async with Pool(database.url, "forecourt_app", size=4) as pool:
                access = Access(pool, settings.secret(), clock)
                try:
                    seen = screens(settings, pool, bus, clock, access)
                except AssetsMissing as fault:
                    pytest.skip(fault.detail)
                app = create_app(settings, pool, bus, clock, access=access, shell=seen.shell, screens=seen.routes)
                made = Console(rig, pool, bus, "", browser)
                async with served(app) as made.address:
                    yield made
                    await made.close()
        finally:
            telling.cancel()
            await bus.close()
            await rig.stop()
            await ground.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployment(
    servers: Servers, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Console]:
    """To put all the routes together takes longer than most tests."""
    async with looked_at(servers, browser, tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def console(deployment: Console) -> AsyncIterator[Console]:
    """For an organisation of the test's own."""
    deployment.rig.organisation = f"Organisation {next(_numbers)}"
    deployment.complaints.clear()
    yield deployment
    await deployment.close()


@pytest.fixture
def rig(console: Console) -> Rig:
    return console.rig


async def obey(station: StationClient, result: object) -> Any:
    """Answer the next call with a result; action and payload of the call."""
    ask = await station.next_ask()
    await station.link.send(json.dumps([3, ask[1], result]))
    return ask[2], ask[3]


def status(connector: int, state: str, error_code: str = "NoError") -> dict[str, Any]:
    return {"connectorId": connector, "status": state, "errorCode": error_code}


async def test_a_station_is_found_by_a_part_of_its_name_and_reset(rig: Rig, console: Console) -> None:
    await rig.register("CP-17")
    await rig.register("CP-18")
    console.name("CP-17", "Harbour north 3")
    console.name("CP-18", "Market square 1")
    async with rig.station("CP-17") as station:
        await station.call("StatusNotification", status(1, "Available"))
        page = await console.page()
        await page.keyboard.press("/")
        await page.keyboard.type("our nor")
        await expect(page.locator("[data-row]")).to_have_count(1)
        await page.get_by_role("link", name="Harbour north 3").click()
        await page.get_by_role("link", name="Open this station").click()
        await expect(page.get_by_role("heading", name="Harbour north 3", level=1)).to_be_visible()
        await page.get_by_role("link", name="Reset", exact=True).click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Nothing is charging here at the moment.")
        await dialog.get_by_text("Hard", exact=True).click()
        asked = asyncio.create_task(obey(station, {"status": "Accepted"}))
        await dialog.get_by_role("button", name="Reset").click()
        assert await asked == ("Reset", {"type": "Hard"})
        await expect(dialog).to_contain_text("Agreed (Accepted)")
        await dialog.get_by_role("link", name="Close").click()
        await expect(dialog).to_be_hidden()
        await expect(page.locator("#commands")).to_contain_text("Answered: Accepted")
        await expect(page.get_by_role("link", name="Reset", exact=True)).to_be_focused()
    assert console.complaints == []


async def test_a_station_that_refuses_is_shown_refusing_in_its_own_word(rig: Rig, console: Console) -> None:
    await rig.register("CP-21")
    async with rig.station("CP-21") as station:
        await station.call("StatusNotification", status(1, "Available"))
        page = await console.page("/stations/CP-21")
        await page.get_by_role("link", name="Unlock").first.click()
        asked = asyncio.create_task(obey(station, {"status": "NotSupported"}))
        await page.get_by_role("dialog").get_by_role("button", name="Unlock").click()
        assert (await asked)[0] == "UnlockConnector"
        await expect(page.get_by_role("dialog")).to_contain_text("Refused (NotSupported)")
        await page.keyboard.press("Escape")
        await page.reload()
        await expect(page.get_by_text("UnlockConnector").first).to_be_visible()


async def test_a_state_and_its_fault_are_seen_on_the_page_as_they_are_said(rig: Rig, console: Console) -> None:
    await rig.register("CP-31")
    async with rig.station("CP-31") as station:
        await station.call("StatusNotification", status(1, "Available"))
        page = await console.page("/stations/CP-31")
        await expect(page.locator("html")).to_have_attribute("data-connection", "live")
        connector = page.get_by_role("list", name="Connectors").get_by_role("listitem").first
        await expect(connector).to_contain_text("Available")
        await station.call("StatusNotification", status(1, "Charging"))
        await expect(connector).to_contain_text("Charging")
        await expect(page.locator(".station-head")).to_contain_text("Charging")
        await station.call("StatusNotification", status(1, "Faulted", "GroundFailure"))
        await expect(connector).to_contain_text("earth leakage protection has tripped")


async def test_a_message_log_is_filtered_to_one_call_and_read(rig: Rig, console: Console) -> None:
    await rig.register("CP-41")
    async with rig.station("CP-41") as station:
        for number in range(3):
            await station.call("Heartbeat", {}, f"h{number}")
        await station.call("StatusNotification", status(2, "Faulted", "GroundFailure"), "the-one")
        page = await console.page("/stations/CP-41/messages")
        lines = page.locator("#log > li")
        await expect(lines).to_have_count(8)
        await page.get_by_label("Action").fill("StatusNotification")
        await page.get_by_role("button", name="Filter").click()
        await expect(lines).to_have_count(2)
        assert "action=StatusNotification" in page.url
        call = lines.filter(has_text="connectorId 2")
        await call.locator("summary").first.click()
        await expect(call.locator(".opened")).to_contain_text("GroundFailure")
        await call.get_by_role("link", name="Call and answer side by side").click()
        await expect(page.get_by_role("heading", name="From the station: StatusNotification, call")).to_be_visible()
        await expect(page.get_by_role("heading", name="To the station: StatusNotification, answer")).to_be_visible()
        await page.get_by_role("link", name="Only this call and its answer").click()
        await expect(lines).to_have_count(2)
        assert "call=the-one" in page.url
    assert console.complaints == []


async def test_new_messages_appear_by_themselves_until_the_log_is_paused(rig: Rig, console: Console) -> None:
    await rig.register("CP-51")
    async with rig.station("CP-51") as station:
        await station.call("Heartbeat", {})
        page = await console.page("/stations/CP-51/messages")
        lines = page.locator("#log > li")
        await expect(lines).to_have_count(2)
        await station.call("StatusNotification", status(1, "Preparing"))
        await expect(lines).to_have_count(4)
        await expect(lines.filter(has_text="status Preparing")).to_have_count(1)
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_text("Paused: new messages wait")).to_be_visible()
        await station.call("Heartbeat", {})
        await page.get_by_role("button", name="Go on").click()
        await expect(lines).to_have_count(6)
    assert console.complaints == []


async def test_many_stations_are_reset_after_the_plan_was_read(rig: Rig, console: Console) -> None:
    for name in ("CP-61", "CP-62", "CP-63"):
        await rig.register(name)
    async with rig.station("CP-61") as first, rig.station("CP-62") as second:
        await first.call("StatusNotification", status(1, "Charging"))
        await second.call("StatusNotification", status(1, "Available"))
        page = await console.page()
        await page.get_by_label("Choose all on this page").check()
        await expect(page.get_by_text("3 chosen")).to_be_visible()
        await page.get_by_label("How").select_option("hard")
        await page.get_by_role("button", name="Plan").click()
        await expect(page.locator(".consequence")).to_contain_text("Resets 3 stations.")
        await expect(page.locator(".consequence")).to_contain_text("1 is charging: its sessions will end.")
        await page.get_by_role("button", name="Reset 3 stations").click()
        await expect(page.get_by_text("0 of 3 stations")).to_be_visible()
        await asyncio.gather(console.work(), obey(first, {"status": "Accepted"}), obey(second, {"status": "Rejected"}))
        await expect(page.locator("[data-run-state]")).to_have_text("Done")
        await expect(page.get_by_role("row", name="CP-61")).to_contain_text("Done")
        await expect(page.get_by_role("row", name="CP-62")).to_contain_text("Refused")
        await expect(page.get_by_role("row", name="CP-63")).to_contain_text("not connected")
    assert console.complaints == []


async def test_a_station_s_variables_are_read_searched_and_changed(rig: Rig, console: Console) -> None:
    await rig.register("CP-71")
    keys = [
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
        {"key": "AuthorizationKey", "readonly": False, "value": "0123456789abcdef0123"},
    ]
    async with rig.station("CP-71") as station:
        await station.call("Heartbeat", {})
        page = await console.page("/stations/CP-71/configuration")
        await expect(page.get_by_text("Not read yet.")).to_be_visible()
        asked = asyncio.create_task(obey(station, {"configurationKey": keys}))
        await page.get_by_role("button", name="Read from the station").click()
        assert (await asked)[0] == "GetConfiguration"
        await expect(page.locator("#variables")).to_contain_text("3 variables, read")
        await expect(page.get_by_role("row", name="AuthorizationKey")).to_contain_text("secret, not shown")
        await page.get_by_label("Search").fill("Heart")
        await page.keyboard.press("Enter")
        await expect(page.locator("#variables tbody tr")).to_have_count(1)
        await page.get_by_role("link", name="Change HeartbeatInterval").click()
        await page.get_by_label("New value").fill("120")
        asked = asyncio.create_task(obey(station, {"status": "Accepted"}))
        await page.get_by_role("dialog").get_by_role("button", name="Change").click()
        assert await asked == ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "120"})
        await page.get_by_role("dialog").get_by_role("link", name="Show the variable").click()
        await expect(page.get_by_role("row", name="HeartbeatInterval")).to_contain_text("120")
    for (text,) in rig.rows("SELECT payload FROM messages UNION ALL SELECT coalesce(value, '') FROM station_variables"):
        assert "0123456789abcdef0123" not in text
    assert console.complaints == []


async def test_a_2x_station_s_report_is_put_together_from_its_pages(rig: Rig, console: Console) -> None:
    await rig.register("CP-82")
    async with rig.station("CP-82", "ocpp2.0.1") as station:
        await station.call("Heartbeat", {})
        page = await console.page("/stations/CP-82/configuration")
        asked = asyncio.create_task(obey(station, {"status": "Accepted"}))
        await page.get_by_role("button", name="Read from the station").click()
        action, payload = await asked
        assert action == "GetBaseReport"
        await expect(page.get_by_text("Reading …")).to_be_visible()
        for seq, last in ((1, True), (0, False)):
            data = {
                "component": {"name": "Ctrlr"},
                "variable": {"name": f"V{seq}"},
                "variableAttribute": [{"value": str(seq)}],
            }
            report = {
                "requestId": payload["requestId"],
                "generatedAt": "2026-03-01T12:00:00Z",
                "seqNo": seq,
                "tbc": not last,
                "reportData": [data],
            }
            await station.call("NotifyReport", report)
        await expect(page.locator("#variables tbody tr")).to_have_count(2)
        await expect(page.locator("#variables")).to_contain_text("2 variables, read")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed in web/")
async def test_no_page_of_a_station_breaks_a_rule_of_wcag_a_or_aa_or_sticks_out(rig: Rig, console: Console) -> None:
    await rig.register("CP-101")
    async with rig.station("CP-101") as station:
        await station.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M", "extra": 1})
        await station.call("StatusNotification", status(1, "Available"))
        await station.call("StatusNotification", status(2, "Faulted", "GroundFailure"))
        page = await console.page("/stations")
        await page.get_by_label("Choose CP-101").check()
        await page.get_by_role("button", name="Plan").click()
        await expect(page.locator(".consequence")).to_be_visible()
        await breaks_no_rule_in_any_view(page)
        await page.get_by_role("button", name="Reset 1 station").click()
        await expect(page.locator("#run")).to_be_visible()
        run = page.url.removeprefix(console.address)
        number = rig.rows("SELECT max(number) FROM messages WHERE action = 'StatusNotification'")[0][0]
        for path in (
            "/stations/CP-101",
            "/stations/CP-101/messages",
            f"/stations/CP-101/messages/{number}",
            "/stations/CP-101/configuration",
            "/stations/CP-101/settings",
            "/stations/CP-101/ask/reset",
            "/stations/CP-101/retire",
            "/bulk-runs",
            run,
        ):
            await page.goto(f"{console.address}{path}")
            await page.locator("h1, h2").first.wait_for()
            await breaks_no_rule_in_any_view(page)
        await page.goto(f"{console.address}/stations/CP-101")
        await page.get_by_role("link", name="Start charging").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await breaks_no_rule_in_any_view(page)
    assert console.complaints == []
