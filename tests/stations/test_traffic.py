"""The message log, commands and calls over HTTP, with no gateway at work."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from forecourt.access import Role
from forecourt.stations.store.traffic import RAW_SHOWN
from tests.http import House, Tenant, check_orders, problem, walk

NO_SECRET = "hunter2-hunter2-hunter2"


async def a_station(tenant: Tenant, name: str = "log") -> str:
    identity = f"{name}-{tenant.tenant_id}"
    answer = await (await tenant.client()).post("/api/v1/stations", json={"id": identity})
    assert answer.status_code == 201
    return identity


def number_of(connection: psycopg.Connection[Any], identity: str) -> int:
    row = connection.execute("SELECT station_id FROM stations WHERE identity = %s", (identity,)).fetchone()
    assert row is not None
    return int(row[0])


def log(
    connection: psycopg.Connection[Any],
    tenant: Tenant,
    identity: str,
    *frames: tuple[str, int, str | None, str, str | None],
) -> None:
    """Writes (direction, type, action, payload, deviations) as the gateway would."""
    station_id = number_of(connection, identity)
    connection.cursor().executemany(
        "INSERT INTO messages (at, tenant_id, station_id, direction, kind, message_id, action, payload, deviations)"
        " VALUES (now(), %s, %s, %s, %s, 'id', %s, %s, %s)",
        [(tenant.tenant_id, station_id, *frame) for frame in frames],
    )


async def test_the_log_is_read_newest_first_in_the_words_of_ocpp(house: House, tenant: Tenant) -> None:
    identity = await a_station(tenant)
    with house.admin() as connection:
        log(
            connection,
            tenant,
            identity,
            ("i", 2, "BootNotification", '{"chargePointModel":"M"}', None),
            ("o", 3, "BootNotification", '{"interval":300}', None),
            ("o", 2, "Reset", '{"type":"Soft"}', None),
            ("i", 4, "Reset", "{}", None),
            ("o", 5, None, "not json {", None),
            ("i", 6, "NotifyPeriodicEventStream", "[]", "number as text; time without zone"),
        )
    items = (await (await tenant.client()).get(f"/api/v1/stations/{identity}/messages")).json()["items"]
    assert [(each["direction"], each["kind"], each["action"]) for each in items] == [
        ("in", "send", "NotifyPeriodicEventStream"),
        ("out", "result_error", None),
        ("in", "error", "Reset"),
        ("out", "call", "Reset"),
        ("out", "result", "BootNotification"),
        ("in", "call", "BootNotification"),
    ]
    assert items[0]["deviations"] == ["number as text", "time without zone"]
    assert items[1]["payload"] == "not json {"
    assert items[-1]["payload"] == {"chargePointModel": "M"}


async def test_the_log_is_filtered_and_walked_to_its_end(house: House, tenant: Tenant) -> None:
    identity = await a_station(tenant)
    with house.admin() as connection:
        log(connection, tenant, identity, *(("i", 2, "Heartbeat", f'{{"n":{n}}}', None) for n in range(230)))
        log(connection, tenant, identity, *(("o", 3, "Heartbeat", "{}", None) for _ in range(3)))
    client, path = await tenant.client(Role.VIEWER), f"/api/v1/stations/{identity}/messages"
    came_in = await walk(client, path, direction="in", limit=100)
    assert [each["payload"]["n"] for each in came_in] == list(range(229, -1, -1))
    assert len(await walk(client, path, direction="out")) == 3
    assert len(await walk(client, path, action="Heartbeat", limit=200)) == 233
    assert await walk(client, path, action="Reset") == []


async def test_the_log_is_read_from_either_end(house: House, tenant: Tenant) -> None:
    identity = await a_station(tenant)
    with house.admin() as connection:
        log(connection, tenant, identity, *(("i", 2, "Heartbeat", str(n), None) for n in range(5)))
    path = f"/api/v1/stations/{identity}/messages"
    await check_orders(await tenant.client(), path, "payload", newest=[4, 3, 2, 1, 0], oldest=[0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "cursor=rubbish", "cursor=%00", "cursor=AAAA", "direction=up", "action=%00"],
)
async def test_rubbish_in_a_query_is_refused(tenant: Tenant, query: str) -> None:
    identity = await a_station(tenant)
    answer = await (await tenant.client()).get(f"/api/v1/stations/{identity}/messages?{query}")
    problem(answer, 400, "cursor-refused" if "cursor" in query else "request-invalid")


async def test_nobody_elses_traffic_is_reached(house: House, tenant: Tenant, stranger: Tenant) -> None:
    identity = await a_station(tenant)
    with house.admin() as connection:
        log(connection, tenant, identity, ("i", 2, "Heartbeat", "{}", None))
    foreign = await stranger.client()
    for path in ("messages", "commands"):
        problem(await foreign.get(f"/api/v1/stations/{identity}/{path}"), 404, "station-unknown")
    call = {"action": "Reset", "payload": {"type": "Soft"}}
    problem(await foreign.post(f"/api/v1/stations/{identity}/calls", json=call), 404, "station-unknown")
    problem(await foreign.post(f"/api/v1/stations/{identity}/start", json={"token": "x"}), 404, "station-unknown")
    async with house.db.tenant(stranger.tenant_id) as conn:
        assert await (await conn.execute("SELECT * FROM messages")).fetchall() == []


async def test_a_call_to_a_station_that_is_away_is_refused_at_once_and_audited_without_its_secret(
    house: House, tenant: Tenant
) -> None:
    identity = await a_station(tenant)
    client = await tenant.client(Role.TECHNICIAN)
    call = {"action": "ChangeConfiguration", "payload": {"key": "AuthorizationKey", "value": NO_SECRET}}
    refused = problem(await client.post(f"/api/v1/stations/{identity}/calls", json=call), 409, "station-offline")
    assert "not connected" in refused["detail"]
    with house.admin() as connection:
        rows = connection.execute(
            "SELECT actor, detail FROM audit WHERE tenant_id = %s AND action = 'call station' AND object = %s",
            (tenant.tenant_id, f"station:{identity}"),
        ).fetchall()
    assert len(rows) == 1
    assert rows[0][0].endswith("technician")
    assert rows[0][1]["action"] == "ChangeConfiguration"
    assert rows[0][1]["not_sent"] == "station-offline"
    assert "command" not in rows[0][1]
    assert NO_SECRET not in str(rows)


def hold(connection: psycopg.Connection[Any], tenant: Tenant, identity: str, protocol: str) -> None:
    """A gateway's lease and link without the gateway: the directory names it, the bus knows nobody of that name."""
    gateway = f"gone-{identity}"
    connection.execute("INSERT INTO gateways VALUES (%s, now(), now() + %s)", (gateway, timedelta(minutes=5)))
    connection.execute(
        "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
        " VALUES (%s, %s, 1, %s, %s, now(), now())",
        (number_of(connection, identity), tenant.tenant_id, gateway, protocol),
    )


