"""Choosing a password: when it is known, when it is forgotten, and when it is a bad one."""

import re
from pathlib import Path

import pytest
from argon2 import Type
from httpx import AsyncClient

from forecourt.access import Access
from forecourt.access.errors import PasswordRefused
from forecourt.access.model import TooManyAttempts
from forecourt.access.signin.attempts import FREE_FOR_PERSON, FREE_RESETS
from forecourt.access.signin.model import check_password
from forecourt.access.signin.steps import RESET_LIFE
from forecourt.ui.i18n import Languages
from tests.access.ways import FORM, NEW_PASSWORD, audited, enrolled, letters, make_wait, signed_in
from tests.http import BASE, PASSWORD, REAL, SECRET, House, Tenant, problem

#: What OWASP asks of argon2id at the least: memory in KiB, and times through it.
LEAST_MEMORY_KIB, LEAST_TIMES = 19 * 1024, 2

KNOWN = ("ada.lovelace@harbour-charging.example", "Ada Lovelace", "Harbour Charging Ltd")


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "elevenchars",
        "Password1234!",
        "passw0rd-passw0rd"[:8] * 2,
        "qwertzuiopü1",
        "1234567890123456",
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "HarbourCharging2026",
        "ada.lovelace-1815",
        "lovelace@harbour!",
        "charging-station-electric",
        "Sommer2026!Sommer2026!",
        "correct horse battery staple",
    ],
)
def test_what_others_would_guess_first_is_refused(password: str) -> None:
    with pytest.raises(PasswordRefused):
        check_password(password, KNOWN)


def test_to_try_passwords_costs_whoever_steals_their_hashes() -> None:
    assert REAL.type is Type.ID
    assert REAL.memory_cost >= LEAST_MEMORY_KIB
    assert REAL.time_cost >= LEAST_TIMES


@pytest.mark.parametrize("password", [NEW_PASSWORD, "Zwölf Boxkämpfer", "x7#Kq9!vTz2w", "harbour seal eats bicycle"])
def test_what_nobody_guesses_is_taken_whatever_its_characters(password: str) -> None:
    check_password(password, KNOWN)


def link_in(body: str) -> str:
    found = re.search(rf"{re.escape(BASE)}/reset#(\S+)", body)
    assert found is not None
    return found[1]


async def ask(house: House, email: str, address: str = "") -> None:
    answer = await house.client(headers=FORM, address=address).post("/forgotten", data={"email": email})
    assert answer.status_code == 200


async def reset(house: House, token: str, password: str = NEW_PASSWORD, address: str = "") -> int:
    browser = house.client(headers=FORM, address=address)
    return (await browser.post("/reset", data={"token": token, "password": password})).status_code


