"""How long it takes until a thousand stations were told a new limit, from the decision to the last CALL written."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from time import perf_counter

from bench import words
from bench.figures import Figure
from bench.servers import SECRET, Stage
from forecourt.ocpp.neutral import ChargingProfile, Period, Purpose, Unit
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.stations.commands import Commander
from forecourt.stations.desired.bring import Bringer
from forecourt.stations.desired.kinds import charging_profile
from forecourt.stations.desired.model import State, Want

STATIONS = 1_000
ROUNDS = 5


async def measure(stage: Stage) -> list[Figure]:
    """The worst of some rounds, the first of which warms up and isn't counted."""
    first = await stage.register(STATIONS)
    written, settled = list[float](), list[float]()
    async with stage.gateway() as server, stage.crowd(server) as crowd:
        await crowd.order(words.Connect(first=first, count=STATIONS, at_once=50, start=True))
        await stage.settle()
        for number in range(3 if stage.quick else 1 + ROUNDS):
            one_written, one_settled = await _cut(stage, first, 16_000 - 1_000 * number)
            written.append(one_written)
            settled.append(one_settled)
    told = f"New limit for {STATIONS:,} stations"
    return [
        Figure(what=f"{told}: last CALL written", unit="ms", ours=max(written[1:]) * 1e3, goal_most=1_000),
        Figure(what=f"{told}: last yes settled", unit="ms", ours=max(settled[1:]) * 1e3),
    ]


async def _cut(stage: Stage, first: int, limit_ma: int) -> tuple[float, float]:
    """Seconds until the last CALL was written, and until the last answer was settled."""
    clock = SystemClock()
    bus = await Bus.connect(stage.nats.url)
    async with Pool(stage.postgres.app_url, "forecourt_app", size=4) as pool:
        bringer = Bringer(pool, Commander(pool, bus, clock, secret_key=SECRET.encode()).batch)
        wants = [_limit(f"CP{first + number:06d}", limit_ma, clock.now()) for number in range(STATIONS)]
        decided, began = clock.now(), perf_counter()
        async with aclosing(bringer.bring(stage.tenant_id, wants, "bench")) as coming:
            async for brought in coming:
                assert brought.state is State.REACHED, brought
        settled = perf_counter() - began
    await bus.close()
    await stage.settle()
    return (await _last_written(stage, decided) - decided).total_seconds(), settled


def _limit(station: str, limit_ma: int, now: datetime) -> Want:
    profile = ChargingProfile(
        id=1, stack_level=0, purpose=Purpose.TX_DEFAULT, unit=Unit.CURRENT,
        periods=(Period(start_s=0, limit=limit_ma),), start_at=now, valid_to=now + timedelta(minutes=15),
    )  # fmt: skip
    return charging_profile(station, 1, profile)


async def _last_written(stage: Stage, since: datetime) -> datetime:
    """When the last of the calls was handed to its socket, by the gateway's message log."""
    async with await stage.admin() as connection:
        for _ in range(100):
            cursor = await connection.execute(
                "SELECT count(*), (extract(epoch FROM max(at)) * 1000000)::bigint FROM messages"
                " WHERE action = 'SetChargingProfile' AND direction = 'o' AND at >= %s",
                (since,),
            )
            [(count, last)] = await cursor.fetchall()
            if count == STATIONS:
                return datetime.fromtimestamp(last / 1e6, UTC)
            await asyncio.sleep(0.1)
    raise AssertionError("not every station was told")
