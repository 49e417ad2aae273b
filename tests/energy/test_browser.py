"""A site is wired up in a real browser: rows come and go, an EVSE is dragged onto a node, faults are seen at once."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.conftest import Servers
from tests.console import CHROMIUM, Console, furnished
from tests.looks import breaks_no_rule_in_any_view

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]


@pytest_asyncio.fixture
async def yard(servers: Servers) -> AsyncIterator[Console]:
    async for made in furnished(servers):
        yield made


async def drag(page: Page, what: str, onto: str) -> None:
    """By the mouse, step by step, as a hand does."""
    await page.locator(what).scroll_into_view_if_needed()
    start, end = await page.locator(what).bounding_box(), await page.locator(onto).bounding_box()
    assert start is not None
    assert end is not None
    await page.mouse.move(start["x"] + 20, start["y"] + 10)
    await page.mouse.down()
    await page.mouse.move(end["x"] + 40, end["y"] + 20, steps=5)
    await page.mouse.up()


async def test_a_tree_is_drawn_by_keyboard_and_by_dragging_and_stored(yard: Console) -> None:
    api = await yard.tenant.client()
    for name in ("CP1", "CP2"):
        await api.post("/api/v1/stations", json={"id": name, "site": "north-yard"})
    yard.rig.admin.execute(
        "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
        " SELECT station_id, 1, 1, tenant_id, 'Available', now() FROM stations"
    )
    page = await yard.page("/energy/sites/north-yard/electrics")
    await page.click("[data-add=node]")
    await page.keyboard.type("Panel")
    await page.keyboard.press("Tab")
    await expect(page.locator("#preview")).to_contain_text("Panel")
    panel = page.locator("[data-row-of=node]").last
    await panel.locator("[name='node.limit_a']").fill("-5")
    await panel.locator("[name='node.limit_a']").blur()
    await expect(page.locator("#preview .fault-list")).to_contain_text("limit_a must be a number from 0")
    await panel.locator("[name='node.limit_a']").fill("32")
    await panel.locator("[name='node.limit_a']").blur()
    await expect(page.locator("#preview .fault-list")).to_have_count(0)
    await drag(page, "[data-evse='CP1:1'] .named", "#preview .box:last-of-type .plate")
    await expect(page.locator("[data-evse='CP1:1'] [name='evse.node'] option:checked")).to_have_text("Panel")
    await page.locator("[data-evse='CP2:1'] [name='evse.node']").select_option(label="grid")
    await expect(page.locator("#preview")).to_contain_text("CP2")
    await breaks_no_rule_in_any_view(page)
    await page.locator("[data-row-of=node] [data-remove]").last.click()
    await expect(page.locator("[data-evse='CP1:1'] [name='evse.node']")).to_have_value("")
    await page.click("[data-add=node]")
    await page.keyboard.type("Feeder")
    await page.keyboard.press("Tab")
    await page.locator("[data-evse='CP1:1'] [name='evse.node']").select_option(label="Feeder")
    await page.get_by_role("button", name="Save electrics").first.click()
    await page.wait_for_url("**/energy/sites/north-yard?done=electrics")
    await expect(page.locator("#tree")).to_contain_text("Feeder")
    tree = (await api.get("/api/v1/sites/north-yard/electrics")).json()["electrics"]
    assert [node["name"] or node["id"] for node in tree["nodes"]] == ["grid", "Feeder"]
    assert {each["station"]: each["node"] for each in tree["evses"]} == {"CP1": tree["nodes"][1]["id"], "CP2": "grid"}
    await breaks_no_rule_in_any_view(page)
    await page.goto(f"{yard.address}/energy/sites/north-yard/feeds?kind=openadr2")
    await breaks_no_rule_in_any_view(page)
    assert yard.complaints == []
