"""Peers that are gone without saying so, and peers that have nothing to say."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from forecourt.stations.gateway import transport as carriers
from tests.ground import Ground
from tests.stations.gateway.conftest import PASSWORD, Rig, a_rig
from tests.stations.gateway.test_sessions_over_sockets import boot
from tests.support import WAIT_S


@pytest_asyncio.fixture
async def impatient(ground: Ground, transport: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    """A gateway that looks at its sockets every other second: a peer that lives must find the time to answer."""
    monkeypatch.setattr(carriers, "LOOK_EVERY_S", 2.0)
    monkeypatch.setattr(carriers, "LOOK_STEPS", 3)
    async with a_rig(ground, transport) as rig:
        yield rig


async def test_a_peer_that_answers_no_ping_is_given_up_and_one_that_does_is_kept(impatient: Rig) -> None:
    await impatient.register("GONE")
    await impatient.register("QUIET")
    credentials = base64.b64encode(f"GONE:{PASSWORD}".encode()).decode()
    async with impatient.station("QUIET") as quiet:
        reader, writer = await asyncio.open_connection("127.0.0.1", impatient.port)
        writer.write(
            f"GET /ocpp/GONE HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )
        assert b" 101 " in await asyncio.wait_for(reader.readline(), WAIT_S)
        # It reads pings, which is more than a dead peer does, and never answers.
        await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()
        assert (await boot(quiet))["status"] == "Accepted"
        assert [connection.station.identity for connection in impatient.gateway.connections] == ["QUIET"]
