"""Forecasts as they are seen: by the API, in the console, as CSV, and by the planner; each by whom it is meant for."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import pytest_asyncio
from msgspec import structs

from forecourt.access import Role
from forecourt.energy.expecting import Foreseen, SiteForecast
from forecourt.insight.forecast import store
from forecourt.insight.forecast.backtest import Run
from forecourt.insight.forecast.model import TARGETS, Choice, Forecast, Judged
from forecourt.insight.forecast.offered import forecast_of
from forecourt.insight.forecast.recipe import Ahead, ahead_of, recipe_of
from forecourt.insight.forecast.report import judged, split_of
from forecourt.platform.database import Pool
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import signed_in
from tests.http import House, Tenant
from tests.insight.test_forecast import panel, ran, shrink, week

pytestmark = pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)
ZONE = "Europe/Berlin"


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """A backtest, of which all series are said to be."""
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        yield ran(panel(week(6 * 168)[None] + np.random.default_rng(1).uniform(0, 2, (1, 6 * 168))))


#: By how much what is forecast of a target is more than the energy.
OF_ENERGY: dict[str, float] = {"energy": 1, "occupancy": 3, "arrivals": 7}


def times(ahead: Ahead, factor: float) -> Ahead:
    """Another series of the same form."""
    return Ahead(**{name: [value * factor for value in values] for name, values in structs.asdict(ahead).items()})


@pytest_asyncio.fixture
async def tenant(house: House, run: Run) -> Tenant:
    """With forecasts of a site and of the network, made yesterday, and a site that has none."""
    tenant = await house.tenant()
    with house.admin() as admin:
        admin.execute(
            "INSERT INTO sites (tenant_id, slug, name, time_zone)"
            " SELECT %s, slug, slug, %s FROM unnest('{yard,new}'::text[]) AS slug",
            (tenant.tenant_id, ZONE),
        )
    day = (house.clock.now() - timedelta(days=1)).date()
    told = Judged(figures=judged(run, 0), split=split_of(run), trees=True)
    recent: list[float | None] = [float(each) for each in run.panel.values[0, -336:]]
    common: dict[str, Any] = {"zone": ZONE, "seen_on": day}
    choices = [
        Choice(site=site, target=target, name=None, chosen_on=day, reason=None, recipe=recipe_of(run, 0), judged=told,
               recent=recent, **common)
        for site in ("", "yard") for target in TARGETS
    ]  # fmt: skip
    left = Choice(site="new", target="energy", name="A", chosen_on=None, reason="its history is shorter than two weeks",
                  recipe=None, judged=None, recent=[], **common)  # fmt: skip
    ahead = ahead_of(run.panel, {0: choices[0].recipe or []}, lambda: None)[0]
    forecasts = [
        Forecast(
            site=each.site, target=each.target, begins_on=day, zone=ZONE, ahead=times(ahead, OF_ENERGY[each.target])
        )
        for each in choices
    ]
    async with house.db.tenant(tenant.tenant_id) as conn:
        await store.keep_choices(conn, tenant.tenant_id, [*choices, left])
        await store.keep_forecasts(conn, tenant.tenant_id, forecasts)
    return tenant


async def test_forecasts_are_told_by_the_api_the_page_and_as_csv_alike(house: House, tenant: Tenant) -> None:
    api = await tenant.client()
    listed = (await api.get("/api/v1/forecasts")).json()["items"]
    assert [(each["site"], each["target"]) for each in listed] == [
        ("", "arrivals"), ("", "energy"), ("", "occupancy"), ("new", "energy"), ("yard", "arrivals"),
        ("yard", "energy"), ("yard", "occupancy"),
    ]  # fmt: skip
    told = (await api.get("/api/v1/forecasts/hours", params={"site": "yard"})).json()
    assert len(told["hours"]) == 168
    assert all(hour["low"] <= hour["middle"] <= hour["high"] for hour in told["hours"])
    # Midnight in Berlin, in winter.
    assert told["hours"][0]["at"].endswith("T23:00:00Z")
    why = (await api.get("/api/v1/forecasts/backtest", params={"site": "yard", "target": "energy"})).json()
    assert [band["ahead"] for band in why["bands"]] == ["1 to 6 h", "7 to 24 h", "2 to 7 days"]
    assert sum(why["bands"][0]["weights"].values()) == pytest.approx(1)
    assert {"mean_day", "same_hour_last_week"} <= set(why["bands"][0]["errors"])
    assert (await api.get("/api/v1/forecasts/hours", params={"site": "new"})).status_code == 404
    console = await signed_in(house, tenant)
    page = await console.get("/insight/forecasts", params={"site": "yard"})
    assert page.status_code == 200
    assert "Why this method" in page.text
    assert 'class="spread"' in page.text
    assert "the mean of the last 28 same hours of the day" in page.text
    assert "its history is shorter than two weeks" in (await console.get("/insight/forecasts?site=new")).text
    assert (await console.get("/insight/forecasts?site=nowhere")).status_code == 404
    assert "Alle Prognosen" in (await console.get("/insight/forecasts", headers={"accept-language": "de"})).text
    rows = list(csv.DictReader(io.StringIO((await console.get("/insight/forecasts.csv?site=yard")).text)))
    assert [float(row["high_90"]) for row in rows] == [hour["high"] for hour in told["hours"]]


async def test_who_is_limited_to_a_site_sees_its_forecast_and_no_other(house: House, tenant: Tenant) -> None:
    with house.admin() as admin:
        [(new,), (yard,)] = admin.execute(
            "SELECT site_id FROM sites WHERE tenant_id = %s ORDER BY slug", (tenant.tenant_id,)
        ).fetchall()
    there = await tenant.client(Role.VIEWER, sites=(yard,))
    assert {each["site"] for each in (await there.get("/api/v1/forecasts")).json()["items"]} == {"yard"}
    elsewhere = await tenant.client(Role.VIEWER, sites=(new,))
    for site in ("", "yard"):
        assert (await elsewhere.get("/api/v1/forecasts/hours", params={"site": site})).status_code == 404
    other = await (await house.tenant()).client()
    assert (await other.get("/api/v1/forecasts")).json()["items"] == []


async def test_the_planner_is_offered_what_is_fresh_and_else_the_reason(house: House, tenant: Tenant) -> None:
    async with house.db.tenant(tenant.tenant_id) as conn:

        async def offered(site: str, days: int = 0) -> SiteForecast | Foreseen:
            return await forecast_of(conn, tenant.tenant_id, site, house.clock.now() + timedelta(days=days))

        told = await offered("yard")
        assert isinstance(told, SiteForecast)
        [energy] = [each for each in await store.latest(conn, tenant.tenant_id, ["yard"]) if each.target == "energy"]
        midnight = datetime.combine(energy.begins_on, time(), ZoneInfo(ZONE)).astimezone(UTC)
        expected = enumerate(energy.ahead.expected)
        assert len(told.hours) == 168
        for hour, (number, each) in zip(told.hours, expected, strict=True):
            assert hour.at == midnight + timedelta(hours=number)
            assert (hour.energy_kwh, hour.plugs, hour.cars) == pytest.approx((each, each * 3, each * 7))
        assert await offered("new") is Foreseen.NO_FORECAST
        assert await offered("yard", 2) is Foreseen.OLD_FORECAST
