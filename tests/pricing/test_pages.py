"""The pages of prices: a tariff is made by a plain form, looked at, assigned, revised and ended."""

import asyncio
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from httpx import AsyncClient, Response

from forecourt.access import Role
from forecourt.platform.database import Pool
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import signed_in
from tests.http import House, Tenant

pytestmark = pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


def draft(price: str = "0.59", **more: Any) -> dict[str, Any]:
    """What the form sends of a tariff that is dearer by day, with a blocking fee."""
    return {
        "name": "Day and night", "currency": "EUR", "tax_included": "NO", "elements": "2", "caps": "1",
        "e0.prices": "1", "e0.p0.type": "ENERGY", "e0.p0.price": price, "e0.p0.vat": "19", "e0.p0.step_size": "1",
        "e0.start_time": "08:00", "e0.end_time": "20:00", "e0.days": ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY",
        "FRIDAY"],
        "e1.prices": "2", "e1.p0.type": "ENERGY", "e1.p0.price": "0,39", "e1.p0.vat": "19", "e1.p0.step_size": "1",
        "e1.p1.type": "PARKING_TIME", "e1.p1.price": "6", "e1.p1.vat": "19", "e1.p1.step_size": "1",
        "c0.before_taxes": "12", "c0.per": "SESSION", "c0.dimensions": ["PARKING_TIME"],
        **more,
    }  # fmt: skip


