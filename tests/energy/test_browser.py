"""A site is wired up in a real browser, its plan is looked at node by node, and a session says why it charges so."""

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browsers import NEEDS_BROWSER
from tests.conftest import Servers
from tests.console import Console, furnished
from tests.energy.test_explained import yard as charging_yard
from tests.looks import breaks_no_rule_in_any_view

BERLIN = ZoneInfo("Europe/Berlin")
pytestmark = NEEDS_BROWSER


@pytest_asyncio.fixture(scope="module")
async def deployment(servers: Servers, browser: Browser) -> AsyncIterator[Console]:
    async for made in furnished(servers, browser):
        yield made


@pytest_asyncio.fixture
async def yard(deployment: Console) -> AsyncIterator[Console]:
    """For one test, whose pages are closed after it."""
    yield deployment
    await deployment.close_pages()


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
    await expect(page.locator("#preview .fault-list")).to_contain_text("Limit of current must be a number from 0 to")
    await panel.locator("[name='node.limit_a']").fill("32")
    await panel.locator("[name='node.limit_a']").blur()
    await expect(page.locator("#preview .fault-list")).to_have_count(0)
    await drag(page, "[data-evse='CP1:1'] .named", "#preview [data-width=wide] .box:last-of-type .plate")
    await expect(page.locator("[data-evse='CP1:1'] [name='evse.node'] option:checked")).to_have_text("Panel")
    await page.locator("[data-evse='CP2:1'] [name='evse.node']").select_option(label="grid")
    await expect(page.locator("#preview")).to_contain_text("CP2")
    await breaks_no_rule_in_any_view(page)
    await page.locator("[data-row-of=node] [data-remove]").last.click()
    # What hung on it hangs on the one above.
    await expect(page.locator("[data-evse='CP1:1'] [name='evse.node'] option:checked")).to_have_text("grid")
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

    # Somebody else is faster: nothing is lost of what was typed, and nothing is stored over it.
    await page.goto(f"{yard.address}/energy/sites/north-yard/electrics")
    tree["nodes"][1]["limit_a"] = 20.0
    kept = {name: value for name, value in tree.items() if name != "version"}
    assert (await api.put("/api/v1/sites/north-yard/electrics", json=kept)).status_code == 200
    await page.locator("[name='node.limit_a']").last.fill("25")
    await page.get_by_role("button", name="Save electrics").first.click()
    await expect(page.locator(".notice")).to_contain_text("nothing was stored")
    await expect(page.locator("[name='node.limit_a']").last).to_have_value("25")
    assert (await api.get("/api/v1/sites/north-yard/electrics")).json()["electrics"]["nodes"][1]["limit_a"] == 20.0


async def test_the_plan_of_a_node_leads_to_a_car_that_says_live_why_it_charges_so_and_is_let_go_first(
    yard: Console,
) -> None:
    house = yard.house
    made = await charging_yard(house, yard.tenant)
    await made.plan()
    then = house.clock.now()
    page = await yard.page(f"{made.page}/plan")
    await expect(page.locator(".plan-chart canvas")).to_be_visible()
    await page.get_by_label("Of which node").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**node=p1*")
    await expect(page.locator("#axis-title")).to_have_text("Limits, plan, actual power and price of Panel North")
    await expect(page.locator(".plan-chart canvas")).to_be_visible()
    await expect(page.locator(".node-lines [aria-current]")).to_contain_text("Panel North")
    await breaks_no_rule_in_any_view(page)

    await page.locator(".plan-cars a").first.click()
    why = page.locator("#smart-why .why")
    await expect(why).to_contain_text("It may charge at 8\N{NO-BREAK SPACE}A")
    await expect(why).to_contain_text("the limit of Panel North")
    await page.get_by_text("Say when it leaves and what it needs").click()
    await page.get_by_label("Energy in all").fill("1")
    await breaks_no_rule_in_any_view(page)
    cut = {"source": "grid operator", "id": "cut", "node": "p1", "limit_a": 12.0}
    assert (await made.owner.post(f"{made.api}/limits", json=cut)).status_code in (200, 201)
    await made.plan()
    await expect(why).to_contain_text("It may charge at 6\N{NO-BREAK SPACE}A")
    # What is being typed is left alone.
    await expect(page.get_by_label("Energy in all")).to_have_value("1")
    await page.get_by_role("button", name="Charge faster now").press("Enter")
    await expect(page.get_by_role("button", name="Back to normal speed")).to_be_focused()
    await expect(page.locator("#smart-why [role=status]")).to_contain_text("The planner looks at it now")
    await made.plan()
    await expect(why).to_contain_text("It may charge at 12\N{NO-BREAK SPACE}A")
    await expect(page.locator("#smart-why")).to_contain_text("It goes before others")
    await expect(page.locator("#smart-more")).to_contain_text("high")

    await page.goto(f"{yard.address}{made.page}/plan?node=p1")
    await page.get_by_label("At a time").fill(f"{then.astimezone(BERLIN):%Y-%m-%d %H:%M:%S.%f}")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("header.object")).to_contain_text("What the planner knew at")
    await expect(page.locator(".plan-cars td.limit").first).to_contain_text("8\N{NO-BREAK SPACE}A")
    await page.get_by_role("button", name="Plan again from what was known").click()
    await expect(page.locator(".told")).to_contain_text("every EVSE gets the same")
    for path in ("/energy", made.page, f"{made.page}/savings"):
        await page.goto(f"{yard.address}{path}")
        await breaks_no_rule_in_any_view(page)
    assert yard.complaints == []
