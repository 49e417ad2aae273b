"""A driver's way in a real browser on a telephone: real processes, the sandbox provider, stations on real sockets."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Response, ViewportSize, expect

from forecourt.driver.account.door import COOKIE
from forecourt.driver.codes import address_of
from forecourt.drivers.accounts.model import TOKEN_PREFIX
from forecourt.energy import store as energy
from forecourt.energy.model import Node
from forecourt.energy.service.sites import find_record
from forecourt.energy.site import HungEvse, Settings, SiteTree
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest
from forecourt.pricing import service as pricing
from forecourt.pricing.assigning import Scope
from forecourt.simulator import fleet
from forecourt.simulator.car import MODELS, Car
from forecourt.simulator.clock import PacedClock
from forecourt.simulator.station import Make, Station
from forecourt.ui.assets import STATIC_DIR
from tests.browsers import DEADLINE_MS, NEEDS_BROWSER, close_pages, new_page
from tests.conftest import Servers
from tests.http import an_actor
from tests.looks import AXE, COLOURS, LEVELS, SCHEMES, SETTLED, breaks_no_rule
from tests.payments.till import a_tariff
from tests.sandbox import Sandbox, sandbox
from tests.spine.processes import SECRET, STATIONS_SECRET, Deployment
from tests.support import WAIT_S, free_port

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *NEEDS_BROWSER,
    pytest.mark.skipif(not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built"),
]

#: What the pages from the price to the receipt may load besides themselves.
MOST_BYTES = 10_000
MOST_TAPS = 4
#: A small phone, as most are held.
SMALL_PHONE: ViewportSize = {"width": 375, "height": 812}
#: A reading a second: a driver sees what he takes soon after he plugged in.
MAKE = Make(
    vendor="Elm", model="DC 50", power_w=50_000, dc=True, measurands=("energy", "power", "soc"), meter_interval_s=1
)
MADE = {"walk-21": "2.1", "walk-16": "1.6"}
#: What stands on the button of the price, and above a receipt.
WORDS = {
    "en": ("Pay and start", "Receipt"),
    "de": ("Bezahlen und starten", "Beleg"),
    "fr": ("Payer et démarrer", "Reçu"),
    "nl": ("Betalen en starten", "Bon"),
    "es": ("Pagar y empezar", "Recibo"),
}


class Place:
    """A deployment, stations that work, and a browser."""

    def __init__(
        self, deployment: Deployment, url: str, address: str, box: Sandbox, browser: Browser,
        stations: dict[str, Station],
    ) -> None:  # fmt: skip
        self.deployment = deployment
        #: Of the database.
        self.url = url
        self.address = address
        self.box = box
        self.stations = stations
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        self.loaded: dict[str, int] = {}
        self._browser = browser

    async def phone(self, *, language: str = "en", script: bool = True) -> Page:
        """A telephone that was never here before."""
        page = await new_page(
            self._browser, self.complaints, viewport=SMALL_PHONE, locale=language, java_script_enabled=script,
            has_touch=True, is_mobile=True,
        )  # fmt: skip
        page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))
        page.on("response", self._weigh)
        return page

    async def all_free(self) -> None:
        """Waits until every station has said that somebody can charge at it."""
        busy = "SELECT count(*) FROM stations WHERE station_id NOT IN (SELECT station_id FROM connectors"
        async with asyncio.timeout(WAIT_S):
            while self.deployment.admin().execute(f"{busy} WHERE state = 'Available')").fetchone() != (0,):
                await asyncio.sleep(0.1)

    async def _weigh(self, answer: Response) -> None:
        where = urlsplit(answer.url)
        if answer.url.startswith(self.address) and answer.request.resource_type not in ("document", "fetch"):
            with contextlib.suppress(Exception):
                self.loaded[where.path] = len(await answer.body())


def a_station(identity: str, version: str, port: int) -> Station:
    return Station(
        identity, MAKE, fleet.DIALECTS[version], PacedClock(), url=f"ws://127.0.0.1:{port}/ocpp",
        password=fleet.password(STATIONS_SECRET, identity), registers_wh=(1_000_000,),
    )  # fmt: skip


async def furnished(deployment: Deployment, url: str) -> None:
    """A site with its stations, a price and a look."""
    deployment.register(MADE)
    tenant_id = deployment.tenant()
    deployment.admin().execute(
        "WITH yard AS (INSERT INTO sites (tenant_id, slug, name, city, time_zone, country, latitude, longitude)"
        " VALUES (%(tenant)s, 'yard', 'North yard', 'Berlin', 'Europe/Berlin', 'DE', 52.5, 13.4) RETURNING site_id)"
        " UPDATE stations SET site_id = yard.site_id, registration = 'accepted', max_power_w = 50000 FROM yard",
        {"tenant": tenant_id},
    )
    deployment.admin().execute(
        "INSERT INTO driver_brands (tenant_id, slug, name, colour, help_phone)"
        " VALUES (%s, 'volt', 'Volt', '#0b5cad', '+49 30 1')",
        (tenant_id,),
    )
    before, actor = SystemClock().now() - timedelta(days=1), an_actor(tenant_id)
    async with Pool(url, "forecourt_app", size=1) as pool, pool.tenant(tenant_id) as conn:
        made = await pricing.create_tariff(conn, actor, "Day", a_tariff(), before)
        await pricing.assign_tariff(conn, actor, made.tariff_id, Scope(), before)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployed(
    servers: Servers, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    folder: Path = tmp_path_factory.mktemp("walk")
    with servers.database() as database, sandbox() as box:
        web, ocpp = free_port(), free_port()
        address = f"http://127.0.0.1:{web}"
        hook = box.client.v1.webhook_endpoints.create(
            {"url": f"{address}/hooks/payments/deployment", "enabled_events": ["*"]}
        )
        async with Deployment(
            folder, database_url=database.url, admin_url=database.admin_url, nats_url=servers.nats.url
        ) as deployment:
            await furnished(deployment, database.url)
            settings: dict[str, Any] = {
                "web_port": web, "ocpp_port": ocpp, "public_url": address, "stripe_key": box.key,
                "stripe_hook_secret": hook.secret, "stripe_url": box.address,
            }  # fmt: skip
            programs = [deployment.program(name, **settings) for name in ("gateway", "web", "worker")]
            await asyncio.gather(*(program.start() for program in programs))
            stations = {name: a_station(name, version, ocpp) for name, version in MADE.items()}
            driven = fleet.Fleet(list(stations.values()), beat_s=0.2)
            await driven.power_on()
            running = asyncio.create_task(driven.run())
            try:
                made = Place(deployment, database.url, address, box, browser, stations)
                await made.all_free()
                yield made
            finally:
                running.cancel()
                driven.power_off()


@pytest_asyncio.fixture(loop_scope="module")
async def place(deployed: Place, browser: Browser) -> AsyncIterator[Place]:
    """For one test, whose pages are closed after it."""
    yield deployed
    await close_pages(browser)


async def stage(page: Page, name: str) -> None:
    await expect(page.locator(f'[data-stage="{name}"]')).to_be_visible()


class Thumb:
    """Touches a screen, and counts how often."""

    def __init__(self) -> None:
        self.taps = 0

    async def tap(self, what: Locator) -> None:
        self.taps += 1
        await what.tap()


async def walk(place: Place, page: Page, identity: str, words: tuple[str, str], *, leaves: str | None = None) -> int:
    """From the code to the receipt; how often the driver touched the screen outside the provider's page. `leaves`: when
    they say while they charge that they will leave, by the site's clock."""
    station, thumb = place.stations[identity], Thumb()
    await page.goto(address_of(place.address, identity, 1))
    await expect(page.locator("main")).to_contain_text("0,595" if "Pay" not in words[0] else "0.595")
    await thumb.tap(page.get_by_role("button", name=words[0]))
    await page.wait_for_url(re.compile(f"^{place.box.address}"))
    await page.get_by_role("button").first.tap()
    await stage(page, "plug")
    station.bays[0].plug_in(Car(MODELS[0], 0.3), station.time())
    await stage(page, "charging")
    await expect(page.locator(".big")).to_contain_text(re.compile(r"[.,](0[1-9]|[1-9]\d)\skWh"))
    if leaves:
        await plans_the_site(place)
        await page.reload()
        await thumb.tap(page.locator("main summary"))
        await page.locator("[name=at]").fill(leaves)
        await thumb.tap(page.locator("form[action$='/leave'] button"))
        await stage(page, "charging")
    await tells_what_is_held(page)
    await thumb.tap(page.locator("form[action$='/stop'] button"))
    await stage(page, "receipt")
    return thumb.taps


