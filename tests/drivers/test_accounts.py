"""Drivers' accounts over HTTP: signing in by letter, what is theirs, what nobody else sees, what an erasure leaves."""

import re
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient

from forecourt.access import Role
from forecourt.drivers.accounts.model import LINK_LIFE, SESSION_IDLE
from forecourt.drivers.fleets import service
from tests.http import House, Tenant, problem, walk

DRIVER = "/api/v1/driver"
ME = f"{DRIVER}/me"
CARD = {"uid": "04A2B1C3", "type": "ISO14443", "status": "accepted"}


def brand(house: House, tenant: Tenant) -> str:
    """Gives an organisation pages to sign in on."""
    with house.admin() as admin:
        admin.execute(
            "INSERT INTO driver_brands (tenant_id, slug, name, colour) VALUES (%s, %s, 'Volt', '#0a7a4b')"
            " ON CONFLICT DO NOTHING",
            (tenant.tenant_id, f"volt-{tenant.tenant_id}"),
        )
    return f"volt-{tenant.tenant_id}"


def letters(house: House, tenant: Tenant) -> list[dict[str, str]]:
    """What was written to drivers, the latest last."""
    with house.admin() as admin:
        rows = admin.execute(
            "SELECT recipient, subject, body FROM letters WHERE tenant_id = %s ORDER BY written_at", (tenant.tenant_id,)
        ).fetchall()
    return [dict(zip(("recipient", "subject", "body"), row, strict=True)) for row in rows]


def code_in(letter: dict[str, str]) -> str:
    found = re.search(r"/my/enter\S*#([A-Z2-7]{16})", letter["body"])
    assert found is not None, letter
    return found[1]


async def ask(house: House, tenant: Tenant, email: str, **more: Any) -> None:
    body = {"brand": brand(house, tenant), "email": email, **more}
    assert (await house.client().post(f"{DRIVER}/sign-in", json=body)).status_code == 202


async def signed_in(house: House, tenant: Tenant, email: str) -> AsyncClient:
    """A driver's app."""
    await ask(house, tenant, email)
    code = code_in(letters(house, tenant)[-1])
    answer = await house.client().post(f"{DRIVER}/sign-in/enter", json={"code": code})
    assert answer.status_code == 200, answer.text
    return house.client(headers={"authorization": f"Bearer {answer.json()['token']}"})


async def test_a_letter_signs_a_driver_in_once_and_in_their_language(house: House, tenant: Tenant) -> None:
    await ask(house, tenant, "Ada@Example.com", language="de")
    [letter] = letters(house, tenant)
    assert letter["recipient"] == "ada@example.com"
    assert letter["subject"] == "Bei Volt anmelden"
    code, client = code_in(letter), house.client()
    # As people type it.
    spelled = f"{code[:4]} {code[4:8]}-{code[8:]}".lower()
    first = await client.post(f"{DRIVER}/sign-in/enter", json={"code": spelled})
    assert first.json()["driver"] | {"id": 0, "created_at": ""} == {
        "id": 0, "email": "ada@example.com", "name": None, "language": "de", "pays_by": "page", "pays_method": None,
        "created_at": "",
    }  # fmt: skip
    problem(await client.post(f"{DRIVER}/sign-in/enter", json={"code": code}), 410, "link-gone")
    # Nothing that signs in can be read back from the database.
    with house.admin() as admin:
        for table in ("driver_links", "driver_sessions", "audit"):
            text = admin.execute(f"SELECT string_agg(t::text, ' ') FROM {table} t".encode()).fetchone()
            assert code not in str(text)
            assert first.json()["token"] not in str(text)


async def test_a_letter_that_is_old_or_was_overtaken_signs_nobody_in(house: House, tenant: Tenant) -> None:
    await ask(house, tenant, "ada@example.com")
    await ask(house, tenant, "ada@example.com")
    older, newer = (code_in(each) for each in letters(house, tenant))
    assert (await house.client().post(f"{DRIVER}/sign-in/enter", json={"code": newer})).status_code == 200
    problem(await house.client().post(f"{DRIVER}/sign-in/enter", json={"code": older}), 410, "link-gone")
    await ask(house, tenant, "bea@example.com")
    house.clock.advance(LINK_LIFE.total_seconds())
    late = code_in(letters(house, tenant)[-1])
    problem(await house.client().post(f"{DRIVER}/sign-in/enter", json={"code": late}), 410, "link-gone")


