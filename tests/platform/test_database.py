"""The pool: one tenant at a time, bounded, with deadlines; and what it refuses to start on."""

import asyncio
import os
import signal
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool
from psycopg_pool.pool_async import AddConnection

from forecourt.platform.database import (
    RECONNECT_S,
    DatabaseBusy,
    DatabaseUnsafe,
    Pool,
    Role,
    StatementSwallowed,
    check_safe,
    connect,
)
from tests.conftest import Database, Servers
from tests.support import WAIT_S

ROLE: Role = "forecourt_app"


@pytest.fixture(scope="module")
def notes(database: Database) -> str:
    """A database with one table under row-level security and a row of each of two tenants."""
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("CREATE TABLE notes (tenant_id int NOT NULL, body text)")
        connection.execute("ALTER TABLE notes ENABLE ROW LEVEL SECURITY")
        connection.execute("CREATE POLICY own ON notes USING (tenant_id = forecourt_tenant())")
        connection.execute("GRANT SELECT, INSERT ON notes TO forecourt_app")
        connection.execute("INSERT INTO notes VALUES (1, 'one'), (2, 'two')")
    return database.url


async def read(pool: Pool, tenant_id: int | None) -> list[str]:
    visit = pool.anyone() if tenant_id is None else pool.tenant(tenant_id)
    async with visit as connection:
        rows = await (await connection.execute("SELECT body FROM notes")).fetchall()
    return [body for (body,) in rows]


async def test_a_transaction_sees_its_own_tenant_and_the_next_one_has_forgotten_it(notes: str) -> None:
    async with Pool(notes, ROLE, size=1) as pool:
        assert await read(pool, 1) == ["one"]
        assert await read(pool, 2) == ["two"]
        assert await read(pool, None) == []


async def test_a_tenant_can_not_write_rows_of_another(notes: str) -> None:
    async with Pool(notes, ROLE, size=1) as pool:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with pool.tenant(1) as connection:
                await connection.execute("INSERT INTO notes VALUES (2, 'forged')")
        assert await read(pool, 2) == ["two"]


async def test_an_error_inside_rolls_everything_back(notes: str) -> None:
    async with Pool(notes, ROLE, size=1) as pool:
        with pytest.raises(LookupError):
            async with pool.tenant(1) as connection:
                await connection.execute("INSERT INTO notes VALUES (1, 'half')")
                raise LookupError
        assert await read(pool, 1) == ["one"]


async def test_what_was_tried_within_a_transaction_fails_alone_and_the_rest_is_kept(notes: str) -> None:
    async with Pool(notes, ROLE, size=1) as pool:
        async with pool.tenant(3) as connection:
            await connection.execute("INSERT INTO notes VALUES (3, 'before')")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                async with connection.transaction():
                    await connection.execute("INSERT INTO notes VALUES (3, 'within')")
                    await connection.execute("INSERT INTO notes VALUES (2, 'forged')")
            async with connection.transaction():
                await connection.execute("INSERT INTO notes VALUES (3, 'after')")
            # Within is no end: the tenant is still told.
            assert (await (await connection.execute("SELECT count(*) FROM notes")).fetchone()) == (2,)
        assert await read(pool, 3) == ["before", "after"]


async def test_who_goes_on_after_a_statement_that_failed_is_told_that_nothing_is_kept(notes: str) -> None:
    async with Pool(notes, ROLE, size=1) as pool:
        with pytest.raises(StatementSwallowed):
            async with pool.tenant(4) as connection:
                await connection.execute("INSERT INTO notes VALUES (4, 'lost')")
                with suppress(psycopg.errors.InsufficientPrivilege):
                    await connection.execute("INSERT INTO notes VALUES (2, 'forged')")
        assert await read(pool, 4) == []
        async with pool.tenant(4) as connection:
            await connection.execute("INSERT INTO notes VALUES (4, 'kept')")
        assert await read(pool, 4) == ["kept"]


@pytest.mark.parametrize("waits", ["for its server", "for something else"])
async def test_who_is_cancelled_leaves_nothing_behind_and_a_connection_that_is_out_of_any_transaction(
    notes: str, waits: str
) -> None:
    async with Pool(notes, ROLE, size=1) as pool:
        reached, lent, given_back = asyncio.Event(), list[object](), list[TransactionStatus]()

        async def work() -> None:
            async with pool.tenant(5) as connection:
                await connection.execute("INSERT INTO notes VALUES (5, 'half')")
                lent.append(connection)
                reached.set()
                if waits == "for its server":
                    await connection.execute("SELECT pg_sleep(60)")
                await asyncio.Event().wait()

        async def give_back(conn: psycopg.AsyncConnection[Any]) -> None:
            given_back.append(conn.info.transaction_status)
            await putconn(conn)

        # Looked at before the pool has it, which would roll back as well.
        putconn, pool._pool.putconn = pool._pool.putconn, give_back  # type: ignore[method-assign]
        task = asyncio.create_task(work())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert given_back == [TransactionStatus.IDLE]
        assert await read(pool, 5) == []
        async with pool.tenant(5) as connection:
            assert connection is lent[0]