@pytest.mark.parametrize(
    ("protocol", "action", "payload", "code"),
    [
        ("ocpp1.6", "Reset", {"type": "Now"}, "PropertyConstraintViolation"),
        ("ocpp1.6", "Reset", {}, "OccurenceConstraintViolation"),
        ("ocpp1.6", "GetVariables", {}, "NotImplemented"),
        ("ocpp2.0.1", "Reset", {"type": 7}, "TypeConstraintViolation"),
        ("ocpp2.1", "Reset", {"type": "Immediate", "why": "x"}, "FormatViolation"),
        ("ocpp2.1", "Heartbeat", {}, "NotSupported"),
    ],
)
async def test_a_call_that_breaks_the_schema_of_the_stations_version_is_not_sent(
    house: House, tenant: Tenant, protocol: str, action: str, payload: dict[str, Any], code: str
) -> None:
    identity = await a_station(tenant)
    with house.admin() as connection:
        hold(connection, tenant, identity, protocol)
    client = await tenant.client()
    answer = await client.post(f"/api/v1/stations/{identity}/calls", json={"action": action, "payload": payload})
    refused = problem(answer, 422, "call-invalid")
    assert refused["error_code"] == code
    assert await walk(client, f"/api/v1/stations/{identity}/commands") == []


async def test_a_gateway_that_died_with_its_lease_running_counts_as_offline(house: House, tenant: Tenant) -> None:
    identity = await a_station(tenant)
    with house.admin() as connection:
        hold(connection, tenant, identity, "ocpp1.6")
    client = await tenant.client()
    call = {"action": "ChangeConfiguration", "payload": {"key": "AuthorizationKey", "value": NO_SECRET}}
    problem(await client.post(f"/api/v1/stations/{identity}/calls", json=call), 409, "station-offline")
    started = await client.post(
        f"/api/v1/stations/{identity}/start", json={"token": "04A2", "evse": 1, "unregistered": True}
    )
    problem(started, 409, "station-offline")
    commands = await walk(await tenant.client(Role.VIEWER), f"/api/v1/stations/{identity}/commands")
    assert [(each["action"], each["outcome"]) for each in commands] == [
        ("RemoteStartTransaction", "offline"),
        ("ChangeConfiguration", "offline"),
    ]
    assert commands[0]["payload"] == {"idTag": "04A2", "connectorId": 1}
    ids = [each["id"] for each in commands]
    await check_orders(client, f"/api/v1/stations/{identity}/commands", "id", newest=ids, oldest=ids[::-1])
    entries = await walk(client, "/api/v1/audit", object=f"station:{identity}")
    told = [(each["action"], each["detail"].get("command")) for each in entries]
    assert told[:2] == [("start charging", commands[0]["id"]), ("call station", commands[1]["id"])]
    assert NO_SECRET not in str(commands)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.SUPPORT, Role.VIEWER, Role.SITE_HOST])