async def test_one_address_is_sent_few_letters_and_nobody_learns_of_it(house: House, tenant: Tenant) -> None:
    for _ in range(6):
        await ask(house, tenant, "ada@example.com")
    assert len(letters(house, tenant)) == 3
    nowhere = {"brand": "nobody", "email": "ada@example.com"}
    assert (await house.client().post(f"{DRIVER}/sign-in", json=nowhere)).status_code == 202


async def test_a_driver_signs_out_here_and_everywhere_and_is_forgotten_when_away(house: House, tenant: Tenant) -> None:
    first, second = [await signed_in(house, tenant, "ada@example.com") for _ in range(2)]
    assert (await first.post(f"{ME}/sign-out")).status_code == 204
    problem(await first.get(ME), 401, "driver-signed-out")
    assert (await second.get(ME)).status_code == 200
    third = await signed_in(house, tenant, "ada@example.com")
    assert (await third.post(f"{ME}/sign-out-everywhere")).status_code == 204
    for each in (second, third):
        problem(await each.get(ME), 401, "driver-signed-out")
    house.clock.advance(3600)
    away = await signed_in(house, tenant, "ada@example.com")
    house.clock.advance((SESSION_IDLE + timedelta(seconds=1)).total_seconds())
    problem(await away.get(ME), 401, "driver-signed-out")
    problem(await house.client(headers={"authorization": "Bearer fd_made-up"}).get(ME), 401, "driver-signed-out")


async def test_a_key_of_the_console_is_no_driver_and_a_driver_no_key(house: House, tenant: Tenant) -> None:
    problem(await (await tenant.client()).get(ME), 401, "driver-signed-out")
    driver = await signed_in(house, tenant, "ada@example.com")
    problem(await driver.get("/api/v1/tokens"), 401, "unauthenticated")


async def test_what_a_driver_needs_is_what_each_of_their_tokens_is_planned_by(house: House, tenant: Tenant) -> None:
    operator, driver = await tenant.client(), await signed_in(house, tenant, "ada@example.com")
    await operator.post("/api/v1/tokens", json=CARD)
    await operator.post("/api/v1/tokens", json={**CARD, "uid": "B2"})
    number = (await driver.get(ME)).json()["id"]
    attached = await operator.post(f"/api/v1/drivers/{number}/tokens", json={"uid": "04a2b1c3"})
    assert attached.status_code == 204, attached.text
    week = ["07:30:00", None, "06:15:00", None, None, None, None]
    wants = {"departures": week, "energy_wh": 20_000, "minimum_wh": 5_000, "minimum_within_s": 3_600}
    assert (await driver.put(f"{ME}/preferences", json=wants)).status_code == 200
    assert (await driver.get(f"{ME}/preferences")).json() == wants
    claim = (await operator.post("/api/v1/tokens/B2/claim-code")).json()
    assert (await driver.post(f"{ME}/tokens", json={"code": claim["code"].lower()})).status_code == 204
    for uid in ("04A2B1C3", "B2"):
        planned = await operator.get(f"/api/v1/tokens/{uid}/charging-preferences")
        assert planned.json() == wants
    problem(await driver.post(f"{ME}/tokens", json={"code": claim["code"]}), 404, "claim-unknown")
    assert [each["uid"] for each in (await driver.get(f"{ME}/things")).json()["tokens"]] == ["04A2B1C3", "B2"]
    assert (await driver.delete(f"{ME}/tokens/b2")).status_code == 204
    problem(await driver.delete(f"{ME}/tokens/b2"), 404, "token-unknown")


