"""Who is served when there is more to do than may be in the air, and what one organisation's fault does to others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from forecourt.stations.desired import reconciler as reconciling
from forecourt.stations.desired import store
from forecourt.stations.desired.reconciler import ILL_REST_S, Reconciler
from tests.support import FakeClock


class Worker:
    @asynccontextmanager
    async def anyone(self) -> AsyncIterator[None]:
        yield None


class Bringer:
    """Everybody always has as much to do as may be begun; it lands when it is told to."""

    def __init__(self) -> None:
        self.served: list[int] = []
        self.broken: set[int] = set()
        self.flying: list[asyncio.Future[None]] = []

    async def begin_due(self, tenant_id: int, most: int) -> tuple[int, asyncio.Task[None]]:
        if tenant_id in self.broken:
            raise psycopg.DataError("not so")
        self.served.append(tenant_id)
        flying = asyncio.get_running_loop().create_future()
        self.flying.append(flying)

        async def fly() -> None:
            await flying

        return most, asyncio.create_task(fly())

    async def land(self) -> None:
        flying, self.flying = self.flying, []
        for each in flying:
            each.set_result(None)
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
def bringer() -> Bringer:
    return Bringer()


@pytest.fixture
def reconciler(bringer: Bringer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Reconciler:
    async def due(*_: Any) -> list[int]:
        return [1, 2, 3]

    class Batch:
        def __init__(self) -> None:
            self.clock = clock

    monkeypatch.setattr(store, "list_tenants_due", due)
    monkeypatch.setattr(reconciling, "MOST_IN_AIR", 1_000)
    monkeypatch.setattr(reconciling, "MOST_OF_ONE", 500)
    given: Any = (Worker(), bringer, Batch())
    return Reconciler(*given)


async def test_organisations_take_turns_where_more_is_due_than_may_be_in_the_air(
    reconciler: Reconciler, bringer: Bringer
) -> None:
    for _ in range(3):
        await reconciler.begin()
        await bringer.land()
    assert bringer.served == [1, 2, 3, 1, 2, 3]


async def test_what_goes_wrong_with_one_organisation_holds_no_other_up_and_is_tried_again_later(
    reconciler: Reconciler, bringer: Bringer, clock: FakeClock
) -> None:
    bringer.broken = {1}
    await reconciler.begin()
    assert bringer.served == [2, 3]
    bringer.broken = set()
    await bringer.land()
    await reconciler.begin()
    assert bringer.served == [2, 3, 2, 3]
    await bringer.land()
    clock.advance(ILL_REST_S + 1)
    await reconciler.begin()
    assert 1 in bringer.served
    await bringer.land()
