"""A person makes a tariff in a real browser, without a script of ours being asked, and sees what it comes to."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browsers import NEEDS_BROWSER
from tests.conftest import Servers
from tests.console import Console, furnished
from tests.looks import breaks_no_rule_in_any_view

pytestmark = NEEDS_BROWSER

#: The words of the labels that take more than one line.
WRAPPED = """labels => {
    document.querySelectorAll(".price-editor details").forEach(each => { each.open = true; });
    return labels.filter(label => {
        const words = document.createRange();
        words.setStart(label, 0);
        words.setEndBefore(label.querySelector("input, select"));
        return new Set([...words.getClientRects()].map(part => Math.round(part.bottom))).size > 1;
    }).map(label => label.innerText);
}"""


@pytest_asyncio.fixture
async def yard(servers: Servers, browser: Browser) -> AsyncIterator[Console]:
    async for made in furnished(servers, browser):
        yield made


async def test_a_tariff_is_written_looked_at_saved_and_assigned(yard: Console) -> None:
    page = await yard.page("/prices")
    await page.get_by_role("link", name="New tariff").click()
    await page.fill("[name=name]", "Yard by day")
    await page.fill("[name='e0.p0.price']", "0.50")
    await page.fill("[name='e0.p0.vat']", "19")
    await page.get_by_role("button", name="Add a price").click()
    await page.fill("[name='e0.p1.price']", "free")
    # Enter looks, and takes nothing out.
    await page.press("[name='e0.p1.price']", "Enter")
    await expect(page.locator("[role=alert]")).to_contain_text("Element 1, price 2, Price: this is no number")
    await page.fill("[name='e0.p1.price']", "6")
    await page.get_by_role("button", name="Look at it").click()
    await expect(page.locator(".price-strip")).to_have_count(1)
    await expect(page.locator(".price-lines").first).to_contain_text("€0.595 per kWh")
    # At a desk each field is named on one line.
    assert await page.locator(".price-editor .pairs > label").evaluate_all(WRAPPED) == []
    await breaks_no_rule_in_any_view(page)
    await page.get_by_role("button", name="Make the tariff").click()
    await expect(page.get_by_role("heading", name="Yard by day")).to_be_visible()
    await page.select_option("[name=site]", "north-yard")
    await page.get_by_role("button", name="Assign").click()
    await expect(page.locator(".lined")).to_contain_text("site north-yard")
    await breaks_no_rule_in_any_view(page)
    await page.goto(f"{yard.address}/prices")
    await expect(page.locator(".rows.prices")).to_contain_text("site north-yard")
    await breaks_no_rule_in_any_view(page)
    assert yard.complaints == []
