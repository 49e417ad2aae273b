"""Availability and control over HTTP, with no gateway at work."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from forecourt.access import Role
from forecourt.stations.api import availability
from forecourt.stations.pages.timeline import read_past
from forecourt.stations.store import find_station
from tests.http import House, Tenant, problem
from tests.stations.test_traffic import a_station, number_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def hours_ago(hours: float) -> datetime:
    return NOON - timedelta(hours=hours)


def text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def say(
    connection: psycopg.Connection[Any], tenant: Tenant, station_id: int, *said: tuple[int, str, str | None, float]
) -> None:
    """(connector, state, error code, hours ago), as the gateway would have kept it."""
    for connector, state, error, hours in said:
        values = (station_id, connector, tenant.tenant_id, state, hours_ago(hours), error)
        connection.execute(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at, error_code)"
            " VALUES (%s, %s, 1, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            values,
        )
        connection.execute(
            "INSERT INTO connector_history (station_id, evse, connector, tenant_id, state, state_at, error_code,"
            " arrived_at) VALUES (%s, %s, 1, %s, %s, %s, %s, now())",
            values,
        )


async def test_states_and_gaps_of_a_period_are_shown_from_one_change_to_the_next(house: House, tenant: Tenant) -> None:
    identity = await a_station(tenant, "avail")
    with house.admin() as connection:
        station_id = number_of(connection, identity)
        say(
            connection,
            tenant,
            station_id,
            (1, "Faulted", "OtherError", 90),
            (1, "Available", None, 40),
            (1, "Charging", None, 20),
            (1, "Charging", None, 19),
            (1, "Available", None, 18),
            (2, "Faulted", "GroundFailure", 1),
        )
        for epoch, lost, returned in ((1, 80, 70), (2, 30, 23), (3, 10, 9), (4, 2, None)):
            connection.execute(
                "INSERT INTO connection_gaps VALUES (%s, %s, %s, %s, %s)",
                (station_id, epoch, tenant.tenant_id, hours_ago(lost), returned and hours_ago(returned)),
            )
    shown = (await (await tenant.client(Role.VIEWER)).get(f"/api/v1/stations/{identity}/availability")).json()
    assert (shown["began_at"], shown["ended_at"]) == (text(hours_ago(24)), text(NOON))
    assert [tuple(each.values()) for each in shown["connectors"]] == [
        (1, 1, "Available", None, text(hours_ago(40)), text(hours_ago(20))),
        (1, 1, "Charging", None, text(hours_ago(20)), text(hours_ago(18))),
        (1, 1, "Available", None, text(hours_ago(18)), None),
        (2, 1, "Faulted", "GroundFailure", text(hours_ago(1)), None),
    ]
    assert [tuple(each.values()) for each in shown["connection_gaps"]] == [
        (text(hours_ago(30)), text(hours_ago(23))),
        (text(hours_ago(10)), text(hours_ago(9))),
        (text(hours_ago(2)), None),
    ]
    period = {"from": hours_ago(85).isoformat(), "to": hours_ago(50).isoformat()}
    shown = (await (await tenant.client()).get(f"/api/v1/stations/{identity}/availability", params=period)).json()
    assert [(each["state"], each["ended_at"]) for each in shown["connectors"]] == [("Faulted", None)]
    assert [each["began_at"] for each in shown["connection_gaps"]] == [text(hours_ago(80))]


async def test_a_station_whose_gateway_was_killed_has_a_gap_that_lasts(house: House, tenant: Tenant) -> None:
    identity = await a_station(tenant, "killed")
    with house.admin() as connection:
        station_id = number_of(connection, identity)
        connection.execute("INSERT INTO gateways VALUES ('killed', now(), %s)", (hours_ago(3),))
        connection.execute(
            "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
            " VALUES (%s, %s, 1, 'killed', 'ocpp1.6', %s, %s)",
            (station_id, tenant.tenant_id, hours_ago(20), hours_ago(4)),
        )
    shown = (await (await tenant.client()).get(f"/api/v1/stations/{identity}/availability")).json()
    assert shown["connection_gaps"] == [{"began_at": text(hours_ago(3)), "ended_at": None}]


async def test_nobody_waits_for_a_station_that_was_retired(house: House, tenant: Tenant) -> None:
    identity = await a_station(tenant, "retired")
    with house.admin() as connection:
        station_id = number_of(connection, identity)
        say(connection, tenant, station_id, (1, "Available", None, 20))
        for epoch, lost in ((1, 7), (2, 4)):
            connection.execute(
                "INSERT INTO connection_gaps (station_id, epoch, tenant_id, lost_at) VALUES (%s, %s, %s, %s)",
                (station_id, epoch, tenant.tenant_id, hours_ago(lost)),
            )
        connection.execute(
            "UPDATE stations SET created_at = %s, retired_at = %s, retired_identity = identity, identity = NULL"
            " WHERE station_id = %s",
            (hours_ago(100), hours_ago(5), station_id),
        )
    client = await tenant.client()
    shown = (await client.get(f"/api/v1/stations/{identity}/availability")).json()
    assert shown["connection_gaps"] == [{"began_at": text(hours_ago(7)), "ended_at": text(hours_ago(5))}]
    async with house.db.tenant(tenant.tenant_id) as conn:
        row = await find_station(conn, tenant.tenant_id, identity)
        assert row is not None
        past = await read_past(conn, tenant.tenant_id, row, hours_ago(24), NOON, [])
    # Usable for 13 of the 19 hours from noon of the day before until it was retired.
    assert (past.ended_at, past.uptime.gap_s) == (hours_ago(5), 2 * 3600)
    assert past.uptime.usable_permille == 13 * 1000 // 19


async def test_a_period_that_can_not_be_shown_is_refused(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = await a_station(tenant, "period")
    client, path = await tenant.client(), f"/api/v1/stations/{identity}/availability"
    for since, until in ((NOON, NOON), (NOON, hours_ago(1)), (NOON - timedelta(days=31, seconds=1), NOON)):
        period = {"from": since.isoformat(), "to": until.isoformat()}
        problem(await client.get(path, params=period), 422, "period-refused")
    for name in ("from", "to"):
        ancient = {name: "0001-01-01T00:00:00Z"}
        assert "before" in problem(await client.get(path, params=ancient), 422, "period-refused")["detail"]
        for odd in ("2026-03-01T10:00:00", "yesterday"):
            problem(await client.get(path, params={name: odd}), 400, "request-invalid")
    with house.admin() as connection:
        say(connection, tenant, number_of(connection, identity), (1, "Charging", None, 2), (1, "Available", None, 1))
    assert (await client.get(path)).status_code == 200
    monkeypatch.setattr(availability, "MAX_CHANGES", 1)
    assert "shorter" in problem(await client.get(path), 422, "period-refused")["detail"]


async def test_availability_and_control_stop_at_the_organisation(tenant: Tenant, stranger: Tenant) -> None:
    identity = await a_station(tenant, "own")
    foreign = await stranger.client()
    problem(await foreign.get(f"/api/v1/stations/{identity}/availability"), 404, "station-unknown")
    problem(await foreign.post(f"/api/v1/stations/{identity}/unlock", json={"evse": 1}), 404, "station-unknown")
    problem(await foreign.post(f"/api/v1/stations/{identity}/reset", json={"type": "hard"}), 404, "station-unknown")


async def test_a_station_that_is_away_is_neither_unlocked_nor_reset(tenant: Tenant) -> None:
    identity = await a_station(tenant, "away")
    path = f"/api/v1/stations/{identity}"
    support, technician = await tenant.client(Role.SUPPORT), await tenant.client(Role.TECHNICIAN)
    problem(await support.post(f"{path}/unlock", json={"evse": 1}), 409, "station-offline")
    problem(await technician.post(f"{path}/reset", json={"type": "soft"}), 409, "station-offline")
    problem(await support.post(f"{path}/reset", json={"type": "soft"}), 403, "forbidden")
    problem(await technician.post(f"{path}/reset", json={"type": "sideways"}), 400, "request-invalid")
    problem(await technician.post(f"{path}/unlock", json={"evse": 0}), 400, "request-invalid")


async def test_what_a_station_lacks_is_shown_with_it_and_only_with_it(house: House, tenant: Tenant) -> None:
    identity, other = await a_station(tenant, "lacks"), await a_station(tenant, "has")
    with house.admin() as connection:
        connection.execute(
            "INSERT INTO unsupported_actions VALUES (%s, 'UnlockConnector', %s, 'NotSupported', %s)",
            (number_of(connection, identity), tenant.tenant_id, NOON),
        )
    client = await tenant.client()
    lacking = [{"action": "UnlockConnector", "said": "NotSupported", "since": text(NOON)}]
    assert (await client.get(f"/api/v1/stations/{identity}")).json()["unsupported_actions"] == lacking
    assert (await client.get(f"/api/v1/stations/{other}")).json()["unsupported_actions"] == []
    listed = (await client.get("/api/v1/stations")).json()["items"]
    assert [each["unsupported_actions"] for each in listed] == [lacking, []]
