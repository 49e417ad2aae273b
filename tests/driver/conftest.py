from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.driver.porch import Porch
from tests.ground import Ground
from tests.payments.till import a_tariff, a_till
from tests.sandbox import Sandbox, sandbox
from tests.support import FakeClock


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def porch(ground: Ground, clock: FakeClock, box: Sandbox) -> AsyncIterator[Porch]:
    async with a_till(ground, clock, box, a_tariff()) as till:
        yield Porch(till)
