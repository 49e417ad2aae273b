from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.ground import Ground
from tests.loyalty.club import Club
from tests.payments.till import a_tariff, a_till
from tests.sandbox import Sandbox, sandbox
from tests.support import FakeClock


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def club(ground: Ground, clock: FakeClock, box: Sandbox) -> AsyncIterator[Club]:
    """One more organisation that sells at a station, with drivers and campaigns."""
    async with a_till(ground, clock, box, a_tariff()) as till:
        yield Club(till)
