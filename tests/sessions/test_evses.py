"""EVSEs: one word for each from its connectors, what runs there, and in which order they are listed."""

from itertools import combinations_with_replacement
from typing import Any

from forecourt.stations.model import STATE_PRIORITY, station_state
from tests.http import House, Tenant, check_orders, problem, walk
from tests.sessions.test_api import BEGAN, a_station, say

EVSES = "/api/v1/evses"


def tell(house: House, tenant: Tenant, station_id: int, *connectors: tuple[int, int, str]) -> None:
    """What the connectors of a station said: EVSE, connector and state of each."""
    with house.admin() as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " VALUES (%s, %s, %s, %s, %s, now())",
            [(station_id, evse, connector, tenant.tenant_id, state) for evse, connector, state in connectors],
        )


def hold(house: House, tenant: Tenant, *station_ids: int) -> None:
    """Lets a gateway hold the sockets of these stations."""
    with house.admin() as connection:
        gateway = f"gateway of EVSEs of {tenant.tenant_id}"
        connection.execute(
            "INSERT INTO gateways (gateway_id, started_at, lease_until) VALUES (%s, now(), now() + interval '1 hour')",
            (gateway,),
        )
        for station_id in station_ids:
            connection.execute(
                "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at,"
                " last_seen_at) VALUES (%s, %s, 1, %s, 'ocpp2.0.1', now(), now())",
                (station_id, tenant.tenant_id, gateway),
            )


async def test_an_evse_is_in_the_state_that_the_rules_of_stations_find_for_its_connectors(
    house: House, tenant: Tenant
) -> None:
    pairs = list(combinations_with_replacement((*STATE_PRIORITY, "Unknown"), 2))
    wanted: dict[tuple[str, int], str] = {}
    stations = []
    for number, own in enumerate((None, "Available", "Faulted", "Unavailable")):
        identity, station_id = await a_station(house, tenant, f"E{number}")
        said = [(evse, at, pair[at - 1]) for evse, pair in enumerate(pairs, 1) for at in (1, 2)]
        tell(house, tenant, station_id, *said, *([(0, 0, own)] if own else []))
        stations.append(station_id)
        wanted |= {(identity, evse): station_state(True, pair, own=own) for evse, pair in enumerate(pairs, 1)}
    hold(house, tenant, *stations)
    client = await tenant.client()
    found = await walk(client, EVSES, limit=200)
    assert {(each["station"], each["evse"]): each["state"] for each in found} == wanted
    assert len(found) == len(wanted), "the station itself is no EVSE"
    assert [each["state"] for each in found[0]["connectors"]] == list(pairs[0])
    for state in set(wanted.values()):
        of_state = {(each["station"], each["evse"]) for each in await walk(client, EVSES, limit=200, state=state)}
        assert of_state == {place for place, word in wanted.items() if word == state}, state
    with house.admin() as connection:
        connection.execute("UPDATE station_links SET restarting_until = now() + interval '1 minute'")
    assert {each["state"] for each in await walk(client, EVSES, limit=200)} == {"Restarting"}
    with house.admin() as connection:
        connection.execute("UPDATE station_links SET restarting_until = NULL, gateway_id = NULL")
    assert {(each["state"], each["connected"]) for each in await walk(client, EVSES, limit=200)} == {("Offline", False)}


async def test_an_evse_shows_the_session_that_runs_there_and_its_power(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    client = await tenant.client()
    await client.post("/api/v1/sites", json={"name": "Yard"})
    first, first_id = await a_station(house, tenant, "EA")
    second, second_id = await a_station(house, tenant, "EB")
    foreign, foreign_id = await a_station(house, stranger, "EC")
    await client.patch(f"/api/v1/stations/{first}", json={"site": "yard", "name": "Zoo"})
    for station_id, owner in ((first_id, tenant), (second_id, tenant), (foreign_id, stranger)):
        tell(house, owner, station_id, (1, 1, "Charging"), (1, 2, "Available"), (2, 1, "Available"))
    hold(house, tenant, first_id)
    with house.admin() as connection:
        say(connection, tenant, first_id, "over", evse=1, started_at=BEGAN, ended_at=BEGAN, power_w=1)
        say(connection, tenant, first_id, "older", evse=1, power_w=2)
        runs = say(connection, tenant, first_id, "runs", evse=1, power_w=7_200)
        say(connection, tenant, second_id, "over", evse=2, ended_at=BEGAN, power_w=3)
        unmeasured = say(connection, tenant, second_id, "silent", evse=1)

    found = await walk(client, EVSES, limit=1)
    told = [
        (each["station"], each["evse"], each["site"], each["state"], each["session"], each["power_w"]) for each in found
    ]
    assert told == [
        (first, 1, "yard", "Charging", runs, 7_200),
        (first, 2, "yard", "Available", None, None),
        (second, 1, None, "Offline", unmeasured, None),
        (second, 2, None, "Offline", None, None),
    ]
    assert [each["connector"] for each in found[0]["connectors"]] == [1, 2]
    one, two, three, four = found
    filters: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        ({"station": first}, [one, two]),
        ({"station": foreign}, []),
        ({"site": "yard"}, [one, two]),
        ({"site": "nowhere"}, []),
        ({"state": "Charging"}, [one]),
        ({"state": "Offline", "evse": 2}, [four]),
        ({"connected": False}, [three, four]),
        ({"sort": "name"}, [three, four, one, two]),
    ]
    for asked, wanted in filters:
        assert await walk(client, EVSES, limit=1, **asked) == wanted, asked
    problem(await client.get(EVSES, params={"state": "Colourful"}), 400, "request-invalid")
    await client.delete(f"/api/v1/stations/{second}")
    assert await walk(client, EVSES) == [one, two], "those of retired stations are left out"


async def test_evses_are_sorted_page_by_page(house: House, tenant: Tenant) -> None:
    for name in ("B", "A"):
        _, station_id = await a_station(house, tenant, name)
        tell(house, tenant, station_id, *((evse if name == "B" else evse + 2, 1, "Available") for evse in (1, 2)))
    await check_orders(await tenant.client(), EVSES, "evse", registered=[1, 2, 3, 4], name=[3, 4, 1, 2])
