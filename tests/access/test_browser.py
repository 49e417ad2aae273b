"""Paths of a day with people and keys, in a real browser over the real application."""

import email
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import policy
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from msgspec import Struct, structs
from playwright.async_api import Browser, Page, expect

from forecourt.access import Access, Role
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.mail import FolderPost, MailJobs
from forecourt.platform.settings import Settings
from forecourt.ui.assets import STATIC_DIR
from tests.browsers import NEEDS_BROWSER, close_pages, new_page, sign_in
from tests.conftest import Database
from tests.ground import Ground
from tests.http import PASSWORD, SECRET, House, Tenant
from tests.looks import AXE, breaks_no_rule_in_any_view
from tests.support import WAIT_S, FakeClock
from tests.ui.conftest import served

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *NEEDS_BROWSER,
    pytest.mark.skipif(not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built"),
]


class Day(Struct, frozen=True, kw_only=True):
    """The application as it runs, an organisation in it, and the post office."""

    address: str
    house: House
    tenant: Tenant
    browser: Browser
    mail: Path

    async def page(self, **arguments: Any) -> tuple[Page, list[str]]:
        """A page of somebody new, and what its browser complains of."""
        complaints: list[str] = []
        return await new_page(self.browser, complaints, **arguments), complaints

    async def sign_in(self, page: Page, address: str, password: str = PASSWORD) -> None:
        await page.goto(f"{self.address}/sign-in")
        await page.fill("[name=email]", address)
        await page.fill("[name=password]", password)
        await page.click("button[type=submit]")
        await page.locator("nav.nav").wait_for()

    async def enter(self, page: Page, address: str) -> None:
        """Somebody who signed in before, at a page that leads everywhere."""
        await sign_in(page, self.address, address)
        await page.goto(f"{self.address}/settings")

    async def letters(self) -> list[str]:
        """Sends what was written, as the worker does; the letters in the folder, oldest first."""
        async with Pool(self.house.database.url, "forecourt_worker", size=1) as worker:
            jobs = MailJobs(worker, FolderPost(self.mail, "Forecourt <f@localhost>", SystemClock()), SystemClock())
            with self.house.admin() as connection:
                waiting = connection.execute("SELECT tenant_id, letter_id::text FROM letters").fetchall()
            for tenant_id, letter in waiting:
                await jobs.send(tenant_id, letter)
        files = sorted(self.mail.glob("*.eml"))
        return [email.message_from_bytes(path.read_bytes(), policy=policy.default).get_content() for path in files]


