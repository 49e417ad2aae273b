"""The peak that is as good as paid, of a real site: what is measured on paper is what runs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pytest
from msgspec.structs import replace

from forecourt.energy import store
from forecourt.energy.dispatch.standing import Standing
from forecourt.energy.keeper import foresight
from forecourt.energy.keeper.foresight import LEAST_VISITS
from forecourt.energy.keeper.worthwhile import days_of, worthwhile_w
from forecourt.energy.model import Node
from forecourt.energy.needs.model import Needs, Wants
from forecourt.energy.planner.arrivals import Visit
from forecourt.energy.planner.lookback import SHARE
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import unpacked
from forecourt.energy.planning.making import plan_site
from forecourt.energy.signals.model import DayRates, Reading, Season, Tariff, TariffRow
from forecourt.energy.signals.outlook import Known, signals_at
from forecourt.energy.site import HungEvse, Load, Mode, Settings, SiteRecord, SiteTree
from forecourt.energy.whatif.scenario import Planner
from tests.care.yard import Yard
from tests.energy.test_foresight import car
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
        days.append(args[3])

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


def test_the_past_is_bounded_by_what_the_building_left_and_days_that_nobody_measured_count_for_nothing() -> None:
    hall = Load(id="hall", node="grid", most_w=60_000)
    tree = SiteTree(
        nodes=(Node(id="grid", limit_w=20_000),), evses=(HungEvse(station="CP0", evse=1, node="grid"),), loads=(hall,)
    )
    begin = NOW.replace(day=2, hour=0, minute=0)
    end, hour = begin + timedelta(days=4), timedelta(hours=1)
    record = SiteRecord(
        tenant_id=1, site_id=1, slug="s", name="S", zone="UTC", latitude=None, longitude=None, version=1, tree=tree,
        settings=Settings(enabled=True), settings_version=1,
    )  # fmt: skip
    season = Season(weekdays=DayRates(hours=(0,), prices=(Decimal("0.30"),)))

    def peak_kw(*, silent_on: int | None, minutes: Literal[15, 60] = 15, big_on: int = 2) -> float:
        tariff = Tariff(
            currency="EUR", seasons=(season,), demand_charge_per_kw=Decimal(10), demand_minutes=minutes
        )  # fmt: skip
        row = TariffRow(tariff=tariff, version=1, changed_at=begin, changed_by="test")
        # The hall takes 14 kW, and says so each hour.
        said = [
            Reading(at=begin + number * hour, power_w=14_000, source="test")
            for number in range(4 * 24)
            if number // 24 != silent_on
        ]
        visits = [
            Visit(
                came_at=begin + timedelta(days=day, hours=9), left_at=begin + timedelta(days=day, hours=12),
                need_kwh=60.0 if day == big_on else 6.0, max_a=32.0, kw_per_a=0.69, evse=0,
            )
            for day in range(4)
        ]  # fmt: skip
        past = days_of(record, Known(tariff=row), {"hall": said}, visits, begin, end, end)
        assert past is not None
        assert past.horizon.hours[0] == minutes / 60
        return worthwhile_w(past) / SHARE / 1000

    # The big car could have had 6 kW beside the hall, no more.
    assert peak_kw(silent_on=None) == pytest.approx(20, abs=0.01)
    assert peak_kw(silent_on=2) == pytest.approx(16, abs=0.01)
    assert peak_kw(silent_on=2, minutes=60) == pytest.approx(16, abs=0.01)
    assert peak_kw(silent_on=None, big_on=9) == pytest.approx(16, abs=0.01)


@pytest.mark.parametrize("day", [1, 16, 31])
def test_a_new_peak_is_weighed_as_the_bill_does_on_whichever_day_of_the_month(day: int) -> None:
    at = datetime(2026, 3, day, 20, 0, tzinfo=UTC)
    charge = 15.51
    rates = DayRates(hours=(0, 20, 21), prices=(Decimal("0.30"), Decimal("0.10"), Decimal("0.30")))
    tariff = Tariff(currency="EUR", seasons=(Season(weekdays=rates),), demand_charge_per_kw=Decimal(str(charge)))
    row = TariffRow(tariff=tariff, version=1, changed_at=at, changed_by="test")
    wants = Wants(energy_wh=12_000, departure_at=at + timedelta(hours=3))
    what = known(Mode.CHEAPEST, [replace(car(needs=Needs(wants=wants, sources={})), started_at=at)], [], at)
    record = SiteRecord(
        tenant_id=1, site_id=1, slug="s", name="S", zone="UTC", latitude=None, longitude=None, version=1, tree=TREE,
        settings=Settings(enabled=True), settings_version=1,
    )  # fmt: skip
    hours = [0.25] * 24
    what = replace(
        what, outlook=signals_at(record, Known(tariff=row), at, hours), paid_w=2_000, expected=(),
        standings=[Standing(max_ma=32_000, fallback_ma=0, running_since=at) for _ in TREE.evses],
    )  # fmt: skip
    kw = np.array(plan_site(what, SiteSolver()).grid_w) / 1000
    prices = np.array(what.outlook.price.values, dtype=np.float64)

    def bill(power_kw: Any) -> float:
        return float((power_kw * 0.25) @ prices + charge * max(power_kw.max() - 2.0, 0.0))

    # All in the cheap hour saves 1.60 and costs a peak of 10 kW more; what the bill wants is the same power throughout.
    cheap = np.where(np.arange(24) < 4, 12.0, 0.0)
    even = np.where(np.arange(24) < 12, 4.0, 0.0)
    assert bill(even) + 100 < bill(cheap)
    assert bill(kw) <= bill(even) * 1.05
