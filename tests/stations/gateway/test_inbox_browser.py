"""A stranger is adopted, and a first station is connected, in a real browser with a station that really knocks."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
import websockets
from playwright.async_api import Browser, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.browsers import NEEDS_BROWSER
from tests.conftest import Servers
from tests.looks import PHONE, breaks_no_rule_in_any_view
from tests.stations.gateway.conftest import Rig
from tests.stations.gateway.test_browser import Console, looked_at, rig
from tests.stations.gateway.test_sessions_over_sockets import boot

__all__ = ["rig"]
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *NEEDS_BROWSER,
]
OWN_PASSWORD = "the-password-it-came-with"
#: How often somebody clicks whose click does nothing, and how long they look at that before.
CLICKS, CLICK_AGAIN_MS = 10, 5_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployment(
    servers: Servers, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Console]:
    """Of the only organisation: who is a stranger to all knocks at its door."""
    async with looked_at(servers, browser, tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def console(deployment: Console) -> AsyncIterator[Console]:
    """For one test, at whose beginning nobody knocks; its pages are closed after it."""
    deployment.complaints.clear()
    deployment.rig.admin.execute("TRUNCATE knocks CASCADE")
    yield deployment
    await deployment.close()


async def knock(rig: Rig, identity: str, *protocols: str, **how: Any) -> int:
    """One try of a station that is refused: by which status."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with rig.station(identity, *protocols, **how):
            pass
    return refused.value.response.status_code


async def test_a_stranger_appears_is_adopted_with_its_password_and_comes_in(rig: Rig, console: Console) -> None:
    page = await console.page("/inbox")
    await expect(page.get_by_text("Nobody knocks.")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("data-connection", "live")
    assert await knock(rig, "NEW-7", password=OWN_PASSWORD) == 404
    stranger = page.locator('[data-knock="NEW-7"]')
    await expect(stranger).to_contain_text("from 127.0.0.1")
    await expect(stranger).to_contain_text("shows a password")
    await expect(page.get_by_role("link", name="Inbox")).to_contain_text("1")
    await breaks_no_rule_in_any_view(page)
    await stranger.get_by_role("link", name="Adopt NEW-7").click()
    form = page.locator("#adopt")
    await expect(form).to_contain_text("Make sure that it is yours")
    # Somebody else who knocks now takes nothing away from the form.
    assert await knock(rig, "<b>OTHER") == 404
    await expect(page.locator("[data-knock]")).to_have_count(2)
    await form.get_by_role("textbox", name="Name").fill("Gate 7")
    await form.get_by_text("Keep the one it uses").click()
    await breaks_no_rule_in_any_view(page)
    await form.get_by_role("button", name="Adopt").click()
    await expect(form).to_contain_text("NEW-7 is yours")
    await expect(page.locator("[data-knock]")).to_have_count(1)
    await form.get_by_role("link", name="Watch it connect").click()
    progress = page.locator("#progress")
    await expect(progress).to_have_attribute("data-stage", "waiting")
    async with rig.station("NEW-7", password=OWN_PASSWORD) as station:
        await expect(progress).to_have_attribute("data-stage", "connected")
        assert (await boot(station))["status"] == "Accepted"
        await expect(progress).to_have_attribute("data-stage", "ready")
        await progress.get_by_role("link", name="Open this station").click()
        await expect(page.get_by_role("heading", name="Gate 7", level=1)).to_be_visible()
    # The form by its own address answers where it stands, and finds the place for that.
    warned: list[str] = []
    page.on("console", lambda said: warned.append(said.text) if said.type == "warning" else None)
    await page.goto(f"{console.address}/inbox/{quote('<b>OTHER')}/adopt")
    await page.get_by_role("button", name="Adopt").click()
    await expect(page.locator("main")).to_contain_text("is yours")
    assert [each for each in warned if "hx-target" in each] == []
    assert await knock(rig, "THIRD") == 404
    await page.goto(f"{console.address}/inbox")
    nobody, dismiss = page.get_by_text("Nobody knocks."), page.get_by_role("button", name="Dismiss")
    await expect(nobody.or_(dismiss)).to_be_visible()
    # The list may be drawn anew between the two halves of a click, and the click be lost; or what it did comes late,
    # and takes the button away from under the next one.
    for _ in range(CLICKS):
        with contextlib.suppress(AssertionError, PlaywrightTimeout):
            if await dismiss.is_visible():
                await dismiss.click(timeout=CLICK_AGAIN_MS)
            await expect(nobody).to_be_visible(timeout=CLICK_AGAIN_MS)
            break
    await expect(nobody).to_be_visible()
    assert console.complaints == []


async def shown_password(page: Page) -> str:
    password = await page.locator(".entries .secret-once code").text_content()
    assert password is not None
    return password


async def test_the_guide_says_what_is_wrong_until_the_station_is_there(rig: Rig, console: Console) -> None:
    page = await console.page("/stations")
    await page.get_by_role("link", name="Connect a station").click()
    await page.get_by_label("Id", exact=True).fill("CP 1:x")
    await page.get_by_role("button", name="Register this station").click()
    await expect(page.get_by_role("alert")).to_contain_text("a colon")
    await breaks_no_rule_in_any_view(page)
    await page.get_by_label("Id", exact=True).fill("CP-1")
    await page.get_by_role("button", name="Register this station").click()
    password, progress = await shown_password(page), page.locator("#progress")
    await expect(progress).to_contain_text("Nothing has been heard of it yet.")
    await expect(page.locator(".qr svg")).to_be_visible()
    assert password not in await page.locator(".qr").inner_html()
    assert password not in page.url
    await breaks_no_rule_in_any_view(page)
    assert await knock(rig, "cp1", password=password) == 404
    near = progress.locator('[data-near="cp1"]')
    await expect(near).to_contain_text("calls itself “cp1”")
    assert await knock(rig, "CP-1", password="a-wrong-password") == 401
    await expect(progress).to_contain_text("Wrong password")
    await breaks_no_rule_in_any_view(page)
    assert await knock(rig, "CP-1", "ocpp1.5", password=password) == 400
    await expect(progress).to_contain_text("It offers: ocpp1.5.")
    async with rig.station("CP-1", password=password) as station:
        await boot(station)
        await expect(progress).to_have_attribute("data-stage", "ready")
        await expect(progress).to_contain_text("It is connected.")
        ahead = (datetime.now(UTC) + timedelta(hours=2, minutes=1)).isoformat()
        said = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": ahead}
        await station.call("StatusNotification", said)
        await expect(progress).to_contain_text("Its clock is ahead by 2")
        # What it was shown once is still there, and nowhere else.
        assert await shown_password(page) == password
        await page.goto(page.url.removesuffix("/CP-1").removesuffix("/connect") + "/connect/CP-1")
        assert password not in await page.content()
    bare = await console.page("/stations/connect", viewport=PHONE, java_script_enabled=False)
    await bare.get_by_label("Id", exact=True).fill("CP-9")
    await bare.get_by_role("button", name="Register this station").click()
    other = await shown_password(bare)
    async with rig.station("CP-9", password=other) as station:
        await boot(station)
        await bare.goto(f"{console.address}/stations/connect/CP-9")
        await expect(bare.locator("#progress")).to_contain_text("It is connected.")
    [(kept,)] = rig.rows("SELECT string_agg(t::text, '') FROM (SELECT audit::text FROM audit) t")
    assert password not in kept
    assert console.complaints == []