async def test_cars_are_kept_and_consent_is_off_until_it_is_given(house: House, tenant: Tenant) -> None:
    driver = await signed_in(house, tenant, "ada@example.com")
    assert (await driver.get(f"{ME}/things")).json()["consents"] == []
    car = {"name": "Blue", "battery_wh": 60_000, "max_ac_w": 11_000, "max_dc_w": None, "connector": "cCCS2"}
    made = (await driver.post(f"{ME}/vehicles", json=car)).json()
    changed = await driver.put(f"{ME}/vehicles/{made['vehicle_id']}", json={"name": "Red"})
    assert changed.json() == {**made, "name": "Red", "battery_wh": None, "max_ac_w": None, "connector": None}
    said = {"kind": "marketing", "given": True, "text_version": "2026-01"}
    for given in (True, False):
        assert (await driver.post(f"{ME}/consents", json={**said, "given": given})).status_code == 204
    [consent] = (await driver.get(f"{ME}/things")).json()["consents"]
    assert (consent["kind"], consent["given"]) == ("marketing", False)
    assert (await driver.delete(f"{ME}/vehicles/{made['vehicle_id']}")).status_code == 204
    problem(await driver.delete(f"{ME}/vehicles/{made['vehicle_id']}"), 404, "vehicle-unknown")


async def test_a_driver_sees_and_changes_nothing_of_another(house: House, tenant: Tenant, stranger: Tenant) -> None:
    ada, bea = [await signed_in(house, tenant, f"{name}@example.com") for name in ("ada", "bea")]
    foreign = await signed_in(house, stranger, "ada@example.com")
    operator = await tenant.client()
    await operator.post("/api/v1/tokens", json=CARD)
    number = (await ada.get(ME)).json()["id"]
    await operator.post(f"/api/v1/drivers/{number}/tokens", json={"uid": CARD["uid"]})
    car = (await ada.post(f"{ME}/vehicles", json={"name": "Blue"})).json()["vehicle_id"]
    for other in (bea, foreign):
        assert (await other.get(f"{ME}/things")).json() == {"tokens": [], "vehicles": [], "consents": []}
        problem(await other.put(f"{ME}/vehicles/{car}", json={"name": "Mine"}), 404, "vehicle-unknown")
        problem(await other.delete(f"{ME}/vehicles/{car}"), 404, "vehicle-unknown")
        problem(await other.delete(f"{ME}/tokens/{CARD['uid']}"), 404, "token-unknown")
    # By the database alone, whatever a query forgets.
    other_id = (await bea.get(ME)).json()["id"]
    async with house.db.tenant(tenant.tenant_id) as conn:
        await conn.execute("SELECT set_config('forecourt.driver', %s, true)", (str(other_id),))
        for table in ("driver_accounts", "driver_sessions", "driver_tokens", "driver_vehicles"):
            rows = await (await conn.execute(f"SELECT driver_id FROM {table}".encode())).fetchall()
            assert {row[0] for row in rows} <= {other_id}, table
        assert (await conn.execute("UPDATE driver_accounts SET name = 'Mine'")).rowcount == 1
    # A card is one driver's at a time.
    taken = await operator.post(f"/api/v1/drivers/{other_id}/tokens", json={"uid": CARD["uid"]})
    problem(taken, 409, "token-taken")


async def test_a_blocked_account_is_signed_out_and_its_tokens_start_nothing(house: House, tenant: Tenant) -> None:
    operator, driver = await tenant.client(), await signed_in(house, tenant, "ada@example.com")
    number = (await driver.get(ME)).json()["id"]
    await operator.post("/api/v1/tokens", json=CARD)
    await operator.post(f"/api/v1/drivers/{number}/tokens", json={"uid": CARD["uid"]})
    # Nothing pays by itself for the account, which starts nothing unless that is all right here.
    assert decided(house, tenant) == "NoCredit"
    assert (await operator.get("/api/v1/driver-rules")).json() == {"payment_required": True, "autocharge": False}
    free = {"payment_required": False, "autocharge": False}
    assert (await operator.put("/api/v1/driver-rules", json=free)).json() == free
    assert decided(house, tenant) == "Accepted"
    await operator.patch(f"/api/v1/drivers/{number}", json={"state": "blocked"})
    assert decided(house, tenant) == "Blocked"
    problem(await driver.get(ME), 401, "driver-signed-out")
    await ask(house, tenant, "ada@example.com")
    again = code_in(letters(house, tenant)[-1])
    problem(await house.client().post(f"{DRIVER}/sign-in/enter", json={"code": again}), 403, "account-blocked")
    await operator.patch(f"/api/v1/drivers/{number}", json={"state": "active"})
    assert decided(house, tenant) == "Accepted"


