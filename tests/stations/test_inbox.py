"""The inbox over HTTP: who sees which stranger, and what becomes of it."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from forecourt.access import Role
from forecourt.platform.database import Pool
from forecourt.stations.inbox import DISMISSED_FOR
from forecourt.stations.jobs import KEEP_KNOCKS, StationJobs
from forecourt.stations.model import password_hash
from tests.http import SECRET, House, Tenant, check_orders, problem, walk

INBOX = "/api/v1/inbox"
SHOWN = b"a-password-of-a-stranger"


def a_knock(house: House, tenant: Tenant, identity: str = "", **columns: Any) -> str:
    """Somebody knocked at an organisation and was refused; under which identity."""
    identity = identity or f"NEW-{uuid4().hex[:8]}"
    now = house.clock.now()
    columns = {
        "tenant_id": tenant.tenant_id, "identity": identity, "reason": "unknown", "tls": False, "knocked": 3,
        "remote_address": "192.0.2.7", "subprotocols": "ocpp1.6, ocpp2.0.1", "first_at": now, "last_at": now,
        "password_hash": password_hash(SECRET.encode(), SHOWN), **columns,
    }  # fmt: skip
    with house.admin() as connection:
        connection.execute(
            f"INSERT INTO knocks ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",
            list(columns.values()),
        )
    return identity


def rows(house: House, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with house.admin() as connection:
        return connection.execute(query.encode(), values).fetchall()


async def listed(tenant: Tenant, **asked: Any) -> list[str]:
    return [each["id"] for each in await walk(await tenant.client(), INBOX, **asked)]


async def test_a_stranger_is_listed_with_what_it_came_with_and_never_its_digest(house: House, tenant: Tenant) -> None:
    identity = a_knock(house, tenant)
    answer = await (await tenant.client(Role.TECHNICIAN)).get(INBOX)
    [item] = answer.json()["items"]
    assert item == {
        "id": identity, "reason": "unknown", "registered": False, "tls": False, "remote_address": "192.0.2.7",
        "subprotocols": ["ocpp1.6", "ocpp2.0.1"], "user_agent": None, "has_password": True, "contested": False,
        "knocked": 3, "first_at": item["first_at"], "last_at": item["last_at"], "dismissed_until": None,
    }  # fmt: skip
    assert password_hash(SECRET.encode(), SHOWN).hex() not in answer.text
    problem(await (await tenant.client(Role.SUPPORT)).get(INBOX), 403, "forbidden")


async def test_a_list_pages_filters_and_leaves_out_whom_others_have(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    first, second = a_knock(house, tenant), a_knock(house, tenant, remote_address="198.51.100.9")
    theirs, broken = a_knock(house, stranger), a_knock(house, tenant, "", tls=True, reason="tls_failed")
    with house.admin() as connection:
        connection.execute("UPDATE knocks SET identity = '' WHERE identity = %s", (broken,))
    assert await listed(tenant, limit=1) == [second, first]
    assert await listed(tenant, search="198.51") == [second]
    assert await listed(tenant, reason="no_tls") == []
    problem(await (await tenant.client()).get(f"{INBOX}/{theirs}"), 404, "knock-unknown")
    problem(await (await tenant.client()).delete(f"{INBOX}/{theirs}"), 404, "knock-unknown")
    problem(await (await tenant.client()).post(f"{INBOX}/{theirs}/adopt", json={}), 404, "knock-unknown")
    # Registered in another way meanwhile, it is no stranger any more, whatever a gateway wrote.
    await (await tenant.client()).post("/api/v1/stations", json={"id": first})
    assert await listed(tenant) == [second]
    problem(await (await tenant.client()).post(f"{INBOX}/{first}/adopt", json={}), 404, "knock-unknown")


async def test_the_inbox_is_sorted_by_first_and_last_knock_and_by_id(house: House, tenant: Tenant) -> None:
    now = house.clock.now()
    for identity, ago in (("B", 3), ("a", 1), ("C", 2), ("A", 1)):
        a_knock(house, tenant, identity, last_at=now - timedelta(hours=ago))
    await check_orders(
        await tenant.client(),
        INBOX,
        "id",
        newest=["A", "C", "a", "B"],
        oldest=["B", "a", "C", "A"],
        latest=["A", "a", "C", "B"],
        id=["A", "B", "C", "a"],
    )


async def test_a_registered_station_that_is_refused_is_listed_apart(house: House, tenant: Tenant) -> None:
    identity = f"CP-{uuid4().hex[:8]}"
    await (await tenant.client()).post("/api/v1/stations", json={"id": identity})
    [(station_id,)] = rows(house, "SELECT station_id FROM stations WHERE identity = %s", identity)
    a_knock(house, tenant, identity, station_id=station_id, reason="wrong_password", password_hash=None)
    assert await listed(tenant) == []
    assert await listed(tenant, registered=True) == [identity]


async def test_a_stranger_is_adopted_with_the_password_that_it_uses(house: House, tenant: Tenant) -> None:
    identity = a_knock(house, tenant)
    client = await tenant.client(Role.TECHNICIAN)
    tag = (await client.get(f"{INBOX}/{identity}")).headers["etag"]
    made = await client.post(
        f"{INBOX}/{identity}/adopt", json={"keep_password": True, "name": "Gate"}, headers={"if-match": tag}
    )
    assert made.status_code == 201, made.text
    station = made.json()
    assert (station["id"], station["name"], station["security_profile"]) == (identity, "Gate", 1)
    assert "password" not in station
    assert rows(house, "SELECT password_hash FROM stations WHERE identity = %s", identity) == [
        (password_hash(SECRET.encode(), SHOWN),)
    ]
    assert await listed(tenant) == []
    assert rows(house, "SELECT count(*) FROM knocks WHERE identity = %s", identity) == [(0,)]
    [(detail,)] = rows(
        house, "SELECT detail FROM audit WHERE action = 'adopt station' AND object = %s", f"station:{identity}"
    )
    assert detail == {"knocked": 3, "address": "192.0.2.7", "kept_password": True}
    shown = await client.get(f"/api/v1/stations/{identity}")
    assert shown.headers["etag"] == made.headers["etag"]


async def test_without_that_a_password_is_made_and_who_came_by_tls_gets_a_profile_that_needs_it(
    house: House, tenant: Tenant
) -> None:
    identity = a_knock(house, tenant, tls=True)
    made = (await (await tenant.client()).post(f"{INBOX}/{identity}/adopt", json={"registration": "pending"})).json()
    assert (made["security_profile"], made["registration"], len(made["password"])) == (2, "pending", 40)
    given = a_knock(house, tenant)
    made = (await (await tenant.client()).post(f"{INBOX}/{given}/adopt", json={"password": "of-the-operator"})).json()
    assert "password" not in made
    assert rows(house, "SELECT password_hash FROM stations WHERE identity = %s", given) == [
        (password_hash(SECRET.encode(), b"of-the-operator"),)
    ]


@pytest.mark.parametrize(
    ("columns", "body", "status", "code"),
    [
        ({"contested": True}, {"keep_password": True}, 409, "password-not-kept"),
        ({"password_hash": None}, {"keep_password": True}, 409, "password-not-kept"),
        ({}, {"keep_password": True, "password": "x"}, 422, "password-twice"),
        ({}, {"site": "nowhere"}, 422, "site-refused"),
    ],
)
async def test_an_adoption_that_can_not_be_leaves_the_stranger_where_it_is(
    house: House, tenant: Tenant, columns: dict[str, Any], body: dict[str, Any], status: int, code: str
) -> None:
    identity = a_knock(house, tenant, **columns)
    problem(await (await tenant.client()).post(f"{INBOX}/{identity}/adopt", json=body), status, code)
    assert await listed(tenant) == [identity]
    assert rows(house, "SELECT count(*) FROM stations WHERE identity = %s", identity) == [(0,)]


async def test_who_was_seen_is_who_is_adopted(house: House, tenant: Tenant, stranger: Tenant) -> None:
    identity = a_knock(house, tenant)
    client = await tenant.client()
    tag = (await client.get(f"{INBOX}/{identity}")).headers["etag"]
    with house.admin() as connection:
        connection.execute("UPDATE knocks SET contested = true WHERE identity = %s", (identity,))
    late = await client.post(f"{INBOX}/{identity}/adopt", json={}, headers={"if-match": tag})
    problem(late, 412, "changed-meanwhile")
    taken = await (await stranger.client()).post("/api/v1/stations", json={"id": identity})
    assert taken.status_code == 201
    problem(await client.post(f"{INBOX}/{identity}/adopt", json={}), 409, "station-exists")


async def test_a_dismissed_stranger_is_not_shown_for_a_month_and_may_still_be_adopted(
    house: House, tenant: Tenant
) -> None:
    identity = a_knock(house, tenant)
    client = await tenant.client()
    first = (await client.delete(f"{INBOX}/{identity}")).json()
    assert first["dismissed_until"] is not None
    assert await listed(tenant) == []
    assert await listed(tenant, dismissed=True) == [identity]
    house.clock.advance(60)
    assert (await client.delete(f"{INBOX}/{identity}")).json() == first
    house.clock.advance(DISMISSED_FOR.total_seconds())
    assert await listed(tenant) == [identity]
    await client.delete(f"{INBOX}/{identity}")
    assert (await client.post(f"{INBOX}/{identity}/adopt", json={})).status_code == 201


@pytest.mark.parametrize("way", ["api", "import"])
async def test_registering_an_id_ends_its_dismissal(house: House, tenant: Tenant, way: str) -> None:
    identity, client = a_knock(house, tenant), await tenant.client()
    assert (await client.delete(f"{INBOX}/{identity}")).json()["dismissed_until"] is not None
    if way == "api":
        made = await client.post("/api/v1/stations", json={"id": identity})
    else:
        made = await client.post("/api/v1/stations/import", json={"csv": f"id\n{identity}", "dry_run": False})
    assert made.is_success, made.text
    assert rows(house, "SELECT muted_until FROM knocks WHERE identity = %s", identity) == [(None,)]


async def test_who_asks_for_a_registered_station_is_told_where_its_refusal_is(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    client, identity = await tenant.client(), f"CP-{uuid4().hex[:8]}"
    await client.post("/api/v1/stations", json={"id": identity})
    [(station_id,)] = rows(house, "SELECT station_id FROM stations WHERE identity = %s", identity)
    a_knock(house, tenant, identity, station_id=station_id, reason="no_tls")
    told = await client.get(f"{INBOX}/{identity}")
    problem(told, 404, "knock-unknown")
    [where] = re.findall(r"`GET (\S+)`", told.json()["detail"])
    [refused] = (await client.get(where, params={"registered": True, "search": identity})).json()["items"]
    assert "registered=true" in where
    assert (refused["id"], refused["registered"], refused["reason"]) == (identity, True, "no_tls")
    assert refused["last_at"] is not None
    foreign = await (await stranger.client()).get(f"{INBOX}/{identity}")
    problem(foreign, 404, "knock-unknown")
    assert "registered" not in foreign.json()["detail"]


async def test_no_dismissal_hides_a_station_that_is_registered_and_refused(house: House, tenant: Tenant) -> None:
    client, identity = await tenant.client(), f"CP-{uuid4().hex[:8]}"
    await client.post("/api/v1/stations", json={"id": identity})
    [(station_id,)] = rows(house, "SELECT station_id FROM stations WHERE identity = %s", identity)
    later = house.clock.now() + DISMISSED_FOR
    a_knock(house, tenant, identity, station_id=station_id, reason="wrong_password", muted_until=later)
    [refused] = await walk(client, INBOX, registered=True)
    assert (refused["id"], refused["reason"], refused["dismissed_until"]) == (identity, "wrong_password", None)


async def test_who_is_limited_to_sites_sees_no_stranger_and_what_is_refused_there(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    site = (await owner.post("/api/v1/sites", json={"name": "Yard"})).json()["id"]
    await owner.post("/api/v1/stations", json={"id": f"CP-{tenant.tenant_id}", "site": site})
    [(station_id,)] = rows(house, "SELECT station_id FROM stations WHERE identity = %s", f"CP-{tenant.tenant_id}")
    a_knock(house, tenant, f"CP-{tenant.tenant_id}", station_id=station_id, reason="wrong_password")
    identity = a_knock(house, tenant)
    limited = await tenant.client(Role.TECHNICIAN, (site,))
    assert await walk(limited, INBOX) == []
    assert [each["id"] for each in await walk(limited, INBOX, registered=True)] == [f"CP-{tenant.tenant_id}"]
    problem(await limited.post(f"{INBOX}/{identity}/adopt", json={"site": site}), 404, "knock-unknown")


async def test_the_code_is_one_an_organisation_and_another_one_when_it_is_renewed(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    await tenant.operator()
    await stranger.operator()
    client = await tenant.client()
    code = (await client.get("/api/v1/inbox-code")).json()
    assert code == (await client.get("/api/v1/inbox-code")).json() == {"code": code["code"], "needed": True}
    assert code != (await (await stranger.client()).get("/api/v1/inbox-code")).json()
    problem(await (await tenant.client(Role.OPERATOR)).post("/api/v1/inbox-code/renew"), 403, "forbidden")
    renewed = (await client.post("/api/v1/inbox-code/renew")).json()
    assert renewed["code"] != code["code"]
    assert (await client.get("/api/v1/inbox-code")).json() == renewed


async def test_the_worker_forgets_who_has_not_knocked_for_long(house: House, tenant: Tenant) -> None:
    old, now = house.clock.now() - KEEP_KNOCKS, house.clock.now()
    gone = a_knock(house, tenant, last_at=old.replace(year=old.year - 1))
    dismissed = a_knock(
        house, tenant, last_at=old.replace(year=old.year - 1), muted_until=now.replace(year=now.year + 1)
    )
    lately = a_knock(house, tenant)
    async with Pool(house.database.url, "forecourt_worker", size=1) as pool:
        assert await StationJobs(pool, house.clock).tidy_knocks() >= 1
    left = {
        identity for (identity,) in rows(house, "SELECT identity FROM knocks WHERE tenant_id = %s", tenant.tenant_id)
    }
    assert left == {dismissed, lately}
    assert gone not in left
