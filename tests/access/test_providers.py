"""Signing in by an organisation's own provider, over real HTTP with real keys."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient, Response
from joserfc.jwk import OctKey, RSAKey
from psycopg.errors import CheckViolation

from forecourt.access import Role
from forecourt.access.signin.federation import claimed
from forecourt.access.signin.model import EVERYBODY, Grant, ProviderAway, ProviderRefused, granted
from forecourt.access.signin.oidc import KEYS_AGE_S, Oidc
from tests.access.provider import CLIENT_ID, CLIENT_SECRET, Provider, provider
from tests.access.ways import FORM, audited, signed_in
from tests.http import PASSWORD, House, Tenant, problem

GRANTS = "admins = owner\nfield = technician\nharbour = technician: 7, 9\nyard = site_host: 12\n"


class Door:
    """An organisation whose people sign in by a provider."""

    def __init__(self, house: House, tenant: Tenant, there: Provider, slug: str) -> None:
        self.house = house
        self.tenant = tenant
        self.there = there
        self.slug = slug
        self.domain = f"{slug}.example"

    async def set_up(self, **changes: str) -> Response:
        """Sets it up as an owner does."""
        owner = await signed_in(self.house, self.tenant)
        form = {
            "slug": self.slug,
            "issuer": self.there.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "group_claim": "groups",
            "domains": f"{self.domain}, harbour.example.org",
            "grants": GRANTS,
            **changes,
        }
        return await owner.post("/organisation/sign-in/provider", data=form)

    async def depart(self, browser: AsyncClient, wanted: str = "/stations") -> str:
        """Where a browser is sent."""
        answer = await browser.get(f"/sign-in/organisation/{self.slug}", params={"next": wanted})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def sign_in(self, *groups: str) -> tuple[AsyncClient, Response]:
        """Goes there and comes back as whoever the provider says, of these groups."""
        self.there.claims["groups"] = list(groups)
        browser = self.house.client(headers=FORM)
        back = self.there.authorize(await self.depart(browser))
        return browser, await browser.get(back, headers={"sec-fetch-site": "cross-site"})


@pytest_asyncio.fixture
async def there(house: House) -> AsyncIterator[Provider]:
    async with provider(house.clock) as made:
        yield made


@pytest_asyncio.fixture
async def door(house: House, tenant: Tenant, there: Provider) -> Door:
    made = Door(house, tenant, there, f"harbour-{tenant.tenant_id}")
    # Of this test alone: people outlive it.
    there.subject = f"ada-{tenant.tenant_id}"
    there.claims["email"] = f"ada@{made.domain}"
    answer = await made.set_up()
    assert answer.headers.get("location") == "/organisation/sign-in?done=provider", answer.text
    return made


def members(house: House, tenant: Tenant) -> list[tuple[Any, ...]]:
    with house.admin() as connection:
        return connection.execute(
            "SELECT role, site_ids, m.disabled_at IS NULL FROM memberships m JOIN people p USING (person_id)"
            " WHERE tenant_id = %s AND email LIKE %s",
            (tenant.tenant_id, "ada%"),
        ).fetchall()


async def me(browser: AsyncClient) -> int:
    return (await browser.get("/api/v1/stations", headers={"accept": "*/*"})).status_code


async def test_somebody_new_is_joined_with_the_role_of_their_groups(door: Door) -> None:
    browser, answer = await door.sign_in("field", "others")
    assert answer.status_code == 200
    assert 'content="0;url=/stations"' in answer.text, "a redirect would leave the strict cookie behind"
    assert await me(browser) == 200
    assert members(door.house, door.tenant) == [("technician", None, True)]
    assert audited(door.house, door.tenant)[-2:] == ["change role", "sign in"]
    with door.house.admin() as connection:
        rows = connection.execute("SELECT providers::text FROM providers").fetchall()
        audit = connection.execute("SELECT audit::text FROM audit").fetchall()
    assert not any(CLIENT_SECRET in row or CLIENT_SECRET.encode().hex() in row for (row,) in [*rows, *audit])


async def test_the_role_follows_the_groups_at_every_sign_in_and_ends_with_them(door: Door) -> None:
    await door.sign_in("field")
    await door.sign_in("harbour", "unknown")
    assert members(door.house, door.tenant) == [("technician", [7, 9], True)]
    await door.sign_in("yard")
    assert members(door.house, door.tenant) == [("site_host", [12], True)]
    before, _ = await door.sign_in("admins", "field")
    assert members(door.house, door.tenant) == [("owner", None, True)]
    browser, refused = await door.sign_in("unknown")
    assert refused.status_code == 401
    assert "None of your groups gives you a role here" in refused.text
    assert members(door.house, door.tenant) == [("owner", None, False)]
    assert await me(before) == await me(browser) == 401
    # Their groups let them in again; nobody else had put them out.
    browser, _ = await door.sign_in("field")
    assert await me(browser) == 200
    assert members(door.house, door.tenant) == [("technician", None, True)]


async def test_whom_an_owner_removed_stays_removed_whatever_the_groups_say(door: Door) -> None:
    await door.sign_in("field")
    with door.house.admin() as connection:
        connection.execute(
            "UPDATE memberships SET disabled_at = now() WHERE tenant_id = %s AND role = 'technician'",
            (door.tenant.tenant_id,),
        )
    _, refused = await door.sign_in("admins")
    assert refused.status_code == 401
    assert "You were removed from the organisation" in refused.text
    assert members(door.house, door.tenant) == [("technician", None, False)]


async def test_the_last_owner_stays_one(house: House, door: Door) -> None:
    with house.admin() as connection:
        connection.execute(
            "UPDATE people SET email = %s WHERE person_id = (SELECT person_id FROM memberships WHERE tenant_id = %s)",
            (door.there.claims["email"], door.tenant.tenant_id),
        )
    for groups in (("field",), ("unknown",)):
        await door.sign_in(*groups)
        assert members(house, door.tenant) == [("owner", None, True)]


async def test_a_providers_word_counts_in_its_own_organisation_only(house: House, door: Door, stranger: Tenant) -> None:
    # Somebody of another organisation, whose address this one's provider claims to know.
    email = await stranger.operator()
    door.there.claims["email"] = email
    answer = await door.set_up(client_secret="", domains="example.org")
    assert answer.headers["location"].endswith("provider")
    browser, _ = await door.sign_in("admins")
    assert await me(browser) == 200
    page = await browser.get("/account")
    assert "signed you in" in page.text
    # Neither their sessions elsewhere are seen, nor can it be changed how they sign in, nor the organisation.
    await signed_in(house, stranger, email, address="192.0.2.77")
    page = await browser.get("/account")
    assert "192.0.2.77" not in page.text
    for path in ("/account/password", "/account/authenticator", "/account/passkeys/new"):
        assert (await browser.get(path)).headers["location"] == "/account", path
    refused = await browser.post("/account/password", data={"password": "a kettle drives a purple boat"})
    assert refused.status_code == 403
    assert (await browser.post("/account/passkeys/options")).status_code == 403
    await browser.post("/account/sessions/end-others")
    with house.admin() as connection:
        rows = connection.execute(
            "SELECT tenant_id, provider_of FROM person_sessions s JOIN people USING (person_id) WHERE email = %s"
            " ORDER BY session_id",
            (email,),
        ).fetchall()
        assert rows == [(door.tenant.tenant_id, door.tenant.tenant_id), (stranger.tenant_id, None)]
        with pytest.raises(CheckViolation):
            connection.execute(
                "UPDATE person_sessions SET tenant_id = %s WHERE provider_of = %s",
                (stranger.tenant_id, door.tenant.tenant_id),
            )


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"nonce": "another"}, "was not accepted"),
        ({"nonce": None}, "was not accepted"),
        ({"aud": "another client"}, "was not accepted"),
        ({"aud": [CLIENT_ID, "another client"]}, "was not accepted"),
        ({"aud": [CLIENT_ID, "another client"], "azp": "another client"}, "was not accepted"),
        ({"iss": "https://another.example"}, "was not accepted"),
        ({"sub": None}, "was not accepted"),
        ({"exp": None}, "was not accepted"),
        ({"email_verified": False}, "verified"),
        ({"email_verified": None}, "verified"),
        ({"email_verified": "false"}, "verified"),
        ({"email": None}, "verified"),
        ({"email": "ada@elsewhere.example"}, "no mail domain"),
        ({"email": "ada@evil.example@harbour.example.evil"}, "no mail domain"),
        ({"groups": None}, "None of your groups"),
    ],
    ids=str,
)
async def test_a_token_that_is_not_right_in_everything_lets_nobody_in(
    door: Door, claims: dict[str, Any], words: str
) -> None:
    door.there.claims.update({"groups": ["admins"], **claims})
    browser = door.house.client(headers=FORM)
    answer = await browser.get(door.there.authorize(await door.depart(browser)))
    assert answer.status_code == 401
    assert words in answer.text
    assert await me(browser) == 401


async def test_an_expired_token_lets_nobody_in(door: Door) -> None:
    door.there.age_s = 300 + 61
    browser, answer = await door.sign_in("admins")
    assert answer.status_code == 401
    assert await me(browser) == 401
    door.there.age_s = 300 + 30
    browser, _ = await door.sign_in("admins")
    assert await me(browser) == 200, "clocks may differ a little"


async def test_only_the_providers_own_keys_sign_for_it(door: Door) -> None:
    door.there.signer = RSAKey.generate_key(2048)
    _, answer = await door.sign_in("admins")
    assert answer.status_code == 401
    # What is public must not be taken for a shared secret.
    door.there.signer = OctKey.import_key(str(door.there.key.as_dict(private=False)["n"]))
    door.there.algorithm = "HS256"
    _, answer = await door.sign_in("admins")
    assert answer.status_code == 401


async def test_keys_that_were_changed_are_asked_for_once(door: Door) -> None:
    await door.sign_in("admins")
    await door.sign_in("admins")
    assert door.there.asked.count("keys") == 1
    door.there.rotate()
    door.house.clock.advance(KEYS_AGE_S)
    browser, _ = await door.sign_in("admins")
    assert await me(browser) == 200
    assert door.there.asked.count("keys") == 2
    # Tokens by a key that nobody publishes don't make us ask again and again.
    door.there.published = []
    for _ in range(3):
        door.there.rotate()
        await door.sign_in("admins")
    assert door.there.asked.count("keys") == 2


async def test_who_comes_back_must_be_the_browser_that_left_and_comes_once(house: House, door: Door) -> None:
    door.there.claims["groups"] = ["admins"]
    browser, thief = house.client(headers=FORM), house.client(headers=FORM)
    back = door.there.authorize(await door.depart(browser))
    assert (await thief.get(back)).status_code == 410, "without the cookie of the way there"
    await door.depart(thief)
    assert (await thief.get(back)).status_code == 410, "with the cookie of another way"
    kept = browser.cookies.get("forecourt_provider")
    assert (await browser.get(back)).status_code == 200
    again = house.client(headers={**FORM, "cookie": f"forecourt_provider={kept}"})
    assert (await again.get(back)).status_code == 410, "a second time"
    late = house.client(headers=FORM)
    back = door.there.authorize(await door.depart(late))
    house.clock.advance(601)
    assert (await late.get(back)).status_code == 410, "too late"


async def test_a_code_of_one_provider_is_not_taken_to_another(house: House, door: Door, stranger: Tenant) -> None:
    async with provider(house.clock) as other:
        evil = Door(house, stranger, other, f"evil-{stranger.tenant_id}")
        assert (await evil.set_up()).status_code == 303
        browser = house.client(headers=FORM)
        away = await evil.depart(browser)
        # The evil provider sends the browser on to the honest one, with what it was given.
        back = other.authorize(away).replace(evil.slug, door.slug)
        assert (await browser.get(back)).status_code == 410
        assert "token" not in door.there.asked
        assert "token" not in other.asked


async def test_refusing_at_the_provider_leads_back_with_words(house: House, door: Door) -> None:
    browser = house.client(headers=FORM)
    state = door.there.authorize(await door.depart(browser)).split("state=")[1]
    answer = await browser.get(
        f"/sign-in/organisation/{door.slug}/callback", params={"error": "access_denied", "state": state}
    )
    assert answer.status_code == 401
    assert "was not accepted" in answer.text
    assert "token" not in door.there.asked


async def test_people_find_their_provider_by_address_or_name_and_see_where_they_go(house: House, door: Door) -> None:
    browser = house.client(headers=FORM)
    for who in (f"somebody@{door.domain.upper()}", door.slug):
        page = await browser.get("/sign-in/organisation", params={"who": who, "next": "/stations?q=1"})
        assert door.there.issuer in page.text
        assert f'href="/sign-in/organisation/{door.slug}?next=/stations%3Fq%3D1"' in page.text
    for who in ("somebody@elsewhere.example", "nobody", "%", "@"):
        page = await browser.get("/sign-in/organisation", params={"who": who})
        assert page.status_code == 404
    assert (await browser.get("/sign-in/organisation/nobody")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"slug": "Not A Slug!"}, "short name"),
        ({"issuer": "ftp://x"}, "issuer"),
        ({"client_id": " "}, "client id"),
        ({"domains": "gmail.com"}, "Anybody gets an address"),
        ({"domains": "not a domain"}, "mail domain"),
        ({"domains": ""}, "mail domains"),
        ({"grants": ""}, "which group"),
        ({"grants": "a = emperor"}, "role that there is none"),
        ({"grants": "a = technician: harbour"}, "numbers"),
        ({"grants": "= owner"}, "no group"),
        ({"grants": "a = owner: 7"}, "owner can"),
        ({"grants": "a = site_host"}, "host needs sites"),
    ],
    ids=str,
)
async def test_what_an_owner_mistypes_is_named(door: Door, changes: dict[str, str], words: str) -> None:
    answer = await door.set_up(**changes)
    assert answer.status_code == 422
    assert words in answer.text
    assert CLIENT_SECRET not in answer.text


async def test_a_provider_that_calls_itself_otherwise_or_is_not_there_is_not_set_up(door: Door) -> None:
    async with provider(door.house.clock) as other:
        other.said_issuer = "https://login.example.com"
        answer = await door.set_up(issuer=other.issuer)
        assert answer.status_code == 502
        assert "another name than its address" in answer.text
        gone = other.issuer
    assert (await door.set_up(issuer=gone)).status_code == 502


async def test_an_issuer_in_our_own_network_is_not_asked(house: House, door: Door) -> None:
    strict = Oidc(house.clock, private=False)
    door.there.asked.clear()
    port = door.there.issuer.rpartition(":")[2]
    for issuer in (
        door.there.issuer,
        f"https://127.0.0.1:{port}",
        f"https://localhost:{port}",
        "https://[::1]",
        "https://10.0.0.1",
    ):
        with pytest.raises(ProviderAway):
            await strict.discover(issuer)
    assert door.there.asked == []


async def test_a_provider_that_is_taken_away_takes_its_sessions_along(house: House, door: Door) -> None:
    browser, _ = await door.sign_in("field")
    owner = await signed_in(house, door.tenant)
    page = await owner.get("/organisation/sign-in/provider/remove")
    assert "end at once" in page.text
    assert (await owner.post("/organisation/sign-in/provider/remove")).status_code == 303
    assert await me(browser) == 401
    assert await me(owner) == 200
    assert (await browser.get(f"/sign-in/organisation/{door.slug}")).status_code == 404


async def test_a_second_factor_is_the_providers_business(house: House, door: Door) -> None:
    browser, _ = await door.sign_in("field")
    owner = await signed_in(house, door.tenant)
    await owner.post("/organisation/sign-in/second-factor", data={"required": "yes"})
    assert await me(browser) == 200
    assert await me(owner) == 403


def test_the_most_powerful_role_counts_at_all_sites_that_give_it() -> None:
    grants = [
        Grant(group="a", role=Role.VIEWER),
        Grant(group="b", role=Role.TECHNICIAN, sites=(3, 1)),
        Grant(group="c", role=Role.TECHNICIAN, sites=(2,)),
        Grant(group="d", role=Role.TECHNICIAN),
    ]

    def told(*groups: str) -> tuple[Role, tuple[int, ...] | None] | None:
        grant = granted(grants, groups)
        return None if grant is None else (grant.role, grant.sites)

    assert told("a", "b") == (Role.TECHNICIAN, (1, 3))
    assert told("c", "b") == (Role.TECHNICIAN, (1, 2, 3))
    assert told("c", "d") == (Role.TECHNICIAN, None)
    assert told() is told("e") is None
    assert granted([*grants, Grant(group=EVERYBODY, role=Role.SUPPORT)], []) is not None


@pytest.mark.parametrize("said", [{"sub": "a" * 256}, {"iss": "https://" + "a" * 500}, {"sub": ""}, {"sub": "a\0"}])
def test_a_name_that_can_not_be_kept_whole_is_refused_and_not_cut_to_that_of_another(said: dict[str, str]) -> None:
    whole = {"iss": "https://id.test", "sub": "a" * 255}
    assert claimed(whole).subject == "a" * 255
    with pytest.raises(ProviderRefused):
        claimed(whole | said)


async def test_a_providers_token_is_no_password(house: House, door: Door) -> None:
    await door.sign_in("field")
    form = {"email": door.there.claims["email"], "password": PASSWORD}
    answer = await house.client(headers=FORM).post("/sign-in", data=form)
    assert answer.status_code == 401
    problem(await house.client().get("/api/v1/stations"), 401, "unauthenticated")
