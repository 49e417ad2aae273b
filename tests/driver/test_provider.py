"""Drivers who sign in by their organisation's own provider, over real HTTP with real keys."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey
from litestar import Router
from msgspec import Meta, ValidationError, convert

from forecourt.access.signin.model import ProviderInvalid
from forecourt.driver.account.api import entry
from forecourt.drivers.accounts.providers import APP_REDIRECT_PATTERN, DriverProviderWanted, provider_tag
from forecourt.platform.preconditions import ChangedMeanwhile
from tests.access.provider import CLIENT_ID, CLIENT_SECRET, Provider, provider
from tests.driver.porch import HOST, Porch, an_api
from tests.ground import Ground
from tests.payments.till import a_tariff, a_till
from tests.sandbox import Sandbox, sandbox
from tests.support import FakeClock

#: What a driver reads whose address is not verified there, by language.
UNVERIFIED = {
    "en": "is not confirmed there",
    "de": "dort nicht bestätigt",
    "fr": "pas confirmée",
    "nl": "daar niet bevestigd",
    "es": "no está confirmada",
}


class Door:
    """An organisation whose drivers sign in by a provider."""

    def __init__(self, porch: Porch, there: Provider) -> None:
        self.porch = porch
        self.there = there

    async def set_up(self, **changes: Any) -> Any:
        wanted: dict[str, Any] = {
            "title": "Volt ID", "issuer": self.there.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        }  # fmt: skip
        return await self.porch.providers.set_up(self.porch.till.actor, DriverProviderWanted(**wanted | changes))

    async def depart(self, browser: httpx.AsyncClient) -> str:
        """Where a browser is sent."""
        answer = await browser.get(f"/my/sign-in/{self.porch.slug}/provider", follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def sign_in(self, browser: httpx.AsyncClient | None = None, **claims: Any) -> httpx.Response:
        """Goes there and comes back as whoever the provider says."""
        self.there.claims = {"email": "ada@example.com", "email_verified": True, "name": "Ada", **claims}
        browser = browser or self.porch.browser()
        back = self.there.authorize(await self.depart(browser))
        return await browser.get(back, headers={"sec-fetch-site": "cross-site"})

    def accounts(self) -> list[dict[str, Any]]:
        return self.porch.till.rows(
            "SELECT driver_id, email, state FROM driver_accounts WHERE tenant_id = %s ORDER BY driver_id",
            self.porch.tenant,
        )


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def door(ground: Ground, clock: FakeClock, box: Sandbox) -> AsyncIterator[Door]:
    async with a_till(ground, clock, box, a_tariff()) as till, provider(till.clock) as there:
        made = Door(Porch(till), there)
        await made.set_up()
        yield made


async def test_somebody_new_has_an_account_by_their_verified_address_and_comes_back_to_it(door: Door) -> None:
    page = await door.porch.browser().get(f"/my/sign-in/{door.porch.slug}")
    assert "Sign in with Volt ID" in page.text
    browser = door.porch.browser()
    answer = await door.sign_in(browser, email="Ada@Example.com")
    assert (answer.status_code, answer.url.path) == (200, "/my"), answer.text
    [account] = door.accounts()
    assert account["email"] == "ada@example.com"
    # From then on the provider's own name for them counts, whatever address it has.
    again = await door.sign_in(email="other@example.com", email_verified=False)
    assert again.url.path == "/my"
    assert door.accounts() == [account]
    sessions = door.porch.till.rows("SELECT how FROM driver_sessions WHERE tenant_id = %s", door.porch.tenant)
    assert [each["how"] for each in sessions] == ["provider", "provider"]
    kept = door.porch.till.rows("SELECT p::text AS row FROM driver_providers p")
    audits = door.porch.till.rows("SELECT a::text AS row FROM audit a WHERE tenant_id = %s", door.porch.tenant)
    assert not any(
        CLIENT_SECRET in each["row"] or CLIENT_SECRET.encode().hex() in each["row"] for each in (*kept, *audits)
    )


async def test_an_account_of_a_letter_is_linked_by_a_verified_address_alone(door: Door) -> None:
    _, ada = await door.porch.signed_in("ada@example.com")
    refused = await door.sign_in(email_verified=False)
    assert (refused.status_code, "is not confirmed there" in refused.text) == (409, True)
    for unsaid in ("true", 1, None):
        assert "is not confirmed there" in (await door.sign_in(email_verified=unsaid)).text
    assert (await door.sign_in()).url.path == "/my"
    assert [each["driver_id"] for each in door.accounts()] == [ada.driver_id]
    # Another person of the provider to whom the address was given later is not let into the account.
    door.there.subject = "somebody else"
    assert "linked to somebody else" in (await door.sign_in()).text
    assert len(door.accounts()) == 1


@pytest.mark.parametrize("language", UNVERIFIED)
async def test_errors_are_told_in_the_drivers_language(door: Door, language: str) -> None:
    browser = door.porch.browser()
    browser.headers["accept-language"] = language
    assert UNVERIFIED[language] in (await door.sign_in(browser, email_verified=False)).text


async def test_blocked_and_erased_accounts_are_refused(door: Door) -> None:
    browser = door.porch.browser()
    await door.sign_in(browser)
    [account] = door.accounts()
    till = door.porch.till
    till.rows("UPDATE driver_accounts SET state = 'blocked' WHERE driver_id = %s", account["driver_id"])
    answer = await door.sign_in()
    assert (answer.status_code, "account is blocked" in answer.text) == (409, True)
    assert (await browser.get("/my", follow_redirects=False)).status_code == 303
    till.rows("UPDATE driver_accounts SET state = 'active' WHERE driver_id = %s", account["driver_id"])
    driver = await door.porch.driver(account["driver_id"])
    await door.porch.leaving.erase(driver, driver.acting())
    # Whoever comes back is somebody new: nothing leads to the account that was erased.
    assert (await door.sign_in()).url.path == "/my"
    erased, new = door.accounts()
    assert (erased["state"], erased["email"], new["email"]) == ("erased", None, "ada@example.com")
    assert new["driver_id"] != erased["driver_id"]


async def test_only_who_went_comes_back_once_with_what_was_asked_for(door: Door) -> None:
    browser, thief = door.porch.browser(), door.porch.browser()
    url = await door.depart(browser)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert query["code_challenge_method"] == "S256"
    assert query["redirect_uri"] == f"{HOST}/my/sign-in/{door.porch.slug}/callback"
    assert len(query["nonce"]) > 30
    back = door.there.authorize(url)
    # The answer of somebody else's browser, another state, and a second time.
    assert "Sign in again" in (await thief.get(back)).text
    other = await thief.get(re.sub("state=[^&]+", "state=made-up", door.there.authorize(await door.depart(thief))))
    assert "Sign in again" in other.text
    assert (await browser.get(back)).url.path == "/my"
    assert "Sign in again" in (await browser.get(back)).text
    assert len(door.accounts()) == 1
    gone = await door.depart(thief)
    door.porch.till.clock.advance(11 * 60)
    assert "Sign in again" in (await thief.get(door.there.authorize(gone))).text


@pytest.mark.parametrize("lie", ["nonce", "audience", "issuer", "key", "age", "verifier"])
async def test_a_token_that_is_not_right_signs_nobody_in(door: Door, lie: str) -> None:
    browser = door.porch.browser()
    url = await door.depart(browser)
    back = door.there.authorize(url)
    match lie:
        case "nonce":
            next(iter(door.there.codes.values()))["nonce"] = "another"
        case "audience":
            door.there.claims["aud"] = "somebody"
        case "issuer":
            door.there.claims["iss"] = "https://elsewhere.example"
        case "key":
            door.there.signer = RSAKey.generate_key(2048)
        case "age":
            door.there.age_s = 3_600
        case "verifier":
            next(iter(door.there.codes.values()))["code_challenge"] = "another"
    answer = await browser.get(back)
    assert (answer.status_code, "was not accepted" in answer.text) == (409, True), answer.text
    assert door.accounts() == []


async def test_mail_domains_and_a_provider_that_is_away_or_gone_are_told(door: Door) -> None:
    await door.set_up(domains=["volt.example"])
    assert "sign in this way" in (await door.sign_in(email="ada@example.com")).text
    assert (await door.sign_in(email="ada@volt.example")).url.path == "/my"
    browser = door.porch.browser()
    url = await door.depart(browser)
    await door.porch.providers.remove(door.porch.till.actor)
    assert "no such sign-in" in (await browser.get(door.there.authorize(url))).text
    page = await door.porch.browser().get(f"/my/sign-in/{door.porch.slug}")
    assert "Volt ID" not in page.text
    # What it began is over.
    rows = door.porch.till.rows("SELECT 1 FROM driver_sessions WHERE tenant_id = %s", door.porch.tenant)
    assert rows == []
    nowhere = await door.porch.browser().get(f"/my/sign-in/{door.porch.slug}/provider")
    assert "no such sign-in" in nowhere.text


async def test_it_is_set_up_only_as_it_works_and_another_issuer_ends_what_the_first_began(door: Door) -> None:
    with pytest.raises(ProviderInvalid):
        await door.set_up(issuer="login.example.com")
    with pytest.raises(ProviderInvalid):
        await door.set_up(issuer="http://127.0.0.1:9")
    first = await door.porch.providers.show(door.porch.till.actor)
    kept = await door.set_up(client_secret=None, title="New")
    assert (kept.client_secret, kept.version) == (first.client_secret if first else b"", 2)
    wanted = DriverProviderWanted(title="X", issuer=door.there.issuer, client_id="x")
    with pytest.raises(ChangedMeanwhile):
        await door.porch.providers.set_up(door.porch.till.actor, wanted, provider_tag(first))
    browser = door.porch.browser()
    await door.sign_in(browser)
    async with provider(door.porch.till.clock) as other:
        await door.set_up(issuer=other.issuer)
        assert (await browser.get("/my", follow_redirects=False)).status_code == 303
        # The same name at another provider is another person: the verified address alone links them.
        door.there = other
        assert (await door.sign_in()).url.path == "/my"
    assert len(door.accounts()) == 1


async def test_whoever_was_asked_to_sign_in_at_a_station_comes_back_to_it(door: Door) -> None:
    porch = door.porch
    price = await porch.browser().get(f"/charge/{porch.till.station}/1")
    assert f'href="{porch.there}"' in price.text
    for by_letter in (False, True):
        browser = porch.browser()
        page = await browser.get(porch.there)
        assert page.url.path == f"/my/sign-in/{porch.slug}"
        if by_letter:
            await browser.post(f"/my/sign-in/{porch.slug}", data={"email": "bea@example.com"})
            [*_, letter] = porch.till.rows(
                "SELECT body FROM letters WHERE tenant_id = %s ORDER BY written_at", porch.tenant
            )
            code = re.search(r"/my/enter\S*#(\w+)", letter["body"])
            assert code is not None
            answer = await browser.post("/my/enter", data={"token": code[1]})
        else:
            answer = await door.sign_in(browser)
        assert answer.url.path == porch.there
        assert (await browser.get("/my")).url.path == "/my"
    # Nobody is led to another site.
    browser = porch.browser()
    await browser.get(f"/my/sign-in/{porch.slug}", params={"next": "//evil.example"})
    assert (await door.sign_in(browser)).url.path == "/my"


APP, NATIVE = "com.volt.app:/signed-in", "volt-app"


@pytest_asyncio.fixture
async def phone(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    """The operator's own app, which speaks with the API alone."""
    app = an_api(door.porch, Router("/", route_handlers=entry.handlers))
    transport = httpx.ASGITransport(app, client=(f"10.8.0.{door.porch.tenant % 250}", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://api.test") as client:
        yield client


async def begun(phone: httpx.AsyncClient, door: Door, way: str = "", **more: str) -> Any:
    answer = await phone.post(f"/sign-in/provider{way}", json={"brand": door.porch.slug} | more)
    return answer.json() | {"status": answer.status_code}


async def test_an_app_signs_in_by_the_code_of_the_provider_once(door: Door, phone: httpx.AsyncClient) -> None:
    assert (await begun(phone, door, redirect_uri=APP))["code"] == "app-not-listed"
    await door.set_up(app_redirects=[APP])
    assert (await begun(phone, door, redirect_uri="https://thief.example/back"))["code"] == "app-not-listed"
    way = await begun(phone, door, redirect_uri=APP)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(way["url"]).query).items()}
    assert (asked["redirect_uri"], asked["code_challenge_method"]) == (APP, "S256")
    door.there.claims = {"email": "ada@example.com", "email_verified": True}
    back = parse_qs(urlsplit(door.there.authorize(way["url"])).query)
    said = {"step": way["step"], "state": back["state"][0], "code": back["code"][0]}
    # What another app began finishes nothing, and neither do the pages.
    other = await begun(phone, door, redirect_uri=APP)
    assert (await phone.post("/sign-in/provider/enter", json=said | {"step": other["step"]})).status_code == 410
    browser = door.porch.browser()
    browser.cookies.set("forecourt_driver_provider", way["step"])
    crossed = await browser.get(f"/my/sign-in/{door.porch.slug}/callback", params=said)
    assert "Sign in again" in crossed.text
    entered = await phone.post("/sign-in/provider/enter", json=said)
    assert (entered.status_code, entered.json()["driver"]["email"]) == (200, "ada@example.com"), entered.text
    token = {"authorization": f"Bearer {entered.json()['token']}"}
    assert (await phone.get("/me", headers=token)).json()["email"] == "ada@example.com"
    assert (await phone.post("/sign-in/provider/enter", json=said)).status_code == 410
    # It ends with the provider, as what the pages began does.
    await door.porch.providers.remove(door.porch.till.actor)
    assert (await phone.get("/me", headers=token)).status_code == 401


