import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browsers import DEADLINE_MS, NEEDS_BROWSER, close_pages, live, new_page
from tests.looks import AXE, breaks_no_rule_in_any_view
from tests.ui.conftest import Serve
from tests.ui.harness import Fleet

SPACE = "\N{NO-BREAK SPACE}"

OpenPage = Callable[..., Awaitable[tuple[Page, list[str]]]]

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *NEEDS_BROWSER,
]


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """`page, complaints = await open_page(address, viewport=..., color_scheme=...)`; closed after the test."""

    async def open_one(address: str, **arguments: Any) -> tuple[Page, list[str]]:
        complaints: list[str] = []
        page = await new_page(browser, complaints, **arguments)
        await page.goto(address)
        return page, complaints

    yield open_one
    await close_pages(browser)


def a_fleet(*, placed: bool = False) -> Fleet:
    """A station of every kind that looks different; only `placed` ones have a map, which is most of a page's work."""
    fleet = Fleet(24, placed=placed)
    for number, state in enumerate(("Charging", "Faulted", "Offline", "SuspendedEV", "Unavailable", "Available")):
        fleet.cells[f"station.CP000{number}.state"] = state
        fleet.cells[f"station.CP000{number}.error"] = "GroundFailure" if state == "Faulted" else None
    return fleet


async def test_what_a_station_says_is_seen_without_a_reload(serve: Serve, open_page: OpenPage) -> None:
    fleet = a_fleet()
    async with serve(fleet) as address:
        page, complaints = await open_page(f"{address}/stations")
        await live(page)
        row = page.locator('[data-row="CP0005"]')
        await expect(row.locator("[data-word]")).to_have_text("Available")
        await fleet.say(
            {
                "station.CP0005.state": "Charging",
                "station.CP0005.power_w": 7_250,
                "station.CP0005.energy_wh": 12_345,
                "station.CP0005.soc_pct": 41,
            }
        )
        await expect(row.locator("[data-word]")).to_have_text("Charging")
        await expect(row.locator("td.power > [data-live]")).to_have_text(f"7.3{SPACE}kW")
        await expect(row.locator("td.energy > [data-live]")).to_have_text(f"12.35{SPACE}kWh")
        await expect(row.get_by_text("battery")).to_have_text(f"battery 41{SPACE}%")
        await expect(page.locator('[data-live="totals.n.Charging"]')).to_have_text(
            str(list(fleet.cells.values()).count("Charging"))
        )
        assert complaints == []


async def test_a_fault_shows_its_code_and_a_lost_station_since_when(serve: Serve, open_page: OpenPage) -> None:
    fleet = a_fleet()
    async with serve(fleet) as address:
        page, _ = await open_page(f"{address}/stations")
        await live(page)
        faulted, offline = page.locator('[data-row="CP0001"]'), page.locator('[data-row="CP0002"]')
        await expect(faulted.get_by_text("GroundFailure")).to_be_visible()
        await expect(offline.get_by_text("seen")).to_be_visible()
        await fleet.say({"station.CP0001.state": "Offline", "station.CP0001.error": None})
        await expect(faulted.locator(".code")).to_be_hidden()
        await expect(faulted.locator(".since")).to_have_text("seen just now")


async def test_a_lost_connection_is_said_and_heals_with_what_happened_meanwhile(
    serve: Serve, open_page: OpenPage
) -> None:
    fleet = a_fleet()
    async with serve(fleet) as address:
        page, _ = await open_page(f"{address}/stations")
        await live(page)
    await expect(page.locator("#connection")).to_have_text("Live connection lost, reconnecting …")
    fleet.cells["station.CP0005.power_w"] = 4_200
    async with serve(fleet, port=urlsplit(address).port):
        await live(page)
        await expect(page.locator("#connection")).to_be_hidden()
        await expect(page.locator('[data-row="CP0005"] td.power > [data-live]')).to_have_text(f"4.2{SPACE}kW")


async def test_a_chosen_station_is_shown_beside_the_list_and_kept_in_the_address(
    serve: Serve, open_page: OpenPage
) -> None:
    fleet = a_fleet()
    async with serve(fleet) as address:
        page, complaints = await open_page(f"{address}/stations")
        await live(page)
        await page.locator('[data-row-link="CP0001"]').click()
        panel = page.locator("#panel")
        await expect(panel).to_contain_text("earth leakage protection has tripped")
        await expect(panel).to_contain_text("Send an electrician")
        assert page.url.endswith("?station=CP0001")
        await fleet.say({"station.CP0001.power_w": 1_500})
        await expect(panel.locator('[data-live="station.CP0001.power_w"]')).to_have_text(f"1.5{SPACE}kW")
        await page.reload()
        await expect(panel).to_contain_text("earth leakage protection has tripped")
        await page.keyboard.press("Escape")
        await expect(panel).to_be_hidden()
        assert "station=" not in page.url
        assert complaints == []


