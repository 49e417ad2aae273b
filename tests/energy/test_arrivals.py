"""Who may still come today, by the days that were like it, and by nothing that isn't known yet."""

from datetime import UTC, datetime, timedelta

import numpy as np

from forecourt.energy.planner.arrivals import Arrivals, Visit

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


def test_without_a_past_nobody_is_expected() -> None:
    assert len(Arrivals([], ZONE, HOUR, most=3).expected(at(6, 12), 24)) == 0
    assert np.size(Arrivals([visit(6, 8, 9)], ZONE, HOUR, most=3).expected(at(6, 12), 24).first) == 0
