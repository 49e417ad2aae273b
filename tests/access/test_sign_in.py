"""Signing in with a browser, and what a browser must not be made to do."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from httpx import AsyncClient

from forecourt.access import Access, Origin
from forecourt.access.model import TooManyAttempts
from forecourt.access.service import SESSION_IDLE, SESSION_LIFE
from forecourt.access.signin import store
from forecourt.access.signin.attempts import (
    FREE_FOR_ADDRESS,
    FREE_FOR_PAIR,
    FREE_FOR_PERSON,
    MAX_WAIT_KNOWN_S,
    MAX_WAIT_S,
    WINDOW,
    Kind,
)
from forecourt.access.signin.pages.common import own_path
from forecourt.platform.clock import SystemClock
from tests.access.ways import audited, letters, make_wait, signed_in
from tests.http import BASE, PASSWORD, SECRET, House, Tenant, problem
from tests.support import WAIT_S, FakeClock

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


async def guess(browser: AsyncClient, email: str, times: int) -> list[int]:
    form = {"email": email, "password": "guess"}
    return [(await browser.post("/sign-in", data=form)).status_code for _ in range(times)]


async def test_each_wrong_guess_makes_the_next_wait_longer_in_all_processes(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    form = {"email": email, "password": PASSWORD}
    browser = house.client()
    assert await guess(browser, email, FREE_FOR_PAIR) == [401] * FREE_FOR_PAIR
    answer = await browser.post("/sign-in", data=form)
    assert answer.status_code == 429
    assert "Too many attempts. Wait " in answer.text
    # Another process asks the same database.
    another = Access(house.db, SECRET.encode(), house.clock)
    waited = []
    for _ in range(5):
        with pytest.raises(TooManyAttempts) as waits:
            await another.sign_in(email, PASSWORD, Origin(address=house.address))
        waited.append(waits.value.wait_s)
        house.clock.advance(waits.value.wait_s)
        assert await guess(browser, email, 1) == [401]
    assert waited == sorted(waited)
    assert waited[-1] >= 8 * waited[0]
    other = await tenant.operator()
    assert (await browser.post("/sign-in", data={"email": other, "password": PASSWORD})).status_code == 303
    house.clock.advance(MAX_WAIT_S)
    assert (await browser.post("/sign-in", data=form)).status_code == 303
    assert await guess(browser, email, FREE_FOR_PAIR) == [401] * FREE_FOR_PAIR


async def test_guessers_from_everywhere_cant_lock_the_owner_out_of_where_they_were_before(
    house: House, tenant: Tenant
) -> None:
    email = await tenant.operator()
    form = {"email": email, "password": PASSWORD}
    home = house.client(address="198.51.100.7")
    assert (await home.post("/sign-in", data=form)).status_code == 303
    for number in range(FREE_FOR_PERSON):
        assert await guess(house.client(address=f"203.0.113.{number}"), email, 1) == [401]
    assert (await house.client(address="192.0.2.1").post("/sign-in", data=form)).status_code == 429
    assert (await home.post("/sign-in", data=form)).status_code == 303
    # Even if the guesser sits there too, the wait is short.
    statuses = await guess(home, email, FREE_FOR_PAIR + 40)
    assert set(statuses[FREE_FOR_PAIR:]) == {429}
    for _ in range(10):
        house.clock.advance(MAX_WAIT_KNOWN_S)
        await guess(home, email, 1)
    house.clock.advance(MAX_WAIT_KNOWN_S)
    assert (await home.post("/sign-in", data=form)).status_code == 303


async def test_tries_of_one_person_at_one_moment_take_their_counters_in_one_order(house: House) -> None:
    attempts, who = Access(house.db, SECRET.encode(), house.clock).attempts, "in-order@example.org"

    def of(address: str) -> list[bytes]:
        counted = (("password", address, ""), ("password", address, who), ("password", "", who))
        return [attempts._digest(*each) for each in counted]  # type: ignore[arg-type]

    # The counter of the place is first in order, and was the last to be taken.
    address = next(each for number in range(200) if of(each := f"192.0.2.{number}")[0] == min(of(each)))
    counters = sorted(of(address))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    free = "SELECT digest FROM attempts WHERE digest = ANY(%s) ORDER BY digest FOR UPDATE SKIP LOCKED"
    await attempts.begin("password", address, who)
    tries: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = (
        partial(attempts.begin, "password", address, who),
        partial(attempts.succeeded, "password", address, who, known=False),
    )
    for attempt in tries:
        with (
            psycopg.connect(house.database.admin_url) as other,
            psycopg.connect(house.database.admin_url, autocommit=True) as onlooker,
        ):
            other.execute("SELECT FROM attempts WHERE digest = %s FOR UPDATE", (counters[0],))
            trying = asyncio.create_task(attempt())
            async with asyncio.timeout(WAIT_S):
                while onlooker.execute(waiting).fetchone() != (1,):
                    assert not trying.done()
                    await asyncio.sleep(0.02)
            assert [digest for (digest,) in onlooker.execute(free, (counters,)).fetchall()] == counters[1:]
            other.rollback()
            await trying


async def test_tries_of_one_person_at_one_moment_wait_for_counters_that_are_not_there_yet(house: House) -> None:
    low, high = sorted(os.urandom(32) for _ in range(2))
    now = house.clock.now()
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(await psycopg.AsyncConnection.connect(house.database.admin_url))
            for _ in range(3)
        ]
        onlooker = await stack.enter_async_context(
            await psycopg.AsyncConnection.connect(house.database.admin_url, autocommit=True)
        )
        held, counting = [asyncio.Event() for _ in connections], [asyncio.Event() for _ in connections]

        async def attempt(number: int, digests: list[bytes]) -> None:
            async with connections[number].transaction():
                await store.hold_attempts(connections[number], digests, now)
                held[number].set()
                await counting[number].wait()
                for digest in digests:
                    await store.begin_attempt(connections[number], digest, now, now - WINDOW, [0])

        async def stands(number: int, task: asyncio.Task[None]) -> None:
            """Waits until it does nothing: over, held back by this test, or by another's lock."""
            waits = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
            pid = connections[number].info.backend_pid
            async with asyncio.timeout(WAIT_S):
                while not task.done() and not (held[number].is_set() and not counting[number].is_set()):
                    if (await onlooker.execute(waits, (pid,))).rowcount:
                        return
                    await asyncio.sleep(0.02)

        # The first finds neither counter; another makes the higher one, which the last holds while it counts the lower.
        tasks = [asyncio.create_task(attempt(0, [low, high]))]
        await stands(0, tasks[0])
        counting[1].set()
        tasks.append(asyncio.create_task(attempt(1, [high])))
        await stands(1, tasks[1])
        tasks.append(asyncio.create_task(attempt(2, [low, high])))
        await stands(2, tasks[2])
        counting[0].set()
        await stands(0, tasks[0])
        counting[2].set()
        await asyncio.gather(*tasks)
        counted = await onlooker.execute(
            "SELECT failures FROM attempts WHERE digest = ANY(%s) ORDER BY digest", ([low, high],)
        )
        assert await counted.fetchall() == [(2,), (3,)]


