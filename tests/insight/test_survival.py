"""How long hardware lives: by lives that were played elsewhere, whose truth is known."""

import math
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import differentiate, integrate, optimize, stats

from forecourt.insight.replacement.futures import bounds, chances, counts, drawn
from forecourt.insight.replacement.policy import AheadVerdict, advice
from forecourt.insight.replacement.survival import kaplan_meier, rate_of
from forecourt.insight.replacement.weibull import Draws, Group, _powers, fitted, steady
from tests.insight.worlds import PlayedLife, World, played

#: An analyst's way to see lives before a model does; some are wrong.
Seen = Callable[[list[PlayedLife]], list[PlayedLife]]
WORLDS = 200
DRAWS = 400


def honest(lives: list[PlayedLife]) -> list[PlayedLife]:
    return lives


def ended_alone(lives: list[PlayedLife]) -> list[PlayedLife]:
    """As if those that still live didn't count."""
    return [each for each in lives if each.ended]


def from_birth(lives: list[PlayedLife]) -> list[PlayedLife]:
    """As if those that were there before anybody looked had been seen since they were new."""
    return [replace(each, entry=0.0) for each in lives]


def all_ended(lives: list[PlayedLife]) -> list[PlayedLife]:
    """As if what was cut short had ended."""
    return [replace(each, ended=True) for each in lives]


def groups_of(lives: Sequence[PlayedLife], models: int) -> list[Group]:
    return [
        Group(
            np.array([each.entry for each in lives if each.model == model]),
            np.array([each.leave for each in lives if each.model == model]),
            np.array([each.ended for each in lives if each.model == model], dtype=bool),
        )
        for model in range(models)
    ]


def told_of(world: World, seen: Seen, seed: int) -> tuple[Draws, np.ndarray]:
    """What is believed, and the ends by future and model."""
    chance = np.random.default_rng(seed)
    wear = fitted(groups_of(seen(world.lives), len(world.scales)), DRAWS, chance)
    now = [each for each in world.lives if each.in_use]
    model = np.array([each.model for each in now])
    ends = drawn(np.array([each.leave for each in now]), model, wear, np.zeros(DRAWS), chance)
    return wear, counts(ends, model[ends.unit], len(world.scales))


def held(seen: Seen, worlds: int = WORLDS) -> tuple[int, int, int]:
    """Of so many worlds, in how many the bounds of all hardware held what came; how many bounds of models did; and in
    how many worlds the truth was within the 80 % that are believed of the shape."""
    whole = each = shapes = 0
    for seed in range(worlds):
        world = played(seed)
        wear, numbers = told_of(world, seen, seed)
        found = bounds(numbers.sum(axis=1))
        whole += found.low <= sum(world.ends) <= found.high
        for model, came in enumerate(world.ends):
            one = bounds(numbers[:, model])
            each += one.low <= came <= one.high
        low, high = np.quantile(wear.shape, (0.1, 0.9))
        shapes += bool(low <= world.shape <= high)
    return whole, each, shapes


def sampling(worlds: int, share: float) -> tuple[int, int]:
    """Between these counts lie 99.9 % of tries where each comes true with this chance."""
    low, high = stats.binom.ppf((0.0005, 0.9995), worlds, share)
    return int(low), int(high)


def test_of_100_worlds_80_come_within_the_bounds_that_are_told() -> None:
    whole, each, shapes = held(honest)
    low, high = sampling(WORLDS, 0.8)
    # Numbers are whole, so bounds hold a little more than they say.
    assert low <= whole <= sampling(WORLDS, 0.85)[1]
    assert low <= shapes <= high
    # Models share their worlds; of few ends whole numbers hold more.
    assert 0.78 <= each / (5 * WORLDS) <= 0.9


@pytest.mark.parametrize("seen", [ended_alone, from_birth, all_ended], ids=lambda seen: seen.__name__)
def test_who_sees_lives_wrongly_is_found_out(seen: Seen) -> None:
    whole, _, _ = held(seen, 60)
    assert whole < sampling(60, 0.8)[0]


def test_a_fit_holds_no_more_at_once_than_it_says() -> None:
    """Of 120,000 lives."""
    chance = np.random.default_rng(1)
    leave = chance.uniform(1, 9, 120_000)
    group = Group(np.zeros(120_000), leave, leave < 2)
    tracemalloc.start()
    wear = fitted([group], 250, chance)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000_000
    # As much as all at once.
    shapes = wear.shape[:3]
    assert np.allclose(_powers(leave, shapes), [(leave**k).sum() for k in shapes])


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0, 4.0])
def test_the_shape_and_the_scales_are_found_again(shape: float) -> None:
    off = []
    for seed in range(20):
        world = played(1_000 + seed, shape=shape, places=120, models=3)
        wear, _ = told_of(world, honest, seed)
        scales = np.median(wear.theta ** (-1 / wear.shape[:, None]), axis=0)
        off.append((np.median(wear.shape) / shape, *(scales / np.array(world.scales))))
    assert np.allclose(np.mean(off, axis=0), 1, atol=0.1)
    assert np.all(np.std(off, axis=0) < 0.2)