def decided(house: House, tenant: Tenant) -> str:
    """What gateways read of the card."""
    with house.admin() as admin:
        admin.execute("SET ROLE forecourt_ingest")
        [row] = admin.execute(
            "SELECT status FROM token_decisions WHERE tenant_id = %s AND uid_key = '04a2b1c3'", (tenant.tenant_id,)
        ).fetchall()
    return str(row[0])


async def test_a_fleets_members_start_nothing_once_its_month_is_spent(house: House, tenant: Tenant) -> None:
    operator, driver = await tenant.client(), await signed_in(house, tenant, "ada@example.com")
    number = (await driver.get(ME)).json()["id"]
    await operator.post("/api/v1/tokens", json=CARD)
    await operator.post(f"/api/v1/drivers/{number}/tokens", json={"uid": CARD["uid"]})
    problem(await driver.put(f"{ME}/pays-by", json={"by": "fleet"}), 422, "way-refused")
    fleet = await operator.post("/api/v1/fleets", json={"name": "Vans", "currency": "EUR", "month_limit": 5_000})
    assert fleet.status_code == 201, fleet.text
    path = f"/api/v1/fleets/{fleet.json()['fleet_id']}"
    member = {"cost_centre": "4711", "month_limit": 3_000}
    assert (await operator.put(f"{path}/members/{number}", json=member)).status_code == 204
    assert (await driver.put(f"{ME}/pays-by", json={"by": "fleet"})).json()["pays_by"] == "fleet"
    assert decided(house, tenant) == "Accepted"
    with house.admin() as admin:
        admin.execute(
            "INSERT INTO fleet_sessions (tenant_id, session_id, fleet_id, driver_id, cost_centre, month, currency,"
            " amount, said_at) VALUES (%s, gen_random_uuid(), %s, %s, '4711', date_trunc('month', now())::date, 'EUR',"
            " 2999, now())",
            (tenant.tenant_id, fleet.json()["fleet_id"], number),
        )
        assert decided(house, tenant) == "Accepted"
        admin.execute("UPDATE fleet_sessions SET amount = 3000 WHERE tenant_id = %s", (tenant.tenant_id,))
    assert decided(house, tenant) == "NoCredit"
    await operator.put(f"{path}/members/{number}", json={**member, "month_limit": None})
    assert decided(house, tenant) == "Accepted"
    await operator.patch(path, json={"month_limit": 2_000})
    assert decided(house, tenant) == "NoCredit"
    await operator.delete(f"{path}/members/{number}")
    assert (await driver.get(ME)).json()["pays_by"] == "page"
    assert decided(house, tenant) == "NoCredit"


async def test_an_operator_lets_a_fleet_pay_for_who_chose_nothing(house: House, tenant: Tenant) -> None:
    operator, driver = await tenant.client(), await signed_in(house, tenant, "ada@example.com")
    number = (await driver.get(ME)).json()["id"]
    await operator.post("/api/v1/tokens", json=CARD)
    await operator.post(f"/api/v1/drivers/{number}/tokens", json={"uid": CARD["uid"]})
    fleet = (await operator.post("/api/v1/fleets", json={"name": "Vans", "currency": "EUR"})).json()["fleet_id"]
    member = f"/api/v1/fleets/{fleet}/members/{number}"
    await operator.put(member, json={"cost_centre": "4711"})
    assert ((await driver.get(ME)).json()["pays_by"], decided(house, tenant)) == ("page", "NoCredit")
    assert (await operator.put(member, json={"cost_centre": "4711", "pays": True})).status_code == 204
    assert ((await driver.get(ME)).json()["pays_by"], decided(house, tenant)) == ("fleet", "Accepted")
    await driver.put(f"{ME}/pays-by", json={"by": "wallet"})
    await operator.put(member, json={"cost_centre": "4711", "pays": True})
    assert (await driver.get(ME)).json()["pays_by"] == "wallet", "what somebody chose stays"


