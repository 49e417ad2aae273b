"""An event that is said again is never lost to a dispatcher that is quicker than the commit."""

from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio

from forecourt.platform import outbox
from forecourt.platform.database import Pool
from tests.conftest import Database

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