async def test_an_app_signs_in_by_an_id_token_with_the_nonce_that_it_was_given(
    door: Door, phone: httpx.AsyncClient
) -> None:
    assert (await begun(phone, door, "/nonce"))["code"] == "app-not-listed"
    await door.set_up(app_clients=[NATIVE])
    way = await begun(phone, door, "/nonce")
    assert way["issuer"] == door.there.issuer
    door.there.claims = {"email": "ada@example.com", "email_verified": True, "aud": NATIVE}
    token = door.there.token({"nonce": way["nonce"]})
    entered = await phone.post("/sign-in/provider/token", json={"step": way["step"], "id_token": token})
    assert (entered.status_code, entered.json()["driver"]["email"]) == (200, "ada@example.com"), entered.text
    again = await phone.post("/sign-in/provider/token", json={"step": way["step"], "id_token": token})
    assert again.status_code == 410
    # A token that was once shown is good for no other step.
    later = await begun(phone, door, "/nonce")
    replayed = await phone.post("/sign-in/provider/token", json={"step": later["step"], "id_token": token})
    assert (replayed.status_code, replayed.json()["code"]) == (401, "provider-refused")


@pytest.mark.parametrize("lie", ["nonce", "audience", "pages", "several", "issuer", "key", "age", "none", "unverified"])
async def test_an_id_token_that_is_not_right_signs_no_app_in(door: Door, phone: httpx.AsyncClient, lie: str) -> None:
    await door.set_up(app_clients=[NATIVE])
    way = await begun(phone, door, "/nonce")
    claims: dict[str, Any] = {"email": "ada@example.com", "email_verified": True, "aud": NATIVE}
    nonce = way["nonce"]
    match lie:
        case "nonce":
            nonce = "another"
        case "audience":
            claims["aud"] = "somebody"
        case "pages":
            claims["aud"] = CLIENT_ID
        case "several":
            claims["aud"] = [NATIVE, "somebody"]
        case "issuer":
            claims["iss"] = "https://elsewhere.example"
        case "key":
            door.there.signer = RSAKey.generate_key(2048)
        case "age":
            door.there.age_s = 3_600
        case "unverified":
            claims["email_verified"] = False
    door.there.claims = claims
    token = door.there.token({"nonce": nonce})
    if lie == "none":
        token = f"eyJhbGciOiJub25lIn0.{token.split('.')[1]}."
    answer = await phone.post("/sign-in/provider/token", json={"step": way["step"], "id_token": token})
    assert answer.status_code == (403 if lie == "unverified" else 401), answer.text
    assert door.accounts() == []


def test_only_addresses_of_an_app_may_be_listed() -> None:
    for wrong in ("http://app.example.com/x", "javascript:alert(1)", "app:/x", "https://a.example/#x", "data:text/x"):
        with pytest.raises(ValidationError):
            convert(wrong, Annotated[str, Meta(pattern=APP_REDIRECT_PATTERN)])
    for right in (APP, "https://app.example.com/signed-in?x=1"):
        assert convert(right, Annotated[str, Meta(pattern=APP_REDIRECT_PATTERN)]) == right
