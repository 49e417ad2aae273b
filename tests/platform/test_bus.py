"""The bus when it is there, and when it stands still: it takes everything then, and says nothing."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from forecourt.app.health import _word
from forecourt.platform.bus import Bus, BusDown, NoResponders
from forecourt.platform.embedded.nats import EmbeddedNats
from tests.spine.processes import stands_still
from tests.support import WAIT_S


async def test_what_is_asked_of_a_bus_that_stands_still_is_surely_not_sent_then_or_later(tmp_path: Path) -> None:
    heard: list[bytes] = []
    async with EmbeddedNats(tmp_path) as nats:
        bus, far = await Bus.connect(nats.url), await Bus.connect(nats.url)

        async def hear(_: str, data: bytes, reply: str) -> None:
            heard.append(data)
            await far.publish(reply, b"yes")

        await far.subscribe("ear", hear)
        assert await bus.request("ear", b"one", WAIT_S) == b"yes"
        with pytest.raises(NoResponders):
            await bus.request("nobody", b"", WAIT_S)

        os.kill(nats.pid, signal.SIGSTOP)
        await _until_stopped(nats.pid)
        try:
            with pytest.raises(BusDown) as away:
                await bus.request("ear", b"two", WAIT_S)
            assert away.value.unsent
            assert await _word(bus.check) == "away"
        finally:
            os.kill(nats.pid, signal.SIGCONT)
        assert await bus.request("ear", b"three", WAIT_S) == b"yes"
        assert await _word(bus.check) == "ok"
        assert heard == [b"one", b"three"]
        await bus.close()
        await far.close()


async def _until_stopped(pid: int) -> None:
    """Each of its threads stops when it next runs."""
    async with asyncio.timeout(WAIT_S):
        while not stands_still(pid):
            await asyncio.sleep(0.01)
