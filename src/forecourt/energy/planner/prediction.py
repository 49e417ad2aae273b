"""When a car will leave and what it will take, by what cars like it did and by what its driver says.

A past visit is a candidate for what the present one will be. It weighs more the nearer the time of day at which it
came is, and more if it was at the same EVSE, where the same people park. What the driver states weighs candidates by
how likely somebody who does that says this, as past statements were wrong: it is a prior and never the truth, and the
energy that is asked for is a cap. Of a driver who was here before all others together tell no more than a few visits of
their own would: the longer somebody is known, the less it matters what others do, however many those are.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from forecourt.energy.rows import Floats

#: The latest visits that are candidates.
MAX_VISITS: Final = 2_000
#: Widths of the kernels: hours of the time of day; hours and log of shares of what was stated.
DAY_H: Final = 1.0
LATE_H: Final = 1.0
TAKEN_LOG: Final = 0.35
#: Points at which a density is known.
POINTS: Final = 128
#: What all visits of others, and how wrong they were about themselves, are worth together beside those of the same
#: token: so many of its own.
OTHERS: Final = 2.0
#: How many times more a visit at the same EVSE weighs.
HERE: Final = 5.0
#: A site that knows little knows this of drivers: how many hours later they leave than they say, and the share that
#: they take of what they ask for (2,979 sessions at workplaces; quantiles 5, 25, 50, 76, 95 %).
LATE_PRIOR_H: Final = np.array([-10.9, -7.0, -4.3, 0.0, 5.1])
TAKEN_PRIOR: Final = np.array([0.1, 0.27, 0.43, 0.68, 0.97])
#: At which quantiles that is known.
LEVELS: Final = np.array([0.05, 0.25, 0.5, 0.76, 0.95])
#: How many past statements that is worth.
PRIOR: Final = 10.0
#: Of so many statements of one driver follows as well what they will do, by what they say now.
ENOUGH: Final = 3


class PastVisit(Struct, frozen=True, kw_only=True):
    """A visit that is over: when it came and left (UTC), what it took, at which EVSE, and what its driver stated, if
    they did."""

    came_at: datetime
    left_at: datetime
    energy_kwh: float
    token: str | None = None
    evse_id: str | None = None
    stated_left_at: datetime | None = None
    stated_kwh: float | None = None


class Present(Struct, frozen=True, kw_only=True):
    """A car that is there: when it came (UTC), what it has taken, at which EVSE, and what its driver states."""

    came_at: datetime
    taken_kwh: float
    token: str | None = None
    evse_id: str | None = None
    stated_left_at: datetime | None = None
    stated_kwh: float | None = None


class Prediction(Struct, frozen=True, kw_only=True):
    """Candidates by weight (which sum to 1): hours until the car leaves, and kWh that it will still take."""

    weight: Floats
    stays_h: Floats
    needs_kwh: Floats

    def stay_h(self, level: float) -> float:
        """The quantile of the hours left: at 0.1, nine of ten stay longer."""
        return _quantile(self.stays_h, self.weight, level)

    def need_kwh(self, level: float) -> float:
        """The quantile of the energy that is still taken: at 0.9, nine of ten take less."""
        return _quantile(self.needs_kwh, self.weight, level)


class Predictor:
    """What a site's past says about cars that are there. `visits` in any order."""

    def __init__(self, visits: Sequence[PastVisit], zone: str) -> None:
        self._zone = ZoneInfo(zone)
        known = sorted(visits, key=lambda each: each.left_at)[-MAX_VISITS:]
        self._came_h = np.array([self._hour(each.came_at) for each in known])
        self._stay_h = np.array([(each.left_at - each.came_at) / timedelta(hours=1) for each in known])
        self._energy_kwh = np.array([each.energy_kwh for each in known])
        self._tokens = np.array([each.token or "" for each in known], dtype=object)
        self._evses = np.array([each.evse_id or "" for each in known], dtype=object)
        self._weekend = np.array([each.came_at.astimezone(self._zone).weekday() >= 5 for each in known], dtype=np.bool_)
        late_h = [
            ((each.left_at - each.stated_left_at) / timedelta(hours=1), each.token)
            for each in known
            if each.stated_left_at
        ]
        taken = [
            (np.log(max(min(each.energy_kwh / each.stated_kwh, 1.0), 1e-3)), each.token)
            for each in known
            if each.stated_kwh and each.energy_kwh > 0
        ]
        self._late = _Density(late_h, LATE_PRIOR_H, LATE_H)
        self._shares = _Density(taken, np.log(TAKEN_PRIOR), TAKEN_LOG)

    def predict(self, present: Present, now: datetime) -> Prediction:
        """What a car that is there at `now` will do."""
        sat_h = (now - present.came_at) / timedelta(hours=1)
        stay_h, energy_kwh, weight = self._candidates(present)
        token = present.token or ""
        if present.stated_left_at is not None:
            stated_h = (present.stated_left_at - present.came_at) / timedelta(hours=1)
            weight = weight * self._late.at(stay_h - stated_h, token)
        if present.stated_kwh:
            energy_kwh = np.minimum(energy_kwh, present.stated_kwh)
            shares = np.log(np.maximum(energy_kwh / present.stated_kwh, 1e-3))
            weight = weight * self._shares.at(shares, token)
        # Who is still there stays longer than that, and takes more than they have.
        weight = weight * np.where(stay_h > sat_h, 1.0, 1e-9)
        weight = weight * np.where(energy_kwh > present.taken_kwh, 1.0, 1e-3)
        return Prediction(
            weight=weight / weight.sum(),
            stays_h=np.maximum(stay_h - sat_h, 0.0),
            needs_kwh=np.maximum(energy_kwh - present.taken_kwh, 0.0),
        )

    def _candidates(self, present: Present) -> tuple[Floats, Floats, Floats]:
        """Stay (h), energy (kWh) and weight of each past visit, and of guesses around what is stated."""
        came_h = self._hour(present.came_at)
        apart = np.abs(self._came_h - came_h)
        near = np.exp(-0.5 * (np.minimum(apart, 24 - apart) / DAY_H) ** 2) + 1e-3
        alike = np.where(self._weekend == (present.came_at.astimezone(self._zone).weekday() >= 5), 1.0, 0.3)
        here = np.where((self._evses == present.evse_id) & (self._evses != ""), HERE, 1.0)
        weight = near * alike * here
        own = (self._tokens == present.token) & (self._tokens != "")
        if own.any():
            weight[~own] *= OTHERS / max(float(weight[~own].sum()), OTHERS)
        stays_h, energies_kwh = self._guesses(present)
        guess = np.full(len(stays_h), 1.0 / len(stays_h))
        return (
            np.concatenate([self._stay_h, stays_h]),
            np.concatenate([self._energy_kwh, energies_kwh]),
            np.concatenate([weight, guess]),
        )

    def _guesses(self, present: Present) -> tuple[Floats, Floats]:
        """What the car would do if its driver were wrong as before, or as drivers are where that isn't known; without a
        word of them, as at workplaces."""
        token = present.token or ""
        stated_h, late_h = 8.0, LATE_PRIOR_H / 2
        if present.stated_left_at is not None:
            stated_h = (present.stated_left_at - present.came_at) / timedelta(hours=1)
            late_h = self._late.quantiles(token, LATE_PRIOR_H)
        stays = np.maximum(stated_h + late_h, 0.5)
        energies = 20.0 * TAKEN_PRIOR
        if present.stated_kwh:
            energies = present.stated_kwh * np.exp(self._shares.quantiles(token, np.log(TAKEN_PRIOR)))
        stay_h, energy_kwh = np.meshgrid(stays, energies)
        return stay_h.ravel(), energy_kwh.ravel()

    def _hour(self, at: datetime) -> float:
        local = at.astimezone(self._zone)
        return local.hour + local.minute / 60


