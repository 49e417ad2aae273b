"""The palette as a person at the keyboard uses it, in a real browser over the real application: what it finds, and what
Enter means while an answer is still on its way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, Page, Route, expect

from forecourt.access import Role
from tests.browsers import NEEDS_BROWSER
from tests.conftest import Servers
from tests.console import Console, furnished

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


async def find(page: Page, text: str) -> Page:
    """Ctrl-K, a text, Enter; the keyboard alone."""
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox", name="Find anything")).to_be_focused()
    await page.keyboard.type(text)
    return page


async def holding(page: Page, text: str) -> asyncio.Queue[Route]:
    """Answers to this text wait here until the test lets them go."""
    answers: asyncio.Queue[Route] = asyncio.Queue()
    await page.route(f"**/search?part=true&q={text}", answers.put)
    return answers


async def entered(deployment: Console, key: str) -> tuple[Page, Route]:
    """A page where "north" and this key were pressed, and the answer that has not come yet."""
    page = await deployment.page("/tokens")
    await find(page, "")
    await expect(page.locator("#palette-found")).to_have_attribute("data-for", "")
    answers = await holding(page, "north")
    await page.keyboard.type("north")
    await answers.get()
    # Enter asks at once, and gives up what was asked before.
    await page.keyboard.press(key)
    return page, await answers.get()


async def test_anything_is_found_by_the_keyboard_alone(deployment: Console, complaints: list[str]) -> None:
    api = await deployment.tenant.client()
    await api.post("/api/v1/stations", json={"id": "WEST%42", "name": "Ramp seven", "site": "north-yard"})
    await api.post("/api/v1/tokens", json={"uid": "DEADBEEF01", "type": "ISO14443", "status": "accepted"})
    await api.patch("/api/v1/tokens/DEADBEEF01", json={"driver_name": "Grace Hopper"})
    page = await deployment.page("/tokens")
    found = page.locator("#palette-found")
    for text, kind, title in (
        ("mp sev", "Stations", "Ramp seven"),
        ("t%4", "Stations", "Ramp seven"),
        ("north", "Sites", "North yard"),
        ("hopp", "Tokens", "DEADBEEF01"),
        ("import st", "Pages and commands", "Import stations from CSV"),
    ):
        await find(page, text)
        await expect(found.get_by_role("group", name=kind)).to_contain_text(title)
        await page.keyboard.press("Escape")
        await expect(page.locator("#palette")).to_be_hidden()
    await find(page, "north ya")
    await expect(found.get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="North yard")).to_be_visible()
    await find(page, "no such thing at all")
    await expect(found).to_contain_text("Nothing is called “no such thing at all”.")
    assert complaints == []


async def test_people_keys_and_what_can_be_begun_are_found_by_those_who_may_see_them(
    deployment: Console, complaints: list[str]
) -> None:
    api = await deployment.tenant.client()
    await api.post("/api/v1/keys", json={"name": "Grid balancer", "role": "viewer"})
    url = "https://example.com/grid"
    await api.post("/api/v1/webhooks", json={"url": url, "description": "Grid archive", "events": ["session.ended"]})
    page = await deployment.page("/tokens")
    found = page.locator("#palette-found")
    for text, kind, title in (
        ("grid b", "API keys", "Grid balancer"),
        ("grid a", "Webhooks", "Grid archive"),
        ("example.org", "People", "Someone"),
        ("invite", "Pages and commands", "Invite a person"),
        ("connect a", "Pages and commands", "Connect a station"),
    ):
        await find(page, text)
        await expect(found.get_by_role("group", name=kind)).to_contain_text(title)
        await page.keyboard.press("Escape")
    await find(page, "invite a")
    await expect(found.get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="Invite somebody")).to_be_visible()
    onlooker = await deployment.page("/tokens", role=Role.VIEWER)
    for text in ("grid", "example.org", "invite", "connect a", "make"):
        await find(onlooker, text)
        await expect(onlooker.locator("#palette-found")).to_contain_text(f"Nothing is called “{text}”.")
        await onlooker.keyboard.press("Escape")
    assert complaints == []


async def test_a_session_is_found_by_the_beginning_of_its_id_and_arrows_choose_among_several(
    deployment: Console, complaints: list[str]
) -> None:
    rig = deployment.rig
    await rig.register("FIND-1")
    async with rig.station("FIND-1") as station:
        started = {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": datetime.now(UTC).isoformat()}
        await station.call("StartTransaction", started)
    ((session_id,),) = rig.rows(
        "SELECT session_id::text FROM sessions JOIN stations USING (station_id) WHERE identity = 'FIND-1'"
    )
    page = await deployment.page("/sites")
    await find(page, session_id[:9])
    await expect(page.locator("#palette-found").get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/sessions/{session_id}")
    await find(page, "s")
    await expect(page.locator("#palette-found")).to_have_attribute("data-for", "s")
    options = page.locator("#palette-found").get_by_role("option")
    await expect(options.first).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("ArrowDown")
    await expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowUp")
    await expect(options.last).to_have_attribute("aria-selected", "true")
    assert complaints == []


async def test_what_was_chosen_before_the_answer_came_stays_chosen(deployment: Console, complaints: list[str]) -> None:
    page = await deployment.page("/tokens")
    found = page.locator("#palette-found")
    await find(page, "")
    await expect(found).to_have_attribute("data-for", "")
    answers = await holding(page, "s")
    await page.keyboard.type("s")
    held = await answers.get()
    chosen = found.locator("[aria-selected=true]")
    # Neither the first of what is listed now nor of what will be.
    address = "/sessions"
    for _ in range(await found.get_by_role("option").count()):
        if await chosen.get_attribute("href") != address:
            await page.keyboard.press("ArrowDown")
    await expect(chosen).to_have_attribute("href", address)
    await held.continue_()
    await expect(found).to_have_attribute("data-for", "s")
    await expect(chosen).to_have_count(1)
    await expect(chosen).to_have_attribute("href", address)
    assert await found.get_by_role("option").first.get_attribute("href") != address, "the first would be chosen anyway"
    assert complaints == []


async def test_enter_before_the_answer_goes_to_what_was_typed(deployment: Console, complaints: list[str]) -> None:
    page, held = await entered(deployment, "Enter")
    await held.continue_()
    await page.wait_for_url("**/sites/north-yard")
    assert complaints == []


async def test_an_enter_is_forgotten_when_the_palette_closes(deployment: Console, complaints: list[str]) -> None:
    page, held = await entered(deployment, "Enter")
    async with page.expect_event("requestfailed") as given_up:
        await page.keyboard.press("Escape")
    assert (await given_up.value).url.endswith("q=north")
    with contextlib.suppress(Error):  # the browser no longer waits for it
        await held.continue_()
    await page.evaluate("fetch('/search?part=true&q=lot').then((answer) => answer.text())")
    assert page.url == f"{deployment.address}/tokens"
    await find(page, "empty")
    await expect(page.locator("#palette-found")).to_have_attribute("data-for", "empty")
    await expect(page.locator("#palette")).to_be_visible()
    assert complaints == []


async def test_what_waits_to_be_asked_is_not_asked_once_the_palette_is_closed(
    deployment: Console, complaints: list[str]
) -> None:
    page = await deployment.page("/tokens")
    await find(page, "")
    await expect(page.locator("#palette-found")).to_have_attribute("data-for", "")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/search" in request.url else None)
    # In one turn of the page, so that no time passes between the letter and the end.
    await page.evaluate(
        "() => { const input = document.querySelector('#palette input'); input.value = 'north';"
        " input.dispatchEvent(new Event('input')); document.getElementById('palette').close();"
        " return new Promise((done) => setTimeout(done, 100)); }"
    )
    assert asked == []
    assert complaints == []


async def test_an_enter_is_forgotten_when_more_is_typed(deployment: Console, complaints: list[str]) -> None:
    page, _held = await entered(deployment, "Enter")
    await page.keyboard.type(" ya")
    await expect(page.locator("#palette-found")).to_have_attribute("data-for", "north ya")
    await expect(page.locator("#palette")).to_be_visible()
    assert page.url == f"{deployment.address}/tokens"
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/sites/north-yard")
    assert complaints == []


@pytest.mark.parametrize("answer", ["refused", "none"])
async def test_an_enter_that_got_no_answer_is_forgotten(
    deployment: Console, complaints: list[str], answer: str
) -> None:
    page, held = await entered(deployment, "Enter")
    async with page.expect_event("response" if answer == "refused" else "requestfailed"):
        await (held.fulfill(status=503) if answer == "refused" else held.abort())
    await page.keyboard.type(" ya")
    await expect(page.locator("#palette-found")).to_have_attribute("data-for", "north ya")
    await expect(page.locator("#palette")).to_be_visible()
    assert page.url == f"{deployment.address}/tokens"
    assert all("Failed to" in said for said in complaints), complaints


async def test_an_enter_with_ctrl_opens_a_page_of_its_own_before_the_answer_as_after_it(
    deployment: Console, complaints: list[str]
) -> None:
    page, held = await entered(deployment, "Control+Enter")
    for early in (True, False):
        async with page.context.expect_page() as opened:
            await (held.continue_() if early else page.keyboard.press("Control+Enter"))
        await (await opened.value).wait_for_url("**/sites/north-yard")
        assert page.url == f"{deployment.address}/tokens"
        await page.bring_to_front()
        await page.unroute("**/search?part=true&q=north")
        await find(page, "north")
        await expect(page.locator("#palette-found")).to_have_attribute("data-for", "north")
    assert complaints == []


async def test_an_enter_that_ends_a_word_of_an_input_method_goes_nowhere(
    deployment: Console, complaints: list[str]
) -> None:
    page = await deployment.page("/tokens")
    await find(page, "north ya")
    await expect(page.locator("#palette-found")).to_have_attribute("data-for", "north ya")
    handled = await page.get_by_role("combobox", name="Find anything").evaluate(
        "(input) => !input.dispatchEvent(new KeyboardEvent('keydown',"
        " { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))"
    )
    assert not handled
    await expect(page.locator("#palette")).to_be_visible()
    assert page.url == f"{deployment.address}/tokens"
    assert complaints == []


async def test_the_palette_speaks_german_and_knows_pages_by_their_words_in_both_languages(
    deployment: Console, complaints: list[str]
) -> None:
    page = await deployment.page("/tokens", language="de-DE")
    for text in ("ladevorg", "sessions"):
        await page.keyboard.press("Control+k")
        await expect(page.get_by_role("combobox", name="Alles finden")).to_be_focused()
        await page.keyboard.type(text)
        await expect(page.get_by_role("group", name="Seiten und Befehle")).to_contain_text("Ladevorgänge")
        await page.keyboard.press("Escape")
    await page.locator("h1").click()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Tasten")).to_contain_text("In dieser Liste suchen")
    assert complaints == []
