"""One site's keeper: whatever goes wrong with a plan, and whoever else holds the site."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from forecourt.energy.keeper import keeper as keeping
from forecourt.energy.keeper.keeper import AWAY_REST_S, Gates, SiteKeeper
from forecourt.energy.store import leases
from tests.care.yard import Yard
from tests.energy.test_store import furnish


class Stations:
    """Take what they are asked, and never answer."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.commands: list[UUID] = []

    async def enter(
        self, conn: Any, tenant_id: int, asked: list[Any], *_: Any, **__: Any
    ) -> tuple[list[Any], list[Any]]:
        self.asked += asked
        entered = [SimpleNamespace(identity=each[0], command=each[1], command_id=str(uuid4())) for each in asked]
        self.commands += [UUID(each.command_id) for each in entered]
        return entered, []

    async def carry(self, *_: Any, **__: Any) -> AsyncGenerator[None, None]:
        nothing: tuple[None, ...] = ()
        for each in nothing:
            yield each


async def furnished(yard: Yard, holder: UUID | None = None) -> tuple[SiteKeeper, Stations, int]:
    """A site with a car that charges."""
    site, numbers, _ = await furnish(yard)
    yard.session(next(iter(numbers.values())), timedelta(hours=1), energy_wh=5_000)
    stations: Any = Stations()
    made = SiteKeeper(
        yard.tenant_id, site, tenants=yard.tenants, stations=stations, clock=yard.clock, gates=Gates(1), holder=holder
    )
    return made, stations, site


async def test_whatever_is_wrong_with_a_plan_what_there_is_is_shared_out_and_told(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, stations, site = await furnished(yard)

    def broken(*_: Any) -> None:
        raise IndexError("no such row")

    monkeypatch.setattr(keeping, "plan_site", broken)
    await kept.turn()
    [plan] = yard.rows("SELECT grade, why FROM energy_plans WHERE site_id = %s", site)
    assert (plan["grade"], plan["why"]) == ("filled", "IndexError: no such row")
    # A late answer finds its order by the command.
    assert yard.rows("SELECT command_id FROM charging_orders WHERE site_id = %s", site) == [
        {"command_id": command} for command in stations.commands
    ]
    assert len(stations.asked) == 1


async def test_a_keeper_outlives_whatever_goes_wrong_in_a_look(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, _, site = await furnished(yard)

    async def broken(*_: Any) -> None:
        raise KeyError("CP1")

    monkeypatch.setattr(keeping, "read_site", broken)
    assert await kept.look() == AWAY_REST_S
    assert yard.rows("SELECT 1 FROM energy_plans WHERE site_id = %s", site) == []
    monkeypatch.undo()
    await kept.look()
    assert len(yard.rows("SELECT 1 FROM energy_plans WHERE site_id = %s", site)) == 1


async def test_who_lost_its_lease_tells_stations_nothing(yard: Yard) -> None:
    holder = uuid4()
    kept, stations, site = await furnished(yard, holder)
    await kept.turn()
    assert (stations.asked, yard.rows("SELECT 1 FROM charging_orders WHERE site_id = %s", site)) == ([], [])
    async with yard.worker.anyone() as conn:
        assert await leases.hold_sites(conn, holder, [(yard.tenant_id, site)], timedelta(minutes=1), 1) == [site]
    yard.clock.advance(60)
    await kept.turn()
    assert len(stations.asked) == 1