async def tells_what_is_held(page: Page) -> None:
    """What is held is what was charged so far, and what would be released."""
    words = await page.locator(".hold dd").all_inner_texts()
    held, so_far, rest = (int(re.sub(r"\D", "", each)) for each in words)
    assert held == so_far + rest
    assert so_far > 0


async def plans_the_site(place: Place) -> None:
    """The site charges smartly from now on, as far as its drivers can see: nobody plans for it here."""
    tenant_id, now = place.deployment.tenant(), SystemClock().now()
    tree = SiteTree(
        nodes=(Node(id="grid", limit_a=250),),
        evses=tuple(HungEvse(station=name, evse=1, node="grid") for name in MADE),
    )
    async with Pool(place.url, "forecourt_app", size=1) as pool, pool.tenant(tenant_id) as conn:
        site_id = (await find_record(conn, tenant_id, "yard")).site_id
        await energy.lock_site(conn, tenant_id, site_id, "person:1", now)
        await energy.store_tree(conn, tenant_id, site_id, 1, tree, "person:1", now)
        await energy.hang(conn, tenant_id, site_id, [(name, 1) for name in MADE])
        await energy.store_settings(conn, tenant_id, site_id, Settings(enabled=True), "person:1", now)


async def looks(page: Page) -> None:
    """Breaks no rule of WCAG A and AA in either theme, and nothing sticks out."""
    for scheme, rules in zip(SCHEMES, (LEVELS, COLOURS), strict=True):
        await page.emulate_media(color_scheme=scheme)
        await page.evaluate(SETTLED)
        await breaks_no_rule(page, f"{page.url}, {scheme}", rules)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert page.viewport_size is not None
    assert wide <= page.viewport_size["width"], f"{page.url}: {wide} px"


