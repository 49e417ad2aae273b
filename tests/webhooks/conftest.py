"""A receiver of webhooks over a real socket, and the parts of a worker driven by hand."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest_asyncio
from aiohttp import web

from forecourt.app.telling import DESCRIBE
from forecourt.app.worker_process import compose
from forecourt.platform.database import Pool
from forecourt.platform.mail import FolderPost, MailJobs
from forecourt.platform.outbox import dispatch_once
from forecourt.platform.outward import Outward
from forecourt.sessions.jobs import SessionJobs
from forecourt.sessions.remote.jobs import RemoteStartJobs
from forecourt.stations.jobs import StationJobs
from forecourt.webhooks.jobs import WebhookJobs
from forecourt.webhooks.sender import Sender
from tests.http import SECRET, House


class Receiver:
    """Keeps what is posted to it, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.body = b""
        self.headers: dict[str, str] = {}
        self.delay_s = 0.0
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        await asyncio.sleep(self.delay_s)
        return web.Response(status=self.status, body=self.body, headers=self.headers)

    def events(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


def signature(secret: str, headers: dict[str, str], body: bytes) -> str:
    """The Standard Webhooks signature, reckoned by the words of the specification alone."""
    key = base64.b64decode(secret.split("_", 1)[1])
    content = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/{tail:.*}", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


class Works:
    """The worker over the database of a house."""

    def __init__(self, house: House, pool: Pool, tenants: Pool, outward: Outward) -> None:
        self.admin = psycopg.connect(house.database.admin_url, autocommit=True)
        self.pool = pool
        self.sessions = SessionJobs(pool, tenants, house.clock)
        self.webhooks = WebhookJobs(pool, tenants, house.clock, DESCRIBE, "http://console")
        self.sender = Sender(pool, tenants, house.clock, outward, SECRET.encode(), "http://console")
        stations = StationJobs(pool, house.clock)
        mail = MailJobs(pool, FolderPost(Path("never-made"), "forecourt@example.com", house.clock))
        self.app, self.routes = compose(
            house.database.url,
            self.sessions,
            stations,
            RemoteStartJobs(pool, tenants, house.clock),
            mail,
            self.webhooks,
        )
        # Letters stay to be looked at.
        self.routes = {event: tasks for event, tasks in self.routes.items() if event != "letter.written"}

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.admin.execute(query.encode(), parameters).fetchall()

    async def work(self) -> int:
        """Dispatch, do every job there is, send everything that is due; how much was sent."""
        while await dispatch_once(self.pool, self.routes):
            pass
        async with self.app.open_async():
            await self.app.run_worker_async(wait=False, install_signal_handlers=False, delete_jobs="successful")
        return await self.sender.send_due()


@pytest_asyncio.fixture
async def works(house: House) -> AsyncIterator[Works]:
    url = house.database.url
    async with (
        Pool(url, "forecourt_worker", size=2) as pool,
        Pool(url, "forecourt_app", size=3) as tenants,
        Outward(private=True) as outward,
    ):
        made = Works(house, pool, tenants, outward)
        # What waits for other tests' receivers would be sent here.
        made.admin.execute("TRUNCATE webhooks, webhook_events, outbox CASCADE")
        yield made
        made.admin.close()
