"""Second factors: codes by time, recovery codes, and organisations that ask for one."""

import asyncio

import pytest

from forecourt.access import Role
from forecourt.access.signin.attempts import FREE_FOR_PAIR
from forecourt.access.signin.model import RECENT, RECOVERY_CODES
from forecourt.access.signin.steps import STEP_LIFE
from tests.access.ways import FORM, App, audited, enrolled, letters, signed_in
from tests.http import PASSWORD, House, Tenant, problem


async def test_after_the_password_the_app_is_asked_for_and_without_it_nothing_opens(
    house: House, tenant: Tenant
) -> None:
    email = await tenant.operator()
    app, codes = await enrolled(house, await signed_in(house, tenant, email))
    assert len(set(codes)) == RECOVERY_CODES
    browser = house.client(headers=FORM)
    answer = await browser.post("/sign-in", data={"email": email, "password": PASSWORD, "next": "/stations?q=1"})
    assert answer.headers["location"] == "/sign-in/second-factor?next=%2Fstations%3Fq%3D1"
    assert "forecourt_session" not in browser.cookies
    problem(await browser.get("/api/v1/stations"), 401, "unauthenticated")
    page = await browser.get(answer.headers["location"])
    assert 'autocomplete="one-time-code"' in page.text
    wrong = await browser.post("/sign-in/second-factor", data={"code": "000000"})
    assert wrong.status_code == 401
    assert "The code is wrong" in wrong.text
    right = await browser.post("/sign-in/second-factor", data={"code": app.later(), "next": "/stations?q=1"})
    assert right.headers["location"] == "/stations?q=1"
    assert (await browser.get("/api/v1/stations")).status_code == 200
    assert audited(house, tenant) == ["sign in", "add authenticator", "prove identity", "sign in"]