async def test_a_driver_pays_charges_and_has_a_receipt(place: Place) -> None:
    assert AXE.exists()
    page = await place.phone()
    # Soon enough that nobody is asked whether tomorrow is meant.
    leaves = f"{datetime.now(ZoneInfo('Europe/Berlin')) + timedelta(hours=3):%H:%M}"
    assert await walk(place, page, "walk-21", WORDS["en"], leaves=leaves) <= MOST_TAPS
    row = place.deployment.admin().execute("SELECT wants->>'departure_at' FROM session_needs").fetchone()
    assert row is not None
    assert datetime.fromisoformat(row[0]).astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M") == leaves
    [paid] = [row for row in place.box.ledger(place.box.account) if row["what"] == "capture"][-1:]
    amount = Decimal(paid["amount"]) / 100
    await expect(page.locator(".facts").first).to_contain_text(f"€{amount:.2f}")
    assert paid["amount"] > 0
    receipt = page.url
    assert {urlsplit(place.address).netloc, urlsplit(place.box.address).netloc} == place.asked
    assert sum(place.loaded.values()) <= MOST_BYTES, place.loaded
    await looks_in_all_languages(
        page, receipt.partition("?")[0], {language: head for language, (_, head) in WORDS.items()}
    )
    await looks_in_all_languages(
        page, address_of(place.address, "walk-16", 1), {language: button for language, (button, _) in WORDS.items()}
    )
    assert place.complaints == []


async def test_a_driver_without_scripts_comes_as_far(place: Place) -> None:
    page = await place.phone(language="de", script=False)
    assert await walk(place, page, "walk-16", WORDS["de"]) <= MOST_TAPS
    await expect(page.locator("h1")).to_have_text("Beleg")
    assert place.complaints == []


