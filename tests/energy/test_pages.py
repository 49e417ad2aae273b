"""The pages of smart charging: a site is wired up, priced and limited there, and what is wrong stands where it is."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient, Response

from forecourt.access import Role
from forecourt.platform.database import Pool
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import signed_in
from tests.care.yard import Yard
from tests.energy.test_api import GRID, furnish, hung
from tests.energy.test_keeper import furnished
from tests.energy.test_unplanned import looks
from tests.ground import Ground
from tests.http import House, Tenant

pytestmark = pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@pytest_asyncio.fixture
async def there(ground: Ground, house: House, tenant: Tenant) -> Yard:
    """Of the organisation whose console is looked at."""
    worker = await ground.pool("forecourt_worker", 1)
    return Yard(ground.admin, worker, house.db, house.clock, tenant_id=tenant.tenant_id)


def page_of(api_path: str) -> str:
    return f"/energy/sites/{api_path.rsplit('/', 1)[1]}"


def fields(page: Response, form: str) -> list[tuple[str, str]]:
    """What a browser would send of a form: its inputs, ticked boxes and chosen options, in order."""
    body = re.search(rf'<form[^>]*action="{re.escape(form)}"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    assert body is not None, form
    found: list[tuple[str, str]] = []
    for tag in re.finditer(r"<input ([^>]*)>|<select name=\"([^\"]*)\"[^>]*>(.*?)</select>", body[1], re.DOTALL):
        if tag[2]:
            options = re.findall(r'<option(?: value="([^"]*)")?( selected)?>([^<]*)', tag[3])
            chosen = next((each for each in options if each[1]), options[0] if options else None)
            if chosen is not None:
                found.append((tag[2], chosen[0] or ("" if 'value=""' in tag[3] and not chosen[0] else chosen[2])))
            continue
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag[1]))
        if attributes.get("type") in ("radio", "checkbox") and not re.search(r"\bchecked\b", tag[1]):
            continue
        if attributes.get("type") != "file" and "name" in attributes:
            found.append((attributes["name"], attributes.get("value", "")))
    return [(name, unescape(value)) for name, value in found]


async def send(client: AsyncClient, path: str, sent: list[tuple[str, str]]) -> Response:
    from urllib.parse import urlencode

    headers = {"content-type": "application/x-www-form-urlencoded"}
    return await client.post(path, content=urlencode(sent), headers=headers)


def with_values(sent: list[tuple[str, str]], name: str, *values: str) -> list[tuple[str, str]]:
    """The same with other values of the fields of one name, in their order."""
    left = list(values)
    return [(each, left.pop(0) if each == name and left else value) for each, value in sent]


async def test_a_site_is_wired_up_by_its_form_and_faults_stand_at_their_rows(house: House, tenant: Tenant) -> None:
    owner, site, [one, two] = await furnish(house, tenant)
    browser, path = await signed_in(house, tenant), page_of(site)
    listed = (await browser.get("/energy")).text
    assert f'href="{path}"' in listed
    assert "not set up" in listed
    edit = await browser.get(f"{path}/electrics")
    assert one in edit.text
    sent = fields(edit, f"{path}/electrics")
    sent = with_values(sent, "node.name", "Grid", "Panel <1>")
    sent = with_values(sent, "node.limit_a", "63", "32,5")
    panel = next(value.removeprefix("new-") for name, value in sent if name == "node.id" and value.startswith("new-"))
    sent = with_values(sent, "evse.node", f"new-{panel}", "grid")
    sent = with_values(sent, "evse.max_a", "3", "16")
    refused = await send(browser, f"{path}/electrics", sent)
    assert refused.status_code == 422
    row = refused.text.index(f'value="{one}:1"' if one < two else f'value="{two}:1"')
    assert refused.text.rindex("its least current must not be above its most") > row
    checked = await send(browser, f"{path}/electrics/check", sent)
    assert "its least current must not be above its most" in checked.text
    assert "Panel &lt;1&gt;" in checked.text
    stored = await send(browser, f"{path}/electrics", with_values(sent, "evse.max_a", "20", "16"))
    assert (stored.status_code, stored.headers["location"]) == (303, f"{path}?done=electrics")
    tree = (await owner.get(f"{site}/electrics")).json()["electrics"]
    assert tree["nodes"] == [
        {"id": "grid", "name": "Grid", "parent": None, "limit_a": 63.0, "limit_w": None, "delta_wye": None},
        {"id": panel, "name": "Panel <1>", "parent": "grid", "limit_a": 32.5, "limit_w": None, "delta_wye": None},
    ]
    assert sorted((each["node"], each["max_a"]) for each in tree["evses"]) == sorted([(panel, 20.0), ("grid", 16.0)])
    stale = await send(browser, f"{path}/electrics", with_values(sent, "evse.max_a", "10", "10"))
    assert stale.status_code == 412
    assert "nothing was stored" in stale.text
    again = fields(await browser.get(f"{path}/electrics"), f"{path}/electrics")
    assert (await send(browser, f"{path}/electrics", again)).status_code == 303
    assert (await owner.get(f"{site}/electrics")).json()["version"] == 1, (
        "a form that is sent as it came changes nothing"
    )


async def test_all_that_is_wrong_with_a_form_is_told_at_once_and_what_was_written_is_kept(
    house: House, tenant: Tenant
) -> None:
    owner, site, _ = await furnish(house, tenant)
    assert (await owner.put(f"{site}/electrics", json={"nodes": [GRID], "evses": []})).status_code == 200
    browser, path = await signed_in(house, tenant), page_of(site)
    sent = fields(await browser.get(f"{path}/electrics"), f"{path}/electrics")
    wrong = {
        "node.limit_a": "sixty", "solar.name": "Roof", "solar.peak_kw": "many", "solar.tilt": "91",
        "battery.name": "Box", "battery.capacity_kwh": "60", "battery.reserve_kwh": "70", "battery.efficiency": "140",
        "battery.wear": "0.x",
    }  # fmt: skip
    for name, value in wrong.items():
        sent = with_values(sent, name, value)
    for answer in (
        await send(browser, f"{path}/electrics", sent),
        await send(browser, f"{path}/electrics/check", sent),
    ):
        for words in (
            "“sixty” is no number", "“many” is no number", "the tilt is from", "“0.x” is no number",
            "the efficiency is from 30", "no more can be kept in reserve than it holds",
        ):  # fmt: skip
            assert words in answer.text, words
        # What follows from a number that can't be read is nothing of its own.
        assert "the peak power must be above 0" not in answer.text
    shown = fields(await send(browser, f"{path}/electrics", sent), f"{path}/electrics")
    assert {"sixty", "many", "0.x"} <= {value for _, value in shown}
    limit = [("node", ""), ("limit_kw", "much"), ("limit_a", ""), ("from", "now"), ("to", "soon"), ("source", "")]
    refused = (await send(browser, f"{path}/limits", limit)).text
    assert "“much” is no number" in refused
    assert "times are written as" in refused
    settings = fields(await browser.get(path), f"{path}/settings")
    refused = (
        await send(browser, f"{path}/settings", with_values(with_values(settings, "unserved", "a"), "feed_in", "b"))
    ).text
    assert "“a” is no number" in refused
    assert "“b” is no number" in refused


async def test_a_sites_page_shows_what_flows_and_its_forms_store_what_they_hold(house: House, tenant: Tenant) -> None:
    owner, site, [one, _] = await furnish(house, tenant)
    body = {"nodes": [GRID, {"id": "panel", "parent": "grid", "limit_a": 20.0}], "evses": [hung(one, node="panel")]}
    assert (await owner.put(f"{site}/electrics", json=body)).status_code == 200
    with house.admin() as connection:
        connection.execute(
            "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
            " heard_at, evse, power_w, power_key) SELECT tenant_id, station_id, 'T', 0, now(), 0, now(), now(), 1,"
            " 13110, 1 FROM stations WHERE identity = %s",
            (one,),
        )
    browser, path = await signed_in(house, tenant), page_of(site)
    page = await browser.get(path)
    # 13.11 kW of three phases at 230 V are 19 A of the panel's 20, a warning, and 30 % of the grid connection.
    assert "19\N{NO-BREAK SPACE}A of 20\N{NO-BREAK SPACE}A" in page.text
    assert page.text.count('data-level="warn"') == 2, "drawn for a desk and for a telephone"
    assert "19\N{NO-BREAK SPACE}A of 20\N{NO-BREAK SPACE}A" in (await browser.get(f"{path}/electrics")).text
    assert "30\N{NO-BREAK SPACE}%" in page.text
    assert "1 EVSE of this site hangs nowhere" in page.text
    settings = fields(page, f"{path}/settings")
    solar = [("mode", "solar") if name == "mode" else (name, value) for name, value in settings]
    assert (await send(browser, f"{path}/settings", [*solar, ("enabled", "true")])).status_code == 303
    assert (await owner.get(f"{site}/smart-charging")).json()["mode"] == "solar"
    assert "Somebody else changed it meanwhile" in (await send(browser, f"{path}/settings", settings)).text
    now_stored = fields(await browser.get(path), f"{path}/settings")
    for name, value, said in (
        ("unserved", "-3", "above 0"),
        ("unserved", "abc", "“abc” is no number"),
        ("feed_in", "-7", "what may be fed in is from 0"),
        ("car_wear", "-0.07", "from 0"),
        ("fallback_a", "30", "Grid"),
        ("mode", "foo", "choose how it shall be charged"),
    ):
        wrong = await send(browser, f"{path}/settings", [*with_values(now_stored, name, value), ("enabled", "true")])
        assert (wrong.status_code, said in wrong.text) == (422, True), (name, value)
    assert (await owner.get(f"{site}/smart-charging")).json()["feed_in_limit_w"] == 0
    tariff = with_values(fields(page, f"{path}/tariff"), "weekdays", "0 0,19, 6:00 0.2871; 22 0.19")
    bad = await send(browser, f"{path}/tariff", with_values(tariff, "weekdays", "6 0.2, noon 0.3"))
    assert bad.status_code == 422
    # The fault is in sight, however far down its form is.
    assert bad.text.count('class="notice fault-list" role="alert" tabindex="-1" autofocus') == 1
    assert "“noon 0.3” is no rate" in bad.text
    assert 'value="6 0.2, noon 0.3"' in bad.text
    assert (await send(browser, f"{path}/tariff", tariff)).status_code == 303
    late = await send(browser, f"{path}/tariff", with_values(tariff, "weekdays", "0 0.55"))
    assert "Somebody else changed it meanwhile" in late.text
    assert 'value="0 0.55"' in late.text, "what was typed is not lost"
    assert "06:00 0.2871 · 22:00 0.19 EUR" in late.text, "and what is stored is seen beside it"
    again = with_values(fields(late, f"{path}/tariff"), "weekdays", "0 0.55")
    assert (await send(browser, f"{path}/tariff", again)).status_code == 303
    first = with_values(fields(await browser.get(path), f"{path}/tariff"), "weekdays", "0 0,19, 6:00 0.2871; 22 0.19")
    assert (await send(browser, f"{path}/tariff", first)).status_code == 303
    kept = (await owner.get(f"{site}/utility-tariff")).json()["seasons"][0]["weekdays"]
    assert kept == {"hours": [0, 6, 22], "prices": ["0.19", "0.2871", "0.19"]}
    begin = (house.clock.now() + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M")
    limit = [("node", ""), ("limit_kw", "10.5"), ("limit_a", ""), ("from", begin), ("to", ""), ("source", "the DSO")]
    assert (await send(browser, f"{path}/limits", limit)).status_code == 303
    assert "is no number" in (await send(browser, f"{path}/limits", with_values(limit, "limit_kw", "much"))).text
    for name, value, words in (
        ("limit_kw", "-5", "the limit is from 0 to"),
        ("limit_a", "-5", "the limit is from 0 to"),
        ("limit_kw", "1000000000", "the limit is from 0 to"),
        ("node", "attic", "the site has no such node"),
        ("from", "0001-01-01 00:00", "more than a hundred years ago"),
    ):
        wrong = await send(browser, f"{path}/limits", with_values(limit, name, value))
        assert (wrong.status_code, words in wrong.text) == (422, True), (name, value)
    past = with_values(with_values(limit, "from", "2025-01-01 10:00"), "to", "2025-01-01 12:00")
    assert "its end is over already" in (await send(browser, f"{path}/limits", past)).text
    shown = (await browser.get(path)).text
    assert "10.5\N{NO-BREAK SPACE}kW" in shown
    # The limit of the operator is tighter than the fuse, and is named as what the share is of.
    for page in (await browser.get(path), await browser.get(f"{path}/tree")):
        assert re.search(r"Of the limit of 10.5\skW by the DSO</span><b>125\s%</b>", page.text), page.text
        assert "13.1\N{NO-BREAK SPACE}kW of 10.5\N{NO-BREAK SPACE}kW" in page.text
    withdraw = re.search(r'action="([^"]*/withdraw)"', shown)
    assert withdraw is not None
    assert (await browser.post(withdraw[1])).status_code == 303
    assert "Of the limit of 63\N{NO-BREAK SPACE}A" in (await browser.get(path)).text
    unguarded = [("node.id", "grid"), ("node.name", ""), ("node.parent", ""), ("node.limit_a", "")]
    assert "so nothing protects it" in (await send(browser, f"{path}/electrics/check", unguarded)).text
    assert "so nothing protects it" not in shown
    assert (await owner.put(f"{site}/electrics", json={"nodes": [{"id": "grid"}]})).json()["unlimited"] is True
    assert "so nothing protects it" in (await browser.get(path)).text
    sheet = {"file": ("p.csv", b"utc,eur_per_mwh\n2026-03-01T00:00:00Z,50\n", "text/csv")}
    loaded = await browser.post(f"{path}/series", data={"kind": "price", "zone": "NL", "source": "x"}, files=sheet)
    assert loaded.status_code == 303, loaded.text
    assert f"{path}" in (await browser.get(f"/energy/at{path.removeprefix('/energy/sites')}")).text


async def test_a_site_says_which_prices_are_missing_or_over_and_that_it_has_no_place_for_its_roof(
    house: House, tenant: Tenant
) -> None:
    owner, site, [one, _] = await furnish(house, tenant)
    roof = {"id": "roof", "node": "grid", "peak_w": 30_000}
    await owner.put(f"{site}/electrics", json={"nodes": [GRID], "evses": [hung(one)], "solar": [roof]})
    await owner.put(f"{site}/utility-tariff", json={"currency": "EUR", "price_zone": "SE_4"})
    misspelt = await owner.put(f"{site}/utility-tariff", json={"currency": "EUR", "price_zone": "DE_LX"})
    assert misspelt.status_code == 422
    assert "nobody knows a price_zone DE_LX" in misspelt.json()["faults"][0]["detail"]
    assert "DE_LU" in misspelt.json()["faults"][0]["detail"]
    browser = await signed_in(house, tenant)
    page = (await browser.get(page_of(site))).text
    assert "There are no prices of zone SE_4 in EUR" in page
    assert "no place on the map" in page
    old = (house.clock.now() - timedelta(days=3)).isoformat()
    sheet = {"csv": f"utc,eur_per_mwh\n{old},50\n"}
    # As others spell it.
    assert (await owner.post("/api/v1/energy/prices/SE-4", json=sheet)).status_code == 200
    assert "The newest price of zone SE_4 is over since" in (await browser.get(page_of(site))).text


async def test_who_may_only_look_finds_no_form_and_reads_german(house: House, tenant: Tenant) -> None:
    owner, site, [one, _] = await furnish(house, tenant)
    await owner.put(f"{site}/electrics", json={"nodes": [GRID], "evses": [hung(one)]})
    german = await signed_in(house, tenant, language="de")
    sheet = {"file": ("p.csv", b"utc,eur_per_mwh\nnoon,50\n", "text/csv")}
    refused = await german.post(f"{page_of(site)}/series", data={"kind": "price", "zone": "NL"}, files=sheet)
    assert "Zeile 2: „noon“ ist keine Zeit" in refused.text
    nothing = [("limit_kw", ""), ("limit_a", ""), ("from", ""), ("to", ""), ("node", ""), ("source", "")]
    assert "wie viele kW" in (await send(german, f"{page_of(site)}/limits", nothing)).text
    tariff = with_values(fields(await german.get(page_of(site)), f"{page_of(site)}/tariff"), "weekdays", "0 0.2")
    wrong = await send(german, f"{page_of(site)}/tariff", with_values(tariff, "price_zone", "N L"))
    assert "enthält, was nicht geht" in wrong.text
    viewer = await signed_in(house, tenant, Role.VIEWER, language="de")
    page = await viewer.get(page_of(site))
    assert "Lademanagement" in page.text
    assert "Save" not in page.text
    for form in ("settings", "tariff", "electrics"):
        assert (await send(viewer, f"{page_of(site)}/{form}", [])).status_code == 403
    technician: Any = await signed_in(house, tenant, Role.TECHNICIAN)
    assert (await technician.get(f"{page_of(site)}/electrics")).status_code == 200
    assert (await send(technician, f"{page_of(site)}/settings", [])).status_code == 403


async def test_what_a_driver_usually_needs_is_told_at_the_page_of_their_token(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    uid = "U/1"
    made = await owner.post("/api/v1/tokens", json={"uid": uid, "type": "Central", "status": "accepted"})
    assert made.status_code == 201, made.text
    browser, path = await signed_in(house, tenant), "/energy/at-token/U%2F1"
    [number] = re.findall(r'href="/tokens/([0-9]+)"', (await browser.get("/tokens")).text)[:1]
    assert f'hx-get="{path}"' in (await browser.get(f"/tokens/{number}")).text
    blank = await browser.get(path)
    tag = re.search(r'name="tag" value="([^"]*)"', blank.text)
    assert tag is not None
    usual = {"departure": "7:30", "energy_kwh": "20,5", "minimum_kwh": "5", "within_min": "60", "priority": "high"}
    for wrong, words in (({"departure": "noon"}, "a time of day is"), ({"within_min": "1.5"}, "is no number")):
        refused = await browser.post(path, data=usual | wrong | {"tag": unescape(tag[1])})
        assert (refused.status_code, words in refused.text, 'value="20,5"' in refused.text) == (422, True, True)
    api = "/api/v1/tokens/U%2F1/charging-preferences"
    await owner.put(api, json={"battery_wh": 60_000})
    late = await browser.post(path, data=usual | {"tag": unescape(tag[1])})
    assert "Somebody else changed it meanwhile" in late.text
    assert (await browser.post(path, data=usual)).status_code == 200
    assert (await owner.get(api)).json() == {
        "departure": "07:30:00", "energy_wh": 20_500, "minimum_wh": 5_000, "minimum_within_s": 3_600,
        "priority": "high", "battery_wh": 60_000,
    }, "what the form doesn't hold stays"  # fmt: skip
    viewer = await signed_in(house, tenant, Role.VIEWER, language="de")
    assert "<form" not in (await viewer.get(path)).text
    assert (await viewer.post(path, data=usual)).status_code == 403


async def test_a_plan_that_is_old_is_told_with_its_age_and_nobody_plans_is_a_cause(
    house: House, tenant: Tenant, there: Yard
) -> None:
    yard = there
    kept, _, site = await furnished(yard)
    client = await signed_in(house, tenant)
    [row] = yard.rows("SELECT slug, name FROM sites WHERE site_id = %s", site)
    assert await looks(yard, kept, 1) == []
    assert "The plan is old" not in (await client.get(f"/energy/sites/{row['slug']}")).text
    yard.clock.advance(timedelta(minutes=12).total_seconds())
    [incident] = await looks(yard, kept, 0)
    assert (incident["severity"], incident["detail"]["cause"]) == (3, "nobody")
    page = (await client.get(f"/energy/sites/{row['slug']}")).text
    assert "The plan is old" in page
    assert "13 min ago" in page.replace("\N{NO-BREAK SPACE}", " ")
    told = (await client.get(f"/incidents/{incident['incident_id']}")).text
    assert f"{row['name']} is planned by nobody" in told
    assert "Start a planner" in told
    # A planner that holds it, and still no plan: it hangs.
    yard.rows(
        "INSERT INTO planner_leases (site_id, tenant_id, holder, until)"
        " VALUES (%s, %s, gen_random_uuid(), now() + interval '1 hour')",
        site, yard.tenant_id,
    )  # fmt: skip
    [incident] = await looks(yard, kept, 0)
    assert incident["detail"]["cause"] == "slow"
    # Nobody can know while all of it was away.
    yard.gateway(yard.clock.now())
    yard.rows("DELETE FROM incidents WHERE incident_id = %s", incident["incident_id"])
    assert await looks(yard, kept, 0) == []
