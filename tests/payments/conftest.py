from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.adyen import AdyenBox, adyen_box
from tests.care.yard import Yard
from tests.ground import Ground
from tests.payments.till import Till, a_till
from tests.sandbox import Sandbox, sandbox
from tests.support import FakeClock


@pytest_asyncio.fixture
async def yard(ground: Ground, clock: FakeClock) -> Yard:
    """One more organisation, without stations."""
    worker, tenants = await ground.pool("forecourt_worker", 1), await ground.pool("forecourt_app", 3)
    return Yard(ground.admin, worker, tenants, clock)


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
async def till(ground: Ground, clock: FakeClock, box: Sandbox) -> AsyncIterator[Till]:
    """One more organisation that sells at a station, by an account of its own."""
    async with a_till(ground, clock, box) as made:
        yield made
