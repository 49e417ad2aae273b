from collections.abc import AsyncIterator

import pytest_asyncio

from forecourt.platform.database import Pool
from tests.care.yard import Yard
from tests.conftest import Database
from tests.support import FakeClock


@pytest_asyncio.fixture
async def yard(database: Database, clock: FakeClock) -> AsyncIterator[Yard]:
    """One more organisation, without stations."""
    async with (
        Pool(database.url, "forecourt_worker", size=1) as worker,
        Pool(database.url, "forecourt_app", size=3) as tenants,
    ):
        made = Yard(database, worker, tenants, clock)
        yield made
        made.admin.close()
