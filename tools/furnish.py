"""Fills the demo with what its stations don't bring, as an operator would: people, keys, webhooks, rules, a bulk run.

All by the API and the pages themselves. What comes back says of each way of being signed in: with which cookies, where
it begins, and which of its pages no link leads to.
"""

import asyncio
import contextlib
import re
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import msgspec
import pyotp
import websockets
from playwright.async_api import Browser, BrowserContext

from tools.demo_api import WAIT_S, State, get, letter, post, put
from tools.furnish_driver import driver_state

#: Cars charging before pictures are taken: the demo lets them come within seconds.
BUSY = 15
#: The site that the demo charges smartly, and how many cars have to be gone before it is told what that saves.
SMART, GONE = "/sites/riverside-offices", 2
SAVED_WAIT_S = 2_400.0
PASSWORD = "four words of a demo"
STRANGER = "GATE-7"
TECHNICIAN, NEWCOMER = "tina@forecourt.example", "noor@forecourt.example"
#: A telephone that keeps passkeys, as Chromium plays it.
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


async def furnish(browser: Browser, base: str, folder: Path) -> dict[str, State]:
    """Furnish the demo that runs in a folder; the states by name, the more special before the more general."""
    kept = msgspec.json.decode((folder / "demo.json").read_bytes())
    headers = {"Authorization": f"Bearer {kept['api_key']}"}
    address = _receiver()
    async with httpx.AsyncClient(base_url=f"{base}/api/v1", headers=headers, timeout=30) as api:
        await _until_busy(api)
        more = await _by_api(api, address, kept["email"])
        await _knock(api, (folder / "up.output").read_text())
        driver = await driver_state(browser, base, folder, api)
    tina = await letter(folder, TECHNICIAN)
    halfway = await _halfway(browser, base, tina)
    invited = await browser.new_context()
    await (await invited.new_page()).goto(await letter(folder, NEWCOMER))
    owner = await _owner(browser, base, kept["email"], kept["password"])
    more = [*await _by_forms(owner, base, more[0], address), *more]
    stranger = await browser.new_context()
    return {
        "owner": State(storage=await owner.storage_state(), start="/", more=tuple(more)),
        "halfway": State(
            storage=await halfway.storage_state(), start="/sign-in/second-factor", routes=("/sign-in/second-factor",)
        ),
        "invited": State(storage=await invited.storage_state(), start="/invitation", routes=("/invitation",)),
        "driver": driver,
        "stranger": State(storage=await stranger.storage_state(), start="/sign-in"),
    }


async def _until_busy(api: httpx.AsyncClient) -> None:
    async with asyncio.timeout(WAIT_S):
        while len((await get(api, "/sessions?status=active&limit=50"))["items"]) < BUSY:
            await asyncio.sleep(1)


async def _knock(api: httpx.AsyncClient, output: str) -> None:
    """A station that nobody registered wants to come in, at the address that the demo printed."""
    found = re.search(r"ws://\S+/ocpp", output)
    assert found is not None, output
    with contextlib.suppress(websockets.InvalidStatus):
        async with websockets.connect(f"{found[0]}/{STRANGER}", subprotocols=[websockets.Subprotocol("ocpp1.6")]):
            pass
    async with asyncio.timeout(WAIT_S):
        while not (await get(api, "/inbox"))["items"]:
            await asyncio.sleep(0.5)