@asynccontextmanager
async def running(database: Database, nats_url: str, folder: Path) -> AsyncIterator[tuple[str, Pool]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = Settings(
        data_dir=folder,
        database_url=database.url,
        nats_url=nats_url,
        secret_key=SECRET,
        web_port=port,
        public_url=f"http://127.0.0.1:{port}",
    )
    bus, clock = await Bus.connect(nats_url), SystemClock()
    async with Pool(database.url, "forecourt_app", size=3) as db:
        access = Access(db, SECRET.encode(), clock)
        seen = screens(settings, db, bus, clock, access)
        app: Any = create_app(settings, db, bus, clock, access=access, shell=seen.shell, screens=seen.routes)
        async with served(app, port) as address:
            yield address, db
    await bus.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_once(
    ground: Ground, database: Database, nats_url: str, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Day]:
    """The deployment and the browser of all tests here; each has an organisation of its own."""
    folder = tmp_path_factory.mktemp("day")
    async with running(database, nats_url, folder) as (address, db):
        house = House(ground, db, None, FakeClock())
        yield Day(address=address, house=house, tenant=await house.tenant(), browser=browser, mail=folder / "mail")


@pytest_asyncio.fixture(loop_scope="module")
async def day(running_once: Day) -> AsyncIterator[Day]:
    yield structs.replace(running_once, tenant=await running_once.house.tenant())
    await close_pages(running_once.browser)


async def make_site(day: Day, name: str) -> None:
    async with day.house.db.tenant(day.tenant.tenant_id) as conn:
        await conn.execute(
            "INSERT INTO sites (tenant_id, slug, name) VALUES (%s, %s, %s)",
            (day.tenant.tenant_id, name.lower(), name),
        )


async def test_a_technician_is_invited_opens_the_letter_and_works_at_their_site(day: Day) -> None:
    await make_site(day, "Yard")
    owner, complaints = await day.page()
    await day.sign_in(owner, await day.tenant.operator())
    await owner.get_by_role("link", name="People").click()
    await owner.get_by_role("link", name="Invite somebody").click()
    await owner.get_by_label("E-mail address").fill("tina@example.org")
    await owner.get_by_label("Technician").check()
    await owner.get_by_label("Yard").check()
    await owner.get_by_role("button", name="Send the invitation").click()
    await expect(owner.get_by_role("row", name="tina@example.org")).to_contain_text("Waiting")
    [letter] = await day.letters()
    link = re.search(r"http://\S+", letter)
    assert link is not None
    tina, hers = await day.page(locale="de-DE")
    await tina.goto(link[0])
    assert "token" not in tina.url
    await expect(tina.get_by_text("Techniker")).to_be_visible()
    await tina.get_by_label("Ihr Name").fill("Tina")
    await tina.get_by_label("Neues Passwort").fill("vier Wörter von mir")
    await tina.get_by_role("button", name="Beitreten").click()
    await expect(tina.get_by_role("link", name="Ladestationen")).to_be_visible()
    await expect(tina.get_by_role("link", name="Personen")).to_have_count(0)
    refused = await tina.goto(f"{day.address}/people")
    assert refused is not None
    assert refused.status == 403
    await tina.goto(f"{day.address}/settings")
    await expect(tina.get_by_text("Yard")).to_be_visible()
    await owner.reload()
    await expect(owner.get_by_role("row", name="Tina")).to_contain_text("Signed in")
    # They come back with the password they chose; the link is used up.
    again, _ = await day.page()
    await day.sign_in(again, "tina@example.org", "vier Wörter von mir")
    await again.goto(link[0])
    await expect(again.get_by_role("alert")).to_contain_text("was used")
    assert complaints == []
    # The refusal is no page of ours, so the browser looks for an icon of its own.
    assert [each for each in hers if "403" not in each and "404" not in each] == []


async def test_a_person_of_another_organisation_accepts_with_their_sign_in_and_changes_between_both(day: Day) -> None:
    other = await day.house.tenant()
    address = await other.operator(Role.VIEWER)
    owner, _ = await day.page()
    await day.enter(owner, await day.tenant.operator())
    await owner.goto(f"{day.address}/people/invite")
    await owner.get_by_label("E-mail address").fill(address)
    await owner.get_by_label("Support").check()
    await owner.get_by_role("button", name="Send the invitation").click()
    await expect(owner.get_by_role("row", name=address)).to_contain_text("Waiting")
    link = re.search(r"http://\S+", (await day.letters())[-1])
    assert link is not None
    person, complaints = await day.page()
    await person.goto(link[0])
    await person.get_by_role("button", name="Accept").click()
    await person.fill("[name=email]", address)
    await person.fill("[name=password]", PASSWORD)
    await person.click("button[type=submit]")
    await person.get_by_role("button", name="Accept").click()
    await person.locator("nav.nav").wait_for()
    await person.get_by_role("navigation", name="Main").locator(".who a").first.click()
    await expect(person.get_by_role("listitem").filter(has_text="You are here")).to_contain_text("Support")
    await person.get_by_role("button", name="Change to it").click()
    await person.locator("nav.nav").wait_for()
    await person.goto(f"{day.address}/settings")
    await expect(person.locator(".facts")).to_contain_text("Viewer")
    assert [each for each in complaints if "404" not in each and "401" not in each] == []


async def test_a_key_is_made_shown_once_used_and_revoked(day: Day) -> None:
    page, complaints = await day.page()
    await day.enter(page, await day.tenant.operator())
    await page.get_by_role("link", name="API keys").click()
    await page.get_by_role("link", name="Make a key").first.click()
    await page.get_by_label("Name").fill("Grid app")
    await page.get_by_label("Viewer").check()
    await page.get_by_role("button", name="Make the key").click()
    key = await page.locator(".secret [data-copy]").get_attribute("data-copy")
    assert key is not None
    assert key.startswith("fc_")
    async with httpx.AsyncClient(
        timeout=WAIT_S, base_url=day.address, headers={"authorization": f"Bearer {key}"}
    ) as program:
        assert (await program.get("/api/v1/stations")).status_code == 200
        await page.get_by_role("link", name="I have kept it").click()
        row = page.get_by_role("row", name="Grid app")
        await expect(row).to_contain_text("from 127.0.0.1")
        assert key not in await page.content()
        await row.get_by_role("link", name="Revoke").click()
        await expect(page.get_by_role("heading", name="Revoke Grid app?")).to_be_visible()
        await page.get_by_role("button", name="Revoke the key").click()
        await expect(page.get_by_role("row", name="Grid app")).to_contain_text("Revoked")
        assert (await program.get("/api/v1/stations")).status_code == 401
    await page.get_by_role("link", name="Audit").click()
    await page.get_by_label("Search who, what and to what").fill("revoke key")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("row", name="revoke key")).to_have_count(1)
    assert "q=revoke+key" in page.url
    assert complaints == []


