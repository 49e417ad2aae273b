"""The paths of an operator's day as a person does them, in a real browser over the real application."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from forecourt.access import Role
from tests.browsers import NEEDS_BROWSER, live
from tests.conftest import Servers
from tests.console import Console, furnished
from tests.looks import breaks_no_rule_in_any_view
from tests.receiver import receiving, signature

SPACE = "\N{NO-BREAK SPACE}"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *NEEDS_BROWSER,
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployment(servers: Servers, browser: Browser) -> AsyncIterator[Console]:
    async for made in furnished(servers, browser):
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def complaints(deployment: Console) -> AsyncIterator[list[str]]:
    """Of one test, whose pages are closed after it."""
    yield deployment.complaints
    await deployment.close_pages()


def at(minutes: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def values(power_w: int, register_wh: int, minutes: float = 0) -> dict[str, Any]:
    sampled = [
        {"value": str(power_w), "measurand": "Power.Active.Import", "unit": "W"},
        {"value": str(register_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "41", "measurand": "SoC", "unit": "Percent"},
    ]
    return {"timestamp": at(minutes), "sampledValue": sampled}


async def test_a_running_session_is_found_followed_and_stopped_in_four_clicks(
    deployment: Console, complaints: list[str]
) -> None:
    rig = deployment.rig
    await rig.register("LIVE-1")
    rig.token("04A2B1")
    async with rig.station("LIVE-1") as station:
        started = {"connectorId": 1, "idTag": "04A2B1", "meterStart": 1_000, "timestamp": at(-2)}
        transaction = (await station.call("StartTransaction", started))["transactionId"]
        page = await deployment.page("/")
        await page.get_by_role("list", name="All stations now").get_by_role("link", name="Sessions now").click()
        await page.wait_for_url("**/sessions?status=active")
        await live(page)
        row = page.locator("tr[data-running]", has_text="LIVE-1")
        await expect(row.locator(".status [data-word]")).to_have_text("Charging")
        measured = {"connectorId": 1, "transactionId": transaction}
        await station.call("MeterValues", {**measured, "meterValue": [values(7_250, 1_100)]})
        await expect(row.locator("td.power [data-live]")).to_have_text(f"7.3{SPACE}kW")
        await expect(row.locator("td.energy > [data-live]")).to_have_text(f"0.10{SPACE}kWh")

        await row.locator("[data-row-link]").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("LIVE-1")
        await live(page)
        await page.locator(".curve canvas").wait_for()
        await station.call("MeterValues", {**measured, "meterValue": [values(11_040, 2_345)]})
        await expect(page.locator(".facts.big")).to_contain_text(f"11.0{SPACE}kW")
        await expect(page.locator(".facts.big")).to_contain_text(f"1.35{SPACE}kWh")
        await expect(page.locator(".facts.big")).to_contain_text(f"41{SPACE}%")

        await page.get_by_role("button", name="Stop session").first.click()
        ask = page.get_by_role("dialog", name="Stop this session?")
        await expect(ask).to_contain_text("The car gets no more energy")
        # The browser waits for the station's answer with it.
        clicked = asyncio.create_task(ask.get_by_role("button", name="Stop session").click())
        frame = await station.next_ask()
        assert (frame[2], frame[3]) == ("RemoteStopTransaction", {"transactionId": transaction})
        await station.link.send(f'[3,"{frame[1]}",{{"status":"Accepted"}}]')
        await clicked
        await expect(page.get_by_role("status").first).to_contain_text("The station accepted the stop")
        await live(page)
        ended = {"transactionId": transaction, "meterStop": 2_400, "timestamp": at(), "reason": "Remote"}
        await station.call("StopTransaction", ended)
        await expect(page.locator(".head .state [data-word]")).to_have_text("Ended")
        await expect(page.locator(".cdr")).to_contain_text(f"1.40{SPACE}kWh")
        story = page.locator(".story")
        await expect(story).to_contain_text("asked to stop charging")
        await expect(story).to_contain_text("The session ended: stopped from afar")
        await expect(page.get_by_role("button", name="Stop session")).to_have_count(0)
    assert complaints == []


async def test_a_stop_that_can_not_be_sent_says_so_and_a_viewer_is_not_offered_one(
    deployment: Console, complaints: list[str]
) -> None:
    rig = deployment.rig
    await rig.register("GONE-1")
    async with rig.station("GONE-1") as station:
        await station.call(
            "StartTransaction", {"connectorId": 1, "idTag": "nobodys", "meterStart": 0, "timestamp": at()}
        )
    page = await deployment.page("/sessions?station=GONE-1")
    await page.locator("[data-row-link]").click()
    await expect(page.locator(".story")).to_contain_text("The token may not charge.")
    await page.get_by_role("button", name="Stop session").first.click()
    await page.get_by_role("dialog").get_by_role("button", name="Stop session").click()
    await expect(page.locator(".notice")).to_contain_text("The station is not connected, so nothing was sent.")
    onlooker = await deployment.page(page.url.removeprefix(deployment.address).partition("?")[0], role=Role.VIEWER)
    await expect(onlooker.get_by_role("heading", level=1)).to_contain_text("GONE-1")
    await expect(onlooker.get_by_role("button", name="Stop session")).to_have_count(0)
    assert complaints == []


async def test_an_outside_service_is_set_up_tried_out_and_given_up(deployment: Console, complaints: list[str]) -> None:
    async with receiving() as service:
        page = await deployment.page("/settings")
        await page.get_by_role("link", name="Outside authorisation").click()
        await page.get_by_label("Address").fill(service.url)
        await page.get_by_label("Deadline").fill("50")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("main")).to_contain_text("Deadline must be a number of milliseconds")
        await page.get_by_label("Deadline").fill("900")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("The secret of the outside authorisation")
        secret = await page.locator(".secret").inner_text()
        assert secret.startswith("whsec_")
        await page.get_by_role("link", name="I have kept it").click()
        await expect(page.locator("main")).not_to_contain_text(secret)

        service.status, service.body = 200, b'{"status": "no_credit", "group": "FLEET-7"}'
        await page.get_by_role("textbox", name="Token").fill("04AB")
        await page.get_by_role("button", name="Ask now").click()
        answer = page.locator(".answer")
        await expect(answer).to_contain_text("No credit")
        await expect(answer).to_contain_text("group FLEET-7")
        await expect(answer).to_contain_text("ms, of 900 ms at the most")
        headers, body = service.got[-1]
        assert headers["webhook-signature"].split()[0] == signature(secret, headers, body)
        service.status = 500
        await page.get_by_role("button", name="Ask now").click()
        await expect(answer).to_contain_text("it answered with status 500 and not 200")
        await breaks_no_rule_in_any_view(page)
        await page.get_by_role("button", name="Decide here again …").click()
        await page.get_by_role("dialog").get_by_role("button", name="Decide here again").click()
        await expect(page.get_by_role("status").first).to_have_text("Tokens are decided here again.")
        await expect(page.locator(".head")).to_contain_text("Not set up")
    assert complaints == []


async def test_sites_are_parted_moved_and_given_a_host_in_place(deployment: Console, complaints: list[str]) -> None:
    api = await deployment.tenant.client()
    await api.post("/api/v1/sites", json={"name": "Region East", "slug": "region-east"})
    await api.post("/api/v1/sites", json={"name": "Lakeside", "slug": "lakeside"})
    await api.post("/api/v1/stations", json={"id": "LAKE-1", "site": "lakeside"})
    page = await deployment.page("/sites/lakeside")
    await page.get_by_role("button", name="Move", exact=True).click()
    ask = page.get_by_role("dialog", name="Move this site?")
    await expect(ask).to_contain_text("What is part of it moves along.")
    await ask.get_by_label("Part of").select_option("Region East")
    await ask.get_by_role("button", name="Move site").click()
    await expect(page.get_by_role("status").first).to_have_text("Moved, with all that is part of it.")
    await page.locator(".crumbs").get_by_role("link", name="Region East").click()
    await expect(page.get_by_role("table", name="Parts")).to_contain_text("Lakeside")
    await expect(page.get_by_role("table", name="Parts")).to_contain_text("1 station")
    await page.get_by_role("link", name="Invite a host").click()
    await expect(page.get_by_label("Site host")).to_be_checked()
    await expect(page.get_by_label("Region East")).to_be_checked()
    await page.get_by_label("E-mail address").fill("host@example.org")
    await page.get_by_role("button", name="Send the invitation").click()
    await page.goto(f"{deployment.address}/sites/lakeside")
    await expect(page.get_by_role("region", name="Hosts and others of this site")).to_contain_text("host@example.org")
    await page.goto(f"{deployment.address}/sites")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Region East"))
    await expect(row).to_contain_text("1 station · 0 here")
    await expect(row).to_contain_text("1 Offline")
    await page.get_by_label("Search").fill("lakes")
    await expect(page.locator("#sites [data-row]")).to_have_count(2)
    assert complaints == []


async def test_a_sheet_with_two_bad_lines_is_understood_mended_and_imported(
    deployment: Console, complaints: list[str]
) -> None:
    sheet = "uid;status;expires_at;driver_name\n77A1;accepted;;Ada\n77A2;alowed;;Bob\n77A3;blocked;31.12.2030;Eve\n"
    page = await deployment.page("/tokens")
    await page.get_by_role("link", name="Import CSV").first.click()
    await page.get_by_label("CSV file").set_input_files(
        {"name": "cards.csv", "mimeType": "text/csv", "buffer": sheet.encode()}
    )
    await page.get_by_role("button", name="Look at it").click()
    await expect(page.locator("main")).to_contain_text("Nothing is stored yet.")
    mend = page.get_by_role("region", name="To mend").get_by_role("row")
    await expect(mend.filter(has_text="77A2")).to_contain_text(
        "status “alowed” must be one of accepted, blocked, expired, invalid, no_credit"
    )
    await expect(mend.filter(has_text="77A3")).to_contain_text(
        "expires_at “31.12.2030” must be a day such as 2030-12-31"
    )
    await expect(mend.filter(has_text="77A2").locator(".line")).to_contain_text("3")
    await page.get_by_role("button", name="Import 1 good line").click()
    await expect(page.locator("main")).to_contain_text("2 lines were left out")

    await page.get_by_role("link", name="Another file").click()
    mended = sheet.replace("alowed", "accepted").replace("31.12.2030", "2030-12-31")
    await page.get_by_label("or paste its lines").fill(mended)
    await page.get_by_role("button", name="Look at it").click()
    await expect(page.locator("main")).to_contain_text("2 will be created, 0 will change, 1 stays as it is")
    await page.get_by_role("button", name="Import 2 lines").click()
    await expect(page.locator("main")).to_contain_text("2 created, 0 changed, 1 was so already")
    await page.get_by_role("link", name="Back to the list").first.click()
    await page.get_by_label("Search").fill("eve")
    await expect(page.locator("#tokens [data-row]")).to_have_count(1)
    await expect(page.locator("#tokens [data-row]")).to_contain_text("Blocked")
    assert complaints == []


async def test_a_token_is_registered_from_the_session_it_was_refused_in_and_blocked_again(
    deployment: Console, complaints: list[str]
) -> None:
    rig = deployment.rig
    await rig.register("CARD-1")
    async with rig.station("CARD-1") as station:
        await station.call(
            "StartTransaction", {"connectorId": 1, "idTag": "NEWCARD/1", "meterStart": 0, "timestamp": at()}
        )
    page = await deployment.page("/sessions?station=CARD-1")
    await page.get_by_role("link", name="NEWCARD/1").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Token NEWCARD/1 is not registered")
    await expect(page.locator(".rows.sessions")).to_contain_text("CARD-1")
    await page.get_by_role("link", name="Register it").click()
    await page.get_by_label("Expires").fill("soon")
    await page.get_by_role("button", name="Store").click()
    await expect(page.locator("main")).to_contain_text("Expires must be a day such as 2030-12-31")
    await page.get_by_label("Expires").fill("")
    await page.get_by_label("Driver").fill("Katherine Johnson")
    await page.get_by_role("button", name="Store").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Katherine Johnson")
    await expect(page.locator(".rows.sessions")).to_contain_text("CARD-1")
    await page.get_by_role("button", name="Block", exact=True).click()
    ask = page.get_by_role("dialog", name="Block this token?")
    await expect(ask).to_contain_text("a session that runs with it goes on")
    await ask.get_by_role("button", name="Block token").click()
    await expect(page.locator(".head .state")).to_have_text("Blocked")
    assert complaints == []


async def test_a_site_is_made_by_a_click_on_the_map_and_deleted(deployment: Console, complaints: list[str]) -> None:
    page = await deployment.page("/sites/new")
    await page.get_by_label("Name", exact=True).fill("Harbour")
    await page.get_by_label("Time zone").fill("Europe/Nowhere")
    await page.locator("#place canvas").wait_for()
    await page.locator("#place").click(position={"x": 200, "y": 150})
    await expect(page.get_by_label("Latitude")).not_to_have_value("")
    await page.get_by_role("button", name="Store").click()
    await expect(page.locator("main")).to_contain_text("Time zone must be a name of the IANA database")
    await expect(page.get_by_label("Latitude")).not_to_have_value("")
    await page.get_by_label("Time zone").fill("Europe/Oslo")
    await page.get_by_role("button", name="Store").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Harbour")
    await expect(page.locator("main")).to_contain_text("Europe/Oslo")
    await page.get_by_role("button", name="Delete").first.click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete site").click()
    await expect(page.get_by_role("status").first).to_have_text("Deleted.")
    assert complaints == []


PAGES = (
    "/nothing-here",
    "/sessions",
    "/sites",
    "/sites/north-yard",
    "/sites/new",
    "/tokens",
    "/tokens/new",
    "/tokens/import",
    "/search?q=n",
)


async def test_an_account_at_a_provider_is_added_and_switched_off(deployment: Console, complaints: list[str]) -> None:
    page = await deployment.page("/payments")
    await page.get_by_role("link", name="Accounts", exact=True).click()
    await page.get_by_role("radio", name="Adyen").check()
    await page.get_by_label("Name").fill("adyen-main")
    await page.get_by_label("Secret key; at Adyen the API key").fill("AQEtest1234")
    await page.get_by_label("Secret of the webhook; at Adyen the HMAC key").fill("ab" * 32)
    add = page.get_by_role("button", name="Add the account")
    await add.click()
    # What isn't secret is still there, and the fault is said.
    await expect(page.get_by_role("alert")).to_contain_text("merchant account")
    await expect(page.get_by_label("Name")).to_have_value("adyen-main")
    await expect(page.get_by_role("radio", name="Adyen")).to_be_checked()
    await page.get_by_label("Merchant account").fill("ForecourtECOM")
    await page.get_by_label("Secret key; at Adyen the API key").fill("AQEtest1234")
    await page.get_by_label("Secret of the webhook; at Adyen the HMAC key").fill("ab" * 32)
    await add.click()
    row = page.get_by_role("row", name="adyen-main")
    await expect(row).to_contain_text("Go here")
    await expect(row).to_contain_text("/hooks/payments/")
    await breaks_no_rule_in_any_view(page)
    await row.get_by_role("button", name="Switch off adyen-main").click()
    await expect(row).to_contain_text("Switched off")
    assert complaints == []


async def test_no_page_breaks_a_rule_of_wcag_or_of_the_policy_or_sticks_out(
    deployment: Console, complaints: list[str]
) -> None:
    rig = deployment.rig
    await rig.register("RULE-1")
    ((station_id,),) = rig.rows(
        "UPDATE stations SET site_id = (SELECT site_id FROM sites WHERE slug = 'north-yard')"
        " WHERE identity = 'RULE-1' RETURNING station_id"
    )
    api = await deployment.tenant.client()
    placed = await api.patch("/api/v1/sites/north-yard", json={"latitude": 52.5, "longitude": 13.4})
    assert placed.status_code == 200
    rig.token("RULECARD")
    async with rig.station("RULE-1") as station:
        started = {"connectorId": 1, "idTag": "RULECARD", "meterStart": 0, "timestamp": at()}
        transaction = (await station.call("StartTransaction", started))["transactionId"]
        await station.call(
            "MeterValues", {"connectorId": 1, "transactionId": transaction, "meterValue": [values(3_000, 20)]}
        )
        page = await deployment.page("/sessions")
        ((running,),) = rig.rows(
            "SELECT session_id::text FROM sessions WHERE station_id = %s AND over_at IS NULL"
            " ORDER BY number DESC LIMIT 1",
            station_id,
        )
        ((token,),) = rig.rows("SELECT number FROM tokens WHERE uid = 'RULECARD'")
        for path in (*PAGES, f"/sessions/{running}", f"/tokens/{token}"):
            await page.goto(deployment.address + path)
            await page.wait_for_load_state("networkidle") if path == "/tokens/import" else None
            await breaks_no_rule_in_any_view(page)
        await page.keyboard.press("Control+k")
        await expect(page.locator("#palette-found").get_by_role("option").first).to_be_visible()
        await breaks_no_rule_in_any_view(page)
        await station.call("StopTransaction", {"transactionId": transaction, "meterStop": 30, "timestamp": at()})
        await page.goto(f"{deployment.address}/sessions/{running}")
        await breaks_no_rule_in_any_view(page)
    assert complaints == []