async def test_who_stands_before_a_closed_connector_can_pay_as_soon_as_it_is_free(place: Place) -> None:
    """With and without scripts: nobody has to load the page anew."""
    said = "UPDATE connectors SET state = %s FROM stations s WHERE s.station_id = connectors.station_id"
    admin = place.deployment.admin()
    pages = [await place.phone(), await place.phone(script=False)]
    admin.execute(f"{said} AND s.identity = 'walk-16'", ("Unavailable",))
    try:
        for page in pages:
            await page.goto(f"{address_of(place.address, 'walk-16', 1)}?lang=en")
            await stage(page, "closed")
            await expect(page.get_by_role("button", name="Pay and start")).to_have_count(0)
    finally:
        admin.execute(f"{said} AND s.identity = 'walk-16'", ("Available",))
    for page in pages:
        await expect(page.get_by_role("button", name="Pay and start")).to_be_visible()
    assert place.complaints == []


async def test_a_place_is_found_on_a_map_and_in_a_list(place: Place) -> None:
    page = await place.phone()
    await page.goto(f"{place.address}/find/volt")
    await expect(page.locator("[data-free]")).to_have_text(re.compile("of 2 free"))
    await expect(page.locator("#map canvas")).to_be_attached()
    # Who doesn't tell where they are has the list all the same; who does is told how far it is.
    await page.get_by_role("button", name="Near me").tap()
    await expect(page.locator("#near-said")).to_be_visible()
    await page.context.grant_permissions(["geolocation"])
    await page.context.set_geolocation({"latitude": 52.5, "longitude": 13.0})
    await page.get_by_role("button", name="Near me").tap()
    await expect(page.locator(".site [data-away]")).to_have_text("· 27 km away")
    await expect(page.locator("#near-said")).to_be_hidden()
    await page.locator(".site summary").tap()
    await expect(page.locator(".site")).to_contain_text("50 kW")
    await looks(page)
    await page.get_by_role("link", name="walk-21, connector 1").tap()
    await page.wait_for_url("**/charge/walk-21/1")
    assert place.complaints == []


async def test_places_are_found_by_what_a_driver_needs_without_scripts_too(place: Place) -> None:
    page = await place.phone(script=False)
    await page.goto(f"{place.address}/find/volt")
    await page.locator(".filter summary").tap()
    await page.locator("[name=power]").select_option("50000")
    await page.locator("[name=price]").fill("0,60")
    await page.locator(".filter button").tap()
    await expect(page.locator(".site")).to_have_count(1)
    for name, value in (("price", "0.5"), ("power", "150000")):
        await page.goto(f"{place.address}/find/volt?{name}={value}")
        await expect(page.locator(".site")).to_have_count(0)
        await expect(page.locator(".empty-box")).to_contain_text("Nothing here fits")
    # What can't be understood is no wish.
    await page.goto(f"{place.address}/find/volt?price=cheap&power=lots")
    await expect(page.locator(".site")).to_have_count(1)
    await page.goto(f"{place.address}/find/volt?power=150000")
    await page.get_by_role("link", name="Show all").first.tap()
    await expect(page.locator(".site")).to_have_count(1)


async def a_member(place: Place, page: Page, email: str) -> None:
    """Signs somebody in, as a letter would."""
    admin, token = place.deployment.admin(), f"{TOKEN_PREFIX}{email}"
    tenant_id = place.deployment.tenant()
    row = admin.execute(
        "INSERT INTO driver_accounts (tenant_id, email, name, created_at, updated_at)"
        " VALUES (%s, %s, 'Ada Lovelace', now(), now()) RETURNING driver_id",
        (tenant_id, email),
    ).fetchone()
    assert row is not None
    admin.execute(
        "INSERT INTO driver_sessions (digest, tenant_id, driver_id, how, address, user_agent, began_at, seen_at,"
        " expires_at) VALUES (%s, %s, %s, 'letter', '192.0.2.1', 'Mozilla/5.0 (Linux; Android 15) Chrome/130', now(),"
        " now(), now() + interval '1 day')",
        (keyed_digest(SECRET.encode(), "driver session", token), tenant_id, row[0]),
    )
    await page.context.add_cookies([{"name": COOKIE, "value": token, "url": place.address}])


