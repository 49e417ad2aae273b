"""Forecasts of an organisation: made of its lake once a night, and the same again, whoever is stopped."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from forecourt.insight.forecast import making, store
from forecourt.insight.forecast.backtest import Memory, run
from forecourt.insight.forecast.making import Forecaster, Made, has_drifted
from forecourt.insight.forecast.model import Choice, Forecast, Judged, hours_of
from forecourt.insight.forecast.past import Past
from forecourt.insight.forecast.plan import planned
from forecourt.insight.forecast.recipe import Ahead
from forecourt.insight.lake.layout import LakeMissing
from tests.insight.conftest import Desk
from tests.insight.test_forecast import shrink
from tests.insight.test_importing import written
from tests.insight.test_lake import Shore

DAYS = 56
HEAD = "id,station,site,start,end,kwh"
FIRST = datetime(2025, 12, 1, tzinfo=UTC)


def sessions(site: str, days: int = DAYS, seed: int = 3) -> Iterator[str]:
    """Cars that come on weekdays in the morning, each day another number of them."""
    random = np.random.default_rng(seed)
    for day in range(days):
        for car in range(int(random.integers(3, 8)) if day % 7 < 5 else int(random.integers(0, 3))):
            start = FIRST + timedelta(days=day, hours=8 + car % 4, minutes=int(random.integers(0, 50)))
            end = start + timedelta(hours=2)
            yield f"{site}{day}-{car},{site}-S,{site},{start:%Y-%m-%d %H:%M},{end:%Y-%m-%d %H:%M},{5 + car}"


class Night:
    """An organisation with history at three sites, one of which is too young."""

    def __init__(self, desk: Desk, root: Path) -> None:
        self.shore = Shore(desk, root, "nights")
        self.shore.clock.set(FIRST + timedelta(days=DAYS, hours=3))
        self.desk = desk

    @property
    def tenant_id(self) -> int:
        return self.shore.tenant_id

    async def make(self, **how: Any) -> Made:
        return await Forecaster(self.desk.pool, self.shore.clock, self.shore.root).make(self.tenant_id, **how)

    def rows(self) -> list[Any]:
        """All that is kept, to the last digit."""
        query = "SELECT f::text FROM {0} f WHERE tenant_id = %s ORDER BY 1"
        return [self.desk.rows(query.format(table), self.tenant_id) for table in ("forecasts", "forecast_choices")]

    async def choices(self) -> dict[tuple[str, str], Choice]:
        async with self.desk.pool.tenant(self.tenant_id) as conn:
            return {(each.site, each.target): each for each in await store.list_choices(conn, self.tenant_id)}

    async def forecasts(self) -> dict[tuple[str, str], Forecast]:
        async with self.desk.pool.tenant(self.tenant_id) as conn:
            return {(each.site, each.target): each for each in await store.latest(conn, self.tenant_id)}


@pytest_asyncio.fixture
async def night(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Night]:
    shrink(monkeypatch)
    monkeypatch.setattr(making, "MAX_ORIGINS", 11)
    made = Night(desk, tmp_path / "lake")
    with pytest.raises(LakeMissing):
        await made.make()
    lines = [*sessions("yard"), *sessions("dock", seed=4), *list(sessions("new"))[-20:]]
    await desk.bring(made.tenant_id, written(tmp_path, *lines, head=HEAD), "old")
    await made.shore.export()
    yield made


async def test_a_night_forecasts_what_it_can_says_why_not_and_makes_the_same_again(night: Night) -> None:
    made = await night.make()
    # Two sites and the network, three targets each; the young one is left with the reason.
    assert (made.forecast, made.before) == (9, 0)
    choices, forecasts = await night.choices(), await night.forecasts()
    assert choices["old/new", "energy"].reason is not None
    assert set(forecasts) == {(s, t) for s in ("", "old/yard", "old/dock") for t in ("energy", "occupancy", "arrivals")}
    begins_on = (FIRST + timedelta(days=DAYS)).date()
    for (site, target), forecast in forecasts.items():
        assert (forecast.begins_on, len(forecast.ahead.expected)) == (begins_on, 168), (site, target)
        for low, middle, high in zip(forecast.ahead.low, forecast.ahead.middle, forecast.ahead.high, strict=True):
            assert 0 <= low <= middle <= high
    by_day = np.array(forecasts["old/yard", "arrivals"].ahead.expected).reshape(7, 24)
    # A Monday: nobody comes at night, and some come in the morning; few on the weekend.
    assert by_day[0, :8].sum() == 0
    assert 3 < by_day[0, 8:12].sum() < 8
    assert by_day[5:].sum(1).max() < by_day[:5].sum(1).min()
    rows = night.rows()
    assert await night.make() == Made(forecast=0, left=made.left, chosen=0, before=9)
    assert night.rows() == rows
    # Somebody was stopped in the middle: what is missing is made, and is the same.
    night.desk.rows("DELETE FROM forecast_choices WHERE tenant_id = %s AND site IN ('old/yard', 'old/dock') AND target <> 'energy' RETURNING 1", night.tenant_id)  # fmt: skip  # noqa: E501
    assert (await night.make()).forecast == 4
    assert night.rows() == rows
    told = choices["old/yard", "energy"].judged
    assert told is not None
    check_coverage(night, told)
    await check_a_week(night, choices)


def check_coverage(night: Night, told: Judged) -> None:
    """The share of hours in the intervals, counted hour by hour, of a past that is counted from the file itself."""
    past = Past(night.shore.root, night.tenant_id)
    [group] = [each for each in past.groups if "old/yard" in [place.site for place in each.places]]
    panel = past.panel(group, "energy")
    # The sums of the file itself, hour by hour.
    counted = np.zeros(panel.hours)
    for line in sessions("yard"):
        _, _, _, start, _, kwh = line.split(",")
        since = datetime.fromisoformat(f"{start}+00:00") - FIRST
        for minute in range(120):
            counted[int((since + timedelta(minutes=minute)) / timedelta(hours=1))] += float(kwh) / 120
    row = panel.names.index("old/yard")
    np.testing.assert_allclose(panel.values[row], counted, atol=0.01)
    parts = planned(panel.hours, len(panel.names), making.MAX_ORIGINS)
    assert parts is not None
    again = run(panel, parts, Memory(), lambda *_: None)
    inside, every = 0, 0
    for number, origin in enumerate(parts.origins("test")):
        for hour in range(origin, min(origin + 168, panel.hours)):
            low, high = (
                float(each[row, number, hour - origin]) for each in (again.intervals.low, again.intervals.high)
            )
            inside += low <= panel.values[row, hour] <= high
            every += 1
    assert told.figures.coverage == pytest.approx(inside / every)
    assert told.figures.hours == every


async def check_a_week(night: Night, first: dict[tuple[str, str], Choice]) -> None:
    """A choice is kept for a week unless what comes is another thing."""
    night.shore.clock.advance(24 * 3600.0)
    await night.shore.export(anew=True)
    made = await night.make()
    assert (made.forecast, made.chosen) == (9, 0)
    later = (await night.choices())["old/yard", "energy"]
    assert later.recipe == first["old/yard", "energy"].recipe
    assert later.recent[-24:] == [0.0] * 24
    assert later.chosen_on == first["old/yard", "energy"].chosen_on
    # What came lies in the intervals, or it does not.
    told = first["old/yard", "energy"].judged
    assert told is not None
    day = date(2026, 1, 26)
    flat = Ahead(expected=[5.0] * 24, low=[4.0] * 24, middle=[5.0] * 24, high=[6.0] * 24)
    kept = [Forecast(site="yard", target="energy", begins_on=day + timedelta(days=n), zone="UTC", ahead=flat)
            for n in range(7)]  # fmt: skip
    assert not has_drifted(told, kept, [5.0] * 168, day + timedelta(days=7))
    assert has_drifted(told, kept, [6.5] * 168, day + timedelta(days=7))
    assert not has_drifted(told, kept[:4], [6.5] * 96, day + timedelta(days=4))


def test_an_hour_that_a_clock_leaves_out_is_left_out_and_one_that_it_has_twice_is_told_twice() -> None:
    def of(day: date) -> list[str]:
        values = [float(hour) for hour in range(24)]
        ahead = Ahead(expected=values, low=values, middle=values, high=values)
        forecast = Forecast(site="", target="energy", begins_on=day, zone="Europe/Berlin", ahead=ahead)
        return [f"{hour.at:%d %H} {hour.expected:.0f}" for hour in hours_of(forecast)]

    spring, autumn = of(date(2026, 3, 29)), of(date(2026, 10, 25))
    assert spring[:4] == ["28 23 0", "29 00 1", "29 01 3", "29 02 4"]
    assert (len(spring), spring[-1]) == (23, "29 21 23")
    assert autumn[:5] == ["24 22 0", "24 23 1", "25 00 2", "25 01 2", "25 02 3"]
    assert len(autumn) == 25
