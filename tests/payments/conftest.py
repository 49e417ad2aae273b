from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from forecourt.platform.database import Pool
from tests.adyen import AdyenBox, adyen_box
from tests.care.yard import Yard
from tests.conftest import Database
from tests.payments.till import Till, a_till
from tests.sandbox import Sandbox, sandbox
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


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """The sandbox provider; tests take accounts of their own at it."""
    with sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def second() -> Iterator[AdyenBox]:
    """The second provider, Adyen's wire fake; tests take accounts of their own at it."""
    with adyen_box() as running:
        yield running


@pytest_asyncio.fixture
async def till(database: Database, clock: FakeClock, box: Sandbox) -> AsyncIterator[Till]:
    """One more organisation that sells at a station, by an account of its own."""
    async with a_till(database, clock, box) as made:
        yield made