#: What can be touched and is less high than a thumb is wide; a link within a line of words may be (WCAG 2.2, 2.5.8).
TOO_SMALL = (
    "[...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')].filter((one) =>"
    " one.checkVisibility() && getComputedStyle(one).display !== 'inline'"
    " && (one.closest('label.tick') ?? one).getBoundingClientRect().height < 44).map((one) => one.outerHTML)"
)


#: Puts the body of each page of these texts in place of what is seen; of each its language, its words, how wide it is
#: and what of it is too small.
SHOW_EACH = (
    """texts => texts.map(text => {
    const other = new DOMParser().parseFromString(text, "text/html");
    document.documentElement.lang = other.documentElement.lang;
    document.body.replaceWith(other.body);
    const words = document.querySelector("main").innerText, wide = document.documentElement.scrollWidth;
    return [other.documentElement.lang, words, wide, """
    + TOO_SMALL
    + """];
})"""
)
DESKTOP: ViewportSize = {"width": 1280, "height": 780}
NARROW_PHONE: ViewportSize = {"width": 360, "height": 780}


async def looks_in_all_languages(page: Page, address: str, said: Mapping[str, str] = MappingProxyType({})) -> None:
    """Nothing of a page sticks out in any language, on a small phone and at a desk, and each says what is to be said in
    it; in English it breaks no rule. It ends with words of another language, where nothing works: go elsewhere then."""
    mark = "&" if "?" in address else "?"
    await page.set_viewport_size(NARROW_PHONE)
    await page.goto(f"{address}{mark}lang=en")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator("main")).to_contain_text(said.get("en", ""))
    await looks(page)
    assert await page.evaluate(TOO_SMALL) == [], address
    await page.set_viewport_size(DESKTOP)
    await page.evaluate(SETTLED)
    assert await page.evaluate("document.documentElement.scrollWidth") <= DESKTOP["width"], address
    assert await page.evaluate(TOO_SMALL) == [], address
    # The other languages wear the same sheets, so that their words are all that can stick out.
    others = sorted(WORDS.keys() - {"en"})
    texts = [await (await page.request.get(f"{address}{mark}lang={language}")).text() for language in others]
    for viewport in (DESKTOP, NARROW_PHONE):
        await page.set_viewport_size(viewport)
        await page.evaluate(SETTLED)
        for language, (spoken, words, wide, small) in zip(others, await page.evaluate(SHOW_EACH, texts), strict=True):
            assert spoken == language, address
            assert said.get(language, "") in words, (address, language)
            assert wide <= viewport["width"], (address, language)
            assert small == [], (address, language)


async def reserved(station: Station) -> bool:
    """Whether the station itself keeps its connector for somebody."""
    return station.bays[0].reserved is not None


