"""What follows a session, from its outbox row to its notes, with the real job queue."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest_asyncio

from forecourt.app.worker_process import compose
from forecourt.platform.database import Pool
from forecourt.platform.outbox import dispatch_once
from forecourt.sessions.jobs import SessionJobs
from forecourt.stations.jobs import DAYS_AHEAD, StationJobs
from tests.conftest import Database
from tests.support import FakeClock


class Bench:
    """The worker's parts over one database, driven by hand."""

    def __init__(self, database: Database, pool: Pool, tenants: Pool, clock: FakeClock) -> None:
        self.admin = psycopg.connect(database.admin_url, autocommit=True)
        self.pool = pool
        self.clock = clock
        self.sessions = SessionJobs(pool, tenants, clock)
        self.stations = StationJobs(pool, clock)
        self.app, self.routes = compose(database.url, self.sessions, self.stations)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.admin.execute(query.encode(), parameters).fetchall()

    def session(self, tenant_id: int, transaction_id: str, **facts: Any) -> str:
        """A session as ingest would have written it; its id."""
        known = {
            "tenant_id": tenant_id,
            "station_id": 1,
            "transaction_id": transaction_id,
            "start_key": 0,
            "started_at": self.clock.now(),
            "last_key": 0,
            "last_at": self.clock.now(),
            "evse": 1,
        } | facts
        query = f"INSERT INTO sessions ({', '.join(known)}) VALUES ({', '.join(['%s'] * len(known))})"
        [(session_id,)] = self.rows(query + " RETURNING session_id::text", *known.values())
        return str(session_id)

    async def work(self) -> None:
        """Dispatch and run every job there is."""
        while await dispatch_once(self.pool, self.routes):
            pass
        async with self.app.open_async():
            await self.app.run_worker_async(wait=False, install_signal_handlers=False, delete_jobs="successful")


@pytest_asyncio.fixture
async def bench(servers: Any, clock: FakeClock) -> AsyncIterator[Bench]:
    with servers.database() as database:
        async with (
            Pool(database.url, "forecourt_worker", size=2) as pool,
            Pool(database.url, "forecourt_app", size=2) as tenants,
        ):
            bench = Bench(database, pool, tenants, clock)
            bench.rows("INSERT INTO organisations (name) VALUES ('A'), ('B') RETURNING 1")
            yield bench
            bench.admin.close()


async def test_an_ended_session_is_reviewed_once_its_event_was_committed(bench: Bench) -> None:
    odd = bench.session(1, "t1", ended_at=bench.clock.now(), seqs="{[0,1),[3,5)}", token_status="Blocked")
    bench.rows("INSERT INTO outbox (event, subject, tenant_id) VALUES ('session.ended', %s, 1) RETURNING 1", odd)
    await bench.work()
    [(notes,)] = bench.rows("SELECT notes FROM sessions WHERE session_id = %s", odd)
    assert notes == ["sequence-gap", "meter-missing", "token-not-accepted"]
    assert bench.rows("SELECT count(*) FROM outbox") == [(0,)]


async def test_a_review_of_another_tenants_session_finds_nothing(bench: Bench) -> None:
    other = bench.session(2, "t1", ended_at=bench.clock.now())
    await bench.sessions.review(tenant_id=1, subject=other)
    assert bench.rows("SELECT notes FROM sessions") == [([],)]


async def test_a_session_whose_end_never_came_is_closed_from_evidence_and_reviewed(bench: Bench) -> None:
    began = bench.clock.now() - timedelta(hours=2)
    ghost = bench.session(1, "ghost", started_at=began, last_at=began, meter_start_wh=10, meter_stop_wh=500)
    running = bench.session(2, "running", station_id=2, started_at=began, last_at=began)
    freed = began + timedelta(minutes=1)
    for station, tenant, state in ((1, 1, "Available"), (2, 2, "Charging")):
        bench.rows(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " VALUES (%s, 1, 1, %s, %s, %s) RETURNING 1",
            station,
            tenant,
            state,
            freed,
        )
    assert await bench.sessions.close_silent() == 1
    assert await bench.sessions.close_silent() == 0
    await bench.work()
    found = dict(bench.rows("SELECT session_id::text, (ended_at, closed_at, notes)::text FROM sessions"))
    assert "end-missing" in found[ghost]
    assert bench.rows("SELECT ended_at, closed_at FROM sessions WHERE session_id = %s", ghost) == [(None, began)]
    assert bench.rows("SELECT closed_at FROM sessions WHERE session_id = %s", running) == [(None,)]


async def test_message_partitions_are_made_ahead_and_dropped_by_age(bench: Bench) -> None:
    await bench.stations.tend_message_log()
    today = bench.clock.now().date()
    names = [name for (name,) in bench.rows("SELECT name FROM stations_message_partitions()")]
    assert names == [f"messages_{today + timedelta(days=ahead):%Y%m%d}" for ahead in range(DAYS_AHEAD + 1)]
    bench.clock.advance(timedelta(days=32).total_seconds())
    dropped = await bench.stations.tend_message_log()
    assert dropped == names[:2]
    left = [name for (name,) in bench.rows("SELECT name FROM stations_message_partitions()")]
    assert left[:2] == names[2:]