def test_many_lives_are_told_of_as_closely_as_many_can_be() -> None:
    """What is believed lies where the likelihood's top is, and is as wide as its curvature says."""
    for seed in range(5):
        chance = np.random.default_rng(seed)
        shape, scale, n = chance.uniform(0.7, 4.0), chance.uniform(3.0, 15.0), 20_000
        lives, until = scale * chance.weibull(shape, n), chance.uniform(0.0, 2 * scale, n)
        group = Group(np.zeros(n), np.minimum(lives, until), lives <= until)

        def loss(at: np.ndarray, group: Group = group) -> float:
            k, theta = np.exp(at)
            hazard = np.log(k * theta) + (k - 1) * np.log(group.leave[group.ended])
            return float(theta * (group.leave**k).sum() - hazard.sum())

        best = optimize.minimize(loss, np.log([shape, scale**-shape]), method="BFGS")
        wear = fitted([group], 2_000, chance)
        bend = differentiate.hessian(lambda at: np.apply_along_axis(loss, 0, at), best.x).ddf
        spread = math.sqrt(np.linalg.inv(bend)[0, 0])
        assert abs(np.log(wear.shape).mean() - best.x[0]) < 0.5 * spread
        assert 0.9 * spread < np.log(wear.shape).std() < 1.1 * spread


def test_a_model_with_few_ends_is_told_of_by_the_others_and_one_with_many_by_itself() -> None:
    chance = np.random.default_rng(1)

    def group(scale: float, n: int, until: float) -> Group:
        lives = scale * chance.weibull(2.0, n)
        return Group(np.zeros(n), np.minimum(lives, until), lives <= until)

    others = [group(8.0, 150, 10.0) for _ in range(5)]
    few, many = group(2.0, 2, 9.0), group(2.0, 150, 9.0)
    wear = fitted([*others, few, many], 2_000, chance)
    scale = np.median(wear.theta ** (-1 / wear.shape[:, None]), axis=0)
    assert np.allclose(scale[:5], 8.0, rtol=0.12)
    assert 1.8 < scale[6] < 2.3
    assert 2.3 < scale[5] < 8.0
    # Nothing is known of it: it may be as any other, and nobody is surer than of those.
    blank = fitted([*others, Group(np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool))], 2_000, chance)
    spread = np.std(np.log(blank.theta) / blank.shape[:, None], axis=0)
    assert spread[5] > 1.2 * max(spread[:5])


def test_what_is_drawn_agrees_with_the_chance_of_each_unit() -> None:
    chance = np.random.default_rng(2)
    draws = 4_000
    wear = Draws(np.full(draws, 2.5), np.full((draws, 2), [0.01, 0.002]), np.ones(draws))
    age, model = np.array([0.0, 3.0, 3.0, 6.0]), np.array([0, 0, 1, 0])
    damage = np.full(draws, 0.05)
    ends = drawn(age, model, wear, damage, chance)
    theta = np.array([0.01, 0.01, 0.002, 0.01])
    year = 365 / 365.25
    truth = 1 - np.exp(-theta * ((age + year) ** 2.5 - age**2.5) - 0.05 * year)
    assert np.allclose(chances(age, model, wear, damage), truth, atol=2e-4)
    first = np.unique(ends.future * 4 + ends.unit) % 4
    assert np.allclose(np.bincount(first, minlength=4) / draws, truth, atol=0.03)
    assert ends.damaged.mean() == pytest.approx(4 * 0.05 * year * draws / len(ends.unit), rel=0.1)
    # The hazard rises, so the last quarter has more than the first.
    by_quarter = np.bincount(ends.quarter[~ends.damaged & (ends.unit == 0)], minlength=4)
    assert by_quarter[3] > by_quarter[0]


def test_the_share_that_is_left_is_scipys_where_all_were_seen_from_the_first_day() -> None:
    world = played(7)
    lives = [each for each in world.lives if each.entry == 0]
    leave, ended = np.array([each.leave for each in lives]), np.array([each.ended for each in lives])
    curve = kaplan_meier(np.zeros(len(lives)), leave, ended)
    oracle = stats.ecdf(stats.CensoredData.right_censored(leave, ~ended)).sf
    with pytest.warns(RuntimeWarning, match="undefined at some observations"):
        band = oracle.confidence_interval(method="log-log")
    at = {float(age): i for i, age in enumerate(oracle.quantiles)}
    assert len(curve.steps) > 20
    for step in curve.steps:
        i = at[step.age_y]
        assert step.share == pytest.approx(oracle.probabilities[i])
        if step.share > 0:
            assert step.low == pytest.approx(band.low.probabilities[i])
            assert step.high == pytest.approx(band.high.probabilities[i])