async def test_the_page_can_be_used_with_the_keyboard_alone(serve: Serve, open_page: OpenPage) -> None:
    async with serve(a_fleet()) as address:
        page, _ = await open_page(f"{address}/stations")
        await live(page)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        await page.keyboard.press("/")
        await expect(page.get_by_label("Search")).to_be_focused()
        await page.keyboard.type("CP0001")
        await expect(page.locator("[data-row]")).to_have_count(1)
        assert "q=CP0001" in page.url
        await page.get_by_label("Search").fill("")
        await expect(page.locator("[data-row]")).to_have_count(24)
        await page.locator('[data-row-link="CP0000"]').focus()
        await page.keyboard.press("ArrowDown")
        await expect(page.locator('[data-row-link="CP0001"]')).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#panel h2")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator('[data-row-link="CP0001"]')).to_be_focused()


async def test_a_theme_is_remembered_and_there_at_the_first_paint(serve: Serve, open_page: OpenPage) -> None:
    async with serve(a_fleet()) as address:
        page, _ = await open_page(f"{address}/stations", color_scheme="dark")
        await page.get_by_role("button", name="Dark / light").click()
        await expect(page.locator("html")).to_have_attribute("data-theme", "light")
        answer = await page.reload()
        assert answer is not None
        assert '<html lang="en" data-theme="light">' in await answer.text()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed in web/")
async def test_no_rule_of_wcag_a_or_aa_and_none_of_the_policy_is_broken(serve: Serve, open_page: OpenPage) -> None:
    async with serve(a_fleet(placed=True)) as address:
        page, complaints = await open_page(f"{address}/stations")
        await live(page)
        await page.locator("#chart canvas").wait_for()
        await page.locator("#map canvas").wait_for(state="attached")
        await page.locator('[data-row-link="CP0001"]').click()
        await expect(page.locator("#panel h2")).to_be_visible()
        await breaks_no_rule_in_any_view(page)
        assert complaints == []


async def test_the_load_is_drawn_by_the_clock_of_the_organisation_wherever_it_is_looked_at(
    serve: Serve, open_page: OpenPage
) -> None:
    async with serve(a_fleet()) as address:
        # The organisation's clock is UTC, which is never within an hour of that on Chatham.
        page, _ = await open_page(f"{address}/stations", timezone_id="Pacific/Chatham")
        owner = await page.locator("#chart").get_attribute("data-owner")
        await page.add_init_script(
            "{ const fill = CanvasRenderingContext2D.prototype.fillText; window.drawn = [];"
            " CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {"
            " window.drawn.push(String(text)); return fill.call(this, text, ...rest); };"
            f" sessionStorage.setItem('load-{owner}', JSON.stringify([600, 300, 0].map((age) =>"
            " [Date.now() - age * 1000, 1000]))); }"
        )
        await page.reload()
        await live(page)
        clocks = "window.drawn.filter((text) => /^\\d\\d:\\d\\d/.test(text))"
        async with asyncio.timeout(DEADLINE_MS / 1000):
            while not (seen := await page.evaluate(clocks)):
                await asyncio.sleep(0.1)
        near = {f"{datetime.now(UTC) + timedelta(minutes=each):%H:%M}" for each in range(-20, 21)}
        assert {text[:5] for text in seen} <= near


async def test_nothing_sticks_out_at_the_width_of_a_phone(serve: Serve, open_page: OpenPage) -> None:
    async with serve(a_fleet()) as address:
        page, _ = await open_page(f"{address}/stations?station=CP0001", viewport={"width": 320, "height": 700})
        await live(page)
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
        await expect(page.get_by_role("button", name="Close")).to_be_in_viewport()


async def test_a_page_of_an_organisation_without_stations_breaks_no_rule(serve: Serve, open_page: OpenPage) -> None:
    async with serve(Fleet(0)) as address:
        page, complaints = await open_page(f"{address}/stations")
        await expect(page.get_by_role("heading", name="Connect your first station")).to_be_visible()
        assert complaints == []
