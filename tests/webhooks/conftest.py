"""A receiver of webhooks over a real socket, and the parts of a worker driven by hand."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient

from forecourt.platform.database import Pool
from forecourt.platform.outward import Outward
from forecourt.webhooks.sender import Sender
from tests.ground import Ground
from tests.http import SECRET, House
from tests.receiver import Receiver, receiver, signature
from tests.works import Jobs

__all__ = ["CARD", "Receiver", "Works", "a_webhook", "point", "receiver", "signature", "works"]

CARD = {"uid": "04AB", "type": "ISO14443", "status": "accepted"}


async def a_webhook(client: AsyncClient, url: str, *events: str) -> tuple[int, str]:
    """A webhook of these events; its id and its secret. The address is put in past the check of private ones."""
    answer = await client.post(
        "/api/v1/webhooks", json={"url": "https://example.com/hook", "events": list(events or ["token.changed"])}
    )
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return made["webhook"]["id"], made["secret"]


class Works:
    """The worker over the database of a house."""

    def __init__(self, ground: Ground, house: House, pool: Pool, tenants: Pool, outward: Outward) -> None:
        self.admin = ground.admin
        self.pool = pool
        self.jobs = jobs = Jobs(house.database.url, pool, tenants, house.clock, ground=ground)
        self.sessions, self.webhooks = jobs.sessions, jobs.webhooks
        self.sender = Sender(pool, tenants, house.clock, outward, SECRET.encode(), "http://console")
        # Letters stay to be looked at.
        jobs.routes = {event: tasks for event, tasks in jobs.routes.items() if event != "letter.written"}

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.admin.execute(query.encode(), parameters).fetchall()

    async def line_up(self) -> None:
        """Dispatch, and do every job there is."""
        await self.jobs.dispatch()
        await self.jobs.run()

    async def work(self) -> int:
        """Line up and send everything that is due; how much was sent."""
        await self.line_up()
        return await self.sender.send_due()


@pytest_asyncio.fixture
async def works(ground: Ground, house: House) -> AsyncIterator[Works]:
    pool, tenants = await ground.pool("forecourt_worker", 2), await ground.pool("forecourt_app", 3)
    made = Works(ground, house, pool, tenants, await ground.outward(private=True))
    # What waits for other tests' receivers would be sent here.
    made.admin.execute("TRUNCATE webhooks, webhook_events, outbox CASCADE")
    async with made.jobs:
        yield made


@pytest.fixture
def point(works: Works) -> Any:
    """Lets a webhook point at this machine, which the API refuses to be told."""

    def pointed(webhook_id: int, url: str) -> None:
        works.rows("UPDATE webhooks SET url = %s WHERE webhook_id = %s RETURNING 1", url, webhook_id)

    return pointed
