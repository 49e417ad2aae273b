"""Work in threads that may never return."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Final, TypeVar

T = TypeVar("T")

#: A process of which so many threads hang at once ends: others hold its sites then, and what hangs is gone with it.
MAX_LOST: Final = 3


class TooManyLost(Exception):
    """So many solvers hang that the process is better begun anew."""


def apart(work: Callable[[], T]) -> asyncio.Future[T]:
    """What comes of work in a thread of its own, or its fault. One that never returns takes no place from others, and
    keeps no process from ending. What is cancelled goes on all the same, and nobody learns what came of it."""
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as fault:  # noqa: BLE001 - whoever waits for it gets it
            outcome.set_exception(fault)

    Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()
    return asyncio.wrap_future(outcome)


class Lost:
    """The threads of a process that were given up and have not returned since."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Future[object]] = set()

    def add(self, work: "asyncio.Future[T]") -> None:
        """Give one up."""
        some: asyncio.Future[object] = work  # type: ignore[assignment]
        self._under_way.add(some)
        some.add_done_callback(self._under_way.discard)

    def check(self) -> None:
        """Raises TooManyLost where there are MAX_LOST or more."""
        if len(self._under_way) >= MAX_LOST:
            raise TooManyLost(f"{len(self._under_way)} solvers hang")