async def _by_api(api: httpx.AsyncClient, receiver: str, owner: str) -> list[str]:
    """What the API can make; pages of it that no link leads to."""
    for name, role in (("Grid app", "viewer"), ("Parking gate", "operator")):
        await post(api, "/keys", {"name": name, "role": role})
    for address, role in ((TECHNICIAN, "technician"), (NEWCOMER, "support")):
        await post(api, "/invitations", {"email": address, "role": role})
    await post(api, "/alert-rules", {"name": "Night shift", "recipients": [owner]})
    events = ["session.started", "session.ended", "incident.opened"]
    made = await post(api, "/webhooks", {"url": receiver, "events": events, "description": "Accounting"})
    webhook = made["webhook"]["id"]
    await post(api, f"/webhooks/{webhook}/test", None)
    await _wire(api, "/sites/stadium-park")
    planned = await _planned_session(api)
    station = await _busy_station(api)
    running = (await get(api, "/sessions?status=active&limit=50"))["items"]
    session = next(each for each in running if each["id"] != planned)
    await post(api, f"/sessions/{session['id']}/stop", None)
    async with asyncio.timeout(WAIT_S):
        while not (deliveries := (await get(api, f"/webhooks/{webhook}/deliveries"))["items"]):
            await asyncio.sleep(0.5)
        while not (await get(api, "/incidents"))["items"]:
            await asyncio.sleep(0.5)
    return [station, f"/webhooks/{webhook}/deliveries/{deliveries[0]['id']}", f"/sessions/{planned}"]


async def _wire(api: httpx.AsyncClient, site: str) -> None:
    """Two panels below a grid connection, on which the EVSEs of a site hang by turns, and a building beside them."""
    evses = (await get(api, f"{site}/electrics"))["unhung"]
    panels = ("north", "south")
    tree = {
        "nodes": [
            {"id": "grid", "name": "Grid connection", "limit_a": 250},
            *({"id": name, "name": f"Panel {name}", "parent": "grid", "limit_a": 160} for name in panels),
        ],
        "evses": [{**evse, "node": panels[number % 2], "max_a": 32} for number, evse in enumerate(evses)],
        "loads": [{"id": "hall", "name": "Hall", "node": "grid", "most_w": 20_000}],
    }
    rates = {"hours": [0, 6, 22], "prices": ["0.19", "0.2871", "0.19"]}
    await put(api, f"{site}/electrics", tree)
    await put(api, f"{site}/utility-tariff", {"currency": "EUR", "seasons": [{"weekdays": rates}]})
    await put(api, f"{site}/smart-charging", {"mode": "cheapest", "enabled": True})
    await post(api, f"{site}/load", {"readings": [{"power_w": 12_400}]})
    await post(api, f"{site}/limits", {"source": "grid operator", "id": "1", "limit_w": 90_000})


async def _planned_session(api: httpx.AsyncClient) -> str:
    """A session at the site that the demo itself wires, of which the planner knows what its driver said; its grid
    operator says that less is to be had in the evening."""
    evening = (datetime.now(UTC) + timedelta(days=1)).replace(hour=16, minute=0, second=0, microsecond=0)
    until = evening + timedelta(hours=3)
    times = {"from": evening.isoformat(), "to": until.isoformat()}
    async with asyncio.timeout(WAIT_S):
        while not (await get(api, f"{SMART}/electrics"))["version"]:
            await asyncio.sleep(1)
        await post(api, f"{SMART}/limits", {"source": "grid operator", "id": "2", "limit_w": 35_000, **times})
        while True:
            for session in (await get(api, f"/sessions?status=active&site={SMART.rpartition('/')[2]}"))["items"]:
                told = await api.get(f"/sessions/{session['id']}/charging")
                car = None if told.is_error else told.json()["car"]
                if car and car["limit_ma"] and car["stay"]["leaves_by"]:
                    return str(session["id"])
            await asyncio.sleep(1)


async def saved(base: str, folder: Path) -> None:
    """Until some of the first ones are gone from the site that is charged smartly: before that nothing can be saved."""
    kept = msgspec.json.decode((folder / "demo.json").read_bytes())
    headers = {"Authorization": f"Bearer {kept['api_key']}"}
    async with (
        httpx.AsyncClient(base_url=f"{base}/api/v1", headers=headers, timeout=30) as api,
        asyncio.timeout(SAVED_WAIT_S),
    ):
        while (await get(api, f"{SMART}/savings"))["sessions"] < GONE:
            await asyncio.sleep(5)


