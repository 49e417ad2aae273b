"""The audit: read by owners, added to by everybody, changed by nobody."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from forecourt.access import Role, jobs
from forecourt.access.api.audit import _cell
from forecourt.access.jobs import AccessJobs
from forecourt.platform.database import Pool
from tests.http import House, Tenant, check_orders, problem, walk
from tests.support import FakeClock

AUDIT = "/api/v1/audit"


async def test_owners_read_who_did_what_to_what_newest_first(tenant: Tenant, stranger: Tenant) -> None:
    client = await tenant.client()
    await client.post("/api/v1/sites", json={"name": "Yard"})
    await (await stranger.client()).post("/api/v1/sites", json={"name": "Foreign"})
    await (await tenant.client(Role.OPERATOR)).patch("/api/v1/sites/yard", json={"name": "New yard"})
    await client.post("/api/v1/tokens", json={"uid": "AB", "type": "ISO14443", "status": "blocked"})
    entries = await walk(client, AUDIT, limit=2)
    told = [(each["action"], each["object"], each["detail"]) for each in entries]
    assert told == [
        ("create token", "token:AB", {"status": "blocked"}),
        ("change site", "site:yard", {}),
        ("create site", "site:yard", {"name": "Yard", "parent": None}),
    ]
    assert (entries[1]["before"], entries[1]["after"]) == ({"name": "Yard"}, {"name": "New yard"})
    ids = [each["id"] for each in entries]
    await check_orders(client, AUDIT, "id", newest=ids, oldest=ids[::-1])
    by_operator = entries[1]["actor"]
    assert by_operator.endswith(" operator")
    for filters, expected in [
        ({"actor": by_operator}, entries[1:2]),
        ({"actor": by_operator.split(" ")[0]}, entries[1:2]),
        ({"actor": by_operator.split(" ")[0][:-1]}, []),
        ({"object": "site:yard"}, entries[1:]),
        ({"action": "create site"}, entries[2:]),
        ({"from": entries[1]["at"]}, entries[:2]),
        ({"to": entries[1]["at"]}, entries[2:]),
        ({"object": "site:yard", "to": entries[1]["at"], "action": "change site"}, []),
    ]:
        assert await walk(client, AUDIT, **filters) == expected, filters
    for bad in ("from=yesterday", "to=2026-03-01T08:00:00", f"actor={'x' * 301}"):
        problem(await client.get(f"{AUDIT}?{bad}"), 400, "request-invalid")


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OWNER}))
async def test_nobody_but_owners_reads_it(tenant: Tenant, role: Role) -> None:
    problem(await (await tenant.client(role)).get(AUDIT), 403, "forbidden")


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit", "UPDATE audit SET at = now()"],
)
async def test_not_even_the_application_can_change_what_stands_there(
    house: House, tenant: Tenant, statement: str
) -> None:
    await (await tenant.client()).post("/api/v1/sites", json={"name": "Yard"})
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with house.db.tenant(tenant.tenant_id) as conn:
            await conn.execute(statement.encode())
    assert len(await walk(await tenant.client(), AUDIT)) == 1


async def test_it_is_forgotten_when_it_was_kept_long_enough_and_never_its_last_ninety_days(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "FORGOTTEN_AT_ONCE", 2)
    with house.admin() as connection:
        connection.execute("ALTER TABLE audit DISABLE TRIGGER audit_stays")
        connection.execute("DELETE FROM audit")
        connection.execute("ALTER TABLE audit ENABLE TRIGGER audit_stays")
        connection.cursor().executemany(
            "INSERT INTO audit (tenant_id, actor, action, object, at)"
            " VALUES (%s, 'a', 'b', 'c', now() - make_interval(days => %s))",
            [(tenant.tenant_id, age) for age in (900, 850, 810, 790, 91, 89, 0)],
        )
    clock = FakeClock(datetime.now(UTC))
    async with Pool(house.database.url, "forecourt_worker", size=1) as pool:
        assert await AccessJobs(pool, clock).forget_audit() == 0, "for ever, unless it is said how long"
        assert await AccessJobs(pool, clock, timedelta(days=800)).forget_audit() == 3
        assert await AccessJobs(pool, clock, timedelta(days=1)).forget_audit() == 2, "the database keeps ninety days"
    assert len(await walk(await tenant.client(), AUDIT)) == 2
    with house.admin() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM audit WHERE at < now() - interval '90 days'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with house.db.tenant(tenant.tenant_id) as conn:
            await conn.execute("SELECT access_forget_audit(now(), 100)")


async def test_no_other_role_of_the_application_sees_it(house: House, tenant: Tenant) -> None:
    await (await tenant.client()).post("/api/v1/sites", json={"name": "Yard"})
    for role in ("forecourt_ingest", "forecourt_worker", "forecourt_lookup"):
        with house.admin() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SET ROLE {role}")
            connection.execute("SELECT * FROM audit")


async def test_a_time_is_taken_in_any_zone(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    await client.post("/api/v1/sites", json={"name": "Yard"})
    with house.admin() as connection:
        [(at,)] = connection.execute("SELECT at FROM audit WHERE tenant_id = %s", (tenant.tenant_id,)).fetchall()
    later = (at + timedelta(hours=2)).replace(tzinfo=None).isoformat() + "+02:00"
    assert len(await walk(client, AUDIT, **{"from": later})) == 1
    assert await walk(client, AUDIT, to=later) == []


@pytest.mark.parametrize(("sort", "step"), [("oldest", 1), ("newest", -1)])
async def test_what_overlapping_transactions_wrote_is_found_by_its_time(
    house: House, tenant: Tenant, sort: str, step: int
) -> None:
    with house.admin() as connection:
        connection.cursor().executemany(
            "INSERT INTO audit (tenant_id, actor, action, object, at)"
            " VALUES (%s, 'a', 'b', %s, '2026-03-01 10:00Z'::timestamptz + make_interval(secs => %s))",
            [(tenant.tenant_id, str(second), second) for second in (5, 0, 9, 7, 86_400)],
        )
    client = await tenant.client()
    for asked, found in [
        ({"from": "2026-03-01T10:00:00Z"}, ["5", "0", "9", "7", "86400"]),
        ({"from": "2026-03-01T10:00:06Z"}, ["9", "7", "86400"]),
        ({"to": "2026-03-01T10:00:08Z"}, ["5", "0", "7"]),
        ({"from": "2026-03-01T10:00:01Z", "to": "2026-03-01T10:00:09Z"}, ["5", "7"]),
        ({"from": "2026-03-01T10:00:10Z", "to": "2026-03-01T10:00:11Z"}, []),
        ({"to": "2026-03-01T10:00:00Z"}, []),
    ]:
        assert [each["object"] for each in await walk(client, AUDIT, sort=sort, limit=1, **asked)] == found[::step], (
            asked
        )


async def test_it_says_from_where_and_under_which_request(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    headers = {"user-agent": "curl/8", "x-request-id": "from-the-proxy"}
    await client.post("/api/v1/sites", json={"name": "Yard"}, headers=headers)
    [entry] = await walk(client, AUDIT)
    assert (entry["address"], entry["user_agent"], entry["request_id"]) == (house.address, "curl/8", "from-the-proxy")


async def test_it_tells_what_was_changed_before_and_after_and_never_a_secret(tenant: Tenant) -> None:
    client = await tenant.client()
    identity = f"CP-{tenant.tenant_id}"
    await client.post("/api/v1/stations", json={"id": identity, "name": "One", "password": "a password of 20 chars"})
    change = {"name": "Two", "max_power_w": 11_000, "password": "another one of 20 chars"}
    assert (await client.patch(f"/api/v1/stations/{identity}", json=change)).status_code == 200
    await client.post("/api/v1/tokens", json={"uid": "AB", "type": "Central", "status": "accepted"})
    await client.patch("/api/v1/tokens/AB", json={"status": "blocked"})
    [station] = await walk(client, AUDIT, action="change station")
    assert (station["before"], station["after"]) == (
        {"name": "One", "max_power_w": None},
        {"name": "Two", "max_power_w": 11_000},
    )
    assert station["detail"] == {"new_password": True}
    [token] = await walk(client, AUDIT, action="change token")
    assert (token["before"], token["after"]) == ({"status": "accepted"}, {"status": "blocked"})
    assert "20 chars" not in str(await walk(client, AUDIT))


async def test_it_is_searched_by_any_part_of_who_what_and_to_what(tenant: Tenant) -> None:
    client = await tenant.client()
    await client.post("/api/v1/sites", json={"name": "Yard 100%"})
    await client.post("/api/v1/sites", json={"name": "Harbour"})
    assert [each["object"] for each in await walk(client, AUDIT, q="CREATE SITE site:Yard")] == ["site:yard-100"]
    assert await walk(client, AUDIT, q="%") == []


@pytest.mark.parametrize(
    ("form", "sort"), [("csv", "newest"), ("csv", "oldest"), ("jsonl", "newest"), ("jsonl", "oldest")]
)
async def test_the_whole_of_it_is_taken_away_as_a_file(
    tenant: Tenant, stranger: Tenant, monkeypatch: pytest.MonkeyPatch, form: str, sort: str
) -> None:
    monkeypatch.setattr("forecourt.access.api.audit.EXPORT_BATCH", 2)
    client = await tenant.client()
    for number in range(5):
        await client.post("/api/v1/sites", json={"name": f"Site {number}"})
    await (await stranger.client()).post("/api/v1/sites", json={"name": "Foreign"})
    await client.post("/api/v1/tokens", json={"uid": "=1+1", "type": "Central", "status": "blocked"})
    answer = await client.get(f"{AUDIT}/export", params={"format": form, "sort": sort})
    assert answer.headers["content-disposition"] == f'attachment; filename="audit.{form}"'
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert {"status": "blocked"} in [json.loads(row["detail"]) for row in rows]
    else:
        rows = [json.loads(line) for line in answer.text.splitlines()]
        assert rows == await walk(client, AUDIT, sort=sort)
    done = [*(f"site:site-{number}" for number in range(5)), "token:=1+1"]
    assert [row["object"] for row in rows] == (done if sort == "oldest" else done[::-1])
    fewer = await client.get(f"{AUDIT}/export", params={"format": "jsonl", "object": "site:site-3"})
    assert len(fewer.text.splitlines()) == 1


def test_no_cell_of_the_file_is_a_formula() -> None:
    assert [_cell(text) for text in ("=1", "+1", "-1", "@x", "a=1")] == ["'=1", "'+1", "'-1", "'@x", "a=1"]
