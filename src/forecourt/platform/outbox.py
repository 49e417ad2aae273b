"""From what was committed to what must follow: the dispatcher turns outbox rows into durable jobs.

Rows are taken and jobs made in one transaction, so each row leads to its jobs exactly once; the job itself may run
again after a crash and is idempotent. Several dispatchers share the work by SKIP LOCKED. Rows of one kind that are
taken together share a job where each is soon done: taking a job up and putting it away costs more than doing it.

An event that is written again before it was dispatched is merged into the row that stands. Merging holds the row until
the writer's commit (`COALESCE`), or a dispatcher could take it, and the job look, before the writer's facts are there.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import structlog
from msgspec import Struct
from procrastinate.exceptions import ConnectorException
from procrastinate.tasks import Task
from prometheus_client import Gauge
from psycopg import AsyncConnection

from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

log = structlog.get_logger(__name__)

#: Rows taken in one transaction.
BATCH = 500
#: How long the dispatcher rests when there is nothing to do.
REST_S = 0.5
#: How long it rests when the database is away.
AWAY_REST_S = 2.0

_TAKE = """
    DELETE FROM outbox WHERE (event, subject) IN (
        SELECT event, subject FROM outbox WHERE event = ANY(%s) ORDER BY written_at LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING event, subject, tenant_id
    """

#: How a row is written that may stand already; in one statement each (event, subject) may come once.
COALESCE = "ON CONFLICT (event, subject) DO UPDATE SET written_at = outbox.written_at"


class Follow(Struct, frozen=True):
    """A task that follows an event. It is given `tenant_id` and `subjects`, `at_once` of them at the most."""

    task: Task[Any, Any, Any]
    at_once: int = 1


#: What follows an event. One that nobody follows yet is listed with none, so that its rows don't pile up.
Routes = Mapping[str, Sequence[Follow]]

#: How often the worker looks at how far it is behind.
MEASURE_EVERY_S = 10.0

_WAITING = "SELECT count(*), coalesce(extract(epoch FROM now() - min(written_at)), 0) FROM outbox WHERE event = ANY(%s)"

_FAILED = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'"

ROWS = Gauge("forecourt_outbox_rows", "Outbox rows that wait to be made into jobs")
LAG_S = Gauge("forecourt_outbox_lag_seconds", "Age of the oldest of them; 0 while there is none")
FAILED = Gauge("forecourt_jobs_failed", "Jobs that used up their tries and wait for a person to look at")


async def measure_once(pool: Pool, routes: Routes) -> None:
    """Sets ROWS, LAG_S and FAILED from what is there now."""
    async with pool.anyone() as connection:
        row = await (await connection.execute(_WAITING, (list(routes),))).fetchone()
        failed = await (await connection.execute(_FAILED)).fetchone()
    assert row is not None
    assert failed is not None
    FAILED.set(failed[0])
    ROWS.set(row[0])
    LAG_S.set(float(row[1]))


async def measure(pool: Pool, routes: Routes) -> None:
    """Measure until cancelled. What was measured last stands while the database is away."""
    while True:
        try:
            await measure_once(pool, routes)
        except (psycopg.Error, ForecourtError, OSError) as fault:
            log.debug("the outbox can't be measured", fault=type(fault).__name__)
        await asyncio.sleep(MEASURE_EVERY_S)


async def write(conn: AsyncConnection[Any], tenant_id: int, event: str, subject: str) -> None:
    """Writes one event in the caller's transaction, which acts for that tenant."""
    await conn.execute(
        f"INSERT INTO outbox (event, subject, tenant_id) VALUES (%s, %s, %s) {COALESCE}",  # noqa: S608  a constant
        (event, subject, tenant_id),
    )


async def dispatch_once(pool: Pool, routes: Routes) -> int:
    """Turn up to BATCH rows into jobs; how many. Rows of events that are not listed stay."""
    async with pool.anyone() as connection:
        rows = await (await connection.execute(_TAKE, (list(routes), BATCH))).fetchall()
        together: dict[tuple[str, int], list[str]] = {}
        for event, subject, tenant_id in rows:
            together.setdefault((event, tenant_id), []).append(subject)
        for (event, tenant_id), subjects in together.items():
            for follow in routes[event]:
                jobs: list[dict[str, Any]] = [
                    {"tenant_id": tenant_id, "subjects": subjects[first : first + follow.at_once]}
                    for first in range(0, len(subjects), follow.at_once)
                ]
                await follow.task.configure(connection=connection).batch_defer_async(*jobs)
        return len(rows)


async def dispatch(pool: Pool, routes: Routes) -> None:
    """Dispatch until cancelled."""
    while True:
        try:
            rest = 0.0 if await dispatch_once(pool, routes) == BATCH else REST_S
        except (psycopg.Error, ConnectorException, ForecourtError, OSError) as fault:
            log.warning("the outbox waits", fault=type(fault).__name__)
            rest = AWAY_REST_S
        await asyncio.sleep(rest)