async def _busy_station(api: httpx.AsyncClient) -> str:
    """The page of a station of OCPP 1.6 that charges: it answers with all of its configuration at once."""
    for session in (await get(api, "/sessions?status=active&limit=50"))["items"]:
        station = await get(api, f"/stations/{session['station']}")
        if station["connected"] and station["protocol"] == "ocpp1.6":
            return f"/stations/{session['station']}"
    raise RuntimeError("No station of OCPP 1.6 charges.")


async def _halfway(browser: Browser, base: str, link: str) -> BrowserContext:
    """Somebody who joined, set up an authenticator app, and has given their password alone."""
    context = await browser.new_context(base_url=base)
    page = await context.new_page()
    await page.goto(link)
    await page.fill("[name=name]", "Tina Tester")
    await page.fill("[name=password]", PASSWORD)
    await page.click("main button[type=submit]")
    await page.locator("nav.nav").wait_for()
    await page.goto("/account/authenticator")
    seed = await page.locator("[data-copy]").first.get_attribute("data-copy")
    assert seed is not None
    await page.fill("[name=code]", pyotp.TOTP(seed).now())
    await page.click("main button[type=submit]")
    await page.locator("main code").first.wait_for()
    await context.clear_cookies()
    await _sign_in(page, TECHNICIAN, PASSWORD)
    await page.wait_for_url("**/second-factor*")
    return context


async def _owner(browser: Browser, base: str, email: str, password: str) -> BrowserContext:
    """The owner of the demo, with a passkey."""
    context = await browser.new_context(base_url=base)
    page = await context.new_page()
    device = await context.new_cdp_session(page)
    await device.send("WebAuthn.enable")
    await device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    await _sign_in(page, email, password)
    await page.locator("nav.nav").wait_for()
    await page.goto("/account/passkeys/new")
    await page.fill("main [name=name]", "Work laptop")
    await page.click("main button[type=submit]")
    await page.wait_for_url(re.compile(r"/account(?!/passkeys/new)"))
    return context


async def _sign_in(page: Any, email: str, password: str) -> None:
    await page.goto("/sign-in")
    await page.fill("[name=email]", email)
    await page.fill("[name=password]", password)
    await page.press("[name=password]", "Enter")


async def _by_forms(owner: BrowserContext, base: str, station: str, address: str) -> list[str]:
    """What only the console's forms make: a run over a few stations, a reading of a station's configuration, a sign-in
    provider. Where the first two are shown."""

    async def send(path: str, form: dict[str, str | float | bool]) -> str:
        answer = await owner.request.post(f"{base}{path}", form=form, headers={"Origin": base})
        if not answer.ok:
            raise RuntimeError(f"POST {path}: {answer.status} at {answer.url}")
        return answer.url.removeprefix(base)

    await send(f"{station}/configuration/read", {})
    registration: dict[str, str | float | bool] = {"action": "registration", "to_registration": "accepted"}
    run = await send("/bulk-runs/registration", {**registration, "all": "1", "q": "Harbour"})
    provider = {"slug": "harbour", "issuer": address.rpartition("/")[0], "client_id": "forecourt", "client_secret": "x"}
    groups = {"domains": "harbour.example", "group_claim": "groups", "grants": "charging-admins = owner\n* = viewer"}
    await send("/organisation/sign-in/provider", {**provider, **groups})
    return [station, f"{station}/configuration", run]


def _receiver() -> str:
    """Starts a program that takes every webhook, for as long as this one runs; its address."""

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(204)
            self.end_headers()

        def do_GET(self) -> None:
            """The discovery document of a sign-in provider."""
            issuer = f"http://{self.headers['Host']}"
            places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            told = {"issuer": issuer, **{name: f"{issuer}/{place}" for name, place in places.items()}}
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(msgspec.json.encode(told))

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Taker)
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/forecourt"
