"""Two gateways, one station: the newest socket wins, and what was told to either is one session."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from msgspec import Struct
from msgspec.structs import replace

from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.platform.embedded import EmbeddedNats
from forecourt.stations.commands import Answered, Commander, StationLost, StationOffline
from forecourt.stations.gateway.words import CALL_SUBJECT, CallAnswer, CallRequest
from forecourt.stations.live import LiveStations
from tests.conftest import Database, Servers
from tests.spine import books
from tests.spine.by_hand import Session, connected, web
from tests.spine.processes import Deployment, Program, until
from tests.stations.gateway.conftest import StationClient
from tests.support import WAIT_S, free_port

PROTOCOLS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
OTHER = "OTHER"
#: A station for each test: those that need no gateways of their own share two.
STATIONS = (*(f"CP-{protocol}" for protocol in PROTOCOLS), "CP-ASKED", "CP-KILLED", OTHER)
TOKEN = "TAG1"


class Pair(Struct, frozen=True, kw_only=True):
    """Two gateways on ports of their own, the web's ways to stations, and the station of a test."""

    station: str
    deployment: Deployment
    gateways: tuple[Program, Program]
    ports: tuple[int, int]
    commander: Commander
    bus: Bus
    pool: Pool

    async def shown(self) -> str:
        """The state of the station as people see it."""
        name = f"station.{self.station}.state"
        return str((await LiveStations(self.pool).snapshot(self.deployment.tenant(), [self.station]))[name])

    async def comes_to_be_shown(self, offline: bool) -> None:
        """Until the station is shown so."""
        async with asyncio.timeout(WAIT_S):
            while (await self.shown() == "Offline") is not offline:
                await asyncio.sleep(0.1)

    def ask(self) -> "asyncio.Task[object]":
        """A command, under way."""
        return asyncio.create_task(
            self.commander.call(self.deployment.tenant(), self.station, "ClearCache", b"{}", "a test")
        )

    async def is_reached_at(self, station: StationClient) -> None:
        """A command arrives at this socket, and its answer at the one who asked."""
        asking = self.ask()
        asked = await station.next_ask()
        assert asked[2:] == ["ClearCache", {}]
        await station.link.send(json.dumps([3, asked[1], {"status": "Accepted"}]))
        outcome = await asking
        assert isinstance(outcome, Answered)
        assert outcome.result == {"status": "Accepted"}

    def holder(self) -> tuple[str | None, int]:
        """The gateway in the directory, and the epoch."""
        [row] = self.deployment.rows(
            "SELECT gateway_id, epoch FROM station_links JOIN stations USING (station_id) WHERE identity = %s",
            self.station,
        )
        return row

    def one_session(self, session: Session, minutes: int, registers: dict[int, int]) -> None:
        """Asserts that there is one session, from 1,000 Wh on, with these registers by their minutes."""
        assert books.unwanted(self.deployment) == {}
        [kept] = [one for one in books.stored(self.deployment).values() if one.station == self.station]
        assert kept.transaction_id == str(session.transaction_id)
        assert (kept.started_at, kept.ended_at) == (session.began, session.at(minutes))
        assert (kept.meter_start_wh, kept.meter_stop_wh) == (1_000, registers[minutes])
        assert (kept.stop_reason, kept.token_uid) == ("EVDisconnected", TOKEN)
        assert kept.seqs == (frozenset(range(max(kept.seqs) + 1)) if kept.seqs else frozenset())
        measured = {at: wh for at, [wh] in kept.registers.items() if session.began < at < session.at(minutes)}
        assert measured == {session.at(minute): wh for minute, wh in registers.items() if minute != minutes}


@asynccontextmanager
async def two_gateways(deployment: Deployment) -> AsyncIterator[Pair]:
    deployment.register(STATIONS)
    deployment.accept_tokens([TOKEN])
    ports = (free_port(), free_port())
    gateways = await asyncio.gather(*map(deployment.gateway, ports))
    async with web(deployment) as (commander, bus, pool):
        yield Pair(
            station=STATIONS[0],
            deployment=deployment,
            gateways=(gateways[0], gateways[1]),
            ports=ports,
            commander=commander,
            bus=bus,
            pool=pool,
        )


