"""What follows a session, from its outbox row to its notes, with the real job queue."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from forecourt.app.lines import LINES
from forecourt.app.works import LONG, NIGHTLY, OUTWARD
from forecourt.platform.database import Pool
from forecourt.sessions import store
from forecourt.sessions.review import QUIET, review
from forecourt.sessions.store import reviewing
from tests.ground import Ground
from tests.support import WAIT_S, FakeClock
from tests.works import Jobs


class Bench:
    """The worker's parts over one database, driven by hand."""

    def __init__(self, ground: Ground, pool: Pool, tenants: Pool, clock: FakeClock) -> None:
        self.admin_url = ground.database.admin_url
        self.tenants = tenants
        self.admin = ground.admin
        self.pool = pool
        self.clock = clock
        jobs = Jobs(ground.database.url, pool, tenants, clock, ground=ground)
        self.sessions, self.stations, self.remote_starts = jobs.sessions, jobs.stations, jobs.remote_starts
        self.jobs, self.app = jobs, jobs.app
        #: Before anybody stops its clock.
        self.by_the_clock = [each.task for each in jobs.app.periodic_registry.periodic_tasks.values()]

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
            "heard_at": self.clock.now(),
            "evse": 1,
        } | facts
        query = f"INSERT INTO sessions ({', '.join(known)}) VALUES ({', '.join(['%s'] * len(known))})"
        [(session_id,)] = self.rows(query + " RETURNING session_id::text", *known.values())
        return str(session_id)

    def link(self, tenant_id: int, station_id: int, connected_at: datetime, *, connected: bool = True) -> None:
        """A station's link as a gateway would have written it, just now."""
        gateway = f"g{station_id}" if connected else None
        if connected:
            self.rows(
                "INSERT INTO gateways (gateway_id, started_at, lease_until) VALUES (%s, now(), now() + '1 hour')"
                " ON CONFLICT (gateway_id) DO UPDATE SET lease_until = excluded.lease_until RETURNING 1",
                gateway,
            )
        self.rows(
            "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
            " VALUES (%s, %s, 1, %s, 'ocpp1.6', %s, %s) ON CONFLICT (station_id) DO UPDATE"
            " SET gateway_id = excluded.gateway_id, connected_at = excluded.connected_at RETURNING 1",
            station_id,
            tenant_id,
            gateway,
            connected_at,
            connected_at,
        )

    def connector(self, tenant_id: int, station_id: int, state: str, state_at: datetime) -> None:
        """What a station's only connector last said."""
        self.rows(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " VALUES (%s, 1, 1, %s, %s, %s) RETURNING 1",
            station_id,
            tenant_id,
            state,
            state_at,
        )

    async def work(self) -> None:
        """Dispatch and run every job there is."""
        await self.jobs.dispatch()
        await self.jobs.run()


@pytest_asyncio.fixture
async def bench(ground: Ground, clock: FakeClock) -> AsyncIterator[Bench]:
    pool, tenants = await ground.pool("forecourt_worker", 2), await ground.pool("forecourt_app", 2)
    bench = Bench(ground, pool, tenants, clock)
    bench.rows(
        "INSERT INTO organisations (tenant_id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'A'), (2, 'B') RETURNING 1"
    )
    async with bench.jobs:
        yield bench
    ground.clear()


async def test_an_ended_session_is_reviewed_once_its_event_was_committed(bench: Bench) -> None:
    odd = bench.session(1, "t1", ended_at=bench.clock.now(), seqs="{[0,1),[3,5)}", token_status="Blocked")
    bench.rows("INSERT INTO outbox (event, subject, tenant_id) VALUES ('session.ended', %s, 1) RETURNING 1", odd)
    await bench.work()
    [(notes,)] = bench.rows("SELECT notes FROM sessions WHERE session_id = %s", odd)
    assert notes == ["sequence-gap", "meter-missing", "token-not-accepted"]
    assert bench.rows("SELECT event, subject FROM outbox ORDER BY 1") == [
        ("session.assessed", odd),
        ("session.reviewed", "1"),
    ]