async def test_a_role_is_changed_and_a_person_is_removed_who_is_signed_out_at_once(day: Day) -> None:
    owner, _ = await day.page()
    await day.enter(owner, await day.tenant.operator())
    address = await day.tenant.operator(Role.OPERATOR)
    other, _ = await day.page()
    await day.enter(other, address)
    await owner.goto(f"{day.address}/people")
    row = owner.get_by_role("row", name=address)
    await row.get_by_role("link").click()
    await owner.get_by_label("Viewer").check()
    await owner.get_by_role("button", name="Save").click()
    await expect(owner.get_by_role("row", name=address)).to_contain_text("Viewer")
    await owner.get_by_role("row", name=address).get_by_role("link").click()
    await owner.get_by_role("link", name="Remove from the organisation").click()
    await expect(owner.get_by_text("signed out of")).to_be_visible()
    await owner.get_by_role("button", name="Remove from the organisation").click()
    await expect(owner.get_by_role("row", name=address)).to_have_count(0)
    await other.goto(f"{day.address}/stations")
    await expect(other).to_have_url(re.compile("/sign-in"))
    # The only owner is told why not.
    await owner.get_by_role("row", name="(you)").get_by_role("link").click()
    await owner.get_by_role("link", name="Leave the organisation").click()
    await owner.get_by_role("button", name="Remove from the organisation").click()
    await expect(owner.get_by_role("alert")).to_contain_text("only owner")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed in web/")
async def test_no_rule_of_wcag_a_or_aa_and_none_of_the_policy_is_broken(day: Day) -> None:
    await make_site(day, "Yard")
    page, complaints = await day.page()
    await day.enter(page, await day.tenant.operator())
    await page.goto(f"{day.address}/people/invite")
    await page.get_by_label("E-mail address").fill("new@example.org")
    await page.get_by_role("button", name="Send the invitation").click()
    await page.goto(f"{day.address}/keys/new")
    await page.get_by_label("Name").fill("App")
    await page.get_by_role("button", name="Make the key").click()
    await page.get_by_role("link", name="I have kept it").click()
    link = re.search(r"http://\S+", (await day.letters())[-1])
    assert link is not None
    paths = ["/people", "/people/invite", "/keys", "/keys/new", "/audit", "/audit?q=x", "/settings", "/organisations"]
    await page.goto(f"{day.address}/people")
    mine = await page.get_by_role("row", name="(you)").get_by_role("link").get_attribute("href")
    for path in [*paths, mine, f"{mine}/remove", link[0].removeprefix(day.address)]:
        await page.goto(f"{day.address}{path}")
        await breaks_no_rule_in_any_view(page)
    assert complaints == []