async def test_a_try_during_a_wait_leaves_no_counter_behind(house: House) -> None:
    attempts, address = Access(house.db, SECRET.encode(), house.clock).attempts, "192.0.2.201"
    await make_wait(house, address)
    with house.admin() as connection:
        before = connection.execute("SELECT count(*) FROM attempts").fetchone()
        with pytest.raises(TooManyAttempts):
            await attempts.begin("password", address, "during@example.org")
        assert connection.execute("SELECT count(*) FROM attempts").fetchone() == before


@pytest.mark.parametrize("kind", ["password", "factor", "reset", "step"])
async def test_whoever_tries_at_one_moment_from_one_address_waits_for_nobody(house: House, kind: Kind) -> None:
    attempts, rounds, at_once = Access(house.db, SECRET.encode(), SystemClock()).attempts, 4, FREE_FOR_ADDRESS - 10
    for number in range(rounds):
        address, people = f"192.0.2.{210 + number}", [f"{number}-{who}@example.org" for who in range(at_once)]
        assert await asyncio.gather(*(attempts.begin(kind, address, who) for who in people)) == [None] * at_once


@pytest.mark.parametrize("kind", ["password", "factor", "reset", "step"])
async def test_a_process_whose_clock_is_behind_makes_nobody_wait_who_may_try(house: House, kind: Kind) -> None:
    ahead = Access(house.db, SECRET.encode(), FakeClock(house.clock.now() + timedelta(milliseconds=5))).attempts
    behind = Access(house.db, SECRET.encode(), house.clock).attempts
    await ahead.begin(kind, "192.0.2.220", "one@example.org")
    await behind.begin(kind, "192.0.2.220", "other@example.org")
    # What must wait does so by either clock.
    for _ in range(2 * FREE_FOR_ADDRESS):
        with suppress(TooManyAttempts):
            await ahead.begin(kind, "192.0.2.221", "one@example.org")
    if kind != "step":
        with pytest.raises(TooManyAttempts):
            await behind.begin(kind, "192.0.2.221", "one@example.org")


