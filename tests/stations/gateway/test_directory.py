"""Sockets that the directory no longer gives to the gateway that holds them."""

import asyncio

import pytest

from forecourt.platform.database import DatabaseBusy
from forecourt.stations.gateway import server
from tests.stations.gateway.conftest import Rig, StationClient
from tests.support import WAIT_S


async def closed(station: StationClient) -> tuple[int | None, str | None]:
    await asyncio.wait_for(station.link.wait_closed(), WAIT_S)
    return station.link.close_code, station.link.close_reason


async def test_a_socket_whose_station_is_elsewhere_is_closed_though_no_word_of_it_came(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_LOOKED_AT", 2)
    names = [f"CP{number}" for number in range(5)]
    for name in names:
        await rig.register(name)
    links = [rig.station(name) for name in names]
    stations = [await link.__aenter__() for link in links]
    for station in stations:
        await station.call("Heartbeat", {})
    # One is elsewhere for a while already, one since just now: the bus may be about to say so.
    moved = "UPDATE station_links SET epoch = epoch + 1, gateway_id = 'other', connected_at = now() - {}"
    rig.admin.execute(
        moved.format("interval '1 minute'") + " WHERE station_id = (SELECT max(station_id) FROM stations)"
    )
    rig.admin.execute(moved.format("interval '0'") + " WHERE station_id = (SELECT min(station_id) FROM stations)")
    for _ in range(3):
        await rig.gateway._look_for_stale()
    assert await closed(stations[-1]) == (1000, "replaced by a newer connection")
    for station in stations[:-1]:
        assert "currentTime" in await station.call("Heartbeat", {})
    [(holder, epoch)] = rig.rows(
        "SELECT gateway_id, epoch FROM station_links WHERE station_id = (SELECT max(station_id) FROM stations)"
    )
    assert (holder, epoch) == ("other", 2)
    for link in links:
        await link.__aexit__(None, None, None)


async def test_a_gateway_that_counted_as_dead_lets_its_stations_connect_anew(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await station.call("Heartbeat", {})
        rig.admin.execute("UPDATE station_links SET gateway_id = NULL, disconnected_at = now()")
        await rig.gateway._look_for_stale()
        assert await closed(station) == (1001, "lost from the directory, connect again")
    async with rig.station("CP1") as station:
        await station.call("Heartbeat", {})
        assert rig.rows("SELECT gateway_id, disconnected_at FROM station_links") == [(rig.gateway.gateway_id, None)]
        await rig.gateway._look_for_stale()
        assert "currentTime" in await station.call("Heartbeat", {})


async def test_a_lease_that_could_not_be_renewed_is_tried_again_before_its_turn(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = asyncio.Event()

    async def renew() -> None:
        if server.RENEW_S:
            again.set()
        # From here on its turn never comes.
        monkeypatch.setattr(server, "RENEW_S", 3_600.0)
        raise DatabaseBusy

    monkeypatch.setattr(server, "RENEW_S", 0.0)
    monkeypatch.setattr(rig.gateway, "_renew", renew)
    keeping = asyncio.create_task(rig.gateway._keep_lease())
    await asyncio.wait_for(again.wait(), WAIT_S)
    keeping.cancel()
