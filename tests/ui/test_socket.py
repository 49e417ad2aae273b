import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.support import WAIT_S
from tests.ui.conftest import Serve
from tests.ui.harness import Fleet


def live(address: str, *, origin: str | None = "own") -> Any:
    socket = address.replace("http://", "ws://") + "/live"
    return connect(socket, additional_headers={"origin": address if origin == "own" else origin} if origin else None)


async def heard(socket: ClientConnection) -> Any:
    async with asyncio.timeout(WAIT_S):
        return json.loads(await socket.recv())


async def close_code(socket: ClientConnection) -> int | None:
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(ConnectionClosedError) as end:
            while True:
                await socket.recv()
    return end.value.rcvd.code if end.value.rcvd else None


async def test_a_page_of_ours_gets_a_snapshot_and_changes(serve: Serve) -> None:
    fleet = Fleet(2)
    async with serve(fleet) as address, live(address) as socket:
        await socket.send('{"watch":["station.CP0001","totals"]}')
        snapshot = (await heard(socket))["snapshot"]
        assert snapshot["station.CP0001.state"] == fleet.cells["station.CP0001.state"]
        assert "totals.power_w" in snapshot
        assert not any(key.startswith("station.CP0000") for key in snapshot)
        await fleet.say({"station.CP0001.power_w": 4_321})
        while (await heard(socket)).get("delta", {}).get("station.CP0001.power_w") != 4_321:
            pass


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1.evil.example"])
async def test_a_foreign_page_is_refused_before_the_handshake(serve: Serve, origin: str | None) -> None:
    async with serve(Fleet(1)) as address:
        with pytest.raises(InvalidStatus) as refusal:
            async with live(address, origin=origin):
                pass
        assert refusal.value.response.status_code == 403


async def test_who_is_not_signed_in_is_told_so_and_gets_nothing(serve: Serve) -> None:
    async with serve(Fleet(1), signed_in=False) as address, live(address) as socket:
        assert await close_code(socket) == 4401


@pytest.mark.parametrize(
    "said",
    [
        "not JSON",
        '{"watch":"station.CP0000"}',
        '{"watch":[1]}',
        json.dumps({"watch": [f"station.CP{number}" for number in range(501)]}),
        json.dumps({"watch": ["station." + "x" * 300]}),
    ],
)
async def test_what_no_page_of_ours_says_ends_the_conversation(serve: Serve, said: str) -> None:
    async with serve(Fleet(1)) as address, live(address) as socket:
        await socket.send(said)
        assert await close_code(socket) == 4400
