"""Signing in with a browser, and what a browser must not be made to do."""

import pytest

from forecourt.access.attempts import MAX_FOR_PAIR, WINDOW_S
from forecourt.access.pages import own_path
from forecourt.access.service import SESSION_LIFE
from tests.http import BASE, PASSWORD, House, Tenant, problem

FORM = {"origin": BASE}


async def test_the_right_password_opens_a_session_in_a_cookie_that_scripts_cant_read(
    house: House, tenant: Tenant
) -> None:
    browser = house.client()
    email = await tenant.operator()
    answer = await browser.post(
        "/sign-in", data={"email": f" {email.upper()} ", "password": PASSWORD, "next": "/stations?q=1"}, headers=FORM
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/stations?q=1"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/;" in cookie
    assert "secure" not in cookie
    assert (await browser.get("/api/v1/stations")).status_code == 200


async def test_the_cookie_is_secure_over_tls(house: House, tenant: Tenant) -> None:
    browser = house.client()
    form = {"email": await tenant.operator(), "password": PASSWORD}
    answer = await browser.post(f"{BASE.replace('http:', 'https:')}/sign-in", data=form)
    assert "secure" in answer.headers["set-cookie"].lower()
    assert "max-age" in answer.headers["strict-transport-security"]


async def test_the_database_holds_no_session_token_and_no_password(house: House, tenant: Tenant) -> None:
    browser = house.client()
    await browser.post("/sign-in", data={"email": await tenant.operator(), "password": PASSWORD})
    token = browser.cookies["forecourt_session"]
    with house.admin() as connection:
        sessions = connection.execute("SELECT person_sessions::text FROM person_sessions").fetchall()
        people = connection.execute("SELECT password_hash FROM people").fetchall()
    assert not any(token in text for (text,) in sessions)
    assert all(text.startswith("$argon2id$") for (text,) in people)


async def test_a_wrong_password_and_an_unknown_address_read_the_same(house: House, tenant: Tenant) -> None:
    browser = house.client()
    email = await tenant.operator()
    wrong = await browser.post("/sign-in", data={"email": email, "password": "guess"})
    unknown = await browser.post("/sign-in", data={"email": "nobody@example.org", "password": "guess"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace(email, "") == unknown.text.replace("nobody@example.org", "")
    assert "do not belong together" in wrong.text
    assert "forecourt_session" not in browser.cookies


async def test_guessing_ends_for_the_one_who_guesses_and_not_for_the_owner(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    browser = house.client()
    for _ in range(MAX_FOR_PAIR):
        assert (await browser.post("/sign-in", data={"email": email, "password": "guess"})).status_code == 401
    answer = await browser.post("/sign-in", data={"email": email, "password": PASSWORD})
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text
    other = await tenant.operator()
    assert (await browser.post("/sign-in", data={"email": other, "password": PASSWORD})).status_code == 303
    house.clock.advance(WINDOW_S)
    assert (await browser.post("/sign-in", data={"email": email, "password": PASSWORD})).status_code == 303


async def test_a_session_ends_by_itself_and_by_signing_out(house: House, tenant: Tenant) -> None:
    browser = house.client()
    form = {"email": await tenant.operator(), "password": PASSWORD}
    await browser.post("/sign-in", data=form)
    house.clock.advance(SESSION_LIFE.total_seconds() - 1)
    assert (await browser.get("/api/v1/stations")).status_code == 200
    house.clock.advance(1)
    problem(await browser.get("/api/v1/stations"), 401, "unauthenticated")
    await browser.post("/sign-in", data=form)
    token = browser.cookies["forecourt_session"]
    answer = await browser.post("/sign-out", headers=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    kept = house.client(headers={"cookie": f"forecourt_session={token}"})
    problem(await kept.get("/api/v1/stations"), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "cross-site", "origin": BASE}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"origin": BASE}, True),
    ],
)
async def test_a_cookie_changes_nothing_on_behalf_of_another_site(
    house: House, tenant: Tenant, headers: dict[str, str], allowed: bool
) -> None:
    browser = house.client()
    await browser.post("/sign-in", data={"email": await tenant.operator(), "password": PASSWORD})
    answer = await browser.post("/api/v1/sites", json={"name": "Yard"}, headers=headers)
    if allowed:
        assert answer.status_code == 201
    else:
        problem(answer, 403, "cross-site")
    assert (await browser.get("/api/v1/sites", headers=headers)).status_code == 200


async def test_another_site_cant_sign_somebody_in(house: House, tenant: Tenant) -> None:
    browser = house.client()
    form = {"email": await tenant.operator(), "password": PASSWORD}
    answer = await browser.post("/sign-in", data=form, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "forecourt_session" not in browser.cookies


async def test_a_disabled_person_is_out_at_once(house: House, tenant: Tenant) -> None:
    browser = house.client()
    email = await tenant.operator()
    form = {"email": email, "password": PASSWORD}
    await browser.post("/sign-in", data=form)
    with house.admin() as connection:
        connection.execute("UPDATE people SET disabled_at = now() WHERE email = %s", (email,))
    problem(await browser.get("/api/v1/stations"), 401, "unauthenticated")
    assert (await browser.post("/sign-in", data=form)).status_code == 401


async def test_the_form_works_without_scripts_and_keeps_where_to_go(house: House) -> None:
    page = await house.client().get("/sign-in", params={"next": '/stations?q="><script>'})
    assert page.status_code == 200
    assert 'method="post" action="/sign-in"' in page.text
    assert "<script>" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "", "stations", "/a\r\nx: y", "/" * 3000]
)
def test_only_a_path_of_our_own_is_gone_to(wanted: str) -> None:
    assert own_path(wanted) == "/"