class _Density:
    """How likely a value is, by those that were seen, each with whose it was, and by those that are assumed: kernels of
    the normal distribution, known at points between which they are interpolated."""

    def __init__(self, seen: Sequence[tuple[float, str | None]], prior: Floats, width: float) -> None:
        self._values, self._width = np.array([value for value, _ in seen]), width
        self._whose = np.array([token or "" for _, token in seen], dtype=object)
        values = np.concatenate([self._values, prior])
        self._points = np.linspace(values.min() - 4 * width, values.max() + 4 * width, POINTS)
        self._all = self._kernels(self._values) + self._kernels(prior) * PRIOR / len(prior)
        self._of: dict[str, Floats] = {}

    def at(self, values: Floats, token: str) -> Floats:
        """How likely values of this token are, up to a factor."""
        if token not in self._of:
            own = self._own(token)
            likely = self._all
            if len(own):
                likely = likely * min(1.0, OTHERS / (len(self._values) + PRIOR)) + self._kernels(own)
            self._of[token] = likely / likely.max()
        return np.asarray(np.interp(values, self._points, self._of[token], left=0.0, right=0.0) + 1e-9)

    def quantiles(self, token: str, otherwise: Floats) -> Floats:
        """LEVELS of the values of this token; `otherwise` where they are too few."""
        own = self._own(token)
        return otherwise if len(own) < ENOUGH else np.asarray(np.quantile(own, LEVELS))

    def _own(self, token: str) -> Floats:
        return np.asarray(self._values[(self._whose == token) & (self._whose != "")])

    def _kernels(self, values: Floats) -> Floats:
        apart = (self._points[:, None] - values[None, :]) / self._width
        return np.asarray(np.exp(-0.5 * apart**2).sum(axis=1))


def _quantile(values: Floats, weight: Floats, level: float) -> float:
    order = np.argsort(values, kind="stable")
    at = min(int(np.searchsorted(np.cumsum(weight[order]), level)), len(order) - 1)
    return float(values[order[at]])
