from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.conftest import Database
from tests.driver.porch import Porch
from tests.payments.till import a_tariff, a_till
from tests.sandbox import Sandbox, sandbox
from tests.support import FakeClock


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def porch(database: Database, clock: FakeClock, box: Sandbox) -> AsyncIterator[Porch]:
    async with a_till(database, clock, box, a_tariff()) as till:
        yield Porch(till)
