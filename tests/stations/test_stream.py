"""The live stream for programs, over a real server: what it says, whom it is for, and when it ends."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from forecourt.access import Role
from forecourt.platform.bus import Bus
from forecourt.ui import stream as streams
from tests.http import House, Tenant, problem
from tests.support import WAIT_S
from tests.ui.conftest import served


class Listener:
    """One open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> dict[str, Any]:
        """What is said next, beats left out."""
        async with asyncio.timeout(WAIT_S):
            async for line in self._lines:
                if line.startswith("data: "):
                    said: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return said
        raise AssertionError("the stream ended")

    async def until(self, key: str) -> Any:
        """The value of a key in the next delta that names it."""
        while True:
            said = (await self.next()).get("delta", {})
            if key in said:
                return said[key]


@pytest_asyncio.fixture
async def address(house: House) -> AsyncIterator[str]:
    async with served(house._app) as at:
        yield at


@pytest_asyncio.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await Bus.connect(nats_url)
    yield made
    await made.close()


async def a_key(tenant: Tenant, role: Role = Role.VIEWER) -> dict[str, str]:
    return {"authorization": (await tenant.client(role)).headers["authorization"]}


async def stations(tenant: Tenant) -> tuple[str, str]:
    """Two stations of a tenant, the first at a site."""
    client = await tenant.client()
    one, two = f"A{tenant.tenant_id}", f"B{tenant.tenant_id}"
    await client.post("/api/v1/sites", json={"name": "Yard", "slug": "yard"})
    assert (await client.post("/api/v1/stations", json={"id": one, "site": "yard"})).status_code == 201
    assert (await client.post("/api/v1/stations", json={"id": two})).status_code == 201
    return one, two


async def say(bus: Bus, tenant: Tenant, cells: dict[str, Any]) -> None:
    await bus.publish(f"live.{tenant.tenant_id}", json.dumps(cells).encode())


async def test_a_stream_is_a_snapshot_and_then_what_changes(address: str, tenant: Tenant, bus: Bus) -> None:
    one, two = await stations(tenant)
    async with (
        httpx.AsyncClient(timeout=WAIT_S, base_url=address, headers=await a_key(tenant)) as client,
        client.stream("GET", "/api/v1/stream") as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        listener = Listener(response)
        snapshot = (await listener.next())["snapshot"]
        assert snapshot[f"station.{one}.state"] == snapshot[f"station.{two}.state"] == "Offline"
        assert snapshot[f"station.{one}.power_w"] == 0
        await say(bus, tenant, {f"station.{two}.power_w": 7_200})
        assert await listener.until(f"station.{two}.power_w") == 7_200


async def test_it_carries_the_stations_that_were_asked_for_and_never_a_strangers(
    address: str, tenant: Tenant, stranger: Tenant, bus: Bus
) -> None:
    one, two = await stations(tenant)
    theirs, _ = await stations(stranger)
    async with httpx.AsyncClient(timeout=WAIT_S, base_url=address, headers=await a_key(tenant)) as client:
        for query in ({"sites": "yard"}, {"stations": [one, theirs]}):
            async with client.stream("GET", "/api/v1/stream", params=query) as response:
                listener = Listener(response)
                snapshot = (await listener.next())["snapshot"]
                assert {key.split(".")[1] for key in snapshot} == {one}
                await say(bus, tenant, {f"station.{two}.power_w": 1})
                await say(bus, stranger, {f"station.{theirs}.power_w": 1})
                await say(bus, tenant, {f"station.{one}.power_w": 2})
                assert (await listener.next())["delta"] == {f"station.{one}.power_w": 2}


async def test_it_needs_a_key_and_ends_when_that_is_revoked(
    address: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RECHECK_S", 0.1)
    await stations(tenant)
    async with httpx.AsyncClient(timeout=WAIT_S, base_url=address) as client:
        problem(await client.get("/api/v1/stream"), 401, "unauthenticated")
        owner = await tenant.client()
        made = (await owner.post("/api/v1/keys", json={"name": "Wall", "role": "viewer"})).json()
        headers = {"authorization": f"Bearer {made['key']}"}
        async with client.stream("GET", "/api/v1/stream", headers=headers) as response:
            listener = Listener(response)
            await listener.next()
            await owner.delete(f"/api/v1/keys/{made['id']}")
            assert await listener.next() == {"reason": "key revoked"}


async def test_streams_of_a_key_and_stations_of_a_stream_are_bounded(
    address: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_OF_KEY", 1)
    await stations(tenant)
    headers = await a_key(tenant)
    async with httpx.AsyncClient(timeout=WAIT_S, base_url=address, headers=headers) as client:
        async with client.stream("GET", "/api/v1/stream") as response:
            listener = Listener(response)
            await listener.next()
            problem(await client.get("/api/v1/stream"), 429, "too-many-streams")
        async with asyncio.timeout(WAIT_S):
            while streams.OPEN._value.get() > 0:
                await asyncio.sleep(0.05)
        monkeypatch.setattr(streams, "MAX_STREAMED", 1)
        problem(await client.get("/api/v1/stream"), 422, "too-many-streamed")


async def test_a_program_that_does_not_read_is_dropped(
    address: str, tenant: Tenant, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SEND_DEADLINE_S", 0.3)
    one, _ = await stations(tenant)
    parts = urlsplit(address)
    before = streams.DROPPED.labels("not reading")._value.get()
    authorization = (await a_key(tenant))["authorization"]
    with socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        idle.connect((parts.hostname, parts.port))
        idle.sendall(f"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n".encode())
        async with asyncio.timeout(WAIT_S):
            while streams.DROPPED.labels("not reading")._value.get() == before:
                await say(bus, tenant, {f"station.{one}.error": "x" * 200_000})
                await asyncio.sleep(0.05)
            while streams.OPEN._value.get() > 0:
                await asyncio.sleep(0.05)
