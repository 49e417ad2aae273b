"""How long a remote command takes, from the verb to the station and back, beside a thousand durable messages/s."""

import asyncio
from time import perf_counter

from bench import words
from bench.figures import Figure
from bench.servers import SECRET, Stage
from forecourt.ocpp.neutral import StopCharging
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.stations.commands import Commander

STATIONS = 300
RATE = 1_000.0
VALUES = 1
#: Commands asked, one every so often, however long the last takes.
EVERY_S = 0.02
WARM_UP_S = 2.0


async def measure(stage: Stage) -> list[Figure]:
    """Median and 99th percentile of commands; beside them those of the messages."""
    first = await stage.register(STATIONS)
    count = 150 if stage.quick else 500
    async with stage.gateway() as server, stage.crowd(server) as crowd:
        await crowd.order(words.Connect(first=first, count=STATIONS, at_once=50, start=True))
        await stage.settle()
        await crowd.order(words.Begin(work="meter", values=VALUES, rate=RATE))
        await asyncio.sleep(WARM_UP_S)
        await crowd.order(words.Mark())
        waits = await _ask(stage, first, count)
        told = await crowd.order(words.Mark())
        await crowd.order(words.End())
    waits.sort()
    beside = f"beside {told.answered / told.seconds:,.0f} messages/s"
    return [
        Figure(what=f"Remote command {beside}: median", unit="ms", ours=waits[len(waits) // 2] * 1e3),
        Figure(what=f"Remote command {beside}: 99 %", unit="ms", ours=waits[len(waits) * 99 // 100] * 1e3),
        Figure(what="Message beside it: median", unit="ms", ours=told.p50_ms),
        Figure(what="Message beside it: 99 %", unit="ms", ours=told.p99_ms),
    ]


async def _ask(stage: Stage, first: int, count: int) -> list[float]:
    waits: list[float] = []
    bus = await Bus.connect(stage.nats.url)
    async with Pool(stage.postgres.app_url, "forecourt_app", size=4) as pool:
        commander = Commander(pool, bus, SystemClock(), secret_key=SECRET.encode())

        async def one(number: int) -> None:
            began = perf_counter()
            identity = f"CP{first + number % STATIONS:06d}"
            answer, _ = await commander.command(stage.tenant_id, identity, StopCharging(transaction_id="1"), "bench")
            assert answer.accepted
            waits.append(perf_counter() - began)

        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(one(number))
                await asyncio.sleep(EVERY_S)
    await bus.close()
    return waits
