"""Steps that are fine now and coarse later never promise more than the fine ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.energy.planner.arrivals import NOBODY
from forecourt.energy.planner.coarse import cars_in, edges_of, horizon_in
from forecourt.energy.planner.problem import Cars, Horizon, gone_h, joined


def test_the_next_hour_is_fine_and_what_is_hours_away_is_not() -> None:
    edges = edges_of(np.full(144, 1 / 12))
    assert list(edges[:13]) == list(range(13))
    assert list(edges[13:15]) == [15, 18]
    assert edges[-2:].tolist() == [138, 144]
    assert list(edges_of(np.full(3, 1.0))) == [0, 1, 2, 3]
    assert list(edges_of(np.full(14, 1 / 12))) == [*range(13), 14]


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 60)), min_size=1, max_size=8))
def test_a_car_has_no_more_time_than_it_had_and_leaves_when_it_did(stays: list[tuple[int, int]]) -> None:
    hours = np.full(96, 1 / 12)
    edges = edges_of(hours)
    first = np.array([min(each, 95) for each, _ in stays])
    last = np.minimum(first + [length for _, length in stays], 96)
    ones = {name: np.ones(len(first)) for name in Cars.__struct_fields__}
    more = Cars(**{**ones, "first": first, "last": last})
    coarse = cars_in(joined(NOBODY, more), hours, edges)
    lengths = np.diff(edges) / 12
    gone = gone_h(coarse, lengths) * 12
    for number in range(len(first)):
        begin, end = edges[coarse.first[number]], edges[coarse.last[number]]
        assert begin < end <= 96
        assert gone[number] - begin <= last[number] - first[number] + 1e-6
        if coarse.last[number] - coarse.first[number] > 1:
            assert begin >= first[number]
            assert gone[number] == pytest.approx(last[number])


def test_energy_and_prices_are_means_and_limits_the_least() -> None:
    steps = np.arange(96, dtype=np.float64)
    fine = Horizon(
        hours=np.full(96, 1 / 12),
        price=steps,
        feed_in=steps * 0.0,
        load_kw=steps * 2.0,
        solar_kw=steps * 0.5,
        limit_kw=100.0 - steps,
    )
    coarse = horizon_in(fine, edges_of(fine.hours))
    assert np.isclose(coarse.hours.sum(), 8)
    assert np.allclose((coarse.price[12], coarse.load_kw[12], coarse.limit_kw[12]), (13, 26, 86))
    assert np.isclose(coarse.price @ coarse.hours, fine.price @ fine.hours)
