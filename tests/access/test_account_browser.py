"""Signing in and the account in a real browser: passkeys by a virtual authenticator, links, both themes."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pyotp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from forecourt.ui.errors import AssetsMissing
from tests.access.deployment import Deployment, deployment
from tests.access.ways import NEW_PASSWORD
from tests.browsers import DEADLINE_MS, NEEDS_BROWSER, close_pages, new_page
from tests.conftest import Database
from tests.http import PASSWORD
from tests.looks import AXE, breaks_no_rule_in_any_view

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *NEEDS_BROWSER,
]

#: A device with a finger sensor whose owner always agrees.
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


#: Asks for the step's challenge, and answers it with whatever passkey the device has.
SHOW_ANY = """async () => {
    const plain = (text) => text.replaceAll("-", "+").replaceAll("_", "/");
    const safe = (text) => text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const bytes = (text) => Uint8Array.from(atob(plain(text)), (c) => c.charCodeAt(0));
    const text = (buffer) => safe(btoa(String.fromCharCode(...new Uint8Array(buffer))));
    const { options } = await (await fetch("/sign-in/passkey/options", { method: "POST" })).json();
    const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: [] };
    const shown = await navigator.credentials.get({ publicKey });
    const names = ["authenticatorData", "clientDataJSON", "signature"];
    const response = Object.fromEntries(names.map((name) => [name, text(shown.response[name])]));
    const body = JSON.stringify({ credential: { id: shown.id, rawId: text(shown.rawId), type: shown.type, response } });
    const headers = { "content-type": "application/json" };
    return (await fetch("/sign-in/passkey", { method: "POST", headers, body })).status;
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def console(
    database: Database, nats_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Deployment]:
    try:
        async with deployment(database, nats_url, tmp_path_factory.mktemp("console")) as made:
            yield made
    except AssetsMissing as fault:
        pytest.skip(fault.detail)


