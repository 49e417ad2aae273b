"""The bus when it is there, and when it stands still: it takes everything then, and says nothing."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from forecourt.app.health import _word
from forecourt.platform.bus import Bus, BusDown, NoResponders
from forecourt.platform.embedded.nats import EmbeddedNats

DEADLINE_S = 20.0


async def test_what_is_asked_of_a_bus_that_stands_still_is_surely_not_sent_then_or_later(tmp_path: Path) -> None:
    heard: list[bytes] = []
    async with EmbeddedNats(tmp_path) as nats:
        bus, far = await Bus.connect(nats.url), await Bus.connect(nats.url)

        async def hear(_: str, data: bytes, reply: str) -> None:
            heard.append(data)
            await far.publish(reply, b"yes")

        await far.subscribe("ear", hear)
        assert await bus.request("ear", b"one", DEADLINE_S) == b"yes"
        with pytest.raises(NoResponders):
            await bus.request("nobody", b"", DEADLINE_S)

        os.kill(nats.pid, signal.SIGSTOP)
        await _until_stopped(nats.pid)
        try:
            with pytest.raises(BusDown) as away:
                await bus.request("ear", b"two", DEADLINE_S)
            assert away.value.unsent
            assert await _word(bus.check) == "away"
        finally:
            os.kill(nats.pid, signal.SIGCONT)
        assert await bus.request("ear", b"three", DEADLINE_S) == b"yes"
        assert await _word(bus.check) == "ok"
        assert heard == [b"one", b"three"]
        await bus.close()
        await far.close()


async def _until_stopped(pid: int) -> None:
    """Each of its threads stops when it next runs."""
    async with asyncio.timeout(DEADLINE_S):
        while any(status(task) not in "Tt" for task in Path(f"/proc/{pid}/task").iterdir()):
            await asyncio.sleep(0.01)


def status(task: Path) -> str:
    """The letter by which the kernel tells what a thread does."""
    return (task / "stat").read_text().rpartition(")")[2].split()[0]
