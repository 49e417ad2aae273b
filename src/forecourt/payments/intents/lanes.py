"""How many payments are looked at at once, and how few of them of one account at a provider: one that answers slowly
holds up its own payments and no others. Only when slow ones of many accounts fill the room together does another wait,
until one of their looks is over."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, Final
from uuid import UUID

import structlog

from forecourt.payments.intents.store.turns import Due, Room

log = structlog.get_logger(__name__)

#: Looks at once of an account that didn't answer last.
DOUBTFUL: Final = 1


class Lanes:
    """Owns looks in the air: `most` at once, and `each` of one lane (`Due.lane`) at the most."""

    def __init__(self, most: int, each: int) -> None:
        self._most = most
        self._each = each
        self._air: dict[asyncio.Task[None], Due] = {}
        self._landed = asyncio.Event()

    def room(self, *, resting: Collection[UUID] = (), doubtful: Collection[UUID] = ()) -> Room:
        """How much may be taken. `resting`: accounts of which nothing is; `doubtful`: those of which one at a time
        is."""
        held = Counter(due.lane for due in self._air.values())
        left = {lane: self._each - number for lane, number in held.items()}
        left |= {str(each): DOUBTFUL - held[str(each)] for each in doubtful}
        left |= dict.fromkeys(map(str, resting), 0)
        return Room(left={lane: max(number, 0) for lane, number in left.items()}, each=self._each, free=self._free())

    def _free(self) -> int:
        return self._most - len(self._air)

    def begin(self, taken: Sequence[Due], look: Callable[[int, UUID], Coroutine[Any, Any, None]]) -> int:
        """Begins a look at each that isn't looked at already; how many."""
        there = {due.intent_id for due in self._air.values()}
        fresh = [due for due in taken if due.intent_id not in there]
        for due in fresh:
            task = asyncio.create_task(look(due.tenant_id, due.intent_id))
            self._air[task] = due
            task.add_done_callback(self._land)
        return len(fresh)

    def _land(self, task: asyncio.Task[None]) -> None:
        del self._air[task]
        self._landed.set()
        if not task.cancelled() and (fault := task.exception()) is not None:
            # Its lease runs out, and it is looked at again.
            log.error("a look met with what nobody thought of", fault=type(fault).__name__, exc_info=fault)

    async def land(self) -> None:
        """Waits for every look in the air."""
        await asyncio.gather(*self._air, return_exceptions=True)

    async def rest(self, rest_s: float) -> None:
        """Waits so long, or until a look is over."""
        self._landed.clear()
        try:
            async with asyncio.timeout(rest_s):
                await self._landed.wait()
        except TimeoutError:
            return

    async def cancel(self) -> None:
        """Ends every look in the air: each is taken up again after its lease."""
        for task in self._air:
            task.cancel()
        await self.land()
