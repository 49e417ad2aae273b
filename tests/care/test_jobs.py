"""From what a station says to the letter and the open page, with the real job queue and the real bus."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest_asyncio

from forecourt.care.service.alerts import create_rule
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from tests.care.test_alerts import WHOLE
from tests.care.yard import TELLING, Yard
from tests.ground import Ground
from tests.http import an_actor
from tests.support import WAIT_S, FakeClock
from tests.works import Jobs


class Worker:
    """The worker's parts over one database, driven by hand."""

    def __init__(self, ground: Ground, pool: Pool, tenants: Pool, yard: Yard, folder: Path) -> None:
        self.pool = pool
        self.folder = folder
        clock = yard.clock
        jobs = Jobs(ground.database.url, pool, tenants, clock, mail=folder, care=yard.jobs, ground=ground)
        self.jobs = jobs

    async def work(self) -> None:
        """Dispatch and do, until nothing follows any more."""
        while await self.jobs.dispatch():
            await self.jobs.run()


@pytest_asyncio.fixture
async def at_work(ground: Ground, clock: FakeClock, tmp_path: Path) -> AsyncIterator[tuple[Yard, Worker, Bus]]:
    bus = await Bus.connect(ground.nats_url)
    pool, tenants = await ground.pool("forecourt_worker", 2), await ground.pool("forecourt_app", 2)
    yard = Yard(ground.admin, pool, tenants, clock, bus=bus)
    worker = Worker(ground, pool, tenants, yard, tmp_path)
    async with worker.jobs:
        yield yard, worker, bus
    await bus.close()


async def test_a_word_of_a_fault_leads_to_an_incident_a_letter_and_a_live_number(
    at_work: tuple[Yard, Worker, Bus],
) -> None:
    yard, worker, bus = at_work
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def hear(_subject: str, data: bytes, _reply: str) -> None:
        heard.put_nowait(msgspec.json.decode(data))

    stop = await bus.subscribe(f"live.{yard.tenant_id}", hear)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        values = WHOLE | {"recipients": [yard.member()]}
        await create_rule(conn, an_actor(yard.tenant_id), TELLING.members, values, yard.clock.now())
    station = yard.station(name="Yard 1")
    yard.says(station, "Faulted", "GroundFailure")
    yard.rows(
        "INSERT INTO outbox (event, subject, tenant_id) VALUES ('station.faults_changed', %s, %s)",
        str(station),
        yard.tenant_id,
    )
    await worker.work()
    [incident] = yard.incidents()
    told = await asyncio.wait_for(heard.get(), WAIT_S)
    assert (told["totals.incidents"], told["totals.incident"]) == (1, str(incident["incident_id"]))
    [letter] = worker.folder.glob("*.eml")
    assert "earth leakage protection" in letter.read_text()
    assert yard.rows("SELECT event FROM outbox") == []
    await stop()


async def test_one_organisation_that_can_not_be_watched_keeps_no_other_from_it(
    at_work: tuple[Yard, Worker, Bus],
) -> None:
    yard, _, _ = at_work
    first, second = yard.tenant_id, yard.organisation()
    yard.says(yard.station(), "Faulted")
    yard.tenant_id = second
    yard.says(yard.station(), "Faulted")
    # Their first look meets a statement that PostgreSQL refuses.
    yard.rows("ALTER TABLE incidents ADD CONSTRAINT broken CHECK (tenant_id <> %s)" % first)  # noqa: UP031
    try:
        await yard.jobs.watch_all()
    finally:
        yard.rows("ALTER TABLE incidents DROP CONSTRAINT broken")
    assert yard.kinds() == ["fault"]
    yard.tenant_id = first
    assert yard.kinds() == []