async def test_a_code_is_taken_once_and_so_are_those_before_it(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    app, _ = await enrolled(house, await signed_in(house, tenant, email))

    async def show(code: str) -> int:
        browser = house.client(headers=FORM)
        await browser.post("/sign-in", data={"email": email, "password": PASSWORD})
        return (await browser.post("/sign-in/second-factor", data={"code": code})).status_code

    assert await show(app.code()) == 401, "the code of the enrolment was taken by it"
    code = app.later()
    before = app.code(-30)
    # Of two that come at the same moment, one is let in.
    assert sorted(await asyncio.gather(show(code), show(code))) == [303, 401]
    assert await show(before) == 401
    assert await show(app.code(30)) == 303, "a telephone's clock may be a little ahead"
    assert await show(app.code(90)) == 401


async def test_a_recovery_code_signs_in_once_and_a_letter_says_how_many_are_left(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    _, codes = await enrolled(house, await signed_in(house, tenant, email))
    for code, status in ((codes[0].upper(), 303), (codes[0], 401), (codes[1].replace("-", " "), 303)):
        browser = house.client(headers=FORM)
        await browser.post("/sign-in", data={"email": email, "password": PASSWORD})
        assert (await browser.post("/sign-in/second-factor", data={"code": code})).status_code == status
    told = [subject for subject, _ in letters(house, email)]
    assert told == [
        "[Forecourt] An authenticator app was added to your account",
        f"[Forecourt] A recovery code was used; {RECOVERY_CODES - 1} are left",
        f"[Forecourt] A recovery code was used; {RECOVERY_CODES - 2} are left",
    ]


async def test_the_database_holds_no_seed_and_no_recovery_code(house: House, tenant: Tenant) -> None:
    app, codes = await enrolled(house, await signed_in(house, tenant))
    with house.admin() as connection:
        rows = [
            text
            for table in ("authenticators", "recovery_codes", "letters", "audit", "sign_in_steps")
            for (text,) in connection.execute(f"SELECT {table}::text FROM {table}".encode()).fetchall()
        ]
    assert len(rows) > RECOVERY_CODES
    for secret in (app.seed, app.seed.encode().hex(), *codes, *(code.replace("-", "") for code in codes)):
        assert not any(secret in row for row in rows)


async def test_a_stolen_row_opens_nothing_for_another_person(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    mine = await signed_in(house, tenant)
    app, _ = await enrolled(house, mine)
    await enrolled(house, await signed_in(house, tenant, email))
    with house.admin() as connection:
        connection.execute(
            "UPDATE authenticators SET seed = (SELECT seed FROM authenticators ORDER BY created_at, person_id LIMIT 1)"
        )
    browser = house.client(headers=FORM)
    await browser.post("/sign-in", data={"email": email, "password": PASSWORD})
    answer = await browser.post("/sign-in/second-factor", data={"code": app.later()})
    assert answer.status_code == 500


async def test_codes_cant_be_guessed_and_a_half_sign_in_does_not_wait_for_long(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    app, _ = await enrolled(house, await signed_in(house, tenant, email))
    browser = house.client(headers=FORM, address="192.0.2.9")
    await browser.post("/sign-in", data={"email": email, "password": PASSWORD})
    statuses = [
        (await browser.post("/sign-in/second-factor", data={"code": f"{number:06d}"})).status_code
        for number in range(FREE_FOR_PAIR + 2)
    ]
    assert statuses == [401] * FREE_FOR_PAIR + [429] * 2
    assert (await browser.post("/sign-in/second-factor", data={"code": app.later()})).status_code == 303
    late = house.client(headers=FORM)
    await late.post("/sign-in", data={"email": email, "password": PASSWORD})
    house.clock.advance(STEP_LIFE.total_seconds())
    answer = await late.post("/sign-in/second-factor", data={"code": app.later()})
    assert answer.status_code == 410
    assert "Begin again" in answer.text


async def test_an_enrolment_is_of_one_person_for_some_minutes(house: House, tenant: Tenant) -> None:
    mine, yours = await signed_in(house, tenant), await signed_in(house, tenant)
    page = await mine.get("/account/authenticator")
    sealed = page.text.split('name="sealed" value="')[1].split('"')[0]
    app = App(house, page.text.split('data-copy="')[1].split('"')[0])
    assert (await yours.post("/account/authenticator", data={"sealed": sealed, "code": app.code()})).status_code == 303
    assert (await mine.post("/account/authenticator", data={"sealed": sealed, "code": "000000"})).status_code == 401
    assert "<svg" in page.text
    assert "style=" not in page.text
    house.clock.advance(RECENT.total_seconds() + 1)
    assert (await mine.post("/account/authenticator", data={"sealed": sealed, "code": app.code()})).status_code == 303
    assert "add authenticator" not in audited(house, tenant)


async def test_who_changes_how_they_sign_in_proves_first_that_it_is_still_them(house: House, tenant: Tenant) -> None:
    browser = await signed_in(house, tenant)
    before = browser.cookies["forecourt_session"]
    house.clock.advance(RECENT.total_seconds() + 1)
    for path in ("/account/authenticator", "/account/password", "/account/passkeys/new"):
        answer = await browser.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/account/confirm"), path
    answer = await browser.post("/account/password", data={"password": "a kettle that drives a purple car"})
    assert "confirm" in answer.headers["location"]
    wrong = await browser.post("/account/confirm", data={"password": "guess", "next": "/account/password"})
    assert wrong.status_code == 401
    right = await browser.post("/account/confirm", data={"password": PASSWORD, "next": "/account/password"})
    assert right.headers["location"] == "/account/password"
    assert (await browser.get("/account/password")).status_code == 200
    # The proof is the session's from now on, under a name that whoever saw the old one doesn't know.
    kept = house.client(headers={"cookie": f"forecourt_session={before}"})
    problem(await kept.get("/api/v1/stations"), 401, "unauthenticated")


async def test_the_last_factor_takes_the_recovery_codes_along(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    browser = await signed_in(house, tenant, email)
    await enrolled(house, browser)
    page = await browser.get("/account/authenticator/remove")
    assert "It is your last second factor" in page.text
    assert (await browser.post("/account/authenticator/remove")).status_code == 303
    answer = await house.client(headers=FORM).post("/sign-in", data={"email": email, "password": PASSWORD})
    assert answer.headers["location"] == "/"
    with house.admin() as connection:
        row = connection.execute(
            "SELECT count(*) FROM recovery_codes JOIN people USING (person_id) WHERE email = %s", (email,)
        ).fetchone()
    assert row == (0,)
    assert letters(house, email)[-1][0] == "[Forecourt] The authenticator app was removed from your account"


async def test_where_a_second_factor_is_asked_for_nobody_does_anything_without_one(
    house: House, tenant: Tenant
) -> None:
    owner = await signed_in(house, tenant)
    member = await signed_in(house, tenant)
    await enrolled(house, owner)
    answer = await owner.post("/organisation/sign-in/second-factor", data={"required": "yes"})
    assert answer.headers["location"] == "/organisation/sign-in?done=required"
    assert (await owner.get("/api/v1/stations")).status_code == 200
    # From the next request on, also for whoever is signed in already.
    problem(await member.get("/api/v1/stations", headers={"accept": "*/*"}), 403, "second-factor-needed")
    problem(await member.post("/api/v1/sites", json={"name": "Yard"}), 403, "second-factor-needed")
    page = await member.get("/account")
    assert "asks everybody for a second factor" in page.text
    await enrolled(house, member)
    assert (await member.get("/api/v1/stations")).status_code == 200
    # Keys of programs are made by people who have one.
    assert (await (await tenant.client()).get("/api/v1/stations")).status_code == 200


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
async def test_only_owners_say_what_is_asked_of_others(house: House, tenant: Tenant, role: Role) -> None:
    browser = await signed_in(house, tenant, await tenant.operator(role))
    assert (await browser.get("/organisation/sign-in")).status_code == 403
    answer = await browser.post("/organisation/sign-in/second-factor", data={"required": "yes"})
    assert answer.status_code == 403
    assert (await browser.get("/account")).status_code == 200
