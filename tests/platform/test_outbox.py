"""An event that is said again is never lost to a dispatcher that is quicker than the commit."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import procrastinate
import psycopg
import pytest
import pytest_asyncio

from forecourt.platform import outbox
from forecourt.platform.database import Pool
from tests.conftest import Database
from tests.support import WAIT_S

EVENT, SUBJECT = "session.ended", "S"


@pytest_asyncio.fixture
async def app(database: Database) -> AsyncIterator[Pool]:
    async with Pool(database.url, "forecourt_app", size=2) as pool:
        yield pool
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("TRUNCATE outbox")


def taken(worker: psycopg.Connection[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """What a dispatcher takes at this moment; committed."""
    rows = worker.execute(outbox._TAKE.encode(), ([EVENT], outbox.BATCH)).fetchall()
    worker.commit()
    return rows


async def test_an_event_merged_into_a_row_waits_for_the_commit_that_wrote_it(database: Database, app: Pool) -> None:
    async with app.tenant(1) as conn:
        await outbox.write(conn, 1, EVENT, SUBJECT)
    with psycopg.connect(database.url) as worker:
        worker.execute("SET ROLE forecourt_worker")
        worker.commit()
        async with app.tenant(1) as conn:
            await outbox.write(conn, 1, EVENT, SUBJECT)
            # Were it taken now, its job would look before the facts of this transaction are there.
            assert taken(worker) == []
        assert [row[:2] for row in taken(worker)] == [(EVENT, SUBJECT)]
        assert taken(worker) == []


@pytest.mark.parametrize("role", ["forecourt_ingest", "forecourt_app"])
async def test_whoever_merges_an_event_may_hold_its_row_and_change_nothing_else(database: Database, role: str) -> None:
    with psycopg.connect(database.url) as writer:
        writer.execute(f"SET ROLE {role}".encode())
        writer.execute("SELECT set_config('forecourt.tenant', '1', false)")
        for _ in range(2):
            query = f"INSERT INTO outbox (event, subject, tenant_id) VALUES ('x', 'y', 1) {outbox.COALESCE}"
            writer.execute(query.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            writer.execute("UPDATE outbox SET tenant_id = 2")


class Severed:
    """A task over whose first batch of jobs PostgreSQL ends the connection."""

    def __init__(self, task: Any, admin_url: str) -> None:
        self._task = task
        self._admin_url = admin_url
        self.severed = 0

    def configure(self, *, connection: psycopg.AsyncConnection[Any]) -> Any:
        if not self.severed:
            self.severed += 1
            with psycopg.connect(self._admin_url, autocommit=True) as admin:
                admin.execute("SELECT pg_terminate_backend(%s, 10000)", (connection.info.backend_pid,))
        return self._task.configure(connection=connection)


async def test_a_dispatcher_outlives_the_connection_over_which_it_makes_jobs(
    database: Database, app: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AWAY_REST_S", 0.01)
    async with app.tenant(1) as conn:
        await outbox.write(conn, 1, EVENT, SUBJECT)
    options = {"options": "-c role=forecourt_worker"}
    jobs = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database.url, kwargs=options))

    @jobs.task(name="test.follow")
    async def follow(*, tenant_id: int, subjects: list[str]) -> None:
        raise AssertionError("nobody works here")

    task = Severed(follow, database.admin_url)
    made = "SELECT args FROM procrastinate_jobs WHERE task_name = 'test.follow'"
    async with Pool(database.url, "forecourt_worker", size=1) as worker, jobs.open_async():
        dispatching = asyncio.create_task(outbox.dispatch(worker, {EVENT: (outbox.Follow(task),)}))  # type: ignore[arg-type]
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            async with asyncio.timeout(WAIT_S):
                while not (rows := admin.execute(made.encode()).fetchall()):
                    assert not dispatching.done(), dispatching
                    await asyncio.sleep(0.02)
            assert rows == [({"tenant_id": 1, "subjects": [SUBJECT]},)]
            assert admin.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        dispatching.cancel()
        await asyncio.gather(dispatching, return_exceptions=True)
    assert task.severed == 1


async def test_events_that_are_taken_together_share_jobs_within_their_organisation(
    database: Database, app: Pool
) -> None:
    for tenant_id, subjects in ((1, "abcde"), (2, "xyz")):
        async with app.tenant(tenant_id) as conn:
            for subject in subjects:
                await outbox.write(conn, tenant_id, EVENT, subject)
    options = {"options": "-c role=forecourt_worker"}
    jobs = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database.url, kwargs=options))

    @jobs.task(name="test.together")
    async def together(*, tenant_id: int, subjects: list[str]) -> None:
        raise AssertionError("nobody works here")

    @jobs.task(name="test.alone")
    async def alone(*, tenant_id: int, subjects: list[str]) -> None:
        raise AssertionError("nobody works here")

    routes = {EVENT: (outbox.Follow(together, 2), outbox.Follow(alone))}
    async with Pool(database.url, "forecourt_worker", size=1) as worker, jobs.open_async():
        assert await outbox.dispatch_once(worker, routes) == 8
    with psycopg.connect(database.admin_url) as admin:
        made = "SELECT (args ->> 'tenant_id')::int, args -> 'subjects' FROM procrastinate_jobs WHERE task_name = %s"
        told = {name: admin.execute(made.encode(), (name,)).fetchall() for name in ("test.together", "test.alone")}
    sizes = sorted((tenant_id, len(subjects)) for tenant_id, subjects in told["test.together"])
    assert sizes == [(1, 1), (1, 2), (1, 2), (2, 1), (2, 2)]
    assert {len(subjects) for _, subjects in told["test.alone"]} == {1}
    for rows in told.values():
        each = sorted((tenant_id, subject) for tenant_id, subjects in rows for subject in subjects)
        assert each == [(1, letter) for letter in "abcde"] + [(2, letter) for letter in "xyz"]