def words(page: Response) -> str:
    """What of a page is read."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.text))).replace("\N{NO-BREAK SPACE}", " ")


async def made(browser: AsyncClient, **more: Any) -> str:
    answer = await browser.post("/prices/new", data=draft(act="save", **more))
    assert answer.status_code == 303, words(answer)
    return str(answer.headers["location"])


async def tag_of(browser: AsyncClient, path: str) -> str:
    """Which state of a tariff its form was made of."""
    found = re.search(r'name="tag" value="([^"]+)"', (await browser.get(f"{path}/edit")).text)
    assert found is not None
    return unescape(found[1])


async def test_the_preview_warns_of_a_price_below_nothing_and_refuses_a_tax_that_is_none(
    house: House, tenant: Tenant
) -> None:
    browser = await signed_in(house, tenant)
    odd = words(await browser.post("/prices/new", data=draft("-0.49", act="preview")))
    assert "A price is below 0, so drivers are paid for it." in odd
    refused = await browser.post("/prices/new", data=draft(act="save", currency="XXZ", **{"e0.p0.vat": "900"}))
    assert refused.status_code == 422
    assert "Currency: no currency has this code of ISO 4217" in words(refused)
    assert "Element 1, price 1, VAT" in words(refused)
    assert "a tax can't be above 100" in words(refused)
    never = {"e0.min_kwh": "10", "e0.max_kwh": "1", "min_before": "9", "max_before": "1"}
    refused = await browser.post("/prices/new", data=draft(act="save", **never))
    assert refused.status_code == 422
    assert "or the element never counts" in words(refused)
    assert "the most can't be below the least" in words(refused)


async def test_a_form_makes_the_tariff_that_it_shows_and_says_what_sessions_cost(house: House, tenant: Tenant) -> None:
    api, browser = await tenant.client(), await signed_in(house, tenant)
    assert "charging costs nothing" in words(await browser.get("/prices"))
    await api.post("/api/v1/sites", json={"name": "Yard", "slug": "yard", "country": "DE"})
    looked = words(await browser.post("/prices/new", data=draft(act="preview")))
    # 40 kWh at 0.59 and three hours parked at 6.00, capped at 12 before taxes: (23.60 + 12) * 1.19.
    assert "42.36 EUR" in looked
    assert "00:00\N{EN DASH}08:00 €0.4641" in looked
    assert "Mon\N{EN DASH}Fri" in looked
    assert "Sat, Sun" in looked
    assert "PAngV" in looked
    assert "It has caps, which OCPI 2.3.0 can't say." in looked
    assert "At most €14.28 a session (time parked without charging)" in looked
    # What is free at first is no price per kWh of nothing.
    free = words(await browser.post("/prices/new", data=draft(act="preview", free_kwh="5")))
    assert "The first 5 kWh are free" in free
    assert "00:00\N{EN DASH}08:00 €0.4641" in free
    assert "no price of energy" not in free
    path = await made(browser)
    [stored] = (await api.get("/api/v1/tariffs")).json()["items"]
    assert stored["tariff"]["elements"][0]["conditions"]["start_time"] == "08:00"
    assert stored["tariff"]["elements"][1]["price_components"][1]["price"] == "6"
    assert stored["tariff"]["caps"] == [{"before_taxes": "12", "per": "SESSION", "dimensions": ["PARKING_TIME"]}]
    # Whoever changes nothing makes no version: the form says all that the tariff does.
    same = await browser.post(f"{path}/edit", data=draft(act="save", tag=await tag_of(browser, path)))
    assert same.status_code == 303, words(same)
    assert (await api.get(f"/api/v1/tariffs/{stored['id']}")).json()["version"] == 1
    found = await browser.get("/search", params={"q": "night"})
    assert f'href="{path}"' in found.text


async def test_who_sends_a_new_tariff_twice_makes_one(house: House, tenant: Tenant) -> None:
    browser = await tenant.client(Role.OWNER)
    [key] = re.findall('name="once" value="([^"]+)"', (await browser.get("/prices/new")).text)
    first, second = await asyncio.gather(made(browser, once=key), made(browser, once=key))
    assert first == second == await made(browser, once=key)
    assert await made(browser, once=key, name="Another") != first
    assert len((await browser.get("/api/v1/tariffs")).json()["items"]) == 2
    # A form that was given no key makes one each time.
    assert await made(browser) != await made(browser)


async def test_what_is_wrong_stands_with_its_field_and_nothing_is_lost(house: House, tenant: Tenant) -> None:
    browser = await signed_in(house, tenant)
    wrong = draft(act="save", name="", **{"e0.p0.price": "dear", "e1.p1.vat": "-1", "starts_at": "soon"})
    answer = await browser.post("/prices/new", data=wrong)
    assert answer.status_code == 422
    told = words(answer)
    assert "Name: a name has 1 to 200 characters" in told
    assert "Element 1, price 1, Price: this is no number" in told
    assert "For sessions from: this is no time" in told
    assert 'value="dear"' in answer.text
    taxed = await browser.post("/prices/new", data=draft(act="save", **{"e1.p1.vat": "-1"}))
    assert "Element 2, price 2, VAT, percent: a tax can't be below 0" in words(taxed)
    more = await browser.post("/prices/new", data=draft(act="add-price:0"))
    assert 'name="e0.p1.price"' in more.text
    fewer = await browser.post("/prices/new", data=draft(act="remove-element:0"))
    assert 'name="e1.prices"' not in fewer.text
    assert 'value="0,39"' in fewer.text
    viewer = await signed_in(house, tenant, Role.VIEWER)
    assert (await viewer.get("/prices/new")).status_code == 403
    assert "New tariff" not in words(await viewer.get("/prices"))


async def test_a_place_says_which_tariff_counts_there_and_why(house: House, tenant: Tenant) -> None:
    api, browser = await tenant.client(), await signed_in(house, tenant)
    await api.post("/api/v1/sites", json={"name": "Yard", "slug": "yard"})
    identity = f"PRICED{tenant.tenant_id}"
    await api.post("/api/v1/stations", json={"id": identity, "site": "yard"})
    whole, near = await made(browser), await made(browser, name="Yard only")
    for path, site in ((whole, ""), (near, "yard")):
        answer = await browser.post(f"{path}/assign", data={"site": site, "station": "", "evse": ""})
        assert answer.status_code == 303, words(answer)
    tried = words(await browser.get("/prices", params={"station": identity}))
    assert "Yard only , version 1 · site yard" in tried
    assert "It is for a nearer place" in tried
    refused = await browser.post(f"{near}/assign", data={"evse": "1"})
    assert (refused.status_code, "an EVSE needs its station" in refused.text) == (422, True)
    [ends] = re.findall(r"/prices/assignments/[^/]+/end", (await browser.get(near)).text)
    assert "the next assignment that fits counts" in words(await browser.post(ends))
    house.clock.advance(1)
    assert (await browser.post(ends, data={"sure": "yes"})).status_code == 303
    tried = words(await browser.get("/prices", params={"station": identity}))
    assert "Day and night , version 1 · everywhere No other assignment fits." in tried
    assert "no such station" in words(await browser.get("/prices", params={"station": "NOBODY"}))
    plan = {"name": "gold", "title": "Gold", "currency": "EUR", "month_fee": 500, "offered": True}
    await api.post("/api/v1/plans", json=plan)
    assert "the membership “Gold”, and no tariff is assigned by it" in words(await browser.get("/prices"))
    answer = await browser.post(f"{near}/assign", data={"site": "", "station": "", "evse": "", "subscription": "gold"})
    assert answer.status_code == 303, words(answer)
    assert "no tariff is assigned by it" not in words(await browser.get("/prices"))


async def test_versions_say_what_changed_and_only_the_latest_is_changed(house: House, tenant: Tenant) -> None:
    browser = await signed_in(house, tenant)
    path = await made(browser)
    read = await tag_of(browser, path)
    later = f"{house.clock.now() + timedelta(days=1):%Y-%m-%d %H:%M}"
    saved = await browser.post(f"{path}/edit", data=draft("0.65", act="save", tag=read, valid_from=later))
    assert saved.status_code == 303, words(saved)
    shown = words(await browser.get(path))
    assert "Element 1, price 1, Price: 0.59 → 0.65" in shown
    assert "Version 1 counts" in shown
    stale = await browser.post(f"{path}/edit", data=draft("0.70", act="save", tag=read))
    assert (stale.status_code, "changed the tariff meanwhile" in stale.text) == (412, True)
    fresh = await tag_of(browser, path)
    past = await browser.post(f"{path}/edit", data=draft(act="save", tag=fresh, valid_from="2020-01-01 00:00"))
    assert "a version counts from now on" in past.text
    assert "There is no way back" in words(await browser.post(f"{path}/end"))
    assert (await browser.post(f"{path}/end", data={"sure": "yes"})).status_code == 303
    assert "Change the prices" not in words(await browser.get(path))