async def test_a_month_of_a_fleet_is_listed_to_its_end_and_there_is_a_limit_of_fleets(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = await tenant.client()
    fleet = (await operator.post("/api/v1/fleets", json={"name": "Vans", "currency": "EUR"})).json()["fleet_id"]
    with house.admin() as admin:
        admin.execute(
            "INSERT INTO fleet_sessions (tenant_id, session_id, fleet_id, driver_id, cost_centre, month, currency,"
            " amount, said_at) SELECT %s, gen_random_uuid(), %s, 10 - n %% 3, 'c' || n %% 2, '2026-03-01', 'EUR', n,"
            " now() FROM generate_series(1, 7) n",
            (tenant.tenant_id, fleet),
        )
    rows = await walk(operator, f"/api/v1/fleets/{fleet}/sessions", month="2026-03", limit=2)
    assert sorted(row["amount"] for row in rows) == [1, 2, 3, 4, 5, 6, 7]
    order = [(row["cost_centre"], row["driver_id"], row["session_id"]) for row in rows]
    assert order == sorted(order)
    monkeypatch.setattr(service, "MAX_FLEETS", 1)
    problem(await operator.post("/api/v1/fleets", json={"name": "Cars", "currency": "EUR"}), 409, "too-many-fleets")


#: What others wrote down word for word, and which goes by its own age: see the explanation of accounts.
KEPT = {"messages", "webhook_events", "webhook_attempts", "idempotent_requests", "outbox"}


async def test_an_erasure_leaves_nothing_of_a_driver_in_any_column(house: House, tenant: Tenant) -> None:
    operator, driver = await tenant.client(), await signed_in(house, tenant, "ada.lovelace@example.com")
    await driver.patch(ME, json={"name": "Ada Augusta King"})
    number = (await driver.get(ME)).json()["id"]
    await operator.post("/api/v1/tokens", json={**CARD, "uid": "0499FEED99", "driver_name": "Ada Augusta King"})
    code = (await operator.post("/api/v1/tokens/0499FEED99/claim-code")).json()["code"]
    await driver.post(f"{ME}/tokens", json={"code": code})
    await driver.post(f"{ME}/vehicles", json={"name": "Analytical Engine"})
    await driver.put(f"{ME}/preferences", json={"energy_wh": 12_345})
    await ask(house, tenant, "ada.lovelace@example.com")
    with house.admin() as admin:
        session = a_session(admin, tenant, "0499feed99")
        admin.execute(
            "INSERT INTO payment_intents (tenant_id, purpose, method, state, currency, hold_amount, email, card,"
            " customer, payer, hold_said, created_at, updated_at) VALUES (%s, 'session', 'saved', 'captured', 'EUR', 1,"
            """ 'ada.lovelace@example.com', '{"brand": "visa", "last4": "9137", "kind": "card"}', 'cus_ada', %s,"""
            " '{}', now(), now())",
            (tenant.tenant_id, f"driver:{number}"),
        )
        personal = ("lovelace", "augusta king", "0499feed99", "analytical", '"9137"', "cus_ada")
        assert {each for each in personal if found(admin, each)} == set(personal)
        exported = await driver.get(f"{ME}/export")
        assert exported.status_code == 200, exported.text
        assert [each for each in personal[:5] if each not in exported.text.lower()] == []
        assert (await driver.delete(ME)).json() == {"driver_id": number, "sessions": 1, "tokens": 1}
        assert {each: where for each in personal if (where := found(admin, each) - KEPT)} == {
            # Entries of the operator's own doing, which are evidence and go by their age.
            "0499feed99": {"audit"},
        }
        renamed = admin.execute("SELECT token_uid FROM sessions WHERE session_id = %s", (session,)).fetchone()
        assert renamed == (f"erased-{number}-1",)
        payer = admin.execute("SELECT payer FROM payment_intents WHERE tenant_id = %s", (tenant.tenant_id,)).fetchone()
        assert payer == (f"driver:{number}",)
    problem(await driver.get(ME), 401, "driver-signed-out")
    audited = (await operator.get("/api/v1/audit")).json()["items"]
    assert [each["actor"] for each in audited if each["action"] == "erase driver"] == [f"driver:{number} Driver"]
    # The address may come again, as somebody new.
    assert (await (await signed_in(house, tenant, "ada.lovelace@example.com")).get(ME)).json()["id"] != number


def a_session(admin: Any, tenant: Tenant, uid: str) -> Any:
    """A session that a station told of."""
    [station] = admin.execute(
        "INSERT INTO stations (tenant_id, identity) VALUES (%s, %s) RETURNING station_id",
        (tenant.tenant_id, f"erased-{tenant.tenant_id}"),
    ).fetchone()
    [session] = admin.execute(
        "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
        " heard_at, ended_at, token_uid) VALUES (%s, %s, 't', 0, now() + interval '1 hour', 0, now(), now(), now(), %s)"
        " RETURNING session_id",
        (tenant.tenant_id, station, uid),
    ).fetchone()
    return session


def found(admin: Any, text: str) -> set[str]:
    """The tables in which a text stands anywhere, in whatever case and as whatever type."""
    tables = admin.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND NOT c.relispartition"
    ).fetchall()
    return {
        name
        for (name,) in tables
        if admin.execute(
            f'SELECT EXISTS (SELECT FROM "{name}" t WHERE t::text ILIKE %s)'.encode(), (f"%{text}%",)
        ).fetchone()[0]
    }


