"""Who waits for something that is made in threads, a few at a time: organisations in turn, each behind itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from forecourt.platform.errors import ForecourtError


class AnswerTooSlow(ForecourtError):
    """The answer takes too long. Ask for fewer days or for one site, or again when fewer others ask."""

    status = 503
    code = "answer-too-slow"


class Turns:
    """Places for what is made at once, and for what is of one organisation."""

    def __init__(self, at_once: int, of_one: int) -> None:
        self._of_one = of_one
        self._room = asyncio.Semaphore(at_once)
        self._rooms: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, tenant_id: int, until: float) -> AsyncIterator[None]:
        """A place among those of the organisation, and among all. Raises AnswerTooSlow where there is none by that time
        of the loop."""
        # Whoever waits holds it, and the last one lets it go.
        mine = self._rooms.setdefault(tenant_id, asyncio.Semaphore(self._of_one))
        async with _turn(mine, until), _turn(self._room, until):
            yield


@asynccontextmanager
async def _turn(room: asyncio.Semaphore, until: float) -> AsyncIterator[None]:
    """A place in a room, which is given in order."""
    try:
        async with asyncio.timeout_at(until):
            await room.acquire()
    except TimeoutError:
        raise AnswerTooSlow from None
    try:
        yield
    finally:
        room.release()
