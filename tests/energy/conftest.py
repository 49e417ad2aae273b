import pytest_asyncio

from tests.care.yard import Yard
from tests.ground import Ground
from tests.support import FakeClock


@pytest_asyncio.fixture
async def yard(ground: Ground, clock: FakeClock) -> Yard:
    """One more organisation, without stations."""
    worker, tenants = await ground.pool("forecourt_worker", 1), await ground.pool("forecourt_app", 2)
    return Yard(ground.admin, worker, tenants, clock)