async def test_the_expert_door_is_for_owners_and_technicians(tenant: Tenant, role: Role) -> None:
    identity = await a_station(tenant)
    call = {"action": "Reset", "payload": {"type": "Hard"}}
    answer = await (await tenant.client(role)).post(f"/api/v1/stations/{identity}/calls", json=call)
    assert problem(answer, 403, "forbidden")["needs"] == ["owner", "technician"]


@pytest.mark.parametrize(
    "body", [{}, {"action": ""}, {"action": "Reset", "payload": []}, {"action": "Re set"}, {"action": "Reset", "x": 1}]
)
async def test_a_call_that_is_none_is_refused(tenant: Tenant, body: dict[str, Any]) -> None:
    identity = await a_station(tenant)
    answer = await (await tenant.client()).post(f"/api/v1/stations/{identity}/calls", json=body)
    problem(answer, 400, "request-invalid")


def quarantine(connection: psycopg.Connection[Any], tenant: Tenant, identity: str, raw: str) -> int:
    """Keeps a message as the gateway does that could not store it; its number."""
    row = connection.execute(
        "INSERT INTO quarantine (at, tenant_id, station_id, raw, error) VALUES (now(), %s, %s, %s, 'DataError: no')"
        " RETURNING quarantine_id",
        (tenant.tenant_id, number_of(connection, identity), raw),
    ).fetchone()
    assert row is not None
    return int(row[0])


async def test_the_quarantine_is_listed_shown_whole_and_reviewed_once(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    client, path = await tenant.client(Role.SUPPORT), "/api/v1/quarantine"
    identity = await a_station(tenant, "quarantined")
    with house.admin() as connection:
        first, second = (quarantine(connection, tenant, identity, text * 9_000) for text in "ab")
    listed = await walk(client, path, limit=1)
    assert [(each["id"], each["station"], each["raw_length"]) for each in listed] == [
        (second, identity, 9_000),
        (first, identity, 9_000),
    ]
    await check_orders(client, path, "id", newest=[second, first], oldest=[first, second])
    assert listed[0]["raw"] == "b" * RAW_SHOWN
    assert (await client.get(f"{path}/{first}")).json() == {**listed[1], "raw": "a" * 9_000}
    reviewed = (await client.post(f"{path}/{first}/review")).json()
    assert reviewed["reviewed_at"] is not None
    assert (await client.post(f"{path}/{first}/review")).json() == reviewed
    assert [each["id"] for each in await walk(client, path, reviewed=True)] == [first]
    assert [each["id"] for each in await walk(client, path, reviewed=False)] == [second]
    entries = await walk(await tenant.client(), "/api/v1/audit", object=f"quarantine:{first}")
    assert [each["action"] for each in entries] == ["review quarantined message"]
    foreign = await stranger.client()
    assert await walk(foreign, path) == []
    for answer in (await foreign.get(f"{path}/{first}"), await foreign.post(f"{path}/{second}/review")):
        problem(answer, 404, "quarantined-unknown")
    problem(await (await tenant.client(Role.VIEWER)).post(f"{path}/{second}/review"), 403, "forbidden")
    assert [each["id"] for each in await walk(client, path, reviewed=False)] == [second]