async def test_a_guesser_does_not_end_their_address_s_wait_by_signing_in_to_an_account_of_their_own(
    house: House, tenant: Tenant
) -> None:
    address = "203.0.113.201"
    browser = house.client(address=address)
    own = {"email": await tenant.operator(), "password": PASSWORD}
    assert (await browser.post("/sign-in", data=own)).status_code == 303
    await make_wait(house, address)
    assert await guess(browser, "next@example.org", 1) == [429]
    assert (await browser.post("/sign-in", data=own)).status_code == 303
    assert await guess(browser, "next@example.org", 1) == [429]


async def test_who_is_known_at_an_address_does_not_make_it_wait_for_others(house: House) -> None:
    attempts = Access(house.db, SECRET.encode(), house.clock).attempts
    for number in range(FREE_FOR_ADDRESS + 10):
        await attempts.begin("password", "192.0.2.202", f"known{number}@example.org", known=True)
    await attempts.begin("password", "192.0.2.202", "another@example.org")


async def test_one_address_that_tries_many_people_has_to_wait(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    browser = house.client(address="2001:db8:1:2::1")
    for number in range(FREE_FOR_ADDRESS):
        assert await guess(browser, f"nobody{number}@example.org", 1) == [401]
    # A household has a whole /64 of addresses.
    neighbour = house.client(address="2001:db8:1:2:ffff::9")
    assert (await neighbour.post("/sign-in", data={"email": email, "password": PASSWORD})).status_code == 429


async def test_a_session_ends_by_itself_and_by_signing_out(house: House, tenant: Tenant) -> None:
    browser = house.client()
    form = {"email": await tenant.operator(), "password": PASSWORD}
    await browser.post("/sign-in", data=form)
    step = SESSION_IDLE.total_seconds() - 1
    # Used now and then, it lasts until its absolute end, and no longer.
    for _ in range(int(SESSION_LIFE.total_seconds() // step)):
        house.clock.advance(step)
        assert (await browser.get("/api/v1/stations")).status_code == 200
    house.clock.advance(step)
    problem(await browser.get("/api/v1/stations"), 401, "unauthenticated")
    await browser.post("/sign-in", data=form)
    house.clock.advance(SESSION_IDLE.total_seconds())
    problem(await browser.get("/api/v1/stations"), 401, "unauthenticated")
    await browser.post("/sign-in", data=form)
    token = browser.cookies["forecourt_session"]
    answer = await browser.post("/sign-out", headers=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    kept = house.client(headers={"cookie": f"forecourt_session={token}"})
    problem(await kept.get("/api/v1/stations"), 401, "unauthenticated")


async def test_an_open_page_that_only_looks_on_does_not_keep_a_session(house: House, tenant: Tenant) -> None:
    access = Access(house.db, SECRET.encode(), house.clock)
    begun = await access.sign_in(await tenant.operator(), PASSWORD, Origin())
    for _ in range(2):
        house.clock.advance(SESSION_IDLE.total_seconds() / 2)
        actor = await access.of_session(begun.token, used=False)
    assert actor is None


async def test_a_session_that_was_planted_is_not_the_one_that_is_signed_in(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    for planted in ("planted", (await signed_in(house, tenant)).cookies["forecourt_session"]):
        browser = house.client()
        answer = await browser.post(
            "/sign-in",
            data={"email": email, "password": PASSWORD},
            headers={"cookie": f"forecourt_session={planted}"},
        )
        assert answer.status_code == 303
        assert planted not in answer.headers["set-cookie"]
        thief = house.client(headers={"cookie": f"forecourt_session={planted}"})
        problem(await thief.get("/api/v1/stations"), 401, "unauthenticated")


async def test_over_tls_only_a_cookie_that_no_neighbour_can_plant_counts(house: House, tenant: Tenant) -> None:
    https = BASE.replace("http:", "https:")
    browser = house.client()
    answer = await browser.post(f"{https}/sign-in", data={"email": await tenant.operator(), "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    name, _, token = cookie.partition(";")[0].partition("=")
    assert name == "__Host-forecourt_session"
    assert {"secure", "path=/", "httponly", "samesite=strict"} <= {part.strip().lower() for part in cookie.split(";")}
    assert "domain" not in cookie.lower()
    plain = house.client(headers={"cookie": f"forecourt_session={token}"})
    problem(await plain.get(f"{https}/api/v1/stations"), 401, "unauthenticated")
    right = house.client(headers={"cookie": f"{name}={token}"})
    assert (await right.get(f"{https}/api/v1/stations")).status_code == 200


async def test_a_link_in_a_letter_brings_the_cookie_along_by_a_page_of_our_own(house: House) -> None:
    browser = house.client()
    page = await browser.get("/sign-in", params={"next": "/stations?q=1&x=2"}, headers={"sec-fetch-site": "cross-site"})
    assert '<meta http-equiv="refresh" content="0;url=/stations?q=1&amp;x=2">' in page.text
    page = await browser.get("/sign-in", params={"next": "/stations"}, headers={"sec-fetch-site": "same-origin"})
    assert 'name="password"' in page.text
    page = await browser.get(
        "/sign-in", params={"next": "https://evil.example"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert "evil.example" not in page.text


async def test_a_refusal_is_in_the_audit_of_the_organisation_of_whom_somebody_said_to_be(
    house: House, tenant: Tenant
) -> None:
    email = await tenant.operator()
    assert await guess(house.client(), email, 1) == [401]
    await guess(house.client(), "nobody@example.org", 1)
    await signed_in(house, tenant, email)
    assert audited(house, tenant) == ["refused sign in", "sign in"]


async def test_a_sign_in_from_a_new_place_is_told_by_a_letter_in_the_persons_language(
    house: House, tenant: Tenant
) -> None:
    email = await tenant.operator()
    await signed_in(house, tenant, email, address="192.0.2.1")
    await signed_in(house, tenant, email, address="192.0.2.1")
    assert letters(house, email) == []
    with house.admin() as connection:
        connection.execute("UPDATE people SET language = 'de' WHERE email = %s", (email,))
    await signed_in(house, tenant, email, address="192.0.2.2")
    [(subject, body)] = letters(house, email)
    assert subject == "[Forecourt] Anmeldung von einem neuen Ort"
    assert "Adresse: 192.0.2.2" in body
    assert f"{BASE}/forgotten" in body


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