def test_who_enters_late_is_at_risk_from_then_on() -> None:
    """By hand: ages 1 to 5, of whom two enter at 2.5."""
    entry = np.array([0.0, 0, 0, 0, 0, 2.5, 2.5])
    leave = np.array([1.0, 2, 3, 4, 5, 3.5, 4.5])
    ended = np.array([True, False, True, False, True, True, False])
    curve = kaplan_meier(entry, leave, ended)
    steps = [(each.age_y, each.at_risk, each.share) for each in curve.steps]
    assert [each[:2] for each in steps] == [(1.0, 5), (3.0, 5), (3.5, 4), (5.0, 1)]
    assert [each[2] for each in steps] == pytest.approx([4 / 5, 16 / 25, 12 / 25, 0])
    assert (curve.from_y, curve.until_y) == (0.0, 5.0)
    assert (curve.steps[-1].low, curve.steps[-1].high) == (0.0, curve.steps[-2].high)


def test_bands_of_late_entries_hold_the_truth() -> None:
    """At four years, of 300 worlds."""
    held_ = tries = 0
    for seed in range(300):
        world = played(seed, models=1, places=100, shape=2.0, seen_y=3.0)
        groups = groups_of(world.lives, 1)[0]
        curve = kaplan_meier(groups.entry, groups.leave, groups.ended)
        before = [each for each in curve.steps if each.age_y <= 4]
        if not before:
            continue
        truth = math.exp(-((4 / world.scales[0]) ** 2) + (curve.from_y / world.scales[0]) ** 2)
        tries += 1
        held_ += before[-1].low <= truth <= before[-1].high
    assert tries > 280
    assert 0.91 <= held_ / tries <= 0.985


def test_where_none_ended_the_rate_has_a_bound_alone() -> None:
    none = rate_of(0, 150.0)
    assert none is not None
    assert (none.value, none.low) == (0, 0)
    # The rule of three.
    assert none.high == pytest.approx(100 * 3 / 150, rel=0.005)
    some = rate_of(4, 50.0)
    assert some is not None
    assert stats.poisson.sf(3, some.low / 100 * 50) == pytest.approx(0.025)
    assert stats.poisson.cdf(4, some.high / 100 * 50) == pytest.approx(0.025)
    assert rate_of(0, 0.0) is None


def test_a_steady_rate_is_told_with_bounds_that_hold() -> None:
    """Two in ten years of use, of fifty that go on: what comes is spread more than by the rate alone."""
    inside = 0
    for seed in range(WORLDS):
        chance = np.random.default_rng(seed)
        rate = chance.uniform(0.02, 0.4)
        ended = int(chance.poisson(rate * 20))
        came = int(chance.poisson(rate * 50))
        wear = steady(ended, 20.0, 1, DRAWS, chance)
        ends = drawn(np.zeros(50), np.zeros(50, dtype=int), wear, np.zeros(DRAWS), chance)
        found = bounds(counts(ends, np.zeros(len(ends.unit), dtype=int), 1)[:, 0])
        inside += found.low <= came <= found.high
    low, _ = sampling(WORLDS, 0.8)
    assert low <= inside <= sampling(WORLDS, 0.86)[1]


def sure(shape: float, scale: float) -> Draws:
    return Draws(np.full(300, shape), np.full((300, 1), scale**-shape), np.ones(300))


@pytest.mark.parametrize(("shape", "ratio"), [(2.0, 3.0), (3.0, 5.0), (4.0, 2.5)])
def test_the_age_to_replace_at_is_the_one_that_an_integral_finds(shape: float, ratio: float) -> None:
    scale = 8.0

    def cost(age: float) -> float:
        left = math.exp(-((age / scale) ** shape))
        lived = integrate.quad(lambda t: math.exp(-((t / scale) ** shape)), 0, age)[0]
        return (left + ratio * (1 - left)) / float(lived)

    best = optimize.minimize_scalar(cost, bounds=(0.5, 20), method="bounded").x
    waiting = ratio / (scale * math.gamma(1 + 1 / shape))
    found = advice(sure(shape, scale), 0, 1_000, round(1_000 * ratio), 10.0)
    assert found.verdict is AheadVerdict.PAYS
    assert found.age_y == pytest.approx(best, rel=0.05)
    assert found.saved == pytest.approx(1 - cost(best) / waiting, abs=0.005)
    assert not found.beyond


def test_ahead_never_pays_where_the_hazard_does_not_rise_or_planned_is_as_dear() -> None:
    for shape in (0.6, 1.0):
        found = advice(sure(shape, 8.0), 0, 1, 1_000, 10.0)
        assert (found.verdict, found.age_y) == (AheadVerdict.NOT_RISING, None)
    assert advice(sure(3.0, 8.0), 0, 500, 500, 10.0).verdict is AheadVerdict.AS_DEAR
    assert advice(sure(3.0, 8.0), 0, 490, 500, 10.0).verdict is AheadVerdict.TOO_LITTLE
    # Half believe that it rises: nobody replaces ahead by that.
    torn = Draws(np.repeat([0.8, 2.0], 150), np.full((300, 1), 0.02), np.ones(300))
    assert advice(torn, 0, 1, 10, 10.0).verdict is AheadVerdict.NOT_RISING
