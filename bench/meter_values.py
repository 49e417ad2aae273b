"""CPU of the server for one durable MeterValues of a running transaction, with one value and with eight.

Closed loop: 300 stations, each sends the next one when the last is answered, after the commit. Ours merges the session,
keeps the samples, logs both directions and tells the screens; the ordinary way makes one INSERT. The least that any
gateway on our libraries can do (see `bare`) is measured beside them.
"""

import asyncio

from bench import words
from bench.figures import Figure
from bench.servers import Crowd, Server, Stage

STATIONS = 300
VALUES = (1, 8)
GOAL_RATIO = 25.0
WARM_UP_S = 1.5


async def measure(stage: Stage) -> list[Figure]:
    """One figure a number of values, and what goes with it."""
    first = await stage.register(STATIONS)
    async with stage.gateway() as server, stage.crowd(server) as crowd:
        ours = await _both(stage, server, crowd, first)
    async with stage.ordinary() as server, stage.crowd(server) as crowd:
        theirs = await _both(stage, server, crowd, first)
    async with stage.bare() as server, stage.crowd(server) as crowd:
        floor = await _both(stage, server, crowd, first)
    figures = []
    for values in VALUES:
        mine, other = ours[values], theirs[values]
        name = f"MeterValues of {values}"
        figures += [
            Figure(what=f"{name}: server CPU", unit="µs each", ours=mine[0], ordinary=other[0], goal_ratio=GOAL_RATIO),
            Figure(what=f"{name}: the least server CPU", unit="µs each", ours=floor[values][0], ordinary=other[0]),
            Figure(what=f"{name}: PostgreSQL CPU", unit="µs each", ours=mine[1], ordinary=other[1]),
            Figure(what=f"{name}: throughput", unit="messages/s", ours=mine[2], ordinary=other[2], more_is_better=True),
        ]  # fmt: skip
    return figures


async def _both(stage: Stage, server: Server, crowd: Crowd, first: int) -> dict[int, tuple[float, float, float]]:
    await crowd.order(words.Connect(first=first, count=STATIONS, at_once=50, start=True))
    return {values: await _talk(stage, server, crowd, values) for values in VALUES}


async def _talk(stage: Stage, server: Server, crowd: Crowd, values: int) -> tuple[float, float, float]:
    """Microseconds of the server and of PostgreSQL a message, and messages a second."""
    await stage.settle()
    await crowd.order(words.Begin(work="meter", values=values))
    await asyncio.sleep(WARM_UP_S)
    await crowd.order(words.Mark())
    before = stage.spent(server)
    await asyncio.sleep(3.0 if stage.quick else 8.0)
    told = await crowd.order(words.Mark())
    spent = stage.spent(server).since(before)
    await crowd.order(words.End())
    return spent.server / told.answered * 1e6, spent.postgres / told.answered * 1e6, told.answered / told.seconds