async def test_two_sessions_at_one_evse_at_the_same_time_are_both_noted_even_if_one_never_ends(bench: Bench) -> None:
    now = bench.clock.now()

    def ago(minutes: int) -> datetime:
        return now - timedelta(minutes=minutes)

    ghost = bench.session(1, "ghost", started_at=ago(60), last_at=ago(1))
    told = bench.session(1, "told", started_at=ago(30), last_at=ago(20), ended_at=ago(20))
    bench.session(1, "before", started_at=ago(90), last_at=ago(60), ended_at=ago(60))
    bench.session(1, "beside", started_at=ago(30), last_at=ago(20), ended_at=ago(20), evse=2)
    bench.session(1, "elsewhere", started_at=ago(30), last_at=ago(20), ended_at=ago(20), station_id=2)
    for (session_id,) in bench.rows("SELECT session_id::text FROM sessions WHERE ended_at IS NOT NULL"):
        await bench.sessions.review(tenant_id=1, subject=session_id)
    shared = {
        session_id
        for (session_id,) in bench.rows("SELECT session_id::text FROM sessions WHERE 'evse-shared' = ANY (notes)")
    }
    assert shared == {ghost, told}


async def test_two_sessions_that_both_still_run_at_one_evse_are_noted_once_both_were_heard_of_again(
    bench: Bench,
) -> None:
    now = bench.clock.now()
    first = bench.session(1, "first", started_at=now - timedelta(hours=1), last_at=now - timedelta(minutes=40))
    second = bench.session(1, "second", started_at=now - timedelta(minutes=30), last_at=now - timedelta(minutes=30))
    bench.session(1, "beside", started_at=now - timedelta(hours=1), last_at=now, evse=2)
    bench.session(2, "elsewhere", started_at=now - timedelta(hours=1), last_at=now, station_id=2)
    assert await bench.sessions.review_sharing() == 0
    bench.rows("UPDATE sessions SET last_at = %s WHERE transaction_id IN ('first', 'second') RETURNING 1", now)
    assert await bench.sessions.review_sharing() == 2
    noted = bench.rows("SELECT session_id::text FROM sessions WHERE 'evse-shared' = ANY (notes) ORDER BY number")
    assert noted == [(first,), (second,)]
    assert await bench.sessions.review_sharing() == 0


async def test_more_energy_than_the_station_can_deliver_is_noted(bench: Bench) -> None:
    bench.rows("INSERT INTO stations (tenant_id, identity, max_power_w) VALUES (1, 'CP1', 11000) RETURNING 1")
    began = bench.clock.now() - timedelta(hours=2)
    facts = {"started_at": began, "last_at": began, "ended_at": bench.clock.now(), "meter_start_wh": 0}
    for energy_wh in (25_000, 26_000):
        session_id = bench.session(1, f"t{energy_wh}", **facts, meter_stop_wh=energy_wh, evse=energy_wh)
        await bench.sessions.review(tenant_id=1, subject=session_id)
    assert bench.rows("SELECT transaction_id, notes FROM sessions ORDER BY 1") == [
        ("t25000", []),
        ("t26000", ["energy-implausible"]),
    ]


async def test_a_review_of_another_tenants_session_finds_nothing(bench: Bench) -> None:
    other = bench.session(2, "t1", ended_at=bench.clock.now())
    await bench.sessions.review(tenant_id=1, subject=other)
    assert bench.rows("SELECT notes FROM sessions") == [([],)]


async def test_a_session_whose_end_never_came_is_closed_from_evidence_and_reviewed(bench: Bench) -> None:
    began = bench.clock.now() - timedelta(hours=2)
    past = {"started_at": began, "last_at": began, "heard_at": began}
    ghost = bench.session(1, "ghost", **past, meter_start_wh=10, meter_stop_wh=500)
    running = bench.session(2, "running", station_id=2, **past)
    for station, tenant, state in ((1, 1, "Available"), (2, 2, "Charging")):
        bench.link(tenant, station, began)
        bench.connector(tenant, station, state, began + timedelta(minutes=1))
    assert await bench.sessions.close_silent() == 1
    assert await bench.sessions.close_silent() == 0
    await bench.work()
    found = dict(bench.rows("SELECT session_id::text, (ended_at, closed_at, notes)::text FROM sessions"))
    assert "end-missing" in found[ghost]
    assert bench.rows("SELECT ended_at, closed_at FROM sessions WHERE session_id = %s", ghost) == [(None, began)]
    assert bench.rows("SELECT closed_at FROM sessions WHERE session_id = %s", running) == [(None,)]


