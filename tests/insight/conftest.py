"""Organisations with history."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from forecourt.insight.importing.files import understood
from forecourt.insight.importing.model import Report
from forecourt.insight.importing.service import Importer
from forecourt.insight.importing.tables import Options
from forecourt.platform.database import Pool
from tests.conftest import Database
from tests.support import FakeClock

#: Public data sets with sessions, where they are at hand: beside the tree, or beside the trees of several.
DATA = Path(__file__).parents[3] / "shared" / "data"


class Desk:
    """Who brings history in for organisations, and looks at what is there."""

    def __init__(self, pool: Pool, admin: psycopg.Connection[Any], clock: FakeClock, database: Database) -> None:
        self.pool = pool
        self.admin = admin
        self.clock = clock
        self.database = database
        self.importer = Importer(pool, clock, "test")

    def organisation(self, name: str) -> int:
        [(number,)] = self.rows("INSERT INTO organisations (name) VALUES (%s) RETURNING tenant_id", name)
        return int(number)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.admin.execute(query.encode(), parameters).fetchall()

    async def bring(self, tenant_id: int, path: Path, source: str | None = None, **options: Any) -> Report:
        return await self.importer.bring(
            tenant_id, path, understood(path, Options(**options), self.clock.now()), source
        )

    def kept(self, tenant_id: int) -> list[tuple[Any, ...]]:
        """All that is kept of an organisation's history but which import brought it."""
        names = (
            "source, source_id, line, station, site, evse, zone, started_at, ended_at, charging_ended_at, energy_wh,"
            " currency, excl_minor, incl_minor, tariff, outcome, flags"
        )
        return self.rows(f"SELECT {names} FROM imported_sessions WHERE tenant_id = %s ORDER BY 1, 2", tenant_id)


@pytest.fixture(scope="module")
def admin(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        yield connection


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with Pool(database_url, "forecourt_app", size=3) as pool:
        yield pool


@pytest.fixture
def desk(pool: Pool, admin: psycopg.Connection[Any], clock: FakeClock, database: Database) -> Desk:
    return Desk(pool, admin, clock, database)
