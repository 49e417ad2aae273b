"""Whole-stack CPU of durable session messages: server, PostgreSQL and NATS together.

Closed loop of whole sessions: a start, eight meter values of eight values each, a stop.
"""

import asyncio

from bench import words
from bench.figures import Figure
from bench.servers import Server, Spent, Stage

STATIONS = 300
VALUES = 8
GOAL_MS = 0.5
WARM_UP_S = 1.5


async def measure(stage: Stage) -> list[Figure]:
    """One figure for all, and each part's share."""
    first = await stage.register(STATIONS)
    async with stage.gateway() as server:
        ours = await _each(stage, server, first)
    async with stage.ordinary() as server:
        theirs = await _each(stage, server, first)
    what = "Session message"
    return [
        Figure(
            what=f"{what}: whole stack CPU", unit="ms", ours=ours.together, ordinary=theirs.together, goal_most=GOAL_MS
        ),
        Figure(what=f"{what}: of it server", unit="ms", ours=ours.server, ordinary=theirs.server),
        Figure(what=f"{what}: of it PostgreSQL", unit="ms", ours=ours.postgres, ordinary=theirs.postgres),
        Figure(what=f"{what}: of it NATS", unit="ms", ours=ours.nats),
    ]


async def _each(stage: Stage, server: Server, first: int) -> Spent:
    """Milliseconds of CPU a message."""
    async with stage.crowd(server) as crowd:
        await crowd.order(words.Connect(first=first, count=STATIONS, at_once=50))
        await stage.settle()
        await crowd.order(words.Begin(work="session", values=VALUES))
        await asyncio.sleep(WARM_UP_S)
        await crowd.order(words.Mark())
        before = stage.spent(server)
        await asyncio.sleep(3.0 if stage.quick else 8.0)
        told = await crowd.order(words.Mark())
        spent = stage.spent(server).since(before)
        await crowd.order(words.End())
    a_message = 1e3 / told.answered
    return Spent(server=spent.server * a_message, postgres=spent.postgres * a_message, nats=spent.nats * a_message)