async def test_an_operator_keeps_drivers_and_others_only_read(house: House, tenant: Tenant, stranger: Tenant) -> None:
    operator = await tenant.client()
    made = await operator.post("/api/v1/drivers", json={"email": "Bea@example.com", "name": "Bea"})
    assert made.status_code == 201, made.text
    path = f"/api/v1/drivers/{made.json()['driver_id']}"
    problem(await operator.post("/api/v1/drivers", json={"email": "bea@example.com"}), 409, "email-taken")
    assert (await operator.get("/api/v1/drivers", params={"search": "BEA@"})).json()["items"] == [made.json()]
    assert (await operator.get(path)).json()["driver"] == made.json()
    foreign = await stranger.client()
    problem(await foreign.get(path), 404, "driver-unknown")
    problem(await foreign.delete(path), 404, "driver-unknown")
    viewer = await tenant.client(Role.VIEWER)
    assert (await viewer.get(path)).status_code == 200
    problem(await viewer.delete(path), 403, "forbidden")
    exported = await operator.get(f"{path}/export")
    assert exported.json()["account"]["email"] == "bea@example.com"
    assert (await operator.delete(path)).json() == {"driver_id": made.json()["driver_id"], "sessions": 0, "tokens": 0}
    assert (await operator.get(path)).json()["driver"]["email"] is None


async def test_a_plan_by_whose_name_no_tariff_is_assigned_says_so(house: House, tenant: Tenant) -> None:
    operator, viewer = await tenant.client(), await tenant.client(Role.VIEWER)
    plan = {"name": "gold", "title": "Gold", "currency": "EUR", "month_fee": 500, "offered": True}
    made = (await operator.post("/api/v1/plans", json=plan)).json()
    path = f"/api/v1/plans/{made['plan_id']}"
    assert "No tariff is assigned by this plan's name" in made["warning"]
    shown = await viewer.get(path)
    assert (shown.json(), (await viewer.get("/api/v1/plans")).json()["items"]) == (made, [made])
    tariff = {"id": "", "currency": "EUR", "elements": [{"price_components": [{"type": "ENERGY", "price": "0.29"}]}]}
    of = (await operator.post("/api/v1/tariffs", json={"name": "Gold", "tariff": tariff})).json()["id"]
    assigned = await operator.post("/api/v1/tariff-assignments", json={"tariff_id": of, "subscription": "gold"})
    assert assigned.status_code == 201, assigned.text
    changed = await operator.patch(path, json={"title": "Gold!"}, headers={"if-match": shown.headers["etag"]})
    assert (changed.status_code, changed.json()["title"], changed.json()["warning"]) == (200, "Gold!", None)
    house.clock.advance(1)
    assert (await operator.post(f"/api/v1/tariffs/{of}/end")).is_success
    house.clock.advance(1)
    assert (await viewer.get(path)).json()["warning"] is not None
    problem(await viewer.get("/api/v1/plans/999999"), 404, "plan-unknown")


