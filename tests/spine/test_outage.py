"""PostgreSQL or NATS away for a while, with cars charging: what waits, what goes on, what is lost (nothing)."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from forecourt.platform.bus import BusAway
from forecourt.platform.embedded.process import POLL_S
from forecourt.stations.commands import Answered, StationOffline
from tests.spine import books
from tests.spine.by_hand import web
from tests.spine.plant import plant, read_what_was_sent
from tests.spine.processes import until
from tests.support import WAIT_S


@pytest.mark.kill
async def test_while_postgresql_is_away_nothing_is_acknowledged_and_stations_keep_what_they_have_to_say(
    tmp_path: Path,
) -> None:
    async with plant(tmp_path, seed=3) as made:
        load = made.load
        await made.postgres.stop()
        await read_what_was_sent()
        acknowledged = load.acknowledged()
        assert load.unanswered()

        # Who waits for an answer is sent away at last, and turned away while there is nowhere to store.
        await until(lambda: not any(station.link.online for station in load.stations), "all are sent away", WAIT_S)
        refused = load.counts.connects_refused
        await until(lambda: load.counts.connects_refused > refused + len(load.stations), "all are turned away")
        assert load.acknowledged() == acknowledged
        assert load.counts.call_errors == 0
        queued = sum(len(station.link.queue) for station in load.stations)
        assert queued > len(load.stations)

        await made.postgres.restart()
        await made.flows()
        await load.finish()
        assert all(gateway.running for gateway in made.gateways)
        assert made.worker.running
        assert made.complaints() == []
        assert load.counts.resent >= len(load.stations) // 2
        told = books.check(made.deployment, load)
        assert told.messages > len(acknowledged) + queued


@pytest.mark.kill
async def test_while_postgresql_stands_still_stations_are_sent_away_with_what_they_have_to_say_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    async with plant(tmp_path, seed=5) as made:
        load = made.load
        async with made.frozen_postgres():
            # It refuses nobody and answers nobody, so each station is let in, waits and is sent away.
            waiting = {station.identity for station in load.stations}

            def sent_away() -> bool:
                waiting.difference_update(station.identity for station in load.stations if not station.link.online)
                return not waiting

            await until(sent_away, "each is sent away", WAIT_S)
            # All that was on its way to a station when PostgreSQL stopped has arrived: its socket is closed since.
            acknowledged = load.acknowledged()
            assert load.counts.call_errors == 0

            # At last the gateways give it up, and turn everybody away.
            await until(lambda: not any(station.link.online for station in load.stations), "nobody is let in", WAIT_S)
            refused = load.counts.connects_refused
            await until(lambda: load.counts.connects_refused > refused + len(load.stations), "all are turned away")
            assert load.acknowledged() == acknowledged
            assert load.counts.call_errors == 0
            queued = sum(len(station.link.queue) for station in load.stations)
            assert queued > len(load.stations)

        await made.flows()
        await load.finish()
        assert all(gateway.running for gateway in made.gateways)
        assert made.worker.running
        assert made.complaints() == []
        told = books.check(made.deployment, load)
        assert told.messages > len(acknowledged) + queued


@pytest.mark.kill
async def test_while_nats_is_away_cars_charge_and_commands_fail_clearly_and_both_go_on_after(tmp_path: Path) -> None:
    async with plant(tmp_path, seed=4) as made, web(made.deployment) as (commander, bus, _):
        tenant_id = made.deployment.tenant()
        names = [station.identity for station in made.load.stations[:3]]

        async def clear_cache(identity: str) -> Answered:
            outcome = await commander.call(tenant_id, identity, "ClearCache", b"{}", "a test")
            assert isinstance(outcome, Answered)
            return outcome

        for name in names:
            assert (await clear_cache(name)).result == {"status": "Accepted"}
        await made.nats.stop()
        await until(lambda: not bus.connected, "the bus is missed")
        for name in names:
            with pytest.raises(BusAway):
                await clear_cache(name)
        await made.flows()

        await made.nats.restart()
        await until(lambda: bus.connected, "the bus is found again")
        for name in names:
            await patiently(clear_cache, name)
        # Nobody is left to believe that a command is still on its way.
        assert made.deployment.value("SELECT count(*) FROM commands WHERE outcome = 'sent'") == 0
        await made.load.finish()
        assert made.load.counts.calls_received == made.deployment.value(
            "SELECT count(*) FROM commands WHERE outcome = 'answered'"
        )
        books.check(made.deployment, made.load)


async def patiently(ask: Callable[[str], Awaitable[Answered]], name: str) -> None:
    """Ask until it is answered: gateways find their way back to the bus one after the other."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await ask(name)
            except (BusAway, StationOffline):
                await asyncio.sleep(POLL_S)
            else:
                return
