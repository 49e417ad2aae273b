"""A day beside the days like it: the rules, and what was charged as PostgreSQL adds it up."""

from datetime import UTC, datetime, timedelta

import pytest

from forecourt.care.store import days
from forecourt.care.today import (
    LEAST_USUAL_DAYS,
    USUAL_WEEKS,
    DaySoFar,
    Window,
    day_window,
    difference_pct,
    usual,
    usual_windows,
)
from tests.care.yard import Yard

BERLIN = "Europe/Berlin"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def test_a_day_begins_at_midnight_of_the_zone_and_ends_now() -> None:
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert day_window(now, BERLIN) == Window(start=datetime(2026, 3, 3, 23, tzinfo=UTC), end=now)
    assert day_window(now, BERLIN, whole=True).end == datetime(2026, 3, 4, 23, tzinfo=UTC)


def test_the_same_time_of_day_is_compared_across_a_change_to_summer_time() -> None:
    now = datetime(2026, 4, 1, 12, tzinfo=UTC)
    before = day_window(now, BERLIN, 1)
    assert before == Window(start=datetime(2026, 3, 24, 23, tzinfo=UTC), end=datetime(2026, 3, 25, 13, tzinfo=UTC))
    assert len({day_window(now, BERLIN, weeks).start.astimezone(UTC).weekday() for weeks in range(4)}) == 1


def test_days_before_anything_was_known_are_no_days_to_compare_with() -> None:
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert usual_windows(now, BERLIN, None) == []
    assert usual_windows(now, BERLIN, now - timedelta(days=1)) == []
    assert len(usual_windows(now, BERLIN, now - timedelta(weeks=2, hours=2))) == 2
    assert len(usual_windows(now, BERLIN, now - timedelta(weeks=60))) == USUAL_WEEKS


def test_a_usual_day_is_the_median_and_asks_for_enough_days() -> None:
    some = [DaySoFar(sessions=n, energy_wh=n * 1000) for n in (90, 10, 30)]
    assert usual(some).sessions == 30
    assert usual(some).enough
    assert not usual(some[: LEAST_USUAL_DAYS - 1]).enough
    assert not usual([]).enough


@pytest.mark.parametrize(
    ("now", "before", "pct"), [(110, 100, 10), (90, 100, -10), (100, 100, 0), (5, 0, None), (0, 4, -100)]
)
def test_a_difference_is_told_in_whole_percent(now: int, before: int, pct: int | None) -> None:
    assert difference_pct(now, before) == pct


async def test_energy_counts_for_the_part_of_a_session_that_lies_in_the_window(yard: Yard) -> None:
    station, now = yard.station(), yard.clock.now()
    yard.session(station, 3 * HOUR, 2 * HOUR, energy_wh=10_000)
    yard.session(station, 30 * MINUTE, energy_wh=3_000)
    yard.session(station, 20 * HOUR, HOUR, energy_wh=9_000)
    yard.session(station, 10 * MINUTE, energy_wh=None)
    windows = [Window(start=now - 2 * HOUR, end=now), Window(start=now - 3 * HOUR, end=now - 150 * MINUTE)]
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        found = await days.charged_in(conn, yard.tenant_id, windows)
    assert found == [DaySoFar(sessions=2, energy_wh=8_000), DaySoFar(sessions=1, energy_wh=2_500)]


async def test_the_load_of_each_minute_is_noted_once_and_drawn_in_steps(yard: Yard) -> None:
    station = yard.station()
    yard.session(station, HOUR, energy_wh=1_000, power_w=7_000)
    yard.session(station, HOUR, 30 * MINUTE, energy_wh=1_000, power_w=9_000)
    await yard.look()
    yard.rows("UPDATE sessions SET power_w = 11000 WHERE station_id = %s", station)
    await yard.look()
    await yard.minutes(1)
    window = day_window(yard.clock.now() + MINUTE, "UTC")
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert [w for _, w in await days.load_since(conn, yard.tenant_id, window.start)] == [7_000, 11_000]
        assert await days.load_of(conn, yard.tenant_id, window) == [(yard.clock.now() - MINUTE, 9_000)]


async def test_a_usual_load_is_the_median_of_days_that_have_one(yard: Yard) -> None:
    now = yard.clock.now()
    for weeks, power_w in ((1, 5_000), (2, 9_000), (3, 6_000)):
        at = now - timedelta(weeks=weeks)
        yard.rows("INSERT INTO load_minutes VALUES (%s, %s, %s, 1)", yard.tenant_id, at, power_w)
    yard.rows("INSERT INTO load_minutes VALUES (%s, %s, 1, 1)", yard.tenant_id, now - timedelta(weeks=1, hours=5))
    windows = usual_windows(now, "UTC", now - timedelta(weeks=9), whole=True)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert await days.usual_load(conn, yard.tenant_id, windows) == [(12 * 3600, 6_000)]


async def test_what_is_old_is_forgotten_and_what_is_open_stays(yard: Yard) -> None:
    station = yard.station()
    yard.says(station, "Faulted")
    yard.quarantine(station)
    await yard.look()
    yard.says(station, "Available")
    await yard.minutes(1)
    assert len(yard.incidents()) == 2
    yard.clock.advance(timedelta(days=401).total_seconds())
    await yard.jobs.tidy()
    assert yard.kinds() == ["quarantined"]
    assert len(yard.incidents()) == 1
    assert yard.rows("SELECT 1 AS one FROM load_minutes WHERE tenant_id = %s", yard.tenant_id) == []