async def test_a_hundred_callers_on_two_connections_are_all_served(notes: str) -> None:
    async with Pool(notes, ROLE, size=2) as pool:
        answers = await asyncio.gather(*(read(pool, 1 + number % 2) for number in range(100)))
    assert answers == [["one"], ["two"]] * 50


async def test_who_waits_too_long_for_a_connection_is_told_that_the_database_is_busy(notes: str) -> None:
    async with Pool(notes, ROLE, size=1) as pool, pool.tenant(1):
        # Only now: the first has to be connected.
        pool._acquire_timeout_s = 0.05
        with pytest.raises(DatabaseBusy) as busy:
            await read(pool, 1)
    assert busy.value.status == 503


async def test_a_connection_cut_by_the_server_costs_its_caller_only(notes: str, database: Database) -> None:
    async with Pool(notes, ROLE, size=1) as pool:
        with pytest.raises(DatabaseBusy):
            async with pool.tenant(1) as connection:
                with psycopg.connect(database.admin_url) as admin:
                    admin.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
                await connection.execute("SELECT 1")
        assert await read(pool, 1) == ["one"]


async def test_connections_that_ended_while_they_were_idle_are_replaced_before_they_are_lent_out(
    notes: str, database: Database
) -> None:
    async with Pool(notes, ROLE, size=3, application="idle-ones") as pool:
        async with pool.tenant(1), pool.tenant(1), pool.tenant(1):
            pass
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            ended = admin.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'idle-ones'"
            ).fetchall()
        assert ended == [(True,)] * 3
        assert await read(pool, 1) == ["one"]


async def test_a_connection_to_which_its_server_said_something_is_kept(notes: str, database: Database) -> None:
    async with Pool(notes, ROLE, size=1) as pool:
        async with pool._connection() as connection:
            await connection.execute("LISTEN told")
            await connection.commit()
            backend = connection.info.backend_pid
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            admin.execute("NOTIFY told")
        async with pool._connection() as connection:
            assert connection.info.backend_pid == backend
        assert await read(pool, 1) == ["one"]


async def test_a_server_that_stands_still_costs_no_more_than_the_deadline_and_its_connection_is_not_used_again(
    notes: str,
) -> None:
    async with Pool(notes, ROLE, size=1, deadline_s=2.0) as pool:
        async with pool.tenant(1) as connection:
            still = connection.info.backend_pid
        os.kill(still, signal.SIGSTOP)
        try:
            async with asyncio.timeout(WAIT_S):
                with pytest.raises(DatabaseBusy):
                    await read(pool, 1)
                assert await read(pool, 1) == ["one"]
        finally:
            os.kill(still, signal.SIGCONT)
        async with pool.tenant(1) as connection:
            assert connection.info.backend_pid != still


async def test_an_unreachable_server_is_busy_not_a_crash() -> None:
    with pytest.raises(DatabaseBusy, match="can't be reached"):
        await connect("postgresql://nobody@127.0.0.1:1/none")


async def test_a_server_that_is_back_is_found_soon_however_long_it_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    schedule = AsyncConnectionPool.schedule_task

    async def noted(pool: AsyncConnectionPool[Any], task: Any, pause_s: float) -> None:
        if isinstance(task, AddConnection):
            pauses.append(pause_s)
        await schedule(pool, task, pause_s)

    monkeypatch.setattr(AsyncConnectionPool, "schedule_task", noted)
    async with Pool("postgresql://nobody@127.0.0.1:1/none", ROLE, size=1):
        async with asyncio.timeout(WAIT_S):
            while sum(pause_s > RECONNECT_S / 2 for pause_s in pauses) < 3:
                await asyncio.sleep(0.01)
    assert max(pauses) <= RECONNECT_S


async def test_the_application_s_own_login_is_safe(notes: str) -> None:
    async with await connect(notes, ROLE) as connection:
        await check_safe(connection)


async def test_a_role_that_passes_row_level_security_by_is_refused(admin_url: str) -> None:
    async with await connect(admin_url) as connection:
        with pytest.raises(DatabaseUnsafe, match="FORECOURT_MIGRATE_URL"):
            await check_safe(connection)


async def test_wearing_a_role_does_not_hide_a_superuser(admin_url: str) -> None:
    async with await connect(admin_url, ROLE) as connection:
        with pytest.raises(DatabaseUnsafe):
            await check_safe(connection)


async def test_a_server_that_may_lose_commits_is_refused(notes: str) -> None:
    async with await connect(f"{notes}&options=-csynchronous_commit%3Doff", ROLE) as connection:
        with pytest.raises(DatabaseUnsafe, match="synchronous_commit"):
            await check_safe(connection)


async def test_the_login_has_no_rights_before_it_takes_a_role(notes: str, servers: Servers) -> None:
    async with await connect(notes) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("SELECT * FROM notes")
