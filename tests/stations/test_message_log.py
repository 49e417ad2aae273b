"""The message log within its days and its volume, and fair to every organisation."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from forecourt.platform.database import STATEMENT_TIMEOUT_MS, Pool
from forecourt.stations import message_log
from forecourt.stations.jobs import StationJobs
from forecourt.stations.message_log import DAYS_AHEAD, KEEP_DAYS, fair_share
from tests.conftest import Database
from tests.support import FakeClock


class Log:
    """The log of two organisations, and the worker's jobs over it."""

    def __init__(self, database: Database, pool: Pool, tenants: Pool, clock: FakeClock) -> None:
        self.admin_url = database.admin_url
        self.admin = psycopg.connect(database.admin_url, autocommit=True)
        self.tenants = tenants
        self.clock = clock
        self.jobs = StationJobs(pool, clock)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        cursor = self.admin.execute(query.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []

    def message(self, at: datetime, size: int = 1, *, tenant_id: int = 1) -> None:
        """A message as the gateway logs it; `size` is about what it takes."""
        self.rows(
            "INSERT INTO messages (at, tenant_id, station_id, direction, kind, message_id, payload) VALUES (%s, %s, 1,"
            " 'i', 2, 'm', (SELECT string_agg(gen_random_uuid()::text, '') FROM generate_series(1, %s / 36 + 1)))"
            " RETURNING 1",
            at,
            tenant_id,
            size,
        )

    def partitions(self) -> list[str]:
        return [name for (name,) in self.rows("SELECT name FROM stations_message_partitions()")]

    def many(self, at: datetime, number: int) -> None:
        """So many small messages of the first organisation."""
        self.rows(
            "INSERT INTO messages (at, tenant_id, station_id, direction, kind, message_id, payload)"
            " SELECT %s, 1, 1, 'i', 2, 'm', repeat('x', 150) FROM generate_series(1, %s)",
            at,
            number,
        )


@pytest_asyncio.fixture
async def log(servers: Any, clock: FakeClock) -> AsyncIterator[Log]:
    with servers.database() as database:
        async with (
            Pool(database.url, "forecourt_worker", size=2) as pool,
            Pool(database.url, "forecourt_app", size=1) as tenants,
        ):
            log = Log(database, pool, tenants, clock)
            log.rows("INSERT INTO organisations (name) VALUES ('A'), ('B')")
            yield log
            log.admin.close()


async def test_message_partitions_are_made_ahead_and_dropped_by_age(log: Log) -> None:
    await log.jobs.tend_message_log()
    today = log.clock.now().date()
    names = [name for (name,) in log.rows("SELECT name FROM stations_message_partitions()")]
    assert names == [f"messages_{today + timedelta(days=ahead):%Y%m%d}" for ahead in range(DAYS_AHEAD + 1)]
    log.clock.advance(timedelta(days=32).total_seconds())
    dropped = await log.jobs.tend_message_log()
    assert dropped == names[:2]
    left = [name for (name,) in log.rows("SELECT name FROM stations_message_partitions()")]
    assert left[:2] == names[2:]


async def test_the_oldest_days_go_first_when_the_volume_is_spent_and_today_never(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    for _ in range(4):
        await log.jobs.tend_message_log()
        log.message(log.clock.now(), 1_000_000)
        names.append(f"messages_{log.clock.now():%Y%m%d}")
        log.clock.advance(timedelta(days=1).total_seconds())
    today = names.pop()
    log.clock.set(log.clock.now() - timedelta(days=1))
    monkeypatch.setattr(message_log, "KEEP_BYTES", 2_500_000)
    assert await log.jobs.tend_message_log() == names[:2]
    monkeypatch.setattr(message_log, "KEEP_BYTES", 0)
    assert await log.jobs.tend_message_log() == names[2:]
    assert log.partitions()[0] == today
    assert log.rows("SELECT count(*) FROM messages") == [(1,)]


def test_who_needs_less_than_a_fair_share_leaves_the_rest_to_the_others() -> None:
    assert fair_share({1: 10, 2: 10}, 100) == 100
    assert fair_share({1: 100, 2: 10, 3: 30}, 100) == 60
    assert fair_share({1: 100, 2: 100}, 100) == 50
    assert fair_share({1: 5}, -3) == 0


async def test_an_organisation_that_says_much_pushes_out_nothing_of_the_others(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    for _ in range(4):
        await log.jobs.tend_message_log()
        names.append(f"messages_{log.clock.now():%Y%m%d}")
        log.message(log.clock.now(), 1_000_000)
        log.message(log.clock.now(), 100_000, tenant_id=2)
        log.clock.advance(timedelta(days=1).total_seconds())
    log.clock.set(log.clock.now() - timedelta(days=1))
    assert await log.jobs.tend_message_log() == []
    monkeypatch.setattr(message_log, "KEEP_BYTES", 3_000_000)
    assert await log.jobs.tend_message_log() == names[:2]
    said = "SELECT tenant_id, count(*)::int FROM messages GROUP BY 1 ORDER BY 1"
    assert log.rows(said) == [(1, 2), (2, 4)]
    assert log.partitions()[:4] == names, "days of which something is left stay"
    indexes = log.rows("SELECT indexdef FROM pg_indexes WHERE tablename = %s", names[0])
    assert any("(station_id, number)" in text for (text,) in indexes), "and are searched as fast as before"
    async with log.tenants.tenant(2) as conn:
        found = await (await conn.execute("SELECT count(*)::int FROM messages")).fetchone()
    assert found == (4,), "read under row-level security as before"
    monkeypatch.setattr(message_log, "KEEP_BYTES", 0)
    assert await log.jobs.tend_message_log() == names[:3]
    assert log.rows(said) == [(1, 1), (2, 1)]


async def test_messages_without_a_partition_are_bounded_by_age_and_count_in_the_volume(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_log, "STRAYS_AT_ONCE", 2)
    midnight = log.clock.now().replace(hour=0)
    for _ in range(5):
        log.message(midnight - timedelta(days=KEEP_DAYS, seconds=1))
    log.message(midnight - timedelta(days=KEEP_DAYS), 1_000_000)
    await log.jobs.tend_message_log()
    assert log.rows("SELECT at FROM messages_default") == [(midnight - timedelta(days=KEEP_DAYS),)]
    log.clock.advance(timedelta(days=1).total_seconds())
    log.message(log.clock.now(), 1_000_000)
    log.message(log.clock.now() - timedelta(days=1), 1)
    log.message(midnight - timedelta(days=20), 1_000_000)
    # Half the volume is in the way of yesterday's partition, and goes when dropping that one was not enough.
    monkeypatch.setattr(message_log, "KEEP_BYTES", 1_500_000)
    assert await log.jobs.tend_message_log() == [f"messages_{midnight:%Y%m%d}"]
    assert log.rows("SELECT count(*) FROM messages_default") == [(0,)]
    assert log.rows("SELECT stations_stray_message_bytes() < 100000") == [(True,)]
    assert log.rows("SELECT at FROM messages") == [(log.clock.now(),)]


async def test_a_slow_reader_puts_housekeeping_off_and_does_not_stall_those_who_write(log: Log) -> None:
    await log.jobs.tend_message_log()
    first = log.partitions()[0]
    log.clock.advance(timedelta(days=KEEP_DAYS + 1).total_seconds())
    with psycopg.connect(log.admin_url) as reader:
        reader.execute(f"SELECT count(*) FROM {first}".encode())
        assert await log.jobs.tend_message_log() == []
        assert first in log.partitions()
        log.message(log.clock.now())
    assert await log.jobs.tend_message_log() == [first]


async def test_an_organisation_that_the_sample_missed_keeps_what_it_said(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.jobs.tend_message_log()
    log.message(log.clock.now(), tenant_id=2)
    log.many(log.clock.now(), 5_000)
    log.clock.advance(timedelta(days=1).total_seconds())
    monkeypatch.setattr(message_log, "SAMPLED_PAGES", 1)
    monkeypatch.setattr(message_log, "KEEP_BYTES", 500_000)
    while not await log.jobs.tend_message_log():
        # The sample was of no page at all.
        pass
    assert log.rows("SELECT tenant_id, count(*)::int FROM messages GROUP BY 1") == [(2, 1)]


async def test_a_day_is_made_smaller_though_a_statement_s_usual_time_is_not_enough(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.jobs.tend_message_log()
    log.message(log.clock.now(), 1_000_000)
    log.message(log.clock.now(), tenant_id=2)
    log.clock.advance(timedelta(days=1).total_seconds())
    # An index that takes longer to build than a statement usually may.
    log.rows(
        "CREATE FUNCTION slow(text) RETURNS text IMMUTABLE LANGUAGE plpgsql SET search_path = public AS $$ BEGIN"
        f" IF current_setting('statement_timeout')::interval <= '{STATEMENT_TIMEOUT_MS} ms'"
        " AND current_setting('statement_timeout') <> '0' THEN RAISE query_canceled; END IF; RETURN $1; END $$"
    )
    log.rows("CREATE INDEX ON messages (slow(message_id))")
    monkeypatch.setattr(message_log, "KEEP_BYTES", 500_000)
    assert len(await log.jobs.tend_message_log()) == 1
    assert log.rows("SELECT tenant_id, count(*)::int FROM messages GROUP BY 1") == [(2, 1)]


async def test_strays_go_before_a_day_is_made_smaller_where_writers_would_wait_for_them(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.jobs.tend_message_log()
    day = log.clock.now()
    log.message(day, 1_000_000)
    log.message(day, 1_000_000, tenant_id=2)
    log.message(day - timedelta(days=3), 1_000_000)
    log.clock.advance(timedelta(days=9).total_seconds())
    log.message(log.clock.now(), 1_000_000)
    monkeypatch.setattr(message_log, "KEEP_BYTES", 2_500_000)
    monkeypatch.setattr(message_log, "STRAYS_BYTES", 500_000)
    assert await log.jobs.tend_message_log() == []
    left = "SELECT at::date - %s::date, tenant_id FROM messages ORDER BY at, tenant_id"
    assert log.rows(left, day) == [(0, 1), (0, 2), (9, 1)], "today's are in the way and stay"
    log.clock.advance(timedelta(days=1).total_seconds())
    assert await log.jobs.tend_message_log() == []
    assert log.rows(left, day) == [(0, 1), (0, 2)], "without them there is room"