class Desk:
    """A browser of somebody, with a device that keeps passkeys."""

    def __init__(self, page: Page, complaints: list[str], device: Any, device_id: str, address: str) -> None:
        self.page = page
        self.complaints = complaints
        self.device = device
        self.device_id = device_id
        self.address = address

    async def sign_in(self, email: str, password: str = PASSWORD, path: str = "/account") -> None:
        """By password, as a person does it."""
        await self.page.goto(f"{self.address}{path}")
        await self.page.get_by_label("E-mail address").fill(email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in", exact=True).click()

    async def sign_out(self) -> None:
        await self.page.get_by_role("button", name="Sign out").click()
        await expect(self.page.get_by_role("heading", name="Sign in")).to_be_visible()

    async def add_passkey(self, name: str) -> None:
        await self.page.get_by_role("link", name="Add a passkey").click()
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_role("button", name="Make the passkey").click()
        await expect(self.page.get_by_text("The passkey was added.")).to_be_visible()

    async def credentials(self) -> list[dict[str, Any]]:
        told = await self.device.send("WebAuthn.getCredentials", {"authenticatorId": self.device_id})
        found: list[dict[str, Any]] = told["credentials"]
        return found


@pytest_asyncio.fixture(loop_scope="module")
async def desk(browser: Browser, console: Deployment) -> AsyncIterator[Desk]:
    complaints: list[str] = []
    page = await new_page(browser, complaints)
    device = await page.context.new_cdp_session(page)
    await device.send("WebAuthn.enable")
    made = await device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    yield Desk(page, complaints, device, made["authenticatorId"], console.address)
    await close_pages(browser)


async def test_a_passkey_signs_in_without_a_name_or_a_password(console: Deployment, desk: Desk) -> None:
    email, _ = await console.person()
    await desk.sign_in(email)
    await desk.add_passkey("Work laptop")
    await expect(desk.page.get_by_label("Name of the passkey")).to_have_value("Work laptop")
    await desk.sign_out()
    await desk.page.goto(f"{console.address}/account")
    await desk.page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(desk.page.get_by_role("heading", name="Your account")).to_be_visible()
    await expect(desk.page.locator("#sessions")).to_contain_text("Passkey")
    assert desk.complaints == []


async def test_a_passkey_is_the_second_factor_after_a_password(console: Deployment, desk: Desk) -> None:
    email, _ = await console.person()
    await desk.sign_in(email)
    await desk.add_passkey("Key ring")
    await desk.sign_out()
    await desk.sign_in(email, path="/account")
    await expect(desk.page.get_by_role("heading", name="Second factor")).to_be_visible()
    await expect(desk.page.get_by_label("Code")).to_be_hidden()
    await desk.page.get_by_role("button", name="Use a passkey").click()
    await expect(desk.page.get_by_role("heading", name="Your account")).to_be_visible()


async def test_somebody_elses_passkey_is_no_second_factor(console: Deployment, desk: Desk) -> None:
    mine, _ = await console.person()
    yours, _ = await console.person()
    await desk.sign_in(mine)
    await desk.add_passkey("Mine")
    await desk.sign_out()
    await desk.sign_in(yours)
    await desk.page.get_by_role("link", name="Set up an app").click()
    seed = (await desk.page.locator("[data-copy]").first.get_attribute("data-copy")) or ""
    await desk.page.get_by_label("six digits").fill(pyotp.TOTP(seed).now())
    await desk.page.get_by_role("button", name="Set it up").click()
    await expect(desk.page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    await desk.page.get_by_role("link", name="I have kept them").click()
    await desk.sign_out()
    await desk.sign_in(yours)
    await expect(desk.page.get_by_role("heading", name="Second factor")).to_be_visible()
    # What a page could be made to ask: for the step of one, with the passkey of another.
    refused = await desk.page.evaluate(SHOW_ANY)
    assert refused == 401


async def test_a_passkey_that_was_copied_and_counts_from_before_is_refused(console: Deployment, desk: Desk) -> None:
    email, tenant_id = await console.person()
    await desk.sign_in(email)
    await desk.add_passkey("Copied")
    [credential] = await desk.credentials()
    await desk.sign_out()
    await desk.page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(desk.page.get_by_role("button", name="Sign out")).to_be_visible()
    await desk.sign_out()
    ids = {"authenticatorId": desk.device_id}
    await desk.device.send("WebAuthn.removeCredential", {**ids, "credentialId": credential["credentialId"]})
    await desk.device.send("WebAuthn.addCredential", {**ids, "credential": {**credential, "signCount": 0}})
    await desk.page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(desk.page.locator("[data-passkey-fault]")).to_contain_text("The passkey was not accepted")
    with psycopg.connect(console.database.admin_url) as connection:
        actions = connection.execute(
            "SELECT action FROM audit WHERE tenant_id = %s ORDER BY audit_id", (tenant_id,)
        ).fetchall()
    assert actions[-1] == ("refused sign in",)


async def test_a_challenge_is_answered_once(console: Deployment, desk: Desk) -> None:
    email, _ = await console.person()
    await desk.sign_in(email)
    await desk.add_passkey("Once")
    await desk.sign_out()
    async with desk.page.expect_request("**/sign-in/passkey") as sent:
        await desk.page.get_by_role("button", name="Sign in with a passkey").click()
    request = await sent.value
    cookies = (await request.all_headers())["cookie"]
    await expect(desk.page.get_by_role("button", name="Sign out")).to_be_visible()
    again = await desk.page.request.post(
        request.url,
        data=request.post_data or "",
        headers={"content-type": "application/json", "cookie": cookies, "origin": console.address},
    )
    assert again.status == 410


async def test_passkeys_have_names_and_go_when_asked(console: Deployment, desk: Desk) -> None:
    email, _ = await console.person()
    await desk.sign_in(email)
    await desk.add_passkey("First")
    name = desk.page.get_by_label("Name of the passkey")
    await name.fill("Old telephone")
    await desk.page.get_by_role("button", name="Rename").click()
    await expect(name).to_have_value("Old telephone")
    # The device has one already, and says so itself.
    await desk.page.get_by_role("link", name="Add a passkey").click()
    await desk.page.get_by_label("Name").fill("Again")
    await desk.page.get_by_role("button", name="Make the passkey").click()
    await expect(desk.page.locator("[data-passkey-fault]")).to_contain_text("No passkey was made")
    await desk.page.get_by_role("link", name="Cancel").click()
    await desk.page.get_by_role("link", name="Remove Old telephone").click()
    await expect(desk.page.get_by_text("It is your last second factor")).to_be_visible()
    await desk.page.get_by_role("button", name="Remove").click()
    await expect(desk.page.get_by_text("The passkey was removed.")).to_be_visible()
    await desk.sign_out()
    await desk.page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(desk.page.locator("[data-passkey-fault]")).to_contain_text("The passkey was not accepted")


async def test_the_link_of_a_letter_leaves_no_token_in_the_address(console: Deployment, desk: Desk) -> None:
    email, _ = await console.person()
    await desk.page.goto(f"{console.address}/sign-in")
    await desk.page.get_by_role("link", name="Forgotten your password?").click()
    await desk.page.get_by_label("E-mail address").fill(email)
    await desk.page.get_by_role("button", name="Send the link").click()
    await expect(desk.page.get_by_text("a letter with a link is on its way")).to_be_visible()
    link = await link_to(console.database, email)
    asked: list[str] = []
    desk.page.on("request", lambda request: asked.append(request.url))
    await desk.page.goto(link)
    await expect(desk.page.get_by_label("Code from the letter")).to_be_hidden()
    await desk.page.get_by_label("New password").fill(NEW_PASSWORD)
    assert desk.page.url == f"{console.address}/reset"
    await desk.page.get_by_role("button", name="Change the password").click()
    await expect(desk.page.get_by_text("Sign in with the new one")).to_be_visible()
    token = link.partition("#")[2]
    assert not any(token in url.partition("#")[0] for url in asked)
    await desk.sign_in(email, NEW_PASSWORD)
    await expect(desk.page.get_by_role("heading", name="Your account")).to_be_visible()
    assert desk.complaints == []


async def link_to(database: Database, email: str) -> str:
    """The link in the letter to an address, which is written after the page was answered."""
    async with asyncio.timeout(DEADLINE_MS / 1000):
        while True:
            async with await psycopg.AsyncConnection.connect(database.admin_url) as connection:
                cursor = await connection.execute("SELECT body FROM letters WHERE recipient = %s", (email,))
                row = await cursor.fetchone()
            if row is not None:
                break
            await asyncio.sleep(0.05)
    found = re.search(r"\S+/reset#\S+", row[0])
    assert found is not None
    return found[0]


async def test_without_javascript_a_password_and_a_code_are_enough(console: Deployment, browser: Browser) -> None:
    email, _ = await console.person()
    page = await new_page(browser, [], java_script_enabled=False)
    desk = Desk(page, [], None, "", console.address)
    await desk.sign_in(email)
    await expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    await page.get_by_role("link", name="Set up an app").click()
    seed = await page.locator("[data-copy]").first.get_attribute("data-copy")
    totp = pyotp.TOTP(seed or "")
    await page.get_by_label("six digits").fill(totp.now())
    await page.get_by_role("button", name="Set it up").click()
    code = await page.locator(".codes code").first.text_content()
    await page.get_by_role("button", name="Sign out").click()
    await desk.sign_in(email)
    await page.get_by_label("Code").fill(code or "")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    await close_pages(browser)


OUTSIDE = ("/sign-in", "/forgotten", "/reset", "/sign-in/organisation", "/sign-in/organisation?who=nobody")
INSIDE = (
    "/account",
    "/account/confirm",
    "/account/password",
    "/account/authenticator",
    "/account/authenticator/remove",
    "/account/recovery-codes",
    "/account/passkeys/new",
    "/organisation/sign-in",
)


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed in web/")
async def test_no_rule_of_wcag_a_or_aa_and_none_of_the_policy_is_broken(console: Deployment, desk: Desk) -> None:
    page = desk.page
    email, _ = await console.person()
    for path in OUTSIDE:
        await page.goto(f"{console.address}{path}")
        await breaks_no_rule_in_any_view(page)
    await desk.sign_in(email)
    await desk.add_passkey("A passkey with a name that is rather long")
    for path in INSIDE:
        await page.goto(f"{console.address}{path}")
        await breaks_no_rule_in_any_view(page)
    # A page that was refused says so in the browser's own log too.
    assert [each for each in desk.complaints if "404" not in each] == []