async def test_a_session_is_not_closed_while_its_station_is_away_or_may_still_replay_its_end(bench: Bench) -> None:
    began = bench.clock.now() - timedelta(hours=2)
    bench.session(1, "ghost", started_at=began, last_at=began, heard_at=began)
    bench.connector(1, 1, "Available", began + timedelta(minutes=1))
    assert await bench.sessions.close_silent() == 0
    bench.link(1, 1, began, connected=False)
    assert await bench.sessions.close_silent() == 0
    bench.link(1, 1, bench.clock.now())
    assert await bench.sessions.close_silent() == 0
    bench.clock.advance(QUIET.total_seconds())
    assert await bench.sessions.close_silent() == 1


async def test_a_replay_that_is_still_arriving_keeps_its_session_open_however_old_its_times(bench: Bench) -> None:
    began = bench.clock.now() - timedelta(hours=2)
    bench.session(1, "replayed", started_at=began, last_at=began, heard_at=bench.clock.now() - timedelta(minutes=9))
    bench.connector(1, 1, "Available", began + timedelta(minutes=1))
    bench.link(1, 1, began)
    assert await bench.sessions.close_silent() == 0


async def test_sessions_that_can_not_be_closed_hide_none_that_can(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_SILENT", 2)
    began = bench.clock.now() - timedelta(hours=2)
    for number in range(1, 8):
        bench.session(1, "t", station_id=number, started_at=began, last_at=began, heard_at=began)
        bench.link(1, number, began)
        bench.connector(1, number, "Charging" if number < 6 else "Available", began + timedelta(minutes=1))
    assert await bench.sessions.close_silent() == 2


async def test_one_session_that_ingest_holds_keeps_no_other_row_locked(bench: Bench) -> None:
    began = bench.clock.now() - timedelta(hours=2)
    for number in (1, 2):
        bench.session(1, "t", station_id=number, started_at=began, last_at=began, heard_at=began)
        bench.link(1, number, began)
        bench.connector(1, number, "Available", began + timedelta(minutes=1))
    with psycopg.connect(bench.admin_url) as ingest, psycopg.connect(bench.admin_url) as other:
        ingest.execute("SELECT FROM sessions WHERE station_id = 2 FOR UPDATE")
        closing = asyncio.create_task(bench.sessions.close_silent())
        while not bench.rows("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"):
            await asyncio.sleep(0.01)
        assert other.execute("SELECT closed_at FROM sessions WHERE station_id = 1 FOR UPDATE NOWAIT").fetchall() == [
            (began,)
        ]
        ingest.execute("UPDATE sessions SET heard_at = now() WHERE station_id = 2")
        ingest.commit()
        assert await closing == 1


async def test_what_a_session_says_of_its_connector_ends_with_it_unless_ingest_has_just_begun_another(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "MAX_LEFT", 1)
    monkeypatch.setattr(store, "MAX_LEFT", 1)
    for number in (1, 2, 3):
        bench.connector(1, number, "Available", bench.clock.now())
    bench.admin.execute("UPDATE connectors SET activity = 'Charging', active_here = true")
    shown = "SELECT shown_state FROM connectors ORDER BY station_id"
    bench.session(1, "running", station_id=1)
    with psycopg.connect(bench.admin_url) as ingest:
        columns = "tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at, heard_at, evse"
        ingest.execute("UPDATE connectors SET activity = 'SuspendedEV' WHERE station_id = 3")
        ingest.execute(f"INSERT INTO sessions ({columns}) VALUES (1, 3, 'new', 0, now(), 0, now(), now(), 1)".encode())
        await asyncio.wait_for(bench.sessions.close_silent(), WAIT_S)
        ingest.commit()
    assert bench.rows(shown) == [("Charging",), ("Available",), ("SuspendedEV",)]
    # It was seen as left over, then held, and by then a session runs there.
    at_first = store.list_left

    async def begins(conn: store.Connection, tenant_id: int) -> list[Any]:
        left = await at_first(conn, tenant_id)
        if left:
            bench.session(1, "just begun", station_id=2)
        return left

    bench.admin.execute("UPDATE connectors SET activity = 'Charging', active_here = true WHERE station_id = 2")
    monkeypatch.setattr(store, "list_left", begins)
    await bench.sessions.close_silent()
    assert bench.rows(shown) == [("Charging",), ("Charging",), ("SuspendedEV",)]


def test_every_job_is_in_a_line_that_workers_do_and_what_waits_long_is_in_nobody_s_way(bench: Bench) -> None:
    lines = {name: task.queue for name, task in bench.app.tasks.items() if "builtin" not in name}
    assert set(lines.values()) == set(LINES)
    apart = {name: line for name, line in lines.items() if line != "default"}
    outward = {"mail.send", "sessions.check_outside", "sessions.tell_costs", "sessions.tell_final"}
    outward |= {"sessions.tell_price", "sessions.check_held", "sessions.reserve", "sessions.unreserve"}
    outward |= {"energy.stop_reached", "driver.begun"}
    paying = (
        "begun",
        "contract_priced",
        "fee_begun",
        "fee_heard",
        "fees",
        "hinted",
        "linked",
        "priced",
        "start",
        "start_over",
        "unpaid",
    )
    outward |= {f"payments.{name}" for name in paying}
    long = {"stations.bulk_run", "payments.bill_fleets", "insight.export", "insight.erase"}
    long |= {"insight.report_all", "insight.report", "insight.fleet_renamed", "insight.tariff_renamed"}
    long |= {
        "insight.choose_sites",
        "loyalty.announce",
        "payments.compare_now",
        "payments.pay_now",
    }
    nightly = {"insight.night", "insight.contest"}
    assert apart == {**dict.fromkeys(nightly, NIGHTLY), **dict.fromkeys(long, LONG), **dict.fromkeys(outward, OUTWARD)}


def test_whatever_takes_money_from_a_payment_or_sets_some_free_is_heard_by_loyalty(bench: Bench) -> None:
    def heard(job: str) -> set[str]:
        routes = bench.jobs.routes.items()
        return {event for event, follows in routes if any(each.task.name == job for each in follows)}

    refunded = {"payment.refunded", "payment.refund_failed", "payment.disputed", "payment.failed"}
    assert heard("loyalty.refunded") == refunded
    assert heard("loyalty.freed") == {"payment.captured", "payment.refunded", "payment.released", "payment.failed"}


def test_a_job_of_the_clock_is_in_line_once_and_at_work_once(bench: Bench) -> None:
    shared = [task.name for task in bench.by_the_clock if (task.lock, task.queueing_lock) != (task.name, task.name)]
    # Each minute has updates of its own to tell.
    assert shared == ["sessions.tell_updates"]


async def test_of_two_reviews_at_once_the_one_that_looked_last_writes_last(bench: Bench) -> None:
    session_id = bench.session(1, "t1")
    async with bench.sessions._tenants.tenant(1) as older:
        await store.hold(older, session_id)
        seen = await store.find_evidence(older, 1, session_id)
        assert seen is not None
        bench.rows("UPDATE sessions SET ended_at = now(), end_key = 1 WHERE session_id = %s RETURNING 1", session_id)
        newer = asyncio.create_task(bench.sessions.review(tenant_id=1, subject=session_id))
        await until_it_waits(bench, session_id)
        await store.note(older, 1, session_id, review(seen))
    await newer
    assert bench.rows("SELECT notes FROM sessions WHERE session_id = %s", session_id) == [(["meter-missing"],)]


async def until_it_waits(bench: Bench, session_id: str) -> None:
    """Returns when somebody waits to review this session."""
    async with asyncio.timeout(WAIT_S):
        while not bench.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            await asyncio.sleep(0.01)
