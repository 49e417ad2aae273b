"""Connecting and booting, and what a station costs in memory that does nothing but be connected.

The memory is all that a station adds to the process: its socket, its connection, and its entry in the roster.
"""

import asyncio

from bench import words
from bench.figures import Figure
from bench.servers import Server, Stage

WARM_UP = 200
QUICK, FULL = 1_000, 5_000
#: The ordinary way is slow at this, and its figure does not depend on the number.
MOST_ORDINARY = 1_000
GOAL_BOOTS = 2_500.0
GOAL_KIB = 18.0
#: Lets freed buffers go and caches fill before memory is read.
QUIET_S = 2.0


async def measure(stage: Stage) -> list[Figure]:
    """Boots a CPU second and KiB a station, both ways."""
    count = QUICK if stage.quick else FULL
    async with stage.gateway() as server:
        boots, kib = await _crowded(stage, server, count)
    async with stage.ordinary() as server:
        other_boots, other_kib = await _crowded(stage, server, min(count, MOST_ORDINARY))
    return [
        Figure(
            what="Connect and boot: stations", unit="a CPU second of the server", ours=boots, ordinary=other_boots,
            more_is_better=True, goal_least=GOAL_BOOTS,
        ),
        Figure(what="Idle station: memory", unit="KiB", ours=kib, ordinary=other_kib, goal_most=GOAL_KIB),
    ]  # fmt: skip


async def _crowded(stage: Stage, server: Server, count: int) -> tuple[float, float]:
    """Boots a CPU second, and KiB a station once all are there."""
    async with stage.crowd(server) as crowd:
        await crowd.order(words.Connect(first=await stage.register(WARM_UP), count=WARM_UP, at_once=50))
        await asyncio.sleep(QUIET_S)
        memory = server.memory()
        first = await stage.register(count)
        before = stage.spent(server)
        await crowd.order(words.Connect(first=first, count=count, at_once=100))
        spent = stage.spent(server).since(before)
        await asyncio.sleep(QUIET_S)
        return count / spent.server, (server.memory() - memory) / count / 1024
