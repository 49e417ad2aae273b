"""Who may still come today, by the days that were like it, and by nothing that isn't known yet."""

from datetime import UTC, datetime, timedelta

import numpy as np

from forecourt.energy.planner.arrivals import ABOUT_AS_BUSY, ASSUMED_BUSY, ASSUMED_WORTH, MOST_EXPECTED, Arrivals, Visit
from forecourt.energy.planner.assumed import assumed_visits

HOUR = timedelta(hours=1)
ZONE = "America/Los_Angeles"


def at(day: int, hour: float) -> datetime:
    """March 2019 in Los Angeles, winter time: the 1st is a Friday."""
    return datetime(2019, 3, day, tzinfo=UTC) + timedelta(hours=8 + hour)


def visit(day: int, came: float, left: float, kwh: float = 10) -> Visit:
    return Visit(came_at=at(day, came), left_at=at(day, left), need_kwh=kwh, max_a=32, kw_per_a=0.2)


def test_each_past_day_of_the_same_kind_is_a_scenario_of_what_is_left_of_today() -> None:
    past = [visit(1, 8, 10), visit(1, 15, 18), visit(2, 15, 18), visit(4, 16, 20), visit(5, 14, 15)]
    arrivals = Arrivals(past, ZONE, HOUR, most=2)
    # On Wednesday at noon: Tuesday and Monday, not the Saturday, and Friday is too long ago.
    cars = arrivals.expected(at(6, 12), 24)
    assert list(zip(cars.first, cars.last, cars.scenario, strict=True)) == [(2, 3, 0), (4, 8, 1)]


def test_what_has_not_ended_yet_is_not_known() -> None:
    long = Visit(came_at=at(5, 20), left_at=at(6, 13), need_kwh=10, max_a=32, kw_per_a=0.2)
    arrivals = Arrivals([long], ZONE, HOUR, most=3)
    assert len(arrivals.expected(at(6, 12), 24)) == 0
    assert len(arrivals.expected(at(6, 13), 24)) == 1


def test_a_day_on_which_nobody_came_is_a_scenario_too() -> None:
    arrivals = Arrivals([visit(4, 15, 16)], ZONE, HOUR, most=5)
    # On Wednesday the Tuesday is the first scenario, and empty.
    assert list(arrivals.expected(at(6, 12), 24).scenario) == [1]


def test_a_stay_that_goes_beyond_the_horizon_is_cut_with_its_energy_in_proportion() -> None:
    cars = Arrivals([visit(4, 15, 23, kwh=16)], ZONE, HOUR, most=1).expected(at(5, 12), 5)
    assert (list(cars.first), list(cars.last), list(cars.need_kwh)) == ([3], [5], [4.0])


def test_hours_are_those_of_the_sites_clock_when_it_is_set_forward() -> None:
    # In 2019 on 10 March at 2:00. From Friday the 8th to Monday the 11th, three days less an hour.
    cars = Arrivals([visit(8, 15, 16)], ZONE, HOUR, most=1).expected(at(11, 12) - HOUR, 24)
    assert (list(cars.first), list(cars.last)) == ([3], [4])


def test_of_a_site_of_very_many_cars_fewer_days_stand_for_today_and_none_that_alone_has_too_many() -> None:
    for daily, days in ((MOST_EXPECTED // 10, 7), (MOST_EXPECTED // 3, 3), (MOST_EXPECTED, 1), (MOST_EXPECTED + 1, 0)):
        past = [visit(day, 15, 18) for day in range(4, 13) for _ in range(daily)]
        cars = Arrivals(past, ZONE, HOUR, most=10).expected(at(13, 12), 24)
        assert np.bincount(cars.scenario).tolist() == [daily] * days
    # The latest ones.
    past = [visit(11, 15, 16, kwh=1), *(visit(12, 15, 16, kwh=2) for _ in range(MOST_EXPECTED))]
    assert set(Arrivals(past, ZONE, HOUR, most=10).expected(at(13, 12), 24).need_kwh) == {2}


def test_without_a_past_nobody_is_expected() -> None:
    assert len(Arrivals([], ZONE, HOUR, most=3).expected(at(6, 12), 24)) == 0
    assert np.size(Arrivals([visit(6, 8, 9)], ZONE, HOUR, most=3).expected(at(6, 12), 24).first) == 0


def test_a_hole_in_the_past_is_no_row_of_quiet_days() -> None:
    # From the 2nd on nothing is known until Monday the 18th, which is over.
    past = [visit(1, 15, 18), visit(18, 15, 17)]
    cars = Arrivals(past, ZONE, HOUR, most=5).expected(at(19, 12) - HOUR, 24)
    assert list(zip(cars.first, cars.scenario, strict=True)) == [(4, 0), (3, 1)]


def test_on_a_first_day_some_are_assumed_to_come_and_the_sites_own_days_take_their_place() -> None:
    assumed = assumed_visits(np.full(20, 32.0), np.full(20, 0.2), ZONE)
    first = Arrivals([], ZONE, HOUR, most=5, assumed=assumed).expected(at(4, 0), 24)
    assert set(first.scenario) == set(range(len(ASSUMED_BUSY)))
    totals = [first.need_kwh[first.scenario == each].sum() for each in range(len(ASSUMED_BUSY))]
    assert np.allclose(totals / totals[0], np.array(ASSUMED_BUSY) / ASSUMED_BUSY[0])
    # On a weekend that was three times as busy as assumed, which with the assumption for one day more is 7 thirds.
    busy = [
        visit(day, 9, 17, kwh=3 * sum(each.need_kwh for each in assumed if each.came_at.day == 1)) for day in (2, 3)
    ]
    after = Arrivals(busy, ZONE, HOUR, most=5, assumed=assumed).expected(at(4, 0), 24)
    saturday = sum(each.need_kwh for each in assumed if each.came_at.day == 1)
    assert np.isclose(after.need_kwh.sum() / first.need_kwh.sum(), (2 * 3 * saturday + saturday) / (3 * saturday))

    own = [visit(day, 9, 17) for day in (4, 5, 6)]
    alone = Arrivals(own, ZONE, HOUR, most=5, assumed=assumed).expected(at(7, 0), 24)
    assert list(alone.need_kwh) == [10, 10, 10]


def test_beside_few_days_that_are_known_stands_what_is_assumed_as_busy_as_they_were() -> None:
    assumed = assumed_visits(np.full(20, 32.0), np.full(20, 0.2), ZONE)
    monday = sum(each.need_kwh for each in assumed if each.came_at.day == 3)
    quiet = Arrivals([visit(4, 9, 17, kwh=monday / 10)], ZONE, HOUR, most=5, assumed=assumed).expected(at(5, 0), 24)
    totals = [quiet.need_kwh[quiet.scenario == each].sum() for each in range(quiet.scenario.max() + 1)]
    assert np.isclose(totals[0], monday / 10)
    # A tenth as busy, beside which the assumption is worth a part of a day.
    busy = (monday / 10 + ASSUMED_WORTH * monday) / (1 + ASSUMED_WORTH)
    assert np.allclose(totals[1:], busy * np.array(ABOUT_AS_BUSY))


def test_an_assumed_day_shrinks_as_nobody_comes() -> None:
    arrivals = Arrivals([], ZONE, HOUR, most=5, assumed=assumed_visits(np.full(20, 32.0), np.full(20, 0.2), ZONE))
    quiet, usual = (arrivals.expected(at(4, 11), 24, kwh).need_kwh.sum() for kwh in (0.0, 75.0))
    assert quiet < usual / 2