async def test_a_subscription_is_begun_changed_and_ended(house: House, tenant: Tenant) -> None:
    operator, driver = await tenant.client(), await signed_in(house, tenant, "ada@example.com")
    number = (await driver.get(ME)).json()["id"]
    plans = [
        (await operator.post("/api/v1/plans", json={"name": name, "title": name, "currency": "EUR", "month_fee": 500}))
        for name in ("gold", "silver")
    ]
    gold, silver = (each.json()["plan_id"] for each in plans)
    for plan in (gold, silver):
        begun = await operator.put(f"/api/v1/drivers/{number}/subscription", json={"plan_id": plan})
        assert begun.status_code == 200, begun.text
    shown = (await operator.get(f"/api/v1/drivers/{number}")).json()
    assert shown["subscription"]["name"] == "silver"
    assert (await operator.delete(f"/api/v1/plans/{gold}")).status_code == 204
    problem(await operator.put(f"/api/v1/drivers/{number}/subscription", json={"plan_id": gold}), 404, "plan-unknown")
    assert (await operator.delete(f"/api/v1/drivers/{number}/subscription")).status_code == 204
    assert (await operator.get(f"/api/v1/drivers/{number}")).json()["subscription"] is None


@pytest.mark.parametrize("body", [{"email": "no"}, {"email": "a@b\nc"}, {"email": "a@b.c", "language": "xx"}])
async def test_a_letter_to_no_address_is_refused(house: House, body: dict[str, str]) -> None:
    problem(await house.client().post(f"{DRIVER}/sign-in", json={"brand": "volt", **body}), 400, "request-invalid")


async def test_cars_start_by_being_plugged_in_only_where_that_is_turned_on(house: House, tenant: Tenant) -> None:
    operator, driver = await tenant.client(), await signed_in(house, tenant, "ada@example.com")
    bea = await signed_in(house, tenant, "bea@example.com")
    number, other = [(await each.get(ME)).json()["id"] for each in (driver, bea)]
    path, said = f"/api/v1/drivers/{number}/autocharge", {"address": "00:11:22:aa:bb:cc", "name": "Blue"}
    problem(await operator.post(path, json=said), 409, "autocharge-off")
    rules = {"payment_required": False, "autocharge": True}
    await operator.put("/api/v1/driver-rules", json=rules)
    for _ in range(2):
        made = await operator.post(path, json=said)
        assert made.status_code == 201, made.text
        assert made.json()["address"] == "001122AABBCC"
    shown = (await driver.get(f"{ME}/autocharge")).json()
    assert ([each["name"] for each in shown["cars"]], shown["on"], shown["offered"]) == (["Blue"], True, [])
    # Whatever a station calls it, and nobody else's.
    with house.admin() as admin:
        admin.execute("SET ROLE forecourt_ingest")
        query = 'SELECT uid_key, status FROM token_decisions WHERE tenant_id = %s ORDER BY uid_key COLLATE "C"'
        told = [("001122aabbcc", "Accepted"), ("00:11:22:aa:bb:cc", "Accepted"), ("vid:001122aabbcc", "Accepted")]
        assert admin.execute(query, (tenant.tenant_id,)).fetchall() == told
        await operator.put("/api/v1/driver-rules", json=rules | {"autocharge": False})
        assert admin.execute(query, (tenant.tenant_id,)).fetchall() == [(uid, "Invalid") for uid, _ in told]
        await operator.put("/api/v1/driver-rules", json=rules)
    problem(await operator.post(f"/api/v1/drivers/{other}/autocharge", json=said), 409, "token-taken")
    problem(await bea.delete(f"{ME}/autocharge/001122AABBCC"), 404, "car-unknown")
    problem(await operator.post(path, json=said | {"address": "00-11"}), 400, "request-invalid")
    for nobodys in ("00:00:00:00:00:00", "FFFFFFFFFFFF", "01-80-C2-00-00-0E"):
        problem(await operator.post(path, json=said | {"address": nobodys}), 404, "car-unknown")
    assert (await driver.delete(f"{ME}/autocharge/001122AABBCC")).status_code == 204
    assert (await operator.get(f"/api/v1/drivers/{number}")).json()["tokens"] == []
