"""Simulated time: what a station believes the time to be, and how long that is in real seconds."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

#: A jumping clock turns every simulated pause into at most this much real waiting.
LONGEST_JUMP_S = 0.5


class Clock(Protocol):
    """Simulated time."""

    def now(self) -> datetime: ...

    def real_s(self, simulated_s: float) -> float:
        """How many real seconds to wait for so many simulated ones."""
        ...

    async def sleep_until(self, at: datetime) -> None: ...


class PacedClock:
    """Runs `speed` times as fast as the real clock, from `start`."""

    def __init__(
        self, start: datetime | None = None, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if speed <= 0:
            raise ValueError("the speed of a paced clock must be above zero")
        self._start = start or datetime.now(UTC)
        self._monotonic = monotonic
        self._zero = monotonic()
        self.speed = speed

    def restart(self) -> None:
        """It is `start` again now."""
        self._zero = self._monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(self._monotonic() - self._zero) * self.speed)

    def real_s(self, simulated_s: float) -> float:
        return simulated_s / self.speed

    async def sleep_until(self, at: datetime) -> None:
        while (left_s := (at - self.now()).total_seconds()) > 0:
            await asyncio.sleep(left_s / self.speed)


class JumpClock:
    """Stands still until someone sleeps, then is at once where they wished to wake.

    One for each station that plays a script alone; it never goes back.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def real_s(self, simulated_s: float) -> float:
        return min(simulated_s, LONGEST_JUMP_S)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    async def sleep_until(self, at: datetime) -> None:
        self._now = max(self._now, at)
        await asyncio.sleep(0)
