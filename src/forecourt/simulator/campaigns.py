"""Drivers before and during a campaign, made up for whoever measures campaigns. It knows nothing of how that is done.

Each driver has a rate of visits of their own, gamma distributed, so that few come often and many hardly ever; visits of
both periods are Poisson counts of that rate, with a drift of the season that is everybody's; the energy of a visit is
log-normal. So outcomes are skewed, many are nothing, and the past tells something of the future, but not all.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: Numbers of one draw: a bound of memory.
MAX_DRAWN: Final = 50_000_000


class World(Struct, frozen=True, kw_only=True):
    """`drivers` of each campaign, of whom the share `held_out` has nothing. `visits`: of the mean driver in a period;
    `spread`: the shape of the gamma, smaller is more unequal; `kwh`: of the median visit, `kwh_spread`: sigma of its
    logarithm; `season`: by which visits of the second period are more; `lift`: the share by which who is treated comes
    more often, the truth."""

    drivers: int = 1_000
    held_out: float = 0.3
    visits: float = 3.0
    spread: float = 0.7
    kwh: float = 18.0
    kwh_spread: float = 0.6
    season: float = 1.1
    lift: float = 0.0

    @property
    def kwh_a_visit(self) -> float:
        """The mean, in kWh."""
        return float(self.kwh * np.exp(self.kwh_spread**2 / 2))

    @property
    def effect(self) -> float:
        """The true difference by driver, in kWh."""
        return self.visits * self.season * self.lift * self.kwh_a_visit

    @property
    def error(self) -> float:
        """The least standard error of the difference that any unbiased linear use of the visits before allows, by this
        world's own moments, in kWh: what is left of the variance once the best line on the past is taken off."""
        rate, shape = self.visits, self.spread
        square = float(self.kwh**2 * np.exp(2 * self.kwh_spread**2))
        unequal = rate**2 / shape
        past = unequal * self.kwh_a_visit**2 + rate * square

        def left(factor: float) -> float:
            mean = rate * factor
            whole = unequal * factor**2 * self.kwh_a_visit**2 + mean * square
            common = unequal * factor * self.kwh_a_visit**2
            return whole - common**2 / past

        many, few = self.drivers * (1 - self.held_out), self.drivers * self.held_out
        return float(np.sqrt(left(self.season * (1 + self.lift)) / many + left(self.season) / few))


class Drawn(Struct, frozen=True, kw_only=True):
    """Energy in kWh by campaign and driver, and who was treated."""

    before: Numbers
    during: Numbers
    treated: NDArray[np.bool_]


def draw(world: World, campaigns: int, seed: int) -> Drawn:
    """So many campaigns with drivers of their own. The same seed gives the same."""
    assert campaigns * world.drivers <= MAX_DRAWN, "more than is drawn at once"
    chance = np.random.default_rng(seed)
    shape = (campaigns, world.drivers)
    rate = chance.gamma(world.spread, world.visits / world.spread, shape)
    few = round(world.drivers * world.held_out)
    # Who is held out is drawn anew for each campaign, as many each time.
    treated = chance.random(shape).argsort(axis=1) >= few
    factor = world.season * np.where(treated, 1 + world.lift, 1.0)
    before = _energy(chance, world, chance.poisson(rate))
    during = _energy(chance, world, chance.poisson(rate * factor))
    return Drawn(before=before, during=during, treated=treated)


def _energy(chance: np.random.Generator, world: World, visits: NDArray[np.int64]) -> Numbers:
    """The energy of so many visits each."""
    flat = visits.ravel()
    sizes = chance.lognormal(np.log(world.kwh), world.kwh_spread, int(flat.sum()))
    ends = np.cumsum(flat)
    sums = np.concatenate(([0.0], np.cumsum(sizes)))
    found: Numbers = (sums[ends] - sums[ends - flat]).reshape(visits.shape)
    return found
