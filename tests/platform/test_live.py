"""Live values reach the bus whole, however many, and one tenant's trouble is nobody else's."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest_asyncio

from forecourt.platform.bus import Bus
from forecourt.platform.live import MAX_KEYS, MAX_MESSAGE_BYTES, LiveFeed, subject
from tests.support import WAIT_S


@pytest_asyncio.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    bus = await Bus.connect(nats_url)
    yield bus
    await bus.close()


class Screen:
    """Hears one tenant's deltas."""

    def __init__(self) -> None:
        self.shown: dict[str, object] = {}
        self.longest = 0
        self._heard = asyncio.Event()

    async def hear(self, _subject: str, message: bytes, _reply: str) -> None:
        self.longest = max(self.longest, len(message))
        self.shown |= msgspec.json.decode(message)
        self._heard.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while len(self.shown) < count:
                self._heard.clear()
                await self._heard.wait()


async def test_more_than_the_bus_takes_at_once_goes_out_in_parts(bus: Bus) -> None:
    screen = Screen()
    await bus.subscribe(subject(1), screen.hear)
    feed = LiveFeed(bus)
    values = {f"station.a-station-with-a-long-name-{number}.session_id": "x" * 36 for number in range(MAX_KEYS)}
    for key, value in values.items():
        feed.put(1, key, value)
    await feed.flush()
    await screen.until(MAX_KEYS)
    assert screen.shown == values
    assert screen.longest <= MAX_MESSAGE_BYTES


async def test_what_the_bus_refuses_of_one_tenant_does_not_keep_the_next_from_its_own(bus: Bus) -> None:
    screen = Screen()
    await bus.subscribe(subject(2), screen.hear)
    feed = LiveFeed(bus)
    feed.put(1, "key", "x" * (2 << 20))
    feed.put(2, "key", 7)
    await feed.flush()
    await screen.until(1)
    assert screen.shown == {"key": 7}
