"""The peak that is as good as paid, of a real site: what is measured on paper is what runs."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from forecourt.energy import store
from forecourt.energy.keeper import foresight
from forecourt.energy.keeper.foresight import LEAST_VISITS
from forecourt.energy.keeper.knowledge import unpacked
from forecourt.energy.keeper.planning import plan_site
from forecourt.energy.planner.lookback import SHARE
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.signals.model import DayRates, Season, Tariff
from forecourt.energy.site import Mode
from forecourt.energy.whatif.scenario import Planner
from tests.care.yard import Yard
from tests.energy.test_keeper import furnished
from tests.energy.test_turns import NOW, TREE, Bays, known


def test_real_sites_are_planned_with_the_settings_that_what_if_simulations_are_measured_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paper, days = Planner(), []
    bays = Bays()
    what = known(Mode.CHEAPEST, bays.cars, bays.standings, NOW)
    solver = SiteSolver()
    plan_site(what, solver)
    assert solver.problem is not None
    assert solver.problem.worth.unserved == float(what.settings.unserved_per_kwh) * paper.insistence

    def arrivals(*args: Any) -> None:
        days.append(args[-1])

    monkeypatch.setattr(foresight, "Arrivals", arrivals)
    foresight.Foresight([], TREE, 1, "UTC", NOW)
    assert days == [paper.days]


async def test_every_day_a_site_looks_back_on_which_power_would_have_been_best(yard: Yard) -> None:
    kept, _, site = await furnished(yard)
    [station] = yard.rows("SELECT station_id FROM hung_evses WHERE site_id = %s ORDER BY station_id LIMIT 1", site)
    # Each day one car takes 12 kWh in three hours, and nothing else happens: 4 kW are enough.
    begins = yard.clock.now().replace(hour=9, minute=0, second=0, microsecond=0)
    for day in range(1, LEAST_VISITS + 1):
        came = yard.clock.now() - (begins - timedelta(days=day))
        yard.session(station["station_id"], came, timedelta(hours=3), 12_000)
    season = Season(weekdays=DayRates(hours=(0,), prices=(Decimal("0.30"),)))
    tariff = Tariff(currency="EUR", seasons=(season,), demand_charge_per_kw=Decimal(10))
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await store.store_tariff(conn, yard.tenant_id, site, tariff, "test", yard.clock.now())
    await kept.turn()
    await kept.settled()
    yard.clock.advance(60)
    await kept.turn()
    [plan] = yard.rows("SELECT known FROM energy_plans WHERE site_id = %s ORDER BY at DESC LIMIT 1", site)
    assert unpacked(plan["known"]).worthwhile_w == pytest.approx(4_000 * SHARE, rel=0.02)
