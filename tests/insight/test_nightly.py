"""Forecasts of an organisation: made of its lake once a night, and the same again, whoever is stopped."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import pytest_asyncio
from msgspec.structs import replace

from forecourt.insight.forecast import learned, making, store
from forecourt.insight.forecast.backtest import Run, run
from forecourt.insight.forecast.making import Forecaster, Made, has_drifted
from forecourt.insight.forecast.model import TARGETS, Choice, Forecast, hours_of
from forecourt.insight.forecast.past import Past
from forecourt.insight.forecast.plan import Plan
from forecourt.insight.forecast.recipe import Ahead
from forecourt.insight.forecast.series import Panel
from forecourt.insight.lake.layout import LakeMissing
from forecourt.platform.database import Pool
from tests.conftest import Database
from tests.insight.conftest import Desk
from tests.insight.test_forecast import shrink
from tests.insight.test_importing import written
from tests.insight.test_lake import Shore
from tests.support import FakeClock

ROOT = Path(__file__).parents[2]
DAYS = 42
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
    """An organisation with history at three sites, one of which is too young, and what its first night made."""

    made: Made
    #: Backtests by their series and target.
    runs: dict[tuple[str, ...], Run]
    first: list[Any]
    choices: dict[tuple[str, str], Choice]

    def __init__(self, desk: Desk, root: Path) -> None:
        self.shore = Shore(desk, root, "nights")
        self.shore.clock.set(FIRST + timedelta(days=DAYS, hours=3))
        self.desk = desk
        self.runs = {}

    @property
    def tenant_id(self) -> int:
        return self.shore.tenant_id

    async def make(self) -> Made:
        return await Forecaster(self.desk.pool, self.shore.clock, self.shore.root).make(self.tenant_id)

    def rows(self) -> list[Any]:
        """All that is kept, to the last digit."""
        query = "SELECT f::text FROM {0} f WHERE tenant_id = %s ORDER BY 1"
        return [self.desk.rows(query.format(table), self.tenant_id) for table in ("forecasts", "forecast_choices")]

    async def known(self) -> dict[tuple[str, str], Choice]:
        async with self.desk.pool.tenant(self.tenant_id) as conn:
            return {(each.site, each.target): each for each in await store.list_choices(conn, self.tenant_id)}

    async def forecasts(self) -> dict[tuple[str, str], Forecast]:
        async with self.desk.pool.tenant(self.tenant_id) as conn:
            return {(each.site, each.target): each for each in await store.latest(conn, self.tenant_id)}


def small(patch: pytest.MonkeyPatch) -> None:
    shrink(patch)
    patch.setattr(making, "MAX_ORIGINS", 7)
    patch.setattr(learned, "MAX_EXAMPLES", 2_400)
    patch.setattr(learned, "ROUNDS", 5)


@pytest_asyncio.fixture(scope="module")
async def night(
    pool: Pool, admin: psycopg.Connection[Any], database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    night = Night(Desk(pool, admin, FakeClock(), database), folder / "lake")
    honest = run

    def noted(panel: Panel, *arguments: Any, **how: Any) -> Run:
        return night.runs.setdefault((*panel.names, panel.target), honest(panel, *arguments, **how))

    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        patch.setattr(making, "run", noted)
        with pytest.raises(LakeMissing):
            await night.make()
        lines = [*sessions("yard"), *sessions("dock", seed=4), *list(sessions("new"))[-20:]]
        await night.desk.bring(night.tenant_id, written(folder, *lines, head=HEAD), "old")
        await night.shore.export()
        night.made = await night.make()
        night.first, night.choices = night.rows(), await night.known()
        yield night


async def test_a_night_forecasts_what_it_can_says_why_not_and_makes_nothing_twice(night: Night) -> None:
    # Two sites and the network, three targets each; the young one is left with the reason.
    assert (night.made.forecast, night.made.before) == (9, 0)
    assert night.choices["old/new", "energy"].reason is not None
    forecasts = await night.forecasts()
    assert set(forecasts) == {(site, target) for site in ("", "old/yard", "old/dock") for target in TARGETS}
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
    assert await night.make() == Made(forecast=0, left=night.made.left, chosen=0, before=9)
    assert night.rows() == night.first


async def test_a_night_that_is_killed_at_work_and_goes_on_is_as_if_it_had_never_been(night: Night) -> None:
    sites = ["old/dock", "old/yard"]
    for table in ("forecasts", "forecast_choices"):
        query = f"DELETE FROM {table} WHERE tenant_id = %s AND site = ANY(%s) AND target <> 'energy' RETURNING 1"
        assert len(night.desk.rows(query, night.tenant_id, sites)) == 4
    told = (night.desk.database.url, str(night.shore.root), str(night.tenant_id), night.shore.clock.now().isoformat())
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, *told, cwd=ROOT)
    assert await process.wait() == -signal.SIGKILL
    # One group was made there as here; of the one that was being kept, there is nothing.
    torn = [f"({night.tenant_id},{site},arrivals," for site in sites]
    assert night.rows() == [[row for row in rows if not row[0].startswith(tuple(torn))] for rows in night.first]
    assert await night.make() == Made(forecast=2, left=night.made.left, chosen=2, before=7)
    assert night.rows() == night.first


async def test_a_quick_choice_stands_for_a_day(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "QUICK_ORIGINS", 5)
    looks = []

    def noted(panel: Panel, plan: Plan, *arguments: Any, trees: bool = True) -> Run:
        looks.append((len(plan.origins("test")), trees))
        return run(panel, plan, *arguments, trees=trees)

    monkeypatch.setattr(making, "run", noted)
    quick = Forecaster(night.desk.pool, night.shore.clock, night.shore.root, quick=True)
    past = Past(night.shore.root, night.tenant_id)
    [group] = [each for each in past.groups if "old/yard" in [place.site for place in each.places]]
    choices, forecasts = await quick._group(night.tenant_id, past, group, "energy", anew=True)
    assert looks == [(5, False)]
    assert len(forecasts) == 2
    for choice in choices:
        assert choice.judged is not None
        assert (choice.judged.quick, choice.judged.trees) == (True, False)
        day = choice.seen_on + timedelta(days=1)
        assert not making._is_good(choice, [], [], day)
        assert making._is_good(replace(choice, judged=replace(choice.judged, quick=False)), [], [], day)


async def test_coverage_is_the_share_of_hours_in_the_intervals_counted_from_the_file_itself(night: Night) -> None:
    told = night.choices["old/yard", "energy"].judged
    assert told is not None
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
    found = night.runs[*panel.names, "energy"]
    inside, every = 0, 0
    for number, origin in enumerate(found.plan.origins("test")):
        for hour in range(origin, min(origin + 168, panel.hours)):
            low, high = (
                float(each[row, number, hour - origin]) for each in (found.intervals.low, found.intervals.high)
            )
            inside += low <= panel.values[row, hour] <= high
            every += 1
    assert told.figures.coverage == pytest.approx(inside / every)
    assert told.figures.hours == every


async def test_a_choice_is_kept_for_a_week_unless_what_comes_is_another_thing(night: Night) -> None:
    first = night.choices
    night.shore.clock.advance(24 * 3600.0)
    await night.shore.export(anew=True)
    made = await night.make()
    assert (made.forecast, made.chosen) == (9, 0)
    later = (await night.known())["old/yard", "energy"]
    assert later.recipe == first["old/yard", "energy"].recipe
    assert later.recent[-24:] == [0.0] * 24
    assert later.chosen_on == first["old/yard", "energy"].chosen_on
    # That one of a group can't be judged is kept for as long; the others aren't chosen for anew with it.
    later = replace(later, recipe=None, judged=None, reason="nothing came in the test")
    async with night.desk.pool.tenant(night.tenant_id) as conn:
        await store.keep_choices(conn, night.tenant_id, [later])
    night.shore.clock.advance(24 * 3600.0)
    await night.shore.export()
    made = await night.make()
    assert (made.forecast, made.left, made.chosen) == (8, night.made.left + 1, 0)
    refused = (await night.known())["old/yard", "energy"]
    assert (refused.reason, refused.chosen_on) == (later.reason, later.chosen_on)
    assert making._is_good(refused, [], [], first["old/yard", "energy"].seen_on + timedelta(days=6))
    assert not making._is_good(refused, [], [], first["old/yard", "energy"].seen_on + timedelta(days=7))
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


async def killed(url: str, root: str, tenant_id: str, now: str) -> None:
    """Makes a night until the rows of its second group are written, and before they are kept."""
    keep, groups = store.keep_forecasts, 0

    async def kept(*arguments: Any) -> None:
        nonlocal groups
        await keep(*arguments)
        groups += 1
        if groups == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        patch.setattr(store, "keep_forecasts", kept)
        clock = FakeClock()
        clock.set(datetime.fromisoformat(now))
        async with Pool(url, "forecourt_app", size=2) as pool:
            await Forecaster(pool, clock, Path(root)).make(int(tenant_id))


if __name__ == "__main__":
    asyncio.run(killed(*sys.argv[1:]))
