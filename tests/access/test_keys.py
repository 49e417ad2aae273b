"""API keys: made, used, listed, revoked."""

from datetime import timedelta

import pytest

from forecourt.access import Role
from tests.http import House, Tenant, check_orders, problem, walk

KEYS = "/api/v1/keys"


async def test_a_new_key_opens_the_door_that_its_role_allows(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    made = await owner.post(KEYS, json={"name": "Grid app", "role": "viewer"})
    assert made.status_code == 201
    key = made.json()["key"]
    assert key.startswith("fc_")
    client = house.client(headers={"authorization": f"Bearer {key}"})
    assert (await client.get("/api/v1/stations")).status_code == 200
    problem(await client.post("/api/v1/sites", json={"name": "Yard"}), 403, "forbidden")


async def test_the_database_holds_a_digest_and_never_the_key(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    key = (await owner.post(KEYS, json={"name": "Grid app", "role": "viewer"})).json()["key"]
    with house.admin() as connection:
        keys = connection.execute("SELECT api_keys::text, key_hash FROM api_keys").fetchall()
        audit = connection.execute("SELECT audit::text FROM audit").fetchall()
    assert all(len(digest) == 32 for _, digest in keys)
    assert not any(key in text or key.encode().hex() in text for text, *_ in [*keys, *audit])
    assert key not in (await owner.get(KEYS)).text


async def test_a_revoked_key_is_refused_from_the_next_request_on(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    made = (await owner.post(KEYS, json={"name": "Lost", "role": "operator"})).json()
    client = house.client(headers={"authorization": f"Bearer {made['key']}"})
    assert (await client.get("/api/v1/stations")).status_code == 200
    revoked = await owner.delete(f"{KEYS}/{made['id']}")
    assert revoked.status_code == 200
    assert revoked.json()["revoked_at"] is not None
    problem(await client.get("/api/v1/stations"), 401, "unauthenticated")
    assert (await owner.delete(f"{KEYS}/{made['id']}")).json() == revoked.json()


async def test_the_last_use_of_a_key_is_shown(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    made = (await owner.post(KEYS, json={"name": "Meter", "role": "viewer"})).json()
    client = house.client(headers={"authorization": f"Bearer {made['key']}"})
    await client.get("/api/v1/sites")
    shown = {key["id"]: key for key in (await owner.get(KEYS)).json()["items"]}
    assert shown[made["id"]]["last_used_at"] == house.clock.now().isoformat().replace("+00:00", "Z")


async def test_keys_are_sorted_as_asked_and_by_last_use_whatever_is_used_meanwhile(
    house: House, tenant: Tenant
) -> None:
    owner = await tenant.client()
    used = house.clock.now() - timedelta(days=1)
    for name, at in (("beta", None), ("Alpha", used), ("gamma", used + timedelta(hours=1)), ("alpha", None)):
        key_id = (await owner.post(KEYS, json={"name": name, "role": "viewer"})).json()["id"]
        with house.admin() as connection:
            connection.execute("UPDATE api_keys SET last_used_at = %s WHERE key_id = %s", (at, key_id))
    await check_orders(
        owner,
        KEYS,
        "name",
        oldest=["owner", "beta", "Alpha", "gamma", "alpha"],
        newest=["alpha", "gamma", "Alpha", "beta", "owner"],
        name=["Alpha", "alpha", "beta", "gamma", "owner"],
        used=["owner", "gamma", "Alpha", "alpha", "beta"],
    )
    page = (await owner.get(KEYS, params={"sort": "used", "limit": 1})).json()
    names = [page["items"][0]["name"]]
    while page["next"] is not None:
        house.clock.advance(600)
        page = (await owner.get(KEYS, params={"sort": "used", "limit": 1, "cursor": page["next"]})).json()
        names.append(page["items"][0]["name"])
    assert names == ["owner", "gamma", "Alpha", "alpha", "beta"], "the key that asks is used by asking"


async def test_only_owners_meet_keys_and_only_those_of_their_organisation(tenant: Tenant, stranger: Tenant) -> None:
    made = (await (await tenant.client()).post(KEYS, json={"name": "Mine", "role": "viewer"})).json()
    foreign = await stranger.client()
    assert made["id"] not in [key["id"] for key in await walk(foreign, KEYS)]
    problem(await foreign.delete(f"{KEYS}/{made['id']}"), 404, "key-unknown")
    for role in set(Role) - {Role.OWNER}:
        client = await tenant.client(role)
        refused = problem(await client.get(KEYS), 403, "forbidden")
        assert refused["needs"] == ["owner"]
        problem(await client.post(KEYS, json={"name": "Mine", "role": "owner"}), 403, "forbidden")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x"}, "role"),
        ({"name": "x", "role": "king"}, "role"),
        ({"name": "", "role": "viewer"}, "name"),
        ({"name": "a\x00b", "role": "viewer"}, "name"),
        ({"name": "x", "role": "viewer", "tenant_id": 1}, "tenant_id"),
        ([], ""),
    ],
)
async def test_a_bad_key_request_names_what_is_wrong(tenant: Tenant, body: object, pointer: str) -> None:
    refused = problem(await (await tenant.client()).post(KEYS, json=body), 400, "request-invalid")
    assert pointer in str(refused["errors"])


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc=", "Bearer " + "x" * 10_000]
)
async def test_a_wrong_authorization_is_nobody(house: House, authorization: str) -> None:
    answer = await house.client(headers={"authorization": authorization}).get("/api/v1/stations")
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_wrong_key_is_not_saved_by_a_right_cookie(house: House, tenant: Tenant) -> None:
    email = await tenant.operator()
    browser = house.client()
    await browser.post("/sign-in", data={"email": email, "password": "correct horse battery staple"})
    assert (await browser.get("/api/v1/stations")).status_code == 200
    answer = await browser.get("/api/v1/stations", headers={"authorization": "Bearer wrong"})
    problem(answer, 401, "unauthenticated")


async def test_a_key_ends_by_itself_and_shows_how_it_begins(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    soon = (house.clock.now() + timedelta(hours=1)).isoformat()
    made = (await owner.post(KEYS, json={"name": "Today", "role": "viewer", "expires_at": soon})).json()
    assert made["key"].startswith(made["prefix"])
    assert len(made["prefix"]) < 12
    client = house.client(headers={"authorization": f"Bearer {made['key']}"})
    assert (await client.get("/api/v1/stations")).status_code == 200
    house.clock.advance(3600)
    problem(await client.get("/api/v1/stations"), 401, "unauthenticated")
    past = house.clock.now().isoformat()
    problem(await owner.post(KEYS, json={"name": "Late", "role": "viewer", "expires_at": past}), 422, "expiry-refused")


async def test_a_key_does_what_its_scopes_name_at_the_sites_it_is_limited_to(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    await owner.post("/api/v1/sites", json={"name": "Yard"})
    await owner.post("/api/v1/sites", json={"name": "Harbour"})
    body = {"name": "Yard app", "role": "operator", "scopes": ["read", "change_sites"], "sites": ["yard"]}
    made = (await owner.post(KEYS, json=body)).json()
    assert (made["scopes"], made["sites"]) == (["read", "change_sites"], ["yard"])
    client = house.client(headers={"authorization": f"Bearer {made['key']}"})
    assert [site["slug"] for site in await walk(client, "/api/v1/sites")] == ["yard"]
    assert (await client.patch("/api/v1/sites/yard", json={"name": "Our yard"})).status_code == 200
    problem(await client.post("/api/v1/stations", json={"id": "x", "site": "yard"}), 403, "scope-missing")
    for wrong, code in (({"scopes": ["fly"]}, "scope-unknown"), ({"sites": ["moon"]}, "sites-refused")):
        problem(await owner.post(KEYS, json={**body, **wrong}), 422, code)


async def test_where_a_key_was_last_used_from_is_shown(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    made = (await owner.post(KEYS, json={"name": "Meter", "role": "viewer"})).json()
    await house.client(headers={"authorization": f"Bearer {made['key']}"}).get("/api/v1/sites")
    shown = {key["id"]: key for key in (await owner.get(KEYS)).json()["items"]}
    assert shown[made["id"]]["last_used_from"] == house.address
    assert shown[made["id"]]["created_by"].startswith("key:")