async def test_own_pages_and_the_waiting_list_can_be_read_everywhere(place: Place) -> None:
    page = await place.phone()
    for station in place.stations.values():
        if station.bays[0].load is not None:
            station.bays[0].unplug(station.time())
    await place.all_free()
    await a_member(place, page, "ada@example.com")
    admin, tenant_id = place.deployment.admin(), place.deployment.tenant()
    plan = admin.execute(
        "INSERT INTO subscription_plans (tenant_id, name, title, currency, month_fee, vat, offered, gives, created_at)"
        " VALUES (%s, 'gold', 'Gold', 'EUR', 999, 19, true, '0.29 a kWh', now()) RETURNING plan_id",
        (tenant_id,),
    ).fetchone()
    assert plan is not None
    offer = f"/my/membership/plans/{plan[0]}"
    own = ("/my", "/my/sessions", "/my/money", "/my/things", "/my/account", "/my/account?erase=1", "/my/membership")
    for path in ("/my/sign-in/volt", "/my/enter", *own, offer, "/my/charge/walk-16/1"):
        await looks_in_all_languages(page, f"{place.address}{path}")
    # Somebody paid by a card that was saved, has a car and a card for stations, and waits at a busy site.
    await page.goto(f"{place.address}/my/charge/walk-21/1?lang=en")
    await page.get_by_role("button", name="save it").tap()
    await page.wait_for_url(re.compile(f"^{place.box.address}"))
    await page.get_by_role("button").first.tap()
    await stage(page, "plug")
    station = place.stations["walk-21"]
    station.bays[0].plug_in(Car(MODELS[0], 0.3), station.time())
    await stage(page, "charging")
    await looks_in_all_languages(page, f"{page.url.partition('?')[0]}")
    admin.execute(
        "INSERT INTO waiting_policies (tenant_id, site_id, active, who, hold_minutes, snooze_minutes, max_waiting,"
        " changed_at) SELECT tenant_id, site_id, true, 'anybody', 10, 15, 20, now() FROM sites WHERE tenant_id = %s",
        (tenant_id,),
    )
    admin.execute(
        "UPDATE connectors SET state = 'Unavailable' FROM stations s WHERE s.station_id = connectors.station_id"
        " AND s.identity = 'walk-16'"
    )
    await looks_in_all_languages(page, f"{place.address}/charge/walk-16/1")
    await looks_in_all_languages(page, f"{place.address}/my/charge/walk-16/1")
    await looks_in_all_languages(page, f"{place.address}/wait/walk-16/1")
    await page.goto(f"{place.address}/wait/walk-16/1?lang=en")
    await page.get_by_role("button").tap()
    await stage(page, "waiting")
    waiting = page.url
    await looks_in_all_languages(page, waiting)
    await page.goto(f"{place.address}/my?lang=en")
    await expect(page.get_by_role("link", name="place 1")).to_be_visible()
    await looks_in_all_languages(page, f"{place.address}/my")
    admin.execute(
        "UPDATE connectors SET state = 'Available' FROM stations s WHERE s.station_id = connectors.station_id"
        " AND s.identity = 'walk-16'"
    )
    # It changes in place: nobody has to load it anew. The station itself keeps the connector.
    await page.goto(f"{waiting}?lang=en")
    await stage(page, "held")
    await looks_in_all_languages(page, waiting)
    kept = place.stations["walk-16"]
    async with asyncio.timeout(DEADLINE_MS / 1000):
        while not await reserved(kept):
            await asyncio.sleep(0.1)
    await page.goto(f"{waiting}?lang=en")
    await page.get_by_role("link", name="See the price").tap()
    await page.wait_for_url("**/my/charge/walk-16/1*")
    await looks_in_all_languages(page, f"{place.address}/my/charge/walk-16/1")
    await page.goto(f"{place.address}/my/charge/walk-16/1?lang=en")
    await page.get_by_role("button", name="Start by").first.tap()
    await stage(page, "plug")
    assert not await reserved(kept), "it lets go for whom it was kept"
    kept.bays[0].plug_in(Car(MODELS[0], 0.3), kept.time())
    await stage(page, "charging")
    await page.goto(f"{waiting}?lang=en")
    await stage(page, "served")
    # A membership: what it costs is on the button that begins it, by the card that was saved.
    await looks_in_all_languages(page, f"{place.address}{offer}")
    await page.goto(f"{place.address}{offer}?lang=en")
    await page.get_by_role("button", name="Begin for €9.99 a month").tap()
    await expect(page.get_by_role("alert")).to_contain_text("You are a member now")
    await expect(page.locator("main")).to_contain_text("Then the next month is paid")
    receipt = await page.locator("a[href$='receipt.pdf']").get_attribute("href")
    assert (await page.request.get(f"{place.address}{receipt}")).headers["content-type"] == "application/pdf"
    await page.get_by_role("link", name="End my membership").tap()
    await page.wait_for_url("**/my/membership?end=1")
    await looks_in_all_languages(page, f"{place.address}/my/membership?end=1")
    await page.goto(f"{place.address}/my/membership?end=1&lang=en")
    await page.get_by_role("button", name="End my membership").tap()
    await expect(page.locator("main")).to_contain_text("Nothing more is taken")
    for path in ("/my", "/my/sessions", "/my/money", "/my/things", "/my/membership"):
        await looks_in_all_languages(page, f"{place.address}{path}")
    assert place.complaints == []
