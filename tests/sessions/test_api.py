"""Sessions and their samples over HTTP, as stations' words left them in the database."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from forecourt.access import Role
from forecourt.ocpp.neutral import Context, Location, Measurand, Phase
from forecourt.sessions.samples import CONTEXTS, LOCATIONS, MEANINGS, PHASES
from tests.http import House, Tenant, check_orders, problem, walk

SESSIONS = "/api/v1/sessions"
BEGAN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def code(
    measurand: Measurand,
    phase: Phase = Phase.NONE,
    location: Location = Location.OUTLET,
    context: Context = Context.PERIODIC,
) -> int:
    return measurand + phase * 2**8 + location * 2**16 + context * 2**24


async def a_station(house: House, tenant: Tenant, name: str = "S") -> tuple[str, int]:
    identity = f"{name}-{tenant.tenant_id}"
    assert (await (await tenant.client()).post("/api/v1/stations", json={"id": identity})).status_code == 201
    with house.admin() as connection:
        row = connection.execute("SELECT station_id FROM stations WHERE identity = %s", (identity,)).fetchone()
    assert row is not None
    return identity, int(row[0])


def say(
    connection: psycopg.Connection[Any], tenant: Tenant, station_id: int, transaction_id: str, **columns: Any
) -> str:
    """A session as ingest leaves it; returns its id."""
    values = {
        "tenant_id": tenant.tenant_id,
        "station_id": station_id,
        "transaction_id": transaction_id,
        "start_key": 1,
        "started_at": BEGAN,
        "last_key": 1,
        "last_at": BEGAN,
        "heard_at": BEGAN,
        **columns,
    }
    row = connection.execute(
        f"INSERT INTO sessions ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))}) RETURNING session_id",
        list(values.values()),
    ).fetchone()
    assert row is not None
    return str(row[0])


async def test_a_running_session_shows_its_energy_so_far_and_no_end(house: House, tenant: Tenant) -> None:
    identity, station_id = await a_station(house, tenant)
    with house.admin() as connection:
        session_id = say(
            connection,
            tenant,
            station_id,
            "17",
            evse=1,
            connector=1,
            token_uid="04A2",
            token_status="Accepted",
            meter_start_wh=1_000,
            meter_stop_wh=4_600,
            power_w=7_200,
            soc_pct=64,
            charging_state="Charging",
            seqs="{[0,4),[6,7)}",
        )
    shown = (await (await tenant.client(Role.VIEWER)).get(f"{SESSIONS}/{session_id}")).json()
    assert shown == {
        "id": session_id,
        "station": identity,
        "evse": 1,
        "connector": 1,
        "transaction_id": "17",
        "token": "04A2",
        "token_status": "Accepted",
        "started_at": "2026-03-01T08:00:00Z",
        "ended_at": None,
        "meter_start_wh": 1_000,
        "meter_stop_wh": None,
        "energy_wh": 3_600,
        "given_wh": None,
        "status": "active",
        "stop_reason": None,
        "power_w": 7_200,
        "soc_pct": 64,
        "charging_state": "Charging",
        "time_source": "station",
        "offline": False,
        "seq_gaps": 2,
        "closed_from_evidence": False,
        "notes": [],
        "remote_start": None,
        "cost": None,
    }


async def test_an_ended_session_shows_its_registers_and_no_power(house: House, tenant: Tenant) -> None:
    _, station_id = await a_station(house, tenant)
    with house.admin() as connection:
        say(
            connection,
            tenant,
            station_id,
            "18",
            ended_at=BEGAN + timedelta(hours=1),
            stop_reason="EVDisconnected",
            meter_start_wh=1_000,
            meter_stop_wh=9_500,
            given_start_wh=100,
            given_stop_wh=700,
            power_w=11_000,
            arrival_clock=True,
            offline=True,
            notes=["clock was reset"],
        )
    (shown,) = (await (await tenant.client()).get(SESSIONS)).json()["items"]
    assert (shown["status"], shown["stop_reason"]) == ("completed", "EVDisconnected")
    assert (shown["meter_stop_wh"], shown["energy_wh"], shown["power_w"]) == (9_500, 8_500, None)
    assert shown["given_wh"] == 600, "what was given back is told apart: the bill goes by what was taken"
    assert (shown["time_source"], shown["offline"], shown["notes"]) == ("arrival", True, ["clock was reset"])


@pytest.mark.parametrize(("first", "last"), [(None, 5), (5, None), (10, 5)])
async def test_energy_that_nobody_measured_is_null_and_not_zero(
    house: House, tenant: Tenant, first: int | None, last: int | None
) -> None:
    _, station_id = await a_station(house, tenant)
    with house.admin() as connection:
        say(connection, tenant, station_id, "1", meter_start_wh=first, meter_stop_wh=last)
    (shown,) = (await (await tenant.client()).get(SESSIONS)).json()["items"]
    assert shown["energy_wh"] is None


async def test_sessions_are_filtered_and_walked_newest_first(house: House, tenant: Tenant) -> None:
    one, one_id = await a_station(house, tenant, "one")
    two, two_id = await a_station(house, tenant, "two")
    with house.admin() as connection:
        for number in range(210):
            ended = {"ended_at": BEGAN} if number % 2 else {}
            say(connection, tenant, one_id, str(number), **ended)
        say(connection, tenant, two_id, "x")
    client = await tenant.client()
    everything = await walk(client, SESSIONS, limit=100)
    assert [each["transaction_id"] for each in everything] == ["x", *(str(n) for n in range(209, -1, -1))]
    assert len(await walk(client, SESSIONS, station=one, limit=200)) == 210
    assert [each["id"] for each in await walk(client, SESSIONS, station=two)] == [everything[0]["id"]]
    assert await walk(client, SESSIONS, station="unknown") == []
    active = await walk(client, SESSIONS, station=one, status="active")
    assert len(active) == 105
    assert all(each["ended_at"] is None for each in active)
    assert len(await walk(client, SESSIONS, station=one, status="completed")) == 105


async def test_samples_are_each_shown_once_in_ocpps_words_and_units(house: House, tenant: Tenant) -> None:
    _, station_id = await a_station(house, tenant)
    register, current = code(Measurand.ENERGY_IMPORT_REGISTER), code(Measurand.CURRENT_IMPORT, Phase.L1_N)
    with house.admin() as connection:
        session_id = say(connection, tenant, station_id, "17")
        connection.cursor().executemany(
            "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings)"
            " VALUES (%s, '17', %s, %s, %s, 1, %s)",
            [
                (station_id, BEGAN, 1, tenant.tenant_id, [register, 1000, current, 16_123]),
                (station_id, BEGAN, 2, tenant.tenant_id, [register, 1000]),
                (
                    station_id,
                    BEGAN + timedelta(seconds=60),
                    3,
                    tenant.tenant_id,
                    [code(Measurand.SOC, location=Location.EV, context=Context.END), 6_450],
                ),
            ],
        )
    path = f"{SESSIONS}/{session_id}/samples"
    items = await walk(await tenant.client(), path)
    assert items == [
        {
            "at": "2026-03-01T08:00:00Z",
            "evse": 1,
            "measurand": "Energy.Active.Import.Register",
            "phase": None,
            "location": "Outlet",
            "context": "Sample.Periodic",
            "value": 1000,
            "signed": None,
            "unit": "Wh",
        },
        {
            "at": "2026-03-01T08:00:00Z",
            "evse": 1,
            "measurand": "Current.Import",
            "phase": "L1-N",
            "location": "Outlet",
            "context": "Sample.Periodic",
            "value": 16.123,
            "signed": None,
            "unit": "A",
        },
        {
            "at": "2026-03-01T08:01:00Z",
            "evse": 1,
            "measurand": "SoC",
            "phase": None,
            "location": "EV",
            "context": "Transaction.End",
            "value": 64.5,
            "signed": None,
            "unit": "Percent",
        },
    ]
    assert await walk(await tenant.client(), path, limit=1) == items


async def test_a_signed_sample_is_shown_as_sent_and_no_value_of_a_moment_hides_another(
    house: House, tenant: Tenant
) -> None:
    _, station_id = await a_station(house, tenant)
    register = code(Measurand.ENERGY_IMPORT_REGISTER)
    text, record = 'OCMF|{"RV":"1,5"}|{"SD":"é\\"}', '{"signedMeterData":"T0NNRg==","encodingMethod":"OCMF"}'
    readings = [register, 0, register, 1_500, register, 1_600, register, 0]
    later = [code(Measurand.CURRENT_IMPORT), 7_000, register, 1_700, register, 1_800]
    with house.admin() as connection:
        session_id = say(connection, tenant, station_id, "17")
        connection.cursor().executemany(
            "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, readings, signed)"
            " VALUES (%s, '17', %s, 1, %s, %s, %s)",
            [
                (station_id, BEGAN, tenant.tenant_id, readings, json.dumps([[0, text], [3, record]])),
                (station_id, BEGAN + timedelta(minutes=1), tenant.tenant_id, later, None),
            ],
        )
    path = f"{SESSIONS}/{session_id}/samples"
    items = await walk(await tenant.client(), path)
    shown = {(each["value"], each["signed"]) for each in items[:4]}
    assert shown == {(None, text), (1_500, None), (1_600, None), (0, record)}
    values = [each["value"] for each in items]
    assert sorted(values[4:]) == [7, 1_700, 1_800]
    await check_orders(await tenant.client(), path, "value", oldest=values, newest=values[::-1])


async def test_a_long_curve_is_walked_to_its_end(house: House, tenant: Tenant) -> None:
    _, station_id = await a_station(house, tenant)
    with house.admin() as connection:
        session_id = say(connection, tenant, station_id, "17")
        for minute in range(150):
            readings = [code(Measurand.POWER_IMPORT), minute, code(Measurand.VOLTAGE, Phase.L1), 230_000]
            connection.execute(
                "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, readings)"
                " VALUES (%s, '17', %s, 1, %s, %s)",
                (station_id, BEGAN + timedelta(minutes=minute, microseconds=7), tenant.tenant_id, readings),
            )
    items = await walk(await tenant.client(), f"{SESSIONS}/{session_id}/samples", limit=77)
    assert [each["value"] for each in items if each["unit"] == "W"] == list(range(150))
    assert len(items) == 300


async def test_nobody_elses_session_is_reached(house: House, tenant: Tenant, stranger: Tenant) -> None:
    identity, station_id = await a_station(house, tenant)
    with house.admin() as connection:
        session_id = say(connection, tenant, station_id, "17")
        connection.execute(
            "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, readings)"
            " VALUES (%s, '17', now(), 1, %s, '{0,1}')",
            (station_id, tenant.tenant_id),
        )
    foreign = await stranger.client()
    for path in (f"{SESSIONS}/{session_id}", f"{SESSIONS}/{session_id}/samples", f"{SESSIONS}/{uuid4()}"):
        problem(await foreign.get(path), 404, "session-unknown")
    problem(await foreign.post(f"{SESSIONS}/{session_id}/stop"), 404, "session-unknown")
    assert await walk(foreign, SESSIONS) == []
    assert await walk(foreign, SESSIONS, station=identity) == []
    async with house.db.tenant(stranger.tenant_id) as conn:
        for table in ("sessions", "meter_values", "samples"):
            assert await (await conn.execute(f"SELECT * FROM {table}".encode())).fetchall() == []


async def test_only_a_running_session_of_a_connected_station_can_be_stopped(house: House, tenant: Tenant) -> None:
    identity, station_id = await a_station(house, tenant)
    with house.admin() as connection:
        running = say(connection, tenant, station_id, "17")
        ended = say(connection, tenant, station_id, "18", ended_at=BEGAN)
    client = await tenant.client(Role.SUPPORT)
    problem(await client.post(f"{SESSIONS}/{running}/stop"), 409, "station-offline")
    [entry] = await walk(await tenant.client(), "/api/v1/audit", action="stop charging")
    assert (entry["object"], entry["detail"]) == (
        f"session:{running}",
        {"station": identity, "not_sent": "station-offline"},
    )
    problem(await client.post(f"{SESSIONS}/{ended}/stop"), 409, "session-ended")
    problem(await client.post(f"{SESSIONS}/no-uuid/stop"), 404, "not-found")
    viewer = await tenant.client(Role.VIEWER)
    problem(await viewer.post(f"{SESSIONS}/{running}/stop"), 403, "forbidden")


@pytest.mark.parametrize(
    "query", ["status=ended", "limit=0", "cursor=AAAA", "cursor=eyJhIjoxfQ", "station=%00", f"station={'x' * 256}"]
)
async def test_rubbish_in_a_query_is_refused(tenant: Tenant, query: str) -> None:
    answer = await (await tenant.client()).get(f"{SESSIONS}?{query}")
    problem(answer, 400, "cursor-refused" if "cursor" in query else "request-invalid")


def test_every_number_that_can_be_stored_has_a_word() -> None:
    for numbers, words in ((Measurand, MEANINGS), (Phase, PHASES), (Location, LOCATIONS), (Context, CONTEXTS)):
        assert set(numbers) == set(words)


async def test_the_sessions_of_a_retired_station_are_listed_by_its_id_only_when_asked(
    house: House, tenant: Tenant
) -> None:
    identity, station_id = await a_station(house, tenant, "R")
    client = await tenant.client()
    with house.admin() as connection:
        first = say(connection, tenant, station_id, "1")
    before = (await client.get(f"{SESSIONS}/{first}")).json()
    await client.delete(f"/api/v1/stations/{identity}")
    assert (await client.get(f"{SESSIONS}/{first}")).json() == before
    assert await walk(client, SESSIONS, station=identity) == []
    assert await walk(client, SESSIONS, station=identity, retired=True) == [before]
    _, again = await a_station(house, tenant, "R")
    with house.admin() as connection:
        second = say(connection, tenant, again, "1")
    assert [each["id"] for each in await walk(client, SESSIONS, station=identity)] == [second]
    both = await walk(client, SESSIONS, station=identity, retired=True)
    assert [each["id"] for each in both] == [second, first]


async def test_stops_of_unknown_transactions_are_listed_and_reviewed_once(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    identity, station_id = await a_station(house, tenant, "O")
    with house.admin() as connection:
        for number in range(3):
            connection.execute(
                "INSERT INTO orphan_reports (station_id, transaction_id, order_key, tenant_id, at, meter_wh)"
                " VALUES (%s, %s, 1, %s, %s, 4200)",
                (station_id, str(number), tenant.tenant_id, BEGAN),
            )
    client, path = await tenant.client(Role.OPERATOR), "/api/v1/orphan-reports"
    listed = await walk(client, path, limit=2)
    assert [each["transaction_id"] for each in listed] == ["2", "1", "0"]
    await check_orders(client, path, "transaction_id", newest=["2", "1", "0"], oldest=["0", "1", "2"])
    assert (listed[0]["station"], listed[0]["meter_wh"], listed[0]["reviewed_at"]) == (identity, 4200, None)
    reviewed = (await client.post(f"{path}/{listed[1]['id']}/review")).json()
    assert reviewed["reviewed_at"] is not None
    assert (await client.post(f"{path}/{listed[1]['id']}/review")).json() == reviewed
    assert await walk(client, path, reviewed=False) == [listed[0], listed[2]]
    assert await walk(client, path, reviewed=True) == [reviewed]
    foreign = await stranger.client()
    assert await walk(foreign, path) == []
    problem(await foreign.post(f"{path}/{listed[0]['id']}/review"), 404, "orphan-unknown")
    problem(await (await tenant.client(Role.VIEWER)).post(f"{path}/{listed[0]['id']}/review"), 403, "forbidden")
    assert len(await walk(client, path, reviewed=False)) == 2


async def test_a_session_that_is_told_late_stands_where_it_began(house: House, tenant: Tenant) -> None:
    _, station_id = await a_station(house, tenant)
    with house.admin() as connection:
        for minutes, name in ((2, "c"), (4, "e"), (1, "b"), (3, "d"), (0, "a"), (0, "A")):
            say(connection, tenant, station_id, name, started_at=BEGAN + timedelta(minutes=minutes))
    client = await tenant.client()
    await check_orders(client, SESSIONS, "transaction_id", newest="edcbAa", oldest="aAbcde")
    page = (await client.get(SESSIONS, params={"limit": 2})).json()
    with house.admin() as connection:
        say(connection, tenant, station_id, "late", started_at=BEGAN + timedelta(minutes=3, seconds=30))
    behind = (await client.get(SESSIONS, params={"limit": 9, "cursor": page["next"]})).json()
    assert "".join(each["transaction_id"] for each in page["items"] + behind["items"]) == "edcbAa"


async def test_a_page_of_sessions_is_found_by_an_index(house: House, tenant: Tenant) -> None:
    with house.admin() as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT number FROM sessions WHERE tenant_id = %s ORDER BY started_at DESC, number DESC LIMIT 50",
            (tenant.tenant_id,),
        ).fetchall()
    assert "sessions_by_time" in str(plan)


async def test_sessions_are_listed_by_what_an_operator_looks_for(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    client = await tenant.client()
    await client.post("/api/v1/sites", json={"name": "Yard"})
    first, first_id = await a_station(house, tenant, "FA")
    await client.patch(f"/api/v1/stations/{first}", json={"site": "yard"})
    _, second_id = await a_station(house, tenant, "FB")
    hour = timedelta(hours=1)
    with house.admin() as connection:
        say(connection, tenant, first_id, "a", started_at=BEGAN, ended_at=BEGAN + hour, token_uid="04Ab")
        say(connection, tenant, first_id, "b", started_at=BEGAN + hour, token_uid="DE/8AA/1")
        say(connection, tenant, second_id, "c", started_at=BEGAN + 2 * hour, token_uid="04AB")
    for filters, expected in [
        ({}, "cba"),
        ({"site": "yard"}, "ba"),
        ({"site": "nowhere"}, ""),
        ({"token": "04aB"}, "ca"),
        ({"token": "DE/8AA/1"}, "b"),
        ({"from": (BEGAN + hour).isoformat()}, "cb"),
        ({"to": (BEGAN + hour).isoformat()}, "a"),
        ({"from": BEGAN.isoformat(), "to": (BEGAN + 2 * hour).isoformat()}, "ba"),
        ({"status": "active", "token": "04AB"}, "c"),
        ({"status": "completed"}, "a"),
        ({"sort": "oldest"}, "abc"),
        ({"sort": "oldest", "site": "yard", "status": "active"}, "b"),
        ({"station": first, "status": "active"}, "b"),
    ]:
        found = [each["transaction_id"] for each in await walk(client, SESSIONS, limit=1, **filters)]
        assert "".join(found) == expected, filters
    await check_orders(client, SESSIONS, "transaction_id", newest="cba", oldest="abc")
    assert await walk(await stranger.client(), SESSIONS, site="yard") == []
    for bad in ("from=2026-03-01", "to=2026-03-01T00:00:00", "token=%00", "site=A", "status=ended"):
        problem(await client.get(f"{SESSIONS}?{bad}"), 400, "request-invalid")


async def test_a_remote_start_is_listed_with_what_became_of_it_and_its_session_names_it(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    identity, station_id = await a_station(house, tenant)
    path = f"/api/v1/stations/{identity}/remote-starts"
    support = await tenant.client(Role.SUPPORT)
    refused = problem(
        await support.post(f"/api/v1/stations/{identity}/start", json={"token": "AB", "evse": 2, "unregistered": True}),
        409,
        "station-offline",
    )
    [failed] = await walk(support, path)
    assert failed["id"] == refused["remote_start"]
    assert (failed["token"], failed["evse"], failed["status"], failed["session"]) == ("AB", 2, "failed", None)
    assert failed["reason"] == refused["detail"]
    assert failed["expires_at"] is None
    assert failed["settled_at"] == "2026-03-01T12:00:00Z"
    with house.admin() as connection:
        session_id = say(connection, tenant, station_id, "17")
        connection.execute(
            "INSERT INTO remote_starts (tenant_id, station_id, remote_start_id, token_uid, asked_by, asked_at, status,"
            " session_id) VALUES (%s, %s, 1, 'AB', 'operator:3 Ada', %s, 'started', %s)",
            (tenant.tenant_id, station_id, BEGAN, session_id),
        )
    newest, oldest = await walk(support, path, limit=1)
    assert (newest["status"], newest["session"], oldest["id"]) == ("started", session_id, failed["id"])
    await check_orders(support, path, "id", newest=[newest["id"], oldest["id"]], oldest=[oldest["id"], newest["id"]])
    origin = (await support.get(f"{SESSIONS}/{session_id}")).json()["remote_start"]
    assert origin == {"id": newest["id"], "asked_by": "operator:3 Ada", "asked_at": "2026-03-01T08:00:00Z"}
    problem(await (await stranger.client()).get(path), 404, "station-unknown")
