"""A gateway in this process over the real PostgreSQL and NATS, and stations that speak raw frames to it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
import websockets
from websockets.asyncio.client import ClientConnection

from forecourt.app.gateway_process import build
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.live import LiveFeed
from forecourt.platform.settings import Settings
from forecourt.stations.gateway.server import Gateway
from forecourt.stations.gateway.transport import carrier
from forecourt.stations.model import password_hash
from tests.ground import Ground
from tests.support import WAIT_S, free_port

SECRET = "a secret of the deployment, for tests"
PASSWORD = "a-station-password-0123"


class ClockAhead(SystemClock):
    """An hour ahead of the gateway's, so that the deadline of a call counts from when it arrives there, however long it
    was on its way. For calls whose deadline is to pass."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


class StationClient:
    """A station by hand: sends frames, reads answers, keeps what it is asked in `asked`."""

    def __init__(self, link: ClientConnection) -> None:
        self.link = link
        self.asked: list[Any] = []
        self._numbers = 0

    async def call(self, action: str, payload: Any, message_id: str | None = None) -> Any:
        """Send a CALL; the payload of its CALLRESULT, or the whole CALLERROR frame."""
        self._numbers += 1
        message_id = message_id or f"m{self._numbers}"
        await self.link.send(json.dumps([2, message_id, action, payload]))
        frame = await self.answer(message_id)
        return frame[2] if frame[0] == 3 else frame

    async def answer(self, message_id: str) -> Any:
        """The frame that answers a message."""
        while True:
            frame = json.loads(await asyncio.wait_for(self.link.recv(), WAIT_S))
            if frame[0] in (3, 4) and frame[1] == message_id:
                return frame
            self.asked.append(frame)

    async def next_ask(self) -> Any:
        """The next CALL of the CSMS."""
        if self.asked:
            return self.asked.pop(0)
        return json.loads(await asyncio.wait_for(self.link.recv(), WAIT_S))


class Rig:
    """The gateway under test and ways to reach what it wrote."""

    def __init__(self, ground: Ground, transport: str = "picows", *, responders_private: bool = True) -> None:
        self.responders_private = responders_private
        self.ground = ground
        self.database = ground.database
        self.nats_url = ground.nats_url
        self.transport = transport
        #: Whose stations and tokens are made.
        self.organisation = "Org"
        self.port = free_port()
        self.admin = ground.admin
        self._stack = AsyncExitStack()
        self.gateway: Gateway
        self.live: LiveFeed

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What a query by the superuser returns."""
        return self.admin.execute(query, parameters).fetchall()

    def tenant(self, name: str = "") -> int:
        """An organisation of that name, made if it is missing."""
        name = name or self.organisation
        found = self.rows("SELECT tenant_id FROM organisations WHERE name = %s", name)
        if found:
            return int(found[0][0])
        return int(self.rows("INSERT INTO organisations (name) VALUES (%s) RETURNING tenant_id", name)[0][0])

    async def register(self, identity: str, *, profile: int = 1, registration: str = "accepted") -> None:
        """A station in the registry, known to the gateway when this returns."""
        self.admin.execute(
            "INSERT INTO stations (tenant_id, identity, security_profile, registration, password_hash)"
            " VALUES (%s, %s, %s, %s, %s)",
            (self.tenant(), identity, profile, registration, password_hash(SECRET.encode(), PASSWORD.encode())),
        )
        await self.gateway._read_roster(everything=False)

    def token(self, uid: str, status: str = "accepted", group: str | None = None) -> None:
        """A token of the organisation."""
        self.admin.execute(
            "INSERT INTO tokens (tenant_id, uid_key, uid, type, status, group_uid)"
            " VALUES (%s, lower(%s), %s, 'ISO14443', %s, %s)",
            (self.tenant(), uid, uid, status, group),
        )

    @asynccontextmanager
    async def station(
        self,
        identity: str,
        *protocols: str,
        password: str | bytes = PASSWORD,
        user: str | None = None,
        path: str = "/ocpp/",
    ) -> AsyncIterator[StationClient]:
        """A connected station."""
        secret = password.encode() if isinstance(password, str) else password
        credentials = base64.b64encode((user or identity).encode() + b":" + secret).decode()
        async with websockets.connect(
            f"ws://127.0.0.1:{self.port}{path}{identity}",
            subprotocols=[websockets.Subprotocol(name) for name in protocols or ("ocpp1.6",)],
            additional_headers={"Authorization": f"Basic {credentials}"},
            open_timeout=WAIT_S,
            ping_interval=None,
        ) as link:
            yield StationClient(link)

    async def start(self) -> None:
        settings = Settings(
            database_url=self.database.url, nats_url=self.nats_url, secret_key=SECRET, ocpp_port=self.port
        )
        bus = await Bus.connect(self.nats_url)
        self._stack.push_async_callback(bus.close)
        pool = await self.ground.pool("forecourt_ingest", 2, "gateway")
        self.live = LiveFeed(bus)
        outward = await self.ground.outward(private=True)
        to_responders = await self.ground.outward(private=self.responders_private)
        tenants = await self.ground.pool("forecourt_app", 2, "gateway")
        self.gateway = build(settings, bus, pool, self.live, outward, to_responders, tenants)
        await self.gateway.start()
        server = carrier(self.gateway, self.transport, None)
        await server.start("127.0.0.1", self.port)
        self._stack.push_async_callback(self.gateway.drain)
        self._stack.push_async_callback(server.stop)

    async def stop(self) -> None:
        await self._stack.aclose()


@asynccontextmanager
async def a_rig(ground: Ground, transport: str = "picows", **how: Any) -> AsyncIterator[Rig]:
    """A gateway of its own for a test, over an empty database."""
    rig = Rig(ground, transport, **how)
    try:
        await rig.start()
        yield rig
    finally:
        await rig.stop()
        ground.clear()


@pytest.fixture(params=["picows", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> str:
    """Both carriers pass the same tests."""
    return str(request.param)


@pytest_asyncio.fixture
async def rig(ground: Ground, transport: str) -> AsyncIterator[Rig]:
    async with a_rig(ground, transport) as rig:
        yield rig


@pytest_asyncio.fixture
async def pool(rig: Rig) -> Pool:
    return await rig.ground.pool("forecourt_app", 2)


@pytest_asyncio.fixture
async def bus(rig: Rig) -> AsyncIterator[Bus]:
    bus = await Bus.connect(rig.nats_url)
    yield bus
    await bus.close()
