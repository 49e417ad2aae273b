"""Signs a driver of the demo in, as they would themselves, and gives them what their pages show: a car, a card at the
sandbox provider, money in the wallet, a card for stations, and a membership to choose."""

from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, BrowserContext, Page

from tools.demo_api import State, get, letter, post

DRIVER = "ada.driver@forecourt.example"
PLAN = "night-owl"
#: What a driver's own pages are; where a letter is asked for and leads to is seen signed out.
ROUTES = (
    "/my", "/my/sessions", "/my/money", "/my/membership", "/my/membership/plans/{plan_id}", "/my/things",
    "/my/offers", "/my/account", "/my/charge/{station}/{evse}",
)  # fmt: skip


async def driver_state(browser: Browser, base: str, folder: Path, api: httpx.AsyncClient) -> State:
    """How a driver is signed in. `folder`: the demo's, where its letters lie. `api`: the API, as the demo's owner."""
    await _offer(api)
    context = await browser.new_context(base_url=base)
    page = await context.new_page()
    await page.goto("/find")
    slug = page.url.partition("/find/")[2]
    await page.goto(f"/my/sign-in/{slug}")
    await page.fill("[name=email]", DRIVER)
    await page.click("main button[type=submit]")
    await page.goto(await letter(folder, DRIVER))
    await page.click("main button[type=submit]")
    await page.wait_for_url("**/my")
    await _owns(context, base, api)
    await _pays(page)
    free = [each for each in (await get(api, f"/driver/brands/{slug}/places"))["items"] if each["free"]]
    return State(
        storage=await context.storage_state(), start="/my", routes=ROUTES,
        more=tuple(f"/my/charge/{each['station']}/{each['evse']}" for each in free[:1]),
    )  # fmt: skip


async def _offer(api: httpx.AsyncClient) -> None:
    """A membership that drivers may begin, with a tariff of its own."""
    plan = {
        "name": PLAN, "title": "Night owl", "currency": "EUR", "month_fee": 499, "vat": "19", "offered": True,
        "gives": "A lower price a kWh from 22:00 to 06:00, everywhere.",
    }  # fmt: skip
    await post(api, "/plans", plan)
    tariff = (await get(api, "/tariffs"))["items"][0]
    await post(api, "/tariff-assignments", {"tariff_id": tariff["id"], "subscription": PLAN})


async def _owns(context: BrowserContext, base: str, api: httpx.AsyncClient) -> None:
    """A car, and the card by which somebody charges now."""
    car: dict[str, str | float | bool] = {
        "name": "Family car",
        "battery_kwh": "77",
        "max_ac_kw": "11",
        "max_dc_kw": "135",
    }
    answer = await context.request.post(f"{base}/my/cars", form=car, headers={"Origin": base})
    if not answer.ok:
        raise RuntimeError(f"POST /my/cars: {answer.status} at {answer.url}")
    [driver] = (await get(api, f"/drivers?search={DRIVER}"))["items"]
    running: list[dict[str, Any]] = (await get(api, "/sessions?status=active&limit=50"))["items"]
    token = next(each["token"] for each in running if each["token"])
    await post(api, f"/drivers/{driver['driver_id']}/tokens", {"uid": token})


async def _pays(page: Page) -> None:
    """A saved card, by the provider's page, where the first button is yes; and money in the wallet from it."""
    home = page.url.removesuffix("/my")
    await page.goto("/my/money")
    await page.locator("form[action='/my/cards'] button").click()
    await page.wait_for_url(lambda url: not url.startswith(home))
    await page.get_by_role("button").first.click()
    await page.wait_for_url(f"{home}/my/money*")
    await page.locator("form[action='/my/money/top-up'] button").first.click()
    await page.locator("p.sum").first.wait_for()