async def test_a_letter_leads_to_a_new_password_once_and_ends_all_sessions(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    before = await signed_in(house, tenant, email)
    await ask(house, f" {email.upper()} ")
    [(subject, body)] = letters(house, email)
    token = link_in(body)
    assert subject == "[Forecourt] A new password for Forecourt"
    assert await reset(house, token, "too short") == 422
    assert await reset(house, token) == 303
    assert await reset(house, token, "another kettle drives a boat") == 410
    problem(await before.get("/api/v1/stations"), 401, "unauthenticated")
    old = await house.client(headers=FORM).post("/sign-in", data={"email": email, "password": PASSWORD})
    assert old.status_code == 401
    await signed_in(house, tenant, email, password=NEW_PASSWORD)
    assert letters(house, email)[-1][0] == "[Forecourt] Your password was changed"
    assert audited(house, tenant)[:3] == ["sign in", "ask for new password", "reset password"]
    with house.admin() as connection:
        rows = connection.execute("SELECT audit::text FROM audit").fetchall()
        steps = connection.execute("SELECT sign_in_steps::text FROM sign_in_steps").fetchall()
    assert not any(token in row for (row,) in [*rows, *steps])


async def test_a_letter_s_link_does_not_end_the_wait_of_an_address_for_others(house: House, tenant: Tenant) -> None:
    email, address = await tenant.operator(), "203.0.113.202"
    await make_wait(house, address)
    await ask(house, email)
    [(_, body)] = letters(house, email)
    assert await reset(house, link_in(body), address=address) == 303
    await signed_in(house, tenant, email, password=NEW_PASSWORD, address=address)
    with pytest.raises(TooManyAttempts):
        await Access(house.db, SECRET.encode(), house.clock).attempts.begin("password", address, "next@example.org")


async def test_known_and_unknown_addresses_read_the_same(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    browser = house.client(headers=FORM)
    known = await browser.post("/forgotten", data={"email": email})
    unknown = await browser.post("/forgotten", data={"email": "nobody@example.org"})
    assert known.text == unknown.text
    assert known.status_code == unknown.status_code == 200
    assert len(letters(house, email)) == 1
    assert letters(house, "nobody@example.org") == []


async def test_a_link_is_good_for_half_an_hour_and_the_first_that_is_used_voids_the_others(
    house: House, tenant: Tenant
) -> None:
    email = await tenant.operator()
    await ask(house, email)
    await ask(house, email)
    first, second = (link_in(body) for _, body in letters(house, email))
    house.clock.advance(RESET_LIFE.total_seconds() - 1)
    assert await reset(house, second) == 303
    assert await reset(house, first) == 410
    await ask(house, email)
    third = link_in(letters(house, email)[-1][1])
    house.clock.advance(RESET_LIFE.total_seconds())
    assert await reset(house, third) == 410
    assert await reset(house, "") == 410
    assert await reset(house, "x" * 500) == 410


async def test_nobody_can_flood_somebody_with_letters(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    for number in range(FREE_RESETS + 3):
        await ask(house, email, address=f"203.0.113.{number}")
    assert len(letters(house, email)) == FREE_RESETS


async def test_a_letter_lets_in_whom_guessers_made_wait(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    for number in range(FREE_FOR_PERSON):
        guesser = house.client(address=f"203.0.113.{number}")
        assert (await guesser.post("/sign-in", data={"email": email, "password": "guess"})).status_code == 401
    new_place = "198.51.100.20"
    form = {"email": email, "password": PASSWORD}
    assert (await house.client(address=new_place).post("/sign-in", data=form)).status_code == 429
    await ask(house, email, new_place)
    assert await reset(house, link_in(letters(house, email)[-1][1]), address=new_place) == 303
    await signed_in(house, tenant, email, password=NEW_PASSWORD, address=new_place)
    # And from then on, whatever is tried elsewhere.
    for number in range(FREE_FOR_PERSON + 1):
        await house.client(address=f"203.0.113.{number}").post("/sign-in", data={"email": email, "password": "guess"})
    await signed_in(house, tenant, email, password=NEW_PASSWORD, address=new_place)


async def test_a_new_password_does_not_replace_the_second_factor(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    app, _ = await enrolled(house, await signed_in(house, tenant, email))
    half = house.client(headers=FORM)
    await half.post("/sign-in", data={"email": email, "password": PASSWORD})
    await ask(house, email)
    assert await reset(house, link_in(letters(house, email)[-1][1])) == 303
    # What the old password had begun is over, too.
    assert (await half.post("/sign-in/second-factor", data={"code": app.later()})).status_code == 410
    answer = await house.client(headers=FORM).post("/sign-in", data={"email": email, "password": NEW_PASSWORD})
    assert answer.headers["location"].startswith("/sign-in/second-factor")


async def test_changing_the_password_keeps_this_session_and_ends_the_others(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    here, there = await signed_in(house, tenant, email), await signed_in(house, tenant, email)
    refused = await here.post("/account/password", data={"password": f"{email} 2026"})
    assert refused.status_code == 422
    assert "too easy to guess" in refused.text
    answer = await here.post("/account/password", data={"password": NEW_PASSWORD})
    assert answer.headers["location"] == "/account?done=password"
    assert (await here.get("/api/v1/stations")).status_code == 200
    problem(await there.get("/api/v1/stations"), 401, "unauthenticated")
    await signed_in(house, tenant, email, password=NEW_PASSWORD)


async def test_no_page_and_no_log_holds_a_password_or_a_token(
    house: House, tenant: Tenant, capfd: pytest.CaptureFixture[str]
) -> None:
    email = await tenant.operator()
    browser = await signed_in(house, tenant, email)
    app, codes = await enrolled(house, browser)
    await ask(house, email)
    token = link_in(letters(house, email)[-1][1])
    pages = [
        await browser.post("/sign-in", data={"email": email, "password": "s3cret guess of somebody"}),
        await browser.post("/reset", data={"token": "w" * 43, "password": "s3cret guess of somebody"}),
        await browser.get("/account"),
    ]
    out, err = capfd.readouterr()
    for secret in (PASSWORD, token, app.seed, codes[0], browser.cookies.get("forecourt_session") or "-"):
        assert secret not in out + err
    assert not any("s3cret guess" in page.text for page in pages)


async def test_the_forms_work_without_scripts_in_both_languages(house: House) -> None:
    browser: AsyncClient = house.client(headers=FORM)
    for language in Languages([Path("src/forecourt/access")]):
        for path in ("/sign-in", "/forgotten", "/reset", "/sign-in/organisation"):
            page = await browser.get(path, headers={"accept-language": language.language})
            assert page.status_code == 200
            assert f'<html lang="{language.language}"' in page.text
            assert "<form" in page.text
            assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=", page.text)