@pytest_asyncio.fixture(scope="module")
async def shared(servers: Servers, database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """Two gateways that nobody kills."""
    folder, nats_url = tmp_path_factory.mktemp("shared"), servers.nats.url
    async with (
        Deployment(folder, database_url=database.url, admin_url=database.admin_url, nats_url=nats_url) as deployment,
        two_gateways(deployment) as pair,
    ):
        yield pair


async def has_closed(station: StationClient) -> None:
    """Until the gateway has closed a socket because of a newer one."""
    await asyncio.wait_for(station.link.wait_closed(), WAIT_S)
    assert (station.link.close_code, station.link.close_reason) == (1000, "replaced by a newer connection")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_the_newest_of_two_gateways_wins_and_the_session_told_to_both_is_one_and_right(
    shared: Pair, protocol: str
) -> None:
    pair = replace(shared, station=f"CP-{protocol}")
    stale, newest = pair.gateways
    session = Session(protocol, TOKEN)
    async with connected(pair.ports[0], pair.station, protocol) as first:
        await session.start(first, 1_000)
        assert await first.call(*session.measured(10, 2_000)) == {}
        assert pair.holder() == (stale.gateway_id, 1)

        # Half-open: the first gateway holds a socket and does not know that nobody uses it any more.
        await stale.freeze()
        unanswered = session.measured(20, 3_000)
        await first.link.send(json.dumps([2, "lost", *unanswered]))
        async with connected(pair.ports[1], pair.station, protocol) as second:
            assert await second.call(*unanswered) == {}
            assert pair.holder() == (newest.gateway_id, 2)
            await pair.is_reached_at(second)

            stale.thaw()
            await has_closed(first)
            # Whatever the first gateway says of the lost socket, it has said when another station is served there.
            async with connected(pair.ports[0], OTHER, protocol):
                pass
            assert pair.holder() == (newest.gateway_id, 2)
            assert await pair.shown() != "Offline"
            await pair.is_reached_at(second)
            assert await second.call(*session.measured(30, 4_000)) == {}
            await session.stop(second, 40, 5_000)
    await pair.comes_to_be_shown(offline=True)
    pair.one_session(session, 40, {10: 2_000, 20: 3_000, 30: 4_000, 40: 5_000})


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.1"])
async def test_with_the_bus_away_a_session_told_in_turns_over_two_sockets_is_still_one(
    servers: Servers, tmp_path: Path, protocol: str
) -> None:
    with servers.database() as database:
        async with (
            EmbeddedNats(tmp_path) as nats,
            Deployment(
                tmp_path, database_url=database.url, admin_url=database.admin_url, nats_url=nats.url
            ) as deployment,
            two_gateways(deployment) as pair,
        ):
            session = Session(protocol, TOKEN)
            async with connected(pair.ports[0], pair.station, protocol) as first:
                await session.start(first, 1_000)
                await nats.stop()
                async with connected(pair.ports[1], pair.station, protocol) as second:
                    # Nobody could tell the first gateway that its socket is stale.
                    assert await second.call(*session.measured(10, 2_000)) == {}
                    assert await first.call(*session.measured(20, 3_000)) == {}
                    assert await second.call(*session.measured(30, 4_000)) == {}
                    late = session.measured(35, 4_500)
                    await session.stop(first, 40, 5_000)
                    assert await second.call(*late) == {}
                    assert pair.holder() == (pair.gateways[1].gateway_id, 2)
                    pair.one_session(session, 40, {10: 2_000, 20: 3_000, 30: 4_000, 35: 4_500, 40: 5_000})

                    # A call of the present epoch shows the first gateway that it is stale: it refuses and closes.
                    await nats.restart()
                    assert (await ask_directly(pair)).offline
                    await has_closed(first)
                    await pair.is_reached_at(second)


async def ask_directly(pair: Pair) -> CallAnswer:
    """A call of epoch 2, sent to the first gateway as soon as that is back on the bus."""
    request = CallRequest(identity=pair.station, epoch=2, action="ClearCache", payload="{}", deadline_s=WAIT_S)
    subject = CALL_SUBJECT.format(gateway_id=pair.gateways[0].gateway_id)
    await until(lambda: pair.bus.connected, "the bus is back")
    await until(lambda: all(gateway.said("bus reconnected") for gateway in pair.gateways), "gateways are back on it")
    data = await pair.bus.request(subject, msgspec.json.encode(request), WAIT_S)
    return msgspec.json.decode(data, type=CallAnswer)


async def test_with_the_bus_away_a_stale_socket_is_found_by_the_directory(servers: Servers, tmp_path: Path) -> None:
    with servers.database() as database:
        async with (
            EmbeddedNats(tmp_path) as nats,
            Deployment(
                tmp_path, database_url=database.url, admin_url=database.admin_url, nats_url=nats.url
            ) as deployment,
            two_gateways(deployment) as pair,
            connected(pair.ports[0], pair.station, "ocpp1.6") as first,
        ):
            await nats.stop()
            async with connected(pair.ports[1], pair.station, "ocpp1.6") as second:
                await has_closed(first)
                assert pair.holder() == (pair.gateways[1].gateway_id, 2)
                assert "currentTime" in await second.call("Heartbeat", {})


async def test_a_command_under_way_fails_at_once_when_its_station_turns_up_elsewhere(shared: Pair) -> None:
    pair = replace(shared, station="CP-ASKED")
    async with connected(pair.ports[0], pair.station, "ocpp2.0.1") as first:
        asking = pair.ask()
        await first.next_ask()
        async with connected(pair.ports[1], pair.station, "ocpp2.0.1") as second:
            with pytest.raises(StationLost):
                await asking
            await has_closed(first)
            await pair.is_reached_at(second)


async def test_stations_of_a_killed_gateway_are_offline_when_its_lease_ends_and_online_where_they_turn_up(
    shared: Pair,
) -> None:
    pair, deployment, port = replace(shared, station="CP-KILLED"), shared.deployment, free_port()
    killed, other = await deployment.gateway(port), pair.gateways[1]
    async with connected(port, pair.station, "ocpp2.0.1") as first:
        status = {
            "timestamp": "2026-01-01T00:00:00Z",
            "connectorStatus": "Available",
            "evseId": 1,
            "connectorId": 1,
        }
        assert await first.call("StatusNotification", status) == {}
        assert await pair.shown() == "Available"
        await killed.kill()
        await asyncio.wait_for(first.link.wait_closed(), WAIT_S)
    # The directory can't know yet; the bus does.
    assert pair.holder()[0] == killed.gateway_id
    with pytest.raises(StationOffline):
        await pair.ask()
    await pair.comes_to_be_shown(offline=True)
    expired: datetime = deployment.value("SELECT lease_until FROM gateways WHERE gateway_id = %s", killed.gateway_id)
    assert expired <= deployment.value("SELECT now()")
    earlier = "UPDATE gateways SET lease_until = lease_until - interval '2 s' WHERE gateway_id = %s RETURNING 1"
    deployment.rows(earlier, killed.gateway_id)

    async with connected(pair.ports[1], pair.station, "ocpp2.0.1") as second:
        await pair.comes_to_be_shown(offline=False)
        assert await pair.shown() == "Available"
        assert pair.holder() == (other.gateway_id, 2)
        await pair.is_reached_at(second)
        gaps = deployment.rows(
            "SELECT epoch, lost_at, returned_at > lost_at FROM connection_gaps JOIN stations USING (station_id)"
            " WHERE identity = %s",
            pair.station,
        )
        assert gaps == [(1, expired - timedelta(seconds=2), True)]
