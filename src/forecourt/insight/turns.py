"""What is made in threads, a few at a time: organisations wait in turn, each behind itself; what takes too long is
broken off, and what was made is remembered."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Event
from typing import Any, Final, Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

import structlog

from forecourt.platform.errors import ForecourtError

log = structlog.get_logger(__name__)

#: How often what is to end is broken off, for it may be several steps.
INTERRUPT_EVERY_S: Final = 0.05


class AnswerTooSlow(ForecourtError):
    """The answer takes too long. Ask for fewer days or for one site, or again when fewer others ask."""

    status = 503
    code = "answer-too-slow"


class BrokenOff(Exception):
    """Nobody wants any more what is made."""


class Hand(Protocol):
    """By which others break off what a thread makes."""

    def interrupt(self) -> None:
        """Has it end soon, by an error."""


class Halt:
    """A hand for what is made in steps: it is looked at between them, for nobody ends a thread from outside."""

    def __init__(self) -> None:
        self._halted = Event()

    def interrupt(self) -> None:
        """Has the next `check` raise BrokenOff."""
        self._halted.set()

    def check(self) -> None:
        """Raises BrokenOff once it is broken off."""
        if self._halted.is_set():
            raise BrokenOff


#: What nobody breaks off.
NEVER: Final = Halt()

H = TypeVar("H", bound=Hand)


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


class Made(Generic[H]):
    """What is made once for a key and kept, the `most` that were asked for last; each within so many seconds, waiting
    included. `hand`: what each is broken off by."""

    def __init__(self, turns: Turns, hand: Callable[[], H], within_s: float, most: int) -> None:
        self._turns = turns
        self._hand = hand
        self.within_s = within_s
        self._most = most
        self._kept: OrderedDict[object, tuple[object, Any]] = OrderedDict()

    async def once(
        self, tenant_id: int, key: object, make: Callable[[H], Any], *, place: object = None, until: float | None = None
    ) -> Any:
        """What is kept under the key, else what a thread makes, by that time of the loop. Of what has one `place` the
        latest is kept alone. Raises AnswerTooSlow."""
        place = key if place is None else place
        if not self._keeps(place, key):
            until = until or self.until()
            async with self._turns.of(tenant_id, until):
                if not self._keeps(place, key):
                    self._kept[place] = (key, await _made(make, self._hand(), until))
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(place)
        return self._kept[place][1]

    async def anew(self, tenant_id: int, make: Callable[[H], Any], *, until: float | None = None) -> Any:
        """What a thread makes, by that time of the loop; it is kept for nobody. Raises AnswerTooSlow."""
        until = until or self.until()
        async with self._turns.of(tenant_id, until):
            return await _made(make, self._hand(), until)

    def until(self) -> float:
        """By which time of the loop is told what is asked for now. Who asks for several things hands it on."""
        return asyncio.get_running_loop().time() + self.within_s

    def _keeps(self, place: object, key: object) -> bool:
        return place in self._kept and self._kept[place][0] == key


async def _made(make: Callable[[H], Any], hand: H, until: float) -> Any:
    """What a thread makes; it is broken off at that time of the loop, or when nobody wants it any more, and waited for:
    its place is another's only when it has ended. Raises AnswerTooSlow."""
    work = asyncio.ensure_future(asyncio.to_thread(make, hand))
    try:
        done, _ = await asyncio.wait({work}, timeout=until - asyncio.get_running_loop().time())
        if done:
            return work.result()
        log.warning("an answer takes too long and is broken off")
        raise AnswerTooSlow
    finally:
        while not work.done():
            hand.interrupt()
            await asyncio.wait({work}, timeout=INTERRUPT_EVERY_S)
        # What it was broken off by is nobody's.
        work.exception()
